"""What one client may ask of a server at once, and what it may leave behind."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR

REQUESTS_OF_SESSION = 50
REQUESTS_OF_SESSIONS = 1000
MAX_URI = 2000
"""Characters of a URI that a client subscribes to."""
SUBSCRIPTIONS_OF_CLIENT = 200
SUBSCRIPTIONS = 2000
LISTENERS = 500
WAITING_EVENTS = 256


class ClientLimits:
    """Middleware for every request: refuses what is too much.

    A session's requests go on when their connection is closed, so the limits on connections do not
    hold them. A request of 2026-07-28 ends with its connection.
    """

    def __init__(self) -> None:
        self._requests: Counter[str] = Counter()

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        session = ctx.request.headers.get("mcp-session-id") if ctx.request is not None else None
        if session is None or ctx.request_id is None:
            return await call_next(ctx)
        if self._requests[session] >= REQUESTS_OF_SESSION:
            raise MCPError(
                INTERNAL_ERROR,
                f"{REQUESTS_OF_SESSION} requests of this session are going on. Wait until some of them have ended.",
            )
        if self._requests.total() >= REQUESTS_OF_SESSIONS:
            raise MCPError(INTERNAL_ERROR, "This server is serving as many requests as it can. Try again in a moment.")
        self._requests[session] += 1
        try:
            return await call_next(ctx)
        finally:
            self._requests[session] -= 1
            if not self._requests[session]:
                del self._requests[session]
