"""Whatever a result is made of, it keeps to its budget, counts what it leaves out, and names its run."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp_types import CallToolResult, TextContent

from agentos_mcp.agentos.hints import PLAIN
from agentos_mcp.agentos.runs.reducer import reduce
from agentos_mcp.agentos.runs.run import RunRef, RunState, Status, Step
from agentos_mcp.agentos.sse import Event
from agentos_mcp.runs.result import run_data, run_result, unfinished_result
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.budget import FACTS_CHARACTERS, MAX_REFERENCE_LENGTH, cut_to_budget, fit_lines, trim
from agentos_mcp.tooling.mcp_tool import error_result, to_mcp_result
from agentos_mcp.tooling.results import Record, Table
from agentos_mcp.tooling.tool_spec import Result

OVERHEAD = 1_500
"""Characters beside answer and facts: the first line, and the marks of what was left out."""

enough = settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
long_text = st.builds(lambda piece, times: piece * times, st.text(min_size=1, max_size=20), st.integers(0, 2_000))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | long_text,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(max_size=10), inner, max_size=5)
        | st.builds(lambda item, times: [item] * times, inner, st.integers(0, 20))
    ),
    max_leaves=8,
)
steps = st.builds(Step, long_text.map(lambda name: name[:200]), st.sampled_from(["failed", "completed"]), long_text)
requirements = st.builds(
    lambda name, arguments: {"tool_execution": {"tool_name": name, "tool_args": arguments, "requires_confirmation": 1}},
    long_text,
    values,
)
states = st.builds(
    RunState,
    ref=st.just(RunRef("agent", "writer", "s", "r")),
    status=st.sampled_from(list(Status)),
    steps=st.builds(lambda one, times: (one,) * times, steps, st.integers(0, 200)),
    steps_left_out=st.integers(0, 10_000),
    failed_steps_left_out=st.integers(0, 10_000),
    answer=values,
    dropped_characters=st.integers(0, 100),
    error=long_text,
    failed_tools=st.builds(
        lambda name, error, times: ((name[:200], error),) * times, long_text, long_text, st.integers(0, 100)
    ),
    failed_tools_left_out=st.integers(0, 10_000),
    requirements=st.builds(lambda one, times: (one,) * times, requirements, st.integers(0, 30)),
    requirements_left_out=st.integers(0, 10_000),
    notes=st.lists(long_text, max_size=20).map(tuple),
    substep=long_text.map(lambda words: words[:200]),
    actor=long_text.map(lambda words: words[:200]),
    activity=long_text.map(lambda words: words[:200]),
)
budgets = st.integers(200, 6_000)


def json_length(data: object) -> int:
    return len(json.dumps(data, ensure_ascii=False))


@enough
@given(states, budgets)
def test_run_result_keeps_to_its_budget_and_has_the_reference(state: RunState, tokens: int) -> None:
    text = run_result(state, tokens=tokens, surface=PLAIN)
    assert len(text) <= tokens * 4 + FACTS_CHARACTERS + OVERHEAD
    assert text.splitlines()[-1] == f"run: {state.ref}"
    assert len(unfinished_result(state, PLAIN)) <= 2 * FACTS_CHARACTERS + OVERHEAD
    assert unfinished_result(state, PLAIN).endswith(f"run: {state.ref}")


@enough
@given(states, budgets)
def test_run_data_keeps_to_its_budget_and_has_the_reference(state: RunState, tokens: int) -> None:
    result = CallToolResult(
        content=[TextContent(type="text", text=run_result(state, tokens=tokens, surface=PLAIN))],
        structured_content=run_data(state, tokens=tokens, surface=PLAIN),
    )
    data = to_mcp_result(result, Settings(url="http://localhost", result_tokens=tokens, structured_output=True), PLAIN)
    assert isinstance(data, CallToolResult)
    assert data.structured_content is not None
    assert data.structured_content["run"] == str(state.ref)
    assert json_length(data.structured_content) <= tokens * 4 + FACTS_CHARACTERS + MAX_REFERENCE_LENGTH + OVERHEAD


tables = st.builds(
    lambda row, times, footer: Table(("a", "b"), [row] * times, empty="None.", footer=footer),
    st.tuples(values, values),
    st.integers(0, 300),
    long_text,
)
records = st.builds(
    Record,
    long_text,
    st.dictionaries(st.text(min_size=1, max_size=50), values, max_size=60),
    st.dictionaries(st.text(min_size=1, max_size=50), long_text, max_size=60),
    long_text,
)


@enough
@given(tables | records | long_text, budgets)
def test_tool_result_and_its_data_keep_to_the_budget(result: Result, tokens: int) -> None:
    created = to_mcp_result(
        result, Settings(url="http://localhost", result_tokens=tokens, structured_output=True), PLAIN
    )
    assert isinstance(created, CallToolResult)
    (block,) = created.content
    assert isinstance(block, TextContent)
    assert len(block.text) <= tokens * 4 + FACTS_CHARACTERS + OVERHEAD
    assert json_length(created.structured_content) <= 2 * (tokens * 4 + FACTS_CHARACTERS + OVERHEAD)


@enough
@given(values, st.integers(10, 2_000))
def test_trim_keeps_data_to_about_its_maximum_length(value: Any, room: int) -> None:
    assert json_length(trim(value, room)) <= 2 * room + 600
    if json_length(value) * 30 < room:
        assert trim(value, room) == value


def test_fit_lines_counts_what_does_not_fit() -> None:
    lines = [f"line {number}" for number in range(100)]
    assert fit_lines(lines, 9_950, "failed tool", 30) == [
        "line 0",
        "line 1",
        "line 2",
        "line 3",
        "and 9,946 more failed tools",
    ]
    assert fit_lines(lines[:2], 2, "failed tool", 30) == ["line 0", "line 1"]
    assert fit_lines(["x" * 50], 1, "question", 30) == ["1 question"]


def test_cut_to_budget_keeps_the_run_reference_at_the_end() -> None:
    words = f"{'a' * 900}\nrun: agent/a/s/r"
    assert cut_to_budget(words, 200) == f"{'a' * 800}\n[100 more characters]\nrun: agent/a/s/r"


def test_call_tool_result_over_the_budget_is_cut() -> None:
    huge = CallToolResult(content=[TextContent(type="text", text="a" * 5_000_000 + "\nrun: agent/a/s/r")])
    result = to_mcp_result(huge, Settings(url="http://localhost"), PLAIN)
    assert isinstance(result, CallToolResult)
    (block,) = result.content
    assert isinstance(block, TextContent)
    assert len(block.text) <= 6000 * 4 + FACTS_CHARACTERS + MAX_REFERENCE_LENGTH
    assert block.text.endswith("\nrun: agent/a/s/r")


def test_cut_error_cuts_the_middle() -> None:
    (block,) = error_result("What happened. " + "x" * 5_000_000 + " run: agent/a/s/r").content
    assert isinstance(block, TextContent)
    assert len(block.text) < 4_100
    assert block.text.startswith("What happened.")
    assert block.text.endswith("run: agent/a/s/r")


RUNNING = RunState(ref=RunRef("agent", "writer", "s", "r"), status=Status.RUNNING)


@pytest.mark.parametrize(
    "event",
    [
        {"event": "StepStarted", "step_name": "x" * 10_000},
        {"event": "StepError", "error": "x" * 10_000},
        {"event": "ToolCallError", "tool": {"tool_name": "x" * 10_000}, "error": "y" * 10_000},
        {"event": "RunContent", "content": "x" * 10_000},
        {"event": "RunContent", "content": "x", "run_id": "other", "agent_name": "y" * 10_000},
        {"event": "TaskCreated", "title": "x" * 10_000},
        {"event": "LoopIterationStarted", "iteration": "x" * 10_000},
        {"event": "RunError", "error": "x" * 10_000, "run_id": "other"},
        {"event": "StepProgress", "content": "x" * 10_000},
        {"event": "RunStarted", "session_id": "x" * 10_000},
    ],
    ids=lambda event: event["event"],
)
def test_run_state_stays_small_under_repeated_events(event: dict[str, Any]) -> None:
    state = RUNNING
    for _ in range(2_000):
        state = reduce(state, Event(event["event"], {"run_id": "r", **event}))
    assert len(repr(state) + state.text) < 1_000_000
    assert len(unfinished_result(replace(state, status=Status.RUNNING), PLAIN)) < 10_000


def test_run_state_counts_what_it_does_not_keep() -> None:
    state = RUNNING
    for number in range(1_000):
        state = reduce(state, Event("StepStarted", {"run_id": "r", "step_name": f"step {number}"}))
        state = reduce(state, Event("ToolCallError", {"run_id": "r", "tool": {"tool_name": "dig"}}))
        state = reduce(state, Event("RunContent", {"run_id": "r", "content": "w" * 1_000}))
    assert (state.step_number, state.steps[-1].name) == (1_000, "step 999")
    assert len(state.failed_steps) + state.failed_steps_left_out == 999
    assert len(state.failed_tools) + state.failed_tools_left_out == 1_000
    assert len(state.text) + state.dropped_characters == 1_000_000
