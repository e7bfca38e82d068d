"""Traces of runs: spans with their times, errors, inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from agentos_mcp.agentos.agentos_messages import is_missing_span
from agentos_mcp.agentos.catalog import Component, display_id
from agentos_mcp.agentos.errors import InvalidRequest, NotFound
from agentos_mcp.agentos.hints import Action, Hint, Parameter, as_hint, hint
from agentos_mcp.agentos.json_values import mapping
from agentos_mcp.agentos.pagination import Page as Listed
from agentos_mcp.agentos.pagination import slice_page
from agentos_mcp.agentos.plain_text import as_field
from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.runs.timeline import Timeline
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.parameters import (
    AnyKind,
    ComponentId,
    DbId,
    JsonObject,
    Limit,
    LongName,
    Page,
    Run,
    Since,
    UserId,
)
from agentos_mcp.tooling.results import Record, Table
from agentos_mcp.tooling.time_arguments import parse_period
from agentos_mcp.tooling.tool_spec import DATABASE, Toolset, read
from agentos_mcp.tooling.typed_values import TypedValue, exact_time_value, interval_value, list_value
from agentos_mcp.tools.traces.filters import check_filter, fields_of, keys_of
from agentos_mcp.tools.traces.search import (
    MAX_TRACES,
    NAMING_ADVICE,
    Trace,
    TraceQuery,
    TraceSearchResult,
    find_all,
    find_traces,
    search,
    traces_are_named,
)
from agentos_mcp.tools.traces.spans import (
    COLUMNS,
    hidden_span_count,
    name_of,
    reference_of,
    runs_of,
    seconds_of,
    status_of,
    tokens_of,
    trace_row,
    tree_text,
)
from agentos_mcp.tools.traces.waterfall import trace_timeline

Filter = Annotated[
    JsonObject,
    Field(
        description='{"op": "AND", "conditions": [{"op": "GT", "key": "duration_ms", "value": 5000}, ...]}; '
        "OR, NOT, EQ, LT, IN, CONTAINS"
    ),
]

Order = Literal["latest", "slowest"]

_LIST_IDS = hint("{list} has the ids.", list=Action.of("list_traces"))
_NO_TRACES = "No traces. AgentOS keeps them where it is built with AgentOS(tracing=True)."
_RUN_FIELDS = frozenset({"status", "run_id", "session_id", "user_id", "agent_id", "team_id", "workflow_id", "name"})
_SESSION_COLUMNS = ("session", "components", "user", "traces", "first", "last")


async def list_traces(
    ctx: ToolContext,
    run: Run = "",
    session_id: str = "",
    kind: AnyKind = "",
    id: ComponentId = "",
    errors: Annotated[bool, Field(description="Only where something failed")] = False,
    user_id: UserId = "",
    since: Since = "",
    until: str = "",
    order: Order = "latest",
    db_id: DbId = "",
    limit: Limit = 20,
) -> Table:
    """Traces of runs, latest or slowest first. Read one with get_trace."""
    database = await ctx.database("traces", db_id)
    query = TraceQuery(
        run=ctx.run_ref(run) if run else None,
        session_id=session_id,
        user_id=user_id,
        component=await _component(ctx, kind, id),
        errors=errors,
        period=parse_period(since, until),
    )
    result = await find_traces(ctx, database, query, limit if order == "latest" else MAX_TRACES)
    traces, footer = result.traces, _older_hint(result)
    if order == "slowest":
        traces = sorted(traces, key=seconds_of, reverse=True)[:limit]
        footer = as_hint(f"The slowest of {len(result.traces):,} traces.") + footer
    return Table(
        COLUMNS,
        [trace_row(trace, user_id) for trace in traces],
        empty=_empty_hint(result, query),
        footer=footer,
    )


async def get_trace(
    ctx: ToolContext,
    id: Annotated[LongName, Field(description="Trace id or run reference")],
    span_id: Annotated[str, Field(description="One span's full input and output")] = "",
    db_id: DbId = "",
) -> Record:
    """What happened in a trace, as a tree of spans: durations, errors, inputs and outputs in short."""
    document, other_traces = await read_trace(ctx, id, db_id, span_id)
    return _span_record(document) if span_id else await _trace_record(ctx, document, other_traces)


async def read_trace_timeline(ctx: ToolContext, id: str, db_id: str = "") -> tuple[Record, Timeline]:
    """A trace's facts, and its spans as a timeline instead of a tree."""
    document, other_traces = await read_trace(ctx, id, db_id)
    record = await _trace_record(ctx, document, other_traces)
    return replace(record, texts={}), trace_timeline(document)


async def read_trace(ctx: ToolContext, id: str, db_id: str = "", span_id: str = "") -> tuple[Trace, list[Trace]]:
    """The trace of an id or of a run, or one span of it; and the other traces of the run, newest first.

    Raises NotFound where there is none, or it is another user's.
    """
    database, trace_id = await ctx.database("traces", db_id), id.strip()
    user = ctx.ownership.user_id
    other_traces: list[Trace] = []
    if not trace_id:
        raise InvalidRequest(
            "The id is empty.",
            hint(
                "Give a trace's id ({list}) or a run reference.",
                list=Action.of("list_traces"),
                otherwise="Give a trace's id or a run reference.",
            ),
        )
    if "/" in trace_id:
        latest, *other_traces = await _traces_of_run(ctx, database, ctx.run_ref(trace_id))
        trace_id = str(latest.get("trace_id"))
    if user and span_id:
        # A span does not say whose it is.
        _require_own(ctx, trace_id, await _read_trace(ctx, trace_id, database))
    document = await _read_trace(ctx, trace_id, database, span_id)
    if not span_id:
        _require_own(ctx, trace_id, document)
    return document, other_traces


async def _read_trace(ctx: ToolContext, trace_id: str, database: str, span_id: str = "") -> Trace:
    try:
        return mapping(await ctx.get("/traces/{trace_id}", {"trace_id": trace_id}, span_id=span_id, db_id=database))
    except NotFound as error:
        if span_id and is_missing_span(error.detail):
            raise NotFound(
                error.message,
                hint(
                    "{get} without {span_id} shows its spans.",
                    get=Action.of("get_trace"),
                    span_id=Parameter("span_id"),
                ),
                status=error.status,
            ) from error
        if ctx.ownership.user_id:
            raise _not_own(ctx, trace_id) from error
        raise NotFound(error.message, _LIST_IDS, status=error.status) from error


async def search_traces(
    ctx: ToolContext,
    filter: Filter = None,
    group_by: Literal["trace", "session"] = "trace",
    order: Order = "latest",
    db_id: DbId = "",
    limit: Limit = 20,
    page: Page = 1,
    since: Since = "",
    until: str = "",
) -> Table:
    """Traces by any condition (on duration_ms, name, status...), mere requests included. Read one with get_trace."""
    database = await ctx.database("traces", db_id)
    conditions = None
    if filter:
        conditions = check_filter(filter, fields_of(mapping(await ctx.get("/traces/filter-schema"))))
    period = TraceQuery(period=parse_period(since, until))
    if period.since:
        conditions = _both(conditions, {"op": "GTE", "key": "start_time", "value": period.since})
    if period.until:
        conditions = _both(conditions, {"op": "LTE", "key": "start_time", "value": period.until})
    if user := ctx.ownership.user_id:
        conditions = _both(conditions, {"op": "EQ", "key": "user_id", "value": user})
    group = "session" if group_by == "session" else "run"
    note = ""
    if order == "slowest" and group == "session":
        raise InvalidRequest("Sessions have no duration to be sorted by.", "Sort traces, or take the latest sessions.")
    if order == "slowest":
        found, is_complete = await find_all(ctx, database, conditions)
        own_traces_found = ctx.ownership.own_rows(Listed(sorted(found, key=seconds_of, reverse=True))).rows
        rows = Listed(*slice_page(own_traces_found, limit, page))
        note = "" if is_complete else f"The slowest of the newest {len(found):,} traces."
    else:
        rows = ctx.ownership.own_rows(await search(ctx, database, conditions, group_by=group, limit=limit, page=page))
    empty = as_hint("Nothing fits." if conditions else _NO_TRACES)
    if not rows and (group == "session" or (conditions and _RUN_FIELDS & set(keys_of(conditions)))):
        empty = await _explain_empty(ctx, database, empty)
    if group == "session":
        return Table(_SESSION_COLUMNS, [_session_row(session) for session in rows], empty=empty, meta=rows.meta)
    return Table(COLUMNS, [trace_row(trace) for trace in rows], empty=empty, meta=rows.meta, footer=note)


def _both(conditions: dict[str, Any] | None, condition: dict[str, Any]) -> dict[str, Any]:
    return {"op": "AND", "conditions": [conditions, condition]} if conditions else condition


async def list_trace_sessions(
    ctx: ToolContext,
    kind: AnyKind = "",
    id: ComponentId = "",
    user_id: UserId = "",
    since: Since = "",
    until: str = "",
    db_id: DbId = "",
    limit: Limit = 20,
    page: Page = 1,
) -> Table:
    """Sessions by their traces: how many, of which components, first and last."""
    database = await ctx.database("traces", db_id)
    component = await _component(ctx, kind, id)
    query = TraceQuery(
        user_id=user_id,
        component=component,
        period=parse_period(since, until),
    )
    if not await traces_are_named(ctx, database):
        result = await find_traces(ctx, database, query, MAX_TRACES)
        rows, meta = slice_page(_session_rows(result.traces), limit, page)
        note = f"From the newest {result.read_count:,} traces." if result.older_until else ""
        return Table(_SESSION_COLUMNS, rows, empty=_empty_hint(result, query), meta=meta, footer=note)
    sessions = await ctx.own_page(
        "/trace_session_stats",
        **query.of_runs,
        start_time=query.since,
        end_time=query.until,
        db_id=database,
        limit=limit,
        page=page,
    )
    empty = "No sessions with such traces." if query != TraceQuery() else _NO_TRACES
    return Table(_SESSION_COLUMNS, [_session_row(session) for session in sessions], empty=empty, meta=sessions.meta)


async def _component(ctx: ToolContext, kind: AnyKind, id: str) -> Component | None:
    if kind and not id:
        raise InvalidRequest(
            f"Which {kind}?",
            hint(
                "Give its id or name ({list}).",
                list=Action.of(f"list_{kind}s"),
                otherwise="Give its id or name.",
            ),
        )
    return await ctx.component_to_read(kind, id) if id else None


async def _traces_of_run(ctx: ToolContext, database: str, ref: RunRef) -> list[Trace]:
    """The traces of a run, newest first: more than one where it was paused and continued."""
    components = (await ctx.catalog.inventory()).of(ref.kind)
    component = next((candidate for candidate in components if candidate.id == ref.component), None)
    query = TraceQuery(run=ref, component=component, user_id=ctx.ownership.user_id)
    result = await find_traces(ctx, database, query, 10)
    if not result.traces:
        scope = f" in the newest {result.read_count:,} traces" if result.reads_trees else ""
        raise NotFound(
            f"No trace of this run{scope}.", hint("{list} shows those there are.", list=Action.of("list_traces"))
        )
    return result.traces


def _require_own(ctx: ToolContext, trace_id: str, trace: Trace) -> None:
    """Raises NotFound unless every run in the trace is the user's, on a server for one user."""
    if not ctx.ownership.user_id:
        return
    users = {str(user) for user in (trace.get("user_id"), *(run.user for run in runs_of(trace, inner=True))) if user}
    if users != {ctx.ownership.user_id}:
        raise _not_own(ctx, trace_id, owner="other" if users else "")


def _not_own(ctx: ToolContext, trace_id: str, owner: str = "other") -> NotFound:
    return ctx.ownership.refusal(f"trace '{display_id(trace_id)}'", _LIST_IDS, owner=owner)


async def _trace_record(ctx: ToolContext, trace: Trace, other_traces: list[Trace]) -> Record:
    total, hidden = trace.get("total_spans"), hidden_span_count(trace)
    runs = runs_of(trace)
    reference = reference_of(trace, (await ctx.catalog.inventory()).components, ctx.agent_os.instance)
    facts = {
        "trace": trace.get("trace_id"),
        "status": status_of(trace),
        "started": exact_time_value(trace.get("start_time")),
        "duration": interval_value(trace.get("start_time"), trace.get("end_time")),
        "spans": TypedValue(f"{total} ({hidden} of the web framework's not shown)", total) if hidden else total,
        "errors": trace.get("error_count") or None,
        "tokens": tokens_of(trace),
        "run": reference,
        "session": next((run.session for run in runs if run.session), "") if not reference else "",
        "user": next((run.user for run in runs if run.user), ""),
        "other traces of this run": list_value([str(other.get("trace_id")) for other in other_traces]),
    }
    return Record(
        name_of(trace),
        facts,
        {"tree": tree_text(trace)},
        footer=hint(
            "{get} with {span_id} (in brackets) shows a span in full.",
            get=Action.of("get_trace"),
            span_id=Parameter("span_id"),
        ),
    )


def _span_record(span: Mapping[str, Any]) -> Record:
    facts: dict[str, object] = {
        "type": str(span.get("type") or "").lower().replace("unknown", ""),
        "status": span.get("status"),
        "started": exact_time_value(span.get("start_time")),
        "duration": interval_value(span.get("start_time"), span.get("end_time")),
        "error": span.get("error"),
    }
    # Their names are others', too: a line of ours is never theirs.
    facts = {as_field(name): value for name, value in mapping(span.get("metadata")).items()} | facts
    texts = {key: str(span.get(key) or "") for key in ("input", "output")}
    return Record(str(span.get("name") or "span"), facts, texts)


def _empty_hint(result: TraceSearchResult, query: TraceQuery) -> Hint:
    if result.read_count:
        return as_hint(f"None of the newest {result.read_count:,} traces.") + _older_hint(result)
    return as_hint("No such traces." if query != TraceQuery() else _NO_TRACES)


def _older_hint(result: TraceSearchResult) -> Hint:
    """Where the others are, if there are any."""
    return (
        hint("Older ones: {until}", until=Parameter("until", result.older_until)) if result.older_until else as_hint("")
    )


async def _explain_empty(ctx: ToolContext, database: str, empty: Hint) -> Hint:
    """Why a filter on runs finds nothing where AgentOS's traces have no ids."""
    if await traces_are_named(ctx, database):
        return empty
    inside = hint(
        "{list} and {sessions} look inside them.",
        list=Action.of("list_traces"),
        sessions=Action.of("list_trace_sessions"),
    )
    unnamed = as_hint("Nothing found. Here traces are of HTTP requests and have no run, session or component.")
    return unnamed + inside + NAMING_ADVICE


def _session_row(session: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        session.get("session_id"),
        [f"{kind} {session[f'{kind}_id']}" for kind in ("agent", "team", "workflow") if session.get(f"{kind}_id")],
        session.get("user_id"),
        session.get("total_traces"),
        exact_time_value(session.get("first_trace_at")),
        exact_time_value(session.get("last_trace_at")),
    )


def _session_rows(traces: list[Trace]) -> list[tuple[object, ...]]:
    """Traces by the session of their runs, the latest session first."""
    by_session: dict[str, list[tuple[Trace, str, str]]] = {}
    for trace in traces:
        seen_sessions = set()
        for run in runs_of(trace):
            if run.session and run.session not in seen_sessions:
                seen_sessions.add(run.session)
                by_session.setdefault(run.session, []).append(
                    (trace, f"{run.kind} {run.name.rpartition('.')[0]}", run.user)
                )
    return [
        (
            session,
            sorted({component for _, component, _ in entries}),
            next((user for _, _, user in entries if user), ""),
            len(entries),
            exact_time_value(entries[-1][0].get("start_time")),
            exact_time_value(entries[0][0].get("start_time")),
        )
        for session, entries in by_session.items()
    ]


TOOLSET = Toolset(
    "traces",
    "A trace is one request through AgentOS as a tree of spans with times.",
    read(list_traces, "GET /traces"),
    read(get_trace, "GET /traces/{trace_id}"),
    read(search_traces, "POST /traces/search"),
    read(list_trace_sessions, "GET /trace_session_stats"),
    needs=DATABASE,
)
