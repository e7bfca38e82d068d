"""The names by which clients may call this server, and the web pages that may (DNS rebinding protection).

A page in a browser can have its own name resolved to this server's address, but it cannot make the browser send
another `Host` or `Origin` than its own. The SDK has such a check too; it is turned off, since it compares names as they
are written and does not say what would let a caller in.
"""

from __future__ import annotations

import logging

from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_mcp.agentos.log_format import Loggable
from agentos_mcp.agentos.plain_text import strip_control_chars
from agentos_mcp.server.http.settings import HttpSettings

SDK_CHECK_OFF = TransportSecuritySettings(enable_dns_rebinding_protection=False)
_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
_MAX_SHOWN = 100
"""Characters of a header that an answer or the log repeats."""

log = logging.getLogger(__name__)


class HostCheck:
    """ASGI middleware that refuses requests to other names than this server's (421), and from other pages (403)."""

    def __init__(self, app: ASGIApp, settings: HttpSettings) -> None:
        self._app = app
        own = f"[{settings.host}]" if ":" in settings.host else settings.host
        self._names = {*_LOCAL_NAMES, *settings.allow_hosts} | (set() if settings.listens_everywhere else {own})
        self._origins = set(settings.allow_origins)
        self._local_origins = {f"http://{name}" for name in _LOCAL_NAMES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        host = _normalize(_header(scope, b"host"))
        if host not in self._names and _without_port(host) not in self._names:
            log.warning("A request to %r was refused; --allow-host would let it in.", Loggable(host[:_MAX_SHOWN]))
            name = strip_control_chars(_without_port(host)[:_MAX_SHOWN])
            return PlainTextResponse(
                f"This server does not answer to {host[:_MAX_SHOWN]!r}. "
                f"If that is its name, start it with --allow-host {name}",
                421,
            )
        origin = _header(scope, b"origin")
        if origin and origin not in self._origins and _without_port(origin) not in self._local_origins:
            log.warning(
                "A request of the page %r was refused; --allow-origin would let it in.", Loggable(origin[:_MAX_SHOWN])
            )
            text = f"Pages of {origin[:_MAX_SHOWN]!r} may not call this server."
            if "://" in origin:
                text += f" If they should, start it with --allow-origin {strip_control_chars(origin[:_MAX_SHOWN])}"
            return PlainTextResponse(text, 403)
        return None


def _header(scope: Scope, name: bytes) -> str:
    """Its values joined by commas, as HTTP has it: two of them are never one that is allowed."""
    return ",".join(value.decode("latin-1") for header, value in scope["headers"] if header == name)


def _normalize(host: str) -> str:
    """A host as names are compared: in lower case, and without the dot at the end of a full name."""
    name, colon, port = host.lower().rpartition(":")
    if colon and port.isdecimal():
        return f"{name.removesuffix('.')}:{port}"
    return host.lower().removesuffix(".")


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name if port.isdecimal() else host
