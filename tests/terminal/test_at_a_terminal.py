"""The commands at a real terminal: what moves on the screen, and what Ctrl-C does."""

from __future__ import annotations

import sys

import anyio
import pytest

from tests._support.process_clients import ends_as
from tests._support.processes import PROMPT
from tests._support.terminal_calls import call, done

if sys.platform == "win32":
    pytest.skip("pseudo-terminals as POSIX has them", allow_module_level=True)

from tests._support.pseudo_terminal import CTRL_C, Terminal, at


def test_an_agents_answer_streams_onto_the_screen(sample_agentos: str) -> None:
    with at(sample_agentos, "run", "agent", "slow", "-m", "12 2") as terminal:
        terminal.see("w0 ")
        assert terminal.running
        assert terminal.exit_code() == 0
    lines = terminal.screen.splitlines()
    assert lines[0] == " ".join(f"w{number}" for number in range(12))
    assert lines[1].startswith("completed · ")
    assert lines[2].startswith("run: agent/slow/")


def test_one_line_moves_and_each_step_leaves_one(sample_agentos: str) -> None:
    with at(sample_agentos, "run", "workflow", "slow-steps", "-m", "go") as terminal:
        terminal.see("1/2 one")
        terminal.see("✔ 1/2 one (1.")
        terminal.see("2/2 two")
        assert terminal.exit_code() == 0
    lines = terminal.screen.splitlines()
    assert [line.partition(" (")[0] for line in lines[:2]] == ["✔ 1/2 one", "✔ 2/2 two"]
    assert lines[2] == "i j k l m n o p"
    assert lines[3].startswith("completed · ")
    assert terminal.raw.count("\x1b[2K") > 5


def test_a_tool_call_moves_while_the_answer_waits(demo: str) -> None:
    with at(demo, "run", "team", "newsroom", "-m", "headlines about tea") as terminal:
        terminal.see("calling delegate_task_to_member")
        assert terminal.exit_code() == 0
    assert "Let me ask the Columnist." in terminal.screen
    assert "calling" not in terminal.screen


def test_a_piped_answer_is_alone_in_its_pipe_while_the_line_moves(sample_agentos: str) -> None:
    with at(sample_agentos, "run", "agent", "slow", "-m", "12 2", piped=True) as terminal:
        terminal.see("…w0")
        assert terminal.exit_code() == 0
    assert terminal.piped == " ".join(f"w{number}" for number in range(12)) + "\n"
    assert terminal.screen.splitlines()[0].startswith("completed · ")


def test_a_line_never_is_wider_than_its_terminal(sample_agentos: str) -> None:
    with at(sample_agentos, "run", "agent", "slow", "-m", "60 2", piped=True, columns=40) as terminal:
        assert terminal.exit_code() == 0
    frames = [frame for frame in terminal.plain.split("\r\x1b[2K") if frame.startswith(tuple("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"))]
    assert frames
    assert max(map(len, frames)) < 40


@pytest.mark.parametrize(
    ("given", "colors", "moves"),
    [({}, True, True), ({"NO_COLOR": "1"}, False, True), ({"TERM": "dumb"}, False, False)],
)
def test_colours_and_moves_are_for_terminals_that_want_them(
    sample_agentos: str, given: dict[str, str], colors: bool, moves: bool
) -> None:
    with at(sample_agentos, "run", "workflow", "three-steps", "-m", "x", given=given) as terminal:
        assert terminal.exit_code() == 0
    assert ("\x1b[32m✔" in terminal.raw) is colors
    assert ("\x1b[2K" in terminal.raw) is moves
    assert "✔ 3/3 three" in terminal.screen


def test_what_a_component_says_does_not_move_the_cursor(sample_agentos: str) -> None:
    evil = "a\x1b[2J\x1b]0;title\x07b\x9b31mc\x1b[8md"
    with at(sample_agentos, "run", "agent", "echo", "-m", evil) as terminal:
        assert terminal.exit_code() == 0
    assert "echo: abcd\r\n" in terminal.raw
    # A pipe may end at a terminal, too.
    assert done(sample_agentos, "run", "agent", "echo", "-m", evil).out == "echo: abcd\n"


def test_columns_fit_the_terminal_and_ids_stay_whole(demo: str) -> None:
    with at(demo, "agents", columns=60) as terminal:
        assert terminal.exit_code() == 0
    lines = terminal.screen.splitlines()
    assert max(map(len, lines)) <= 60
    assert lines[1].startswith("assistant  Assistant  General helper:")
    assert lines[1].endswith("…")


# Ctrl-C


def test_ctrl_c_cancels_the_run_on_agentos(sample_agentos: str, session: str) -> None:
    with at(sample_agentos, "run", "agent", "slow", "-m", "200 20", "--session-id", session, piped=True) as terminal:
        terminal.see("…w0")
        terminal.type(CTRL_C)
        terminal.see("Cancelling (Ctrl-C again: leave without waiting for it)")
        assert terminal.exit_code() == 130
    assert anyio.run(ends_as, sample_agentos, "agents/slow", session) == "CANCELLED"
    assert "cancelled" in terminal.screen
    assert terminal.piped.startswith("w0 ")
    assert terminal.piped.endswith("\n")


def test_ctrl_c_cancels_a_workflow_too_and_tells_scripts(sample_agentos: str, session: str) -> None:
    arguments = ("run", "workflow", "slow-steps", "-m", "go", "--session-id", session, "--json")
    with at(sample_agentos, *arguments, piped=True) as terminal:
        terminal.see("1/2 one")
        terminal.type(CTRL_C)
        assert terminal.exit_code() == 130
    assert terminal.json["status"] == "cancelled"
    assert anyio.run(ends_as, sample_agentos, "workflows/slow-steps", session) == "CANCELLED"


def test_a_second_ctrl_c_leaves_without_waiting(sample_agentos: str, session: str) -> None:
    with at(sample_agentos, "run", "agent", "thinker", "-m", "8", "--session-id", session) as terminal:
        terminal.see("working")
        terminal.type(CTRL_C)
        terminal.see("Cancelling")
        terminal.type(CTRL_C)
        assert terminal.exit_code(PROMPT) == 130
    assert f"Next: agentos-mcp runs agent/thinker/{session}/" in terminal.screen
    assert "Traceback" not in terminal.raw
    assert anyio.run(ends_as, sample_agentos, "agents/thinker", session) == "CANCELLED"


def test_ctrl_c_before_there_is_a_run_ends_the_command(sample_agentos: str) -> None:
    with at(sample_agentos, "run", "agent", "echo", "-m", "-") as terminal:
        terminal.see("Enter the text; Ctrl-D on a line of its own ends it.")
        terminal.type(CTRL_C)
        assert terminal.exit_code(PROMPT) == 130
    assert "Traceback" not in terminal.raw


def test_ctrl_c_at_somebody_elses_run_only_stops_watching(sample_agentos: str, session: str) -> None:
    with at(sample_agentos, "run", "agent", "slow", "-m", "40 4", "--session-id", session, piped=True) as theirs:
        theirs.see("…w0")
        run = done(sample_agentos, "runs", "--session-id", session, "--json").json["items"][0]["run"]
        with at(sample_agentos, "runs", run, "--follow", piped=True) as ours:
            ours.see("…")
            ours.type(CTRL_C)
            assert ours.exit_code() == 130
        assert theirs.exit_code() == 0
    assert f"Next: agentos-mcp runs {run} --follow" in ours.screen


def test_a_closed_terminal_leaves_the_run_going(sample_agentos: str, session: str) -> None:
    with at(sample_agentos, "run", "agent", "slow", "-m", "20 2", "--session-id", session, piped=True) as terminal:
        terminal.see("…w0")
        terminal.hang_up()
        terminal.exit_code()
    assert anyio.run(ends_as, sample_agentos, "agents/slow", session) == "COMPLETED"


# The bare command


def test_a_person_who_types_the_bare_command_is_told_what_there_is() -> None:
    with Terminal() as terminal:
        assert terminal.exit_code() == 0
    assert terminal.screen.startswith("usage: agentos-mcp COMMAND ...")
    assert "agentos-mcp doctor" in terminal.screen


def test_serve_at_a_terminal_says_for_whom_it_is(sample_agentos: str) -> None:
    with at(sample_agentos, "serve") as terminal:
        terminal.see("Serving MCP on standard input, for a client that starts this. Ctrl-D ends it.")
        terminal.type("\x04")
        assert terminal.exit_code() == 0


def test_a_message_can_be_typed(sample_agentos: str) -> None:
    with at(sample_agentos, "run", "agent", "echo", "-m", "-") as terminal:
        terminal.see("Enter the text")
        terminal.type("typed here\n\x04")
        terminal.see("echo: typed here")
        assert terminal.exit_code() == 0
    assert call(sample_agentos, "run", "agent", "echo", "-m", "-", stdin="").code == 2
