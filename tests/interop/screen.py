"""A program in a pseudo-terminal, which answers what programs ask of a terminal; what it wrote is searched as text."""

from __future__ import annotations

import contextlib
import os
import re
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ENTER, ESCAPE, SPACE, DOWN = "\r", "\x1b", " ", "\x1b[B"

_SET_CONTROLLING_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(2, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
_SEQUENCE = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-9;?<>=$ ]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b.")
_REPLIES = {
    b"\x1b[6n": b"\x1b[1;1R",  # where the cursor is
    b"\x1b[c": b"\x1b[?62;22c",  # what kind of terminal it is
    b"\x1b[0c": b"\x1b[?62;22c",
    b"\x1b[5n": b"\x1b[0n",  # whether it is well
}
_KEY_SECONDS = 0.6
_LINES, _COLUMNS = 50, 140


class Screen:
    """Leaving its context ends the program."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        # Windows has none of them, and imports what uses this module.
        import fcntl
        import pty
        import termios

        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", _LINES, _COLUMNS, 0, 0))
        self._child = subprocess.Popen(
            [sys.executable, "-ISE", "-c", _SET_CONTROLLING_TERMINAL, *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
        )
        os.close(slave)
        self._written = bytearray()
        self._replied = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stop in (self._child.terminate, self._child.kill):
            if self._child.poll() is None:
                stop()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._child.wait(timeout=5)
        self._reader.join(timeout=5)
        with contextlib.suppress(OSError):
            os.close(self._master)

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._master, 65536)
            except OSError:  # no process has the terminal open any more
                return
            if not chunk:
                return
            self._written += chunk
            for query, reply in _REPLIES.items():
                for _ in range(chunk.count(query)):
                    with contextlib.suppress(OSError):
                        os.write(self._master, reply)

    def press(self, *keys: str) -> None:
        """One key after the other, as fast as a person: two at once would be read as another one."""
        for key in keys:
            os.write(self._master, key.encode())
            time.sleep(_KEY_SECONDS)

    @property
    def text(self) -> str:
        """All that was written so far, without escape sequences and blanks: programs place words with sequences."""
        plain = _SEQUENCE.sub("", self._written.decode("utf-8", "replace"))
        return "".join(plain.split())

    def shows(self, words: str) -> bool:
        return "".join(words.split()) in self.text

    @property
    def is_running(self) -> bool:
        return self._child.poll() is None


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it became true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
