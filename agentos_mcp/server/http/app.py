"""Streamable HTTP: `/mcp` for both protocol eras, `/health` and `/ready` for those who watch over it."""

from __future__ import annotations

import asyncio
import logging
import socket
from types import FrameType

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from agentos_mcp.server.http.auth import TokenAuth
from agentos_mcp.server.http.connections import (
    ACCEPTED_AT_ONCE,
    WAITING_IN_THE_SYSTEM,
    ConnectionGuard,
    ConnectionLimits,
    connections_possible,
)
from agentos_mcp.server.http.health import Health
from agentos_mcp.server.http.limits import (
    MAX_BODY,
    MAX_SESSIONS,
    SESSION_IDLE_SECONDS,
    RepeatedMessages,
    SessionLimit,
    WholeBodies,
    say_once_that_files_are_lacking,
)
from agentos_mcp.server.http.settings import HttpSettings
from agentos_mcp.server.mcp_server import AgentOSServer
from agentos_mcp.settings import SettingsError

PATH = "/mcp"
_OURSELVES = ("127.0.0.1", "localhost", "[::1]")
_ASKED_BY_PAGES = (
    "accept",
    "authorization",
    "content-type",
    "last-event-id",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
)


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, server: AgentOSServer) -> None:
        super().__init__(config)
        self._agentos_server = server

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_exception_handler(say_once_that_files_are_lacking)
        await super().startup(sockets)
        # asyncio takes as many at once as may wait, before any of them is seen: more may wait than are taken.
        for listener in sockets or ():
            listener.listen(WAITING_IN_THE_SYSTEM)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._agentos_server.leave()
        # What is cut off now complains with tracebacks; being stopped is no fault.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        super().handle_exit(sig, frame)


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises SettingsError where it can't be had."""
    try:
        return socket.create_server(
            (host, port),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=128,
            dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6(),
        )
    except (OSError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) else "ports go from 0 to 65535"
        raise SettingsError(
            f"--port {port} cannot be used: {why} (on {host}). Use another one, or 0 for a free one."
        ) from None


def address(listener: socket.socket) -> str:
    """Where clients on this machine connect: `http://127.0.0.1:7800/mcp`."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - only to tell it from others
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{PATH}"


def announcement(settings: HttpSettings, listener: socket.socket) -> str:
    """What the person who starts it is told: where it is, and who else can get there."""
    serving = f"Serving MCP at {address(listener)}"
    if settings.local:
        return serving
    where = "on every address of this machine" if settings.everywhere else f"on {settings.host}"
    if settings.token is None:
        return f"Open {where}, and no token is asked for (--no-http-auth): whoever gets here can run it.\n{serving}"
    return f"Open {where} to clients that send the token.\n{serving}"


async def serve_http(server: AgentOSServer, listener: socket.socket, settings: HttpSettings | None = None) -> None:
    """Serve until SIGINT or SIGTERM, then end within about a second."""
    settings = settings or HttpSettings()
    most = connections_possible(settings.max_connections)
    limits = ConnectionLimits(total=most, per_address=max(most // 2, 1))
    for handler in logging.getLogger().handlers:
        handler.addFilter(RepeatedMessages())
    config = uvicorn.Config(
        _application(server, settings),
        http=ConnectionGuard(limits).protocol(),
        backlog=ACCEPTED_AT_ONCE,
        timeout_keep_alive=limits.idle,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        lifespan="on",
        ws="none",
    )
    await _Uvicorn(config, server).serve(sockets=[listener])


def _application(server: AgentOSServer, settings: HttpSettings) -> ASGIApp:
    names = _names(settings)
    security = TransportSecuritySettings(
        allowed_hosts=_any_port(names),
        allowed_origins=[*_any_port([f"http://{name}" for name in _OURSELVES]), *settings.allow_origins],
    )
    mcp = server.streamable_http_app(
        streamable_http_path=PATH,
        transport_security=security,
        max_request_body_size=MAX_BODY,
        session_idle_timeout=SESSION_IDLE_SECONDS,
        # Sessions that are opened in the same moment are counted together once they are there.
        max_sessions=2 * MAX_SESSIONS,
    )
    app = TokenAuth(WholeBodies(SessionLimit(mcp)), settings.token, names, Health(server))
    if not settings.allow_origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=settings.allow_origins,
        allow_methods=("GET", "POST", "DELETE"),
        allow_headers=_ASKED_BY_PAGES,
        expose_headers=("mcp-session-id",),
    )


def _names(settings: HttpSettings) -> list[str]:
    """The names that this server answers to.

    A page in a browser can have its own name resolved to this server's address (DNS rebinding), but
    it cannot make the browser send another name than its own.
    """
    own = f"[{settings.host}]" if ":" in settings.host else settings.host
    return [*_OURSELVES, *([] if settings.everywhere or own in _OURSELVES else [own]), *settings.allow_hosts]


def _any_port(places: list[str]) -> list[str]:
    return [form for place in places for form in (place, f"{place}:*")]
