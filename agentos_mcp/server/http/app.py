"""Streamable HTTP: `/mcp` for both protocol eras, `/health` and `/ready` for load balancers and monitoring."""

from __future__ import annotations

import asyncio
import logging
import socket
from types import FrameType
from typing import TYPE_CHECKING

import anyio
import uvicorn
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_mcp.server.http.admission import Admission
from agentos_mcp.server.http.auth import TokenAuth
from agentos_mcp.server.http.body_limit import MAX_BODY_BYTES, BodyLimit
from agentos_mcp.server.http.connections import (
    ACCEPT_BATCH,
    LISTEN_BACKLOG,
    ConnectionGuard,
    ConnectionLimits,
    possible_connections,
)
from agentos_mcp.server.http.health import HealthEndpoints
from agentos_mcp.server.http.host_check import SDK_CHECK_OFF, HostCheck
from agentos_mcp.server.http.listener import open_listener
from agentos_mcp.server.http.log_limit import RepeatedMessageFilter, log_accept_errors
from agentos_mcp.server.http.open_requests import OpenRequests
from agentos_mcp.server.http.session_limit import MAX_SESSIONS, SESSION_IDLE_SECONDS, SessionLimit
from agentos_mcp.server.http.settings import HttpSettings
from agentos_mcp.server.mcp_server import AgentOSServer

if TYPE_CHECKING:
    from agentos_mcp.server.http.instance_identities import Identities

PATH = "/mcp"
_CORS_HEADERS = (
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
    def __init__(
        self, config: uvicorn.Config, server: AgentOSServer, requests: OpenRequests, grace_seconds: float
    ) -> None:
        super().__init__(config)
        self._agentos_server = server
        self._requests = requests
        self._grace_seconds = grace_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._answering: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(log_accept_errors)
        await super().startup(sockets)
        # asyncio accepts as many at once as may wait, before any of them is seen: let more wait than it accepts.
        for listener in sockets or ():
            listener.listen(LISTEN_BACKLOG)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop: at once where it was told before, else once the calls have answered, or the grace period is over."""
        # Requests that are cut off now log tracebacks; being stopped is no fault.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        if self._answering is not None or self._loop is None:
            super().handle_exit(sig, frame)
        else:
            self._loop.call_soon_threadsafe(self._begin_to_answer, sig)

    def _begin_to_answer(self, sig: int) -> None:
        if self._answering is None:
            self._answering = asyncio.get_running_loop().create_task(self._answer_and_exit(sig))

    async def _answer_and_exit(self, sig: int) -> None:
        try:
            with anyio.move_on_after(self._grace_seconds):
                await self._agentos_server.answer_calls()
                # From here on the SDK's streams are cut off, also where an answer is on its way.
                await self._requests.wait_for_answers()
        finally:
            super().handle_exit(sig, None)


def open_socket(host: str, port: int) -> socket.socket:
    """The listening socket for clients; port 0 takes a free one. Raises SettingsError where it can't be had."""
    return open_listener(host, port, "--port")


def address(listener: socket.socket) -> str:
    """Where clients on this machine connect: `http://127.0.0.1:7800/mcp`."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - only to tell it from others
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{PATH}"


def announcement(settings: HttpSettings, listener: socket.socket) -> str:
    """What the person who starts it reads: where it is, and who else can call it."""
    serving = f"Serving MCP at {address(listener)}"
    if settings.is_local:
        return serving
    where = "on every address of this machine" if settings.listens_everywhere else f"on {settings.host}"
    if settings.oauth_issuer:
        return f"Open {where} to those whom {settings.oauth_issuer} signs in.\n{serving}"
    if settings.token is None:
        return f"Open {where} without a token (--no-http-auth): whoever can connect can use it.\n{serving}"
    return f"Open {where} to clients that send the token.\n{serving}"


async def serve_http(
    server: AgentOSServer,
    listener: socket.socket,
    settings: HttpSettings | None = None,
    identities: Identities | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; then calls answer with where they stand, and it ends within about a second.

    What has not answered is waited for as long as the settings say, and then cut off.
    """
    settings = settings or HttpSettings()
    max_connections = possible_connections(settings.max_connections)
    limits = ConnectionLimits(total=max_connections, per_address=max(max_connections // 2, 1))
    for handler in logging.getLogger().handlers:
        handler.addFilter(RepeatedMessageFilter())
    guard = ConnectionGuard(limits)
    server.open_counts["open_connections"] = ("Connections of clients.", lambda: guard.count)
    requests = OpenRequests()
    config = uvicorn.Config(
        application(server, settings, identities, requests),
        http=guard.protocol(),
        backlog=ACCEPT_BATCH,
        timeout_keep_alive=limits.idle_seconds,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        lifespan="on",
        ws="none",
    )
    await _Uvicorn(config, server, requests, settings.grace_seconds).serve(sockets=[listener])


def application(
    server: AgentOSServer,
    settings: HttpSettings,
    identities: Identities | None = None,
    requests: OpenRequests | None = None,
) -> ASGIApp:
    """What each request goes through, from the outside in.

    `identities` are those that the server was built with; `requests` is to know those that are open.
    """
    mcp = server.streamable_http_app(
        streamable_http_path=PATH,
        transport_security=SDK_CHECK_OFF,
        max_request_body_size=MAX_BODY_BYTES,
        session_idle_timeout=SESSION_IDLE_SECONDS,
        # Sessions that are opened in the same moment are counted together once they are there.
        max_sessions=2 * MAX_SESSIONS,
    )

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        # Without the router and the error pages of Starlette: each call that is open would hold eight of their frames.
        if scope["type"] == "http" and scope["path"] == PATH:
            await server.session_manager.handle_request(scope, receive, send)
        else:
            await mcp(scope, receive, send)

    sessions, requests = SessionLimit(endpoint), requests or OpenRequests()
    server.open_counts["open_sessions"] = ("Sessions of clients of 2025-11-25 and earlier.", lambda: sessions.count)
    server.open_counts["open_streams"] = ("Answers to clients that are streamed now.", lambda: requests.stream_count)
    served: ASGIApp = BodyLimit(requests.watch(Admission(sessions)))
    if identities is not None:
        from agentos_mcp.server.http.caller_gate import CallerGate

        served = CallerGate(served, identities)
    served = HostCheck(served, settings)
    checked: ASGIApp = TokenAuth(served, settings.token)
    if settings.oauth_issuer:
        from agentos_mcp.server.http.identity_modes import build_verifier
        from agentos_mcp.server.http.oauth import OAuthGate

        checked = OAuthGate(served, build_verifier(settings), settings.resource_url)
    app = HealthEndpoints(checked, server)
    if not settings.allow_origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=settings.allow_origins,
        allow_methods=("GET", "POST", "DELETE"),
        allow_headers=(*_CORS_HEADERS, *(identities.headers if identities is not None else ())),
        expose_headers=("mcp-session-id",),
    )
