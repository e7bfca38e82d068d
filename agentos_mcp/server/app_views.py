"""MCP Apps: pages beside the results of tools, for clients that declare that they show them. Others see none of it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID, client_supports_apps
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import CallToolResult, ReadResourceResult, TextContent, TextResourceContents, Tool
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentos_mcp.agentos.catalog import Component
from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest
from agentos_mcp.agentos.http_errors import READING_ERRORS, reading_failure
from agentos_mcp.tooling.argument_limits import MAX_NAME_LENGTH, MAX_PATH_LENGTH
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.views.content import View

if TYPE_CHECKING:
    from agentos_mcp.agentos.runs.run import Kind, RunRef
    from agentos_mcp.views.content import ViewContent
    from agentos_mcp.views.view_reader import ViewReader

DATA_TOOL = "get_view_data"
"""The tool by which a page reads what it shows. It is the page's alone: hosts do not offer it to a model."""
URI_PREFIX = "ui://agentos-mcp/"
VIEWS: Mapping[View, tuple[str, ...]] = {
    "run": ("run_agent", "run_team", "run_workflow", "continue_run", "get_run", "explain_run"),
    "trace": ("get_trace",),
    "metrics": ("get_metrics",),
    "inbox": ("list_pending", "list_approvals"),
    "compare": ("compare_runs",),
}
"""The views, and the tools beside whose results they are shown; that of a run also beside those of components."""
_TITLES: Mapping[View, str] = {
    "run": "Timeline of a run",
    "trace": "Spans of a trace",
    "metrics": "Metrics",
    "inbox": "What waits",
    "compare": "Two runs compared",
}
_COMPONENT_PREFIX = "run/"
"""Before the name of a component's tool: its page has to know whose run it shows before there is a reference."""
_WATCH_SECONDS = 1.0
"""How long a page's request waits for news of a run that is going."""

_Name = Annotated[str, Field(max_length=MAX_NAME_LENGTH)]


class _ViewArguments(BaseModel):
    model_config = ConfigDict(extra="forbid")

    view: View
    id: Annotated[str, Field(max_length=MAX_PATH_LENGTH)] = ""
    kind: Literal["", "agent", "team", "workflow"] = ""
    component: _Name = ""
    run_a: Annotated[str, Field(max_length=MAX_PATH_LENGTH)] = ""
    run_b: Annotated[str, Field(max_length=MAX_PATH_LENGTH)] = ""
    since: _Name = ""
    until: _Name = ""
    user_id: _Name = ""
    db_id: _Name = ""


@dataclass(frozen=True)
class _Access:
    """What the pages of a caller may show: what the tools do that the caller sees."""

    names: frozenset[str]
    components: Mapping[str, Component]
    """Those that have a tool of their own, by the tools' names."""

    @property
    def views(self) -> list[View]:
        shown = {view for view, tools in VIEWS.items() if self.names.intersection(tools)}
        return [view for view in VIEWS if view in shown or (view == "run" and self.components)]

    def component_of_page(self, name: str) -> Component | None:
        """The component whose own page has this name; None where there is none."""
        tool = name.removeprefix(_COMPONENT_PREFIX)
        return self.components.get(tool) if tool != name else None

    def may_show(self, ref: RunRef) -> bool:
        """Whether a tool shows this run: one that takes any, or its component's own."""
        own = {(component.kind, component.id) for component in self.components.values()}
        return bool(self.names.intersection(VIEWS["run"])) or (ref.kind, ref.component) in own


class AppViews:
    """Middleware: adds the pages to what a client of MCP Apps is told, and answers what they ask.

    Only pages whose tools are listed are added, and nothing can be read by them that those tools do not show.
    """

    def __init__(self, server: MCPServer[Any], tools_for: Callable[[Any], Awaitable[Sequence[Tool]]]) -> None:
        """`tools_for` gives the tools that a caller sees, by the caller's state."""
        self._server = server
        self._tools_for = tools_for
        self._reader: ViewReader | None = None

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.lifespan_context.instances is not None:
            # A page asks for its data without saying of which AgentOS.
            return await call_next(ctx)
        params = ctx.params or {}
        match ctx.method:
            case "tools/call" if params.get("name") == DATA_TOOL and client_supports_apps(ctx):
                return await self._read_view(ctx, params.get("arguments"))
            case "resources/read" if str(params.get("uri")).startswith(URI_PREFIX) and client_supports_apps(ctx):
                return await self._page(ctx, str(params["uri"])) or await call_next(ctx)
        result = await call_next(ctx)
        if ctx.method not in {"initialize", "server/discover", "tools/list", "resources/list"} or result is None:
            return result
        if not client_supports_apps(ctx):
            return result
        answer = (
            result.model_dump(mode="json", by_alias=True, exclude_none=True)
            if isinstance(result, BaseModel)
            else dict(result)
        )
        if ctx.method == "tools/list":
            answer["tools"] = _with_views(answer["tools"], ctx.lifespan_context.component_tools.components)
        elif ctx.method == "resources/list":
            if not answer.get("nextCursor"):
                answer["resources"] = [*answer["resources"], *map(_resource, (await self._access(ctx)).views)]
        else:
            extensions = answer["capabilities"].get("extensions") or {}
            answer["capabilities"] = {**answer["capabilities"], "extensions": {**extensions, EXTENSION_ID: {}}}
        return answer

    async def _access(self, ctx: ServerRequestContext[Any, Any]) -> _Access:
        names = {tool.name for tool in await self._tools_for(ctx.lifespan_context)}
        components = ctx.lifespan_context.component_tools.components
        return _Access(frozenset(names), {name: component for name, component in components.items() if name in names})

    async def _page(self, ctx: ServerRequestContext[Any, Any], uri: str) -> ReadResourceResult | None:
        from agentos_mcp.views.page import build_page

        name = uri.removeprefix(URI_PREFIX)
        view = next((view for view in VIEWS if name == view), None)
        if view is not None:
            page = build_page(view, data_tool=DATA_TOOL)
        elif component := (await self._access(ctx)).component_of_page(name):
            subject = {"kind": component.kind, "component": component.id}
            page = build_page("run", data_tool=DATA_TOOL, subject=subject)
        else:
            return None
        return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=APP_MIME_TYPE, text=page)])

    async def _read_view(self, ctx: ServerRequestContext[Any, Any], raw_arguments: object) -> CallToolResult:
        try:
            arguments = _ViewArguments.model_validate(raw_arguments or {})
        except ValidationError as error:
            takes = ", ".join(_ViewArguments.model_fields)
            return _failure(
                f"{DATA_TOOL} takes {takes}; {error.error_count()} of what was given is wrong.", is_final=True
            )
        access = await self._access(ctx)
        if arguments.view not in access.views:
            return _failure(f"The view {arguments.view} is off here.", is_final=True)
        from agentos_mcp.views.view_reader import error_data, view_data

        context = ToolContext.of(Context(request_context=ctx, mcp_server=self._server))
        try:
            content = await self._content(context, arguments, access)
        except AgentOSError as error:
            return _failure(**error_data(context, error))
        except READING_ERRORS as error:
            return _failure(**error_data(context, reading_failure(error, DATA_TOOL)))
        text = json.dumps(view_data(context, content), ensure_ascii=False, separators=(",", ":"))
        return CallToolResult(content=[TextContent(type="text", text=text)])

    async def _content(self, ctx: ToolContext, arguments: _ViewArguments, access: _Access) -> ViewContent:
        from agentos_mcp.views.view_reader import ViewReader, ViewSubject

        self._reader = reader = self._reader or ViewReader()
        reference = arguments.id
        if arguments.view == "run" and not reference:
            kind: Kind = arguments.kind or "agent"
            live = await reader.live_run(ctx, kind, arguments.component)
            if live is None:
                return reader.starting(kind, arguments.component)
            reference = str(live)
        if arguments.view == "run" and not access.may_show(ctx.run_ref(reference)):
            raise InvalidRequest("Runs of this component are not shown here.")
        fixed = ctx.settings.injected
        subject = ViewSubject(
            arguments.view,
            reference,
            arguments.run_a,
            arguments.run_b,
            since=arguments.since,
            until=arguments.until,
            user_id=ctx.ownership.user_id or arguments.user_id,
            db_id=fixed.get("db_id") or arguments.db_id,
        )
        return await reader.read(ctx, subject, watch_seconds=_WATCH_SECONDS)


def _failure(error: str, *, is_final: bool) -> CallToolResult:
    """Why there is nothing to show, as JSON: the page asks again unless that is final."""
    document = json.dumps({"error": error, "is_final": is_final}, ensure_ascii=False, separators=(",", ":"))
    return CallToolResult(content=[TextContent(type="text", text=document)], is_error=True)


def _with_views(tools: list[dict[str, Any]], components: Mapping[str, Component]) -> list[dict[str, Any]]:
    """The tools with their pages, and the tool that the pages call."""
    page_of: dict[str, str] = {name: view for view, names in VIEWS.items() for name in names}
    page_of |= {name: _COMPONENT_PREFIX + name for name in components}
    names = {tool["name"] for tool in tools}
    if not names & page_of.keys():
        return tools
    listed = [
        {**tool, "_meta": {**tool.get("_meta", {}), "ui": {"resourceUri": URI_PREFIX + page_of[tool["name"]]}}}
        if tool["name"] in page_of
        else tool
        for tool in tools
    ]
    schema = _ViewArguments.model_json_schema()
    properties = {name: {"type": "string"} for name in schema["properties"]}
    data_tool = {
        "name": DATA_TOOL,
        "title": "Data of a view",
        "description": "What a page of this server shows.",
        "inputSchema": {
            "type": "object",
            "properties": properties,
            "required": ["view"],
            "additionalProperties": False,
        },
        "annotations": {
            "readOnlyHint": True,
            "destructiveHint": False,
            "idempotentHint": True,
            "openWorldHint": False,
        },
        "_meta": {"ui": {"visibility": ["app"]}},
    }
    return [*listed, data_tool]


def _resource(view: View) -> dict[str, Any]:
    return {"uri": URI_PREFIX + view, "name": f"view/{view}", "title": _TITLES[view], "mimeType": APP_MIME_TYPE}
