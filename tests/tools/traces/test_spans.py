"""A trace's tree of spans, read without a server: real shapes, and shapes that no AgentOS should send."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_mcp.agentos.catalog import Component
from agentos_mcp.tooling.typed_values import TypedValue
from agentos_mcp.tools.traces.spans import (
    COLUMNS,
    has_errors,
    hidden_span_count,
    is_named,
    name_of,
    reference_of,
    runs_of,
    status_of,
    tokens_of,
    trace_row,
    tree_text,
)


def span(kind: str, name: str, *inner: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": name, "name": name, "type": kind, "status": "OK", "spans": [*inner], **more}


def model(read: object = 0, written: object = 0, **more: Any) -> dict[str, Any]:
    return span(
        "LLM", "model.invoke", metadata={"model": "gpt", "input_tokens": read, "output_tokens": written}, **more
    )


def trace(*spans: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"trace_id": "t1", "name": "POST /runs", "status": "OK", "tree": [*spans], **more}


WRITER = Component(kind="agent", id="writer", name="The Writer")
INNER = span("AGENT", "The_Writer.arun", model(3, 4), metadata={"run_id": "r1", "session_id": "s1"})


class TestRuns:
    def test_runs_are_the_outermost_ones(self) -> None:
        team = span("TEAM", "Crew.arun", span("AGENT", "Member.arun"))
        assert [run.name for run in runs_of(trace(team))] == ["Crew.arun"]
        assert [run.name for run in runs_of(trace(team), inner=True)] == ["Crew.arun", "Member.arun"]

    def test_steps_of_a_workflow_are_no_runs(self) -> None:
        workflow = span("WORKFLOW", "Pipe.arun", span("WORKFLOW", "step one", span("AGENT", "A.arun")))
        assert [run.name for run in runs_of(trace(workflow), inner=True)] == ["Pipe.arun", "A.arun"]

    def test_root_run_has_the_ids_of_its_trace(self) -> None:
        [run] = runs_of(trace(span("AGENT", "A.arun"), run_id="r", session_id="s", user_id="u", agent_id="a"))
        assert (run.run, run.session, run.user, run.component) == ("r", "s", "u", "a")

    def test_run_inside_a_request_has_its_own_ids_alone(self) -> None:
        [run] = runs_of(trace(span("UNKNOWN", "POST /runs", INNER), agent_id="other"))
        assert (run.run, run.session, run.component) == ("r1", "s1", "")

    @pytest.mark.parametrize(
        ("component", "same"),
        [
            (WRITER, True),
            (Component(kind="agent", id="x", name="The-Writer"), True),
            (Component(kind="team", id="writer", name="The Writer"), False),
            (Component(kind="agent", id="writer", name="Writer"), False),
        ],
    )
    def test_run_without_an_id_is_of_the_component_of_its_name(self, component: Component, same: bool) -> None:
        [run] = runs_of(trace(INNER))
        assert run.of(component) is same

    def test_run_with_an_id_is_of_that_component_alone(self) -> None:
        [run] = runs_of(trace(INNER, agent_id="another"))
        assert not run.of(WRITER)


class TestReference:
    def test_reference_is_whole_or_empty(self) -> None:
        around = trace(span("UNKNOWN", "POST /runs", INNER))
        assert reference_of(around, [WRITER]) == "agent/writer/s1/r1"
        assert reference_of(around, []) == ""
        assert reference_of(around, [WRITER, Component(kind="agent", id="twin", name="The_Writer")]) == ""
        assert reference_of(trace(span("AGENT", "The_Writer.arun")), [WRITER]) == ""


class TestStatus:
    @pytest.mark.parametrize(
        ("found", "status", "errors"),
        [
            (trace(), "OK", False),
            (trace(status="ERROR"), "ERROR", True),
            (trace(error_count=2), "with errors", True),
            (trace(span("AGENT", "A.arun", status="ERROR")), "ERROR", True),
            (trace(span("AGENT", "A.arun"), status="ERROR"), "OK", False),
            (trace(span("AGENT", "A.arun"), status="ERROR", run_id="r"), "ERROR", True),
        ],
    )
    def test_status_is_the_runs_own(self, found: dict[str, Any], status: str, errors: bool) -> None:
        assert (status_of(found), has_errors(found)) == (status, errors)

    def test_named_trace_has_an_id_of_a_run_or_component(self) -> None:
        assert not is_named(trace(run_id=""))
        assert is_named(trace(workflow_id="w"))


class TestName:
    @pytest.mark.parametrize(
        ("found", "name"),
        [
            (trace(agent_id="writer"), "agent writer"),
            (trace(INNER), "agent The_Writer"),
            (trace(INNER, span("TEAM", "Crew.arun")), "agent The_Writer and 1 more"),
            (trace(span("UNKNOWN", "GET /config")), "GET /config"),
            (trace(), "POST /runs"),
            ({}, ""),
        ],
    )
    def test_name_is_the_component_or_the_request(self, found: dict[str, Any], name: str) -> None:
        assert name_of(found) == name


class TestTokens:
    def test_tokens_of_all_models_are_added(self) -> None:
        assert tokens_of(trace(span("AGENT", "A.arun", model(1_000, 2), model(500, 0)))) == TypedValue(
            "1,500 in, 2 out", {"input": 1500, "output": 2}
        )

    @pytest.mark.parametrize("odd", [None, "many", [], {}])
    def test_tokens_that_are_no_numbers_count_for_nothing(self, odd: object) -> None:
        assert not tokens_of(trace(model(odd, odd)))


class TestTree:
    def test_tree_is_indented_and_says_what_models_read_and_wrote(self) -> None:
        agent = span("AGENT", "A.arun", model(3, 4, output='[{"content": "hello"}]'), input="hi", output="hello")
        assert tree_text(trace(agent)).splitlines() == [
            "agent A.arun [A.arun] in: hi out: hello",
            "  llm model.invoke [model.invoke] gpt 3→4 tokens out: hello",
        ]

    def test_tree_leaves_out_the_framework_unless_it_failed(self) -> None:
        found = trace(span("UNKNOWN", "fastapi.dispatch", INNER), span("UNKNOWN", "fastapi.send", status="ERROR"))
        lines = tree_text(found).splitlines()
        assert lines[0].startswith("agent The_Writer.arun")
        assert lines[-1] == "fastapi.send [fastapi.send] ERROR: no message"
        assert hidden_span_count(found) == 1

    def test_what_goes_through_from_the_part_around_is_told_once(self) -> None:
        workflow = span("WORKFLOW", "W.arun", span("AGENT", "A.arun", input="same", output="mine"), input="same")
        assert tree_text(trace(workflow)).splitlines() == [
            "workflow W.arun [W.arun] in: same",
            "  agent A.arun [A.arun] out: mine",
        ]

    def test_calls_of_a_model_are_named(self) -> None:
        output = (
            '{"messages": [{"content": "", "tool_calls": [{"function": {"name": "lookup"}}, {"name": "send"}, {}]}]}'
        )
        assert tree_text(trace(model(output=output))).endswith("out: calls lookup calls send calls a tool")


def test_row_has_a_value_for_each_column() -> None:
    assert len(trace_row(trace(INNER))) == len(trace_row({})) == len(COLUMNS)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
SPAN_KEYS = ("id", "name", "type", "status", "input", "output", "error", "metadata", "start_time", "end_time")
ODD_SPANS: st.SearchStrategy[Any] = st.recursive(
    st.dictionaries(st.sampled_from(SPAN_KEYS), ODD | st.sampled_from(["AGENT", "WORKFLOW", "LLM", "ERROR"])),
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from(["AGENT", "WORKFLOW", "LLM"]), "spans": st.lists(inner)}
    ),
    max_leaves=6,
)


@given(st.lists(ODD_SPANS | ODD, max_size=3), st.dictionaries(st.sampled_from(["run_id", "status", "agent_id"]), ODD))
def test_any_tree_is_read_without_a_fault(spans: list[Any], more: dict[str, Any]) -> None:
    found = {"tree": spans, **more}
    text = tree_text(found)
    assert len(trace_row(found)) == len(COLUMNS)
    assert all(len(line.splitlines()) <= 1 for line in text.split("\n"))
    assert isinstance(reference_of(found, [WRITER]), str)
    assert isinstance(tokens_of(found), TypedValue)
