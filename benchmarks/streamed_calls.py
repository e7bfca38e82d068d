"""Streamed runs for load: one cheap HTTP client for each, the same for REST and for MCP over HTTP.

The MCP SDK's client would cost more than the servers that are measured.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Awaitable, Callable

import anyio
import httpx

from benchmarks.connections import RunTimes
from benchmarks.contenders import Contender
from benchmarks.harness import COMPONENTS, BenchmarkError, run_form

VERSION = "2026-07-28"
RUN_SECONDS = 300.0
_HEADERS = {
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": VERSION,
    "mcp-method": "tools/call",
    "mcp-name": "run_agent",
}
_META = {
    "progressToken": 1,
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "benchmark", "version": "1"},
}

StreamRun = Callable[[httpx.AsyncClient], Awaitable[RunTimes]]


def run_over_mcp(url: str, contender: Contender, message: str) -> StreamRun:
    """Run the agent by the tool of a server at `url`, its /mcp, without a session (MCP 2026-07-28)."""
    arguments = {"agent_id": COMPONENTS["agent"], "message": message, **contender.run_arguments}
    params = {"name": contender.run_tools["agent"], "arguments": arguments, "_meta": _META}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}

    async def run(http: httpx.AsyncClient) -> RunTimes:
        first, answer, started = 0.0, "", time.perf_counter()
        async with http.stream("POST", url, json=body, headers=_HEADERS) as response:
            async for line in response.aiter_lines():
                if not first and '"notifications/progress"' in line:
                    first = time.perf_counter()
                if '"result"' in line or '"error"' in line:
                    answer = line
        ended = time.perf_counter()
        result = json.loads(answer.removeprefix("data:") or "{}").get("result", {})
        if result.get("isError", False) or _last_word(message) not in json.dumps(result):
            raise BenchmarkError(f"A run by {contender.title} failed: {answer[:300] or response.status_code}")
        return RunTimes(ended - started, (first or ended) - started)

    return run


def run_over_rest(url: str, message: str, *, background: bool) -> StreamRun:
    """Run the agent over REST. Its first progress is its first word: before it, nothing is told that is not known."""

    async def run(http: httpx.AsyncClient) -> RunTimes:
        first, completed, started = 0.0, False, time.perf_counter()
        form = run_form(message, background=background)
        async with http.stream("POST", f"{url}/agents/{COMPONENTS['agent']}/runs", data=form) as response:
            async for line in response.aiter_lines():
                if not first and line.startswith("event: RunContent"):
                    first = time.perf_counter()
                completed = completed or line.startswith("event: RunCompleted")
        if not completed:
            raise BenchmarkError(f"A run over REST did not complete (status {response.status_code}).")
        return RunTimes(time.perf_counter() - started, first - started)

    return run


async def run_at_once(count: int, run: StreamRun) -> list[RunTimes]:
    """So many runs at once, each over a connection of its own: the times of those that completed.

    Of the others one is named on stderr. Raises BenchmarkError where none completed.
    """
    times: list[RunTimes] = []
    failures: list[Exception] = []
    clients = [httpx.AsyncClient(timeout=RUN_SECONDS, trust_env=False, verify=False) for _ in range(count)]  # noqa: S501 - plain HTTP

    async def measure(http: httpx.AsyncClient) -> None:
        try:
            times.append(await run(http))
        except (BenchmarkError, httpx.HTTPError) as error:
            failures.append(error)

    async with anyio.create_task_group() as tasks:
        for http in clients:
            tasks.start_soon(measure, http)
    for http in clients:
        await http.aclose()
    if failures:
        print(f"{len(failures)} of {count} runs did not complete: {failures[0]!r}", file=sys.stderr)
    if not times:
        raise BenchmarkError(f"None of {count} runs at once completed.")
    return times


def _last_word(message: str) -> str:
    return f"word{int(message.split(maxsplit=1)[0]) - 1}"
