"""The package's files, each with the first line of its docstring: the generated part of docs/architecture.md."""

from __future__ import annotations

import ast
from pathlib import Path

from scripts.surface.markdown_table import table

PACKAGE = Path(__file__).parents[2] / "agentos_mcp"
FLOORS = (
    "cli",
    "doctor",
    "demo",
    "install",
    "terminal",
    "server",
    "views",
    "tools",
    "runs",
    "tooling",
    "settings",
    "agentos",
)
"""The modules and folders of the package from the top down: each imports its own floor and those below it."""


def modules() -> str:
    """A table for each folder of the package."""
    return "\n\n".join(_folder(PACKAGE / name) for name in FLOORS if (PACKAGE / name).is_dir())


def _folder(folder: Path) -> str:
    files = sorted(
        (path for path in folder.rglob("*.py") if path.name != "__init__.py"),
        key=lambda path: (len(path.parts), path.as_posix()),
    )
    rows = [(f"`{path.relative_to(folder).as_posix()}`", summary(path)) for path in files]
    return f"### {folder.name}/\n\n{table(('file', 'what is in it'), rows)}"


def summary(path: Path) -> str:
    """The first line of a module's docstring, without its period; '' where it has none."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0].removesuffix(".")
