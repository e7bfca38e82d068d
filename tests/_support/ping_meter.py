"""How long another caller waits while an attack goes on: pings, one after the other, and the longest wait."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from mcp_types import EmptyResult, PingRequest

from tests._support.mcp_client import Peer


@dataclass
class PingMeter:
    """The waits of all pings so far, in seconds; one that is still unanswered counts with what it has waited."""

    waits: list[float] = field(default_factory=list)
    pending_since: float | None = None

    @property
    def longest(self) -> float:
        pending = time.monotonic() - self.pending_since if self.pending_since is not None else 0.0
        return max([*self.waits, pending])

    async def more(self, count: int) -> None:
        """Return once so many more pings were answered."""
        enough = len(self.waits) + count
        while len(self.waits) < enough:  # noqa: ASYNC110 - the meter is read more often than it is waited for
            await anyio.sleep(0.01)


@asynccontextmanager
async def ping_meter(
    ping: Callable[[], Awaitable[object]], *, interval_seconds: float = 0.02
) -> AsyncIterator[PingMeter]:
    """Ping again and again while the context is open; the meter can be read inside and afterwards."""
    meter = PingMeter()

    async def ping_repeatedly() -> None:
        while True:
            started = meter.pending_since = time.monotonic()
            await ping()
            meter.waits.append(time.monotonic() - started)
            meter.pending_since = None
            await anyio.sleep(interval_seconds)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ping_repeatedly)
        yield meter
        tasks.cancel_scope.cancel()
    if meter.pending_since is not None:
        meter.waits.append(time.monotonic() - meter.pending_since)
        meter.pending_since = None


LONGEST_WAIT = 1.0


def ping_of(peer: Peer) -> Callable[[], Awaitable[object]]:
    """A ping of the legacy era: the client's own way warns that the modern one has none."""
    return lambda: peer.client.session.send_request(PingRequest(), EmptyResult)
