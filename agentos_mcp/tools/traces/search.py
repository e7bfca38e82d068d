"""Finds the traces of runs: by AgentOS's own filters where its traces have ids, else by looking inside.

Where the web framework traces requests too (FastAPI from 0.165 on), AgentOS files every request as a
trace, under no run, session or component; the run is in the tree. So the newest traces are read
with their trees, page by page, and those that hold a run which fits are kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from agentos_mcp.agentos.catalog import Component
from agentos_mcp.agentos.pagination import Page, read_page
from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.tooling.context import ToolContext, present_values
from agentos_mcp.tools.traces.spans import TracedRun, has_errors, is_named, runs_of

Trace = Mapping[str, Any]

LOOKED_AT = 1000
"""How many traces are looked into at most, from the newest on."""
UNNAMED_ADVICE = (
    'To have traces named after their runs, build AgentOS with base_app=FastAPI(telemetry={"tracing": False}).'
)

AT_ONCE = 50
"""Not more: a trace's tree holds all that its models read."""
_SAMPLE = 5


@dataclass(frozen=True)
class TraceQuery:
    """Which traces are asked for; what is '' or None does not matter."""

    run: RunRef | None = None
    session_id: str = ""
    user_id: str = ""
    component: Component | None = None
    errors: bool = False
    """Only those in which something failed. AgentOS's own status is the last span's, so it cannot serve for that."""
    since: str = ""
    until: str = ""
    """Moments in ISO 8601 between which it started: traces are sorted by their start, and overlap."""

    @property
    def of_runs(self) -> dict[str, str]:
        """What AgentOS's own filters take."""
        given = {
            "run_id": self.run.run if self.run else "",
            "session_id": self.session_id,
            "user_id": self.user_id,
        }
        if self.component is not None:
            given[f"{self.component.kind}_id"] = self.component.id
        return {name: value for name, value in given.items() if value}

    def fits(self, trace: Trace) -> bool:
        """Whether a trace, with its tree, holds a run that is asked for."""
        return self.fits_errors(trace) and any(self._fits_run(run) for run in runs_of(trace, inner=True))

    def fits_errors(self, trace: Trace) -> bool:
        return not self.errors or has_errors(trace)

    def _fits_run(self, run: TracedRun) -> bool:
        if self.session_id and run.session != self.session_id:
            return False
        if self.user_id and run.user != self.user_id:
            return False
        if self.component is not None and not run.of(self.component):
            return False
        if self.run is None:
            return True
        # An inner workflow's span has no run id: its session must do, which is a run's own unless one was given.
        return run.run == self.run.run or (
            not run.run and run.kind == self.run.kind and run.session == self.run.session
        )


@dataclass(frozen=True)
class TraceSearchResult:
    """Traces, newest first. `looked` is how many were looked at, `inside` whether with their trees."""

    traces: list[Trace] = field(default_factory=list)
    looked: int = 0
    inside: bool = False
    older: str = ""
    """The `until` that leads to those that were not looked at; '' where there are none."""


async def find_traces(ctx: ToolContext, db_id: str, wanted: TraceQuery, limit: int) -> TraceSearchResult:
    """The newest traces that are asked for, at most `limit`."""
    inside = not await traces_are_named(ctx, db_id)
    fits = wanted.fits if inside else wanted.fits_errors
    found: list[Trace] = []
    seen: set[str] = set()
    last, whole = "", False
    # AgentOS's own list can only be cut by when a trace ended, its search by when it started, too.
    searched = inside or wanted.until
    async for page in _searched(ctx, db_id, wanted, inside=inside) if searched else _listed(ctx, db_id, wanted):
        for trace in page:
            if str(trace.get("trace_id")) in seen:
                continue
            # Those that started in the same moment come along: the next page begins before it.
            if len(found) >= limit and trace.get("start_time") != last:
                return TraceSearchResult(found, len(seen), inside, older=_just_before(last))
            seen.add(str(trace.get("trace_id")))
            last = str(trace.get("start_time"))
            if fits(trace):
                found.append(trace)
        if found and wanted.run is not None:
            # Its other traces, if it was paused and continued, are not far.
            return TraceSearchResult(found, len(seen), inside)
        whole = len(page) < AT_ONCE
    return TraceSearchResult(found, len(seen), inside, older="" if whole else last)


def _just_before(moment: str) -> str:
    try:
        return (datetime.fromisoformat(moment) - timedelta(microseconds=1)).isoformat()
    except ValueError:
        return moment


async def traces_are_named(ctx: ToolContext, db_id: str) -> bool:
    """Whether AgentOS's traces have a run's ids: then its own filters find them. True where there are none."""
    newest = await ctx.page("/traces", db_id=db_id, limit=_SAMPLE)
    return all(is_named(trace) for trace in newest)


async def _listed(ctx: ToolContext, db_id: str, wanted: TraceQuery) -> AsyncIterator[Page]:
    """Pages of the newest traces that AgentOS finds itself; the last one is not full, or the limit is reached."""
    for number in range(1, LOOKED_AT // AT_ONCE + 1):
        page = await ctx.page(
            "/traces", **wanted.of_runs, start_time=wanted.since, db_id=db_id, limit=AT_ONCE, page=number
        )
        yield page
        if len(page) < AT_ONCE:
            return


async def _searched(ctx: ToolContext, db_id: str, wanted: TraceQuery, *, inside: bool) -> AsyncIterator[Page]:
    """Pages of the newest traces with their trees, which may overlap; the last is not full, or the limit is reached.

    `inside`: traces have no ids of runs to be found by.
    """
    within = [{"op": "GTE", "key": "start_time", "value": wanted.since}] if wanted.since else []
    if not inside:
        within += [{"op": "EQ", "key": key, "value": value} for key, value in wanted.of_runs.items()]
    until, number = wanted.until, 1
    for _ in range(LOOKED_AT // AT_ONCE):
        # By page number alone it would not do: every request, this one too, is a new trace that shifts the pages.
        older = [{"op": "LTE", "key": "start_time", "value": until}] if until else []
        page = await search(ctx, db_id, _all_of(within + older), limit=AT_ONCE, page=number)
        yield page
        if len(page) < AT_ONCE:
            return
        last = str(page.rows[-1].get("start_time") or "")
        # A page of traces that all started in one moment leads no further back.
        until, number = (until, number + 1) if last == until else (last, 1)


async def search(
    ctx: ToolContext, db_id: str, filter: Mapping[str, Any] | None, *, group_by: str = "run", limit: int, page: int = 1
) -> Page:
    """One page of AgentOS's search: traces with their trees, or sessions."""
    body = {"group_by": group_by, "page": page, "limit": limit} | ({"filter": filter} if filter else {})
    answer = await ctx.agent_os.request(
        "POST", "/traces/search", query=present_values(db_id=db_id), json=body, retry=True
    )
    return read_page(answer)


def _all_of(conditions: list[dict[str, Any]]) -> dict[str, Any] | None:
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    return {"op": "AND", "conditions": conditions}
