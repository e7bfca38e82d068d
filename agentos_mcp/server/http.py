"""Streamable HTTP on loopback: one endpoint, `/mcp`, for both protocol eras."""

from __future__ import annotations

import logging
import socket
from types import FrameType

import uvicorn

from agentos_mcp.server.eras import AgentOSServer
from agentos_mcp.settings import SettingsError

PATH = "/mcp"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, server: AgentOSServer) -> None:
        super().__init__(config)
        self._agentos_server = server

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._agentos_server.leave()
        # What is cut off now complains with tracebacks; being stopped is no fault.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        super().handle_exit(sig, frame)


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket on loopback; port 0 takes a free one. Raises SettingsError where it can't be had."""
    if host not in LOOPBACK:
        raise SettingsError(
            f"--host {host} cannot be used: only loopback is served ({', '.join(LOOPBACK)}); "
            "put a proxy that checks who calls in front of it."
        )
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if host == "::1" else socket.AF_INET, backlog=128
        )
    except (OSError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) else "ports go from 0 to 65535"
        raise SettingsError(f"--port {port} cannot be used: {why}. Use another one, or 0 for a free one.") from None


def address(listener: socket.socket) -> str:
    """Where clients connect: `http://127.0.0.1:7800/mcp`."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{PATH}"


async def serve_http(server: AgentOSServer, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM, then end within about a second.

    The SDK checks Host and Origin headers, since the address is a loopback one.
    """
    config = uvicorn.Config(
        server.streamable_http_app(streamable_http_path=PATH, host="127.0.0.1"),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        lifespan="on",
    )
    await _Uvicorn(config, server).serve(sockets=[listener])
