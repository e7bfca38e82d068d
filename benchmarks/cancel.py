"""From a client's cancel, between two chunks of a stream, to CANCELLED on the AgentOS."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
from mcp.client.client import Client

from agentos_mcp.agentos.runs.run import new_id
from benchmarks.stage import COMPONENTS, Failed, Progress, agentos, connected, in_turns, our_server, rest, run_form
from benchmarks.table import Row

ROUNDS = 12
BAR = 1.0
AGENT = COMPONENTS["agent"]
MESSAGE = "500 10"
_PATIENCE = 8.0
_SO_FAR = 0.5
"""How long a run has been streaming when it is cancelled."""


async def measure(rounds: int) -> list[Row]:
    with agentos() as url:
        async with connected(our_server(url)) as client, rest(url) as http:
            ours, straight = await in_turns(rounds, lambda: _cancel_call(client, http), lambda: _cancel_run(http))
    return [Row("cancel to CANCELLED, between chunks | REST cancel", ours, straight, most=BAR)]


async def _cancel_call(client: Client, http: httpx.AsyncClient) -> float:
    """The client cancels its call."""
    session, progress = new_id(), Progress()
    arguments = {"agent_id": AGENT, "message": MESSAGE, "session_id": session}

    async def call() -> None:
        await client.call_tool("run_agent", arguments, progress_callback=progress)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        await progress.begun.wait()
        await anyio.sleep(_SO_FAR)
        begun = time.perf_counter()
        tasks.cancel_scope.cancel()
    await _cancelled(http, session)
    return time.perf_counter() - begun


async def _cancel_run(http: httpx.AsyncClient) -> float:
    """The cancel goes straight to the AgentOS."""
    session, run = new_id(), new_id()
    async with _streaming(http, run_form(MESSAGE, background=True, session=session, run=run)):
        await anyio.sleep(_SO_FAR)
        begun = time.perf_counter()
        await http.post(f"/agents/{AGENT}/runs/{run}/cancel", params={"session_id": session})
        await _cancelled(http, session)
        return time.perf_counter() - begun


@asynccontextmanager
async def _streaming(http: httpx.AsyncClient, form: dict[str, str]) -> AsyncIterator[None]:
    """A run that is being read meanwhile, from its first event on."""
    begun = anyio.Event()

    async def read() -> None:
        async with http.stream("POST", f"/agents/{AGENT}/runs", data=form) as response:
            async for _ in response.aiter_lines():
                begun.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await begun.wait()
        yield
        tasks.cancel_scope.cancel()


async def _cancelled(http: httpx.AsyncClient, session: str) -> None:
    """Return once the AgentOS says that the session's run is cancelled."""
    last: object = None
    with anyio.move_on_after(_PATIENCE):
        while True:
            answer = await http.get(f"/agents/{AGENT}/runs", params={"session_id": session})
            runs = answer.json() if answer.is_success else []
            listed = runs.get("data", []) if isinstance(runs, dict) else runs
            last = [run.get("status") for run in listed]
            if last == ["CANCELLED"]:
                return
            await anyio.sleep(0.01)
    raise Failed(f"{_PATIENCE:g} s after its cancel the run's status is {last}.")
