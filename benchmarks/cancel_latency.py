"""The time from a client's cancel, between two chunks of a stream, to CANCELLED on the AgentOS."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
from mcp.client.client import Client

from agentos_mcp.agentos.runs.run import new_id
from benchmarks.harness import (
    COMPONENTS,
    BenchmarkError,
    FirstProgress,
    agentos_mcp_server,
    connect,
    measure_alternately,
    rest_client,
    run_agentos,
    run_form,
)
from benchmarks.results import Row

ROUNDS = 6
MAX_SECONDS = 1.0
AGENT = COMPONENTS["agent"]
MESSAGE = "500 10"
_TIMEOUT_SECONDS = 8.0
_STREAMED_SECONDS = 0.5
"""How long a run has streamed when it is cancelled."""


async def measure(rounds: int) -> list[Row]:
    with run_agentos() as url:
        async with connect(agentos_mcp_server(url)) as client, rest_client(url) as http:
            own, rest = await measure_alternately(
                rounds, lambda: _cancel_tool_call(client, http), lambda: _cancel_over_rest(http)
            )
    return [Row("cancel to CANCELLED, between chunks | REST cancel", own, rest, max_value=MAX_SECONDS)]


async def _cancel_tool_call(client: Client, http: httpx.AsyncClient) -> float:
    """Seconds from a client's cancelled tool call to CANCELLED."""
    session, progress = new_id(), FirstProgress()
    arguments = {"agent_id": AGENT, "message": MESSAGE, "session_id": session}

    async def call() -> None:
        await client.call_tool("run_agent", arguments, progress_callback=progress)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        await progress.received.wait()
        await anyio.sleep(_STREAMED_SECONDS)
        started = time.perf_counter()
        tasks.cancel_scope.cancel()
    await _wait_until_cancelled(http, session)
    return time.perf_counter() - started


async def _cancel_over_rest(http: httpx.AsyncClient) -> float:
    """Seconds from a cancel over REST to CANCELLED."""
    session, run = new_id(), new_id()
    async with _streaming(http, run_form(MESSAGE, background=True, session=session, run=run)):
        await anyio.sleep(_STREAMED_SECONDS)
        started = time.perf_counter()
        await http.post(f"/agents/{AGENT}/runs/{run}/cancel", params={"session_id": session})
        await _wait_until_cancelled(http, session)
        return time.perf_counter() - started


@asynccontextmanager
async def _streaming(http: httpx.AsyncClient, form: dict[str, str]) -> AsyncIterator[None]:
    """A run whose stream is read in the background, from its first event on."""
    started = anyio.Event()

    async def read() -> None:
        async with http.stream("POST", f"/agents/{AGENT}/runs", data=form) as response:
            async for _ in response.aiter_lines():
                started.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await started.wait()
        yield
        tasks.cancel_scope.cancel()


async def _wait_until_cancelled(http: httpx.AsyncClient, session: str) -> None:
    """Return once the session's run is cancelled on the AgentOS. Raises BenchmarkError on a timeout."""
    statuses: object = None
    with anyio.move_on_after(_TIMEOUT_SECONDS):
        while True:
            response = await http.get(f"/agents/{AGENT}/runs", params={"session_id": session})
            runs = response.json() if response.is_success else []
            rows = runs.get("data", []) if isinstance(runs, dict) else runs
            statuses = [run.get("status") for run in rows]
            if statuses == ["CANCELLED"]:
                return
            await anyio.sleep(0.01)
    raise BenchmarkError(f"{_TIMEOUT_SECONDS:g} s after its cancel the run's status is {statuses}.")
