"""Tells a client that another day has begun since it was introduced, which told it the date."""

from __future__ import annotations

from datetime import date
from typing import Any
from weakref import WeakKeyDictionary

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from agentos_mcp.agentos.timestamps import local_now
from agentos_mcp.server.introduction import describe_time
from agentos_mcp.server.sdk_compat import connection_of


class DayNotices:
    """Middleware: adds the date to the first result of a tool on each later day than the client was introduced on.

    A client over stdio is the only one of its server; over HTTP a session has a day of its own. Without a session
    nothing says that two requests are one client's, and it is not told.
    """

    def __init__(self) -> None:
        self._last_days: WeakKeyDictionary[object, date] = WeakKeyDictionary()

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        result = await call_next(ctx)
        client = self._client_of(ctx)
        if client is None:
            return result
        now = local_now()
        if ctx.method in {"initialize", "server/discover"}:
            self._last_days[client] = now.date()
        elif (
            ctx.method == "tools/call"
            and isinstance(result, dict)
            and isinstance(content := result.get("content"), list)
            and self._last_days.get(client, now.date()) != now.date()
        ):
            self._last_days[client] = now.date()
            return {**result, "content": [*content, {"type": "text", "text": f"It is now {describe_time(now)}."}]}
        return result

    def _client_of(self, ctx: ServerRequestContext[Any, Any]) -> object | None:
        if ctx.request is None:
            return self
        return None if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS else connection_of(ctx)
