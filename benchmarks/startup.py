"""The time from spawning a server to its answer to `tools/list`: what an editor waits for when it starts."""

from __future__ import annotations

import socket
import time

from mcp.client.stdio import StdioServerParameters

from benchmarks.harness import agentos_mcp_server, bare_sdk_server, measure_alternately, run_agentos
from benchmarks.process_usage import connect_with_pid, cpu_seconds
from benchmarks.results import Row

ROUNDS = 25  # the two are within a few hundredths of each other, and rounds differ by more
SECTION = "Start, against a bare server of the SDK"
MAX_RATIO = 1.0


async def measure(rounds: int) -> list[Row]:
    rows = []
    with run_agentos() as url:
        for mode, era in (("legacy", "legacy era"), ("auto", "modern era")):
            rows += await _compare(era, rounds, agentos_mcp_server(url), mode)
    down = agentos_mcp_server(f"http://127.0.0.1:{_closed_port()}")
    return rows + await _compare("AgentOS down", max(rounds // 2, 1), down, "legacy")


async def _compare(name: str, rounds: int, server: StdioServerParameters, mode: str) -> list[Row]:
    own, bare = await measure_alternately(
        rounds, lambda: _spawn_and_list(server, mode), lambda: _spawn_and_list(bare_sdk_server(), mode)
    )
    own_seconds, own_cpu = zip(*own, strict=True)
    bare_seconds, bare_cpu = zip(*bare, strict=True)
    return [
        Row(f"spawn to tools/list, {name} | bare SDK server", own_seconds, bare_seconds, max_ratio=MAX_RATIO),
        Row(f"the server's CPU until then, {name} | bare SDK server", own_cpu, bare_cpu, max_ratio=MAX_RATIO),
    ]


async def _spawn_and_list(server: StdioServerParameters, mode: str) -> tuple[float, float]:
    """Seconds until the tools are listed, and how much CPU time the server has taken by then."""
    started = time.perf_counter()
    async with connect_with_pid(server, mode) as (client, pid):
        result = await client.list_tools()
        seconds, cpu = time.perf_counter() - started, cpu_seconds(pid)
        assert result.tools
    return seconds, cpu


def _closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port
