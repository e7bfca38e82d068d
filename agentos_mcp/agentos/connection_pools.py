"""The connections to one AgentOS: which of them a request may use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import httpx2

STREAMS_PER_POOL = 50
"""A pool looks at each of its connections whenever a request begins or ends, so hundreds of streams need several."""
# uvicorn drops idle connections after 5 s, httpx2's default too: a request sent on one
# that is just being dropped has an unknown fate. So ours go first.
_KEPT_ALIVE = httpx2.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=2.0)
_USED_ONCE = httpx2.Limits(max_connections=None, max_keepalive_connections=0)


@dataclass(eq=False)
class StreamPool:
    """One of several pools for streams. Its context is open as long as one of its streams is, once for each.

    All but the first go with their last stream: they have no connection left then that would have to be closed.
    """

    client: httpx2.AsyncClient
    pools: list[StreamPool]
    streams: int = 0
    """Those that are open."""

    def __enter__(self) -> httpx2.AsyncClient:
        self.streams += 1
        return self.client

    def __exit__(self, *_: object) -> None:
        self.streams -= 1
        if not self.streams and self is not self.pools[0]:
            self.pools.remove(self)


class ConnectionPools:
    """Pools of connections. `open_client` makes the client of one; it is called once here, so it may raise."""

    def __init__(self, open_client: Callable[[httpx2.Limits], httpx2.AsyncClient]) -> None:
        self._open_client = open_client
        self.shared = open_client(_KEPT_ALIVE)
        """For most requests, and for the first streams, which can use the connections again that those have left."""
        self._used_once: httpx2.AsyncClient | None = None
        self._for_streams: list[StreamPool] = []
        self._for_streams.append(StreamPool(self.shared, self._for_streams))

    @property
    def used_once(self) -> httpx2.AsyncClient:
        """For the requests that a balancer is to give to any worker: each has a connection of its own."""
        if self._used_once is None:
            self._used_once = self._open_client(_USED_ONCE)
        return self._used_once

    def for_stream(self) -> StreamPool:
        """A pool with room for one more stream; its context is to be opened at once."""
        pool = next((pool for pool in self._for_streams if pool.streams < STREAMS_PER_POOL), None)
        if pool is None:
            pool = StreamPool(self._open_client(_USED_ONCE), self._for_streams)
            self._for_streams.append(pool)
        return pool

    async def aclose(self) -> None:
        clients = [pool.client for pool in self._for_streams]
        for client in [*clients, self._used_once] if self._used_once is not None else clients:
            await client.aclose()
