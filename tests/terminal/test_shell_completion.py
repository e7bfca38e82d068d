"""The completion scripts, run by the shells of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from agentos_mcp.terminal.shell_completion import SETUP_LINES
from scripts.project import ROOT
from tests._support.processes import DOWN, PATIENCE, SCRIPT
from tests._support.terminal_calls import invoke_ok

_BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
complete=$(complete -p agentos-mcp); complete=${complete##*-F }
${complete%% *} agentos-mcp "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}" 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""

COMPLETIONS = [
    (["ru"], {"run", "runs"}),
    (["run", ""], {"agent", "team", "workflow"}),
    (["run", "agent", "--se"], {"--session-id", "--session-state"}),
    (["knowledge", ""], {"search", "add", "list"}),
    (["completion", ""], {"bash", "zsh", "fish", "tcsh"}),
    (["run", "agent", "x", "--file", "/etc/host"], {"/etc/hosts"}),
]
each_completion = pytest.mark.parametrize(
    ("words", "expected"), COMPLETIONS, ids=[" ".join(words) for words, _ in COMPLETIONS]
)


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("completion")
    for shell in ("bash", "zsh", "fish", "tcsh"):
        (folder / shell).write_text(invoke_ok(DOWN, "completion", shell).stdout, encoding="utf-8")
    return folder


def output_of(command: list[str]) -> str:
    # The script asks the program for names; without an AgentOS there are none.
    path = os.pathsep.join([str(Path(SCRIPT[0]).parent), os.environ["PATH"]])
    result = subprocess.run(
        command,
        env={**os.environ, "PATH": path, "AGENTOS_URL": DOWN},
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    assert result.returncode == 0, result
    return result.stdout


@each_completion
def test_bash_completes(scripts: Path, words: list[str], expected: set[str]) -> None:
    completions = output_of(["bash", "-c", _BASH, "bash", str(scripts / "bash"), "agentos-mcp", *words]).split()
    assert expected <= set(completions)


def _set_up(home: Path, shell: str) -> dict[str, str]:
    """Run the line in a home that has nothing in it; the environment of that home's shells."""
    path = os.pathsep.join([str(Path(SCRIPT[0]).parent), os.environ["PATH"]])
    environment = {"HOME": str(home), "PATH": path, "TERM": "dumb"}
    subprocess.run(["sh", "-c", SETUP_LINES[shell]], env=environment, check=True, timeout=PATIENCE)
    return environment


@pytest.mark.parametrize(
    ("shell", "command"),
    [
        ("bash", ["bash", "-ic", "complete -p agentos-mcp"]),
        ("zsh", ["zsh", "-ic", 'print -r -- "$_comps[agentos-mcp]"']),
        ("fish", ["fish", "-c", "complete -C 'agentos-mcp ru'"]),
    ],
)
def test_line_sets_completion_up_in_an_empty_home(tmp_path: Path, shell: str, command: list[str]) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    ended = subprocess.run(
        command,
        env=_set_up(tmp_path, shell),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    expected = {"bash": "_shtab_agentos_mcp", "zsh": "_agentos-mcp", "fish": "run"}[shell]
    assert expected in ended.stdout, ended


def test_lines_are_in_the_help_and_on_the_page() -> None:
    page = (ROOT / "docs" / "terminal.md").read_text(encoding="utf-8")
    told = invoke_ok(DOWN, "completion", "--help").stdout
    for line in SETUP_LINES.values():
        assert line in page
        assert line in told


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@each_completion
def test_fish_completes(scripts: Path, words: list[str], expected: set[str]) -> None:
    line = " ".join(["agentos-mcp", *words])
    completions = output_of(
        ["fish", "--no-config", "-c", f"source {scripts / 'fish'}; complete -C '{line}'"]
    ).splitlines()
    assert expected <= {line.partition("\t")[0] for line in completions}


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_completion_script_is_valid_zsh_and_tcsh(scripts: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    output_of([shell, "-f", "-n", str(scripts / shell)])


def test_completion_script_has_every_command(scripts: Path) -> None:
    for shell in ("bash", "zsh", "fish", "tcsh"):
        script = (scripts / shell).read_text(encoding="utf-8")
        for command in ("agents", "workflows", "continue", "knowledge", "install", "serve", "doctor", "demo"):
            assert command in script
