"""One streamed run of 1.5 seconds, of an agent and of a workflow: until its first sign, and until its result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from agentos_mcp.agentos.runs.run import Kind
from benchmarks.connections import RunTimes, connect_all
from benchmarks.contenders import AGENTOS_MCP, MCP_PROXY, MCP_REMOTE, OPENAPI, OWN_HTTP, OWN_STDIO, REST
from benchmarks.harness import measure_alternately, run_agentos
from benchmarks.results import Comparison, Result, Row

ROUNDS = 5
SECTION = "One streamed run"
MAX_RATIO = 1.05
MESSAGE = "75 1.5"
KINDS: tuple[Kind, ...] = ("agent", "workflow")
_BEFORE_START = (
    "its first notice is sent before the run starts, and says no more than that; the first notice of agentos-mcp is of "
    "the run's first word or step"
)
_FOREGROUND = (
    "its run is in the foreground and ends with its connection; that of agentos-mcp is in the background, is stored "
    "before it starts, and survives the connection"
)


async def measure(rounds: int) -> list[Result]:
    contenders = (OWN_STDIO, OWN_HTTP, AGENTOS_MCP, MCP_REMOTE, MCP_PROXY, OPENAPI, REST)
    results: list[Result] = []
    with run_agentos(own_mcp=True) as url:
        async with connect_all(contenders, url) as connections:
            for kind in KINDS:
                sides: dict[str, Callable[[], Awaitable[RunTimes]]] = {
                    key: partial(connection.run, kind, MESSAGE) for key, connection in connections.items()
                }
                samples = dict(zip(sides, await measure_alternately(rounds, *sides.values()), strict=True))
                seconds = {key: [run.seconds for run in runs] for key, runs in samples.items()}
                # Without any progress the result is the first sign.
                first = {key: [run.first_progress for run in runs] for key, runs in samples.items()}
                slower = dict.fromkeys((AGENTOS_MCP.key, MCP_REMOTE.key, MCP_PROXY.key, OPENAPI.key), _FOREGROUND)
                sooner = dict.fromkeys((AGENTOS_MCP.key, MCP_REMOTE.key, MCP_PROXY.key), _BEFORE_START)
                results += [
                    Comparison(SECTION, f"{kind}: until the result", "s", seconds, slower),
                    Comparison(SECTION, f"{kind}: until the first sign", "s", first, sooner),
                    Row(
                        f"streamed {kind} run | REST, background",
                        seconds[OWN_STDIO.key],
                        seconds[REST.key],
                        max_ratio=MAX_RATIO,
                    ),
                ]
    return results
