"""Settings -> the MCP server."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp.server.mcpserver import MCPServer, RequestStateSecurity

from agentos_mcp import REPOSITORY_URL, __version__
from agentos_mcp.agentos.config_prefetch import Prefetch
from agentos_mcp.server.change_notifier import notify_clients_of_changes
from agentos_mcp.server.introduction import INTRODUCTION_SECONDS
from agentos_mcp.server.mcp_server import AgentOSServer
from agentos_mcp.server.tool_surface import ToolSurface
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.context import Backend, open_backend

STATE_TTL_SECONDS = 7 * 24 * 3600.0
"""How long a person may think about a question."""


def build_server(
    settings: Settings, prefetch: Prefetch | None = None, *, introduction_seconds: float = INTRODUCTION_SECONDS
) -> AgentOSServer:
    """The server for one AgentOS, which it asks for its components as soon as it serves, whether or not it answers.

    `prefetch` has asked already; a client's first request waits for the answer for `introduction_seconds`.
    """

    @asynccontextmanager
    async def lifespan(_: MCPServer[Backend]) -> AsyncIterator[Backend]:
        async with open_backend(settings, prefetch) as backend, server.subscriptions.follow_runs(backend):
            server.backend = backend
            backend.call_end_of = server.end_of_call
            backend.surface = ToolSurface(server.tool_selection, backend)
            try:
                async with notify_clients_of_changes(server, backend):
                    yield backend
            finally:
                server.backend = None

    server = AgentOSServer(
        "agentos-mcp",
        title="AgentOS",
        version=__version__,
        website_url=REPOSITORY_URL or None,
        agentos_settings=settings,
        introduction_seconds=introduction_seconds,
        lifespan=lifespan,
        request_state_security=request_state_security(settings),
    )
    return server


def request_state_security(settings: Settings) -> RequestStateSecurity:
    """Seals what a client carries between two rounds of a question.

    The key is random and never leaves the process, unless replicas share a secret of their own: one made from
    anything that others know, or could guess, would let them write what they like. The SDK binds it to the tool,
    its arguments and its age; we add for whom the server is, as servers for others may share the secret.
    """
    audience = json.dumps(["agentos-mcp", settings.url, settings.user_id, settings.db_id, settings.knowledge_id])
    key = settings.state_secret().encode() if settings.state_secret else secrets.token_bytes(32)
    return RequestStateSecurity(keys=[key], ttl=STATE_TTL_SECONDS, audience=audience)
