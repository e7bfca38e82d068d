"""Ctrl-C and a closed terminal while a run is followed."""

from __future__ import annotations

import sys

import anyio
import pytest

from tests._support.process_clients import ends_as
from tests._support.processes import MODULE, PROMPT
from tests._support.terminal_calls import invoke_ok

if sys.platform == "win32":
    pytest.skip("pseudo-terminals as POSIX has them", allow_module_level=True)

from tests._support.pseudo_terminal import CTRL_C, open_terminal


def test_ctrl_c_cancels_the_run_on_agentos(sample_agentos: str, session: str) -> None:
    with open_terminal(
        sample_agentos, "run", "agent", "slow", "-m", "200 20", "--session-id", session, command=MODULE, piped=True
    ) as terminal:
        terminal.wait_for("…w0")
        terminal.type(CTRL_C)
        terminal.wait_for("Cancelling the run (Ctrl-C again: leave without waiting for it)")
        assert terminal.exit_code() == 130
    assert anyio.run(ends_as, sample_agentos, "agents/slow", session) == "CANCELLED"
    assert "cancelled" in terminal.screen
    assert terminal.piped.startswith("w0 ")
    assert terminal.piped.endswith("\n")


def test_ctrl_c_cancels_a_workflow_and_prints_json(sample_agentos: str, session: str) -> None:
    arguments = ("run", "workflow", "slow-steps", "-m", "go", "--session-id", session, "--json")
    with open_terminal(sample_agentos, *arguments, command=MODULE, piped=True) as terminal:
        terminal.wait_for("1/2 one")
        terminal.type(CTRL_C)
        assert terminal.exit_code() == 130
    assert terminal.json["status"] == "cancelled"
    assert anyio.run(ends_as, sample_agentos, "workflows/slow-steps", session) == "CANCELLED"


def test_second_ctrl_c_leaves_without_waiting(sample_agentos: str, session: str) -> None:
    with open_terminal(
        sample_agentos, "run", "agent", "thinker", "-m", "8", "--session-id", session, command=MODULE
    ) as terminal:
        terminal.wait_for("working")
        terminal.type(CTRL_C)
        terminal.wait_for("Cancelling")
        terminal.type(CTRL_C)
        assert terminal.exit_code(PROMPT) == 130
    assert f"-m agentos_mcp runs agent/thinker/{session}/" in terminal.screen
    assert "Traceback" not in terminal.raw
    assert anyio.run(ends_as, sample_agentos, "agents/thinker", session) == "CANCELLED"


def test_ctrl_c_before_there_is_a_run_ends_the_command(sample_agentos: str) -> None:
    with open_terminal(sample_agentos, "run", "agent", "echo", "-m", "-", command=MODULE) as terminal:
        terminal.wait_for("Enter the text; Ctrl-D on an empty line ends it.")
        terminal.type(CTRL_C)
        assert terminal.exit_code(PROMPT) == 130
    assert "Traceback" not in terminal.raw


def test_ctrl_c_at_a_run_started_elsewhere_only_stops_following(sample_agentos: str, session: str) -> None:
    with open_terminal(
        sample_agentos, "run", "agent", "slow", "-m", "3000 300", "--session-id", session, command=MODULE, piped=True
    ) as owner:
        owner.wait_for("…w0")
        run = invoke_ok(sample_agentos, "runs", "--session-id", session, "--json").json["items"][0]["run"]
        with open_terminal(sample_agentos, "runs", run, "--follow", command=MODULE, piped=True) as follower:
            follower.wait_for("…")
            follower.type(CTRL_C)
            assert follower.exit_code() == 130
        assert invoke_ok(sample_agentos, "runs", run, "--json").json["status"] == "running"
        owner.type(CTRL_C)
        assert owner.exit_code() == 130
    assert f"-m agentos_mcp runs {run} --follow" in follower.screen


def test_closed_terminal_leaves_the_run_going(sample_agentos: str, session: str) -> None:
    with open_terminal(
        sample_agentos, "run", "agent", "slow", "-m", "20 2", "--session-id", session, command=MODULE, piped=True
    ) as terminal:
        terminal.wait_for("…w0")
        terminal.hang_up()
        terminal.exit_code()
    assert anyio.run(ends_as, sample_agentos, "agents/slow", session) == "COMPLETED"
