"""The SDK's clients of our processes, and what became of runs on the AgentOS itself."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import anyio
import httpx
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from tests._support.mcp_client import Peer
from tests._support.processes import FORK, MODULE, PATIENCE, PROMPT, Command, HttpServer, started_by


@asynccontextmanager
async def over_stdio(era: str, *arguments: str, command: Command = MODULE) -> AsyncIterator[Peer]:
    """A client of a process that it starts and ends itself; the process's stderr has to be empty."""
    first, *rest = (*started_by(command), *arguments)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        transport = stdio_client(StdioServerParameters(command=first, args=rest), errlog=errors)
        async with Client(transport, mode=era, read_timeout_seconds=PATIENCE) as client:
            yield Peer(client)
        errors.seek(0)
        complaints = errors.read()
    assert not complaints, complaints


@asynccontextmanager
async def over_http(era: str, url: str) -> AsyncIterator[Peer]:
    async with Client(url, mode=era, read_timeout_seconds=PATIENCE) as client:
        yield Peer(client)


@dataclass
class Clock:
    """Progress with the time at which each notification came: (time, progress, total, message)."""

    heard: list[tuple[float, float, float | None, str]] = field(default_factory=list)
    begun: anyio.Event = field(default_factory=anyio.Event)

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        self.heard.append((anyio.current_time(), progress, total, message or ""))
        self.begun.set()

    @property
    def values(self) -> list[float]:
        return [value for _, value, _, _ in self.heard]

    @property
    def messages(self) -> list[str]:
        return [message for _, _, _, message in self.heard]

    def increases(self) -> bool:
        return all(later > earlier for earlier, later in pairwise(self.values))

    async def wait_for_first(self) -> None:
        with anyio.fail_after(PATIENCE):
            await self.begun.wait()


async def cancelled_midway(peer: Peer, tool: str, /, **arguments: Any) -> None:
    """Call a tool and give the call up once its run is seen to be going."""
    clock = Clock()
    async with anyio.create_task_group() as tasks:

        async def call() -> None:
            await peer.client.call_tool(tool, arguments, progress_callback=clock)

        tasks.start_soon(call)
        await clock.wait_for_first()
        tasks.cancel_scope.cancel()


async def ends_as(agentos: str, component: str, session: str) -> str:
    """The status that the session's run ends with, as the AgentOS at that address has it."""
    async with httpx.AsyncClient(base_url=agentos, timeout=PATIENCE) as rest:
        with anyio.fail_after(PATIENCE):
            while True:
                runs = (await rest.get(f"/{component}/runs", params={"session_id": session})).json()
                if (status := str(runs[-1]["status"])) not in {"PENDING", "RUNNING"}:
                    return status
                await anyio.sleep(0.05)


async def gone_soon(url: str) -> None:
    """Return once nothing listens there any more."""
    with anyio.fail_after(PROMPT):
        async with httpx.AsyncClient(timeout=PROMPT) as client:
            while True:
                try:
                    await client.get(url)
                except httpx.TransportError:
                    return
                await anyio.sleep(0.05)


@asynccontextmanager
async def client_with_token(era: str, url: str, token: str) -> AsyncIterator[Peer]:
    async with create_mcp_http_client(headers={"authorization": f"Bearer {token}"}) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=era, read_timeout_seconds=PATIENCE) as client:
            yield Peer(client)


@asynccontextmanager
async def http_server(url: str) -> AsyncIterator[str]:
    """The address of our server in a process of its own, a fork, in front of the AgentOS at `url`."""
    server = await anyio.to_thread.run_sync(lambda: HttpServer("--url", url, command=FORK))
    try:
        yield server.url
    finally:
        await anyio.to_thread.run_sync(server.__exit__, None, None, None)
