"""Our server over HTTP in this process, on a real socket: what tells its callers apart, without a process's start."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import anyio
import uvicorn
from mcp.client.client import Client
from mcp.client.session import ElicitationFnT
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from agentos_mcp.server.build import build_server
from agentos_mcp.server.http.app import PATH, application
from agentos_mcp.server.http.identity_modes import build_identity
from agentos_mcp.server.http.settings import HttpSettings, with_own_identities
from agentos_mcp.server.mcp_server import AgentOSServer
from agentos_mcp.settings import Settings
from tests._support.mcp_client import Peer
from tests._support.processes import PATIENCE


@asynccontextmanager
async def http_application(settings: Settings, http: HttpSettings) -> AsyncIterator[tuple[str, AgentOSServer]]:
    """The address of `/mcp`, and the server, with the identities of callers that the settings ask for."""
    http = with_own_identities(http, settings)
    identities = build_identity(http, settings)
    server = build_server(settings, identities=identities, introduction_seconds=5.0)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        application(server, http, identities),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        lifespan="on",
        ws="none",
    )
    web_server = uvicorn.Server(config)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: web_server.serve(sockets=[listener]))
        with anyio.fail_after(PATIENCE):
            while not web_server.started:  # noqa: ASYNC110 - nothing tells of it
                await anyio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}{PATH}", server
        finally:
            server.begin_shutdown()
            web_server.should_exit = True


@asynccontextmanager
async def client_with_headers(
    era: str, url: str, headers: Mapping[str, str], agentos: str = "", person: ElicitationFnT | None = None
) -> AsyncIterator[Peer]:
    """A client that sends these headers with every request. `agentos` has its calls count for the tools' coverage.

    `person` answers its forms.
    """
    async with create_mcp_http_client(headers=dict(headers)) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=era, read_timeout_seconds=PATIENCE, elicitation_callback=person) as client:
            yield Peer(client, agentos)
