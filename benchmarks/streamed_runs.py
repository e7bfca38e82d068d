"""One streamed run of 1.5 seconds: through agentos-mcp, over REST, through AgentOS's own /mcp."""

from __future__ import annotations

import importlib.util
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial

from mcp.client.client import Client

from agentos_mcp.agentos.runs.run import Kind
from benchmarks.harness import (
    agentos_mcp_server,
    connect,
    measure_alternately,
    rest_client,
    run_agentos,
    run_over_mcp,
    run_over_rest,
)
from benchmarks.results import Row

ROUNDS = 10
MAX_RATIO = 1.05
MESSAGE = "75 1.5"
KINDS: tuple[Kind, ...] = ("agent", "workflow")


async def measure(rounds: int) -> list[Row]:
    own_mcp = importlib.util.find_spec("fastmcp") is not None
    if not own_mcp:
        print("streamed_runs: AgentOS's own /mcp is left out: it needs fastmcp, which is not installed.")
    rows = []
    async with AsyncExitStack() as stack:
        url = stack.enter_context(run_agentos(own_mcp=own_mcp))
        client = await stack.enter_async_context(connect(agentos_mcp_server(url)))
        http = await stack.enter_async_context(rest_client(url))
        own_mcp_client = await stack.enter_async_context(Client(f"{url}/mcp", cache=None)) if own_mcp else None
        for kind in KINDS:
            sides: list[Callable[[], Awaitable[float]]] = [
                partial(run_over_mcp, client, kind, MESSAGE),
                partial(run_over_rest, http, kind, MESSAGE),
                partial(run_over_rest, http, kind, MESSAGE, background=False),
            ]
            if own_mcp_client is not None:
                sides.append(partial(run_over_mcp, own_mcp_client, kind, MESSAGE))
            own, background, foreground, *others = await measure_alternately(rounds, *sides)
            rows += [
                Row(f"streamed {kind} run | REST, background", own, background, max_ratio=MAX_RATIO),
                Row(f"streamed {kind} run | REST, foreground", own, foreground),
                *(Row(f"streamed {kind} run | AgentOS's own /mcp", own, other) for other in others),
            ]
    return rows
