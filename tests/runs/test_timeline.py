"""A run's timeline as a value: where its bars begin and end, and what is exact."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from agentos_mcp.agentos.runs.run import RunRef, RunState
from agentos_mcp.agentos.runs.stored_run import read_stored_run
from agentos_mcp.runs.run_parts import MAX_PARTS, read_parts
from agentos_mcp.runs.timeline import MAX_ERROR_LENGTH, MAX_LABEL_LENGTH, Timeline, run_timeline, within

START = 1_795_797_399
REF = RunRef("workflow", "report", "s", "r")


def timeline(document: Mapping[str, Any], now: float = 0.0) -> Timeline:
    whole: dict[str, Any] = {"run_id": "r", "workflow_id": "report", "status": "COMPLETED", "created_at": START}
    whole |= document
    return run_timeline(read_parts(whole, read_stored_run(RunState(REF), whole)), now=now)


def step(name: str, seconds: float = 0.0, **more: Any) -> dict[str, Any]:
    metrics = {"duration": seconds, "total_tokens": 5}
    return {"step_name": name, "success": True, "metrics": metrics, "step_type": "Step"} | more


def call(name: str, start: float, end: float, **more: Any) -> dict[str, Any]:
    metrics = {"start_time": START + start, "end_time": START + end, "duration": end - start}
    return {"tool_name": name, "result": "ok", "metrics": metrics} | more


def spans(shown: Timeline) -> list[tuple[str, int, float, float]]:
    return [(row.label, row.depth, round(row.start, 3), round(row.end, 3)) for row in shown.rows]


def test_steps_stand_one_after_the_other() -> None:
    shown = timeline({"step_results": [step("a", 1.0), step("b", 2.5)], "metrics": {"duration": 4.0}})
    assert spans(shown) == [("report", 0, 0.0, 4.0), ("a", 1, 0.0, 1.0), ("b", 1, 1.0, 3.5)]
    assert not any(row.is_exact for row in shown.rows)
    assert (shown.seconds, shown.started_at) == (4.0, START)


def test_parallel_steps_begin_together() -> None:
    inner = [step("left", 1.0), step("right", 0.5)]
    both = step("both", 1.0, step_type="Parallel", steps=inner)
    shown = timeline({"step_results": [both, step("join", 1.0)], "metrics": {"duration": 2.0}})
    assert spans(shown)[1:] == [
        ("both", 1, 0.0, 1.0),
        ("left", 2, 0.0, 1.0),
        ("right", 2, 0.0, 0.5),
        ("join", 1, 1.0, 2.0),
    ]


def test_calls_are_exact_and_pull_their_step_to_them() -> None:
    runs = [{"run_id": "x", "tools": [call("find", 2.0, 2.5)]}]
    shown = timeline(
        {"step_results": [step("a", 1.0, step_run_id="x")], "step_executor_runs": runs, "metrics": {"duration": 4.0}}
    )
    (_, a, find) = shown.rows
    assert find.is_exact
    assert (round(find.start, 3), round(find.end, 3)) == (2.0, 2.5)
    assert a.start <= find.start
    assert a.end >= find.end


def test_calls_of_a_run_that_many_steps_name_are_shown_once() -> None:
    runs = [{"run_id": "x", "tools": [call("find", 2.0, 2.5)]}]
    shown = timeline({"step_results": [step("a", step_run_id="x")] * 50, "step_executor_runs": runs})
    assert [row.label for row in shown.rows].count("find") == 1
    assert len(shown.rows) == 52


def test_member_stands_within_the_call_that_sent_it_to_work() -> None:
    member = {
        "run_id": "m",
        "agent_name": "Helper",
        "status": "COMPLETED",
        "metrics": {"duration": 1.0},
        "tools": [call("search", 1.2, 1.4)],
    }
    delegate = call("delegate", 1.9, 2.0, child_run_id="m")
    shown = timeline({"tools": [delegate], "member_responses": [member], "metrics": {"duration": 2.0}})
    rows = {row.label: row for row in shown.rows}
    assert rows["delegate"].start <= rows["Helper"].start <= rows["search"].start
    assert rows["search"].end <= rows["Helper"].end <= rows["delegate"].end


def test_step_that_began_late_by_agentos_clock_leaves_a_gap() -> None:
    events = [
        {"event": "StepStarted", "step_index": index, "step_name": name, "created_at": START + start}
        for index, (name, start) in enumerate([("a", 0), ("b", 60)])
    ]
    shown = timeline({"step_results": [step("a", 1.0), step("b", 1.0)], "events": events})
    assert spans(shown)[1:] == [("a", 1, 0.0, 1.0), ("b", 1, 60.0, 61.0)]


def test_running_run_ends_now_and_a_call_that_waits_stands_at_the_end() -> None:
    assert timeline({"status": "RUNNING"}, now=START + 30.0).rows[0].end == 30.0
    waiting = {"tool_name": "deploy", "result": None, "metrics": None}
    shown = timeline({"status": "PAUSED", "tools": [waiting], "metrics": {"duration": 2.0}})
    assert (shown.rows[1].status, shown.rows[1].start) == ("pending", 2.0)


def test_failures_have_their_reasons_and_statuses() -> None:
    shown = timeline({"step_results": [step("a", success=False, error="no\nway")], "tools": [call("x", 0, 1)]})
    assert (shown.rows[1].status, shown.rows[1].error) == ("failed", "no way")


def test_hostile_times_names_and_sizes_stay_within_limits() -> None:
    hostile = "\u202e\x1b[31m<script>\n" + "A" * 1_000_000
    tools = [
        call(hostile, start, end, tool_call_error=True, result=hostile)
        for start, end in [(0, 1), (-1e12, 1e12), (5, 1), (float("1e300"), 2)]
    ] * (MAX_PARTS // 2)
    started = time.process_time()
    shown = timeline({"tools": tools, "workflow_name": hostile, "metrics": {"duration": -5}})
    assert time.process_time() - started < 5
    assert len(shown.rows) == MAX_PARTS
    assert shown.rows_left_out == len(tools) + 1 - MAX_PARTS
    for row in shown.rows:
        assert 0 <= row.start <= row.end <= shown.seconds
        assert len(row.label) <= MAX_LABEL_LENGTH
        assert len(row.error) <= MAX_ERROR_LENGTH
        assert not set(row.label + row.error) & {"\x1b", "\u202e", "\n"}


def test_timeline_cut_to_some_rows_keeps_the_failed_ones() -> None:
    tools = [call(f"t{index}", index, index + 1, tool_call_error=index == 90) for index in range(100)]
    cut = within(timeline({"tools": tools}), 20)
    assert len(cut.rows) == 20
    assert "t90" in [row.label for row in cut.rows]
    assert cut.rows_left_out == 81
