"""Invalid command lines: the error for people and for scripts, and the exit code."""

from __future__ import annotations

import subprocess

import pytest

from tests._support.processes import DOWN, MODULE, PATIENCE, environment
from tests._support.terminal_calls import invoke

INVALID_COMMAND_LINES = [
    (["agnets"], "There is no command 'agnets'. Did you mean agents?"),
    (["workflow"], "There is no command 'workflow'. Did you mean workflows?"),
    (["surf"], "There is no command 'surf'. See agentos-mcp --help."),
    (["agents", "--jsno"], "unrecognized arguments: --jsno. Did you mean --json?"),
    (
        ["run", "agent", "x", "-m", "y", "--sesion-id=3"],
        "unrecognized arguments: --sesion-id=3. Did you mean --session",
    ),
    (
        ["knowledge", "search", "x", "--max-result-s", "3"],
        "unrecognized arguments: --max-result-s 3. Did you mean --max",
    ),
    (["run"], "the following arguments are required: KIND, -m/--message. See agentos-mcp run --help."),
    (["run", "agent", "echo"], "the following arguments are required: -m/--message."),
    (["run", "robot", "-m", "x"], "invalid choice: 'robot' (choose from"),
    (["run", "workfow", "-m", "x"], "Did you mean workflow?"),
    (["install", "cusor"], "Did you mean cursor?"),
    (["runs", "--limit", "0"], "'0' is not a number from 1 to 100."),
    (["run", "agent", "x", "-m", "y", "--stream", "--no-stream"], "not allowed with argument"),
    (["knowledge"], "the following arguments are required: ACTION. See agentos-mcp knowledge --help."),
    (["knowledge", "add"], "one of the arguments --text --from-url --file is required."),
    (["completion", "cmd"], "invalid choice: 'cmd'"),
    (["--url", "http://x", "agents"], "The command has to come first. Try agentos-mcp agents with the flags after it."),
    (["agents", "--url", "nowhere"], "--url='nowhere' cannot be used: give a complete URL"),
    (["agents", "--token-file", "/no/such/file"], "there is no such file"),
    (["runs", "--explain"], "--explain needs a run reference. Use `agentos-mcp runs RUN --explain`."),
    (["run", "agent", "x", "-m", "y", "--dependencies", "{"], "--dependencies is not valid JSON"),
    (["run", "agent", "x", "-m", "y", "--dependencies", "[1]"], "--dependencies is not a JSON object."),
    (["run", "agent", "x", "-m", "y", "--metadata", "@/no/file"], "--metadata: /no/file cannot be read (no such file"),
    (["run", "agent", "x", "-m", "y", "--output-schema", "/no/file"], "--output-schema: /no/file cannot be read"),
    (["knowledge", "add", "--file", "/no/file"], "There is no file /no/file. Give its path, or a URL."),
]


@pytest.mark.parametrize(
    ("arguments", "error"), INVALID_COMMAND_LINES, ids=[" ".join(arguments) for arguments, _ in INVALID_COMMAND_LINES]
)
def test_usage_error_is_one_line_or_json(sample_agentos: str, arguments: list[str], error: str) -> None:
    result = invoke(sample_agentos, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("agentos-mcp")
    assert error in result.stderr
    assert len(result.stderr.splitlines()) == 1
    if "--jsno" not in arguments:
        scripted = invoke(sample_agentos, *arguments, "--json")
        assert scripted.exit_code == 2
        document = scripted.json
        assert set(document) == {"error", "next"}
        assert document["error"].rstrip(".") in result.stderr


@pytest.mark.parametrize("command", ["agents", "run", "continue", "runs", "sessions", "knowledge", "traces", "doctor"])
def test_command_help_names_the_connection_flags(command: str) -> None:
    words = [command, "search"] if command == "knowledge" else [command]
    help_text = " ".join(invoke(DOWN, *words, "--help").stdout.split())
    assert help_text.startswith(f"usage: agentos-mcp {' '.join(words)} ")
    assert "--url URL, --base-url URL where AgentOS runs" in help_text
    assert "[AGENTOS_TOKEN, OS_SECURITY_KEY]" in help_text
    assert "--json" in help_text


def test_help_command_is_the_help_flag(sample_agentos: str) -> None:
    assert invoke(sample_agentos, "help", "run").stdout == invoke(sample_agentos, "run", "--help").stdout
    assert invoke(sample_agentos, "help").stdout == invoke(sample_agentos, "--help").stdout


def test_standard_input_that_is_not_text_is_refused(sample_agentos: str) -> None:
    command = [*MODULE, "run", "agent", "echo", "-m", "-", "--url", sample_agentos]
    result = subprocess.run(command, input=b"\xff\xfe", capture_output=True, env=environment(), timeout=PATIENCE)
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.decode() == (
        "agentos-mcp: Standard input is not valid text. Attach other files with --file PATH.\n"
    )
