"""Approvals: tool calls that wait for an admin's decision, and the runs that they hold up."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal

import anyio
from pydantic import Field

from agentos_mcp.agentos.catalog import display_id
from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, NotFound
from agentos_mcp.agentos.formats import format_time
from agentos_mcp.agentos.hints import Action, Hint, Parameter, as_hint, hint
from agentos_mcp.agentos.json_values import mapping, objects, text
from agentos_mcp.agentos.pagination import PERIOD_PAGE_SIZE, period_note, read_period, slice_page
from agentos_mcp.agentos.pagination import Page as Listed
from agentos_mcp.agentos.pauses.question_text import resolve_hint
from agentos_mcp.agentos.pauses.requirements import approval_ids
from agentos_mcp.agentos.plain_text import as_name
from agentos_mcp.agentos.runs.history import RunSummary
from agentos_mcp.agentos.runs.history import list_runs as list_stored_runs
from agentos_mcp.agentos.runs.run import RunRef, Status
from agentos_mcp.agentos.task_groups import gather
from agentos_mcp.agentos.timestamps import Period
from agentos_mcp.runs.pending import approval_calls, are_arguments_cut, is_own_approval, named_run, short_arguments
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.markdown import MAX_CELL_LENGTH, one_line
from agentos_mcp.tooling.parameters import (
    AnyKind,
    ComponentId,
    JsonObject,
    Limit,
    Page,
    Run,
    Since,
    Text,
    UserId,
)
from agentos_mcp.tooling.results import Message, Record, Table
from agentos_mcp.tooling.time_arguments import parse_period
from agentos_mcp.tooling.tool_spec import DATABASE, Toolset, destructive, read
from agentos_mcp.tooling.typed_values import time_value

Approval = Mapping[str, Any]

_APPROVAL = "/approvals/{approval_id}"
_CONCURRENCY = 8
_PAGE_SIZE = 100
_RUN_LOOKUP_SECONDS = 10.0
"""How long to look for the run of a decision that is made."""
_MAX_APPROVALS = 1000
"""How many approvals are read, from the newest on, to find those of workflows."""
_MAX_RUNS = 100_000
"""AgentOS returns all runs of a session at once."""

_READ_WHOLE = hint("Arguments are cut here: {get} has them whole.", get=Action.of("get_approval"))
_LIST_ALL = hint("{list} shows them.", list=Action.of("list_approvals", status="all"))


async def list_approvals(
    ctx: ToolContext,
    status: Literal["pending", "approved", "rejected", "all"] = "pending",
    run: Run = "",
    kind: AnyKind = "",
    id: ComponentId = "",
    user_id: UserId = "",
    limit: Limit = 20,
    page: Page = 1,
    since: Since = "",
    until: str = "",
) -> Table:
    """Tool calls for an admin to approve, and their runs. See one with get_approval, decide with resolve_approval."""
    period = parse_period(since, until)
    status_filter = "" if status == "all" else status
    component = await ctx.component_to_read(kind, id) if id else None
    kind, component_id = (component.kind, component.id) if component else (kind, "")
    note: Hint | str = ""
    if run:
        approvals = await _approvals_of_run(ctx, ctx.run_ref(run), status_filter)
        approvals = Listed([row for row in approvals if period.contains(row.get("created_at"))])
        runs = await _run_references(ctx, approvals.rows)
    elif kind == "workflow":
        approvals, runs, note = await _approvals_of_workflows(
            ctx, component_id, limit, page, status=status_filter, user_id=user_id, period=period
        )
    else:
        component_filter = {f"{kind}_id": component_id} if component_id else {"source_type": kind}
        query = {"status": status_filter, "user_id": user_id, **component_filter}
        if period:
            rows, is_complete = await read_period(
                lambda number: ctx.page("/approvals", **query, limit=PERIOD_PAGE_SIZE, page=number),
                period,
                lambda approval: approval.get("created_at"),
            )
            approvals = Listed(*slice_page((await _own_approvals(ctx, Listed(rows))).rows, limit, page))
            note = period_note("approvals", is_complete)
        else:
            approvals = await _own_approvals(ctx, await ctx.page("/approvals", **query, limit=limit, page=page))
        runs = await _run_references(ctx, approvals.rows)
    is_cut = any(map(_is_cut, approvals))
    return Table(
        ("id", "tool", "asked by", "user", "run", "created", "status", "resolved by"),
        [
            (
                approval.get("id"),
                _short_calls(approval),
                approval.get("source_name"),
                "" if user_id else approval.get("user_id"),
                runs[str(approval.get("id"))],
                time_value(approval.get("created_at")),
                "" if status_filter else approval.get("status"),
                approval.get("resolved_by"),
            )
            for approval in approvals
        ],
        empty=as_hint(
            f"No {f'{status_filter} ' if status_filter else ''}approvals"
            f"{' of that run or component' if run or kind else ''}"
            f"{' on this page' if kind == 'workflow' and page > 1 else ''}."
        )
        + note,
        meta=approvals.meta,
        footer=as_hint(note) + (_READ_WHOLE if is_cut else as_hint("")),
    )


async def count_approvals(ctx: ToolContext, user_id: UserId = "") -> Message:
    """How many approvals are pending."""
    count = mapping(await ctx.get("/approvals/count", user_id=user_id)).get("count") or 0
    if not count:
        return Message("No approval is pending.")
    return Message(
        f"{count} approval{' is' if count == 1 else 's are'} pending.",
        hint("{list} shows them.", list=Action.of("list_approvals")),
    )


async def get_approval(ctx: ToolContext, approval_id: str) -> Record:
    """One approval, with the whole arguments of its tool calls."""
    approval = await _approval(ctx, approval_id)
    runs = await _run_references(ctx, [approval])
    pending = approval.get("status") == "pending"
    return Record(
        "Approval",
        {
            "id": approval.get("id"),
            "status": approval.get("status"),
            "asked by": approval.get("source_name"),
            "for user": approval.get("user_id"),
            "created": time_value(approval.get("created_at")),
            "expires": time_value(approval.get("expires_at")),
            "values to give": ", ".join(_fields(approval)) if pending else "",
            "resolved by": approval.get("resolved_by"),
            "resolved": time_value(approval.get("resolved_at")),
            "note": mapping(approval.get("resolution_data")).get("note"),
            "run": runs[str(approval.get("id"))],
        },
        {
            f"call of {one_line(str(call.get('tool_name')), max_length=80)}": json.dumps(
                call.get("tool_args") or {}, ensure_ascii=False, indent=1
            )
            for call in approval_calls(approval)
        },
        footer=(resolve_hint(approval_id) if pending else as_hint("")) + _continue_hint(runs[str(approval.get("id"))]),
    )


def _continue_hint(run: str) -> Hint:
    """How the run goes on once its approval is resolved."""
    return hint("{answer} then continues the run.", answer=Action.of("continue_run", run=run)) if run else as_hint("")


async def resolve_approval(
    ctx: ToolContext,
    approval_id: str,
    decision: Literal["approved", "rejected"],
    note: Text = "",
    values: Annotated[JsonObject, Field(description="What get_approval says to give")] = None,
    user_id: Annotated[str, Field(description="Who decided")] = "",
) -> Message:
    """Approve or reject a tool call as the user decided, never by yourself; then call continue_run."""
    unread: Approval = {"id": approval_id}
    approval = await ctx.look(_approval(ctx, approval_id), unread)
    _check_pending(approval)
    resolution = _resolution(approval, decision, note, values or {} if approval is not unread else {})
    if approval is unread and values:
        resolution |= {"values": dict(values)} | ({"result": str(values["result"])} if "result" in values else {})
    decided_by = user_id or "@".join(("-".join(ctx.client_name.split()) or "client", "agentos-mcp"))
    body = {
        "status": decision,
        "resolved_by": decided_by[:255],
        "resolution_data": resolution,
    }
    try:
        await ctx.send("POST", f"{_APPROVAL}/resolve", {"approval_id": approval_id}, json=body)
    except InvalidRequest as refusal:
        # Somebody else was faster.
        _check_pending(await _reread(ctx, approval, refusal))
        raise
    # AgentOS's own word for the run's status is not told: a step's run that waits, it calls cancelled.
    run = ""
    with anyio.move_on_after(_RUN_LOOKUP_SECONDS):
        run = (await _run_references(ctx, [approval])).get(approval_id, "")
    decided = f"It is {decision}."
    if not run:
        return Message(
            decided,
            hint(
                "Its run waits to be continued; {list} finds it.",
                list=Action.of("list_runs", status="paused"),
                otherwise="Its run waits to be continued.",
            ),
        )
    return Message(
        decided,
        hint(
            "The run goes on when it is continued: {answer}.",
            answer=Action.of("continue_run", run=run),
            otherwise="The run goes on when it is continued.",
        ),
        run,
    )


async def _confirmation_details(ctx: ToolContext, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The tool calls to approve, for the question to the person: the id alone tells nothing."""
    approval = await _approval(ctx, str(arguments["approval_id"]))
    _check_pending(approval)
    calls = [{str(call.get("tool_name")): call.get("tool_args") or {}} for call in approval_calls(approval)]
    return {"asked by": approval.get("source_name")} | {f"call {number}": call for number, call in enumerate(calls, 1)}


# Which approvals


async def _approval(ctx: ToolContext, approval_id: str) -> Approval:
    try:
        approval = mapping(await ctx.get(_APPROVAL, {"approval_id": approval_id}))
    except NotFound:
        approval = {}
    if approval.get("id") != approval_id:
        raise ctx.ownership.not_found(f"approval '{display_id(approval_id)}'", _LIST_ALL)
    if not await is_own_approval(ctx, approval):
        owner = str(approval.get("user_id") or "other" if approval.get("session_id") else "")
        raise ctx.ownership.refusal(f"approval '{display_id(approval_id)}'", _LIST_ALL, owner=owner)
    return approval


async def _reread(ctx: ToolContext, approval: Approval, refusal: InvalidRequest) -> Approval:
    """The approval as it stands after a refused decision; the refusal is what counts where it cannot be read."""
    try:
        return await _approval(ctx, str(approval["id"]))
    except AgentOSError:
        raise refusal from None


async def _approvals_of_workflows(
    ctx: ToolContext, workflow: str, limit: int, page: int, *, status: str, user_id: str, period: Period
) -> tuple[Listed, dict[str, str], Hint | str]:
    """One page of the approvals of workflows, or of one of them; their runs; and what to say of the others.

    AgentOS keeps a step's approval under the step's agent or team, and knows of no workflow's.
    """
    approvals: list[Approval] = []
    runs: dict[str, str] = {}
    read_count, is_complete, page_number = 0, False, 1
    end = page * limit
    while len(approvals) <= end and read_count < _MAX_APPROVALS and not is_complete:
        rows = (await ctx.page("/approvals", status=status, user_id=user_id, limit=_PAGE_SIZE, page=page_number)).rows
        # One that came in meanwhile has moved the others on.
        new_rows = [row for row in rows if str(row.get("id")) not in runs and period.contains(row.get("created_at"))]
        own_rows = (await _own_approvals(ctx, Listed(new_rows))).rows
        runs |= await _run_references(ctx, own_rows)
        approvals += [row for row in own_rows if _is_of_workflow(runs[str(row.get("id"))], workflow)]
        read_count, is_complete, page_number = read_count + len(rows), len(rows) < _PAGE_SIZE, page_number + 1
    if len(approvals) > end:
        note: Hint | str = hint("{page} has more.", page=Parameter("page", page + 1))
    else:
        note = "" if is_complete else f"Only the newest {read_count:,} approvals were searched."
    return Listed(approvals[end - limit : end]), runs, note


async def _own_approvals(ctx: ToolContext, approvals: Listed) -> Listed:
    if not ctx.ownership.user_id:
        return approvals
    rows = [row for row in approvals if await is_own_approval(ctx, row)]
    return approvals if len(rows) == len(approvals) else Listed(rows)


async def _approvals_of_run(ctx: ToolContext, ref: RunRef, status: str) -> Listed:
    """The approvals of a run, also those that AgentOS keeps under a step's or a member's run."""
    page = await ctx.page("/approvals", status=status, run_id=ref.run, limit=_PAGE_SIZE)
    if ctx.ownership.user_id:
        page = await _own_approvals(ctx, page)
    if page:
        return page
    ids = await ctx.look(_required_approvals(ctx, ref), ())
    rows = [
        mapping(await ctx.get(_APPROVAL, {"approval_id": approval_id}))
        for approval_id in dict.fromkeys(ids)
        if approval_id
    ]
    return Listed([row for row in rows if not status or row.get("status") == status])


def _is_of_workflow(run: str, workflow: str) -> bool:
    ref = RunRef.parse(run) if run else None
    return ref is not None and ref.kind == "workflow" and workflow in ("", ref.component)


# Which run it is that waits


async def _run_references(ctx: ToolContext, approvals: Sequence[Approval]) -> dict[str, str]:
    """The references of the runs to continue, by the approvals' ids; '' where it is not known."""
    references: dict[str, str] = {}
    by_session: dict[str, list[Approval]] = {}
    for approval in approvals:
        by_session.setdefault(text(approval.get("session_id")), []).append(approval)

    async def find_runs(session_id: str, session_approvals: list[Approval]) -> None:
        runs = await _runs_of_session(ctx, session_id)
        for approval in session_approvals:
            references[str(approval.get("id"))] = await _run_reference(ctx, approval, runs)

    await gather(
        (partial(find_runs, session_id, session_approvals) for session_id, session_approvals in by_session.items()),
        max_concurrent=_CONCURRENCY,
    )
    return references


async def _runs_of_session(ctx: ToolContext, session_id: str) -> list[RunSummary]:
    if not session_id:
        return []
    try:
        result = await list_stored_runs(
            ctx.agent_os, ctx.catalog, user_id=ctx.ownership.user_id, session_id=session_id, limit=_MAX_RUNS
        )
    except AgentOSError:
        # Deleted, or not for this token: the approval's own words are then all there is.
        return []
    return result.runs


async def _run_reference(ctx: ToolContext, approval: Approval, runs: Sequence[RunSummary]) -> str:
    """The run that was started as such: an approval may name the run of a workflow's step or of a team's member."""
    run_id = text(approval.get("run_id"))
    for run in runs:
        if run.ref.run == run_id:
            return str(run.ref)
    for run in runs:
        if run.status == Status.PAUSED and approval.get("id") in await _pending_approval_ids(ctx, run.ref):
            return str(run.ref)
    outer_runs = [run for run in runs if run.ref.kind != "agent"]
    if runs:
        return str(outer_runs[0].ref) if len(outer_runs) == 1 else ""
    return str(named_run(ctx, approval) or "")


async def _required_approvals(ctx: ToolContext, ref: RunRef) -> Sequence[str]:
    """The ids of the approvals that a run's requirements name."""
    return approval_ids(ref, (await ctx.engine.read(ref)).requirements)


async def _pending_approval_ids(ctx: ToolContext, ref: RunRef) -> Sequence[str]:
    """The ids of the approvals that a paused run waits for; none where it cannot be read."""
    try:
        return await _required_approvals(ctx, ref)
    except AgentOSError:
        # Its component may be gone: the other approvals are still to be told.
        return ()


# What is asked


def _short_calls(approval: Approval) -> str:
    """The tool calls of a list's row: `pay(amount=7, to="Ada")`."""
    calls = approval_calls(approval)
    return "; ".join(
        f"{as_name(text(call.get('tool_name')) or 'a tool')}({short_arguments(call.get('tool_args'))})"
        for call in calls
    )


def _is_cut(approval: Approval) -> bool:
    """Whether the list shows less of its calls than there is to decide about."""
    are_cut = any(are_arguments_cut(call.get("tool_args")) for call in approval_calls(approval))
    return are_cut or len(_short_calls(approval)) > MAX_CELL_LENGTH


def _fields(approval: Approval) -> list[str]:
    """The names of the values that an approval has to give."""
    names: list[str] = []
    for call in approval_calls(approval):
        if call.get("external_execution_required"):
            names.append("result")
        elif call.get("requires_user_input"):
            fields = objects(call.get("user_input_schema"))
            names += [str(field.get("name")) for field in fields if field.get("value") is None]
    return list(dict.fromkeys(names))


def _resolution(approval: Approval, decision: str, note: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a decision brings along. Approved without its values, the tool would be called with nothing."""
    note_fields = {"note": note} if note.strip() else {}
    fields = _fields(approval) if decision == "approved" else []
    if set(fields) != set(values):
        requirement = f"needs the values {', '.join(map(display_id, fields))}" if fields else "takes no values"
        raise InvalidRequest(
            f"It {requirement} to be {decision}.",
            hint("Give them as {values}.", values=Parameter("values"))
            + hint("{get} says which.", get=Action.of("get_approval"))
            if fields
            else "",
        )
    result = {"result": str(values["result"])} if "result" in fields else {}
    return note_fields | ({"values": dict(values)} if fields else {}) | result


def _check_pending(approval: Approval) -> None:
    status = approval.get("status")
    if status in ("pending", None):
        return
    resolver = f" by '{display_id(str(approval['resolved_by']))}'" if approval.get("resolved_by") else ""
    time = f" at {format_time(approval.get('resolved_at'))}" if approval.get("resolved_at") else ""
    raise InvalidRequest(
        f"It was {one_line(str(status), max_length=20)} already{resolver}{time}.",
        hint("If its run is still paused, call {answer}.", answer=Action.of("continue_run", "run")),
    )


TOOLSET = Toolset(
    "approvals",
    hint(
        "An approval is an admin's yes or no that a paused run waits for; after {resolve}, {answer} goes on.",
        resolve=Action.of("resolve_approval"),
        answer=Action.of("continue_run"),
        otherwise="An approval is an admin's yes or no that a paused run waits for.",
    ),
    read(list_approvals, "GET /approvals"),
    read(count_approvals, "GET /approvals/count"),
    read(get_approval, "GET /approvals/{approval_id}"),
    # It cannot be taken back, and it lets a tool run that was thought dangerous: the person is asked first.
    destructive(
        resolve_approval, "POST /approvals/{approval_id}/resolve", idempotent=False, details=_confirmation_details
    ),
    needs=DATABASE,
)
