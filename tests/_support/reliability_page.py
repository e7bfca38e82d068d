"""docs/reliability.md: each command that measures writes its own section of it."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

from agentos_mcp import __version__
from scripts.project import ROOT

PAGE = ROOT / "docs" / "reliability.md"


def write_section(name: str, text: str, page: Path = PAGE) -> None:
    """Put a text between `<!-- generated: NAME -->` and `<!-- end -->`."""
    before = page.read_text(encoding="utf-8")
    part = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    after, count = part.subn(lambda found: f"{found[1]}{text}\n{found[2]}", before)
    if count != 1:
        raise LookupError(f"{page} has {count} parts {name}")
    page.write_text(after, encoding="utf-8")


def setting(seed: int) -> str:
    """Where and with what figures were made, on one line."""
    versions = f"agentos-mcp {__version__}, agno {version('agno')}, mcp {version('mcp')}"
    machine = f"{os.cpu_count()} processors ({platform.system()} {platform.machine()})"
    return f"{versions}, Python {platform.python_version()}, {machine}, seed {seed}"
