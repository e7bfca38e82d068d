"""Fifty runs at once: through one stdio server of agentos-mcp, and over REST."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from statistics import median

import anyio
import httpx
from mcp.shared.exceptions import MCPError

from agentos_mcp.agentos.runs.run import Kind
from benchmarks.harness import (
    BenchmarkError,
    agentos_mcp_server,
    connect,
    measure_alternately,
    rest_client,
    run_agentos,
    run_over_mcp,
    run_over_rest,
)
from benchmarks.results import Row

ROUNDS = 8
CONCURRENT_RUNS = 50
MAX_RATIO = 1.3
MESSAGE = "50 1.5"
KINDS: tuple[Kind, ...] = ("agent", "workflow")


async def measure(rounds: int) -> list[Row]:
    rows = []
    for kind in KINDS:
        async with AsyncExitStack() as stack:
            url = stack.enter_context(run_agentos())
            client = await stack.enter_async_context(connect(agentos_mcp_server(url)))
            http = await stack.enter_async_context(rest_client(url))
            own, background, foreground = await measure_alternately(
                rounds,
                partial(_run_concurrently, partial(run_over_mcp, client, kind, MESSAGE)),
                partial(_run_concurrently, partial(run_over_rest, http, kind, MESSAGE)),
                partial(_run_concurrently, partial(run_over_rest, http, kind, MESSAGE, background=False)),
            )
        name = f"{CONCURRENT_RUNS} {kind} runs at once"
        rows += [
            Row(f"{name}, completed", [float(len(seconds)) for seconds in own], unit="runs", min_value=CONCURRENT_RUNS),
            Row(
                f"{name}, slowest | REST, background",
                _per_round(max, own),
                _per_round(max, background),
                max_ratio=MAX_RATIO,
            ),
            Row(
                f"{name}, median | REST, background",
                _per_round(median, own),
                _per_round(median, background),
                max_ratio=MAX_RATIO,
            ),
            Row(f"{name}, slowest | REST, foreground", _per_round(max, own), _per_round(max, foreground)),
        ]
    return rows


async def _run_concurrently(run: Callable[[], Awaitable[float]]) -> list[float]:
    """Seconds of each run that completed; the others are reported on stderr."""
    seconds: list[float] = []

    async def measure_run() -> None:
        try:
            seconds.append(await run())
        except (BenchmarkError, MCPError, httpx.HTTPError) as error:
            print(f"concurrent_runs: a run did not complete: {error!r}", file=sys.stderr)

    async with anyio.create_task_group() as tasks:
        for _ in range(CONCURRENT_RUNS):
            tasks.start_soon(measure_run)
    if not seconds:
        raise BenchmarkError("None of the concurrent runs completed.")
    return seconds


def _per_round(statistic: Callable[[list[float]], float], rounds: list[list[float]]) -> list[float]:
    return [statistic(seconds) for seconds in rounds]
