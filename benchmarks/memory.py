"""Resident memory of a stdio server: at rest, at its peak with many runs at once, and after them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import anyio

from benchmarks.connections import McpConnection, can_be_had, stdio_command
from benchmarks.contenders import BARE, MCP_PROXY, MCP_REMOTE, OPENAPI, OWN_STDIO, Contender
from benchmarks.harness import measure_alternately, run_agentos
from benchmarks.process_usage import connect_with_pid, peak_resident_mib, reset_peak, resident_mib
from benchmarks.results import Comparison, Result, Row

ROUNDS = 2
SECTION = "Memory"
CONCURRENT_RUNS = 50
MESSAGE = "50 0.5"
_REASON = "it knows nothing of AgentOS: no catalog, no runs that outlive their calls, no questions, no results in short"


async def measure(rounds: int) -> list[Result]:
    sides: dict[str, Callable[[], Awaitable[list[float]]]] = {}
    with run_agentos(own_mcp=True) as url:
        for contender in filter(can_be_had, (OWN_STDIO, MCP_REMOTE, MCP_PROXY, OPENAPI, BARE)):
            sides[contender.key] = partial(_memory, contender, url)
        samples = dict(zip(sides, await measure_alternately(rounds, *sides.values(), warm_up=False), strict=True))
    reasons = dict.fromkeys((MCP_PROXY.key, MCP_REMOTE.key), _REASON)
    stages = ("at rest", f"at the peak of {CONCURRENT_RUNS} runs at once", f"after {CONCURRENT_RUNS} runs")
    own = samples[OWN_STDIO.key]
    return [
        *(
            Comparison(
                SECTION,
                stage,
                "MiB",
                {
                    key: [sizes[number] for sizes in rounds_]
                    for key, rounds_ in samples.items()
                    if len(rounds_[0]) > number
                },
                reasons,
                is_in_chart=number == 0,
            )
            for number, stage in enumerate(stages)
        ),
        Row(
            f"memory after {3 * CONCURRENT_RUNS} runs | after {CONCURRENT_RUNS}",
            [sizes[3] for sizes in own],
            [sizes[2] for sizes in own],
            unit="MiB",
            max_ratio=1.05,
        ),
    ]


async def _memory(contender: Contender, url: str) -> list[float]:
    """Of a server: at rest, at its peak, after some runs at once, and for ours after more of them."""
    async with connect_with_pid(stdio_command(contender, url), is_quiet=True) as (client, pid):
        await client.list_tools()
        sizes = [resident_mib(pid)]
        if contender is BARE:
            return sizes
        connection = McpConnection(contender, client)
        reset_peak(pid)
        await _run_at_once(connection)
        sizes += [peak_resident_mib(pid), resident_mib(pid)]
        if contender is OWN_STDIO:
            for _ in range(2):
                await _run_at_once(connection)
            sizes.append(resident_mib(pid))
        return sizes


async def _run_at_once(connection: McpConnection) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(CONCURRENT_RUNS):
            tasks.start_soon(connection.run, "agent", MESSAGE)
