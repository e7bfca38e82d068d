"""Resident memory of a stdio server: at rest, after one run, and after many concurrent runs."""

from __future__ import annotations

import anyio

from benchmarks.harness import agentos_mcp_server, bare_sdk_server, measure_alternately, run_agentos, run_over_mcp
from benchmarks.process_usage import connect_with_pid, resident_mib
from benchmarks.results import Row

ROUNDS = 3
CONCURRENT_RUNS = 50
MESSAGE = "50 0.5"


async def measure(rounds: int) -> list[Row]:
    with run_agentos() as url:
        own, bare = await measure_alternately(rounds, lambda: _agentos_mcp_memory(url), _bare_memory)
    at_rest, after_one, after_concurrent, after_more = (list(samples) for samples in zip(*own, strict=True))
    bare_at_rest = [samples[0] for samples in bare]
    return [
        Row("memory at rest | bare SDK server", at_rest, bare_at_rest, unit="MiB"),
        Row("memory after a run | bare SDK server at rest", after_one, bare_at_rest, unit="MiB"),
        Row(
            f"memory after {CONCURRENT_RUNS} runs at once | bare SDK server at rest",
            after_concurrent,
            bare_at_rest,
            unit="MiB",
        ),
        Row(
            f"memory after {4 * CONCURRENT_RUNS} runs | after {CONCURRENT_RUNS}",
            after_more,
            after_concurrent,
            unit="MiB",
        ),
    ]


async def _bare_memory() -> list[float]:
    async with connect_with_pid(bare_sdk_server()) as (client, pid):
        await client.list_tools()
        return [resident_mib(pid)]


async def _agentos_mcp_memory(url: str) -> list[float]:
    async with connect_with_pid(agentos_mcp_server(url)) as (client, pid):
        await client.list_tools()
        sizes = [resident_mib(pid)]
        await run_over_mcp(client, "agent", MESSAGE)
        sizes.append(resident_mib(pid))
        for batches in (1, 3):
            for _ in range(batches):
                async with anyio.create_task_group() as tasks:
                    for _ in range(CONCURRENT_RUNS):
                        tasks.start_soon(run_over_mcp, client, "agent", MESSAGE)
            sizes.append(resident_mib(pid))
        return sizes
