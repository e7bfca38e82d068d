"""A tool call watches a run: live progress while it goes, its result when it ends, cancel on cancel."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import anyio
from mcp_types import CallToolResult

from agentos_mcp.agentos.engine import Report
from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.run import RunState, Status
from agentos_mcp.bridge.context import Ctx
from agentos_mcp.bridge.progress import Send, live_progress
from agentos_mcp.bridge.render import run_result
from agentos_mcp.bridge.toolset import failure, text

log = logging.getLogger(__name__)

_CANCEL_SECONDS = 1.5


async def watch(ctx: Ctx, go: Callable[[Report], Awaitable[RunState]], *, offset: int = 0) -> CallToolResult:
    """Let `go` run or follow a run, reporting to the client; the finished run's result.

    A call that the client cancels cancels the run on AgentOS too. One that ends because the client
    is gone or the server stops leaves a background run going.
    """
    latest: RunState | None = None
    try:
        async with live_progress(_receiver(ctx)) as show:

            def report(state: RunState) -> None:
                nonlocal latest
                latest = state
                show(state)

            state = await go(report)
    except anyio.get_cancelled_exc_class():
        if latest is not None and not latest.ended and not (ctx.backend.leaving and latest.numbered):
            with anyio.move_on_after(_CANCEL_SECONDS, shield=True):
                await _cancel(ctx, latest)
        raise
    words = run_result(state, tokens=ctx.settings.result_tokens, offset=offset)
    return failure(words) if state.status is Status.ERROR else text(words)


async def _cancel(ctx: Ctx, state: RunState) -> None:
    try:
        await ctx.engine.cancel(state.ref)
    except AgentOSError as error:
        log.warning("Could not cancel %s: %s", state.ref, error)


def _receiver(ctx: Ctx) -> Send | None:
    """Where progress goes; None where the client did not ask for it."""
    meta = ctx.mcp.request_context.meta
    if not meta or meta.get("progress_token") is None:
        return None

    async def send(progress: float, total: float | None, message: str) -> None:
        await ctx.mcp.report_progress(progress, total, message)

    return send
