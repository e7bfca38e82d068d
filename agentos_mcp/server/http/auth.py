"""What stands in front of MCP over HTTP: who is let through, and the health check for everyone."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Collection

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_mcp.agentos.errors import Unauthorized
from agentos_mcp.agentos.plain_text import strip_control_chars
from agentos_mcp.server.http.health import HEALTH, READY, Health
from agentos_mcp.settings import Token

_DISCOVERY = "/.well-known/"
"""Where clients look for ways to get a token. There are none, and "not found" says so better than "unauthorized"."""
_SHOWN_HOST = 100

logger = logging.getLogger(__name__)


class TokenAuth:
    """An ASGI application in front of another one: it asks for the token, if there is one, and for a name it knows."""

    def __init__(self, app: ASGIApp, token: Token | None, names: Collection[str], health: Health) -> None:
        self._app = app
        self._health = health
        self._token = token
        self._names = names
        self._told = ""
        """What was logged of the token file, so that it is said once."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._answer(scope) if scope["type"] == "http" else None
        await (answer or self._app)(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response | None:
        path: str = scope["path"]
        if path in {HEALTH, READY}:
            # No name is asked for here: those who check health call by address.
            return await self._health.answer(scope)
        if path.startswith(_DISCOVERY):
            return PlainTextResponse("Not Found", 404)
        if self._token is not None and not self._brings(scope, self._token):
            words = "This server asks for a token: send it as 'Authorization: Bearer <token>'."
            return JSONResponse(
                {"error": "invalid_token", "error_description": words}, 401, {"www-authenticate": "Bearer"}
            )
        host = _normal(",".join(_values(scope, b"host")))
        # The SDK compares it too, as it is written.
        scope["headers"] = [(name, host.encode("latin-1") if name == b"host" else it) for name, it in scope["headers"]]
        if host not in self._names and _without_port(host) not in self._names:
            logger.warning("A call for %r was refused; --allow-host would let it in.", host[:_SHOWN_HOST])
            name = strip_control_chars(_without_port(host)[:_SHOWN_HOST])
            return PlainTextResponse(
                f"This server does not answer to {host[:_SHOWN_HOST]!r}. "
                f"If that is its name, start it with --allow-host {name}",
                421,
            )
        return None

    def _brings(self, scope: Scope, token: Token) -> bool:
        given = _values(scope, b"authorization")
        scheme, _, brought = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        try:
            expected = token()
        except Unauthorized as error:
            # A file that holds no good token (any more) lets nobody in.
            if error.message != self._told:
                self._told = error.message
                logger.error("Nobody is let in. %s", error.message)
            return False
        self._told = ""
        if scheme.lower() != "bearer" or not expected:
            return False
        return hmac.compare_digest(brought.strip().encode(), expected.encode())


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for header, value in scope["headers"] if header == name]


def _normal(host: str) -> str:
    """A host as names are compared: in lower case, and without the dot at the end of a full name."""
    name, colon, port = host.lower().rpartition(":")
    if colon and port.isdecimal():
        return f"{name.removesuffix('.')}:{port}"
    return host.lower().removesuffix(".")


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name if port.isdecimal() else host
