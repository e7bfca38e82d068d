"""The tools that people build, install and start packages with, free of this process's own environment."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import uv

from tests._support.processes import environment

LIMIT = 120.0
"""Seconds for a tool that may have to download packages first; it takes a few."""
UNSEEN = {"PYTHONPATH": "", "VIRTUAL_ENV": ""}
"""What would let a process find the packages that the tests use."""


def uv_command() -> str:
    return uv.find_uv_bin()


def tool(
    *command: str | Path, cwd: Path | None = None, given: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself; what it said is in `stdout`, all of it."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**clean(), **(given or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=LIMIT,
    )


def done(*command: str | Path, cwd: Path | None = None, given: Mapping[str, str] | None = None) -> str:
    """What a command said that has to succeed."""
    ended = tool(*command, cwd=cwd, given=given)
    assert ended.returncode == 0, ended.stdout
    return ended.stdout.strip()


def clean() -> dict[str, str]:
    """This machine's environment, as a person has it who never saw this repository."""
    return {name: value for name, value in environment().items() if name not in UNSEEN}


def scripts(home: Path) -> Path:
    """Where a virtual environment keeps its commands."""
    return home / ("Scripts" if os.name == "nt" else "bin")


def package_files(root: Path) -> set[str]:
    """Every file of the package in a folder, as the archives should hold them: `agentos_mcp/cli.py`."""
    files = (path for path in (root / "agentos_mcp").rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix() for path in files if "__pycache__" not in path.parts}
