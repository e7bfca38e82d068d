"""MCP clients for tests: in process, in either protocol era, with what they were told kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from mcp.client.client import Client
from mcp.client.session import ElicitationFnT
from mcp.shared.dispatcher import ProgressFnT
from mcp_types import CallToolResult, Implementation, RequestParamsMeta, TextContent

from agentos_mcp.server.build import build_server
from agentos_mcp.settings import Settings
from tests._support import tool_coverage

_INTRODUCTION_SECONDS = 5.0
"""Longer than for users: what AgentOS has is known to every client here, however busy the machine is."""


@dataclass
class ProgressRecorder:
    """What progress a call was told: (progress, total, message)."""

    heard: list[tuple[float, float | None, str]] = field(default_factory=list)

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        self.heard.append((progress, total, message or ""))

    @property
    def messages(self) -> list[str]:
        return [message for _, _, message in self.heard]


@dataclass
class Peer:
    """A connected client with short ways to call tools."""

    client: Client
    url: str = ""
    """The AgentOS that its server stands before, where that is known: its calls count for the tools' coverage."""

    async def call(self, tool: str, /, **arguments: Any) -> CallToolResult:
        return self._record(tool, await self.client.call_tool(tool, arguments))

    async def text(self, tool: str, /, **arguments: Any) -> str:
        """The text of a call that has to succeed."""
        result = await self.call(tool, **arguments)
        assert not result.is_error, words(result)
        return words(result)

    async def error(self, tool: str, /, **arguments: Any) -> str:
        """The text of a call that has to fail."""
        result = await self.call(tool, **arguments)
        assert result.is_error, words(result)
        return words(result)

    async def watch(self, tool: str, /, **arguments: Any) -> tuple[str, ProgressRecorder]:
        """The text of a call, and the progress it was told."""
        told = ProgressRecorder()
        result = await self.listen(told, tool, **arguments)
        return words(result), told

    async def listen(self, told: ProgressFnT, tool: str, /, **arguments: Any) -> CallToolResult:
        """A call whose progress goes to `told`. In process the modern era has no token of its own."""
        meta: RequestParamsMeta = {"progress_token": "in-process"}
        return self._record(tool, await self.client.call_tool(tool, arguments, progress_callback=told, meta=meta))

    def _record(self, tool: str, result: CallToolResult) -> CallToolResult:
        if self.url:
            tool_coverage.record(self.url, tool, is_error=result.is_error)
        return result


Connect = Callable[..., AbstractAsyncContextManager[Peer]]


def connector(era: str) -> Connect:
    @asynccontextmanager
    async def connect(
        url: str,
        person: ElicitationFnT | None = None,
        *,
        client_name: str = "tests",
        introduction_seconds: float = _INTRODUCTION_SECONDS,
        **settings: Any,
    ) -> AsyncIterator[Peer]:
        server = build_server(Settings(url=url, **settings), introduction_seconds=introduction_seconds)
        about = Implementation(name=client_name, version="1.0")
        async with Client(server, mode=era, elicitation_callback=person, client_info=about) as client:
            yield Peer(client, url)

    return connect


def words(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def reference(result: str) -> str:
    """The run reference that ends a run's result."""
    return result.rpartition("run: ")[2].strip()
