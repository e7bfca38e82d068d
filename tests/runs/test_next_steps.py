"""What to try after a run, by how it ended and what failed in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agentos_mcp.agentos.hints import PLAIN
from agentos_mcp.agentos.runs.run import RunRef, RunState, Status
from agentos_mcp.runs.next_steps import Failure, arguments, next_steps

RUN = RunState(ref=RunRef("agent", "writer", "s1", "r1"))
STEP = Failure("step edit", "no", is_step=True)


def advice(status: Status, *failures: Failure, **changes: Any) -> str:
    return next_steps(replace(RUN, status=status, **changes), failures).render(PLAIN)


@pytest.mark.parametrize("status", [Status.PENDING, Status.RUNNING])
def test_run_that_is_going_can_be_followed_or_cancelled(status: Status) -> None:
    follow, cancel = "get_run(run='agent/writer/s1/r1')", "cancel_run(run='agent/writer/s1/r1')"
    assert advice(status) == f"{follow} follows it to its end; {cancel} stops it."


def test_paused_run_names_what_it_asks_about_once_each() -> None:
    deploy = {"tool_execution": {"tool_name": "deploy", "tool_args": {"city": "Rome", "days": 2}}}
    inner = {"step_name": "outer", "executor_requirements": [deploy, {"step_name": "ship"}]}
    assert advice(Status.PAUSED, requirements=(deploy, inner, {})) == (
        "continue_run(run='agent/writer/s1/r1') answers it (it asks about deploy(city=\"Rome\", days=2), step ship)."
    )


def test_paused_run_without_known_requirements_names_nothing() -> None:
    assert advice(Status.PAUSED) == "continue_run(run='agent/writer/s1/r1') answers it."


def test_cancelled_run_is_run_again_whatever_failed() -> None:
    assert advice(Status.CANCELLED, STEP) == "Run it again with the same message if it is still wanted."


def test_run_without_a_failure_has_nothing_to_fix() -> None:
    assert advice(Status.COMPLETED) == "Nothing failed; get_run(run='agent/writer/s1/r1') has the whole answer."


def test_failed_tool_is_named_and_comes_before_its_error() -> None:
    failed = Failure("", "HTTP 429 too many requests", tool="dig")
    assert advice(Status.COMPLETED, failed).startswith("Look at the arguments of dig: ")


def test_first_failure_decides() -> None:
    tool = Failure("", "no spade", tool="dig")
    assert "step edit" in advice(Status.COMPLETED, STEP, tool)
    assert "dig" in advice(Status.COMPLETED, tool, STEP)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("insufficient_quota", "requires payment"),
        ("Rate limit reached (429)", "wait a minute"),
        ("Invalid API key", "no valid key"),
        ("maximum context length is 8192", "shorten the message"),
        ("Request timed out", "run it again"),
    ],
)
def test_provider_problem_is_advised_by_its_kind(error: str, words: str) -> None:
    assert words in advice(Status.ERROR, Failure("the run", error))


def test_error_of_another_kind_is_fixed_where_it_is_logged() -> None:
    assert advice(Status.ERROR, Failure("the run", "boom")).endswith("AgentOS's own log has the traceback.")


def test_completed_run_was_made_without_its_failed_step() -> None:
    assert advice(Status.COMPLETED, STEP).startswith("The answer was made without step edit: ")


@pytest.mark.parametrize(
    ("args", "written"),
    [({}, ""), (None, ""), (["a"], ""), ({"city": "Rome", "days": 2, "deep": {"a": [None]}}, None)],
)
def test_tool_arguments_are_written_as_in_a_call(args: object, written: str | None) -> None:
    assert arguments(args) == ('city="Rome", days=2, deep={"a": [null]}' if written is None else written)
