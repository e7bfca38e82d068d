"""The completion scripts, used by the shells that are here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests._support.processes import DOWN, PATIENCE
from tests._support.terminal_calls import done

_BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
complete=$(complete -p agentos-mcp); complete=${complete##*-F }
${complete%% *} agentos-mcp "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}" 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""

COMPLETED = [
    (["ru"], {"run", "runs"}),
    (["run", ""], {"agent", "team", "workflow"}),
    (["run", "agent", "--se"], {"--session-id", "--session-state"}),
    (["knowledge", ""], {"search", "add", "list"}),
    (["completion", ""], {"bash", "zsh", "fish", "tcsh"}),
    (["run", "agent", "x", "--file", "/etc/host"], {"/etc/hosts"}),
]
each = pytest.mark.parametrize(("words", "offered"), COMPLETED, ids=[" ".join(words) for words, _ in COMPLETED])


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("completion")
    for shell in ("bash", "zsh", "fish", "tcsh"):
        (folder / shell).write_text(done(DOWN, "completion", shell).out, encoding="utf-8")
    return folder


def said(command: list[str]) -> str:
    ended = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=PATIENCE)
    assert ended.returncode == 0, ended
    return ended.stdout


@each
def test_bash_completes(scripts: Path, words: list[str], offered: set[str]) -> None:
    found = said(["bash", "-c", _BASH, "bash", str(scripts / "bash"), "agentos-mcp", *words]).split()
    assert offered <= set(found)


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not here")
@each
def test_fish_completes(scripts: Path, words: list[str], offered: set[str]) -> None:
    line = " ".join(["agentos-mcp", *words])
    found = said(["fish", "--no-config", "-c", f"source {scripts / 'fish'}; complete -C '{line}'"]).splitlines()
    assert offered <= {one.partition("\t")[0] for one in found}


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_can_read_theirs(scripts: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    said([shell, "-f", "-n", str(scripts / shell)])


def test_every_command_is_completed(scripts: Path) -> None:
    for shell in ("bash", "zsh", "fish", "tcsh"):
        script = (scripts / shell).read_text(encoding="utf-8")
        for command in ("agents", "workflows", "continue", "knowledge", "install", "serve", "doctor", "demo"):
            assert command in script
