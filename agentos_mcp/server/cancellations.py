"""Why clients cancel their requests: the reason that a cancellation carries, kept for the request that it ends."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from agentos_mcp.server.sdk_compat import connection_key

_TIMEOUT = re.compile(r"\btimed[ -]?out\b|\btime-?out\b", re.IGNORECASE)
_REASON_SECONDS = 0.1
"""How long a cancelled request waits for the reason, which the SDK hands on a moment after it has cancelled."""


@dataclass
class _Request:
    reason: str = ""
    is_cancelled: anyio.Event = field(default_factory=anyio.Event)


class Cancellations:
    """Middleware for every request and notification: keeps the reasons of cancellations for as long as they matter."""

    def __init__(self) -> None:
        self._requests: dict[Hashable, _Request] = {}
        self._settled = anyio.Event()

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.request_id is None:
            self._note(ctx)
            return await call_next(ctx)
        if ctx.method != "tools/call":
            return await call_next(ctx)
        key = _key(ctx, ctx.request_id)
        request = self._requests[key] = _Request()
        try:
            return await call_next(ctx)
        finally:
            if self._requests.get(key) is request:
                del self._requests[key]
            self._notify()

    async def wait_for_calls(self) -> None:
        """Return once all calls of tools have ended or been cancelled."""
        while not all(request.is_cancelled.is_set() for request in self._requests.values()):
            await self._settled.wait()

    async def is_timeout(self, ctx: ServerRequestContext[Any, Any]) -> bool:
        """Whether a request that its client has cancelled was cancelled for the client's own limit.

        To be awaited in a shielded scope.
        """
        request = self._requests.get(_key(ctx, ctx.request_id))
        if request is None:
            return False
        with anyio.move_on_after(_REASON_SECONDS):
            await request.is_cancelled.wait()
        return _TIMEOUT.search(request.reason) is not None

    def _note(self, ctx: ServerRequestContext[Any, Any]) -> None:
        if ctx.method != "notifications/cancelled":
            return
        params = ctx.params or {}
        if (request := self._requests.get(_key(ctx, params.get("requestId")))) is not None:
            request.reason = str(params.get("reason") or "")
            request.is_cancelled.set()
            self._notify()

    def _notify(self) -> None:
        self._settled.set()
        self._settled = anyio.Event()


def _key(ctx: ServerRequestContext[Any, Any], request_id: object) -> Hashable:
    # Some clients write the number of a request as text.
    return connection_key(ctx), str(request_id)
