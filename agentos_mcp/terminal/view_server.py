"""Serves one live view to one browser on this machine, until its run has ended.

The page's address holds a secret that works once; the page itself holds another one, with which it reads its data. So
neither a second browser, nor another page (by its requests, or by a name that it points at 127.0.0.1), nor another user
of this machine gets anything.
"""

from __future__ import annotations

import hmac
import secrets
import socket
from collections.abc import Callable
from typing import Any

import anyio
import uvicorn
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.task_groups import unwrapped_task_group
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.views.content import ViewContent
from agentos_mcp.views.page import build_page, content_security_policy
from agentos_mcp.views.view_reader import ViewReader, ViewSubject, error_data, view_data

KEY_HEADER = "x-agentos-view"
_GRACE_SECONDS = 5.0
"""How long a page may take to read the end of its run."""
_WATCH_SECONDS = 0.5
_FIRST_PAUSE_SECONDS = 0.5
_MAX_PAUSE_SECONDS = 30.0
"""Between two attempts to read an AgentOS that does not answer; each pause is twice as long as the last one."""
_SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"{content_security_policy(may_connect=True)}; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


async def serve_view(
    ctx: ToolContext,
    reader: ViewReader,
    subject: ViewSubject,
    content: ViewContent,
    announce: Callable[[str], None],
    note_outage: Callable[[str], None] = lambda reason: None,
) -> None:
    """Serve the view, from its first content on, until nothing more changes and its page knows it.

    `announce` gets the address. An AgentOS that does not answer is asked again: `note_outage` gets why, once for each
    outage. Raises the error after which nothing can be read any more.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        site = _Site(ctx, subject, listener.getsockname()[1], content)
        config = uvicorn.Config(
            site, log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        stopped = anyio.Event()

        async def serve() -> None:
            # Cancelled, it would leave its socket with the event loop; it ends when it is told to.
            with anyio.CancelScope(shield=True):
                try:
                    await server.serve([listener])
                finally:
                    stopped.set()

        async with unwrapped_task_group() as tasks:
            tasks.start_soon(serve)
            try:
                announce(site.address)
                error = await _read_to_end(ctx, reader, subject, site, stopped, note_outage)
                if site.is_final:
                    with anyio.move_on_after(_GRACE_SECONDS):
                        await site.end_was_read.wait()
                if error is not None:
                    raise error
            finally:
                server.should_exit = True


async def _read_to_end(
    ctx: ToolContext,
    reader: ViewReader,
    subject: ViewSubject,
    site: _Site,
    stopped: anyio.Event,
    note_outage: Callable[[str], None],
) -> AgentOSError | None:
    """Read until nothing more changes or the server has stopped; the error after which nothing can be read any more."""
    pause = _FIRST_PAUSE_SECONDS
    while not site.is_final and not stopped.is_set():
        try:
            site.content = await reader.read(ctx, subject, watch_seconds=_WATCH_SECONDS)
        except AgentOSError as error:
            is_first = site.failure is None
            site.failure = failure = error_data(ctx, error)
            if failure["is_final"]:
                return error
            if is_first:
                note_outage(failure["error"])
            with anyio.move_on_after(pause):
                await stopped.wait()
            pause = min(2 * pause, _MAX_PAUSE_SECONDS)
        else:
            site.failure = None
            pause = _FIRST_PAUSE_SECONDS
    return None


class _Site:
    """The page and its data, as an ASGI application."""

    def __init__(self, ctx: ToolContext, subject: ViewSubject, port: int, content: ViewContent) -> None:
        self._ctx = ctx
        self._subject = subject
        self.content = content
        self._host = f"127.0.0.1:{port}"
        self._secret, self._key = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self._is_opened = False
        self.failure: dict[str, Any] | None = None
        """Why nothing newer could be read, as `error_data` says it."""
        self.end_was_read = anyio.Event()

    @property
    def is_final(self) -> bool:
        """Whether nothing more changes."""
        return self.content.is_final or (self.failure is not None and self.failure["is_final"])

    @property
    def address(self) -> str:
        return f"http://{self._host}/{self._secret}/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = self._answer(Request(scope, receive))
        response.headers.update(_SECURITY_HEADERS)
        await response(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        path = request.url.path.encode()
        # Another name for this address is another page's trick.
        if request.headers.get("host") != self._host or request.method != "GET":
            return PlainTextResponse("Not here.", 404)
        if hmac.compare_digest(path, f"/{self._secret}/".encode()):
            if self._is_opened:
                return PlainTextResponse("This page has been opened already. Run the command again.", 410)
            self._is_opened = True
            return HTMLResponse(build_page(self._subject.view, self._data(), live_key=self._key))
        given = request.headers.get(KEY_HEADER, "").encode()
        if hmac.compare_digest(path, f"/{self._secret}/data".encode()) and hmac.compare_digest(
            given, self._key.encode()
        ):
            if self.is_final:
                self.end_was_read.set()
            return JSONResponse(self.failure or self._data())
        return PlainTextResponse("Not here.", 404)

    def _data(self) -> dict[str, Any]:
        return view_data(self._ctx, self.content)
