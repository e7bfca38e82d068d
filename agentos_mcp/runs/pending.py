"""What waits for a person: paused runs and pending approvals across components and sessions, read within limits."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from agentos_mcp.agentos.errors import AgentOSError, NotFound
from agentos_mcp.agentos.json_values import mapping, objects, text
from agentos_mcp.agentos.pauses.answers import PendingRequirement, find_pending
from agentos_mcp.agentos.pauses.question_text import Question, build_question
from agentos_mcp.agentos.plain_text import as_json, as_name, as_value, one_line
from agentos_mcp.agentos.runs.history import RunSummary
from agentos_mcp.agentos.runs.run import KINDS, RunRef, RunState, Status
from agentos_mcp.agentos.task_groups import gather
from agentos_mcp.agentos.timestamps import parse_timestamp
from agentos_mcp.runs.run_search import search_runs
from agentos_mcp.tooling.context import ToolContext

MAX_RUNS = 50
"""How many paused runs are listed, the latest."""
MAX_RUNS_READ = 25
"""How many of them are read whole, which says what they ask; each may have some hundred KB."""
MAX_APPROVALS = 100
_MAX_APPROVAL_RUNS = 10
"""How many runs of approvals are looked up that are not among the paused runs that were read."""
_CONCURRENCY = 8
_MAX_ARGUMENT_LENGTH = 40
_MAX_ARGUMENTS = 6
_MAX_QUESTIONS = 5
_MAX_QUESTION_LENGTH = 300


@dataclass(frozen=True, slots=True)
class PendingItem:
    """A paused run, or an approval whose run is not known.

    `since` is in unix seconds, when the run paused, else when it started; 0 where AgentOS does not say.
    """

    run: RunRef | None
    asks: tuple[str, ...]
    """What is asked, a sentence each with the arguments in short; none where the run was not read."""
    since: float = 0.0
    user_id: str = ""
    """Whose run it is."""
    approval_ids: tuple[str, ...] = ()
    """Of the approvals that it waits for, which an admin gives."""
    can_be_answered: bool = True
    """Whether whoever follows the run can answer all of it."""
    details: tuple[str, ...] = field(default=(), repr=False)
    """What a person needs to see to answer, for each of `asks`: arguments, contents, what can be given; '' for none."""
    asks_left_out: int = 0
    """How many more questions there are than `asks`."""
    keys: tuple[str, ...] = ()
    """Of the questions that can be answered, as the answers have to name them."""

    @property
    def ask_lines(self) -> tuple[str, ...]:
        """What is asked, a line each, the last of which counts what is left out."""
        return (*self.asks, *([f"and {self.asks_left_out:,} more"] if self.asks_left_out else []))


@dataclass(frozen=True, slots=True)
class PendingList:
    """What waits, longest first, and what was not read of it."""

    items: tuple[PendingItem, ...]
    older_until: datetime | None = None
    """Runs that started before may wait too; None where all sessions were looked at."""
    has_more_approvals: bool = False
    approvals_error: str = ""
    """Why the approvals could not be read; '' where they were, or this AgentOS has none."""

    @property
    def unread(self) -> int:
        """How many runs wait of which it is not known what they ask."""
        return sum(not item.asks for item in self.items)


async def read_pending(ctx: ToolContext, user_id: str = "") -> PendingList:
    """What waits for anybody, or in the runs of one user."""
    features = await ctx.backend.discovery.features()
    result = await search_runs(ctx, status=Status.PAUSED, user_id=user_id, limit=MAX_RUNS)
    read = await gather(
        (partial(_read_item, ctx, run) for run in result.runs[:MAX_RUNS_READ]), max_concurrent=_CONCURRENCY
    )
    items = [item for item in read if item is not None]
    items += [_unread_item(run) for run in result.runs[MAX_RUNS_READ:]]
    approvals: Sequence[Mapping[str, Any]] = ()
    error = ""
    if features.has("GET", "/approvals"):
        try:
            approvals = await _pending_approvals(ctx, user_id)
        except AgentOSError as failure:
            error = failure.message
    items = await _with_approvals(ctx, items, approvals)
    return PendingList(
        tuple(sorted(items, key=lambda item: item.since)),
        result.older_until,
        has_more_approvals=len(approvals) >= MAX_APPROVALS,
        approvals_error=error,
    )


async def _read_item(ctx: ToolContext, run: RunSummary) -> PendingItem | None:
    """What a paused run asks; None where it no longer waits."""
    try:
        state, output = await ctx.engine.read_stored(run.ref)
    except NotFound:
        return None
    except AgentOSError:
        # Its component may be gone: that it waits is still to be told.
        return _unread_item(run)
    if state.status is not Status.PAUSED:
        return None
    return pending_item(state, output, since=run.started_at, user_id=run.user_id)


async def read_asks(ctx: ToolContext, ref: RunRef) -> tuple[str, ...]:
    """What a paused run asks; nothing where it no longer waits."""
    state, output = await ctx.engine.read_stored(ref)
    return pending_item(state, output, since=0.0, user_id="").ask_lines if state.status is Status.PAUSED else ()


def pending_item(state: RunState, output: Mapping[str, Any], *, since: float, user_id: str) -> PendingItem:
    """A paused run that has been read; `since` where its events do not say when it paused."""
    pending = find_pending(state.ref, [dict(requirement) for requirement in state.requirements])
    questions = [build_question(state.ref, waiting, state.choices) for waiting in pending]
    asks = [_question_text(question, waiting) for question, waiting in zip(questions, pending, strict=True)]
    return PendingItem(
        state.ref,
        tuple(asks[:_MAX_QUESTIONS]) or ("It waits.",),
        _paused_at(output) or since,
        user_id or text(output.get("user_id")),
        tuple(waiting.approval_id for waiting in pending if waiting.kind == "approval" and waiting.approval_id),
        can_be_answered=bool(questions) and all(question.fields for question in questions),
        details=tuple(question.details_and_inputs for question in questions[:_MAX_QUESTIONS]),
        asks_left_out=max(0, len(asks) - _MAX_QUESTIONS),
        keys=tuple(question.key for question in questions[:_MAX_QUESTIONS] if question.fields),
    )


def _unread_item(run: RunSummary) -> PendingItem:
    return PendingItem(run.ref, (), run.started_at, run.user_id)


def _question_text(question: Question, pending: PendingRequirement) -> str:
    """What is asked as a line: "Deployer wants to call deploy: env="prod"."."""
    details = ""
    if pending.tool is not None and pending.kind != "feedback":
        details = short_arguments(pending.tool.get("tool_args"))
    elif pending.tool is not None:
        details = "; ".join(one_line(str(item.get("question")), max_length=80) for item in pending.feedback_questions)
    title = one_line(question.title, max_length=_MAX_QUESTION_LENGTH)
    return one_line(f"{title.rstrip('.')}: {details}" if details else title, max_length=_MAX_QUESTION_LENGTH)


def are_arguments_cut(arguments: object) -> bool:
    """Whether `short_arguments` shows less than all of them."""
    values = mapping(arguments).values()
    return len(values) > _MAX_ARGUMENTS or any(
        as_value(value, max_length=_MAX_ARGUMENT_LENGTH) != as_value(value, max_length=sys.maxsize) for value in values
    )


def short_arguments(arguments: object) -> str:
    """A tool call's arguments on a line, each cut: `amount=7, to="Ada"`."""
    items = list(mapping(arguments).items())
    shown = [
        f"{as_name(name)}={as_value(value, max_length=_MAX_ARGUMENT_LENGTH)}" for name, value in items[:_MAX_ARGUMENTS]
    ]
    return ", ".join([*shown, *(["…"] if len(items) > _MAX_ARGUMENTS else [])])


def _paused_at(output: Mapping[str, Any]) -> float:
    """When a stored run paused, as its events tell; 0 where they do not."""
    for event in reversed(objects(output.get("events"))):
        if text(event.get("event")).endswith("Paused"):
            moment = parse_timestamp(event.get("created_at"))
            return moment.timestamp() if moment is not None else 0.0
    return 0.0


# Approvals


async def _pending_approvals(ctx: ToolContext, user_id: str) -> list[Mapping[str, Any]]:
    page = await ctx.page("/approvals", status="pending", user_id=user_id, limit=MAX_APPROVALS)
    rows = page.rows[:MAX_APPROVALS]
    return [row for row in rows if await is_own_approval(ctx, row)] if ctx.ownership.user_id else list(rows)


async def is_own_approval(ctx: ToolContext, approval: Mapping[str, Any]) -> bool:
    """Whether it is the user's: AgentOS keeps no user with a team's, which is its session's owner's then."""
    if ctx.ownership.is_own(approval):
        return True
    if approval.get("user_id") or not approval.get("session_id"):
        return False
    try:
        await ctx.ownership.require_own_session(str(approval["session_id"]))
    except NotFound:
        return False
    return True


def approval_calls(approval: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The tool calls that it covers: AgentOS's own line names only the first of them."""
    requirements = objects(approval.get("requirements"))
    calls = [mapping(requirement.get("tool_execution")) for requirement in requirements]
    return [call for call in calls if call.get("approval_type") == "required"] or [approval]


def named_run(ctx: ToolContext, approval: Mapping[str, Any]) -> RunRef | None:
    """The run that it names, which may be a step's or a member's; None where it does not say all of it."""
    component = next(
        ((kind, component_id) for kind in reversed(KINDS) if (component_id := text(approval.get(f"{kind}_id")))), None
    )
    session_id, run_id = text(approval.get("session_id")), text(approval.get("run_id"))
    if component is None or not session_id or not run_id:
        return None
    return RunRef(*component, session_id, run_id, ctx.agent_os.instance)


async def _with_approvals(
    ctx: ToolContext, items: Sequence[PendingItem], approvals: Sequence[Mapping[str, Any]]
) -> list[PendingItem]:
    """The items and the approvals that none of them waits for; a run that was not read is told by its approval."""
    known_ids = {approval_id for item in items for approval_id in item.approval_ids}
    by_run = {item.run.run: index for index, item in enumerate(items) if item.run is not None}
    merged = list(items)
    unknown = []
    for approval in approvals:
        if text(approval.get("id")) in known_ids:
            continue
        index = by_run.get(text(approval.get("run_id")))
        if index is None:
            unknown.append(approval)
        elif not merged[index].asks:
            own = _approval_item(approval)
            merged[index] = replace(own, run=merged[index].run, user_id=own.user_id or merged[index].user_id)
    found = await gather(
        (partial(_item_of_approval, ctx, approval) for approval in unknown[:_MAX_APPROVAL_RUNS]),
        max_concurrent=_CONCURRENCY,
    )
    found += [_approval_item(approval) for approval in unknown[_MAX_APPROVAL_RUNS:]]
    taken = {item.run for item in merged}
    for item in found:
        if item.run is None or item.run not in taken:
            merged.append(item)
            taken.add(item.run)
    return merged


async def _item_of_approval(ctx: ToolContext, approval: Mapping[str, Any]) -> PendingItem:
    """An approval with its run, where that is the one that it names: a step's or a member's is not."""
    item = _approval_item(approval)
    ref = named_run(ctx, approval)
    if ref is None:
        return item
    try:
        state, output = await ctx.engine.read_stored(ref)
    except AgentOSError:
        return item
    if state.status is not Status.PAUSED:
        return item
    return pending_item(state, output, since=item.since, user_id=item.user_id)


def _approval_item(approval: Mapping[str, Any]) -> PendingItem:
    calls = approval_calls(approval)
    actor = as_name(text(approval.get("source_name")) or "A component")
    asks = []
    for call in calls[:_MAX_QUESTIONS]:
        arguments = short_arguments(call.get("tool_args"))
        tool = as_name(text(call.get("tool_name")) or "a tool")
        line = f"{actor} wants to call {tool}, which an admin has to approve{f': {arguments}' if arguments else '.'}"
        asks.append(one_line(line, max_length=_MAX_QUESTION_LENGTH))
    created = parse_timestamp(approval.get("created_at"))
    return PendingItem(
        None,
        tuple(asks),
        created.timestamp() if created is not None else 0.0,
        text(approval.get("user_id")),
        (text(approval.get("id")),),
        can_be_answered=False,
        details=tuple(as_json(mapping(call.get("tool_args")), indent=1) for call in calls[:_MAX_QUESTIONS]),
        asks_left_out=max(0, len(calls) - _MAX_QUESTIONS),
    )
