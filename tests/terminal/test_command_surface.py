"""Hints at a terminal are commands and flags that can be pasted."""

from __future__ import annotations

import shlex

import pytest

from agentos_mcp.agentos.hints import Action, Hint, Parameter, hint
from agentos_mcp.cli import build_full_parser
from agentos_mcp.terminal.command_surface import _COMMANDS, CommandSurface
from agentos_mcp.tools import TOOLSETS

COMMANDS = CommandSurface()


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (
            hint("{list} finds it.", list=Action.of("list_runs", status="paused")),
            "`agentos-mcp runs --status paused` finds it.",
        ),
        (
            hint("Continue it with {run}.", run=Action.of("run_team", team_id="pair", session_id="s-1")),
            "Continue it with `agentos-mcp run team pair --session-id s-1 -m TEXT`.",
        ),
        (
            hint("{run}", run=Action.of("run_agent", agent_id="echo", session_id="s-1", user_id="ada")),
            "`agentos-mcp run agent echo --session-id s-1 --user-id ada -m TEXT`",
        ),
        (
            hint("{list}", list=Action.of("list_traces", since="2 days ago", order="slowest")),
            "`agentos-mcp traces --since '2 days ago' --order slowest`",
        ),
        (hint("{get}", get=Action.of("get_trace", id="4f2a")), "`agentos-mcp traces 4f2a`"),
        (hint("Call {continue_run}.", continue_run=Action.of("continue_run")), "Call `agentos-mcp continue RUN`."),
        (hint("Give {db}, one of: a, b.", db=Parameter("db_id")), "Give --db-id, one of: a, b."),
        (hint("{page} has more", page=Parameter("page", 2)), "--page 2 has more"),
        (
            hint("{read}", read=Action.of("get_session", session_id="two words; rm")),
            "`agentos-mcp sessions 'two words; rm'`",
        ),
    ],
)
def test_command_surface_renders_actions_as_commands(message: Hint, text: str) -> None:
    assert message.render(COMMANDS) == text


def test_command_surface_leaves_out_a_sentence_about_an_action_without_a_command() -> None:
    message = hint("{delete} removes it.", delete=Action.of("delete_knowledge")) + "Nothing was changed."
    assert message.render(COMMANDS) == "Nothing was changed."


def test_command_surface_says_the_alternative_to_an_action_without_a_command() -> None:
    message = hint("{rename} renames it.", rename=Action.of("rename_session"), otherwise="Rename it in AgentOS.")
    assert message.render(COMMANDS) == "Rename it in AgentOS."


def test_command_surface_repeats_how_the_program_was_called_and_which_agentos_was_meant() -> None:
    surface = CommandSurface(["python3", "-m", "agentos_mcp"], ["--url", "http://localhost:1/a b"])
    assert surface.action(Action.of("list_runs")) == "`python3 -m agentos_mcp runs --url 'http://localhost:1/a b'`"
    assert surface.command_line("doctor") == "python3 -m agentos_mcp doctor --url 'http://localhost:1/a b'"


def test_command_surface_of_a_command_has_its_connection_flags_but_no_token() -> None:
    options = build_full_parser().parse_args(
        ["runs", "--url", "http://a.test", "--token-file", "my token", "--token", "s3cret", "--profile", "prod"]
    )
    line = CommandSurface.of(options).command_line("doctor")
    assert line == "agentos-mcp doctor --url http://a.test --profile prod --token-file 'my token'"
    assert CommandSurface.of(build_full_parser().parse_args(["runs"])).command_line("doctor") == "agentos-mcp doctor"


@pytest.mark.parametrize("name", sorted(_COMMANDS))
def test_command_surface_writes_commands_that_the_parser_takes(name: str) -> None:
    line = COMMANDS.action(Action(name)).strip("`")
    options = build_full_parser().parse_args(shlex.split(line)[1:])
    assert options.command


def test_command_surface_knows_only_tools_that_exist() -> None:
    assert set(_COMMANDS) <= {tool.name for toolset in TOOLSETS for tool in toolset.tools}
