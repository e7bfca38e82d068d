"""`python -m tests._support.change_tool_server [--http] URL`: our server, with a tool that publishes list changes."""

from __future__ import annotations

import logging
import sys

import anyio

from agentos_mcp.server.build import build_server
from agentos_mcp.server.http.app import address, open_socket, serve_http
from agentos_mcp.server.mcp_server import AgentOSServer
from agentos_mcp.server.stdio import serve_stdio
from agentos_mcp.settings import Settings


def server_with_change_tool(url: str) -> AgentOSServer:
    server = build_server(Settings(url=url))

    async def change() -> str:
        """Publishes that the components changed."""
        await server.subscriptions.publish_components_changed()
        return "published"

    server.add_tool(change)
    return server


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    server = server_with_change_tool(sys.argv[-1])
    if "--http" in sys.argv:
        listener = open_socket("127.0.0.1", 0)
        sys.stderr.write(f"Serving MCP at {address(listener)}\n")
        sys.stderr.flush()
        anyio.run(serve_http, server, listener)
    else:
        sys.exit(anyio.run(serve_stdio, server))
