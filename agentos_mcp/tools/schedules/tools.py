"""Runs at set times."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Annotated, Any

import anyio
from pydantic import Field

from agentos_mcp.agentos.catalog import shown_id
from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, NotFound
from agentos_mcp.agentos.hints import Action, Parameter, as_hint, hint
from agentos_mcp.agentos.json_values import integer
from agentos_mcp.agentos.ownership import without_owner
from agentos_mcp.agentos.pagination import Page as Listed
from agentos_mcp.agentos.pagination import record_of, slice_page
from agentos_mcp.agentos.paths import fill
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.markdown import one_line, when
from agentos_mcp.tooling.parameters import AnyKind, JsonObject, Limit, LongName, Page, Text
from agentos_mcp.tooling.results import Message, Record, Table
from agentos_mcp.tooling.tool_spec import DATABASE, Toolset, destructive, read, write
from agentos_mcp.tools.schedules.format import (
    SCHEDULER,
    Schedule,
    check_cron,
    describe_cron,
    error_of,
    failure_of,
    following,
    is_overdue,
    ran_by,
    run_of,
    standing,
    summary,
    target,
    times,
)
from agentos_mcp.tools.schedules.limits import NO_OWNER, check_reach

ScheduleName = Annotated[str, Field(description="Name or id")]
Cron = Annotated[str, Field(description='Minute hour day month weekday: "0 9 * * 1-5"')]

_SCHEDULE = "/schedules/{schedule_id}"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_TRIGGER_WAIT = 2.0
_MOST_PAGES = 100


async def list_schedules(ctx: ToolContext, limit: Limit = 20, page: Page = 1) -> Table:
    """What runs at set times, when next, and what is off."""
    found = await _page(ctx, limit, page)
    names = Counter(str(schedule.get("name")) for schedule in found)
    overdue = any(map(is_overdue, found))
    return Table(
        ("name", "id", "when", "runs", "next", "state"),
        [
            (
                schedule.get("name"),
                # Names are unique for each user only.
                schedule.get("id") if names[str(schedule.get("name"))] > 1 else "",
                times(schedule),
                target(schedule),
                following(schedule),
                standing(schedule),
            )
            for schedule in found
        ],
        empty=as_hint("No schedules.") + hint("{create} makes one.", create=Action.of("create_schedule")),
        meta=found.meta,
        footer=f"An overdue one is running now, or this AgentOS does not run {SCHEDULER}." if overdue else "",
    )


async def get_schedule(ctx: ToolContext, schedule: ScheduleName) -> Record:
    """One schedule in detail, with its message."""
    found = await _find(ctx, schedule)
    payload = dict(record_of(found.get("payload")))
    message = payload.pop("message", "")
    return Record(
        f"Schedule {found.get('name')}",
        {
            "id": found.get("id"),
            "about": found.get("description"),
            "runs": target(found),
            "when": times(found),
            "next": following(found),
            "state": standing(found),
            "owner": found.get("user_id"),
            "managed by": found.get("managed_by"),
            "retries": found.get("max_retries") or None,
            "time limit": f"{found.get('timeout_seconds')} s",
            "created": when(found.get("created_at")),
            "updated": when(found.get("updated_at")),
        },
        {
            "message": message if isinstance(message, str) else json.dumps(message, ensure_ascii=False),
            "payload": json.dumps(payload, ensure_ascii=False, indent=1) if payload else "",
        },
        footer=f"If it stays overdue, this AgentOS does not run {SCHEDULER}." if is_overdue(found) else "",
    )


async def create_schedule(
    ctx: ToolContext,
    name: str,
    cron: Cron,
    kind: AnyKind = "",
    id: str = "",
    message: Text = "",
    timezone: str = "UTC",
    endpoint: Annotated[LongName, Field(description='Instead of kind, id, message: "POST /metrics/refresh"')] = "",
    payload: Annotated[JsonObject, Field(description="More fields to send, such as session_id")] = None,
) -> Message:
    """Run an agent, team or workflow with a message at set times."""
    if not name.strip():
        raise InvalidRequest("The schedule's name is empty.", "Name it, such as 'daily report'.")
    check_cron(cron)
    await check_reach(ctx, endpoint, payload or {})
    if endpoint:
        if kind or id or message:
            raise InvalidRequest("A schedule runs a component or calls an endpoint, not both.", "Give one of them.")
        method, path = _endpoint(endpoint)
    else:
        method, path = "POST", await _run_endpoint(ctx, kind, id, message)
        payload = {**(payload or {}), "message": message}
    body = {
        "name": name.strip(),
        "cron_expr": cron.strip(),
        "timezone": timezone or "UTC",
        "method": method,
        "endpoint": path,
        "payload": payload,
    }
    with describe_cron(cron, timezone):
        created = await ctx.send("POST", "/schedules", json=body)
    if not ctx.ownership.is_own(created):
        await ctx.send("DELETE", _SCHEDULE, _ids(created))
        raise without_owner("A schedule", f"{NO_OWNER} Nothing was created.")
    return Message(
        f"Created. {summary(created)}\nIt fires only while AgentOS runs {SCHEDULER}.",
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
        raise InvalidRequest("Nothing to change.", "Give a new name, cron, timezone or message.")
    found = await _find(ctx, schedule)
    if message.strip():
        if ran_by(found) is None:
            raise InvalidRequest(
                f"It calls {target(found)}, which takes no message.", "Delete it and create another one."
            )
        changes["payload"] = {**record_of(found.get("payload")), "message": message}
    with describe_cron(cron, timezone):
        return Message(f"Updated. {summary(await ctx.send('PATCH', _SCHEDULE, _ids(found), json=changes))}")


async def enable_schedule(ctx: ToolContext, schedule: ScheduleName) -> Message:
    """Switch a schedule on again."""
    return await _switched(ctx, schedule, "enable")


async def disable_schedule(ctx: ToolContext, schedule: ScheduleName) -> Message:
    """Switch a schedule off, and keep it."""
    return await _switched(ctx, schedule, "disable")


async def trigger_schedule(ctx: ToolContext, schedule: ScheduleName) -> Message:
    """Run a schedule now; its result names the run."""
    found = await _find(ctx, schedule)
    if not found.get("enabled", True):
        raise InvalidRequest(
            "It is disabled.", hint("Call {enable} first.", enable=Action.of("enable_schedule", "schedule"))
        )
    before = {run.get("id") for run in await _latest_runs(ctx, found)}
    outcome: Mapping[str, Any] | None = None
    # AgentOS answers when the run has ended, at which it looks every half minute. It goes on without us.
    with anyio.move_on_after(_TRIGGER_WAIT), describe_cron():
        outcome = await ctx.send("POST", f"{_SCHEDULE}/trigger", _ids(found))
    if outcome is None:
        # It is triggered: that its run cannot be looked up is no reason to trigger it again.
        with suppress(AgentOSError):
            outcome = next((run for run in await _latest_runs(ctx, found) if run.get("id") not in before), None)
    if outcome is None:
        return Message(
            "AgentOS has not answered yet.",
            hint("{list} shows whether it runs.", list=Action.of("list_schedule_runs", "schedule")),
        )
    run = run_of(found, outcome)
    status = str(outcome.get("status"))
    if status == "failed":
        raise failure_of(found, outcome, run)
    if not run:
        return Message(f"Done: AgentOS called {target(found)} ({outcome.get('status_code')}).")
    get = Action.of("get_run", run=run)
    match status:
        case "success":
            return Message("It has run.", hint("{get} reads the answer.", get=get), run)
        case "paused":
            return Message("It has run and waits for an answer.", hint("{get} says for what.", get=get), run)
        case _:
            return Message("It runs.", hint("{get} follows it.", get=get), run)


async def list_schedule_runs(ctx: ToolContext, schedule: ScheduleName, limit: Limit = 10, page: Page = 1) -> Table:
    """When a schedule ran, and what became of it, latest first."""
    found = await _find(ctx, schedule)
    runs = await ctx.page(f"{_SCHEDULE}/runs", _ids(found), limit=limit, page=page)
    never = "It has not run yet."
    if is_overdue(found):
        due = when(found.get("next_run_at"))
        never = f"It has never run, though it was due at {due}: this AgentOS does not run {SCHEDULER}."
    return Table(
        ("started", "ended", "status", "run", "error"),
        [
            (
                when(run.get("triggered_at")),
                when(run.get("completed_at")),
                run.get("status"),
                run_of(found, run),
                error_of(run) if run.get("status") in ("failed", "cancelled") else "",
            )
            for run in runs
        ],
        empty=never,
        meta=runs.meta,
    )


async def delete_schedule(ctx: ToolContext, schedule: ScheduleName) -> Message:
    """Delete a schedule for good."""
    found = await _find(ctx, schedule)
    await ctx.send("DELETE", _SCHEDULE, _ids(found))
    return Message("Deleted. Runs that it has started stay.")


# Finding one


async def _find(ctx: ToolContext, asked: str) -> Schedule:
    """The schedule of that id or name. Raises NotFound with the names there are."""
    if not asked.strip():
        raise InvalidRequest(
            "The schedule's name is empty.", hint("{list} shows them.", list=Action.of("list_schedules"))
        )
    try:
        found = record_of(await ctx.get(_SCHEDULE, {"schedule_id": asked}))
        if ctx.ownership.is_own(found):
            return found
    except (NotFound, InvalidRequest):
        pass
    everything = [schedule async for schedule in _all(ctx)]
    named = [one for one in everything if str(one.get("name")).casefold() == asked.strip().casefold()]
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(shown_id(str(one.get("id"))) for one in named)
        raise NotFound(f"{len(named)} schedules have that name.", f"Give one of the ids: {ids}.")
    names = ", ".join(f"'{one_line(str(one.get('name')), most=60)}'" for one in everything[:12])
    there = f"There are: {names}." if names else "There is none."
    if ctx.ownership.user_id and not names:
        there = f"None is this user's. {NO_OWNER}"
    raise NotFound(f"No schedule '{shown_id(asked)[:80]}'.", there)


async def _all(ctx: ToolContext) -> AsyncIterator[Schedule]:
    page, pages = 1, 1
    while page <= pages:
        found = await ctx.page("/schedules", limit=100, page=page)
        for schedule in ctx.ownership.own_rows(found):
            yield schedule
        pages = min(integer(found.meta.get("total_pages")), _MOST_PAGES) if len(found) else 0
        page += 1


async def _page(ctx: ToolContext, limit: int, page: int) -> Listed:
    """One page of the schedules; on a server for one user of that user's, which AgentOS cannot be asked for."""
    if not ctx.ownership.user_id:
        return await ctx.page("/schedules", limit=limit, page=page)
    own = [schedule async for schedule in _all(ctx)]
    return Listed(*slice_page(own, limit, page))


def _ids(schedule: Schedule) -> dict[str, str]:
    return {"schedule_id": str(schedule.get("id"))}


# Sending


async def _run_endpoint(ctx: ToolContext, kind: AnyKind, id: str, message: str) -> str:
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
    component = await ctx.catalog.find(kind, id)
    return fill(f"/{kind}s/{{id}}/runs", {"id": component.id})


def _endpoint(asked: str) -> tuple[str, str]:
    """ "POST /metrics/refresh" -> its parts; POST where no method is given."""
    method, _, path = asked.strip().rpartition(" ")
    method = method.strip().upper() or "POST"
    if method not in _METHODS or not path.startswith("/"):
        raise InvalidRequest(
            f"'{one_line(asked, most=80)}' is no endpoint.", "It looks like POST /metrics/refresh, without a host."
        )
    return method, path


async def _switched(ctx: ToolContext, schedule: str, how: str) -> Message:
    found = await _find(ctx, schedule)
    with describe_cron():
        switched = await ctx.send("POST", f"{_SCHEDULE}/{how}", _ids(found))
    return Message(summary({**found, **switched, "disabled_reason": None}))


# Runs of schedules


async def _latest_runs(ctx: ToolContext, schedule: Schedule) -> list[Mapping[str, Any]]:
    return list(await ctx.page(f"{_SCHEDULE}/runs", _ids(schedule), limit=10))


TOOLSET = Toolset(
    "schedules",
    "A schedule runs an agent, team or workflow of AgentOS at set times, unattended.",
    read(list_schedules, "GET /schedules"),
    read(get_schedule, "GET /schedules/{schedule_id}"),
    # The endpoint may be one that deletes, whose own tool would ask the person; a run is asked for like any other.
    destructive(create_schedule, "POST /schedules", idempotent=False, open_world=True, confirm_only_if="endpoint"),
    write(update_schedule, "PATCH /schedules/{schedule_id}", idempotent=True),
    write(enable_schedule, "POST /schedules/{schedule_id}/enable", idempotent=True),
    write(disable_schedule, "POST /schedules/{schedule_id}/disable", idempotent=True),
    write(trigger_schedule, "POST /schedules/{schedule_id}/trigger", open_world=True),
    read(list_schedule_runs, "GET /schedules/{schedule_id}/runs"),
    destructive(delete_schedule, "DELETE /schedules/{schedule_id}"),
    needs=DATABASE,
)
