"""Resident memory of a stdio server: at rest, and after a crowd of runs."""

from __future__ import annotations

import anyio

from benchmarks.process import resident_mib, watched
from benchmarks.stage import agentos, bare_server, in_turns, our_server, through_mcp
from benchmarks.table import Row

ROUNDS = 3
CROWD = 50
MESSAGE = "50 0.5"


async def measure(rounds: int) -> list[Row]:
    with agentos() as url:
        ours, bare = await in_turns(rounds, lambda: _ours(url), _bare)
    rest, after_one, after_crowd, after_more = (list(samples) for samples in zip(*ours, strict=True))
    at_rest = [samples[0] for samples in bare]
    return [
        Row("memory at rest | bare SDK server", rest, at_rest, unit="MiB"),
        Row("memory after a run | bare SDK server at rest", after_one, at_rest, unit="MiB"),
        Row(f"memory after {CROWD} runs at once | bare SDK server at rest", after_crowd, at_rest, unit="MiB"),
        Row(f"memory after {4 * CROWD} runs | after {CROWD}", after_more, after_crowd, unit="MiB"),
    ]


async def _bare() -> list[float]:
    async with watched(bare_server()) as (client, pid):
        await client.list_tools()
        return [resident_mib(pid)]


async def _ours(url: str) -> list[float]:
    async with watched(our_server(url)) as (client, pid):
        await client.list_tools()
        sizes = [resident_mib(pid)]
        await through_mcp(client, "agent", MESSAGE)
        sizes.append(resident_mib(pid))
        for crowds in (1, 3):
            for _ in range(crowds):
                async with anyio.create_task_group() as tasks:
                    for _ in range(CROWD):
                        tasks.start_soon(through_mcp, client, "agent", MESSAGE)
            sizes.append(resident_mib(pid))
        return sizes
