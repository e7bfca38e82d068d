"""How many calls are taken up at the same time.

Calls that come together would all advance by small steps in rotation: the first would reach AgentOS only when the last
has been read, and AgentOS would have nothing to do until then. So each is taken up, read and sent on before the next.
"""

from __future__ import annotations

import asyncio
from collections import deque

from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_mcp.agentos.first_wait import FirstWait

MAX_ADMITTED = 4
"""More than one, so that there is something to do while one of them connects to AgentOS."""
ADMITTED_SECONDS = 0.05
"""How long a call keeps others out that neither waits for AgentOS nor is answered: it may wait for a connection."""


class Admission:
    """ASGI middleware that admits POSTs one after another, in the order in which they came.

    One that is answered, or waits for AgentOS, no longer counts. All that is admitted is served at the same time.
    """

    def __init__(
        self, app: ASGIApp, max_admitted: int = MAX_ADMITTED, admitted_seconds: float = ADMITTED_SECONDS
    ) -> None:
        self._app = app
        self._free = max_admitted
        self._admitted_seconds = admitted_seconds
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") != "POST":
            await self._app(scope, receive, send)
            return
        await self._wait_for_room()
        place = _Place(self)
        timer = asyncio.get_running_loop().call_later(self._admitted_seconds, place.leave)
        try:
            with FirstWait(place.leave):
                await self._app(scope, receive, send)
        finally:
            timer.cancel()
            place.leave()

    async def _wait_for_room(self) -> None:
        if self._free:
            self._free -= 1
            return
        room = asyncio.get_running_loop().create_future()
        self._waiting.append(room)
        try:
            await room
        except asyncio.CancelledError:
            if room.done() and not room.cancelled():
                self.make_room()
            raise

    def make_room(self) -> None:
        """Admit the next call: one that was admitted counts no longer."""
        while self._waiting:
            room = self._waiting.popleft()
            if not room.done():
                room.set_result(None)
                return
        self._free += 1


class _Place:
    """The place of one call among those that are admitted."""

    def __init__(self, admission: Admission) -> None:
        self._admission: Admission | None = admission

    def leave(self) -> None:
        """Make room for another call, once."""
        if self._admission is not None:
            admission, self._admission = self._admission, None
            admission.make_room()
