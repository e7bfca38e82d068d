"""A TCP balancer: each connection goes to the next of several servers that takes one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import anyio
from anyio.abc import SocketAttribute, SocketStream


@dataclass
class Balancer:
    """What takes the connections, and how many each server has been given."""

    targets: Sequence[str]
    url: str = ""
    given: list[int] = field(default_factory=list)
    _turn: int = 0

    async def connect(self) -> SocketStream | None:
        """A connection to the next server that takes one; None where none does."""
        for _ in self.targets:
            number = self._turn
            self._turn = (number + 1) % len(self.targets)
            target = urlsplit(self.targets[number])
            try:
                stream = await anyio.connect_tcp(target.hostname or "", target.port or 80)
            except OSError:
                continue
            self.given[number] += 1
            return stream
        return None


@asynccontextmanager
async def balancer_of(*targets: str) -> AsyncIterator[Balancer]:
    """A balancer of the servers at these URLs, on a free port."""
    balancer = Balancer(targets, given=[0] * len(targets))

    async def handle(client: SocketStream) -> None:
        async with client:
            server = await balancer.connect()
            if server is None:
                return
            async with server, anyio.create_task_group() as tasks:
                tasks.start_soon(_copy, client, server, tasks.cancel_scope)
                await _copy(server, client, tasks.cancel_scope)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - anyio's, not Django's
    balancer.url = f"http://127.0.0.1:{port}"
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield balancer
        tasks.cancel_scope.cancel()


async def _copy(source: SocketStream, target: SocketStream, scope: anyio.CancelScope) -> None:
    try:
        async for chunk in source:
            await target.send(chunk)
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        pass
    scope.cancel()
