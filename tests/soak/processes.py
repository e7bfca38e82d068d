"""The processes of a soak: an AgentOS and a server that are killed now and then, and a server that lives through it."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from mcp.client.client import Client
from mcp_types import CallToolResult

from tests._support.agentos import soaked
from tests._support.processes import FORK, HttpServer
from tests._support.restartable_agentos import Host
from tests.soak.counted_server import COUNTS_VARIABLE, Counts

COUNTED = (sys.executable, "-m", "tests.soak.counted_server")
_AWAY_SECONDS = 1.5
"""How long what was killed is away."""
_CALL_SECONDS = 120.0
_COUNT_SECONDS = 10.0
_LOOK_SECONDS = 0.5
_SETTLE_LOOKS = 40
_SAME_LOOKS = 6


class KillableAgentOS:
    """The AgentOS, with the times at which it went and came back."""

    def __init__(self, folder: Path) -> None:
        variables = {soaked.LEDGER_VARIABLE: str(folder / "ledger")}
        self.host = Host(folder / "agentos.db", variables, build="tests._support.agentos.soaked:build")
        self.is_up = True
        self.changes = 0
        """How often it went or came back."""
        self.outages: list[tuple[float, float]] = []

    async def kill_and_restart(self) -> None:
        went = anyio.current_time()
        self.is_up, self.changes = False, self.changes + 1
        await anyio.to_thread.run_sync(self.host.kill)
        await anyio.sleep(_AWAY_SECONDS)
        await anyio.to_thread.run_sync(self.host.start)
        self.is_up, self.changes = True, self.changes + 1
        self.outages.append((went, anyio.current_time()))


class KillableServer:
    """A server that is killed, and started again on another port."""

    def __init__(self, agentos: str) -> None:
        self._arguments = ("--url", agentos, "--on-cancel", "explicit")
        self._server: HttpServer | None = None
        self.kills = 0

    @property
    def url(self) -> str:
        """'' while it is away."""
        return self._server.url if self._server else ""

    def start(self) -> None:
        self._server = HttpServer(*self._arguments, command=FORK)

    def stop(self, *, kill: bool = False) -> None:
        server, self._server = self._server, None
        if server is not None:
            if kill:
                server.signal(signal.SIGKILL)
            server.__exit__(None, None, None)

    async def kill_and_restart(self) -> None:
        self.kills += 1
        await anyio.to_thread.run_sync(lambda: self.stop(kill=True))
        await anyio.sleep(_AWAY_SECONDS)
        await anyio.to_thread.run_sync(self.start)


class SteadyServer:
    """A server that lives through the whole soak, and tells what it holds."""

    def __init__(self, agentos: str, folder: Path) -> None:
        self._counts = folder / "counts"
        variables = {COUNTS_VARIABLE: str(self._counts)}
        arguments = ("--url", agentos, "--on-cancel", "explicit")
        self._server = HttpServer(*arguments, command=COUNTED, given=variables)

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def complaints(self) -> list[str]:
        """Lines of its log that tell of an error of its own."""
        return [line for line in self._server.err.said if "Traceback" in line or line.startswith("ERROR")]

    async def count(self) -> Counts:
        """What it holds now, after a garbage collection."""
        self._counts.unlink(missing_ok=True)
        os.kill(self._server.pid, signal.SIGUSR1)
        with anyio.fail_after(_COUNT_SECONDS):
            while not self._counts.exists():  # noqa: ASYNC110 - another process writes it
                await anyio.sleep(0.02)
        return Counts(**json.loads(self._counts.read_text()))

    async def settled(self, base: Counts | None = None) -> Counts:
        """What it holds once nothing is going on: no more than `base`, or for some seconds the same."""
        looks: list[Counts] = []
        for _ in range(_SETTLE_LOOKS):
            counts = await self.count()
            looks.append(counts)
            if base is not None and counts.tasks <= base.tasks and counts.sockets <= base.sockets:
                break
            latest = looks[-_SAME_LOOKS:]
            if (
                base is None
                and len(latest) == _SAME_LOOKS
                and all(_going_on(look) == _going_on(counts) for look in latest)
            ):
                break
            await anyio.sleep(_LOOK_SECONDS)
        return counts

    def stop(self) -> None:
        self._server.__exit__(None, None, None)


def _going_on(counts: Counts) -> tuple[int, int]:
    return counts.tasks, counts.sockets


@dataclass
class _Call:
    """One call, and what became of it: None where it broke."""

    tool: str
    arguments: dict[str, Any]
    done: anyio.Event = field(default_factory=anyio.Event)
    result: CallToolResult | None = None


class ReopeningClient:
    """Calls tools of the server at an address that may change; opens a client anew once a call broke.

    `serve` has to run in a task of its own, for as long as calls are made.
    """

    def __init__(self, url: Callable[[], str], era: str) -> None:
        self._url = url
        self._era = era
        self._send, self._receive = anyio.create_memory_object_stream[_Call]()

    async def __call__(self, tool: str, arguments: dict[str, Any]) -> CallToolResult | None:
        call = _Call(tool, arguments)
        await self._send.send(call)
        await call.done.wait()
        return call.result

    def close(self) -> None:
        self._send.close()

    async def serve(self) -> None:
        with self._receive:
            async for call in self._receive:
                await self._serve_from(call)

    async def _serve_from(self, call: _Call) -> None:
        """Serve this call and those after it with one client, until one breaks."""
        try:
            while not (url := self._url()):  # noqa: ASYNC110 - it is being started
                await anyio.sleep(0.1)
            async with Client(url, mode=self._era, read_timeout_seconds=_CALL_SECONDS) as client:
                while True:
                    call.result = await client.call_tool(call.tool, call.arguments)
                    call.done.set()
                    call = await self._receive.receive()
        except anyio.EndOfStream:
            return
        except Exception:  # the SDK raises many kinds of them, in groups too, when its server is gone
            call.done.set()
