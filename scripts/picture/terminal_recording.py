"""What a command writes to a real terminal, and when."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from typing import IO

from tests._support.processes import MODULE, PROMPT, environment

ROWS = 40
TOGETHER = 0.15
"""Seconds: what is written within them is one step of a picture. A spinner alone turns ten times a second."""
LONGEST_WAIT = 1.0
"""Seconds that a picture stands still at most while the program says nothing."""


@dataclass(frozen=True)
class Written:
    """A piece of output; `at` is in seconds, and 0 for the first one."""

    at: float
    data: bytes


def record(*arguments: str, columns: int, command: tuple[str, ...] = MODULE) -> list[Written]:
    """Run a command at a terminal until it ends. Raises CalledProcessError where it fails."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    child = subprocess.Popen(
        [*command, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment({"TERM": "xterm-256color", "COLORTERM": ""}),
        start_new_session=True,
    )
    os.close(theirs)
    try:
        with os.fdopen(ours, "rb", buffering=0) as terminal:
            pieces = _pieces(terminal)
        code = child.wait(timeout=PROMPT)
    finally:
        child.kill()
        child.wait()
    if code:
        raise subprocess.CalledProcessError(code, child.args, b"".join(piece.data for piece in pieces))
    return pieces


def _pieces(terminal: IO[bytes]) -> list[Written]:
    pieces: list[Written] = []
    while True:
        try:
            data = terminal.read(65536)
        except OSError:  # Linux's way to say that nobody holds the other end any more
            return pieces
        if not data:
            return pieces
        pieces.append(Written(time.monotonic(), data))


def in_steps(pieces: list[Written]) -> list[Written]:
    """The same, with what came together put together, and long waits cut short. It begins at 0."""
    steps: list[Written] = []
    last = now = 0.0
    for piece in pieces:
        now += min(piece.at - last, LONGEST_WAIT) if steps else 0.0
        last = piece.at
        if steps and now - steps[-1].at < TOGETHER:
            steps[-1] = Written(steps[-1].at, steps[-1].data + piece.data)
        else:
            steps.append(Written(now, piece.data))
    return steps
