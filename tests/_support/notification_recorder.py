"""Clients that record the notifications of changes that a server sends, in both eras and over each transport."""

from __future__ import annotations

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

from tests._support.change_tool_server import server_with_change_tool
from tests._support.mcp_client import Peer
from tests._support.processes import PATIENCE, Forked, ListeningProcess, started_by

CHANGE_TOOL_SERVER = Forked("tests._support.change_tool_server")
TRANSPORTS = ("memory", "stdio", "http")

_LIST_NAMES: dict[type[Any], str] = {
    ToolsListChanged: "tools",
    PromptsListChanged: "prompts",
    ResourcesListChanged: "resources",
    ToolListChangedNotification: "tools",
    PromptListChangedNotification: "prompts",
    ResourceListChangedNotification: "resources",
}


@dataclass
class NotificationRecorder:
    """What a client was notified of, and when: URIs of resources, and "tools", "prompts", "resources" for lists."""

    notifications: list[tuple[float, str]] = field(default_factory=list)
    """(time, subject)"""
    _recorded: anyio.Event = field(default_factory=anyio.Event)

    async def __call__(self, message: object) -> None:
        """A legacy client's handler of messages."""
        if isinstance(message, ResourceUpdatedNotification):
            self._record(message.params.uri)
        elif type(message) in _LIST_NAMES:
            self._record(_LIST_NAMES[type(message)])

    async def record_stream(self, subscription: Subscription) -> None:
        """All events of a modern client's stream."""
        async for event in subscription:
            self._record(event.uri if isinstance(event, ResourceUpdated) else _LIST_NAMES[type(event)])

    @property
    def subjects(self) -> list[str]:
        return [subject for _, subject in self.notifications]

    async def wait_until(self, is_enough: Callable[[Sequence[str]], bool]) -> None:
        """Return once the subjects are enough."""
        with anyio.fail_after(PATIENCE):
            while not is_enough(self.subjects):
                await self._recorded.wait()

    async def wait_for_next(self) -> None:
        """Return once one more notification was recorded."""
        count = len(self.notifications)
        await self.wait_until(lambda subjects: len(subjects) > count)

    def _record(self, subject: str) -> None:
        self.notifications.append((anyio.current_time(), subject))
        self._recorded.set()
        self._recorded = anyio.Event()


@asynccontextmanager
async def recording_client(transport: str, era: str, url: str) -> AsyncIterator[tuple[Peer, NotificationRecorder]]:
    """A client of a server of its own for the AgentOS at `url`."""
    recorder = NotificationRecorder()
    if transport == "http":
        with ListeningProcess("--http", url, command=CHANGE_TOOL_SERVER) as server:
            async with connected_client(era, server.url, recorder) as peer:
                yield peer, recorder
        return
    if transport == "stdio":
        command, *rest = started_by(CHANGE_TOOL_SERVER)
        parameters = StdioServerParameters(command=command, args=[*rest, url])
        async with connected_client(era, stdio_client(parameters), recorder) as peer:
            yield peer, recorder
        return
    async with connected_client(era, server_with_change_tool(url), recorder) as peer:
        yield peer, recorder


@asynccontextmanager
async def connected_client(era: str, server: Any, recorder: NotificationRecorder) -> AsyncIterator[Peer]:
    """A client of a server that is running already."""
    # A modern client's stream is recorded by `subscribed`.
    handler = recorder if era == "legacy" else None
    async with Client(server, mode=era, message_handler=handler, read_timeout_seconds=PATIENCE, cache=None) as client:
        yield Peer(client)


@asynccontextmanager
async def subscribed(
    peer: Peer, recorder: NotificationRecorder, *uris: str, lists: bool = False
) -> AsyncIterator[None]:
    """While it is open, the client is notified of changes of these resources, and of lists."""
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
        tasks.start_soon(recorder.record_stream, subscription)
        yield
        tasks.cancel_scope.cancel()
