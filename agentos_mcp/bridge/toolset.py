"""How a tool is declared, and how a declaration becomes an MCP tool.

A tool is a plain async function whose first parameter is a `Ctx`; its docstring is its prompt. Its
place, its title and its hints are data beside it:

    TOOLSET = Toolset("memory", "What AgentOS remembers of its users.", read(list_memories), write(create_memory))
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, InputRequiredResult, TextContent, ToolAnnotations

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.bridge.context import Backend, Ctx

Result = str | CallToolResult | InputRequiredResult
ToolFunction = Callable[..., Awaitable[Result]]


@dataclass(frozen=True)
class Declared:
    """A tool and all that a client is told of it. `open_world`: it reaches beyond AgentOS's own data."""

    fn: ToolFunction
    title: str
    read_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool

    @property
    def name(self) -> str:
        return self.fn.__name__


def read(fn: ToolFunction, *, title: str = "") -> Declared:
    """A tool that changes nothing."""
    return Declared(fn, title or _title(fn), read_only=True, destructive=False, idempotent=True, open_world=False)


def write(fn: ToolFunction, *, title: str = "", idempotent: bool = False, open_world: bool = False) -> Declared:
    """A tool that adds or changes something, without taking anything away."""
    return Declared(
        fn,
        title or _title(fn),
        read_only=False,
        destructive=False,
        idempotent=idempotent,
        open_world=open_world,
    )


def destructive(fn: ToolFunction, *, title: str = "", idempotent: bool = True, open_world: bool = False) -> Declared:
    """A tool that ends, deletes or overwrites something."""
    return Declared(
        fn,
        title or _title(fn),
        read_only=False,
        destructive=True,
        idempotent=idempotent,
        open_world=open_world,
    )


@dataclass(frozen=True)
class Toolset:
    """Tools that belong together. `instructions` join the server's own when the set is on."""

    name: str
    instructions: str
    tools: tuple[Declared, ...]

    def __init__(self, name: str, instructions: str, *tools: Declared) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "instructions", instructions)
        object.__setattr__(self, "tools", tools)


def mcp_tool(declared: Declared) -> Tool:
    """The SDK's tool for a declaration: text results, our errors as results, a lean schema."""
    fn = declared.fn

    @functools.wraps(fn)
    async def call(**arguments: Any) -> CallToolResult | InputRequiredResult:
        context: Context[Backend] = arguments.pop("ctx")
        try:
            result = await fn(Ctx.of(context), **arguments)
        except AgentOSError as error:
            return failure(str(error))
        return text(result) if isinstance(result, str) else result

    tool = Tool.from_function(
        call,
        name=declared.name,
        title=declared.title,
        description=inspect.cleandoc(fn.__doc__ or ""),
        context_kwarg="ctx",
        annotations=ToolAnnotations(
            read_only_hint=declared.read_only,
            destructive_hint=declared.destructive,
            idempotent_hint=declared.idempotent,
            open_world_hint=declared.open_world,
        ),
        structured_output=False,
    )
    tool.parameters = lean_schema(tool.parameters)
    return tool


def text(words: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=words)])


def failure(words: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=words)], is_error=True)


def lean_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without what no model reads: titles, empty defaults, "anything else is fine"."""
    properties = {name: _lean_property(value) for name, value in schema.get("properties", {}).items()}
    lean: dict[str, Any] = {"type": "object", "properties": properties}
    if schema.get("required"):
        lean["required"] = schema["required"]
    return lean


_DROPPED = ("title", "additionalProperties")


def _lean_property(schema: dict[str, Any]) -> dict[str, Any]:
    lean = {key: value for key, value in schema.items() if key not in _DROPPED}
    if lean.get("default") in (None, "", [], {}, False):
        lean.pop("default", None)
    if isinstance(lean.get("items"), dict):
        lean["items"] = _lean_property(lean["items"])
    return lean


def _title(fn: ToolFunction) -> str:
    return fn.__name__.replace("_", " ").capitalize()
