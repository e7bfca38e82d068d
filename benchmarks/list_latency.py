"""The latency of a call that lists the agents, over stdio and over HTTP, once everything is warm."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from statistics import median

from benchmarks.connections import Connection, connect_all
from benchmarks.contenders import AGENTOS_MCP, MCP_PROXY, MCP_REMOTE, OPENAPI, OWN_HTTP, OWN_STDIO, REST
from benchmarks.harness import measure_alternately, run_agentos
from benchmarks.results import Comparison, Result, percentile

ROUNDS = 8
SECTION = "A list call"
CALLS_PER_ROUND = 30
_IN_PROCESS = "/mcp reads AgentOS's own memory, in its process; agentos-mcp asks AgentOS over REST, so as to be current"

_AS_IT_IS = "it hands on AgentOS's JSON as it is, several times as long; agentos-mcp makes a table of what matters"


async def measure(rounds: int) -> list[Result]:
    contenders = (OWN_STDIO, OWN_HTTP, AGENTOS_MCP, MCP_REMOTE, MCP_PROXY, OPENAPI, REST)
    with run_agentos(own_mcp=True) as url:
        async with connect_all(contenders, url) as connections:
            sides: dict[str, Callable[[], Awaitable[list[float]]]] = {
                key: partial(_call_often, connection) for key, connection in connections.items()
            }
            samples = dict(zip(sides, await measure_alternately(rounds, *sides.values()), strict=True))
    reasons = {OPENAPI.key: _AS_IT_IS} | dict.fromkeys((AGENTOS_MCP.key, MCP_REMOTE.key, MCP_PROXY.key), _IN_PROCESS)
    p50 = {key: [median(calls) for calls in batches] for key, batches in samples.items()}
    p99 = {key: [percentile([call for calls in batches for call in calls], 0.99)] for key, batches in samples.items()}
    return [
        Comparison(SECTION, "the agents, p50", "ms", p50, reasons, is_in_chart=True),
        Comparison(SECTION, f"the agents, p99 of {rounds * CALLS_PER_ROUND} calls", "ms", p99, reasons),
    ]


async def _call_often(connection: Connection) -> list[float]:
    """Milliseconds of each of some calls, one after the other."""
    times = []
    for _ in range(CALLS_PER_ROUND):
        started = time.perf_counter()
        await connection.list_agents()
        times.append(1000 * (time.perf_counter() - started))
    return times
