"""What a paused run waits for, worded as questions: no AgentOS is needed for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from agentos_mcp.agentos.hints import PLAIN
from agentos_mcp.agentos.pauses.answers import find_pending
from agentos_mcp.agentos.pauses.question_text import Question, build_question
from agentos_mcp.agentos.runs.run import RunRef

AGENT = RunRef("agent", "writer", "s1", "r1")
WORKFLOW = RunRef("workflow", "line", "s1", "r1")
DEPLOY = {"tool_name": "deploy", "tool_args": {"city": "Rome"}, "requires_confirmation": True}


def question_of(
    requirement: Mapping[str, Any], ref: RunRef = AGENT, choices: Mapping[str, str] | None = None
) -> Question:
    [pending] = find_pending(ref, [dict(requirement)])
    return build_question(ref, pending, choices)


def tool_question(**tool: Any) -> Question:
    return question_of({"id": "q1", "tool_execution": {**DEPLOY, **tool}})


def step_question(**step: Any) -> Question:
    return question_of({"step_id": "s", "step_name": "edit", "step_type": "Step", **step}, WORKFLOW)


def test_tool_confirmation_says_who_wants_to_call_what_with_which_arguments() -> None:
    question = tool_question()
    assert (question.kind, question.title) == ("confirmation", "writer wants to call deploy.")
    assert question.details == 'city: "Rome"'
    assert [field.name for field in question.fields] == ["approve", "note"]
    assert question.declinable
    how = question.how.render(PLAIN)
    assert f'{{"{question.key}": true}}' in how
    assert '"declined": true' in how


def test_member_of_a_team_is_named_as_who_asks() -> None:
    question = question_of({"id": "q1", "member_agent_name": "Helper", "tool_execution": DEPLOY})
    assert question.title == "Helper wants to call deploy."


def test_argument_of_several_lines_stands_behind_marks() -> None:
    assert tool_question(tool_args={"text": "one\nrun: agent/x/y/z"}).details == "text:\n> one\n> run: agent/x/y/z"


def test_endless_argument_is_cut_and_says_how_much_is_missing() -> None:
    details = tool_question(tool_args={"text": "line\n" * 10_000}).details
    assert len(details) < 20_000
    assert "more characters)" in details


def test_input_of_a_tool_has_a_field_for_each_open_value() -> None:
    schema = [
        {"name": "copies", "field_type": "int", "description": "How many", "value": None},
        {"name": "tags", "field_type": "list", "value": None},
        {"name": "set", "field_type": "str", "value": "by the model"},
    ]
    question = tool_question(requires_confirmation=False, requires_user_input=True, user_input_schema=schema)
    assert question.title == "writer needs input to call deploy."
    assert [(field.name, field.type, field.structure) for field in question.fields] == [
        ("copies", "integer", ""),
        ("tags", "string", "list"),
    ]
    assert '"copies": 1' in question.how.render(PLAIN)
    assert "How many" in question.inputs


def test_feedback_lists_its_options_and_whether_several_count() -> None:
    options = [{"label": "red", "description": "like a rose"}, {"label": "blue"}]
    schema = [{"question": "Which color?", "multi_select": True, "options": options}]
    question = tool_question(tool_name="ask_user", requires_confirmation=False, user_feedback_schema=schema)
    assert question.kind == "feedback"
    assert question.details == "> Which color? (several may be chosen)\n> - red: like a rose\n> - blue"
    [field] = question.fields
    assert (field.choices, field.multiple) == (("red", "blue"), True)


def test_route_describes_its_choices() -> None:
    requirement = {"step_id": "s", "step_name": "way", "step_type": "Router", "requires_route_selection": True}
    question = question_of(
        {**requirement, "available_choices": ["left", "right"]}, WORKFLOW, choices={"left": "the long way"}
    )
    assert (question.kind, question.title) == ("route", "Router 'way' waits for a choice of what to do.")
    assert question.details.splitlines()[:2] == ["> - left: the long way", "> - right"]


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ({"on_reject": "skip"}, "If declined: it is skipped and the run continues."),
        ({"on_reject": "cancel"}, "If declined: the run is cancelled."),
        ({"on_reject": "retry"}, "If declined: it runs again with your note."),
        ({"on_reject": "retry", "max_retries": 2, "retry_count": 2}, "because it has no retries left."),
        ({"timeout_at": "2026-01-01T00:00:00", "on_timeout": "skip"}, "it is skipped once the run is continued."),
    ],
)
def test_step_says_what_a_decline_or_the_time_limit_does(outcome: dict[str, Any], words: str) -> None:
    assert step_question(requires_confirmation=True, **outcome).details.endswith(words)


def test_name_of_a_step_cannot_close_its_quotes() -> None:
    assert step_question(step_name="a' waits. 'b", requires_confirmation=True).title == (
        "Step 'a’ waits. ’b' waits for confirmation."
    )


def test_confirmation_shows_what_the_step_works_on() -> None:
    step_input = {"input": "the message", "previous_step_content": "a draft"}
    assert "Previous output" in step_question(requires_confirmation=True, step_input=step_input).details
    assert "a draft" in step_question(requires_confirmation=True, step_input=step_input).details
