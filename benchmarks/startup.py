"""The time from spawning a server to its answer to `tools/list`: what an editor waits for when it starts."""

from __future__ import annotations

import socket
import time

from mcp.client.stdio import StdioServerParameters

from benchmarks.harness import agentos_mcp_server, bare_sdk_server, connect, measure_alternately, run_agentos
from benchmarks.results import Row

ROUNDS = 7
MAX_RATIO = 1.0


async def measure(rounds: int) -> list[Row]:
    rows = []
    with run_agentos() as url:
        for mode, era in (("legacy", "legacy era"), ("auto", "modern era")):
            own, bare = await _compare(rounds, agentos_mcp_server(url), mode)
            rows.append(Row(f"spawn to tools/list, {era} | bare SDK server", own, bare, max_ratio=MAX_RATIO))
    own, bare = await _compare(max(rounds // 2, 1), agentos_mcp_server(f"http://127.0.0.1:{_closed_port()}"), "legacy")
    rows.append(Row("spawn to tools/list, AgentOS down | bare SDK server", own, bare))
    return rows


async def _compare(rounds: int, server: StdioServerParameters, mode: str) -> list[list[float]]:
    return await measure_alternately(
        rounds, lambda: _spawn_and_list(server, mode), lambda: _spawn_and_list(bare_sdk_server(), mode)
    )


async def _spawn_and_list(server: StdioServerParameters, mode: str) -> float:
    started = time.perf_counter()
    async with connect(server, mode) as client:
        result = await client.list_tools()
        seconds = time.perf_counter() - started
        assert result.tools
    return seconds


def _closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port
