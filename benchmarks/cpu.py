"""Processor time an event: our library and our whole server, against a bare httpx loop over the same stream."""

from __future__ import annotations

import json
import time
from contextlib import AsyncExitStack
from functools import partial

import httpx
from mcp.client.client import Client

from agentos_mcp.agentos.runs.engine import Engine
from agentos_mcp.agentos.runs.start import RunRequest
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.context import open_backend
from benchmarks.process import cpu_seconds, watched
from benchmarks.stage import (
    COMPONENTS,
    Failed,
    agentos,
    in_turns,
    our_server,
    rest,
    run_form,
    stream_events,
    through_mcp,
)
from benchmarks.table import Row

ROUNDS = 8
STREAMS = (
    # As fast as the AgentOS can: many events arrive together.
    ("in a burst", "1000 0"),
    # As models talk: every event wakes its reader.
    ("one by one", "200 1"),
)


async def measure(rounds: int) -> list[Row]:
    rows = []
    async with AsyncExitStack() as stack:
        url = stack.enter_context(agentos())
        client, pid = await stack.enter_async_context(watched(our_server(url)))
        backend = await stack.enter_async_context(open_backend(Settings(url=url)))
        http = await stack.enter_async_context(rest(url))
        component = await backend.catalog.find("agent", COMPONENTS["agent"])
        for pace, message in STREAMS:
            library, server, bare, parsed = await in_turns(
                rounds,
                partial(_library, backend.engine, RunRequest(component, message)),
                partial(_server, client, pid, message),
                partial(_bare, http, message),
                partial(_parsed, http, message),
            )
            what = f"CPU per event, {pace}"
            rows += [
                Row(f"{what}, library | bare httpx loop", library, bare, unit="us"),
                Row(f"{what}, library | httpx loop + json.loads", library, parsed, unit="us"),
                Row(f"{what}, whole stdio server | bare httpx loop", server, bare, unit="us"),
            ]
    return rows


async def _library(engine: Engine, order: RunRequest) -> float:
    """Our library: stream and reduction."""
    begun = time.process_time()
    state = await engine.run(order, engine.name(order), lambda state: None)
    return 1e6 * (time.process_time() - begun) / state.events


async def _server(client: Client, pid: int, message: str) -> float:
    begun = cpu_seconds(pid)
    await through_mcp(client, "agent", message)
    # The words; the few events around them are not worth asking for.
    return 1e6 * (cpu_seconds(pid) - begun) / int(message.split(maxsplit=1)[0])


async def _bare(http: httpx.AsyncClient, message: str) -> float:
    begun = time.process_time()
    events = await stream_events(http, "agent", message)
    return 1e6 * (time.process_time() - begun) / events


async def _parsed(http: httpx.AsyncClient, message: str) -> float:
    """The least that a reader of events can do."""
    begun, events, name = time.process_time(), 0, ""
    path = f"/agents/{COMPONENTS['agent']}/runs"
    async with http.stream("POST", path, data=run_form(message, background=True)) as response:
        async for line in response.aiter_lines():
            if line.startswith("data:"):
                name = json.loads(line[5:])["event"]
                events += 1
    if name != "RunCompleted":
        raise Failed(f"A run over REST ended with {name or 'nothing'}.")
    return 1e6 * (time.process_time() - begun) / events
