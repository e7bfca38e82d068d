"""A trace as a waterfall: where its spans begin, how long they take, what failed."""

from __future__ import annotations

import pytest

from agentos_mcp.views.content import MAX_BARS
from agentos_mcp.views.trace_view import trace_view
from tests._support.view_samples import span, trace, trace_of


def rows_of(*spans: dict[str, object]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = trace_view(trace(*spans)).to_data()["bars"]["rows"]
    return rows


def test_spans_begin_where_their_times_say() -> None:
    outer = span(1, 0, 8, type="AGENT", spans=[span(2, 1.5, 2, type="LLM"), span(3, 4, 3.25)])
    rows = [(row["name"], row["kind"], row["depth"], row["start"], row["seconds"]) for row in rows_of(outer)]
    assert rows == [
        ("step 1", "agent", 0, 0.0, 8.0),
        ("step 2", "llm", 1, 1.5, 2.0),
        ("step 3", "tool", 1, 4.0, 3.25),
    ]


def test_failed_span_says_why() -> None:
    (row,) = rows_of(span(1, 0, 1, status="ERROR", error="out of tokens"))
    assert (row["state"], row["state_text"]) == ("failed", "failed: out of tokens")


@pytest.mark.parametrize("status", ["UNSET", "", None])
def test_trace_and_span_without_a_status_have_completed_once_they_have_ended(status: str | None) -> None:
    ended = trace_view(trace(span(1, 0, 1, status=status), status=status)).to_data()
    assert (ended["state"], ended["state_text"]) == ("completed", "completed")
    assert ended["bars"]["rows"][0]["state"] == "completed"
    going = trace_view(trace(span(1, 0, 1, status=status, end_time=None), status=status, end_time=None)).to_data()
    assert (going["state"], going["state_text"]) == ("running", "running")
    assert going["bars"]["rows"][0]["state"] == "running"


def test_trace_that_is_ok_to_agentos_but_has_errors_has_failed() -> None:
    data = trace_view(trace(span(1, 0, 1), error_count=1)).to_data()
    assert (data["state"], data["state_text"]) == ("failed", "with errors")


def test_span_without_times_has_no_place() -> None:
    (row,) = rows_of(span(1, 0, 1, start_time=None, end_time="soon"))
    assert (row["start"], row["seconds"]) == (None, None)


def test_spans_of_the_web_framework_are_not_shown() -> None:
    content = trace_view(trace(span(1, 0, 9, name="fastapi.request", type="UNKNOWN", spans=[span(2, 1, 1)])))
    data = content.to_data()
    assert [(row["name"], row["depth"]) for row in data["bars"]["rows"]] == [("step 2", 0)]
    assert data["notices"] == ["1 span of the web framework is not shown."]


def test_root_s_own_texts_are_the_trace_s() -> None:
    root = span(1, 0, 1, input=None, output=None)
    data = trace_view(trace(root, input="the question", output="the answer")).to_data()
    assert [block["text"] for block in data["bars"]["rows"][0]["blocks"]] == ["the question", "the answer"]


def test_spans_beyond_the_limit_are_counted() -> None:
    bars = trace_of(3_000).to_data()["bars"]
    assert (len(bars["rows"]), bars["left_out"]) == (MAX_BARS, 1_000)


def test_spans_that_lie_very_deep_are_shown() -> None:
    deep = span(0, 0, 1)
    for number in range(1, 100):
        deep = span(number, 0, 1, spans=[deep])
    assert len(rows_of(deep)) == 100


def test_trace_without_spans_says_so() -> None:
    assert trace_view(trace()).to_data()["empty"] == "AgentOS has no spans of this trace."
