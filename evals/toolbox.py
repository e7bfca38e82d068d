"""The tools of our server, in a process of its own, as an assistant has them."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from mcp_types import TextContent

from agentos_mcp.agentos.task_groups import unwrapped_task_group
from agentos_mcp.server.http.settings import HTTP_OPTIONS, TOKEN_VARIABLE
from agentos_mcp.settings import OPTIONS
from evals.transcript import CallRecord

_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True)
class ToolDescription:
    """What the server tells a model of a tool."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Toolbox:
    """The tools of a connected server."""

    client: Client
    instructions: str
    tools: tuple[ToolDescription, ...]

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> CallRecord:
        """Call a tool. An error of the protocol is an error that the model reads, like one of the tool."""
        try:
            result = await self.client.call_tool(tool, dict(arguments))
        except MCPError as error:
            text, is_error = str(error), True
        else:
            text = _texts(result.content)
            is_error = bool(result.is_error)
        return CallRecord(tool, dict(arguments), text, is_error)


@asynccontextmanager
async def connect(url: str, toolsets: str) -> AsyncIterator[Toolbox]:
    """`agentos-mcp serve` over stdio with these toolsets, in front of the AgentOS at `url`."""
    arguments = ["-m", "agentos_mcp", "serve", "--url", url, "--toolsets", toolsets]
    parameters = StdioServerParameters(command=sys.executable, args=arguments, env=_environment())
    connection = Client(stdio_client(parameters), read_timeout_seconds=_TIMEOUT_SECONDS)
    async with unwrapped_task_group(), connection as client:
        listed = await client.list_tools()
        tools = tuple(
            ToolDescription(tool.name, tool.description or "", tool.input_schema or {}) for tool in listed.tools
        )
        yield Toolbox(client, client.instructions or "", tools)


def _environment() -> dict[str, str]:
    """This process's environment without settings of agentos-mcp, which would change what is offered."""
    own = {variable for option in (*OPTIONS, *HTTP_OPTIONS) for variable in option.variables} | {TOKEN_VARIABLE}
    return {name: value for name, value in os.environ.items() if name not in own}


def _texts(content: Iterable[object]) -> str:
    return "\n".join(block.text for block in content if isinstance(block, TextContent))
