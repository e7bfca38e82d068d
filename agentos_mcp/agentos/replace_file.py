"""Puts a file in another one's place in one step, also where a program on Windows has the other one open just then."""

from __future__ import annotations

import sys
import time
from pathlib import Path

_SECONDS = 1.0
_POLL_SECONDS = 0.02


def replace_file(new: Path, old: Path) -> None:
    """Give `new` the name `old`. Raises OSError; on Windows only after a second in which others had the file open."""
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            new.replace(old)
        except PermissionError:
            if sys.platform == "win32" and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
            else:
                raise
        else:
            return
