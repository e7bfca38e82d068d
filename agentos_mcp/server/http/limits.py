"""What one client may use of a server over HTTP: whole bodies, so many sessions, so many lines of its log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from typing import Any

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 4 * 1024 * 1024
MAX_OPENING = 64 * 1024
"""What opens a session is kept as long as the session is: who the client is, and what it can do."""
MAX_SESSIONS = 1000
SESSION_IDLE_SECONDS = 30 * 60.0
_SESSION = b"mcp-session-id"

log = logging.getLogger(__name__)


class WholeBodies:
    """Passes a request on once its body is there in full; one that never is reaches nobody.

    The SDK has the same limit, and takes a body that breaks off for a fault of the server.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        most = MAX_OPENING if _opens_session(headers) else MAX_BODY
        declared = headers.get("content-length", "0")
        size, parts, more = int(declared) if declared.isdecimal() else 0, bytearray(), True
        while more and max(size, len(parts)) <= most:
            message = await receive()
            if message["type"] != "http.request":
                return
            parts += message.get("body", b"")
            more = message.get("more_body", False)
        if max(size, len(parts)) > most:
            words = f"The request is too large: at most {most // 1024} KiB can be sent at once"
            what = " to open a session, clientInfo and capabilities included." if most == MAX_OPENING else "."
            await PlainTextResponse(words + what, 413)(scope, receive, send)
            return
        body: Message | None = {"type": "http.request", "body": bytes(parts), "more_body": False}
        del parts

        async def whole() -> Message:
            nonlocal body
            if body is None:
                return await receive()
            message, body = body, None
            return message

        await self._app(scope, whole, send)


def _opens_session(headers: Headers) -> bool:
    """Whether a request is none of a session's, and none of 2026-07-28, which has no sessions."""
    if headers.get("mcp-session-id") is not None:
        return False
    version = headers.get("mcp-protocol-version")
    return version is None or version in HANDSHAKE_PROTOCOL_VERSIONS


class SessionLimit:
    """Ends the session that has been idle the longest where there would be too many.

    The SDK refuses new clients then, until sessions expire: anyone could keep all others out.
    """

    def __init__(self, app: ASGIApp, most: int = MAX_SESSIONS) -> None:
        self._app = app
        self._most = most
        self._last_used: dict[str, None] = {}
        """The sessions that are open, those that were used last at the end."""
        self._requests: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value.decode("latin-1") for name, value in scope["headers"] if name == _SESSION), "")
        if given in self._last_used:
            await self._in_session(given, scope, receive, send)
            return
        opened = ""

        async def watched(message: Message) -> None:
            nonlocal opened
            if message["type"] == "http.response.start" and message["status"] < 400 and not given:
                opened = next((value.decode("latin-1") for name, value in message["headers"] if name == _SESSION), "")
                if opened:
                    self._last_used[opened] = None
                    self._requests[opened] += 1
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            if opened:
                self._rest(opened)
        await self._make_room(scope)

    async def _in_session(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        self._requests[session] += 1
        gone = False

        async def watched(message: Message) -> None:
            nonlocal gone
            if message["type"] == "http.response.start":
                gone = message["status"] == 404 or (scope["method"] == "DELETE" and message["status"] < 400)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            self._rest(session)
            if gone:
                self._last_used.pop(session, None)

    def _rest(self, session: str) -> None:
        self._requests[session] -= 1
        if not self._requests[session]:
            del self._requests[session]
        if session in self._last_used:
            del self._last_used[session]
            self._last_used[session] = None

    async def _make_room(self, scope: Scope) -> None:
        while len(self._last_used) > self._most:
            idle = next((session for session in self._last_used if session not in self._requests), None)
            if idle is None:
                return
            del self._last_used[idle]
            log.info("A session was ended to make room for another.")
            await self._end(idle, scope)

    async def _end(self, session: str, scope: Scope) -> None:
        """End a session as its client would."""
        kept = [(name, value) for name, value in scope["headers"] if name == b"host"]
        request = {**scope, "method": "DELETE", "headers": [*kept, (_SESSION, session.encode("latin-1"))]}

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            return None

        await self._app(request, receive, send)


class RepeatedMessages(logging.Filter):
    """Lets each warning or error of one kind be said a few times a minute, then says how many more there were."""

    def __init__(self, most: int = 5, seconds: float = 60.0) -> None:
        super().__init__()
        self._most = most
        self._seconds = seconds
        self._said: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        # Some loggers put what differs into the message itself.
        kind = (record.name, record.lineno, str(record.msg)[:20])
        now = time.monotonic()
        since, count = self._said.get(kind, (now, 0))
        if now - since > self._seconds:
            if (more := count - self._most) > 0:
                record.msg, record.args = f"{record.getMessage()} ({more} more like it were not logged)", ()
            since, count = now, 0
        if len(self._said) > 1000:
            self._said.clear()
        self._said[kind] = (since, count + 1)
        return count < self._most


def say_once_that_files_are_lacking(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An event loop's handler of exceptions: connections that cannot be accepted wait, and asyncio tries again."""
    if str(context.get("message", "")).startswith("socket.accept() out of system resource"):
        log.error("No connection can be accepted for a second: %s (ulimit -n).", context.get("exception"))
    else:
        loop.default_exception_handler(context)
