"""A trace's spans as a timeline: rows with exact times, kinds, models' tokens and errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.agentos.timestamps import parse_timestamp
from agentos_mcp.runs.run_parts import PartStatus
from agentos_mcp.runs.timeline import MAX_ERROR_LENGTH, MAX_LABEL_LENGTH, Timeline, TimelineRow
from agentos_mcp.tools.traces.spans import (
    Span,
    children_of,
    has_errors,
    is_framework,
    name_of,
    span_tokens,
    status_of,
    tree_of,
)

MAX_ROWS = 2_000


def trace_timeline(trace: Mapping[str, Any]) -> Timeline:
    """A trace with its tree (as `GET /traces/{trace_id}` answers); the web framework's spans left out."""
    spans = list(visible_spans(trace))
    starts = [moment for span, _ in spans if (moment := _seconds(span.get("start_time")))]
    origin = min(starts, default=_seconds(trace.get("start_time")))
    rows = [_row(span, depth, origin) for span, depth in spans[:MAX_ROWS]]
    return Timeline(
        one_line(name_of(trace), max_length=MAX_LABEL_LENGTH),
        trace_state(trace),
        tuple(rows),
        origin,
        max((row.end for row in rows), default=0.0),
        sum(row.tokens for row in rows),
        rows_left_out=max(0, len(spans) - MAX_ROWS),
    )


def trace_state(trace: Mapping[str, Any]) -> PartStatus:
    """How a trace went: one whose status says neither OK nor ERROR has completed once it has ended."""
    if has_errors(trace):
        return "failed"
    return "completed" if status_of(trace) == "OK" or trace.get("end_time") else "running"


def visible_spans(trace: Mapping[str, Any]) -> Iterator[tuple[Span, int]]:
    """The spans that the timeline has rows for, in its order, each with its depth."""
    yield from _walk(tree_of(trace), 0)


def _walk(spans: Sequence[Span], depth: int) -> Iterator[tuple[Span, int]]:
    for span in spans:
        if is_framework(span):
            yield from _walk(children_of(span), depth)
            continue
        yield span, depth
        yield from _walk(children_of(span), depth + 1)


def _row(span: Span, depth: int, origin: float) -> TimelineRow:
    start, end = _seconds(span.get("start_time")), _seconds(span.get("end_time"))
    failed = span.get("status") == "ERROR"
    kind = str(span.get("type") or "")
    return TimelineRow(
        "" if kind == "UNKNOWN" else one_line(kind.lower(), max_length=20),
        one_line(str(span.get("name") or "unnamed"), max_length=MAX_LABEL_LENGTH),
        depth,
        "failed" if failed else "completed" if end else "running",
        max(0.0, start - origin),
        max(0.0, start - origin, end - origin),
        sum(span_tokens(span)) if kind == "LLM" else 0,
        one_line(str(span.get("error") or "no message"), max_length=MAX_ERROR_LENGTH) if failed else "",
        is_exact=True,
        id=one_line(str(span.get("id") or ""), max_length=80),
    )


def _seconds(timestamp: object) -> float:
    moment = parse_timestamp(timestamp)
    return moment.timestamp() if moment is not None else 0.0
