"""A client of MCP Apps, in process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp.client.client import Client
from mcp.client.extension import ClientExtension
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID

from agentos_mcp.server.app_views import DATA_TOOL
from agentos_mcp.server.build import build_server
from agentos_mcp.settings import Settings
from tests._support.mcp_client import Peer, words


class ShowsApps(ClientExtension):
    """What a client says that shows the pages of MCP Apps."""

    identifier = EXTENSION_ID

    def settings(self) -> dict[str, Any]:
        return {"mimeTypes": [APP_MIME_TYPE]}


@asynccontextmanager
async def apps_client(url: str, *, era: str = "auto", shows_apps: bool = True, **settings: Any) -> AsyncIterator[Peer]:
    server = build_server(Settings(url=url, **settings), introduction_seconds=5.0)
    extensions = [ShowsApps()] if shows_apps else None
    async with Client(server, mode=era, extensions=extensions, cache=None) as client:
        yield Peer(client)


async def view_content(peer: Peer, **arguments: str) -> dict[str, Any]:
    """What a page gets that asks for its data."""
    result = await peer.call(DATA_TOOL, **arguments)
    assert not result.is_error, words(result)
    content: dict[str, Any] = json.loads(words(result))
    return content
