"""What only POSIX has is not asked for where Windows looks, too: in modules that everything imports, and by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import agentos_mcp

PACKAGE = Path(agentos_mcp.__file__).parent
TESTS = Path(__file__).parents[1]
POSIX_MODULES = frozenset({"fcntl", "grp", "posix", "pty", "pwd", "resource", "termios", "tty"})
NEVER_IMPORTED_THERE = frozenset({"pseudo_terminal.py"})
"""Of the tests' support: what uses it is skipped on Windows."""


def top_level_imports(body: list[ast.stmt]) -> Iterator[str]:
    """The modules that a module imports as soon as it is imported itself."""
    for statement in body:
        match statement:
            case ast.Import(names=names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module)):
                yield module.partition(".")[0]
            case ast.If(body=inner, orelse=other) | ast.Try(body=inner, orelse=other):
                yield from top_level_imports([*inner, *other])


@pytest.mark.parametrize("folder", [PACKAGE, TESTS], ids=["package", "tests"])
def test_no_module_imports_what_only_posix_has_when_it_is_imported(folder: Path) -> None:
    found = {
        f"{path.relative_to(folder)}: {name}"
        for path in folder.rglob("*.py")
        if path.name not in NEVER_IMPORTED_THERE
        for name in top_level_imports(ast.parse(path.read_text(encoding="utf-8")).body)
        if name in POSIX_MODULES
    }
    assert not found


def test_imports_are_found_in_conditions_too() -> None:
    source = (
        "import os\nif True:\n    import fcntl\ntry:\n    from termios import TCSANOW\nexcept ImportError:\n    pass\n"
    )
    assert POSIX_MODULES & set(top_level_imports(ast.parse(source).body)) == {"fcntl", "termios"}
