"""Fifty runs at once: through one stdio server of ours, and straight over REST."""

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
from benchmarks.stage import Failed, agentos, connected, in_turns, our_server, over_rest, rest, through_mcp
from benchmarks.table import Row

ROUNDS = 8
CROWD = 50
BAR = 1.3
MESSAGE = "50 1.5"
KINDS: tuple[Kind, ...] = ("agent", "workflow")


async def measure(rounds: int) -> list[Row]:
    rows = []
    for kind in KINDS:
        async with AsyncExitStack() as stack:
            url = stack.enter_context(agentos())
            client = await stack.enter_async_context(connected(our_server(url)))
            http = await stack.enter_async_context(rest(url))
            ours, background, foreground = await in_turns(
                rounds,
                partial(_crowd, partial(through_mcp, client, kind, MESSAGE)),
                partial(_crowd, partial(over_rest, http, kind, MESSAGE)),
                partial(_crowd, partial(over_rest, http, kind, MESSAGE, background=False)),
            )
        what = f"{CROWD} {kind} runs at once"
        rows += [
            Row(f"{what}, completed", [float(len(crowd)) for crowd in ours], unit="runs", least=CROWD),
            Row(f"{what}, slowest | REST, background", _each(max, ours), _each(max, background), most_ratio=BAR),
            Row(f"{what}, median | REST, background", _each(median, ours), _each(median, background), most_ratio=BAR),
            Row(f"{what}, slowest | REST, foreground", _each(max, ours), _each(max, foreground)),
        ]
    return rows


async def _crowd(go: Callable[[], Awaitable[float]]) -> list[float]:
    """Seconds of every run of a crowd that completed; the others are told of."""
    seconds: list[float] = []

    async def one() -> None:
        try:
            seconds.append(await go())
        except (Failed, MCPError, httpx.HTTPError) as error:
            print(f"crowd: a run did not complete: {error!r}", file=sys.stderr)

    async with anyio.create_task_group() as tasks:
        for _ in range(CROWD):
            tasks.start_soon(one)
    if not seconds:
        raise Failed("No run of a crowd completed.")
    return seconds


def _each(pick: Callable[[list[float]], float], crowds: list[list[float]]) -> list[float]:
    return [pick(crowd) for crowd in crowds]
