"""A command in a terminal of its own: a real pseudo-terminal, with what a person would see on its screen."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from tests._support.processes import MODULE, PATIENCE, PROMPT, environment

CTRL_C, CTRL_D = "\x03", "\x04"

# Makes the terminal the one that Ctrl-C is pressed at, then becomes the command.
_LEAD = "import fcntl, os, sys, termios; fcntl.ioctl(2, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """A running command whose standard input and error are a terminal, and its output too unless it is piped.

    Leaving its context ends it, whatever it does.
    """

    def __init__(
        self,
        *arguments: str,
        command: tuple[str, ...] = MODULE,
        given: Mapping[str, str] | None = None,
        piped: bool = False,
        columns: int = 100,
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self._child = subprocess.Popen(
            [sys.executable, "-ISE", "-c", _LEAD, *command, *arguments],
            stdin=slave,
            stdout=subprocess.PIPE if piped else slave,
            stderr=slave,
            env=environment({"TERM": "xterm", "NO_COLOR": "", **(given or {})}),
            start_new_session=True,
        )
        os.close(slave)
        self._shown, self._piped = bytearray(), bytearray()
        self._news = threading.Condition()
        self._over = False
        self._seen = 0
        self._readers = [threading.Thread(target=self._read_screen, daemon=True)]
        if piped:
            self._readers.append(threading.Thread(target=self._read_pipe, daemon=True))
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for insist in (self._child.terminate, self._child.kill):
            if self._child.poll() is None:
                insist()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._child.wait(timeout=PROMPT)
        for reader in self._readers:
            reader.join(timeout=PROMPT)
        os.close(self._master)
        if self._child.stdout is not None:
            self._child.stdout.close()

    def _read_screen(self) -> None:
        while True:
            try:
                piece = os.read(self._master, 65536)
            except OSError:  # Linux's way to say that nobody has the terminal open any more
                piece = b""
            with self._news:
                self._shown += piece
                self._over = not piece
                self._news.notify_all()
            if not piece:
                return

    def _read_pipe(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            self._piped += line

    def see(self, words: str, within: float = PATIENCE) -> None:
        """Wait until words come, after those that were waited for before."""
        deadline = time.monotonic() + within
        with self._news:
            while (at := self.plain.find(words, self._seen)) < 0:
                missing = deadline - time.monotonic()
                assert missing > 0, f"{words!r} did not come in {within} s:\n{self.plain}"
                assert not self._over, f"it ended without {words!r}:\n{self.plain}"
                self._news.wait(missing)
            self._seen = at + len(words)

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def answer(self, prompt: str, line: str) -> None:
        """Wait for a prompt and enter a line."""
        self.see(prompt)
        self.type(f"{line}\n")

    def exit_code(self, within: float = PATIENCE) -> int:
        """The exit code of a command that is about to end, as a shell has it; all that it says has come then."""
        try:
            code = self._child.wait(timeout=within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end in {within} s:\n{self.raw}") from None
        for reader in self._readers:
            reader.join(timeout=PROMPT)
        return code if code >= 0 else 128 - code

    def hang_up(self) -> None:
        """Close the terminal, as a closed window does."""
        self._child.send_signal(signal.SIGHUP)

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    @property
    def plain(self) -> str:
        """All that was written to the terminal, without colors."""
        return _COLOURS.sub("", self._shown.decode("utf-8", "ignore")).replace("\r\n", "\n")

    @property
    def raw(self) -> str:
        """All that was written to the terminal, colors, moves and all."""
        return self._shown.decode("utf-8", "replace")

    @property
    def piped(self) -> str:
        """Standard output, where it is no terminal."""
        return self._piped.decode()

    @property
    def json(self) -> Any:
        """Standard output in a pipe, which has to be one JSON document."""
        return json.loads(self.piped)

    @property
    def reference(self) -> str:
        """The run reference that it told."""
        return self.screen.rpartition("run: ")[2].split()[0]

    @property
    def screen(self) -> str:
        """What stands on the screen: what was written over is gone."""
        lines = []
        for line in self.plain.split("\n"):
            shown: list[str] = []
            at = 0
            for piece in re.split(r"(\r|\x1b\[2K)", line):
                if piece == "\r":
                    at = 0
                elif piece == "\x1b[2K":
                    shown = [" "] * at
                else:
                    shown[at : at + len(piece)] = piece
                    at += len(piece)
            lines.append("".join(shown).rstrip())
        return "\n".join(lines)


def at(
    url: str, *arguments: str, piped: bool = False, columns: int = 100, given: Mapping[str, str] | None = None
) -> Terminal:
    """A command at a terminal, for the AgentOS at that address."""
    return Terminal(*arguments, given={"AGENTOS_URL": url, **(given or {})}, piped=piped, columns=columns)
