"""A trace as a waterfall: its spans as bars with their kinds, times, tokens and errors; inputs and outputs folded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentos_mcp.agentos.json_values import mapping, text
from agentos_mcp.runs.timeline import TimelineRow
from agentos_mcp.tooling.typed_values import exact_time_value, interval_value
from agentos_mcp.tools.traces.spans import WITH_ERRORS, Span, hidden_span_count, status_of, tokens_of, user_of
from agentos_mcp.tools.traces.waterfall import trace_state, trace_timeline, visible_spans
from agentos_mcp.views.content import Bar, Bars, Block, ViewContent, text_of


def trace_view(trace: Mapping[str, Any], run: str = "") -> ViewContent:
    """What the view of a trace (as `GET /traces/{id}` answers) shows; `run` is its run's reference, if there is one."""
    timeline = trace_timeline(trace)
    spans = visible_spans(trace)
    rows = [
        _bar(row, span, trace if depth == 0 else {}) for row, (span, depth) in zip(timeline.rows, spans, strict=False)
    ]
    status, state, hidden = status_of(trace), trace_state(trace), hidden_span_count(trace)
    return ViewContent(
        timeline.title or "Trace",
        state,
        status if status == WITH_ERRORS else state,
        facts=[
            ("started", exact_time_value(trace.get("start_time"))),
            ("took", interval_value(trace.get("start_time"), trace.get("end_time"))),
            ("tokens", tokens_of(trace)),
            ("errors", trace.get("error_count")),
            ("user", user_of(trace)),
            ("run", run),
            ("trace", trace.get("trace_id")),
        ],
        notices=[_hidden_notice(hidden)] if hidden else (),
        bars=Bars("Spans", rows, timeline.seconds, timeline.rows_left_out) if rows else None,
        empty="" if rows else "AgentOS has no spans of this trace.",
    )


def _bar(row: TimelineRow, span: Span, root: Mapping[str, Any]) -> Bar:
    has_times = span.get("start_time") and row.status != "running"
    model = text(mapping(span.get("metadata")).get("model"))
    failed = row.status == "failed"
    return Bar(
        row.label,
        row.kind,
        row.depth,
        row.status,
        f"failed: {row.error[:300]}" if failed else "",
        row.start if span.get("start_time") else None,
        row.seconds if has_times else None,
        ", ".join(filter(None, [model, f"{row.tokens:,} tokens" if row.tokens else ""])),
        (
            Block("Error", (text_of(span.get("error")) or "no message") if failed else "", "failed"),
            # A root's own texts are the trace's, and AgentOS does not repeat them.
            Block("Input", text_of(span.get("input") or root.get("input"))),
            Block("Output", text_of(span.get("output") or root.get("output"))),
        ),
    )


def _hidden_notice(count: int) -> str:
    return (
        f"{count:,} {'span' if count == 1 else 'spans'} of the web framework {'is' if count == 1 else 'are'} not shown."
    )
