"""A run at a real terminal: the answer and its progress on the screen."""

from __future__ import annotations

import sys

import pytest

from tests._support.terminal_calls import invoke_ok

if sys.platform == "win32":
    pytest.skip("pseudo-terminals as POSIX has them", allow_module_level=True)

from tests._support.pseudo_terminal import open_terminal


def test_agent_answer_streams_onto_the_screen(sample_agentos: str) -> None:
    with open_terminal(sample_agentos, "run", "agent", "slow", "-m", "12 2") as terminal:
        terminal.wait_for("w0 ")
        assert terminal.is_running
        assert terminal.exit_code() == 0
    lines = terminal.screen.splitlines()
    assert lines[0] == " ".join(f"w{number}" for number in range(12))
    assert lines[1].startswith("completed · ")
    assert lines[2].startswith("run: agent/slow/")


def test_progress_line_is_redrawn_and_each_step_leaves_a_line(sample_agentos: str) -> None:
    with open_terminal(sample_agentos, "run", "workflow", "slow-steps", "-m", "go") as terminal:
        terminal.wait_for("1/2 one")
        terminal.wait_for("✔ 1/2 one (1")
        terminal.wait_for("2/2 two")
        assert terminal.exit_code() == 0
    lines = terminal.screen.splitlines()
    assert [line.partition(" (")[0] for line in lines[:2]] == ["✔ 1/2 one", "✔ 2/2 two"]
    assert lines[2] == "i j k l m n o p"
    assert lines[3].startswith("completed · ")
    assert terminal.raw.count("\x1b[2K") > 5


def test_progress_line_shows_a_tool_call_while_the_answer_waits(demo: str) -> None:
    with open_terminal(demo, "run", "team", "newsroom", "-m", "headlines about tea") as terminal:
        terminal.wait_for("calling delegate_task_to_member")
        assert terminal.exit_code() == 0
    assert "Let me ask the Columnist." in terminal.screen
    assert "calling" not in terminal.screen


def test_piped_answer_is_alone_in_its_pipe(sample_agentos: str) -> None:
    with open_terminal(sample_agentos, "run", "agent", "slow", "-m", "12 2", piped=True) as terminal:
        terminal.wait_for("…w0")
        assert terminal.exit_code() == 0
    assert terminal.piped == " ".join(f"w{number}" for number in range(12)) + "\n"
    assert terminal.screen.splitlines()[0].startswith("completed · ")


def test_progress_line_is_never_wider_than_the_terminal(sample_agentos: str) -> None:
    with open_terminal(sample_agentos, "run", "agent", "slow", "-m", "60 2", piped=True, columns=40) as terminal:
        assert terminal.exit_code() == 0
    frames = [frame for frame in terminal.plain.split("\r\x1b[2K") if frame.startswith(tuple("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"))]
    assert frames
    assert max(map(len, frames)) < 40


@pytest.mark.parametrize(
    ("env", "colors", "redraws"),
    [({}, True, True), ({"NO_COLOR": "1"}, False, True), ({"TERM": "dumb"}, False, False)],
)
def test_colors_and_redrawing_follow_no_color_and_term(
    sample_agentos: str, env: dict[str, str], colors: bool, redraws: bool
) -> None:
    with open_terminal(sample_agentos, "run", "workflow", "three-steps", "-m", "x", env=env) as terminal:
        assert terminal.exit_code() == 0
    assert ("\x1b[32m✔" in terminal.raw) is colors
    assert ("\x1b[2K" in terminal.raw) is redraws
    assert "✔ 3/3 three" in terminal.screen


def test_component_text_does_not_move_the_cursor(sample_agentos: str) -> None:
    message = "a\x1b[2J\x1b]0;title\x07b\x9b31mc\x1b[8md"
    with open_terminal(sample_agentos, "run", "agent", "echo", "-m", message) as terminal:
        assert terminal.exit_code() == 0
    assert "echo: abcd\r\n" in terminal.raw
    # A pipe may end at a terminal, too.
    assert invoke_ok(sample_agentos, "run", "agent", "echo", "-m", message).stdout == "echo: abcd\n"


def test_table_fits_the_terminal_and_keeps_ids(demo: str) -> None:
    with open_terminal(demo, "agents", columns=60) as terminal:
        assert terminal.exit_code() == 0
    lines = terminal.screen.splitlines()
    assert max(map(len, lines)) <= 60
    assert lines[1].startswith("assistant  Assistant  General helper:")
    assert lines[1].endswith("…")
