"""Command lines that cannot be used: what is said, to whom, and the exit code."""

from __future__ import annotations

import subprocess

import pytest

from tests._support.processes import DOWN, MODULE, PATIENCE, environment
from tests._support.terminal_calls import call

MISTAKES = [
    (["agnets"], "there is no command 'agnets'. Did you mean agents?"),
    (["workflow"], "there is no command 'workflow'. Did you mean workflows?"),
    (["surf"], "there is no command 'surf'. See agentos-mcp --help."),
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
    (["runs", "--limit", "0"], "'0' is no number from 1 to 100."),
    (["run", "agent", "x", "-m", "y", "--stream", "--no-stream"], "not allowed with argument"),
    (["knowledge"], "the following arguments are required: ACTION. See agentos-mcp knowledge --help."),
    (["knowledge", "add"], "one of the arguments --text --from-url --file is required."),
    (["completion", "cmd"], "invalid choice: 'cmd'"),
    (["--url", "http://x", "agents"], "the command comes first. Try agentos-mcp agents with the flags after it."),
    (["agents", "--url", "nowhere"], "--url='nowhere' cannot be used: give a whole URL"),
    (["agents", "--token-file", "/no/such/file"], "there is no such file"),
    (["runs", "--explain"], "--explain of which? Give its reference or id, too."),
    (["run", "agent", "x", "-m", "y", "--dependencies", "{"], "--dependencies is no JSON"),
    (["run", "agent", "x", "-m", "y", "--dependencies", "[1]"], "--dependencies is no JSON object."),
    (["run", "agent", "x", "-m", "y", "--metadata", "@/no/file"], "--metadata: /no/file cannot be read (no such file"),
    (["run", "agent", "x", "-m", "y", "--output-schema", "/no/file"], "--output-schema: /no/file cannot be read"),
    (["knowledge", "add", "--file", "/no/file"], "There is no file /no/file. Give its path, or a URL."),
]


@pytest.mark.parametrize(("arguments", "said"), MISTAKES, ids=[" ".join(arguments) for arguments, _ in MISTAKES])
def test_a_mistake_is_one_line_and_json_for_scripts(sample_agentos: str, arguments: list[str], said: str) -> None:
    ended = call(sample_agentos, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("agentos-mcp")
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1
    if "--jsno" not in arguments:
        scripted = call(sample_agentos, *arguments, "--json")
        assert scripted.code == 2
        told = scripted.json
        assert set(told) == {"error", "next"}
        assert told["error"].rstrip(".") in ended.err


@pytest.mark.parametrize("command", ["agents", "run", "continue", "runs", "sessions", "knowledge", "traces", "doctor"])
def test_help_of_a_command_names_its_connection(command: str) -> None:
    asked = [command, "search"] if command == "knowledge" else [command]
    told = " ".join(call(DOWN, *asked, "--help").out.split())
    assert told.startswith(f"usage: agentos-mcp {' '.join(asked)} ")
    assert "--url URL, --base-url URL where AgentOS runs" in told
    assert "[AGENTOS_TOKEN, OS_SECURITY_KEY]" in told
    assert "--json" in told


def test_help_can_be_asked_for_by_word(sample_agentos: str) -> None:
    assert call(sample_agentos, "help", "run").out == call(sample_agentos, "run", "--help").out
    assert call(sample_agentos, "help").out == call(sample_agentos, "--help").out


def test_standard_input_that_is_no_text(sample_agentos: str) -> None:
    command = [*MODULE, "run", "agent", "echo", "-m", "-", "--url", sample_agentos]
    ended = subprocess.run(command, input=b"\xff\xfe", capture_output=True, env=environment(), timeout=PATIENCE)
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert ended.stderr.decode() == ("agentos-mcp: Standard input is no text. Attach other files with --file PATH.\n")
