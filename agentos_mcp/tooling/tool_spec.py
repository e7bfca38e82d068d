"""How a tool is declared.

A tool is a plain async function whose first parameter is a `ToolContext`; its docstring is its prompt. Its
place, its title and its hints are data beside it:

    TOOLSET = Toolset(
        "memory",
        "What AgentOS remembers of its users.",
        read(list_memories, "GET /memories"),
        write(create_memory, "POST /memories"),
        needs=DATABASE,
    )
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mcp_types import CallToolResult, InputRequiredResult

from agentos_mcp.agentos.hints import Hint
from agentos_mcp.agentos.scopes import demanded_scope
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.results import Document, Message, Record, Table

log = logging.getLogger(__name__)

Result = str | Table | Record | Document | Message | CallToolResult | InputRequiredResult
ToolFunction = Callable[..., Awaitable[Result]]
Details = Callable[[ToolContext, Mapping[str, Any]], Awaitable[Mapping[str, Any] | None]]
"""What a person has to know, besides a call's arguments, before they agree to it: what would be ended, deleted or
overwritten, not its id alone. None where nothing would be, so that there is nothing to agree to."""

DATABASE = "a database"
KNOWLEDGE = "a knowledge base"


@dataclass(frozen=True)
class ToolSpec:
    """A tool and all that a client is told of it.

    `endpoint` is what AgentOS has to serve for it ("GET /sessions"), '' where it has ways around.
    `scopes` are alternatives, one of which AgentOS demands; () where it demands none, or that is not known.
    `default`: it is on where nobody chose. `open_world`: it reaches beyond AgentOS's own data.
    """

    fn: ToolFunction
    endpoint: str
    title: str
    read_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool
    default: bool
    confirm_only_if: str = ""
    details: Details | None = None
    scopes: tuple[str, ...] = ()
    spans: bool | None = None
    """Of a server with several AgentOSes: whether a call that names none of them is for all. None: as its parameters
    say; one that reads, and names nothing that is on one of them, is for all."""
    waits_for_all: bool = False
    """Whether a call for all waits for each, however slow: the tool has a limit of its own."""

    @property
    def name(self) -> str:
        return self.fn.__name__


def read(
    fn: ToolFunction,
    endpoint: str = "",
    *,
    title: str = "",
    default: bool = False,
    scopes: tuple[str, ...] = (),
    spans: bool | None = None,
) -> ToolSpec:
    """A tool that changes nothing. `scopes` where they are others than its endpoint's."""
    return ToolSpec(
        fn,
        endpoint,
        title or _title(fn),
        read_only=True,
        destructive=False,
        idempotent=True,
        open_world=False,
        default=default,
        scopes=scopes or _scopes_of(endpoint),
        spans=spans,
    )


def write(
    fn: ToolFunction,
    endpoint: str = "",
    *,
    title: str = "",
    idempotent: bool = False,
    open_world: bool = False,
    default: bool = False,
    scopes: tuple[str, ...] = (),
) -> ToolSpec:
    """A tool that adds or changes something, without taking anything away. `scopes` are as with `read`."""
    return ToolSpec(
        fn,
        endpoint,
        title or _title(fn),
        read_only=False,
        destructive=False,
        idempotent=idempotent,
        open_world=open_world,
        default=default,
        scopes=scopes or _scopes_of(endpoint),
    )


def destructive(
    fn: ToolFunction,
    endpoint: str = "",
    *,
    title: str = "",
    idempotent: bool = True,
    open_world: bool = False,
    default: bool = False,
    confirm_only_if: str = "",
    details: Details,
    scopes: tuple[str, ...] = (),
) -> ToolSpec:
    """A tool that ends, deletes or overwrites something. The person is asked first where that can be.

    `confirm_only_if` names the argument without which nothing is done yet, so that nobody has to confirm it.
    `details` adds to the question what the arguments alone do not say; an error that it raises is the call's.
    """
    return ToolSpec(
        fn,
        endpoint,
        title or _title(fn),
        read_only=False,
        destructive=True,
        idempotent=idempotent,
        open_world=open_world,
        default=default,
        confirm_only_if=confirm_only_if,
        details=details,
        scopes=scopes or _scopes_of(endpoint),
    )


@dataclass(frozen=True)
class Toolset:
    """Tools that belong together. `instructions` join the server's own when the set is on; they name tools by hints.

    `needs` is DATABASE or KNOWLEDGE where none of them works without.
    """

    name: str
    instructions: Hint | str
    tools: tuple[ToolSpec, ...]
    needs: str

    def __init__(self, name: str, instructions: Hint | str, *tools: ToolSpec, needs: str = "") -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "instructions", instructions)
        object.__setattr__(self, "tools", tools)
        object.__setattr__(self, "needs", needs)


def _scopes_of(endpoint: str) -> tuple[str, ...]:
    scope = demanded_scope(endpoint)
    return (scope,) if scope else ()


def _title(fn: ToolFunction) -> str:
    return fn.__name__.replace("_", " ").capitalize()
