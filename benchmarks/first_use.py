"""From spawning a server to its list of tools, and to the result of its first call: a client's wait."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial

from benchmarks.connections import McpConnection, can_be_had, stdio_command
from benchmarks.contenders import BARE, MCP_PROXY, MCP_REMOTE, OPENAPI, OWN_STDIO, Contender
from benchmarks.harness import connect, measure_alternately, run_agentos
from benchmarks.results import Comparison, Result

ROUNDS = 5
SECTION = "Start"
_NODE = (
    "node starts faster than Python; mcp-remote has no tools of its own to make, and needs a Node.js that is installed"
)
_NO_TOOLS = "it has no tools of its own to make: it asks AgentOS for them; its MCP SDK is of the first version"
_CONNECTED = "it has asked AgentOS for its OpenAPI document before, which took most of its start"
_WARM = (
    "AgentOS answers from what it holds in memory; agentos-mcp asks it over REST, once, and opens a connection for it"
)


async def measure(rounds: int) -> list[Result]:
    with run_agentos(own_mcp=True) as url:
        sides: dict[str, Callable[[], Awaitable[tuple[float, float]]]] = {}
        for contender in filter(can_be_had, (OWN_STDIO, MCP_REMOTE, MCP_PROXY, OPENAPI, BARE)):
            sides[contender.key] = partial(_first_use, contender, url)
        samples = dict(zip(sides, await measure_alternately(rounds, *sides.values()), strict=True))
    listed = {key: [first for first, _ in times] for key, times in samples.items()}
    called = {key: [1000 * second for _, second in times] for key, times in samples.items() if key != BARE.key}
    reasons = {MCP_REMOTE.key: _NODE, MCP_PROXY.key: _NO_TOOLS}
    warm = {MCP_REMOTE.key: _WARM, MCP_PROXY.key: _WARM, OPENAPI.key: _CONNECTED}
    return [
        Comparison(SECTION, "spawn to tools/list, stdio", "s", listed, reasons=reasons, is_in_chart=True),
        Comparison(SECTION, "first call after that: the agents", "ms", called, warm),
    ]


async def _first_use(contender: Contender, url: str) -> tuple[float, float]:
    """Seconds from the start of the process to its list of tools, and from there to its list of agents."""
    started = time.perf_counter()
    async with connect(stdio_command(contender, url), is_quiet=True) as client:
        tools = (await client.list_tools()).tools
        listed = time.perf_counter()
        assert tools
        if contender is not BARE:
            await McpConnection(contender, client).list_agents()
        return listed - started, time.perf_counter() - listed
