"""Schedules: runs of components, or calls of endpoints, at set times."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import anyio
from pydantic import Field

from agentos_mcp.agentos.catalog import display_id
from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, NotFound
from agentos_mcp.agentos.formats import format_time
from agentos_mcp.agentos.hints import Action, Parameter, as_hint, hint
from agentos_mcp.agentos.json_values import integer, mapping, text
from agentos_mcp.agentos.name_lookup import Fit, Named, Query, closest
from agentos_mcp.agentos.ownership import without_owner
from agentos_mcp.agentos.pagination import PERIOD_PAGE_SIZE, period_note, read_period, slice_page
from agentos_mcp.agentos.pagination import Page as Listed
from agentos_mcp.agentos.paths import fill_path
from agentos_mcp.agentos.plain_text import excerpt
from agentos_mcp.agentos.runs.history import RunSummary, read_outcomes
from agentos_mcp.agentos.runs.run import Status
from agentos_mcp.agentos.timestamps import time_zone_name
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.markdown import one_line
from agentos_mcp.tooling.parameters import AnyKind, ComponentId, JsonObject, Limit, LongName, Page, Since, Text
from agentos_mcp.tooling.results import Message, Record, Table
from agentos_mcp.tooling.time_arguments import parse_period
from agentos_mcp.tooling.tool_spec import DATABASE, Toolset, destructive, read, write
from agentos_mcp.tooling.typed_values import TypedValue, time_value
from agentos_mcp.tools.schedules.format import (
    SCHEDULER,
    Schedule,
    check_cron,
    component_of,
    error_text,
    is_overdue,
    next_time,
    run_failure,
    schedule_summary,
    started_run,
    state_text,
    target_text,
    times_text,
    translate_cron_errors,
)

ScheduleName = Annotated[str, Field(description="Name or id")]
Cron = Annotated[str, Field(description='Minute hour day month weekday: "0 9 * * 1-5"')]

_GIVE_COMPONENT = hint(
    "Give {kind}, {id} and {message}.", kind=Parameter("kind"), id=Parameter("id"), message=Parameter("message")
)
_NO_OWNER = "AgentOS keeps a user with a schedule only where its token names one (a JWT or a service account)."

_SCHEDULE = "/schedules/{schedule_id}"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_TRIGGER_WAIT_SECONDS = 2.0
_MAX_PAGES = 100


async def list_schedules(ctx: ToolContext, limit: Limit = 20, page: Page = 1) -> Table:
    """What runs at set times, when next, and what is off. See one with get_schedule."""
    schedules = await _page(ctx, limit, page)
    names = Counter(str(schedule.get("name")) for schedule in schedules)
    any_overdue = any(map(is_overdue, schedules))
    return Table(
        ("name", "id", "when", "runs", "next", "state"),
        [
            (
                schedule.get("name"),
                # Names are unique for each user only.
                schedule.get("id") if names[str(schedule.get("name"))] > 1 else "",
                times_text(schedule),
                target_text(schedule),
                next_time(schedule),
                state_text(schedule),
            )
            for schedule in schedules
        ],
        empty=as_hint("No schedules.") + hint("{create} makes one.", create=Action.of("create_schedule")),
        meta=schedules.meta,
        footer=f"An overdue one is running now, or this AgentOS does not run {SCHEDULER}." if any_overdue else "",
    )


async def get_schedule(ctx: ToolContext, schedule: ScheduleName) -> Record:
    """One schedule in detail, with its message."""
    document = await _find_schedule(ctx, schedule)
    payload = dict(mapping(document.get("payload")))
    message = payload.pop("message", "")
    return Record(
        f"Schedule {document.get('name')}",
        {
            "id": document.get("id"),
            "about": document.get("description"),
            "runs": target_text(document),
            "when": times_text(document),
            "next": next_time(document),
            "state": state_text(document),
            "owner": document.get("user_id"),
            "managed by": document.get("managed_by"),
            "retries": document.get("max_retries") or None,
            "time limit": TypedValue(f"{document.get('timeout_seconds')} s", document.get("timeout_seconds")),
            "created": time_value(document.get("created_at")),
            "updated": time_value(document.get("updated_at")),
        },
        {
            "message": message if isinstance(message, str) else json.dumps(message, ensure_ascii=False),
            "payload": json.dumps(payload, ensure_ascii=False, indent=1) if payload else "",
        },
        footer=f"If it stays overdue, this AgentOS does not run {SCHEDULER}." if is_overdue(document) else "",
    )


async def create_schedule(
    ctx: ToolContext,
    name: str,
    cron: Cron,
    kind: AnyKind = "",
    id: ComponentId = "",
    message: Text = "",
    timezone: Annotated[str, Field(description="Default: this server's")] = "",
    endpoint: Annotated[LongName, Field(description='Instead of kind, id, message: "POST /metrics/refresh"')] = "",
    payload: Annotated[JsonObject, Field(description="More fields to send, such as session_id")] = None,
) -> Message:
    """Run an agent, team or workflow with a message at set times, such as every Monday at 9."""
    if not name.strip():
        raise InvalidRequest("The schedule's name is empty.", "Name it, such as 'daily report'.")
    check_cron(cron)
    await _check_reach(ctx, endpoint, payload or {})
    if endpoint:
        if kind or id or message:
            raise InvalidRequest("A schedule runs a component or calls an endpoint, not both.", "Give one of them.")
        method, path = _parse_endpoint(endpoint)
    else:
        method, path = "POST", await _run_path(ctx, kind, id, message)
        payload = {**(payload or {}), "message": message}
    body = {
        "name": name.strip(),
        "cron_expr": cron.strip(),
        # The times that a person means are those of where this server tells the time.
        "timezone": timezone or time_zone_name() or "UTC",
        "method": method,
        "endpoint": path,
        "payload": payload,
    }
    with translate_cron_errors(cron, timezone):
        created = await ctx.send("POST", "/schedules", json=body)
    if not ctx.ownership.is_own(created):
        await ctx.send("DELETE", _SCHEDULE, _path_values(created))
        raise without_owner("A schedule", f"{_NO_OWNER} Nothing was created.")
    return Message(
        f"Created. {schedule_summary(created)}\nIt fires only while AgentOS runs {SCHEDULER}.",
        hint("{trigger} runs it at once, and says so if AgentOS does not.", trigger=Action.of("trigger_schedule")),
    )


async def update_schedule(
    ctx: ToolContext,
    schedule: ScheduleName,
    name: str = "",
    cron: Cron = "",
    timezone: str = "",
    message: Text = "",
) -> Message:
    """Change a schedule's times, message or name."""
    changes: dict[str, Any] = {
        key: value.strip()
        for key, value in (("name", name), ("cron_expr", cron), ("timezone", timezone))
        if value.strip()
    }
    if cron.strip():
        check_cron(cron)
    if not changes and not message.strip():
        raise InvalidRequest("There is nothing to change.", "Give a new name, cron, timezone or message.")
    find = _find_schedule(ctx, schedule)
    # A message joins what else is sent, so that has to be read.
    document = await (find if message.strip() else ctx.look(find, _unread(schedule)))
    if message.strip():
        if component_of(document) is None:
            raise InvalidRequest(
                f"It calls {target_text(document)}, which takes no message.", "Delete it and create another one."
            )
        changes["payload"] = {**mapping(document.get("payload")), "message": message}
    with translate_cron_errors(cron, timezone):
        return Message(
            f"Updated. {schedule_summary(await ctx.send('PATCH', _SCHEDULE, _path_values(document), json=changes))}"
        )


async def enable_schedule(ctx: ToolContext, schedule: ScheduleName) -> Message:
    """Switch a schedule on again."""
    return await _switch(ctx, schedule, "enable")


async def disable_schedule(ctx: ToolContext, schedule: ScheduleName) -> Message:
    """Switch a schedule off, and keep it."""
    return await _switch(ctx, schedule, "disable")


async def trigger_schedule(ctx: ToolContext, schedule: ScheduleName) -> Message:
    """Run a schedule now; its result names the run."""
    document = await ctx.look(_find_schedule(ctx, schedule), _unread(schedule))
    if not document.get("enabled", True):
        raise InvalidRequest("It is disabled.", hint("Call {enable} first.", enable=Action.of("enable_schedule")))
    earlier_ids = {text(run.get("id")) for run in await ctx.look(_latest_runs(ctx, document), [])}
    outcome: Mapping[str, Any] | None = None
    # AgentOS answers when the run has ended, at which it looks every half minute. It goes on without us.
    with anyio.move_on_after(_TRIGGER_WAIT_SECONDS), translate_cron_errors():
        outcome = await ctx.send("POST", f"{_SCHEDULE}/trigger", _path_values(document))
    if outcome is None:
        # It is triggered: that its run cannot be looked up is no reason to trigger it again.
        with suppress(AgentOSError):
            runs = await _latest_runs(ctx, document)
            outcome = next((run for run in runs if text(run.get("id")) not in earlier_ids), None)
    if outcome is None:
        return Message(
            "AgentOS has not answered yet.",
            hint("{list} shows whether it runs.", list=Action.of("list_schedule_runs")),
        )
    run = str(started_run(document, outcome, ctx.agent_os.instance) or "")
    status = str(outcome.get("status"))
    if status == "failed":
        raise run_failure(document, outcome, run)
    if not run and "endpoint" not in document:
        return Message(f"Triggered; it is {one_line(status, max_length=20)}.")
    if not run:
        return Message(f"Done: AgentOS called {target_text(document)} ({outcome.get('status_code')}).")
    get = Action.of("get_run", run=run)
    match status:
        case "success":
            (steps,) = await _outcomes(ctx, document, [outcome])
            summary = "It has run." if steps == status else f"It has run: {steps}."
            return Message(summary, hint("{get} reads the answer.", get=get), run)
        case "paused":
            return Message("It has run and waits for an answer.", hint("{get} says for what.", get=get), run)
        case _:
            return Message("It runs.", hint("{get} follows it.", get=get), run)


async def list_schedule_runs(
    ctx: ToolContext,
    schedule: ScheduleName,
    limit: Limit = 10,
    page: Page = 1,
    since: Since = "",
    until: str = "",
) -> Table:
    """When a schedule ran, and what became of it, latest first."""
    period = parse_period(since, until)
    document = await _find_schedule(ctx, schedule)
    note = ""
    if period:
        rows, is_complete = await read_period(
            lambda number: _page_of_runs(ctx, document, PERIOD_PAGE_SIZE, number),
            period,
            lambda run: run.get("triggered_at"),
        )
        runs = Listed(*slice_page(rows, limit, page))
        note = period_note("runs", is_complete)
    else:
        runs = await _page_of_runs(ctx, document, limit, page)
    outcomes = await _outcomes(ctx, document, runs.rows)
    empty = "It did not run then." if period else "It has not run yet."
    if is_overdue(document) and not period:
        due = format_time(document.get("next_run_at"))
        empty = f"It has never run, though it was due at {due}: this AgentOS does not run {SCHEDULER}."
    return Table(
        ("started", "ended", "status", "run", "error"),
        [
            (
                time_value(run.get("triggered_at")),
                time_value(run.get("completed_at")),
                outcome,
                str(started_run(document, run, ctx.agent_os.instance) or ""),
                error_text(run) if run.get("status") in ("failed", "cancelled") else "",
            )
            for run, outcome in zip(runs, outcomes, strict=True)
        ],
        empty=f"{empty} {note}".strip(),
        meta=runs.meta,
        footer=note,
    )


async def delete_schedule(ctx: ToolContext, schedule: ScheduleName) -> Message:
    """Delete a schedule for good."""
    # After "report" is gone, the same call again must not take "nightly report".
    document = await ctx.look(_find_schedule(ctx, schedule, Fit.PHRASE), _unread(schedule))
    await ctx.send("DELETE", _SCHEDULE, _path_values(document))
    return Message("Deleted. Runs that it has started stay.")


async def _schedule_details(ctx: ToolContext, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    document = await _find_schedule(ctx, str(arguments["schedule"]), Fit.PHRASE)
    return {
        "name": document.get("name"),
        "runs": target_text(document),
        "message": mapping(document.get("payload")).get("message"),
        "when": times_text(document),
        "state": state_text(document),
        "owner": document.get("user_id"),
        "created": format_time(document.get("created_at")),
    }


async def _endpoint_details(ctx: ToolContext, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """What AgentOS would be told to call of itself; the arguments say the rest."""
    method, path = _parse_endpoint(str(arguments["endpoint"]))
    return {"calls": f"{method} {path}"}


# Finding one


@dataclass(frozen=True)
class _NamedSchedule(Named):
    id: str
    name: str

    @property
    def nouns(self) -> frozenset[str]:
        return frozenset({"schedule"})


async def _find_schedule(ctx: ToolContext, query: str, loosest: Fit = Fit.WORDS) -> Schedule:
    """The schedule of that id, or the only one that a name fits so closely. Raises NotFound with those there are."""
    if not query.strip():
        raise InvalidRequest(
            "The schedule's name is empty.", hint("{list} shows them.", list=Action.of("list_schedules"))
        )
    try:
        document = mapping(await ctx.get(_SCHEDULE, {"schedule_id": query}))
        if ctx.ownership.is_own(document):
            return document
    except (NotFound, InvalidRequest):
        pass
    schedules = [schedule async for schedule in _all_schedules(ctx)]
    by_id = {str(schedule.get("id")): schedule for schedule in schedules}
    matches, fit = closest(
        Query(query),
        [_NamedSchedule(schedule_id, str(schedule.get("name") or "")) for schedule_id, schedule in by_id.items()],
    )
    if len(matches) == 1 and fit <= loosest:
        return by_id[matches[0].id]
    if matches and fit <= Fit.NAME:
        ids = ", ".join(display_id(match.id) for match in matches)
        raise NotFound(f"{len(matches)} schedules have that name.", f"Give one of the ids: {ids}.")
    names = ", ".join(f"'{one_line(str(schedule.get('name')), max_length=60)}'" for schedule in schedules[:12])
    candidates = f"There are: {names}." if names else "There is none."
    if ctx.ownership.user_id and not names:
        candidates = f"None is this user's. {_NO_OWNER}"
    raise NotFound(f"No schedule '{excerpt(query)}'.", candidates)


def _unread(query: str) -> Schedule:
    """What stands for a schedule that the token may not read: an id, since nothing finds a name then."""
    return {"id": query.strip()}


async def _all_schedules(ctx: ToolContext) -> AsyncIterator[Schedule]:
    number, page_count = 1, 1
    while number <= page_count:
        rows = await ctx.page("/schedules", limit=100, page=number)
        for schedule in ctx.ownership.own_rows(rows):
            yield schedule
        page_count = min(integer(rows.meta.get("total_pages")), _MAX_PAGES) if len(rows) else 0
        number += 1


async def _page(ctx: ToolContext, limit: int, page: int) -> Listed:
    """One page of the schedules; on a server for one user of that user's, which AgentOS cannot be asked for."""
    if not ctx.ownership.user_id:
        return await ctx.page("/schedules", limit=limit, page=page)
    own = [schedule async for schedule in _all_schedules(ctx)]
    return Listed(*slice_page(own, limit, page))


def _path_values(schedule: Schedule) -> dict[str, str]:
    return {"schedule_id": str(schedule.get("id"))}


# Sending


async def _check_reach(ctx: ToolContext, endpoint: str, payload: Mapping[str, Any]) -> None:
    """Raises where a schedule would reach beyond the one user of this server."""
    if not ctx.ownership.user_id:
        return
    if endpoint:
        raise without_owner("An endpoint", "AgentOS calls it for nobody in particular.", _GIVE_COMPONENT)
    if beyond := sorted({"user_id", "run_id"} & set(payload)):
        raise without_owner(f"A payload with {beyond[0]}", "it could name another's.")
    if session_id := payload.get("session_id"):
        await ctx.ownership.require_own_session(str(session_id), may_be_new=True)


async def _run_path(ctx: ToolContext, kind: AnyKind, id: str, message: str) -> str:
    if not kind or not id:
        raise InvalidRequest(
            "What should run is missing.",
            hint(
                "Give {kind} (agent, team or workflow) and {id}, or {endpoint}.",
                kind=Parameter("kind"),
                id=Parameter("id"),
                endpoint=Parameter("endpoint"),
            ),
        )
    if not message.strip():
        raise InvalidRequest("The message is empty.", f"Say what the {kind} should do.")
    component = await ctx.component(kind, id)
    return fill_path(f"/{kind}s/{{id}}/runs", {"id": component.id})


def _parse_endpoint(endpoint: str) -> tuple[str, str]:
    """ "POST /metrics/refresh" -> its parts; POST where no method is given."""
    method, _, path = endpoint.strip().rpartition(" ")
    method = method.strip().upper() or "POST"
    if method not in _METHODS or not path.startswith("/"):
        raise InvalidRequest(
            f"'{one_line(endpoint, max_length=80)}' is not a valid endpoint.",
            "It looks like POST /metrics/refresh, without a host.",
        )
    return method, path


async def _switch(ctx: ToolContext, schedule: str, action: str) -> Message:
    document = await ctx.look(_find_schedule(ctx, schedule), _unread(schedule))
    with translate_cron_errors():
        changes = await ctx.send("POST", f"{_SCHEDULE}/{action}", _path_values(document))
    return Message(schedule_summary({**document, **changes, "disabled_reason": None}))


# Runs of schedules


async def _latest_runs(ctx: ToolContext, schedule: Schedule) -> list[Mapping[str, Any]]:
    return list(await _page_of_runs(ctx, schedule, 10, 1))


async def _page_of_runs(ctx: ToolContext, schedule: Schedule, limit: int, page: int) -> Listed:
    return await ctx.page(f"{_SCHEDULE}/runs", _path_values(schedule), limit=limit, page=page)


async def _outcomes(ctx: ToolContext, schedule: Schedule, runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """AgentOS's word for each run, or how many of its steps failed: a workflow's is a success in spite of them."""
    references = {
        index: RunSummary(ref, Status.COMPLETED, "", 0.0)
        for index, run in enumerate(runs)
        if run.get("status") == "success" and (ref := started_run(schedule, run, ctx.agent_os.instance))
    }
    read = dict(zip(references, await read_outcomes(ctx.agent_os, list(references.values())), strict=True))
    return [
        read[index].outcome if index in read and read[index].has_failed else str(run.get("status") or "")
        for index, run in enumerate(runs)
    ]


TOOLSET = Toolset(
    "schedules",
    "A schedule runs an agent, team or workflow of AgentOS at set times, unattended.",
    read(list_schedules, "GET /schedules"),
    read(get_schedule, "GET /schedules/{schedule_id}"),
    # The endpoint may be one that deletes, whose own tool would ask the person; a run is asked for like any other.
    destructive(
        create_schedule,
        "POST /schedules",
        idempotent=False,
        open_world=True,
        confirm_only_if="endpoint",
        details=_endpoint_details,
    ),
    write(update_schedule, "PATCH /schedules/{schedule_id}", idempotent=True),
    write(enable_schedule, "POST /schedules/{schedule_id}/enable", idempotent=True),
    write(disable_schedule, "POST /schedules/{schedule_id}/disable", idempotent=True),
    write(trigger_schedule, "POST /schedules/{schedule_id}/trigger", open_world=True),
    read(list_schedule_runs, "GET /schedules/{schedule_id}/runs"),
    destructive(delete_schedule, "DELETE /schedules/{schedule_id}", details=_schedule_details),
    needs=DATABASE,
)
