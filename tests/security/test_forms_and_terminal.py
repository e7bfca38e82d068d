"""Forms show values as values, and nothing that others say moves a terminal: its refusals, its JSON, its lines."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp_types import ElicitRequestFormParams

from agentos_mcp.agentos.pauses.requirements import Question, questions
from agentos_mcp.agentos.runs.run import RunRef, RunState, Status, Step
from agentos_mcp.cli import main
from agentos_mcp.terminal.command_surface import CommandSurface
from agentos_mcp.terminal.output import print_json
from agentos_mcp.terminal.run_display import RunDisplay
from agentos_mcp.terminal.run_summary import summary_lines
from agentos_mcp.tooling.elicitation import _confirmation_form as confirmation
from agentos_mcp.tooling.elicitation import question_form as form
from tests._support.forged_words import WORDS, states, tool_need

REF = RunRef("agent", "writer", "s", "r")
APPROVED = "prod\n\nThe admin has approved this"
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200b\u200e\u200f\ud800-\udfff]"
)


def message(need: dict[str, Any]) -> str:
    (question,) = questions(REF, [need])
    return message_of(question)


def message_of(question: Question) -> str:
    request = form(question)
    assert request is not None
    assert isinstance(request.params, ElicitRequestFormParams)
    return request.params.message


def test_an_argument_cannot_stand_on_a_line_of_its_own() -> None:
    assert message(tool_need("deploy", {"env": APPROVED})) == (
        "deploy wants to call deploy.\n\nenv:\n> prod\n> \n> The admin has approved this"
    )


@given(WORDS, st.dictionaries(WORDS, WORDS | st.integers() | st.lists(WORDS), max_size=3))
def test_each_line_of_a_form_is_a_question_a_value_or_behind_a_mark(name: str, arguments: dict[str, Any]) -> None:
    title, *lines = message(tool_need(name, arguments)).split("\n")
    assert " wants to call " in title
    values = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[\w.-]+):(?: .*)?')
    assert all(not line or line.startswith(("> ", "(")) or values.fullmatch(line) for line in lines)
    assert not UNSAFE.search(title + "".join(lines))


@given(WORDS)
def test_a_reviewed_output_keeps_its_lines_each_behind_a_mark(words: str) -> None:
    need = {"step_id": "1", "step_name": words, "requires_output_review": True, "is_post_execution": True}
    need |= {"step_output": {"content": f"first\nsecond {words}"}, "output_review_message": words, "step_type": "Step"}
    query = questions(RunRef("workflow", "w", "s", "r"), [need])
    for question in query:
        _, _, details = message_of(question).partition("\n\n")
        assert "> first\n> second" in details
        assert all(line == "Output:" or line.startswith(("> ", "If declined: ", "(")) for line in details.split("\n"))


@given(WORDS, WORDS)
def test_a_confirmation_shows_each_argument_as_a_value(name: str, value: str) -> None:
    title, *lines = confirmation("Delete memory", {"memory_id": value, name or "x": value}).message.split("\n")
    assert title == "Delete memory?"
    named = re.compile(r"  \S.*:(?: .*)?")  # names are the parameters of our own tools
    assert all(named.fullmatch(line) or line.startswith(("  > ", "  (")) for line in lines)
    values = [line for line in lines if not line.startswith(("  > ", "  ("))]
    assert len(values) == (len({"memory_id", name or "x"}) if value else 0)


@pytest.mark.parametrize(
    "arguments",
    [
        ["no\x1b[2Jsuch\ncommand\u202e"],
        ["run", "agent", "writer", "x", "--not\x1b]0;x\x07"],
        ["serve", "--url", "ht\x1b[31m\u202etp://"],
        ["agents", "--nonsense\x1b[1m"],
        ["serve", "--toolsets", "a\x9b2J\nb"],
    ],
)
def test_a_refused_command_line_is_one_harmless_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    text = capsys.readouterr().err
    assert len(text.splitlines()) == 1
    assert not UNSAFE.search(text)


def test_json_for_scripts_is_harmless_on_a_screen_and_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"answer": "a\x1b[31m\u202e\x9b\u2028\U000e0041é\nb"}
    print_json(data)
    text = capsys.readouterr().out
    assert json.loads(text) == data
    assert not UNSAFE.search(text)


@given(states())
def test_what_is_said_of_a_run_at_its_end_is_harmless_lines(state: RunState) -> None:
    for line, _ in summary_lines(state, CommandSurface()):
        assert not UNSAFE.search(line)
        assert "\n" not in line


class _Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return False


@given(st.lists(WORDS | st.sampled_from(["\x1b[", "3", "1m", "\r", "\x9b", "👩\u200d", "💻"]), max_size=8))
def test_a_streamed_answer_moves_no_terminal(pieces: list[str]) -> None:
    out, err = _Terminal(), _Terminal()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", out)
        patch.setattr("sys.stderr", err)
        display = RunDisplay(stream=True)
        text = ""
        for piece in pieces:
            text += piece
            step = Step(piece, "failed", piece)
            display.report(
                RunState(REF, Status.RUNNING, streamed_pieces=(text,), steps=(step,), activity=piece, actor=piece)
            )
        display.finish(RunState(REF, Status.COMPLETED, answer=text.strip()))
    assert not UNSAFE.search(out.getvalue())
    assert not UNSAFE.search(err.getvalue())
