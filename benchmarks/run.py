"""One streamed run of a second and a half: through us, straight over REST, through AgentOS's own /mcp."""

from __future__ import annotations

import importlib.util
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial

from mcp.client.client import Client

from agentos_mcp.agentos.runs.run import Kind
from benchmarks.stage import agentos, connected, in_turns, our_server, over_rest, rest, through_mcp
from benchmarks.table import Row

ROUNDS = 10
BAR = 1.05
MESSAGE = "75 1.5"
KINDS: tuple[Kind, ...] = ("agent", "workflow")


async def measure(rounds: int) -> list[Row]:
    own_mcp = importlib.util.find_spec("fastmcp") is not None
    if not own_mcp:
        print("run: AgentOS's own /mcp is left out: it needs fastmcp, which is not installed.")
    rows = []
    async with AsyncExitStack() as stack:
        url = stack.enter_context(agentos(own_mcp=own_mcp))
        client = await stack.enter_async_context(connected(our_server(url)))
        http = await stack.enter_async_context(rest(url))
        own = await stack.enter_async_context(Client(f"{url}/mcp", cache=None)) if own_mcp else None
        for kind in KINDS:
            sides: list[Callable[[], Awaitable[float]]] = [
                partial(through_mcp, client, kind, MESSAGE),
                partial(over_rest, http, kind, MESSAGE),
                partial(over_rest, http, kind, MESSAGE, background=False),
            ]
            if own is not None:
                sides.append(partial(through_mcp, own, kind, MESSAGE))
            ours, background, foreground, *theirs = await in_turns(rounds, *sides)
            rows += [
                Row(f"streamed {kind} run | REST, background", ours, background, most_ratio=BAR),
                Row(f"streamed {kind} run | REST, foreground", ours, foreground),
                *(Row(f"streamed {kind} run | AgentOS's own /mcp", ours, other) for other in theirs),
            ]
    return rows
