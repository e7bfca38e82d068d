"""Clients that keep what they are told of the server's own accord, in both eras and over each transport."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.subscriptions import Subscription
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp.shared.subscriptions import (
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ToolsListChanged,
)
from mcp_types import (
    PromptListChangedNotification,
    ResourceListChangedNotification,
    ResourceUpdatedNotification,
    ToolListChangedNotification,
)

from tests._support.changing_server import changing_server
from tests._support.http_server import serving
from tests._support.mcp_client import Peer
from tests._support.processes import PATIENCE

TRANSPORTS = ("memory", "stdio", "http")

_LISTS: dict[type[Any], str] = {
    ToolsListChanged: "tools",
    PromptsListChanged: "prompts",
    ResourcesListChanged: "resources",
    ToolListChangedNotification: "tools",
    PromptListChangedNotification: "prompts",
    ResourceListChangedNotification: "resources",
}


@dataclass
class NotificationRecorder:
    """What a client heard, with the time: the URIs of resources, and "tools", "prompts", "resources" for lists."""

    heard: list[tuple[float, str]] = field(default_factory=list)
    _news: anyio.Event = field(default_factory=anyio.Event)

    async def __call__(self, message: object) -> None:
        """A legacy client's handler of messages."""
        if isinstance(message, ResourceUpdatedNotification):
            self._hear(message.params.uri)
        elif type(message) in _LISTS:
            self._hear(_LISTS[type(message)])

    async def listen(self, subscription: Subscription) -> None:
        """All events of a modern client's stream."""
        async for event in subscription:
            self._hear(event.uri if isinstance(event, ResourceUpdated) else _LISTS[type(event)])

    @property
    def words(self) -> list[str]:
        return [word for _, word in self.heard]

    async def until(self, enough: Callable[[Sequence[str]], bool]) -> None:
        """Return once enough was heard."""
        with anyio.fail_after(PATIENCE):
            while not enough(self.words):
                await self._news.wait()

    async def more(self) -> None:
        """Return once something was heard from now on."""
        count = len(self.heard)
        await self.until(lambda words: len(words) > count)

    def _hear(self, word: str) -> None:
        self.heard.append((anyio.current_time(), word))
        self._news.set()
        self._news = anyio.Event()


@asynccontextmanager
async def hearing(transport: str, era: str, url: str) -> AsyncIterator[tuple[Peer, NotificationRecorder]]:
    """A client of a server of its own for the AgentOS at `url`."""
    ear = NotificationRecorder()
    if transport == "http":
        with serving("-m", "tests._support.changing_server", "--http", url) as address:
            async with at(era, address, ear) as peer:
                yield peer, ear
        return
    if transport == "stdio":
        parameters = StdioServerParameters(command=sys.executable, args=["-m", "tests._support.changing_server", url])
        async with at(era, stdio_client(parameters), ear) as peer:
            yield peer, ear
        return
    async with at(era, changing_server(url), ear) as peer:
        yield peer, ear


@asynccontextmanager
async def at(era: str, server: Any, ear: NotificationRecorder) -> AsyncIterator[Peer]:
    """A client of a server that is there."""
    # A modern client's stream is heard by `told`.
    handler = ear if era == "legacy" else None
    async with Client(server, mode=era, message_handler=handler, read_timeout_seconds=PATIENCE, cache=None) as client:
        yield Peer(client)


@asynccontextmanager
async def told(peer: Peer, ear: NotificationRecorder, *uris: str, lists: bool = False) -> AsyncIterator[None]:
    """While it is open, the client is told of these resources, and of lists that change."""
    client = peer.client
    if client.protocol_version != "2026-07-28":
        for uri in uris:
            with pytest.warns(MCPDeprecationWarning):
                await client.subscribe_resource(uri)
        yield
        for uri in uris:
            with pytest.warns(MCPDeprecationWarning):
                await client.unsubscribe_resource(uri)
        return
    async with (
        client.listen(
            resource_subscriptions=uris,
            tools_list_changed=lists,
            prompts_list_changed=lists,
            resources_list_changed=lists,
        ) as subscription,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(ear.listen, subscription)
        yield
        tasks.cancel_scope.cancel()
