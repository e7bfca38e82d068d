"""Serves the metrics over HTTP on an address of their own."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import uvicorn
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_mcp.agentos.task_groups import unwrapped_task_group
from agentos_mcp.server.http.connections import ConnectionGuard, ConnectionLimits

PATH = "/metrics"
_MAX_CONNECTIONS = 20


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The server itself handles them."""
        yield


@contextlib.asynccontextmanager
async def serving_metrics(
    listener: socket.socket, render: Callable[[], bytes], content_type: str
) -> AsyncIterator[None]:
    """`listener` answers GET /metrics while this is open."""
    limits = ConnectionLimits(total=_MAX_CONNECTIONS, per_address=_MAX_CONNECTIONS)
    config = uvicorn.Config(
        _application(render, content_type),
        http=ConnectionGuard(limits).protocol(),
        timeout_keep_alive=limits.idle_seconds,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        lifespan="off",
        ws="none",
    )
    server = _Uvicorn(config)
    async with unwrapped_task_group() as tasks:
        tasks.start_soon(server.serve, [listener])
        try:
            yield
        finally:
            server.should_exit = True


def _application(render: Callable[[], bytes], content_type: str) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        response: Response
        if scope["path"] != PATH:
            response = PlainTextResponse("Not Found", 404)
        elif scope["method"] not in {"GET", "HEAD"}:
            response = PlainTextResponse("Method Not Allowed", 405, {"allow": "GET, HEAD"})
        else:
            response = Response(render(), media_type=content_type, headers={"cache-control": "no-store"})
        await response(scope, receive, send)

    return answer
