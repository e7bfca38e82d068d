"""`~` and `~NAME` at the beginning of a path that somebody typed."""

from __future__ import annotations

from pathlib import Path


def expand_home(text: str) -> Path:
    """The path with the home in place of `~`. Raises ValueError where there is no such user, or no home."""
    path = Path(text)
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(f"the home of {path.parts[0]} is not known here") from None
