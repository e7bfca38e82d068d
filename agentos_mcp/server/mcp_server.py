"""The MCP server's class: what it does beyond the SDK's, in both protocol eras.

Legacy (2025-11-25 and earlier) has sessions and `initialize`, modern (2026-07-28) is stateless and has
`server/discover`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types import (
    CLIENT_INFO_META_KEY,
    SERVER_INFO_META_KEY,
    CallToolRequestParams,
    CallToolResult,
    ElicitRequest,
    ElicitResult,
    EmptyResult,
    GetPromptResult,
    InputRequiredResult,
    InputResponses,
    ListToolsResult,
    PaginatedRequestParams,
    SetLevelRequestParams,
)
from mcp_types import Tool as ListedTool
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import AnyUrl, BaseModel, ValidationError

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.http_errors import READING_ERRORS
from agentos_mcp.agentos.plain_text import excerpt
from agentos_mcp.agentos.task_groups import unwrapped_task_group
from agentos_mcp.server import icon
from agentos_mcp.server.app_views import AppViews
from agentos_mcp.server.caller_state import CallerState
from agentos_mcp.server.callers import Callers
from agentos_mcp.server.cancellations import Cancellations
from agentos_mcp.server.client_limits import ClientLimits
from agentos_mcp.server.component_tools import ComponentTools
from agentos_mcp.server.day_notices import DayNotices
from agentos_mcp.server.http.disconnects import ended_by_client
from agentos_mcp.server.instance_prompts import InstancePrompts
from agentos_mcp.server.instance_resources import InstanceResources
from agentos_mcp.server.introduction import (
    AGENTOS_META_KEY,
    INTRODUCTION_SECONDS,
    AgentOSState,
    build_instructions,
    read_agentos_state,
    read_instance_states,
)
from agentos_mcp.server.prompts import Prompts
from agentos_mcp.server.protocol_errors import translate_errors
from agentos_mcp.server.request_handlers import RequestHandlers
from agentos_mcp.server.resources import MARKDOWN, Resources
from agentos_mcp.server.sdk_compat import add_request_handler, is_cancelled
from agentos_mcp.server.sdk_import import without_package
from agentos_mcp.server.subscriptions import SubscriptionHub, SubscriptionTotals, run_of
from agentos_mcp.server.telemetry.telemetry import Telemetry
from agentos_mcp.server.tool_selection import ToolSelection, without_missing_tools
from agentos_mcp.server.tool_surface import ToolSurface
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.argument_limits import MAX_NAME_LENGTH, MAX_PATH_LENGTH, check_argument
from agentos_mcp.tooling.client_quirks import quirks_of
from agentos_mcp.tooling.context import Backend, CallEnd, ToolContext
from agentos_mcp.tooling.instances import Instances
from agentos_mcp.tooling.mcp_tool import error_result, mcp_tool

log = logging.getLogger(__name__)

_UNKNOWN_STATE = "invalid_request_state"
_UNKNOWN_STATE_MESSAGE = (
    "Nothing was done: the answer belongs to no question that is open on this server. The server was restarted "
    "(--state-secret-file keeps questions across restarts), the question has expired, or the answer is another call's."
)
_FEATURES_TIMEOUT_SECONDS = 1.5
"""How long the first list of tools waits to learn what this AgentOS can do; a longer one is corrected later."""
_MAX_ROUNDS = 50
"""How often a legacy client's person is asked within one call."""
_FIRST_VERSION_WITH_ICONS = "2025-11-25"
_LISTS = ("tools", "prompts", "resources")
_LOG_LEVELS = {"notice": logging.INFO, "alert": logging.CRITICAL, "emergency": logging.CRITICAL}


class AgentOSServer(MCPServer[CallerState]):
    """MCPServer with its own errors for invalid arguments, and instructions made for each client."""

    shared_state: CallerState | None = None
    """The state that is open, of all callers where they are not told apart."""
    callers: Callers | None = None
    """The states of callers who each have an identity of their own."""
    stopping: anyio.Event
    """Set once the server is to stop, while calls still answer."""
    open_counts: dict[str, tuple[str, Callable[[], int]]]
    """How much of what is open now, by the names of metrics: what it is, and how to count it."""
    _fixed_tools: dict[str, ListedTool] | None = None
    """The tools that are no components', by name, as clients are told of them; None where they have changed."""

    def __init__(
        self,
        name: str,
        *,
        agentos_settings: Settings,
        introduction_seconds: float = INTRODUCTION_SECONDS,
        telemetry: Telemetry | None = None,
        **options: Any,
    ) -> None:
        """Raises SettingsError for a tool that does not exist. `options` are MCPServer's."""
        self._subscription_totals = SubscriptionTotals()
        self.subscriptions = SubscriptionHub(self._subscription_totals)
        self.tool_selection = ToolSelection(agentos_settings)
        self.component_tools = ComponentTools(agentos_settings, self.tool_selection.all_names)
        self.cancellations = Cancellations()
        self.stopping = anyio.Event()
        self.open_counts: dict[str, tuple[str, Callable[[], int]]] = {
            "followed_runs": ("Runs that are followed now.", self._count_followed_runs)
        }
        # The SDK sets up logging with rich, which is set up here already.
        with without_package("rich"):
            super().__init__(
                name,
                tools=[mcp_tool(tool, agentos_settings) for tool in self.tool_selection.tools],
                middleware=[
                    self.cancellations,
                    ClientLimits(),
                    AppViews(self, self.tools_for),
                    DayNotices(),
                    self._introduce,
                ],
                subscriptions=self.subscriptions.bus,
                **options,
            )
        # Within the SDK's span of the request, and around everything that may refuse it.
        self.middleware[1:1] = telemetry.middleware(self) if telemetry is not None else ()
        # Before the SDK's own, which refuses a state that it cannot open without saying what to do.
        self.middleware.insert(0, self._refuse_unknown_state)
        self._agentos_settings = agentos_settings
        self._introduction_seconds = introduction_seconds
        several = bool(agentos_settings.instances)
        self.resources = (InstanceResources if several else Resources)(agentos_settings)
        self.prompts = (InstancePrompts if several else Prompts)(self.tool_selection)
        RequestHandlers(self, self.resources, self.prompts).register()
        add_request_handler(self, "tools/list", PaginatedRequestParams, self._list_tools)
        add_request_handler(self, "logging/setLevel", SetLevelRequestParams, _set_log_level)

    @property
    def backend(self) -> Backend | None:
        """The AgentOS of `shared_state`, while it is open."""
        return self.shared_state.backend if self.shared_state is not None else None

    def serve_each_caller(self, callers: Callers) -> None:
        """From now on every request is served with the state of its own caller, and none without a caller."""

        async def with_state_of_caller(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
            async with callers.state_for(ctx) as state:
                return await call_next(replace(ctx, lifespan_context=state))

        self.callers = callers
        self.middleware.insert(0, with_state_of_caller)

    def new_state(self, backend: Backend, instances: Instances | None) -> CallerState:
        """The state of one caller of several, whose AgentOS this is, or whose AgentOSes these are."""
        return CallerState(
            backend,
            ComponentTools(self._agentos_settings, self.tool_selection.all_names),
            SubscriptionHub(self._subscription_totals),
            instances=instances,
        )

    async def _list_tools(self, ctx: ServerRequestContext[Any, Any], _: PaginatedRequestParams) -> ListToolsResult:
        return ListToolsResult(tools=await self.tools_for(ctx.lifespan_context))

    async def list_tools(self) -> list[ListedTool]:
        return await self.tools_for(self.shared_state)

    async def tools_for(self, state: CallerState | None) -> list[ListedTool]:
        """The tools that a caller sees."""
        backends = state.backends if state is not None else ()
        component_tools: Mapping[str, Tool] = {}
        if state is not None:
            await state.component_tools.refresh(state.backend)
            component_tools = state.component_tools.tools
            # What is on by default needs nothing that a supported AgentOS lacks, so it need not wait to be checked.
            if state.backend.catalog.known and not all(tool.default for tool in self.tool_selection.tools):
                with anyio.move_on_after(_FEATURES_TIMEOUT_SECONDS), contextlib.suppress(AgentOSError, *READING_ERRORS):
                    await state.backend.discovery.features()
            state.has_client.set()
        listed_names = {tool.name for tool in self.tool_selection.listed_tools(*backends)}
        if state is not None:
            listed_names |= state.component_tools.names_permitted_by(state.backend.scopes)
        tools = [tool for tool in (await self._all_tools(component_tools)).values() if tool.name in listed_names]
        missing_names = self.tool_selection.all_names.difference(tool.name for tool in tools)
        # A component's own words are not ours to change.
        return [tool if tool.name in component_tools else without_missing_tools(tool, missing_names) for tool in tools]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[CallerState, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        state = self._state_of(context)
        component_tools = state.component_tools if state is not None else self.component_tools
        backend = state.backend if state is not None else None
        tool = await self._find_tool(name, component_tools.tools)
        if tool is None and len(name) <= MAX_NAME_LENGTH and await component_tools.refresh(backend):
            tool = await self._find_tool(name, component_tools.tools)
        if tool is None:
            names = list(await self._all_tools(component_tools.tools))
            return error_result(self.tool_selection.unknown_tool_message(name, names))
        backends = state.backends if state is not None else ()
        if unavailable_reason := self.tool_selection.unavailable_on_all(name, backends):
            return error_result(unavailable_reason)
        known = tool.input_schema.get("properties", {})
        if unknown := [argument for argument in arguments if argument not in known]:
            return error_result(f"{name} has no argument '{excerpt(unknown[0])}'. {_describe_arguments(tool)}")
        # Some models write null for "not given".
        arguments = {key: value for key, value in arguments.items() if value is not None}
        try:
            result = await self._run_tool(name, arguments, context)
            for _ in range(_MAX_ROUNDS):
                if not isinstance(result, InputRequiredResult) or context is None or _is_modern(context):
                    break
                context = await self._ask_client(context, name, arguments, result)
                result = await self._run_tool(name, arguments, context)
            return result
        except ToolError as error:
            if isinstance(error.__cause__, ValidationError):
                return error_result(f"{_describe_invalid_arguments(error.__cause__)} {_describe_arguments(tool)}")
            raise

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[CallerState, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        if context is None or name in [prompt.name for prompt in await self.list_prompts()]:
            return await super().get_prompt(name, arguments, context)
        with translate_errors(f"The prompt {excerpt(name)}"):
            return await self.prompts.get(ToolContext.of(context), name, arguments or {})

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[CallerState, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        if context is None or (len(str(uri)) <= MAX_PATH_LENGTH and not str(uri).startswith("agentos:")):
            return await super().read_resource(uri, context)
        with translate_errors(f"Reading {excerpt(str(uri))}", {"uri": str(uri)[:MAX_PATH_LENGTH]}):
            check_argument("uri", str(uri), MAX_PATH_LENGTH)
            ctx, ref = ToolContext.of(context), run_of(str(uri))
            if ref is not None:
                ctx = ToolContext(context.request_context.lifespan_context.backend_of_run(ref), context)
            text = await self.resources.read(ctx, str(uri))
        return [ReadResourceContents(content=text, mime_type=MARKDOWN)]

    async def answer_calls(self) -> None:
        """Have calls that wait for a run, or for a person, answer with where the run stands; return once all have."""
        self.begin_shutdown()
        self.stopping.set()
        for state in self._states:
            for backend in state.backends:
                backend.run_registry.stop_waiting()
        await self.cancellations.wait_for_calls()

    def _count_followed_runs(self) -> int:
        return sum(backend.run_registry.followed_count for state in self._states for backend in state.backends)

    @property
    def _states(self) -> list[CallerState]:
        """The states that are open, of all callers."""
        shared = [self.shared_state] if self.shared_state is not None else []
        return [*shared, *(self.callers.states if self.callers is not None else ())]

    def begin_shutdown(self) -> None:
        """Calls that end from now on end because the client or the server goes, not because they were cancelled."""
        for state in self._states:
            state.begin_shutdown()

    async def end_of_call(self, ctx: ServerRequestContext[Any, Any]) -> CallEnd:
        """Why a call ends that is being ended; the SDK tells the call only that it is over."""
        if is_cancelled(ctx):
            params = ctx.session.client_params
            quirks = quirks_of(params.client_info.name if params is not None else "")
            is_timeout = quirks.tells_timeouts and await self.cancellations.is_timeout(ctx)
            return CallEnd.TIMED_OUT if is_timeout else CallEnd.CANCELLED
        if ctx.lifespan_context.backend.shutting_down:
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
            # An error of the protocol, as the specification asks for; its message is what a client shows.
            hint = self._unknown_state_hint(str((ctx.params or {}).get("name") or ""))
            raise MCPError(code=error.error.code, message=f"{_UNKNOWN_STATE_MESSAGE} {hint}", data=data) from None

    def _unknown_state_hint(self, name: str) -> str:
        tools = {tool.name: tool for tool in self.tool_selection.tools}
        if name == "continue_run":
            return "Call continue_run again without the old answer: what the run asks now is asked again."
        if name in tools and tools[name].destructive:
            return f"Call {name} again without the old answer: the person is asked again."
        find = "list_runs(status='paused') finds it, and " if "list_runs" in tools else ""
        answer = f"the run still waits: {find}continue_run(run) answers it." if "continue_run" in tools else ""
        return f"If it was a run's, {answer}" if answer else f"Call {name[:80]} again without the old answer."

    async def _introduce(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Middleware: the instructions, and the state of AgentOS in `_meta`, in what a client gets first."""
        result = await call_next(ctx)
        if ctx.method not in {"initialize", "server/discover"} or result is None:
            return result
        answer = (
            result.model_dump(mode="json", by_alias=True, exclude_none=True)
            if isinstance(result, BaseModel)
            else dict(result)
        )
        _add_icons(answer)
        # The SDK's transports say of a legacy server that its lists never change.
        answer["capabilities"] = {
            name: {**value, "listChanged": True} if name in _LISTS else value
            for name, value in answer["capabilities"].items()
        }
        try:
            params = ctx.params or {}
            about = params.get("clientInfo") or (params.get("_meta") or {}).get(CLIENT_INFO_META_KEY)
            name = str(about.get("name") or "") if isinstance(about, Mapping) else ""
            timeout_seconds = self._introduction_seconds + quirks_of(name).introduction_seconds
            deadline = anyio.current_time() + timeout_seconds
            caller: CallerState = ctx.lifespan_context
            instance_states: Mapping[str, AgentOSState] = {}
            if caller.instances is not None:
                instance_states = await read_instance_states(caller.instances, timeout_seconds)
                agentos_state = instance_states[caller.backend.instance]
            else:
                agentos_state = await read_agentos_state(caller.backend, timeout_seconds)
            caller.introduced_early |= agentos_state.inventory is None
            with anyio.CancelScope(deadline=deadline):
                await caller.component_tools.refresh(caller.backend)
            surface = ToolSurface(self.tool_selection, caller.backend, is_of_one=False).for_client(name)
            answer["instructions"] = build_instructions(
                self._agentos_settings,
                self.tool_selection,
                surface,
                agentos_state,
                caller.component_tools.missing,
                instance_states,
            )
            meta = agentos_state.to_meta()
            if instance_states:
                meta["instances"] = {name: state.to_meta() for name, state in instance_states.items()}
            answer["_meta"] = {**answer.get("_meta", {}), AGENTOS_META_KEY: meta}
        except Exception:
            log.exception("The introduction could not be made")
        if ctx.lifespan_context.instances is None:
            ctx.lifespan_context.has_client.set()
        return answer

    def _state_of(self, context: Context[CallerState, Any] | None) -> CallerState | None:
        return context.request_context.lifespan_context if context is not None else self.shared_state

    async def _all_tools(self, component_tools: Mapping[str, Tool]) -> dict[str, ListedTool]:
        """The fixed tools, and those of components, which come and go."""
        return await self._described_fixed_tools() | {name: _to_listed(tool) for name, tool in component_tools.items()}

    async def _described_fixed_tools(self) -> dict[str, ListedTool]:
        """Described once, not anew for each of many calls."""
        if self._fixed_tools is None:
            self._fixed_tools = {tool.name: tool for tool in await super().list_tools()}
        return self._fixed_tools

    def add_tool(self, *arguments: Any, **options: Any) -> None:
        super().add_tool(*arguments, **options)
        self._fixed_tools = None

    def remove_tool(self, name: str) -> None:
        super().remove_tool(name)
        self._fixed_tools = None

    async def _find_tool(self, name: str, component_tools: Mapping[str, Tool]) -> ListedTool | None:
        """The tool of this name; of the others none is described."""
        if (component_tool := component_tools.get(name)) is not None:
            return _to_listed(component_tool)
        return (await self._described_fixed_tools()).get(name)

    async def _run_tool(
        self, name: str, arguments: dict[str, Any], context: Context[CallerState, Any] | None
    ) -> CallToolResult | InputRequiredResult:
        state = self._state_of(context)
        tool = state.component_tools.tools.get(name) if state is not None else None
        if tool is None or context is None:
            return await super().call_tool(name, arguments, context)
        result: CallToolResult | InputRequiredResult = await tool.run(arguments, context, convert_result=True)
        return result

    async def _ask_client(
        self, context: Context[CallerState, Any], name: str, arguments: dict[str, Any], result: InputRequiredResult
    ) -> Context[CallerState, Any]:
        """A legacy client's answers to the questions, in the form in which a modern client brings them."""
        session, request_id = context.request_context.session, context.request_context.request_id
        # Nobody answers any more once the server stops: then the call says where its run stands.
        responses: InputResponses = {key: ElicitResult(action="cancel") for key in result.input_requests or {}}
        async with ending_with(self.stopping):
            for key, request in (result.input_requests or {}).items():
                if isinstance(request, ElicitRequest):
                    responses[key] = await session.send_request(
                        request, ElicitResult, metadata=ServerMessageMetadata(related_request_id=request_id)
                    )
        return Context(
            request_context=context.request_context,
            mcp_server=self,
            input_params=CallToolRequestParams(
                name=name, arguments=arguments, input_responses=responses, request_state=result.request_state
            ),
            subscriptions=context.request_context.lifespan_context.subscriptions.bus,
        )


@contextlib.asynccontextmanager
async def ending_with(event: anyio.Event) -> AsyncIterator[None]:
    """What is awaited inside is cancelled once the event is there."""

    async def wait(scope: anyio.CancelScope) -> None:
        await event.wait()
        scope.cancel()

    async with unwrapped_task_group() as tasks:
        tasks.start_soon(wait, tasks.cancel_scope)
        yield
        tasks.cancel_scope.cancel()


def _add_icons(answer: Mapping[str, Any]) -> None:
    """Put the icons into what a client is told of the server as it connects.

    As options of the server they would be sent with every result of a modern client, since each has its `serverInfo`.
    """
    about = answer.get("serverInfo") or (answer.get("_meta") or {}).get(SERVER_INFO_META_KEY)
    if (
        isinstance(about, dict)
        and answer.get("protocolVersion", _FIRST_VERSION_WITH_ICONS) >= _FIRST_VERSION_WITH_ICONS
    ):
        about["icons"] = [{"src": icon.DATA_URI, "mimeType": icon.MIME_TYPE, "sizes": icon.SIZES}]


def _is_modern(context: Context[CallerState, Any]) -> bool:
    return context.protocol_version in MODERN_PROTOCOL_VERSIONS


def _to_listed(tool: Tool) -> ListedTool:
    return ListedTool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.parameters,
        output_schema=tool.output_schema,
        annotations=tool.annotations,
    )


async def _set_log_level(ctx: ServerRequestContext[Any, Any], params: SetLevelRequestParams) -> EmptyResult:
    """A legacy client's wish for more or fewer logs: what goes to stderr, since log messages are deprecated.

    Over HTTP the log is that of all clients, and none of them decides on it.
    """
    if ctx.request is not None:
        return EmptyResult()
    level = _LOG_LEVELS.get(params.level) or logging.getLevelNamesMapping()[params.level.upper()]
    logging.getLogger("agentos_mcp").setLevel(level)
    return EmptyResult()


def _describe_arguments(tool: ListedTool) -> str:
    required = tool.input_schema.get("required", [])
    names = [f"{name} (required)" if name in required else name for name in tool.input_schema.get("properties", {})]
    return f"{tool.name} takes {', '.join(names)}." if names else f"{tool.name} takes no arguments."


def _describe_invalid_arguments(error: ValidationError) -> str:
    """What is wrong with the arguments, without the values: they may be long, or secret."""
    problems = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        location = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "missing":
            problems.append(f"'{excerpt(location)}' is missing.")
        else:
            name, _, rest = location.partition(".")
            inside = f" (at {excerpt(rest)})" if rest and "[" not in rest else ""
            problems.append(f"'{name}'{inside}: {_problem_text(problem['type'], problem['msg'])}.")
    return " ".join(dict.fromkeys(problems))


def _problem_text(kind: str, message: str) -> str:
    if kind in {"dict_type", "mapping_type"}:
        return "give a JSON object"
    return message[:1].lower() + message[1:]
