"""Invalid command lines: the error for people and for scripts, and the exit code."""

from __future__ import annotations

import io
import shlex
import subprocess

import pytest

from agentos_mcp.cli import COMMANDS
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
    (["run", "agent", "echo"], "The message is missing."),
    (
        ["run", "agent", "echo", "hello", "world"],
        "There are too many words. The name and the message need quotes. Use `agentos-mcp run agent echo 'hello world'",
    ),
    (["run", "echo", "a", "b", "--user-id", "u"], "Use `agentos-mcp run echo 'a b' --user-id u"),
    (["run", "--user-id", "a", "echo", "a", "b"], "Use `agentos-mcp run echo 'a b' --user-id a"),
    (["run", "workfow", "three-steps", "good", "tea"], "Use `agentos-mcp run workflow three-steps 'good tea'"),
    (["run", "three", "steps", "-m", "x"], "The name needs quotes. Use `agentos-mcp run 'three steps' -m x"),
    (["run", "echo", "--mesage", "hi"], "Did you mean --message? Use `agentos-mcp run echo --message hi"),
    (["run", "echo", "hi", "--statsu=x"], "unrecognized arguments: --statsu=x."),
    (["agents", "--status", "failed"], "--status is a flag of runs. Use `agentos-mcp runs --status failed"),
    (["agents", "--page", "2"], "--page is a flag of sessions, memories, knowledge. See agentos-mcp agents"),
    (["agents", "story", "writer"], "Use `agentos-mcp agents 'story writer'"),
    (
        ["knowledge", "search", "why", "is", "tea", "green", "--max-results", "3"],
        "Use `agentos-mcp knowledge search 'why is tea green' --max-results 3",
    ),
    (["workflow", "three-steps", "tea"], "Use `agentos-mcp run workflow three-steps tea"),
    (["workflow", "three-steps"], "Use `agentos-mcp workflows three-steps"),
    (["install", "cusor"], "Did you mean cursor? Use `agentos-mcp install cursor"),
    (["runs", "--limit", "0"], "'0' is not a number from 1 to 100."),
    (["run", "agent", "x", "-m", "y", "--stream", "--no-stream"], "not allowed with argument"),
    (["knowledge"], "the following arguments are required: ACTION. See agentos-mcp knowledge --help."),
    (["knowledge", "add"], "one of the arguments --text --from-url --file is required."),
    (["completion", "cmd"], "invalid choice: 'cmd'"),
    (["--url", "http://x", "agents"], "The command has to come first. Use `agentos-mcp agents --url http://x"),
    (["agents", "--url", "nowhere"], "--url='nowhere' cannot be used: give a complete URL"),
    (["agents", "--token-file", "/no/such/file"], "there is no such file"),
    (["traces", "--span-id", "x"], "--span-id needs a trace id or a run reference. Use `agentos-mcp traces ID"),
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
        assert set(document) - {"agentos"} == {"error", "next"}
        assert document["error"].rstrip(".") in result.stderr


@pytest.mark.parametrize("flags", [["--expose", "agents"], ["--log-level", "error", "--toolsets", "runs"]])
def test_value_of_a_server_flag_can_be_called_like_a_command(sample_agentos: str, flags: list[str]) -> None:
    result = invoke(sample_agentos, *flags)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


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


@pytest.mark.parametrize(
    "arguments",
    [
        ["--token", "s3cret", "agents"],
        ["--token=s3cret", "agents"],
        ["agents", "--tokn=s3cret"],
        ["agents", "--tokn", "s3cret", "--lmit"],
        ["run", "echo", "a", "b", "--token", "s3cret"],
        ["run", "echo", "a", "b", "--token=s3cret"],
    ],
    ids=" ".join,
)
def test_line_that_is_proposed_has_no_token(arguments: list[str]) -> None:
    result = invoke(DOWN, *arguments)
    assert result.exit_code == 2
    assert "TOKEN" in result.stderr
    assert "s3cret" not in result.stderr


def test_line_that_is_proposed_is_quoted_for_a_shell(sample_agentos: str) -> None:
    result = invoke(sample_agentos, "run", "echo", "$(touch", "x);", "`y`", "it's")
    line = result.stderr.partition("Use `")[2].rpartition("`")[0]
    assert shlex.split(line) == ["agentos-mcp", "run", "echo", "$(touch x); `y` it's"]
    assert invoke(sample_agentos, *shlex.split(line)[1:]).stdout == "echo: $(touch x); `y` it's\n"


def test_long_command_line_is_not_repeated() -> None:
    result = invoke(DOWN, "run", "echo", "word " * 1000, "another")
    assert result.stderr == "agentos-mcp run: There are too many words. The name and the message need quotes.\n"


@pytest.mark.parametrize("command", ["agents", "run", "chat", "continue", "cancel", "runs", "knowledge", "traces"])
def test_command_help_has_examples_that_the_command_takes(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a message"))
    help_text = COMMANDS[command].parser(command).format_help()
    examples = [line.strip() for line in help_text.partition("Examples:\n")[2].split("\n\n")[0].splitlines()]
    assert examples
    for example in examples:
        words = shlex.split(example.rpartition(" | ")[2])
        assert words[:2] == ["agentos-mcp", command]
        COMMANDS[command].parser(command).parse_args(words[2:])
