"""Runs: start one and watch it, answer what it asks, look at it again, cancel it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any, Literal

import anyio
from pydantic import BeforeValidator, Field

from agentos_mcp.agentos.errors import AgentOSError, NotFound
from agentos_mcp.agentos.formats import format_time
from agentos_mcp.agentos.hints import Action, Parameter, as_hint, hint
from agentos_mcp.agentos.runs.history import MAX_SESSIONS, read_outcomes
from agentos_mcp.agentos.runs.run import RunRef, RunState, Status
from agentos_mcp.agentos.scopes import MAY_READ, MAY_RUN
from agentos_mcp.agentos.task_groups import unwrapped_task_group
from agentos_mcp.agentos.timestamps import to_local
from agentos_mcp.agentos.workers import worker_starts
from agentos_mcp.runs.call import RunResult, continue_paused, run_component
from agentos_mcp.runs.chosen_runs import choose_runs
from agentos_mcp.runs.comparison import RunComparison, compare
from agentos_mcp.runs.comparison_text import comparison_data, comparison_text
from agentos_mcp.runs.explain import explain
from agentos_mcp.runs.follow_run import follow_run
from agentos_mcp.runs.pending import read_pending
from agentos_mcp.runs.pending_table import pending_table
from agentos_mcp.runs.request import RunOptions
from agentos_mcp.runs.result import ended_line, unfinished_result
from agentos_mcp.runs.run_parts import RunParts, input_text, read_parts
from agentos_mcp.runs.run_search import search_runs
from agentos_mcp.runs.run_table import RUN_COLUMNS, run_rows, unread_outcomes_hint
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.parameters import (
    ComponentId,
    Files,
    JsonFilters,
    JsonObject,
    Limit,
    LongName,
    Message,
    Run,
    Schema,
    SessionId,
    Since,
    UserId,
    Version,
    Wait,
)
from agentos_mcp.tooling.results import Document, Table
from agentos_mcp.tooling.time_arguments import parse_period
from agentos_mcp.tooling.tool_spec import Toolset, destructive, read, write

FactoryInput = Annotated[JsonObject, Field(description="Inputs it needs; may replace message")]

RunUserId = Annotated[str, Field(description="Whose session and memories")]
Dependencies = Annotated[JsonObject, Field(description="Values for its instructions")]
RunStatus = Annotated[str, Field(description="running, waiting, failed, done...")]


def _as_answers(value: object) -> object:
    """A yes or no that came bare, though the schema wants an object, as one that has no key."""
    return {"approve": value} if isinstance(value, bool | str) else value


Answers = Annotated[JsonObject, BeforeValidator(_as_answers), Field(description='By question, or {"approve": true}')]

_ANSWER = hint(
    "Ask the user, then answer what waits with {answer}.", answer=Action.of("continue_run", "run", "answers")
)
_CANCEL_WAIT_SECONDS = 5.0
_SEVERAL_WORKERS = (
    "This AgentOS has several workers. Unless they share a Redis (QueueConfig(redis=...)), a cancellation is known to "
    "the worker alone that got it: it was sent several times, and most likely reached each."
)


async def run_agent(
    ctx: ToolContext,
    agent_id: str,
    message: Message,
    session_id: SessionId = "",
    user_id: RunUserId = "",
    session_state: JsonObject = None,
    dependencies: Dependencies = None,
    metadata: JsonObject = None,
    knowledge_filters: JsonFilters = None,
    factory_input: FactoryInput = None,
    output_schema: Schema = None,
    files: Files = None,
    version: Version = 0,
    wait: Wait = None,
) -> RunResult:
    """Ask an agent, by id or name, or have it do something; returns its answer."""
    options = RunOptions(
        session_id=session_id,
        user_id=user_id,
        session_state=session_state,
        dependencies=dependencies,
        metadata=metadata,
        knowledge_filters=knowledge_filters,
        factory_input=factory_input,
        output_schema=output_schema,
        files=files,
        version=version,
    )
    return await run_component(ctx, "agent", agent_id, message, options, wait)


async def run_team(
    ctx: ToolContext,
    team_id: str,
    message: Message,
    session_id: SessionId = "",
    user_id: RunUserId = "",
    session_state: JsonObject = None,
    dependencies: Dependencies = None,
    metadata: JsonObject = None,
    knowledge_filters: JsonFilters = None,
    factory_input: FactoryInput = None,
    output_schema: Schema = None,
    files: Files = None,
    version: Version = 0,
    wait: Wait = None,
) -> RunResult:
    """Ask a team of agents; returns its answer."""
    options = RunOptions(
        session_id=session_id,
        user_id=user_id,
        session_state=session_state,
        dependencies=dependencies,
        metadata=metadata,
        knowledge_filters=knowledge_filters,
        factory_input=factory_input,
        output_schema=output_schema,
        files=files,
        version=version,
    )
    return await run_component(ctx, "team", team_id, message, options, wait)


async def run_workflow(
    ctx: ToolContext,
    workflow_id: str,
    message: Message,
    session_id: SessionId = "",
    user_id: RunUserId = "",
    session_state: JsonObject = None,
    dependencies: Dependencies = None,
    metadata: JsonObject = None,
    factory_input: FactoryInput = None,
    files: Files = None,
    version: Version = 0,
    wait: Wait = None,
) -> RunResult:
    """Start a workflow, by id or name ("content pipeline"); returns its result."""
    options = RunOptions(
        session_id=session_id,
        user_id=user_id,
        session_state=session_state,
        dependencies=dependencies,
        metadata=metadata,
        factory_input=factory_input,
        files=files,
        version=version,
    )
    return await run_component(ctx, "workflow", workflow_id, message, options, wait)


async def get_run(
    ctx: ToolContext,
    run: Run,
    offset: Annotated[int, Field(ge=0, description="Where to continue a long answer")] = 0,
    wait: Wait = None,
) -> RunResult:
    """Follow a run to its end, or read what came out of it."""
    return await follow_run(ctx, ctx.run_registry.attach(ctx.run_ref(run)), wait=wait, offset=offset, owns_run=False)


async def continue_run(ctx: ToolContext, run: Run, answers: Answers = None, wait: Wait = None) -> RunResult:
    """Answer a paused run as the user said; without answers, see what it asks."""
    return await continue_paused(ctx, ctx.run_ref(run), answers or {}, wait)


async def list_runs(
    ctx: ToolContext,
    kind: Literal["", "agent", "team", "workflow"] = "",
    id: ComponentId = "",
    session_id: str = "",
    status: RunStatus = "",
    user_id: UserId = "",
    since: Since = "",
    until: str = "",
    limit: Limit = 10,
) -> Table:
    """Latest runs, everyone's or a user's: running, failed or done, and when. Read one with get_run."""
    component = await ctx.component_to_read(kind, id) if id else None
    result = await search_runs(
        ctx,
        kind=kind,
        component=component,
        session_id=session_id,
        status=status,
        user_id=user_id,
        period=parse_period(since, until),
        limit=limit,
    )
    older = (
        hint("Older ones: {until}", until=Parameter("until", to_local(result.older_until).isoformat()))
        if result.older_until is not None
        else as_hint("")
    ) + unread_outcomes_hint(result)
    waiting = any(run.status == Status.PAUSED for run in result.runs)
    return Table(
        RUN_COLUMNS,
        run_rows(await read_outcomes(ctx.agent_os, result.runs), user_id),
        empty=as_hint(f"No such runs in the {MAX_SESSIONS} latest sessions.") + older,
        footer=(_ANSWER if waiting else as_hint("")) + older,
    )


async def list_pending(ctx: ToolContext, user_id: UserId = "") -> Table:
    """What waits for an answer or approval: what each run asks, of whom, since when."""
    pending = await read_pending(ctx, user_id)
    return pending_table(pending, user_id)


async def explain_run(ctx: ToolContext, run: Run) -> str:
    """What happened in a run step by step: tool calls, what went wrong and why, what to try next."""
    ref = ctx.run_ref(run)
    state, output = await ctx.engine.read_stored(ref)
    return explain(output, state, ctx.surface)


ComparedRun = Annotated[LongName, Field(description="Run reference, or a component's name")]


async def compare_runs(ctx: ToolContext, run_a: ComparedRun = "", run_b: ComparedRun = "") -> Document:
    """What changed between a good and a bad run, and why one failed; by default the latest failed and last good one."""
    comparison, _, _ = await read_comparison(ctx, run_a, run_b)
    return Document(comparison_text(comparison, ctx.surface), comparison_data(comparison))


async def read_comparison(ctx: ToolContext, run_a: str, run_b: str) -> tuple[RunComparison, RunParts, RunParts]:
    """The comparison of the two runs that are meant, and their parts."""
    before, after = await choose_runs(ctx, run_a, run_b)
    before_parts, after_parts = await _read_parts(ctx, before), await _read_parts(ctx, after)
    return compare(before, before_parts, after, after_parts), before_parts, after_parts


async def _read_parts(ctx: ToolContext, ref: RunRef) -> RunParts:
    state, output = await ctx.engine.read_stored(ref)
    return read_parts(output, state)


async def cancel_run(ctx: ToolContext, run: Run) -> str:
    """Stop a run that is still going or paused, for good."""
    ref = ctx.run_ref(run)
    live = ctx.run_registry.get(ref)
    try:
        stored = await ctx.look(ctx.engine.read_stored(ref), None)
    except NotFound:
        if live is None or live.done:
            raise
        # It has only just begun: AgentOS stores it a moment later.
        stored = live.state, {}
    if stored is None:
        await ctx.engine.cancel(ref)
        return f"AgentOS was told to cancel it. This token may not see what becomes of it.\nrun: {ref}"
    state, output = stored
    if not _can_be_cancelled(state):
        return f"Nothing to cancel: {ended_line(state, output)}\nrun: {ref}"
    orphaned = state.is_orphaned
    await ctx.engine.cancel(ref)
    if state.status is Status.PAUSED:
        # A durable queue cancels it at once, AgentOS without one when it is continued.
        state = await ctx.engine.read(ref)
        if state.status is Status.PAUSED:
            workers = await ctx.engine.cancel_on_all_workers(ref)
            note = f"\n{_SEVERAL_WORKERS}" if workers > 1 else ""
            return f"The paused run will be cancelled as soon as it is continued.{note}\nrun: {ref}"
    state = await _wait_for_cancelled(ctx, state)
    if not state.has_ended and orphaned:
        now = unfinished_result(replace(state, is_orphaned=True), ctx.surface)
        return f"AgentOS was told to cancel it; nothing came of that.\n{now}"
    if not state.has_ended:
        note = f"\n{_SEVERAL_WORKERS}" if len(await worker_starts(ctx.agent_os)) > 1 else ""
        return f"Cancelling: it stops when its current tool or function call returns.{note}\nrun: {ref}"
    if state.status is Status.CANCELLED:
        return f"Cancelled.\nrun: {ref}"
    return f"Not cancelled, as it ended first: {ended_line(state, output)}\nrun: {ref}"


async def _wait_for_cancelled(ctx: ToolContext, state: RunState) -> RunState:
    """The run once it has ended, or after a while: it is asked for, so that its end cannot be seen is no failure."""
    ended = anyio.Event()

    async def wait_for_end(seconds: float) -> bool:
        with anyio.move_on_after(seconds):
            await ended.wait()
        return ended.is_set()

    with anyio.move_on_after(_CANCEL_WAIT_SECONDS), suppress(AgentOSError):
        async with unwrapped_task_group() as tasks:
            tasks.start_soon(ctx.engine.repeat_cancellation, state.ref, wait_for_end)
            while True:
                if state.has_ended:
                    ended.set()
                    break
                await anyio.sleep(0.1)
                state = await ctx.engine.read(state.ref)
    return state


def _can_be_cancelled(state: RunState) -> bool:
    return state.status in (Status.PENDING, Status.RUNNING, Status.PAUSED)


async def _cancel_details(ctx: ToolContext, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
    ref = ctx.run_ref(str(arguments["run"]))
    state, output = await ctx.engine.read_stored(ref)
    if not _can_be_cancelled(state):
        return None
    return {
        "component": f"{ref.kind} {ref.component}",
        "input": input_text(output),
        "status": state.status.lower(),
        "started": format_time(output.get("created_at")),
        "user": output.get("user_id"),
    }


_MAY_SEE_RUNS = (*MAY_RUN, *MAY_READ, "sessions:read", "traces:read")
TOOLSET = Toolset(
    "runs",
    hint(
        "A result ends with the run's reference (run: ...), which {get}, {answer}, {explain} and {cancel} take.",
        get=Action.of("get_run"),
        answer=Action.of("continue_run"),
        explain=Action.of("explain_run"),
        cancel=Action.of("cancel_run"),
        otherwise="A result ends with the run's reference (run: ...), which other tools take.",
    ),
    write(run_agent, open_world=True, default=True, scopes=("agents:run",)),
    write(run_team, open_world=True, default=True, scopes=("teams:run",)),
    write(run_workflow, open_world=True, default=True, scopes=("workflows:run",)),
    read(get_run, default=True, scopes=_MAY_SEE_RUNS),
    write(continue_run, open_world=True, default=True, scopes=MAY_RUN),
    read(list_runs, default=True, scopes=_MAY_SEE_RUNS),
    read(list_pending, default=True, scopes=(*_MAY_SEE_RUNS, "approvals:read")),
    read(explain_run, default=True, scopes=_MAY_SEE_RUNS),
    read(compare_runs, scopes=_MAY_SEE_RUNS, spans=False),
    destructive(cancel_run, default=True, details=_cancel_details, scopes=MAY_RUN),
)
