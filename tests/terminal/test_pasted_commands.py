"""Every command that a command proposes works when it is pasted into a shell, on any address."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests._support.processes import DOWN, PATIENCE, SCRIPT, environment
from tests._support.terminal_calls import CommandResult, invoke
from tests.conftest import KEY

pytestmark = pytest.mark.process

PROPOSED = re.compile(r"`(agentos-mcp [^`]+)`|Next: (agentos-mcp .+)$", re.MULTILINE)


class Shell:
    """A shell of somebody whose AgentOS is not at the usual address, and wants a token."""

    def __init__(self, folder: Path) -> None:
        self._variables = {"XDG_CONFIG_HOME": str(folder)}
        self._folder = folder

    def invoke(self, *arguments: str) -> CommandResult:
        return invoke("", *arguments, env=self._variables)

    def proposals(self, *arguments: str) -> list[str]:
        """The commands that this command proposes."""
        result = self.invoke(*arguments)
        text = f"{result.stdout}\n{result.stderr}"
        assert KEY not in text
        proposed = [backticked or plain for backticked, plain in PROPOSED.findall(text)]
        assert proposed, f"{arguments} proposes nothing: {text}"
        return proposed

    def paste(self, line: str) -> subprocess.CompletedProcess[str]:
        path = f"{Path(SCRIPT[0]).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-c", line],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            env=environment({**self._variables, "PATH": path}),
            cwd=self._folder,
            timeout=PATIENCE,
        )


@pytest.fixture
def token_file(tmp_path: Path) -> str:
    path = tmp_path / "my token"
    path.write_text(KEY)
    return str(path)


def test_proposed_command_can_be_pasted_on_any_address(tmp_path: Path, locked_agentos: str, token_file: str) -> None:
    flags = ["--url", locked_agentos, "--token-file", token_file]
    shell = Shell(tmp_path)
    failed = shell.invoke("run", "agent", "broken", "-m", "x", *flags)
    paused = shell.invoke("run", "agent", "confirmer", "-m", "x", *flags)
    unknown = f"{paused.reference.rpartition('/')[0]}/nothing"
    values = {"RUN": failed.reference, "TEXT": "hi", "ID": "nothing"}
    lines = {
        line
        for arguments in (
            ["runs", failed.reference],
            ["runs", paused.reference],
            ["runs", paused.reference, "--explain"],
            ["traces", "--span-id", "x"],
            ["runs", failed.reference, "--explian"],
            ["continue", unknown],
            ["run", "agent", "three-steps", "-m", "x"],
            ["sessions", "nothing"],
            ["traces", "nothing"],
        )
        for line in shell.proposals(*arguments, *flags)
    }
    assert len(lines) >= 7
    for line in sorted(lines):
        pasted = shell.paste(" ".join(values.get(word, word) for word in line.split(" ")))
        assert pasted.returncode != 2, f"{line}: {pasted.stderr}"
        assert re.match(rf"AgentOS: .+ at {locked_agentos}\n", pasted.stderr), f"{line}: {pasted.stderr}"
        assert "requires a token" not in pasted.stderr, line


@pytest.mark.parametrize("flags", [["--profile", "mine"], []], ids=["profile", "current profile"])
def test_proposed_command_can_be_pasted_with_a_profile(
    tmp_path: Path, locked_agentos: str, token_file: str, flags: list[str]
) -> None:
    shell = Shell(tmp_path)
    assert shell.invoke("use", locked_agentos, "--token-file", token_file, "--name", "mine").exit_code == 0
    if flags:
        assert shell.invoke("use", DOWN, "--name", "current").exit_code == 0
    [line] = shell.proposals("run", "agent", "broken", "-m", "x", *flags)
    pasted = shell.paste(line)
    assert (pasted.returncode, pasted.stderr) == (0, f"AgentOS: mine at {locked_agentos}\n")


def test_command_that_use_proposes_can_be_pasted(tmp_path: Path, locked_agentos: str, demo: str) -> None:
    shell = Shell(tmp_path)
    [refused] = shell.proposals("use", locked_agentos, "--name", "mine")
    (tmp_path / "PATH").write_text(KEY)
    assert shell.paste(refused).returncode == 0
    assert shell.paste(*shell.proposals("use", demo)).stdout.startswith("You said")
    assert shell.paste(*shell.proposals("use", demo.removeprefix("http://"))).returncode == 0
    assert shell.paste(*shell.proposals("agents", "--profile", "nobody")).returncode == 0
    [doctor] = shell.proposals("agents", "--url", DOWN)
    assert f"doctor --url {DOWN}" in doctor
    assert DOWN in shell.paste(doctor).stdout
