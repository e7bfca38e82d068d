"""Reads from AgentOS what a view shows, also of a run that is going."""

from __future__ import annotations

import math
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import anyio

from agentos_mcp.agentos.catalog import to_run
from agentos_mcp.agentos.errors import (
    AgentOSError,
    Forbidden,
    InvalidRequest,
    NotFound,
    RunFailed,
    Unreachable,
    Unsupported,
)
from agentos_mcp.agentos.plain_text import one_line, strip_data
from agentos_mcp.agentos.runs.registry import LiveRun
from agentos_mcp.agentos.runs.run import Kind, RunRef
from agentos_mcp.runs.pending import read_pending
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tools.runs import read_comparison
from agentos_mcp.tools.traces.spans import reference_of
from agentos_mcp.tools.traces.tools import read_trace
from agentos_mcp.views.comparison_view import comparison_view
from agentos_mcp.views.content import View, ViewContent
from agentos_mcp.views.inbox_view import inbox_view
from agentos_mcp.views.metrics_view import metrics_view
from agentos_mcp.views.run_view import LiveTimeline, run_view
from agentos_mcp.views.trace_view import trace_view

_FINAL_ERRORS = (NotFound, Forbidden, InvalidRequest, Unsupported, RunFailed)
"""All others may be gone when AgentOS answers again, or has another token."""
_MAX_ERROR_LENGTH = 1_000
_MAX_TIMELINES = 50
QUIET_SECONDS = 5.0
"""After so long without news of a run, and as often, AgentOS is asked whether it is still there."""
_ANSWER_SECONDS = 5.0
"""How long it may take to say so."""


@dataclass(frozen=True)
class ViewSubject:
    """What a view is about. Fields that a view has no use for are ''."""

    view: View
    id: str = ""
    """A run's reference, or a trace's id."""
    run_a: str = ""
    run_b: str = ""
    """Of two runs that are compared: their references, or as `compare_runs` takes them."""
    since: str = ""
    until: str = ""
    user_id: str = ""
    db_id: str = ""


class ViewReader:
    """Reads views, and keeps what was seen of the runs that are going."""

    def __init__(self) -> None:
        self._timelines: WeakKeyDictionary[LiveRun, LiveTimeline] = WeakKeyDictionary()
        self._by_reference: OrderedDict[str, LiveTimeline] = OrderedDict()
        """A run that is followed anew, as after an outage, goes on in the same timeline."""
        self._checked_at = -math.inf

    async def read(self, ctx: ToolContext, subject: ViewSubject, *, watch_seconds: float = 0.0) -> ViewContent:
        """What the view shows. A run that is going is watched for `watch_seconds` before."""
        match subject.view:
            case "run":
                return await self._run(ctx, ctx.run_ref(subject.id), watch_seconds)
            case "trace":
                trace, _ = await read_trace(ctx, subject.id, subject.db_id)
                components = (await ctx.catalog.inventory()).components
                return trace_view(trace, reference_of(trace, components, ctx.agent_os.instance))
            case "metrics":
                return await metrics_view(ctx, subject.since, subject.until, subject.user_id, subject.db_id)
            case "compare":
                return comparison_view(*await read_comparison(ctx, subject.run_a, subject.run_b), ctx.surface)
            case "inbox":
                return inbox_view(await read_pending(ctx, subject.user_id), ctx.surface)

    async def live_run(self, ctx: ToolContext, kind: Kind, component: str) -> RunRef | None:
        """The run of a component that this process has started last and still follows, if there is one."""
        live = ctx.run_registry.latest((await ctx.catalog.find(kind, component, to_run)).id, kind)
        return live.state.ref if live is not None else None

    def starting(self, kind: Kind, component: str) -> ViewContent:
        """The view of a run that has been asked for, but has no reference yet."""
        return ViewContent(f"{kind} {component}", "pending", "starting", is_final=False)

    async def _run(self, ctx: ToolContext, ref: RunRef, watch_seconds: float) -> ViewContent:
        live = ctx.run_registry.get(ref)
        if live is not None and ctx.ownership.user_id and not ctx.ownership.knows(ref):
            await ctx.engine.read(ref)
        if live is None:
            state, output = await ctx.engine.read_stored(ref)
            if state.has_ended or state.is_orphaned:
                return run_view(state, output, ctx.surface)
            live = ctx.run_registry.attach(ref)
        content = await self._live(ctx, live, watch_seconds)
        if not content.is_final:
            return content
        # The stored run has more than its events told; without a database there is none.
        with suppress(AgentOSError):
            state, output = await ctx.engine.read_stored(live.state.ref)
            if state.has_ended:
                return run_view(state, output, ctx.surface)
        return content

    async def _live(self, ctx: ToolContext, live: LiveRun, watch_seconds: float) -> ViewContent:
        live_timeline = self._timeline(live)
        live_timeline.report(live.state)
        if not live.done and watch_seconds > 0:
            await live.watch(watch_seconds, report=live_timeline.report)
            await self._check_answers(ctx, live)
        content = live_timeline.content(ctx.surface)
        if content.is_final:
            self._by_reference.pop(str(live.state.ref), None)
        return content

    async def _check_answers(self, ctx: ToolContext, live: LiveRun) -> None:
        """Raise what AgentOS's silence hides: whoever follows a run goes on for a while without saying a word."""
        now = anyio.current_time()
        if live.done or now - max(live.changed_at, self._checked_at) < QUIET_SECONDS:
            return
        with anyio.move_on_after(_ANSWER_SECONDS) as waiting:
            try:
                await ctx.agent_os.get("/health", retry=False)
            except AgentOSError as error:
                if error.is_transient:
                    raise
            self._checked_at = anyio.current_time()
        if waiting.cancelled_caught:
            raise Unreachable("AgentOS does not answer.")

    def _timeline(self, live: LiveRun) -> LiveTimeline:
        key = str(live.state.ref)
        live_timeline = self._timelines.get(live) or self._by_reference.get(key) or LiveTimeline()
        self._timelines[live] = self._by_reference[key] = live_timeline
        self._by_reference.move_to_end(key)
        while len(self._by_reference) > _MAX_TIMELINES:
            self._by_reference.popitem(last=False)
        return live_timeline


def error_data(ctx: ToolContext, error: AgentOSError) -> dict[str, Any]:
    """Why there is nothing to show, as a page is told: `error`, and `is_final`, where asking again changes nothing."""
    words = one_line(ctx.agent_os.mask(error.render(ctx.surface)), max_length=_MAX_ERROR_LENGTH)
    return {"error": words, "is_final": isinstance(error, _FINAL_ERRORS)}


def view_data(ctx: ToolContext, content: ViewContent) -> dict[str, Any]:
    """What may leave of it, as JSON: a token of ours that a component repeats does not."""
    data: dict[str, Any] = strip_data(content.to_data(), ctx.agent_os.mask)
    return data
