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
from agentos_mcp.agentos.timestamps import ANY_TIME, Period
from agentos_mcp.tooling.context import ToolContext, present_values
from agentos_mcp.tools.traces.spans import TracedRun, has_errors, is_named, runs_of

Trace = Mapping[str, Any]

MAX_TRACES = 1000
"""How many traces are read at most, from the newest on."""
NAMING_ADVICE = (
    'To have traces named after their runs, build AgentOS with base_app=FastAPI(telemetry={"tracing": False}).'
)

PAGE_SIZE = 50
"""Not more: a trace's tree holds all that its models read."""
_SAMPLE_SIZE = 5


@dataclass(frozen=True)
class TraceQuery:
    """Which traces to find; a field that is '' or None does not limit them."""

    run: RunRef | None = None
    session_id: str = ""
    user_id: str = ""
    component: Component | None = None
    errors: bool = False
    """Only those in which something failed. AgentOS's own status is the last span's, so it cannot serve for that."""
    period: Period = ANY_TIME
    """When it started: traces are sorted by their start, and overlap."""

    @property
    def since(self) -> str:
        """The beginning of the period as AgentOS takes it, '' where it has none."""
        return self.period.since.isoformat() if self.period.since is not None else ""

    @property
    def until(self) -> str:
        """The end of the period as AgentOS takes it, '' where it has none."""
        return self.period.until.isoformat() if self.period.until is not None else ""

    @property
    def of_runs(self) -> dict[str, str]:
        """What AgentOS's own filters take."""
        filters = {
            "run_id": self.run.run if self.run else "",
            "session_id": self.session_id,
            "user_id": self.user_id,
        }
        if self.component is not None:
            filters[f"{self.component.kind}_id"] = self.component.id
        return {name: value for name, value in filters.items() if value}

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
    """Traces, newest first. `read_count` is how many were read to find them, `reads_trees` whether with their trees."""

    traces: list[Trace] = field(default_factory=list)
    read_count: int = 0
    reads_trees: bool = False
    older_until: str = ""
    """The `until` that leads to those that were not read; '' where there are none."""


async def find_traces(ctx: ToolContext, db_id: str, query: TraceQuery, limit: int) -> TraceSearchResult:
    """The newest traces that are asked for, at most `limit`."""
    reads_trees = not await traces_are_named(ctx, db_id)
    matches = query.fits if reads_trees else query.fits_errors
    traces: list[Trace] = []
    seen_ids: set[str] = set()
    last_start, is_complete = "", False
    # AgentOS's own list can only be cut by when a trace ended, its search by when it started, too.
    use_search = reads_trees or query.until
    async for page in (
        _searched_pages(ctx, db_id, query, reads_trees=reads_trees) if use_search else _listed_pages(ctx, db_id, query)
    ):
        for trace in page:
            if str(trace.get("trace_id")) in seen_ids:
                continue
            # Those that started in the same moment come along: the next page begins before it.
            if len(traces) >= limit and trace.get("start_time") != last_start:
                return TraceSearchResult(traces, len(seen_ids), reads_trees, older_until=_just_before(last_start))
            seen_ids.add(str(trace.get("trace_id")))
            last_start = str(trace.get("start_time"))
            if matches(trace):
                traces.append(trace)
        if traces and query.run is not None:
            # Its other traces, if it was paused and continued, are not far.
            return TraceSearchResult(traces, len(seen_ids), reads_trees)
        is_complete = len(page) < PAGE_SIZE
    return TraceSearchResult(traces, len(seen_ids), reads_trees, older_until="" if is_complete else last_start)


def _just_before(moment: str) -> str:
    try:
        return (datetime.fromisoformat(moment) - timedelta(microseconds=1)).isoformat()
    except ValueError:
        return moment


async def traces_are_named(ctx: ToolContext, db_id: str) -> bool:
    """Whether AgentOS's traces have a run's ids: then its own filters find them. True where there are none."""
    newest = await ctx.page("/traces", db_id=db_id, limit=_SAMPLE_SIZE)
    return all(is_named(trace) for trace in newest)


async def _listed_pages(ctx: ToolContext, db_id: str, query: TraceQuery) -> AsyncIterator[Page]:
    """Pages of the newest traces that AgentOS finds itself; the last one is not full, or the limit is reached."""
    for page_number in range(1, MAX_TRACES // PAGE_SIZE + 1):
        page = await ctx.page(
            "/traces", **query.of_runs, start_time=query.since, db_id=db_id, limit=PAGE_SIZE, page=page_number
        )
        yield page
        if len(page) < PAGE_SIZE:
            return


async def _searched_pages(ctx: ToolContext, db_id: str, query: TraceQuery, *, reads_trees: bool) -> AsyncIterator[Page]:
    """Pages of the newest traces with their trees, which may overlap; the last is not full, or the limit is reached.

    `reads_trees`: traces have no ids of runs to be found by.
    """
    conditions = [{"op": "GTE", "key": "start_time", "value": query.since}] if query.since else []
    if not reads_trees:
        conditions += [{"op": "EQ", "key": key, "value": value} for key, value in query.of_runs.items()]
    async for page in _newest_pages(ctx, db_id, conditions, query.until):
        yield page


async def find_all(ctx: ToolContext, db_id: str, filter: Mapping[str, Any] | None) -> tuple[list[Trace], bool]:
    """The traces that AgentOS's own filter finds, of the newest MAX_TRACES, and whether they are all of them."""
    traces: dict[str, Trace] = {}
    is_complete = False
    async for page in _newest_pages(ctx, db_id, [dict(filter)] if filter else []):
        traces |= {str(trace.get("trace_id")): trace for trace in page}
        is_complete = len(page) < PAGE_SIZE
    return list(traces.values()), is_complete


async def _newest_pages(
    ctx: ToolContext, db_id: str, conditions: list[dict[str, Any]], until: str = ""
) -> AsyncIterator[Page]:
    """Pages of the newest traces, which may overlap; the last one is not full, or the limit is reached."""
    page_number = 1
    for _ in range(MAX_TRACES // PAGE_SIZE):
        # By page number alone it would not do: every request, this one too, is a new trace that shifts the pages.
        older = [{"op": "LTE", "key": "start_time", "value": until}] if until else []
        page = await search(ctx, db_id, _all_of(conditions + older), limit=PAGE_SIZE, page=page_number)
        yield page
        if len(page) < PAGE_SIZE:
            return
        last_start = str(page.rows[-1].get("start_time") or "")
        # A page of traces that all started in one moment leads no further back.
        until, page_number = (until, page_number + 1) if last_start == until else (last_start, 1)


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
