"""Commands whose standard input is a terminal: the bare command, serve, a typed message."""

from __future__ import annotations

import sys

import pytest

from tests._support.terminal_calls import invoke

if sys.platform == "win32":
    pytest.skip("pseudo-terminals as POSIX has them", allow_module_level=True)

from tests._support.pseudo_terminal import Terminal, open_terminal


def test_bare_command_at_a_terminal_prints_the_overview() -> None:
    with Terminal() as terminal:
        assert terminal.exit_code() == 0
    assert terminal.screen.startswith("usage: agentos-mcp COMMAND ...")
    assert "agentos-mcp doctor" in terminal.screen


def test_serve_at_a_terminal_says_that_a_client_starts_it(sample_agentos: str) -> None:
    with open_terminal(sample_agentos, "serve") as terminal:
        terminal.wait_for(
            "Serving MCP on standard input: an MCP client starts this command by itself. Press Ctrl-D to stop."
        )
        terminal.type("\x04")
        assert terminal.exit_code() == 0


def test_message_can_be_typed(sample_agentos: str) -> None:
    with open_terminal(sample_agentos, "run", "agent", "echo", "-m", "-") as terminal:
        terminal.wait_for("Enter the text")
        terminal.type("typed here\n\x04")
        terminal.wait_for("echo: typed here")
        assert terminal.exit_code() == 0
    assert invoke(sample_agentos, "run", "agent", "echo", "-m", "-", stdin="").exit_code == 2
