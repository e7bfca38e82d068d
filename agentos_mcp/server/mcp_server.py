"""The SDK's corners: what it leaves to servers, in both protocol eras (with `handlers.py`).

Legacy (2025-11-25 and earlier) has sessions and `initialize`, modern (2026-07-28) is stateless and
has `server/discover`. Middleware and the low-level server are provisional in the SDK, so their use
stays in these two files.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool, ToolManager
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ElicitRequest,
    ElicitResult,
    EmptyResult,
    GetPromptResult,
    InputRequiredResult,
    InputResponses,
    SetLevelRequestParams,
)
from mcp_types import Tool as ListedTool
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import AnyUrl, BaseModel, ValidationError

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.http_errors import READING_ERRORS
from agentos_mcp.agentos.inputs.schema_checks import short
from agentos_mcp.server.client_limits import ClientLimits
from agentos_mcp.server.component_tools import ComponentTools
from agentos_mcp.server.http.disconnects import ended_by_client
from agentos_mcp.server.prompts import Prompts
from agentos_mcp.server.resources import MARKDOWN, Resources
from agentos_mcp.server.sdk_compat import handle_lists_and_changes, translate_errors
from agentos_mcp.server.subscriptions import SubscriptionHub
from agentos_mcp.server.tool_selection import ToolSelection
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.argument_limits import NAME, PATH, check_argument
from agentos_mcp.tooling.context import Backend, CallEnd, ToolContext
from agentos_mcp.tooling.mcp_tool import error_result, mcp_tool

log = logging.getLogger(__name__)


class AgentOSServer(MCPServer[Backend]):
    """MCPServer with arguments that are checked in our words and an introduction made for each client."""

    backend: Backend | None = None
    """The backend that is open, for those who stop the server."""
    listed: anyio.Event
    """Set once a client has asked for the tools."""

    def __init__(
        self,
        name: str,
        *,
        offer: ToolSelection,
        settings: Settings,
        introduce: Callable[[], Awaitable[str]],
        **options: Any,
    ) -> None:
        self.changes = SubscriptionHub()
        super().__init__(name, middleware=[ClientLimits(), self._introduce], subscriptions=self.changes.bus, **options)
        self.offer = offer
        self.listed = anyio.Event()
        self.component_tools = ComponentTools(settings, offer.names)
        self._tool_manager = _Tools([mcp_tool(tool, settings) for tool in offer.tools], self.component_tools)
        self._introduction = introduce
        # Before the SDK's own, which refuses a state that it cannot open in words that help nobody.
        self._lowlevel_server.middleware.insert(0, self._refuse_unknown_state)
        self._lowlevel_server.add_request_handler("logging/setLevel", SetLevelRequestParams, _set_log_level)
        self.resources = Resources(settings)
        self.prompts = Prompts(offer)
        handle_lists_and_changes(self, self.resources, self.prompts, self.changes)

    async def list_tools(self) -> list[ListedTool]:
        await self.component_tools.refresh(self.backend)
        # What is on by default needs nothing that a supported AgentOS lacks, so it need not wait to be checked.
        if self.backend is not None and self.backend.catalog.known and not all(t.default for t in self.offer.tools):
            with anyio.move_on_after(_LEARNING_SECONDS), contextlib.suppress(AgentOSError, *READING_ERRORS):
                await self.backend.discovery.features()
        self.listed.set()
        return [
            tool for tool in await super().list_tools() if not self.offer.unavailable_reason(tool.name, self.backend)
        ]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Backend, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        tool = self._tool_manager.get_tool(name)
        if tool is None and len(name) <= NAME and await self.component_tools.refresh(self.backend):
            tool = self._tool_manager.get_tool(name)
        if tool is None:
            return error_result(self.offer.unknown(name, [tool.name for tool in self._tool_manager.list_tools()]))
        if unavailable_reason := self.offer.unavailable_reason(name, self.backend):
            return error_result(unavailable_reason)
        known = tool.parameters.get("properties", {})
        if unknown := [argument for argument in arguments if argument not in known]:
            return error_result(f"{name} has no argument '{short(unknown[0])}'. {_takes(tool)}")
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
                return error_result(f"{_problems(error.__cause__)} {_takes(tool)}")
            raise

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[Backend, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        if context is None or self._prompt_manager.get_prompt(name) is not None:
            return await super().get_prompt(name, arguments, context)
        with translate_errors(f"The prompt {short(name)}"):
            return await self.prompts.get(ToolContext.of(context), name, arguments or {})

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[Backend, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        if context is None or (len(str(uri)) <= PATH and not str(uri).startswith("agentos:")):
            return await super().read_resource(uri, context)
        with translate_errors(f"Reading {short(str(uri))}", {"uri": str(uri)[:PATH]}):
            check_argument("uri", str(uri), PATH)
            words = await self.resources.read(ToolContext.of(context), str(uri))
        return [ReadResourceContents(content=words, mime_type=MARKDOWN)]

    def leave(self) -> None:
        """Calls that end from now on end because the client or the server goes, not because they were cancelled."""
        if self.backend is not None:
            self.backend.shutting_down = True
        self.changes.close_streams()

    def end_of_call(self, ctx: ServerRequestContext[Any, Any]) -> CallEnd:
        """Why a call ends that is being ended; the SDK tells the call only that it is over."""
        if ctx.session._request_outbound.cancel_requested.is_set():
            return CallEnd.CANCELLED
        if self.backend is None or self.backend.shutting_down:
            return CallEnd.LOST
        if ctx.request is None:
            return CallEnd.CANCELLED
        # In sessions a closed connection ends no call: this one ends because its session does.
        modern = ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
        return CallEnd.CLOSED if modern and ended_by_client(ctx.request.scope) else CallEnd.LOST

    async def _refuse_unknown_state(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        try:
            return await call_next(ctx)
        except MCPError as error:
            data = error.error.data
            if ctx.method != "tools/call" or not (isinstance(data, dict) and data.get("reason") == _UNKNOWN_STATE):
                raise
            # An error of the protocol, as the specification asks for; its words are what a client shows.
            words = f"{_NOT_ASKED} {self._hint_for(str((ctx.params or {}).get('name') or ''))}"
            raise MCPError(code=error.error.code, message=words, data=data) from None

    def _hint_for(self, name: str) -> str:
        offered = {tool.name: tool for tool in self.offer.tools}
        if name == "continue_run":
            return "Call continue_run again without the old answer: what the run asks now is asked anew."
        if name in offered and offered[name].destructive:
            return f"Call {name} again without the old answer: the person is asked anew."
        find = "list_runs(status='paused') finds it, and " if "list_runs" in offered else ""
        go_on = f"the run still waits: {find}continue_run(run) answers it." if "continue_run" in offered else ""
        return f"If it was a run's, {go_on}" if go_on else f"Call {name[:80]} again without the old answer."

    async def _introduce(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        result = await call_next(ctx)
        if ctx.method not in {"initialize", "server/discover"} or result is None:
            return result
        try:
            words = await self._introduction()
        except Exception:
            log.exception("The introduction could not be made")
            return result
        if isinstance(result, BaseModel):
            return result.model_copy(update={"instructions": words})
        return {**result, "instructions": words}


class _Tools(ToolManager):
    """The tools that are fixed, and those of components, which come and go."""

    def __init__(self, tools: list[Tool], component_tools: ComponentTools) -> None:
        super().__init__(tools=tools)
        self._exposure = component_tools

    def get_tool(self, name: str) -> Tool | None:
        return super().get_tool(name) or self._exposure.tools.get(name)

    def list_tools(self) -> list[Tool]:
        return [*super().list_tools(), *self._exposure.tools.values()]


_UNKNOWN_STATE = "invalid_request_state"
_NOT_ASKED = (
    "Nothing was done: the answer belongs to no question that this server has open. The server was restarted since "
    "(--state-secret-file keeps questions over that), or the question is too old, or of another call."
)
_LEARNING_SECONDS = 1.5
"""How long the first list of tools waits to learn what this AgentOS can do; a longer one is corrected later."""
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


_LOG_LEVELS = {"notice": logging.INFO, "alert": logging.CRITICAL, "emergency": logging.CRITICAL}


async def _set_log_level(ctx: ServerRequestContext[Any, Any], params: SetLevelRequestParams) -> EmptyResult:
    """A legacy client's wish for more or fewer logs: what goes to stderr, since log messages are deprecated.

    Over HTTP the log is that of all clients, and none of them decides on it.
    """
    if ctx.request is not None:
        return EmptyResult()
    level = _LOG_LEVELS.get(params.level) or logging.getLevelNamesMapping()[params.level.upper()]
    logging.getLogger("agentos_mcp").setLevel(level)
    return EmptyResult()


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
            problems.append(f"'{short(where)}' is missing.")
        else:
            name, _, rest = where.partition(".")
            inside = f" (at {short(rest)})" if rest and "[" not in rest else ""
            problems.append(f"'{name}'{inside}: {_said(problem['type'], problem['msg'])}.")
    return " ".join(dict.fromkeys(problems))


def _said(kind: str, message: str) -> str:
    if kind in {"dict_type", "mapping_type"}:
        return "give a JSON object"
    return message[:1].lower() + message[1:]
