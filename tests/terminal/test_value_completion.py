"""The names that a shell completes: asked of AgentOS, kept shortly, silent about failures, safe in any shell."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests._support.agentos.hostile_names import HOSTILE_IDS
from tests._support.agentos_pool import AgentOSPool
from tests._support.processes import DOWN, PATIENCE, SCRIPT
from tests._support.terminal_calls import invoke, invoke_ok

Complete = Callable[..., list[str]]

# What compadd gets is what zsh offers: it quotes it by itself when it puts it on the line.
_ZSH = """
compdef() { :; }
compadd() { [[ $1 == -a ]] && print -rl -- "${(@P)2}"; }
eval "$(<$1)"; shift
words=("$@"); CURRENT=$#
_agentos_mcp_$SOURCE
"""
_BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
_shtab_agentos_mcp agentos-mcp "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def complete(tmp_path: Path) -> Complete:
    """Completes the last of these words: the values that are offered. Its cache is this test's own."""

    def complete(url: str, source: str, *words: str, env: Mapping[str, str] | None = None) -> list[str]:
        variables = {"XDG_CACHE_HOME": str(tmp_path / "cache"), **(env or {})}
        result = invoke(url, "__complete", source, *words, env=variables)
        assert (result.exit_code, result.stderr) == (0, ""), result
        return result.stdout.splitlines()

    return complete


@pytest.fixture(scope="module")
def hostile(agentoses: AgentOSPool) -> str:
    return agentoses.url("hostile_names")


def test_components_are_completed_by_what_stands_before_them(complete: Complete, demo: str) -> None:
    assert {"agent", "team", "workflow", "assistant", "content-pipeline"} <= set(complete(demo, "run_words", "run"))
    assert complete(demo, "run_words", "run", "team") == ["newsroom"]
    assert complete(demo, "run_words", "run", "--user-id", "ada", "team") == ["newsroom"]
    assert complete(demo, "run_words", "run", "assistant") == []
    assert complete(demo, "run_words", "run", "agent", "assistant") == []
    assert complete(demo, "components", "workflows") == ["content-pipeline", "launch-plan"]
    assert complete(DOWN, "components", "teams", "--url", demo) == ["newsroom"]
    host, port = demo.removeprefix("http:").rsplit(":", 1)
    split_by_bash = ["--url", "http", ":", host, ":", port]
    assert complete(DOWN, "components", "teams", *split_by_bash) == ["newsroom"]


def test_runs_sessions_and_statuses_are_completed(complete: Complete, demo: str, session: str) -> None:
    run = invoke_ok(demo, "run", "assistant", "hello", "--session-id", session).reference
    assert complete(demo, "runs", "runs")[:2] == ["last", run]
    assert run in complete(demo, "runs", "cancel")
    assert session in complete(demo, "sessions", "run", "assistant", "--session-id")
    assert complete(DOWN, "statuses", "runs", "--status") == ["running", "waiting", "completed", "cancelled", "failed"]


def test_profiles_are_completed(complete: Complete, demo: str, tmp_path: Path) -> None:
    env = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    assert invoke(demo, "use", demo, "--name", "newsroom", env=env).exit_code == 0
    assert complete(DOWN, "profiles", "use", env=env) == ["newsroom"]
    assert complete(DOWN, "profiles", "agents", "--profile", env=env) == ["newsroom"]


def test_only_words_that_no_shell_evaluates_are_offered(complete: Complete, hostile: str) -> None:
    ids = {item["id"] for item in invoke_ok(hostile, "agents", "--json").json["items"]}
    assert set(HOSTILE_IDS) & ids, "this AgentOS has none of them"
    assert complete(hostile, "components", "agents") == ["plain-agent"]


@pytest.mark.parametrize(
    "words",
    [
        ["run_words", "run", "--", "$(touch pwned)", '"open quote', "x"],
        ["run_words"],
        ["nothing", "such"],
        [],
        ["components", "agents", "--help"],
        ["components", "agents", "--url"],
        ["components", "agents", "--url", "nowhere"],
        ["profiles", "use"],
        ["components", "agents", "--token-file", "/no/such/file"],
    ],
    ids=" ".join,
)
def test_completion_is_silent_about_what_it_cannot_know(complete: Complete, words: list[str], tmp_path: Path) -> None:
    env = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    source, rest = (words[0], words[1:]) if words else ("", [])
    assert complete(DOWN, source, *rest, env=env) in ([], ["agent", "team", "workflow"])


@pytest.fixture
def silent_server() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_agentos_that_does_not_answer_costs_a_second_once(complete: Complete, silent_server: str) -> None:
    started = time.monotonic()
    assert complete(silent_server, "components", "agents") == []
    first = time.monotonic() - started
    started = time.monotonic()
    assert complete(silent_server, "components", "agents") == []
    assert first > 0.8
    assert time.monotonic() - started < first


def test_answer_is_kept_for_a_moment_and_nobody_elses(complete: Complete, demo: str, tmp_path: Path) -> None:
    assert complete(demo, "components", "teams") == ["newsroom"]
    (file,) = (tmp_path / "cache" / "agentos-mcp" / "completion").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text('["kept", "$(touch pwned)"]', encoding="utf-8")
    assert complete(demo, "components", "teams") == ["kept"]
    assert complete(demo, "components", "teams", env={"AGENTOS_MCP_DB_ID": "other-db"}) == ["newsroom"]
    os.utime(file, (0, 0))
    assert complete(demo, "components", "teams") == ["newsroom"]
    for odd in ("{", '{"a": 1}', "[1]", "[" * 100_000):
        file.write_text(odd, encoding="utf-8")
        assert complete(demo, "components", "teams") == ["newsroom"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_offers_names_and_evaluates_none(shell: str, hostile: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / f"script.{shell}"
    script.write_text(invoke_ok(hostile, "completion", shell).stdout, encoding="utf-8")
    words = ["agentos-mcp", "run", "--user-id", "$(touch pwned)", "agent", "p"]
    if shell == "fish":
        line = "agentos-mcp run --user-id '$(touch pwned)' agent p"
        command = ["fish", "--no-config", "-c", f"source {script}; complete -C {shlex.quote(line)}"]
    else:
        command = [shell, "-c", _BASH if shell == "bash" else _ZSH, shell, str(script), *words]
    path = os.pathsep.join([str(Path(SCRIPT[0]).parent), os.environ["PATH"]])
    result = subprocess.run(
        command,
        env={
            "PATH": path,
            "HOME": str(tmp_path),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "AGENTOS_URL": hostile,
            "SOURCE": "run_words",
        },
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    assert "plain-agent" in [line.partition("\t")[0] for line in result.stdout.splitlines()], result
    assert not any(bad in result.stdout for bad in ("touch", "two", "root")), result
    assert not (tmp_path / "pwned").exists()
