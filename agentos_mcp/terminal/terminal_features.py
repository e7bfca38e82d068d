"""What the terminal behind a stream can do: its width, colors, redrawing a line, the characters it has."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TextIO

_DEFAULT_WIDTH = 80
_VIRTUAL_TERMINAL_PROCESSING = 0x0004
"""Windows' name for a console that obeys escape sequences."""
_COLOR_CODES = {"green": 32, "red": 31, "yellow": 33, "dim": 2, "bold": 1}


def can_redraw(stream: TextIO) -> bool:
    """Whether a line that was written to this stream can be written over."""
    return stream.isatty() and os.environ.get("TERM") != "dumb" and _obeys_escape_sequences(stream)


def _obeys_escape_sequences(stream: TextIO) -> bool:
    """Whether the terminal obeys escape sequences. A Windows console has to be told to, and an old one cannot."""
    if sys.platform == "win32":
        import ctypes
        import msvcrt

        try:
            console = ctypes.c_void_p(msvcrt.get_osfhandle(stream.fileno()))
        except (OSError, ValueError):
            return False
        mode = ctypes.c_ulong()
        system = ctypes.windll.kernel32
        if not system.GetConsoleMode(console, ctypes.byref(mode)):
            return False
        return bool(
            mode.value & _VIRTUAL_TERMINAL_PROCESSING
            or system.SetConsoleMode(console, mode.value | _VIRTUAL_TERMINAL_PROCESSING)
        )
    else:  # noqa: RET505 - mypy looks at each branch for its own system
        return True


def colorize(text: str, color: str, stream: TextIO) -> str:
    """Text in a color ('' for none), where the stream shows colors and NO_COLOR is not set."""
    if not text or not color or not can_redraw(stream) or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{_COLOR_CODES[color]}m{text}\x1b[0m"


def terminal_width(stream: TextIO) -> int:
    """The columns of the terminal behind this stream."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or _DEFAULT_WIDTH
    except (OSError, ValueError):
        return shutil.get_terminal_size((_DEFAULT_WIDTH, 24)).columns


def can_encode(text: str, stream: TextIO) -> bool:
    """Whether a stream's encoding has these characters."""
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def escape_unencodable(stream: TextIO) -> None:
    """Let a stream write characters that its encoding does not have as escapes, instead of failing."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
