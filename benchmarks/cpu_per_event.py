"""CPU time per event: our library and our whole server, against a bare httpx loop over the same stream."""

from __future__ import annotations

import json
import time
from contextlib import AsyncExitStack
from functools import partial

import httpx
from mcp.client.client import Client

from agentos_mcp.agentos.runs.engine import Engine
from agentos_mcp.agentos.runs.starter import RunRequest
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.context import open_backend
from benchmarks.harness import (
    COMPONENTS,
    BenchmarkError,
    agentos_mcp_server,
    measure_alternately,
    rest_client,
    run_agentos,
    run_form,
    run_over_mcp,
    stream_events,
)
from benchmarks.process_usage import connect_with_pid, cpu_seconds
from benchmarks.results import Row

ROUNDS = 5
SECTION = "CPU for each event"
MAX_RATIO = 2.0
STREAMS = (
    # As fast as the AgentOS can stream: many events arrive together.
    ("in a burst", "1000 0"),
    # As models stream: every event wakes its reader.
    ("one by one", "200 1"),
)


async def measure(rounds: int) -> list[Row]:
    rows = []
    async with AsyncExitStack() as stack:
        url = stack.enter_context(run_agentos())
        client, pid = await stack.enter_async_context(connect_with_pid(agentos_mcp_server(url)))
        backend = await stack.enter_async_context(open_backend(Settings(url=url)))
        http = await stack.enter_async_context(rest_client(url))
        component = await backend.catalog.find("agent", COMPONENTS["agent"])
        for pace, message in STREAMS:
            library, server, httpx_loop, json_loop = await measure_alternately(
                rounds,
                partial(_library_cpu, backend.engine, RunRequest(component, message)),
                partial(_server_cpu, client, pid, message),
                partial(_httpx_cpu, http, message),
                partial(_httpx_json_cpu, http, message),
            )
            name = f"CPU per event, {pace}"
            rows += [
                Row(f"{name}, library | bare httpx loop", library, httpx_loop, unit="us", max_ratio=MAX_RATIO),
                Row(f"{name}, library | httpx loop + json.loads", library, json_loop, unit="us"),
                Row(
                    f"{name}, whole stdio server | bare httpx loop", server, httpx_loop, unit="us", max_ratio=MAX_RATIO
                ),
            ]
    return rows


async def _library_cpu(engine: Engine, request: RunRequest) -> float:
    """Our library: it reads the stream and reduces its events."""
    started = time.process_time()
    state = await engine.run(request, engine.new_run(request), lambda state: None)
    return 1e6 * (time.process_time() - started) / state.events


async def _server_cpu(client: Client, pid: int, message: str) -> float:
    started = cpu_seconds(pid)
    await run_over_mcp(client, "agent", message)
    # One event for each word; the few events around them do not matter.
    return 1e6 * (cpu_seconds(pid) - started) / int(message.split(maxsplit=1)[0])


async def _httpx_cpu(http: httpx.AsyncClient, message: str) -> float:
    started = time.process_time()
    events = await stream_events(http, "agent", message)
    return 1e6 * (time.process_time() - started) / events


async def _httpx_json_cpu(http: httpx.AsyncClient, message: str) -> float:
    """The minimum for any reader of events: a loop that parses each one."""
    started, events, name = time.process_time(), 0, ""
    path = f"/agents/{COMPONENTS['agent']}/runs"
    async with http.stream("POST", path, data=run_form(message, background=True)) as response:
        async for line in response.aiter_lines():
            if line.startswith("data:"):
                name = json.loads(line[5:])["event"]
                events += 1
    if name != "RunCompleted":
        raise BenchmarkError(f"A run over REST ended with {name or 'nothing'}.")
    return 1e6 * (time.process_time() - started) / events
