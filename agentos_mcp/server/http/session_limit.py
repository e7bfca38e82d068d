"""How many sessions of legacy clients are open at once."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_SESSIONS = 1000
SESSION_IDLE_SECONDS = 30 * 60.0
_SESSION_HEADER = b"mcp-session-id"

log = logging.getLogger(__name__)


class SessionLimit:
    """ASGI middleware that ends the session that has been idle the longest where there would be too many.

    The SDK refuses new clients then, until sessions expire: anyone could keep all others out.
    """

    def __init__(self, app: ASGIApp, max_sessions: int = MAX_SESSIONS) -> None:
        self._app = app
        self._max_sessions = max_sessions
        self._last_used: dict[str, None] = {}
        """The open sessions, the one used last at the end. The values mean nothing."""
        self._requests: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """How many sessions are open."""
        return len(self._last_used)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        session = _session_id(scope)
        if session in self._last_used:
            await self._serve_session(session, scope, receive, send)
            return
        opened = ""

        async def send_and_note(message: Message) -> None:
            nonlocal opened
            if message["type"] == "http.response.start" and message["status"] < 400 and not session:
                opened = _session_id(message)
                if opened:
                    self._last_used[opened] = None
                    self._requests[opened] += 1
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            if opened:
                self._end_request(opened)
        await self._make_room(scope)

    async def _serve_session(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        self._requests[session] += 1
        is_gone = False

        async def send_and_note(message: Message) -> None:
            nonlocal is_gone
            if message["type"] == "http.response.start":
                is_gone = message["status"] == 404 or (scope["method"] == "DELETE" and message["status"] < 400)
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            self._end_request(session)
            if is_gone:
                self._last_used.pop(session, None)

    def _end_request(self, session: str) -> None:
        self._requests[session] -= 1
        if not self._requests[session]:
            del self._requests[session]
        if session in self._last_used:
            del self._last_used[session]
            self._last_used[session] = None

    async def _make_room(self, scope: Scope) -> None:
        while len(self._last_used) > self._max_sessions:
            idle = next((session for session in self._last_used if session not in self._requests), None)
            if idle is None:
                return
            del self._last_used[idle]
            log.info("A session was ended to make room for another.")
            await self._end_session(idle, scope)

    async def _end_session(self, session: str, scope: Scope) -> None:
        """End a session as its client would."""
        request = {**scope, "method": "DELETE", "headers": [(_SESSION_HEADER, session.encode("latin-1"))]}

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            return None

        await self._app(request, receive, send)


def _session_id(message: Mapping[str, Any]) -> str:
    """From the headers of a request or an answer; '' where it has none."""
    return next((value.decode("latin-1") for name, value in message["headers"] if name == _SESSION_HEADER), "")
