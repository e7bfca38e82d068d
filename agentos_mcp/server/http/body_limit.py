"""How large a request's body may be."""

from __future__ import annotations

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_INITIALIZE_BYTES = 64 * 1024
"""What opens a session is kept as long as the session is: who the client is, and what it can do."""


class BodyLimit:
    """ASGI middleware that passes a request on once its body is complete, and refuses one that is too large (413).

    The SDK has the same limit, and takes a body that breaks off for a fault of the server.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        max_bytes = MAX_INITIALIZE_BYTES if _opens_session(headers) else MAX_BODY_BYTES
        declared = headers.get("content-length", "0")
        declared_bytes, body, is_incomplete = int(declared) if declared.isdecimal() else 0, bytearray(), True
        while is_incomplete and max(declared_bytes, len(body)) <= max_bytes:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message.get("body", b"")
            is_incomplete = message.get("more_body", False)
        if max(declared_bytes, len(body)) > max_bytes:
            text = f"The request is too large: at most {max_bytes // 1024} KiB can be sent at once"
            suffix = " to open a session, clientInfo and capabilities included." if _opens_session(headers) else "."
            await PlainTextResponse(text + suffix, 413)(scope, receive, send)
            return
        complete: Message | None = {"type": "http.request", "body": bytes(body), "more_body": False}
        del body

        async def receive_complete() -> Message:
            nonlocal complete
            if complete is None:
                return await receive()
            message, complete = complete, None
            return message

        await self._app(scope, receive_complete, send)


def _opens_session(headers: Headers) -> bool:
    """Whether a request is none of a session's, and none of 2026-07-28, which has no sessions."""
    if headers.get("mcp-session-id") is not None:
        return False
    version = headers.get("mcp-protocol-version")
    return version is None or version in HANDSHAKE_PROTOCOL_VERSIONS
