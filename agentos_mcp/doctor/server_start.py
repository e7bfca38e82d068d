"""Starts a server as a client does and talks to it line by line, so that every word on its pipes is seen."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import anyio
from anyio.abc import Process

from agentos_mcp import __version__
from agentos_mcp.install.client_entry import Start

SECONDS = 20.0
"""For one start with its questions; ending it takes up to four more."""

_PROGRAMS_AT_ONCE = 3
_END_SECONDS = 2.0
_LARGEST = 32 * 1024 * 1024
_UNUSABLE = "AgentOS cannot be used at the moment: "
_OURS = ("agentos-mcp", "AgentOS")
"""How our server calls itself; the name alone is another project's, too."""
_SLOW = "is slow to answer."
_ANYWHERE = Path.cwd().anchor
"""Desktop clients start their servers in no folder of a person's."""
_HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "agentos-mcp-doctor", "version": __version__},
}


@dataclass
class Started:
    """What a server did from its start to its end."""

    seconds: float = 0.0
    """Until its tools were there."""
    tools: tuple[str, ...] | None = None
    """None where it never named them."""
    version: str = ""
    """Of agentos-mcp."""
    stranger: str = ""
    """What it calls itself, where it is another program."""
    unusable: str = ""
    """What it says where it cannot use its AgentOS."""
    slow: bool = False
    strays: list[str] = field(default_factory=list)
    """Lines on its standard output that are no message of the protocol."""
    missing: bool = False
    """There was nothing to start."""
    silent: bool = False
    """Time was up before it answered."""
    said: str = ""
    """The last line on its standard error."""


class Starter:
    """Starts each server once, however many clients have it, and few at the same time."""

    def __init__(self, environment: Mapping[str, str], seconds: float = SECONDS) -> None:
        self._environment = environment
        self._seconds = seconds
        self._limit = anyio.CapacityLimiter(_PROGRAMS_AT_ONCE)
        self._locks: dict[tuple[object, ...], anyio.Lock] = {}
        self._known: dict[tuple[object, ...], Started] = {}

    async def start(self, start: Start, path: str) -> Started:
        """Start it with this PATH and the variables that every program is given."""
        key = (*start.key, path)
        async with self._locks.setdefault(key, anyio.Lock()):
            if key not in self._known:
                environment = {**self._environment, "PATH": path, **start.environment}
                async with self._limit:
                    self._known[key] = await started([start.command, *start.arguments], environment, self._seconds)
            return self._known[key]


async def started(command: Sequence[str], environment: Mapping[str, str], seconds: float = SECONDS) -> Started:
    """Start a server, ask it for its tools, end it; what it did."""
    found = Started()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        try:
            process = await anyio.open_process(
                list(command),
                stderr=errors,
                env=dict(environment),
                cwd=_ANYWHERE,
                start_new_session=sys.platform != "win32",
            )
        except OSError as error:
            return Started(missing=True, said=(error.strerror or type(error).__name__).lower())
        try:
            began = time.monotonic()
            with anyio.move_on_after(seconds) as patience:
                await _Conversation(process, found, began).run()
            found.silent = patience.cancelled_caught and found.tools is None
        finally:
            with anyio.CancelScope(shield=True):
                await _end(process)
        found.said = _last_line(errors)
    return found


class _Conversation:
    """Line by line over the server's pipes."""

    def __init__(self, process: Process, found: Started, began: float) -> None:
        self._process = process
        self._found = found
        self._began = began
        self._buffer = bytearray()

    async def run(self) -> None:
        """Until the server has named its tools and said its last word, or ends before."""
        with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            await self._talk()
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe; mypy can't know
        with contextlib.suppress(OSError, anyio.BrokenResourceError):
            await self._process.stdin.aclose()
        with anyio.move_on_after(_END_SECONDS):  # what it started may hold its pipe open
            while (line := await self._line()) is not None:
                self._message(line)

    async def _talk(self) -> None:
        hello = await self._ask(1, "initialize", _HELLO)
        if hello is None:
            return
        self._hear_introduction(hello)
        await self._send({"method": "notifications/initialized"})
        listed = await self._ask(2, "tools/list", {})
        if listed is None:
            return
        tools = listed.get("tools")
        names = [tool.get("name") for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
        self._found.tools = tuple(str(name) for name in names)
        self._found.seconds = time.monotonic() - self._began

    def _hear_introduction(self, hello: Mapping[str, Any]) -> None:
        told = hello.get("serverInfo")
        info = told if isinstance(told, dict) else {}
        if (info.get("name"), info.get("title")) == _OURS:
            self._found.version = str(info.get("version") or "")
        else:
            self._found.stranger = str(info.get("name") or "nothing")
        for line in str(hello.get("instructions") or "").splitlines():
            if line.startswith(_UNUSABLE):
                self._found.unusable = line.removeprefix(_UNUSABLE).strip()
            self._found.slow |= line.endswith(_SLOW)

    async def _ask(self, number: int, method: str, params: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The result; None where there comes none."""
        await self._send({"id": number, "method": method, "params": params})
        while (line := await self._line()) is not None:
            message = self._message(line)
            if message.get("id") == number and "method" not in message:
                result = message.get("result")
                return result if isinstance(result, dict) else None
        return None

    async def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe; mypy can't know
        await self._process.stdin.send(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    async def _line(self) -> str | None:
        """The next line that holds anything; None at the end."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe; mypy can't know
        while True:
            line, newline, rest = self._buffer.partition(b"\n")
            if newline:
                self._buffer = rest
                if line.strip():
                    return line.decode("utf-8", "replace")
                continue
            try:
                self._buffer += await self._process.stdout.receive(65536)
            except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                self._buffer.clear()
                return line.decode("utf-8", "replace") if line.strip() else None
            if len(self._buffer) > _LARGEST:
                self._buffer.clear()

    def _message(self, line: str) -> Mapping[str, Any]:
        """The message on a line; {} for anything else, which is kept."""
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if isinstance(message, dict) and message.get("jsonrpc") == "2.0":
            return message
        self._found.strays.append(line.strip())
        return {}


async def _end(process: Process) -> None:
    """See it gone, with all that it started."""
    with anyio.move_on_after(_END_SECONDS):
        if process.stdin is not None:
            with contextlib.suppress(OSError, anyio.BrokenResourceError):
                await process.stdin.aclose()
        await process.wait()
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        if process.returncode is None:
            with contextlib.suppress(OSError):
                if sys.platform == "win32":
                    process.kill()
                else:
                    os.killpg(process.pid, number)
            with anyio.move_on_after(_END_SECONDS / 2):
                await process.wait()
    await process.aclose()


def _last_line(errors: IO[str]) -> str:
    """The last one that says anything: tracebacks of several errors are framed."""
    errors.seek(0)
    lines = [line.strip(" \t\r\n|+-") for line in errors.read().splitlines()]
    said = [line for line in lines if line]
    return said[-1].removeprefix("agentos-mcp: ") if said else ""
