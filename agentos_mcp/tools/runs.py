"""Runs: start one and watch it, look at one again, cancel one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import anyio
from mcp_types import CallToolResult, InputRequiredResult
from pydantic import Field

from agentos_mcp.agentos.engine import RunOrder
from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.run import Kind, RunRef, Status
from agentos_mcp.bridge.context import Ctx
from agentos_mcp.bridge.parameters import JsonFilters, JsonObject, Message, Run, SessionId, UserId, Wait
from agentos_mcp.bridge.questions import answer, answered, asked_run
from agentos_mcp.bridge.render import run_result
from agentos_mcp.bridge.toolset import Toolset, destructive, failure, read, text, write
from agentos_mcp.bridge.watch import watch

Shown = CallToolResult | InputRequiredResult

_CANCEL_WAIT = 5.0


async def run_agent(
    ctx: Ctx,
    agent_id: str,
    message: Message,
    session_id: SessionId = "",
    user_id: UserId = "",
    session_state: JsonObject = None,
    dependencies: JsonObject = None,
    metadata: JsonObject = None,
    knowledge_filters: JsonFilters = None,
    wait: Wait = 0,
) -> Shown:
    """Run an agent (by id or name) and return its answer. Long runs show their progress."""
    fields = _form_fields(
        session_state=session_state,
        dependencies=dependencies,
        metadata=metadata,
        knowledge_filters=knowledge_filters,
    )
    return await _run(ctx, "agent", agent_id, message, session_id, user_id, fields, wait)


async def run_team(
    ctx: Ctx,
    team_id: str,
    message: Message,
    session_id: SessionId = "",
    user_id: UserId = "",
    session_state: JsonObject = None,
    dependencies: JsonObject = None,
    metadata: JsonObject = None,
    knowledge_filters: JsonFilters = None,
    wait: Wait = 0,
) -> Shown:
    """Run a team of agents (by id or name) and return its answer."""
    fields = _form_fields(
        session_state=session_state,
        dependencies=dependencies,
        metadata=metadata,
        knowledge_filters=knowledge_filters,
    )
    return await _run(ctx, "team", team_id, message, session_id, user_id, fields, wait)


async def run_workflow(
    ctx: Ctx,
    workflow_id: str,
    message: Message,
    session_id: SessionId = "",
    user_id: UserId = "",
    session_state: JsonObject = None,
    dependencies: JsonObject = None,
    metadata: JsonObject = None,
    factory_input: Annotated[JsonObject, Field(description="A factory's inputs: see get_component")] = None,
    wait: Wait = 0,
) -> Shown:
    """Run a workflow (by id or name: "content pipeline") step by step and return its result."""
    fields = _form_fields(
        session_state=session_state, dependencies=dependencies, metadata=metadata, factory_input=factory_input
    )
    return await _run(ctx, "workflow", workflow_id, message, session_id, user_id, fields, wait)


async def get_run(
    ctx: Ctx,
    run: Run,
    offset: Annotated[int, Field(ge=0, description="Where to go on in a long answer")] = 0,
    wait: Wait = 0,
) -> Shown:
    """Go on waiting for a run, or read its result again, by its reference."""
    return await watch(ctx, ctx.live.join(RunRef.parse(run)), wait=wait, offset=offset, ours=False)


async def continue_run(ctx: Ctx, run: Run, answers: JsonObject = None, wait: Wait = 0) -> Shown:
    """Give a paused run the user's answers, keyed as its result says, and go on watching it."""
    return await _continue(ctx, RunRef.parse(run), answers or {}, wait)


async def cancel_run(ctx: Ctx, run: Run) -> str:
    """Cancel a run that is still going."""
    ref = RunRef.parse(run)
    state = await ctx.engine.read(ref)
    if state.status not in (Status.PENDING, Status.RUNNING, Status.PAUSED):
        return f"Nothing to cancel.\n{run_result(state, tokens=200)}"
    await ctx.engine.cancel(ref)
    if state.status is Status.PAUSED:
        return f"The paused run will be cancelled as soon as it is continued.\nrun: {ref}"
    with anyio.move_on_after(_CANCEL_WAIT):
        while not state.ended:
            await anyio.sleep(0.1)
            state = await ctx.engine.read(ref)
    if not state.ended:
        return f"Cancelling: it stops when its current tool or function call returns.\nrun: {ref}"
    return run_result(state, tokens=ctx.settings.result_tokens)


async def _run(
    ctx: Ctx,
    kind: Kind,
    asked: str,
    message: str,
    session_id: str,
    user_id: str,
    fields: Mapping[str, str],
    wait: float,
) -> Shown:
    if (ref := asked_run(ctx)) is not None:
        return await _continue(ctx, ref, {}, wait)
    if not message.strip():
        raise InvalidRequest("The message is empty.", f"Say what the {kind} should do.")
    component = await ctx.catalogue.find(kind, asked)
    order = RunOrder(component, message, session_id=session_id, user_id=user_id, fields=fields)
    return await watch(ctx, ctx.live.start(order), wait=wait)


async def _continue(ctx: Ctx, ref: RunRef, answers: Mapping[str, Any], wait: float) -> Shown:
    """Continue a paused run, or show it as it is where it waits for nothing (any more)."""
    async with ctx.live.alone(ref):
        run = ctx.live.known(ref)
        if run is None or run.done:
            state = run.state if run is not None else await ctx.engine.read(ref)
            if state.status is not Status.PAUSED:
                return await watch(ctx, ctx.live.join(ref), wait=wait)
            if (given := answered(ctx, state)) is not None:
                if given.answers is None:
                    return text(run_result(state, tokens=ctx.settings.result_tokens))
                answers = given.answers
            try:
                form = await answer(ctx, state, answers)
            except InvalidRequest as problem:
                return failure(f"{problem}\n{run_result(state, tokens=ctx.settings.result_tokens)}")
            run = ctx.live.resume(state, form)
    return await watch(ctx, run, wait=wait)


def _form_fields(**values: object) -> dict[str, str]:
    """AgentOS's form fields for the values that were given: JSON, which it drops silently if it is bad."""
    return {
        name: json.dumps(value, ensure_ascii=False, allow_nan=False)
        for name, value in values.items()
        if value is not None
    }


TOOLSET = Toolset(
    "runs",
    "A result ends with the run's reference (run: ...), which get_run, continue_run and cancel_run take.",
    write(run_agent, open_world=True),
    write(run_team, open_world=True),
    write(run_workflow, open_world=True),
    read(get_run),
    write(continue_run, open_world=True),
    destructive(cancel_run),
)
