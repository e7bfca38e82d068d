"""Waits for a run within a tool call: sends progress, then returns its result, or where it stands when time is up."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import anyio
from mcp_types import CallToolResult, InputRequiredResult, TextContent

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.runs.registry import LiveRun
from agentos_mcp.agentos.runs.run import RunState, Status
from agentos_mcp.runs.media import media_blocks
from agentos_mcp.runs.progress import Progress, Send
from agentos_mcp.runs.questions import ask_person, earlier_progress
from agentos_mcp.runs.request import with_schema_notes
from agentos_mcp.runs.result import result_data, result_text, unfinished_result
from agentos_mcp.runs.timeouts import call_wait
from agentos_mcp.tooling.context import ToolContext

log = logging.getLogger(__name__)

_CANCEL_SECONDS = 1.5
_REFERENCE_SECONDS = 10.0
"""How much longer a call may take to return a reference that others can use."""
_TAKEN_SECONDS = 0.5
"""How long a call that is not to wait looks for a sign that AgentOS has taken its run, or has refused it."""
_REFERENCE_POLL_SECONDS = 0.05
_MAX_MEDIA_CHARACTERS = 800_000
"""Characters of media and bytes of text that one result may carry: clients drop messages that are too large."""


async def follow_run(
    ctx: ToolContext,
    run: LiveRun,
    *,
    wait: float | None = None,
    offset: int = 0,
    owns_run: bool = True,
    schema: Mapping[str, Any] | None = None,
) -> CallToolResult | InputRequiredResult:
    """Show a run to the client until it ends or the wait does.

    `owns_run`: the call started or continued the run, so cancelling the call cancels the run, and the
    person can be asked what it waits for. `schema` is what the answer has to fit. A call that ends
    because the client is gone or the server stops leaves the run going.
    """
    progress = Progress(_progress_receiver(ctx), after=earlier_progress(ctx))
    try:
        allowed = call_wait(ctx, wait)
        if allowed.seconds:
            seconds, until = allowed.seconds, lambda _: ctx.run_registry.is_stopping
        else:
            seconds, until = (_TAKEN_SECONDS if owns_run else _REFERENCE_SECONDS), _is_taken
        ended = await run.watch(seconds, until=until, display=progress)
        if not ended:
            await _wait_for_reference(run, _REFERENCE_SECONDS)
            ended = run.done
        await progress.finish(run.state)
    except anyio.get_cancelled_exc_class():
        if owns_run and not run.done:
            with anyio.move_on_after(_CANCEL_SECONDS, shield=True):
                if await ctx.cancels_run():
                    await _wait_for_reference(run, _CANCEL_SECONDS)
                    await _cancel(ctx, run)
        raise
    if not ended or not run.state.has_ended:
        return _to_result(ctx, run.state, unfinished_result(run.state, ctx.surface, allowed.note))
    if run.state.status is Status.PAUSED and owns_run and (question := ask_person(ctx, run.state, progress.value)):
        return question
    state = await with_schema_notes(run.state, schema or run.schema)
    return _to_result(ctx, state, result_text(ctx, state, offset), offset)


def _to_result(ctx: ToolContext, state: RunState, text: str, offset: int = 0) -> CallToolResult:
    """A run as the client gets it: its words, its media where it has ended well, its data where that is asked for."""
    failed = state.status is Status.ERROR
    media_limit = 0 if failed else max(0, _MAX_MEDIA_CHARACTERS - len(text.encode("utf-8", "replace")))
    return CallToolResult(
        content=[TextContent(type="text", text=text), *media_blocks(state.media, limit=media_limit)],
        structured_content=result_data(ctx, state, offset) if ctx.settings.structured_output else None,
        is_error=failed,
    )


def _is_taken(state: RunState) -> bool:
    """Whether AgentOS has shown that it has the run, and works on it."""
    return not state.is_provisional and not state.has_ended and (state.events > 0 or state.is_stored)


async def _wait_for_reference(run: LiveRun, seconds: float) -> None:
    """Return once the run has the name by which AgentOS knows it, or has not got one in time."""
    with anyio.move_on_after(seconds):
        while run.state.is_provisional and not run.done:
            await run.watch(_REFERENCE_POLL_SECONDS)


async def _cancel(ctx: ToolContext, run: LiveRun) -> None:
    try:
        await ctx.engine.cancel(run.state.ref)
    except AgentOSError as error:
        log.warning("Could not cancel %s: %s", run.state.ref, error)
    else:
        ctx.run_registry.repeat_cancellation(run)


def _progress_receiver(ctx: ToolContext) -> Send | None:
    """Where progress goes; None where the client did not ask for it."""
    meta = ctx.mcp.request_context.meta
    if not meta or meta.get("progress_token") is None:
        return None

    async def send(progress: float, total: float | None, message: str) -> None:
        await ctx.mcp.report_progress(progress, total, ctx.agent_os.mask(message))

    return send
