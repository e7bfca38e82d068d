"""Tells of each call of a tool once it has ended: which tool, who called, what was sent, how it ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, InputRequiredResult

from agentos_mcp.agentos.observation import Operation, operation
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.server.app_views import DATA_TOOL
from agentos_mcp.settings import Settings

if TYPE_CHECKING:
    from agentos_mcp.server.mcp_server import AgentOSServer

COMPONENT_TOOL = "(component)"
"""Stands for all tools of components, whose names are AgentOS's."""
VIEW_TOOL = "(view)"
"""Stands for the tool that the pages of MCP Apps call."""
UNKNOWN_TOOL = "(unknown)"
"""Stands for all names that are no tool's: clients can make up as many as they like."""
_MAX_CLIENT_NAME_LENGTH = 80
_MAX_CALLER_NAME_LENGTH = 200


class Outcome(StrEnum):
    """How a call ended for the client."""

    OK = "ok"
    ERROR = "error"
    """The result is an error that the model reads."""
    ASKED = "asked"
    """The person is asked first; the answer is another call."""
    CANCELLED = "cancelled"
    """By the client, or since the client or the server is gone."""
    REFUSED = "refused"
    """With an error of the protocol."""


@dataclass(frozen=True)
class ToolCall:
    """A call that has ended."""

    tool: str
    """One of our own names, VIEW_TOOL, COMPONENT_TOOL or UNKNOWN_TOOL."""
    name: str
    """The tool's own name, also that of a component's tool; '' where there is no such tool."""
    may_write: bool
    outcome: Outcome
    caller: str
    """Whom the call is for, '' where nobody says so."""
    client: str
    """The name that the client gives itself."""
    operation: Operation


class ToolCalls:
    """Middleware that tells `listeners` of every call of a tool."""

    def __init__(
        self, server: AgentOSServer, settings: Settings, listeners: Sequence[Callable[[ToolCall], None]]
    ) -> None:
        self._server = server
        self._settings = settings
        self._listeners = listeners

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.method != "tools/call":
            return await call_next(ctx)
        outcome = Outcome.CANCELLED
        with operation() as current:
            try:
                result = await call_next(ctx)
                outcome = _outcome_of(result)
                return result
            except MCPError:
                outcome = Outcome.REFUSED
                raise
            except anyio.get_cancelled_exc_class():
                raise
            except Exception:
                outcome = Outcome.ERROR
                raise
            finally:
                call = self._call(ctx, outcome, current)
                for listener in self._listeners:
                    listener(call)

    def _call(self, ctx: ServerRequestContext[Any, Any], outcome: Outcome, current: Operation) -> ToolCall:
        given = (ctx.params or {}).get("name")
        name = given if isinstance(given, str) else ""
        tool = bounded_tool_name(self._server, ctx, name)
        return ToolCall(
            tool=tool,
            name="" if tool == UNKNOWN_TOOL else name,
            may_write=tool not in {UNKNOWN_TOOL, VIEW_TOOL, *self._server.tool_selection.reading_names},
            outcome=outcome,
            caller=caller_name(ctx, self._settings, _instance_of(current)),
            client=client_name(ctx),
            operation=current,
        )


def bounded_tool_name(server: AgentOSServer, ctx: ServerRequestContext[Any, Any], name: str) -> str:
    """The name as a label: there are only as many as we have tools, and three more."""
    if name in server.tool_selection.all_names:
        return name
    if name == DATA_TOOL:
        return VIEW_TOOL
    return COMPONENT_TOOL if name in ctx.lifespan_context.component_tools.tools else UNKNOWN_TOOL


def _instance_of(current: Operation) -> str:
    """The AgentOS of several that was written to; '' where there is one, or nothing was sent."""
    run = current.run
    return run.instance if run is not None else next((write.instance for write in current.writes), "")


def caller_name(ctx: ServerRequestContext[Any, Any], settings: Settings, instance: str = "") -> str:
    """Whom a request is for: its caller, else the user of a server for one user; '' where nobody says so.

    Of several AgentOSes it may be another user on each: `instance` is the one that it is about.
    A caller who shows no name is told from others by a part of what they showed, hashed.
    """
    if ctx.request is not None:
        from agentos_mcp.server.callers import bound_caller

        if (caller := bound_caller(ctx)) is not None:
            caller = caller.on(instance)
            return one_line(caller.user_id or f"credential {caller.key[:12]}", max_length=_MAX_CALLER_NAME_LENGTH)
    return settings.user_id


def client_name(ctx: ServerRequestContext[Any, Any]) -> str:
    """The name that a client gives itself: nothing proves it."""
    params = ctx.session.client_params
    return one_line(params.client_info.name, max_length=_MAX_CLIENT_NAME_LENGTH) if params is not None else ""


def _outcome_of(result: HandlerResult) -> Outcome:
    match result:
        case InputRequiredResult() | {"resultType": "input_required"}:
            return Outcome.ASKED
        case CallToolResult(is_error=True) | {"isError": True}:
            return Outcome.ERROR
        case _:
            return Outcome.OK
