"""Every command that a command proposes works when it is pasted into a shell, on any address."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests._support.processes import DOWN, FORK, PATIENCE, environment, started_by
from tests._support.shell_commands import parsed
from tests._support.terminal_calls import CommandResult, invoke
from tests.conftest import KEY

if sys.platform == "win32":
    pytest.skip("lines for a POSIX shell", allow_module_level=True)

pytestmark = pytest.mark.process

PROPOSED = re.compile(r"`(agentos-mcp [^`]+)`|: (agentos-mcp .+)$|^ +(agentos-mcp .+)$", re.MULTILINE)
MORE = re.compile(r"(?:; |Older ones: )(--(?:page|until) \S+)")
"""Flags to add to the same command for what comes next in a list."""


class Shell:
    """A shell of somebody whose AgentOS is not at the usual address, and wants a token."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        home, programs = folder / "home", folder / "bin"
        for path in (home, programs):
            path.mkdir(exist_ok=True)
        (programs / "agentos-mcp").symlink_to(started_by(FORK)[0])
        self._variables = {
            "XDG_CONFIG_HOME": str(folder),
            "HOME": str(home),
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        }

    def invoke(self, *arguments: str, stdin: str = "") -> CommandResult:
        return invoke("", *arguments, stdin=stdin, env=self._variables)

    def proposals(self, *arguments: str, stdin: str = "") -> list[str]:
        """The commands that this command proposes."""
        result = self.invoke(*arguments, stdin=stdin)
        text = f"{result.stdout}\n{result.stderr}"
        assert KEY not in text
        return [next(filter(None, groups)) for groups in PROPOSED.findall(text)]

    def some_proposals(self, *arguments: str, stdin: str = "") -> list[str]:
        proposed = self.proposals(*arguments, stdin=stdin)
        assert proposed, f"{arguments} proposes nothing"
        return proposed

    def paste(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", line],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            env=environment(self._variables),
            cwd=self.folder,
            timeout=PATIENCE,
        )


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path)


@pytest.fixture
def token_file(tmp_path: Path) -> str:
    path = tmp_path / "my token"
    path.write_text(KEY)
    path.chmod(0o600)
    return str(path)


def filled_in(line: str, values: dict[str, str]) -> str:
    """The line with what a person puts in place of its placeholders."""
    return " ".join(values.get(word, word) for word in line.split(" "))


def assert_pasted_speaks_to(shell: Shell, url: str, lines: Iterable[str], values: dict[str, str]) -> None:
    for line in sorted(set(lines)):
        pasted = shell.paste(filled_in(line, values))
        assert pasted.returncode != 2, f"{line}: {pasted.stderr}"
        assert re.match(rf"AgentOS: .+ at {url}\n", pasted.stderr), f"{line}: {pasted.stderr}"
        assert "requires a token" not in pasted.stderr, line


def test_proposed_command_can_be_pasted_on_any_address(shell: Shell, locked_agentos: str, token_file: str) -> None:
    flags = ["--url", locked_agentos, "--token-file", token_file]
    failed = shell.invoke("run", "agent", "broken", "-m", "x", *flags)
    paused = shell.invoke("run", "agent", "confirmer", "-m", "x", *flags)
    unknown = f"{paused.reference.rpartition('/')[0]}/nothing"
    proposing = [
        ["runs", failed.reference],
        ["runs", paused.reference],
        ["runs", paused.reference, "--explain"],
        ["runs", "--explain"],
        ["runs", failed.reference, "--explian"],
        ["runs", failed.reference, "--watch"],
        ["continue", unknown],
        ["continue", failed.reference],
        ["cancel", unknown],
        ["run", "agent", "three-steps", "-m", "x"],
        ["run", "agent", "echo", "two", "words"],
        ["run", "echo"],
        ["agents", "nothing"],
        ["chat", "agent", "nothing"],
        ["sessions", "nothing"],
        ["traces", "nothing"],
        ["traces", "--span-id", "x"],
        ["memories", "nothing"],
    ]
    lines = [line for arguments in proposing for line in shell.proposals(*arguments, *flags)]
    lines += shell.some_proposals("chat", "agent", "echo", *flags, stdin="hi\n")
    assert len(set(lines)) >= 11
    values = {"RUN": failed.reference, "TEXT": "hi", "ID": "nothing"}
    assert_pasted_speaks_to(shell, locked_agentos, lines, values)


@pytest.mark.parametrize("command", [["runs"], ["sessions"], ["knowledge", "list"]], ids=lambda words: words[0])
def test_rest_of_a_list_is_shown_with_the_flag_that_it_ends_with(demo: str, command: list[str]) -> None:
    first = invoke(demo, *command, "--limit", "2")
    found = MORE.search(first.stdout)
    assert found, first.stdout
    rest = invoke(demo, *command, "--limit", "2", *found[1].split())
    assert rest.exit_code == 0
    rows = rest.stdout.splitlines()[1:3]
    # A time is no exact place: runs of that very second are shown again.
    assert rows if found[1].startswith("--until") else {*rows} - {*first.stdout.splitlines()}


@pytest.mark.parametrize("flags", [["--profile", "mine"], []], ids=["profile", "current profile"])
def test_proposed_command_can_be_pasted_with_a_profile(
    shell: Shell, locked_agentos: str, token_file: str, flags: list[str]
) -> None:
    assert shell.invoke("use", locked_agentos, "--token-file", token_file, "--name", "mine").exit_code == 0
    if flags:
        assert shell.invoke("use", DOWN, "--name", "current").exit_code == 0
    [line] = shell.some_proposals("run", "agent", "broken", "-m", "x", *flags)
    pasted = shell.paste(line)
    assert (pasted.returncode, pasted.stderr) == (0, f"AgentOS: mine at {locked_agentos}\n")


def test_command_that_use_proposes_can_be_pasted(shell: Shell, locked_agentos: str, demo: str) -> None:
    [refused] = shell.some_proposals("use", locked_agentos, "--name", "mine")
    (shell.folder / "PATH").write_text(KEY)
    assert shell.paste(refused).returncode == 0
    assert shell.paste(*shell.some_proposals("use", demo)).stdout.startswith("You said")
    assert shell.paste(*shell.some_proposals("use", demo.removeprefix("http://"))).returncode == 0
    assert shell.paste(*shell.some_proposals("agents", "--profile", "nobody")).returncode == 0


def test_command_for_an_agentos_that_is_elsewhere_can_be_pasted(shell: Shell, demo: str) -> None:
    use, doctor = shell.some_proposals("agents", "--url", DOWN)
    assert f"doctor --url {DOWN}" in doctor
    assert DOWN in shell.paste(doctor).stdout
    assert shell.paste(filled_in(use, {"URL": demo})).returncode == 0
    assert shell.paste("agentos-mcp agents").stderr.endswith(f" at {demo}\n")


def test_command_for_a_token_that_is_missing_can_be_pasted(shell: Shell, locked_agentos: str) -> None:
    [line] = shell.some_proposals("agents", "--url", locked_agentos)
    (shell.folder / "PATH").write_text(KEY)
    assert shell.paste(line).returncode == 0
    assert shell.invoke("agents").exit_code == 0
    assert shell.invoke("agents", "--url", locked_agentos).exit_code == 0


def test_command_that_doctor_proposes_can_be_pasted(shell: Shell, locked_agentos: str, token_file: str) -> None:
    for folder in (".cursor", ".codex"):
        (shell.folder / "home" / folder).mkdir()
    broken = shell.folder / "home" / ".codex" / "config.toml"
    broken.write_text("[")
    flags = ["--url", locked_agentos, "--token-file", token_file]
    lines = shell.some_proposals("doctor", "--run", "agent:broken", *flags)
    broken.unlink()
    installing = [line for line in lines if " install " in line]
    assert {shlex.split(line)[2] for line in installing} == {"cursor", "codex"}
    assert_pasted_speaks_to(shell, locked_agentos, [line for line in lines if line not in installing], {})
    for line in installing:
        pasted = shell.paste(line)
        assert pasted.returncode == 0, pasted.stdout
        assert " tools, " in pasted.stdout
        assert re.match(rf"AgentOS: .+ at {locked_agentos}\n", pasted.stderr)


def test_command_that_doctor_proposes_for_a_token_can_be_pasted(shell: Shell, locked_agentos: str) -> None:
    first, *_ = shell.some_proposals("doctor", "--url", locked_agentos)
    (shell.folder / "PATH").write_text(KEY)
    assert shell.paste(first).returncode == 0
    assert "accepts this one" in shell.invoke("doctor").stdout


def test_command_that_uninstall_proposes_can_be_pasted(shell: Shell, demo: str) -> None:
    assert shell.invoke("install", "vscode-workspace", "--url", demo, "--no-verify").exit_code == 0
    [line] = shell.some_proposals("install", "all", "--uninstall")
    assert shell.paste(line).returncode == 0
    assert not (shell.folder / ".vscode" / "mcp.json").exists()


def test_command_that_install_proposes_can_be_pasted(shell: Shell, locked_agentos: str, token_file: str) -> None:
    flags = ["--url", locked_agentos, "--token-file", token_file, "--no-verify"]
    [line] = shell.some_proposals("install", "cursor", *flags)
    assert shell.paste(line).returncode == 0
    assert shell.invoke("agents").exit_code == 0


@pytest.mark.parametrize("url", ["", "http://localhost:7777"])
def test_commands_at_the_end_of_the_demo_are_valid(url: str) -> None:
    from agentos_mcp.demo.tour import next_steps

    lines = [next(filter(None, groups)) for groups in PROPOSED.findall(next_steps(url))]
    assert [shlex.split(line)[1] for line in lines] == (["install"] if url else ["demo", "install"])
    for line in lines:
        assert parsed(shlex.split(line)[1:]) is not None
