"""An evaluation in words, without a server."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_mcp.tools.evals.format import NO_RESULT, component_of, eval_outcome, eval_record


def evaluation(eval_type: str, given: dict[str, Any] | None = None, **data: Any) -> dict[str, Any]:
    return {"id": "e1", "eval_type": eval_type, "eval_data": data, "eval_input": given or {}}


@pytest.mark.parametrize(
    ("made", "outcome"),
    [
        (evaluation("reliability", eval_status="PASSED"), "PASSED"),
        (evaluation("reliability"), NO_RESULT),
        (evaluation("accuracy", avg_score=8.5), "8.5/10"),
        (evaluation("accuracy", avg_score=10), "10/10"),
        (evaluation("accuracy", avg_score=None), NO_RESULT),
        (evaluation("accuracy", avg_score=True), NO_RESULT),
        (evaluation("agent_as_judge", pass_rate=100, results=[{}]), "PASSED"),
        (evaluation("agent_as_judge", pass_rate=0, results=[{}], avg_score=2.0), "FAILED (2/10)"),
        (evaluation("agent_as_judge", pass_rate=66.6, results=[{}]), "67 % passed"),
        (evaluation("agent_as_judge", pass_rate=100, results=[]), NO_RESULT),
        (evaluation("performance", avg_run_time=0.06), "60 ms on average"),
        (evaluation("performance", result={"avg_run_time": 1.5}), "1.5 s on average"),
        (evaluation("performance"), NO_RESULT),
        (evaluation("another", avg_score=1), NO_RESULT),
        ({}, NO_RESULT),
    ],
)
def test_outcome_is_the_result_of_its_type(made: dict[str, Any], outcome: str) -> None:
    assert eval_outcome(made) == outcome


@pytest.mark.parametrize(
    ("made", "component"),
    [
        ({"agent_id": "writer"}, "agent writer"),
        ({"team_id": "crew", "agent_id": ""}, "team crew"),
        ({"evaluated_component_name": "The Writer"}, "The Writer"),
        ({}, ""),
    ],
)
def test_component_is_named_by_its_id_where_there_is_one(made: dict[str, str], component: str) -> None:
    assert component_of(made) == component


def test_record_of_many_answers_has_the_worst_first() -> None:
    results = [{"score": score, "output": f"answer {score}", "reason": f"because {score}"} for score in (9, 2, 7, 5)]
    record = eval_record(evaluation("accuracy", avg_score=5.75, min_score=2, max_score=9, results=results))
    assert list(record.texts)[4::2] == ["answer 1 of 4 (2/10)", "answer 2 of 4 (5/10)", "answer 3 of 4 (7/10)"]
    assert record.facts["scores"] == "2/10 to 9/10"
    assert record.facts["answers judged"] == 4


def test_record_of_a_reliability_eval_tells_the_calls_apart() -> None:
    made = evaluation(
        "reliability",
        {"expected_tool_calls": ["a", "b"], "expected_tool_call_arguments": {"a": {"x": "ü"}}},
        eval_status="FAILED",
        passed_tool_calls=["a"],
        missing_tool_calls=["b"],
    )
    facts = eval_record(made).facts
    assert (facts["tools expected"], facts["called"], facts["missing"], facts["not allowed"]) == ("a, b", "a", "b", "")
    assert facts["arguments expected"] == '{"a": {"x": "ü"}}'


def test_record_of_a_performance_eval_counts_its_runs() -> None:
    figures = {"min_run_time": 0.05, "max_run_time": 0.07, "avg_run_time": 0.06, "avg_memory_usage": 1.234}
    facts = eval_record(evaluation("performance", result=figures, runs=[1, 2, 3])).facts
    assert facts["runs"] == 3
    assert facts["min, median, p95, max"] == "50 ms, 70 ms"
    assert facts["memory"] == "1.23 MiB on average"


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
TYPES = st.sampled_from(["accuracy", "agent_as_judge", "performance", "reliability", "another"])
FIGURES = ("avg_score", "pass_rate", "results", "result", "runs", "avg_run_time", "min_score", "passed_tool_calls")


@given(TYPES, st.dictionaries(st.sampled_from(FIGURES), ODD), ODD)
def test_any_data_is_read_without_a_fault(eval_type: str, data: dict[str, Any], given: object) -> None:
    made = {"eval_type": eval_type, "eval_data": data, "eval_input": given}
    assert eval_outcome(made)
    assert eval_record(made).text(200)
