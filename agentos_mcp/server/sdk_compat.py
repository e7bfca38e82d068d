"""Everything that this package uses of the MCP SDK without the SDK exporting it. Written against mcp 2.3.

Each function says why nothing exported does the same. `tests/test_architecture.py` finds such uses elsewhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from mcp.server.connection import Connection
from mcp.server.context import HandlerResult, ServerRequestContext
from mcp.server.mcpserver import MCPServer
from pydantic import BaseModel

_Params = TypeVar("_Params", bound=BaseModel)


def add_request_handler(
    server: MCPServer[Any],
    method: str,
    params_type: type[_Params],
    handler: Callable[[ServerRequestContext[Any, Any], _Params], Awaitable[HandlerResult]],
) -> None:
    """Serve a method of the specification, in place of the SDK's own handler where it has one.

    `MCPServer` lets an extension add methods, but none of the specification's.
    """
    server._lowlevel_server.add_request_handler(method, params_type, handler)


def add_notification_handler(
    server: MCPServer[Any],
    method: str,
    params_type: type[_Params],
    handler: Callable[[ServerRequestContext[Any, Any], _Params], Awaitable[None]],
) -> None:
    """Receive a notification. `MCPServer` has no way to register for one."""
    server._lowlevel_server.add_notification_handler(method, params_type, handler)


async def run_on_streams(server: MCPServer[Any], incoming: Any, outgoing: Any) -> None:
    """Serve one client over these streams of messages. `MCPServer.run_stdio_async` opens stdin and stdout itself."""
    low_level = server._lowlevel_server
    await low_level.run(incoming, outgoing, low_level.create_initialization_options())


def connection_of(ctx: ServerRequestContext[Any, Any]) -> Connection:
    """The connection of a request. `ctx.session` is another object for each request, and names no connection."""
    return ctx.session._connection


def is_cancelled(ctx: ServerRequestContext[Any, Any]) -> bool:
    """Whether the client sent `notifications/cancelled` for this request.

    The handler's task is cancelled then, as it is when the connection ends; no exported attribute tells the two apart,
    and a middleware sees the notification too late.
    """
    return ctx.session._request_outbound.cancel_requested.is_set()


def connection_key(ctx: ServerRequestContext[Any, Any]) -> int:
    """What the requests and notifications of one stream have in common while it is open.

    Since 2026-07-28 each request has a `Connection` of its own; what reads the stream is the same for all of them.
    """
    outbound: Any = ctx.session._request_outbound
    reader = getattr(getattr(outbound, "_inner", outbound), "_dispatcher", None)
    return id(reader if reader is not None else ctx.session._connection)
