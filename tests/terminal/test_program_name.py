"""How the program was called, so that what it proposes can be pasted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentos_mcp.terminal.program_name import program_words


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "bin" / "agentos-mcp"
    path.parent.mkdir()
    path.touch(mode=0o755)
    return path


def test_program_that_the_shell_finds_is_called_by_its_name(script: Path) -> None:
    assert program_words(["/usr/bin/python", str(script), "runs"], str(script.parent)) == ("agentos-mcp",)


def test_program_that_the_shell_does_not_find_is_called_by_its_path(script: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "agentos-mcp"
    other.parent.mkdir()
    other.touch(mode=0o755)
    for search_path in (str(tmp_path), os.pathsep.join([str(other.parent), str(script.parent)])):
        assert program_words(["/usr/bin/python", str(script), "runs"], search_path) == (str(script),)


@pytest.mark.parametrize("python", ["python3", ".venv/bin/python"])
def test_module_is_called_as_a_module(python: str) -> None:
    assert program_words([python, "-m", "agentos_mcp", "run", "-m", "agentos_mcp"]) == (python, "-m", "agentos_mcp")
    assert program_words([python, "-I", "-m", "agentos_mcp"]) == (python, "-I", "-m", "agentos_mcp")


def test_program_in_the_cache_of_uv_is_called_by_uvx(tmp_path: Path) -> None:
    script = str(tmp_path / "archive-v0" / "x" / "bin" / "agentos-mcp")
    words = program_words(["python", script, "runs"], str(Path(script).parent))
    assert words[0] == "uvx"
    # By that name alone uv would download another project's package.
    assert words[1:] != ("agentos-mcp",)


def test_program_that_was_embedded_is_called_by_its_name() -> None:
    assert program_words(["python", "-m", "tests.something", "3"]) == ("agentos-mcp",)
    assert program_words(["python", "-c", "code"]) == ("agentos-mcp",)
    assert program_words(["python"]) == ("agentos-mcp",)
    assert program_words([]) == ("agentos-mcp",)
