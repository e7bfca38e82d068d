"""Lines that a person or a pipe gives on standard input, read beside what goes on."""

from __future__ import annotations

import asyncio
import contextlib
import io
import sys
import threading

import anyio

from agentos_mcp.agentos.errors import InvalidRequest

_MAX_LINE_BYTES = 4 * 1024 * 1024


class LineReader:
    """Reads standard input a line at a time. What is read when nobody waits any more is the next line."""

    def __init__(self) -> None:
        self._rest = b""
        """What came after the line that was read last."""
        self._line: bytes | None = None
        self._line_read: anyio.Event | None = None
        """Of the thread that is reading; None where there is none."""

    async def read(self, prompt: str = "") -> str:
        """The next line, without its end. Raises EOFError at the end of the input, InvalidRequest for a line too long.

        Standard output is the answer's, so the prompt goes to standard error.
        """
        sys.stderr.write(prompt)
        sys.stderr.flush()
        if self._line_read is None:
            self._line_read = anyio.Event()
            # The thread cannot be ended: it holds no lock that the program's end would wait for.
            threading.Thread(
                target=self._read_in_thread, args=(self._line_read, asyncio.get_running_loop()), daemon=True
            ).start()
        await self._line_read.wait()
        line, self._line_read = self._line or b"", None
        if not line:
            raise EOFError
        if len(line) > _MAX_LINE_BYTES:
            raise InvalidRequest(f"A line may have {_MAX_LINE_BYTES:,} bytes at most.", "Attach longer ones as files.")
        return line.decode(sys.stdin.encoding or "utf-8", "replace").rstrip("\r\n")

    def _read_in_thread(self, line_read: anyio.Event, loop: asyncio.AbstractEventLoop) -> None:
        self._line = self._read_line()
        with contextlib.suppress(RuntimeError):  # the event loop is closed
            loop.call_soon_threadsafe(line_read.set)

    def _read_line(self) -> bytes:
        """A line with its end, which the last one may lack; b"" at the end of the input."""
        # Unbuffered, and without the buffer's lock.
        stdin: io.RawIOBase = sys.stdin.buffer.raw  # type: ignore[union-attr]  # a BufferedReader has one
        read, self._rest = self._rest, b""
        while b"\n" not in read and len(read) <= _MAX_LINE_BYTES:
            try:
                chunk = stdin.read(4096)
            except OSError:  # the terminal is gone
                chunk = b""
            if not chunk:
                return read
            read += chunk
        line, end, self._rest = read.partition(b"\n")
        return line + end


line_reader = LineReader()
"""The reader of this process's standard input."""
