"""A command in a pseudo-terminal of its own, with what a person would see on its screen."""

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

from tests._support.fork_server import ForkedProcess, can_fork, fork_server
from tests._support.processes import FORK, MODULE, PATIENCE, PROMPT, Command, Forked, environment, python_command
from tests._support.terminal_calls import AGENTOS_LINE

CTRL_C, CTRL_D = "\x03", "\x04"

# Makes the terminal the controlling one, so that Ctrl-C reaches the command, then becomes the command.
_SET_CONTROLLING_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(2, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
_COLORS = re.compile(r"\x1b\[[0-9;]*m")


class Terminal:
    """A running command whose standard input and error are a terminal, and its output too unless it is piped.

    Leaving its context ends it, whatever it does.
    """

    def __init__(
        self,
        *arguments: str,
        command: Command = MODULE,
        env: Mapping[str, str] | None = None,
        piped: bool = False,
        columns: int = 100,
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        out, out_theirs = os.pipe() if piped else (None, slave)
        self._out = None if out is None else os.fdopen(out, "rb")
        theirs = (slave, out_theirs, slave)
        variables = environment({"TERM": "xterm", "NO_COLOR": "", **(env or {})})
        self._child: subprocess.Popen[bytes] | ForkedProcess
        if isinstance(command, Forked) and can_fork(env):
            self._child = fork_server(command.preload).start(command.module, arguments, variables, theirs)
        else:
            words = python_command(command) if isinstance(command, Forked) else command
            self._child = subprocess.Popen(
                [sys.executable, "-ISE", "-c", _SET_CONTROLLING_TERMINAL, *words, *arguments],
                stdin=slave,
                stdout=out_theirs,
                stderr=slave,
                env=variables,
                start_new_session=True,
            )
        for descriptor in {*theirs}:
            os.close(descriptor)
        self._written, self._piped = bytearray(), bytearray()
        self._changed = threading.Condition()
        self._closed = False
        self._position = 0
        """The end of the text that was waited for last."""
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
        for stop in (self._child.terminate, self._child.kill):
            if self._child.poll() is None:
                stop()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._child.wait(timeout=PROMPT)
        for reader in self._readers:
            reader.join(timeout=PROMPT)
        os.close(self._master)
        if self._out is not None:
            self._out.close()

    def _read_screen(self) -> None:
        while True:
            try:
                chunk = os.read(self._master, 65536)
            except OSError:  # Linux, once no process has the terminal open any more
                chunk = b""
            with self._changed:
                self._written += chunk
                self._closed = not chunk
                self._changed.notify_all()
            if not chunk:
                return

    def _read_pipe(self) -> None:
        assert self._out is not None
        for line in self._out:
            self._piped += line

    def wait_for(self, text: str, timeout: float = PATIENCE) -> None:
        """Wait until this text is written, after the text that was waited for last."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while (start := self.plain.find(text, self._position)) < 0:
                seconds_left = deadline - time.monotonic()
                assert seconds_left > 0, f"{text!r} was not written in {timeout} s:\n{self.plain}"
                assert not self._closed, f"the command ended without {text!r}:\n{self.plain}"
                self._changed.wait(seconds_left)
            self._position = start + len(text)

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def answer(self, prompt: str, line: str) -> None:
        """Wait for a prompt and enter a line."""
        self.wait_for(prompt)
        self.type(f"{line}\n")

    def exit_code(self, timeout: float = PATIENCE) -> int:
        """Wait for the end of the command and of its output; its exit code, as a shell has it."""
        try:
            code = self._child.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the command did not end in {timeout} s:\n{self.raw}") from None
        for reader in self._readers:
            reader.join(timeout=PROMPT)
        return code if code >= 0 else 128 - code

    def hang_up(self) -> None:
        """Close the terminal, as a closed window does."""
        self._child.send_signal(signal.SIGHUP)

    @property
    def is_running(self) -> bool:
        return self._child.poll() is None

    @property
    def plain(self) -> str:
        """All that was written to the terminal, without colors and the line that names the AgentOS."""
        text = _COLORS.sub("", self._written.decode("utf-8", "ignore")).replace("\r\n", "\n")
        return AGENTOS_LINE.sub("", text, count=1)

    @property
    def raw(self) -> str:
        """All that was written to the terminal, escape sequences included."""
        return self._written.decode("utf-8", "replace")

    @property
    def piped(self) -> str:
        """Standard output, where it is a pipe."""
        return self._piped.decode()

    @property
    def json(self) -> Any:
        """Standard output in a pipe, which has to be one JSON document."""
        return json.loads(self.piped)

    @property
    def reference(self) -> str:
        """The run reference on the screen."""
        return self.screen.rpartition("run: ")[2].split()[0]

    @property
    def screen(self) -> str:
        """The text on the screen: what was written over is gone."""
        lines = []
        for line in self.plain.split("\n"):
            cells: list[str] = []
            column = 0
            for part in re.split(r"(\r|\x1b\[2K)", line):
                if part == "\r":
                    column = 0
                elif part == "\x1b[2K":
                    cells = [" "] * column
                else:
                    cells[column : column + len(part)] = part
                    column += len(part)
            lines.append("".join(cells).rstrip())
        return "\n".join(lines)


def open_terminal(
    url: str,
    *arguments: str,
    command: Command = FORK,
    piped: bool = False,
    columns: int = 100,
    env: Mapping[str, str] | None = None,
) -> Terminal:
    """Run a command in a terminal, for the AgentOS at that address."""
    return Terminal(*arguments, command=command, env={"AGENTOS_URL": url, **(env or {})}, piped=piped, columns=columns)
