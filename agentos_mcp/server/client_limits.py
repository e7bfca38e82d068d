"""What one client may ask of a server at once, and what it may leave behind."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR

MAX_REQUESTS_PER_SESSION = 50
MAX_REQUESTS = 1000
"""Of all sessions together."""
MAX_URI_LENGTH = 2000
"""Characters of a URI that a client subscribes to."""
MAX_SUBSCRIPTIONS_PER_CLIENT = 200
MAX_SUBSCRIPTIONS = 2000
MAX_LISTEN_STREAMS = 500
MAX_BUFFERED_EVENTS = 256
"""Of one stream, for a client that does not read."""


class ClientLimits:
    """Middleware for every request: refuses those beyond the limits.

    A session's requests go on when their connection is closed, so the limits on connections do not
    hold them. A request of 2026-07-28 ends with its connection.
    """

    def __init__(self) -> None:
        self._requests_by_session: Counter[str] = Counter()

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        session = ctx.request.headers.get("mcp-session-id") if ctx.request is not None else None
        if session is None or ctx.request_id is None:
            return await call_next(ctx)
        requests = self._requests_by_session
        if requests[session] >= MAX_REQUESTS_PER_SESSION:
            raise MCPError(
                INTERNAL_ERROR,
                f"This session has {MAX_REQUESTS_PER_SESSION} requests that are not answered yet. Wait until some are.",
            )
        if requests.total() >= MAX_REQUESTS:
            raise MCPError(INTERNAL_ERROR, "This server is serving as many requests as it can. Try again in a moment.")
        requests[session] += 1
        try:
            return await call_next(ctx)
        finally:
            requests[session] -= 1
            if not requests[session]:
                del requests[session]
