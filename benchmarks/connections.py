"""Connections of every contender to one AgentOS, all with the same calls: list the agents, run a component."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters

from agentos_mcp.agentos.runs.run import Kind
from benchmarks import peers
from benchmarks.contenders import (
    AGENTOS_MCP,
    BARE,
    MCP_PROXY,
    MCP_REMOTE,
    OPENAPI,
    OWN_HTTP,
    OWN_STDIO,
    REST,
    Contender,
)
from benchmarks.harness import (
    COMPONENTS,
    BenchmarkError,
    FirstProgress,
    agentos_mcp_server,
    bare_sdk_server,
    connect,
    last_word,
    rest_client,
    run_form,
    serve_http,
)
from benchmarks.peers import PeerMissing

_OPENAPI_SERVER = Path(__file__).with_name("openapi_server.py")


@dataclass(frozen=True)
class RunTimes:
    """How long a run took, in seconds from its start."""

    seconds: float
    first_progress: float
    """Until the first sign of it: a progress notification, or an event. The whole run where there was none."""


class Connection(Protocol):
    """What can be measured of a contender."""

    async def list_agents(self) -> None: ...

    async def run(self, kind: Kind, message: str) -> RunTimes: ...


class McpConnection:
    """A contender that speaks MCP."""

    def __init__(self, contender: Contender, client: Client) -> None:
        self.client = client
        self._contender = contender

    async def list_agents(self) -> None:
        result = await self.client.call_tool(self._contender.list_tool, {})
        if result.is_error or COMPONENTS["agent"] not in str(result.content):
            raise BenchmarkError(f"{self._contender.title} did not list the agents: {str(result.content)[:300]}")

    async def run(self, kind: Kind, message: str) -> RunTimes:
        arguments = {f"{kind}_id": COMPONENTS[kind], "message": message, **self._contender.run_arguments}
        progress, started = FirstProgress(), time.perf_counter()
        result = await self.client.call_tool(
            self._contender.run_tools[kind], arguments, progress_callback=progress, read_timeout_seconds=600
        )
        ended = time.perf_counter()
        if result.is_error or last_word(kind, message) not in str(result.content):
            raise BenchmarkError(f"A run by {self._contender.title} failed: {str(result.content)[:300]}")
        return RunTimes(ended - started, (progress.time or ended) - started)


class RestConnection:
    """Straight REST, as a program would use it that needs no MCP."""

    def __init__(self, http: httpx.AsyncClient, *, background: bool = False) -> None:
        self._http = http
        self._background = background

    async def list_agents(self) -> None:
        (await self._http.get("/agents")).raise_for_status().json()

    async def run(self, kind: Kind, message: str) -> RunTimes:
        first, last, started = 0.0, "", time.perf_counter()
        form = run_form(message, background=self._background)
        async with self._http.stream("POST", f"/{kind}s/{COMPONENTS[kind]}/runs", data=form) as response:
            async for line in response.aiter_lines():
                if line.startswith("event:"):
                    first, last = first or time.perf_counter(), line
        if "Completed" not in last and "WorkflowRunOutput" not in last:
            raise BenchmarkError(f"A run over REST ended with {last or 'nothing'}.")
        return RunTimes(time.perf_counter() - started, first - started)


left_out: dict[str, str] = {}
"""The contenders that could not be had in this run, by their titles, and why."""


def can_be_had(contender: Contender, url: str = "") -> bool:
    """Whether a contender is installed, or can be; otherwise it is noted as left out."""
    try:
        if contender in (AGENTOS_MCP, MCP_REMOTE, MCP_PROXY):
            peers.agentos_python()
        if contender.transport == "stdio":
            stdio_command(contender, url)
    except PeerMissing as error:
        if contender.title not in left_out:
            print(f"{contender.title} is left out: {error}", file=sys.stderr)
        left_out[contender.title] = str(error)
        return False
    return True


def durability(*, background: bool) -> tuple[str, ...]:
    """The arguments of agentos-mcp for runs in the background, or in the foreground as AgentOS's own /mcp has them."""
    return () if background else ("--durability", "foreground")


def stdio_command(contender: Contender, url: str, *, background: bool = True) -> StdioServerParameters:
    """What starts a contender over stdio for the AgentOS at `url`. Raises PeerMissing."""
    if contender is OWN_STDIO:
        return agentos_mcp_server(url, *durability(background=background))
    if contender is BARE:
        return bare_sdk_server()
    environment: Mapping[str, str] | None = None
    if contender is MCP_PROXY:
        command = [*peers.mcp_proxy_command(), f"{url}/mcp"]
    elif contender is MCP_REMOTE:
        command = [*peers.mcp_remote_command(), f"{url}/mcp", "--transport", "http-only"]
        environment = peers.node_environment()
    elif contender is OPENAPI:
        command = [str(peers.fastmcp_python()), str(_OPENAPI_SERVER), url]
    else:
        raise LookupError(contender.key)
    first, *rest = command
    return StdioServerParameters(
        command=first, args=rest, cwd=peers.CACHE, env=dict(environment) if environment else None
    )


@asynccontextmanager
async def connect_to(contender: Contender, url: str, *, background: bool = True) -> AsyncIterator[Connection]:
    """A connection of a contender to the AgentOS at `url`; where it can choose, its runs are in the background."""
    async with AsyncExitStack() as stack:
        if contender is REST:
            yield RestConnection(await stack.enter_async_context(rest_client(url)), background=background)
            return
        if contender is OWN_HTTP:
            address, _ = stack.enter_context(serve_http(url, *durability(background=background)))
            client = Client(address, cache=None)
        elif contender is AGENTOS_MCP:
            client = Client(f"{url}/mcp", cache=None)
        else:
            command = stdio_command(contender, url, background=background)
            yield McpConnection(contender, await stack.enter_async_context(connect(command, is_quiet=True)))
            return
        yield McpConnection(contender, await stack.enter_async_context(client))


@asynccontextmanager
async def connect_all(
    contenders: tuple[Contender, ...], url: str, *, background: bool = True
) -> AsyncIterator[dict[str, Connection]]:
    """Connections of all contenders that can be had here, by their keys."""
    async with AsyncExitStack() as stack:
        connections: dict[str, Connection] = {}
        for contender in filter(can_be_had, contenders):
            connection = connect_to(contender, url, background=background)
            connections[contender.key] = await stack.enter_async_context(connection)
        yield connections
