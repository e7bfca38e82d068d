"""What a terminal makes of text: how wide it is, and colors."""

from __future__ import annotations

import os
import shutil
import unicodedata
from typing import TextIO

_WIDTH = 80
_COLOURS = {"green": 32, "red": 31, "yellow": 33, "dim": 2, "bold": 1}


def moves(stream: TextIO) -> bool:
    """Whether a line on this stream can be written over."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def colorize(words: str, color: str, stream: TextIO) -> str:
    """Words in a color ('' for none), where the stream shows colors and nobody has said NO_COLOR."""
    if not words or not color or not moves(stream) or os.environ.get("NO_COLOR"):
        return words
    return f"\x1b[{_COLOURS[color]}m{words}\x1b[0m"


def width_of(stream: TextIO) -> int:
    """How many columns a line may have."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or _WIDTH
    except (OSError, ValueError):
        return shutil.get_terminal_size((_WIDTH, 24)).columns


def columns(text: str) -> int:
    """How many columns a line of text takes."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def fitted(text: str, most: int) -> str:
    """A line of text in at most so many columns, cut with an ellipsis."""
    if columns(text) <= most:
        return text
    kept, left = [], most - 1
    for char in text:
        left -= _columns(char)
        if left < 0:
            break
        kept.append(char)
    return "".join(kept) + "…"


def padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Cc", "Cf", "Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def can_show(text: str, stream: TextIO) -> bool:
    """Whether a stream's encoding has these characters."""
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
