"""The one file that knows the SDK's corners: what it leaves to servers, in both protocol eras.

Legacy (2025-11-25 and earlier) has sessions and `initialize`, modern (2026-07-28) is stateless and
has `server/discover`. Middleware and the low-level server are provisional in the SDK, so their use
stays here.
"""

from __future__ import annotations

import contextlib
import difflib
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel.server import NotificationOptions
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata, SessionMessage
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    ElicitRequest,
    ElicitResult,
    EmptyResult,
    GetPromptResult,
    InputRequiredResult,
    InputResponses,
    JSONRPCNotification,
    SetLevelRequestParams,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, ValidationError

from agentos_mcp.bridge.context import Backend
from agentos_mcp.bridge.toolset import failure


class AgentOSServer(MCPServer[Backend]):
    """MCPServer with arguments that are checked in our words and an introduction made for each client."""

    backend: Backend | None = None
    """The backend that is open, for those who stop the server."""

    def __init__(self, name: str, *, introduce: Callable[[], Awaitable[str]], **options: Any) -> None:
        super().__init__(name, middleware=[self._introduce], **options)
        self._introduction = introduce
        self._lowlevel_server.add_request_handler("logging/setLevel", SetLevelRequestParams, _set_log_level)
        self._lowlevel_server.add_request_handler("completion/complete", CompleteRequestParams, _complete)

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Backend, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        tool = self._tool_manager.get_tool(name)
        if tool is None:
            return failure(_no_such_tool(name, [tool.name for tool in self._tool_manager.list_tools()]))
        known = tool.parameters.get("properties", {})
        if unknown := [argument for argument in arguments if argument not in known]:
            return failure(f"{name} has no argument '{unknown[0]}'. {_takes(tool)}")
        # Some models write null for "not given".
        arguments = {key: value for key, value in arguments.items() if value is not None}
        try:
            result = await super().call_tool(name, arguments, context)
            for _ in range(_MOST_ROUNDS):
                if not isinstance(result, InputRequiredResult) or context is None or _is_modern(context):
                    break
                context = await _asked(context, name, arguments, result)
                result = await super().call_tool(name, arguments, context)
            return result
        except ToolError as error:
            if isinstance(error.__cause__, ValidationError):
                return failure(f"{_problems(error.__cause__)} {_takes(tool)}")
            raise

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[Backend, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        if self._prompt_manager.get_prompt(name) is None:
            raise MCPError(code=INVALID_PARAMS, message=f"Unknown prompt: {name[:80]}. List the prompts there are.")
        return await super().get_prompt(name, arguments, context)

    def leave(self) -> None:
        """Calls that end from now on end because the client or the server goes, not because they were cancelled."""
        if self.backend is not None:
            self.backend.leaving = True

    def cancelled_by_client(self, request_id: object) -> None:
        """The client has cancelled this call, whatever happens to the connection in the same moment."""
        if self.backend is not None and isinstance(request_id, str | int):
            self.backend.cancelled.add(request_id)

    async def _introduce(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        result = await call_next(ctx)
        if ctx.method not in {"initialize", "server/discover"} or result is None:
            return result
        words = await self._introduction()
        if isinstance(result, BaseModel):
            return result.model_copy(update={"instructions": words})
        return {**result, "instructions": words}


_MOST_ROUNDS = 50
"""How often a legacy client's person is asked within one call."""


def _is_modern(context: Context[Backend, Any]) -> bool:
    return context.protocol_version in MODERN_PROTOCOL_VERSIONS


async def _asked(
    context: Context[Backend, Any], name: str, arguments: dict[str, Any], result: InputRequiredResult
) -> Context[Backend, Any]:
    """A legacy client's answers to the questions, in the form in which a modern client brings them."""
    session, related = context.request_context.session, context.request_context.request_id
    responses: InputResponses = {
        key: await session.send_request(
            request, ElicitResult, metadata=ServerMessageMetadata(related_request_id=related)
        )
        for key, request in (result.input_requests or {}).items()
        if isinstance(request, ElicitRequest)
    }
    return Context(
        request_context=context.request_context,
        mcp_server=context.mcp_server,
        input_params=CallToolRequestParams(
            name=name, arguments=arguments, input_responses=responses, request_state=result.request_state
        ),
        subscriptions=context._subscriptions,
    )


async def _complete(ctx: ServerRequestContext[Any, Any], params: CompleteRequestParams) -> CompleteResult:
    """Nothing that is offered takes an argument that could be completed."""
    return CompleteResult(completion=Completion(values=[]))


_LOG_LEVELS = {"notice": logging.INFO, "alert": logging.CRITICAL, "emergency": logging.CRITICAL}


async def _set_log_level(ctx: ServerRequestContext[Any, Any], params: SetLevelRequestParams) -> EmptyResult:
    """A legacy client's wish for more or fewer logs: what goes to stderr, since log messages are deprecated."""
    level = _LOG_LEVELS.get(params.level) or logging.getLevelNamesMapping()[params.level.upper()]
    logging.getLogger("agentos_mcp").setLevel(level)
    return EmptyResult()


async def serve_stdio(server: AgentOSServer) -> int:
    """Serve one client over stdin and stdout until it closes stdin; the exit code.

    A signal ends the process from here: the thread that reads stdin cannot be ended, so nothing
    that waits for it ever returns.
    """
    low = server._lowlevel_server
    options = low.create_initialization_options(NotificationOptions(tools_changed=True))
    received: list[int] = []
    try:
        async with anyio.create_task_group() as tasks:
            if sys.platform != "win32":
                await tasks.start(_stop_on_signal, server, tasks.cancel_scope, received)
            async with stdio_server() as (incoming, outgoing):
                try:
                    await low.run(_Watched(incoming, server), outgoing, options)
                finally:
                    if received:
                        leave_process(128 + received[0])
            tasks.cancel_scope.cancel()
    except* (BrokenPipeError, ConnectionResetError):
        # The client is gone, and with it the other end of stdout.
        leave_process(0)
    return 0


async def _stop_on_signal(
    server: AgentOSServer,
    scope: anyio.CancelScope,
    received: list[int],
    *,
    task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            received.append(number)
            server.leave()
            scope.cancel()
            return


def leave_process(code: int) -> None:
    """End the process at once, with what was written flushed: a reader thread may still hold stdin."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


class _Watched:
    """The client's messages, with an eye on those that say how a call ends.

    A call is cancelled by its client, or ends because the client is gone; by then the SDK tells
    the call only that it is over.
    """

    def __init__(self, stream: Any, server: AgentOSServer) -> None:
        self._stream = stream
        self._server = server

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return self._seen(await self._stream.__anext__())
        except StopAsyncIteration:
            self._server.leave()
            raise

    async def receive(self) -> SessionMessage | Exception:
        try:
            return self._seen(await self._stream.receive())
        except anyio.EndOfStream:
            self._server.leave()
            raise

    def _seen(self, message: SessionMessage | Exception) -> SessionMessage | Exception:
        inner = message.message if isinstance(message, SessionMessage) else None
        if isinstance(inner, JSONRPCNotification) and inner.method == "notifications/cancelled":
            self._server.cancelled_by_client((inner.params or {}).get("requestId"))
        return message

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        done: bool | None = await self._stream.__aexit__(kind, error, trace)
        return done


def _no_such_tool(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"Unknown tool: {name[:80]}. " + (f"Did you mean {near[0]}?" if near else f"There are: {', '.join(names)}.")


def _takes(tool: Tool) -> str:
    required = tool.parameters.get("required", [])
    names = [f"{name} (required)" if name in required else name for name in tool.parameters.get("properties", {})]
    return f"{tool.name} takes {', '.join(names)}." if names else f"{tool.name} takes no arguments."


def _problems(error: ValidationError) -> str:
    """What is wrong with the arguments, without the values: they may be long, or secret."""
    problems = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        where = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "missing":
            problems.append(f"'{where}' is missing.")
        else:
            name, _, rest = where.partition(".")
            inside = f" (at {rest})" if rest and "[" not in rest else ""
            problems.append(f"'{name}'{inside}: {_said(problem['type'], problem['msg'])}.")
    return " ".join(dict.fromkeys(problems))


def _said(kind: str, message: str) -> str:
    if kind in {"dict_type", "mapping_type"}:
        return "give a JSON object"
    return message[:1].lower() + message[1:]
