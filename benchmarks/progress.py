"""From a run's first event on the wire to the first progress notification at the client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from agentos_mcp.agentos.runs.run import Kind
from benchmarks.stage import Failed, Progress, agentos, connected, our_server, through_mcp
from benchmarks.table import Row

ROUNDS = 15
BAR_MS = 50.0
MESSAGE = "10 0.3"


class Relay:
    """Forwards connections to an AgentOS and notes when the first event of a stream passed."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 0
        self.first_event = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection(self._host, self._port)
        await asyncio.gather(self._forward(reader, requests), self._forward(answers, writer), return_exceptions=True)

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
async def relayed(url: str) -> AsyncIterator[tuple[Relay, str]]:
    relay = Relay(url)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    try:
        yield relay, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def measure(rounds: int) -> list[Row]:
    rows = []
    kinds: tuple[Kind, ...] = ("agent", "workflow")
    with agentos() as url:
        async with relayed(url) as (relay, through_relay), connected(our_server(through_relay)) as client:
            for kind in kinds:
                delays = []
                for number in range(rounds + 1):
                    relay.first_event, progress = 0.0, Progress()
                    await through_mcp(client, kind, MESSAGE, progress)
                    if not (relay.first_event and progress.first):
                        raise Failed(f"A run of the {kind} sent no event, or no progress.")
                    if number:
                        delays.append(1000 * (progress.first - relay.first_event))
                rows.append(Row(f"first event to first progress, {kind}", delays, unit="ms", most=BAR_MS))
    return rows
