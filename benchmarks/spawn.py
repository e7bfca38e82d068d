"""From the spawn of a server to its answer to `tools/list`: what an editor waits for when it starts."""

from __future__ import annotations

import socket
import time

from mcp.client.stdio import StdioServerParameters

from benchmarks.stage import agentos, bare_server, connected, in_turns, our_server
from benchmarks.table import Row

ROUNDS = 12
BAR = 1.15


async def measure(rounds: int) -> list[Row]:
    rows = []
    with agentos() as url:
        for mode, era in (("legacy", "legacy era"), ("auto", "modern era")):
            ours, bare = await _compare(rounds, our_server(url), mode)
            rows.append(Row(f"spawn to tools/list, {era} | bare SDK server", ours, bare, most_ratio=BAR))
    ours, bare = await _compare(max(rounds // 2, 1), our_server(f"http://127.0.0.1:{_closed_port()}"), "legacy")
    rows.append(Row("spawn to tools/list, AgentOS down | bare SDK server", ours, bare))
    return rows


async def _compare(rounds: int, server: StdioServerParameters, mode: str) -> list[list[float]]:
    return await in_turns(rounds, lambda: _spawn(server, mode), lambda: _spawn(bare_server(), mode))


async def _spawn(server: StdioServerParameters, mode: str) -> float:
    begun = time.perf_counter()
    async with connected(server, mode) as client:
        listed = await client.list_tools()
        seconds = time.perf_counter() - begun
        assert listed.tools
    return seconds


def _closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port
