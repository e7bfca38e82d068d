"""Where the terminal's commands keep what they can do without: a folder of this user's alone."""

from __future__ import annotations

import os
from pathlib import Path

from agentos_mcp.settings.home_folder import expand_home


def cache_folder(name: str) -> Path:
    """The folder for this kind of files, which need not be there. Raises ValueError where the user has no home."""
    folder = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or "~/.cache"
    return expand_home(folder) / "agentos-mcp" / name


def make_private(folder: Path) -> None:
    """Make the folder, which only this user can read. Raises OSError where that cannot be done."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
