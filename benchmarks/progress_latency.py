"""The time from a run's first event on the wire to the first progress notification at the client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from agentos_mcp.agentos.runs.run import Kind
from benchmarks.harness import BenchmarkError, FirstProgress, agentos_mcp_server, connect, run_agentos, run_over_mcp
from benchmarks.results import Row

ROUNDS = 8
MAX_MILLISECONDS = 50.0
MESSAGE = "10 0.3"


class Relay:
    """Forwards connections to an AgentOS and records when the first event of a stream passes."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 0
        self.first_event = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        responses, requests = await asyncio.open_connection(self._host, self._port)
        await asyncio.gather(self._forward(reader, requests), self._forward(responses, writer), return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if not self.first_event and b"event: " in data:
                    self.first_event = time.perf_counter()
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def run_relay(url: str) -> AsyncIterator[tuple[Relay, str]]:
    relay = Relay(url)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    try:
        yield relay, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def measure(rounds: int) -> list[Row]:
    rows = []
    kinds: tuple[Kind, ...] = ("agent", "workflow")
    with run_agentos() as url:
        async with run_relay(url) as (relay, relay_url), connect(agentos_mcp_server(relay_url)) as client:
            for kind in kinds:
                delays = []
                for number in range(rounds + 1):
                    relay.first_event, progress = 0.0, FirstProgress()
                    await run_over_mcp(client, kind, MESSAGE, progress)
                    if not (relay.first_event and progress.time):
                        raise BenchmarkError(f"A run of the {kind} sent no event, or no progress.")
                    if number:
                        delays.append(1000 * (progress.time - relay.first_event))
                rows.append(
                    Row(f"first event to first progress, {kind}", delays, unit="ms", max_value=MAX_MILLISECONDS)
                )
    return rows
