"""What can be read under agentos:// URIs: each is a tool's result in a place of its own, as short markdown."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast
from urllib.parse import unquote

from mcp_types import CallToolResult, Resource, ResourceTemplate, TextContent

from agentos_mcp.agentos.catalog import Component, DataStore, Inventory, shown_id
from agentos_mcp.agentos.errors import NotFound
from agentos_mcp.agentos.paths import quoted
from agentos_mcp.agentos.plain_text import strip_control_chars
from agentos_mcp.agentos.runs.run import Kind, RunRef
from agentos_mcp.runs.result import run_result, standing
from agentos_mcp.server import completions
from agentos_mcp.server.client_limits import MAX_URI
from agentos_mcp.server.completions import Completer
from agentos_mcp.server.current_inventory import glance, in_order
from agentos_mcp.server.tool_selection import ToolSelection
from agentos_mcp.settings import Settings
from agentos_mcp.settings.settings import ALL
from agentos_mcp.tooling.budget import cut_to_budget
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.markdown import one_line
from agentos_mcp.tooling.mcp_tool import to_mcp_result
from agentos_mcp.tooling.tool_spec import Result, ToolFunction
from agentos_mcp.tools.catalog import get_component

MARKDOWN = "text/markdown"
RUNS = "agentos://runs/"


@dataclass(frozen=True)
class ResourceSpec:
    """One resource, or all those of a template, and the tool whose result it is.

    `arguments` are the tool's, where "{x}" stands for the URI's variable; without them the variables
    are the arguments. `part` may lie in several databases or knowledge bases: all of them are read.
    `several`: offered only where there are several knowledge bases (True), or not (False).
    """

    template: str
    title: str
    description: str
    tool: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    part: DataStore | None = None
    completes: Mapping[str, Completer] = field(default_factory=dict)
    several: bool | None = None
    read: ToolFunction | None = None
    """What reads it instead of the tool."""

    @property
    def name(self) -> str:
        """`agents` for agentos://agents, `agents/{agent_id}` for agentos://agents/{agent_id}."""
        return self.template.removeprefix("agentos://")

    @property
    def single(self) -> bool:
        """Whether it is one thing rather than a list."""
        return "{" in self.template


async def read_component(ctx: ToolContext, kind: Kind, id: str) -> str:
    """A component by its very id: a URI is no place for near misses."""
    component = await ctx.catalog.find(kind, id)
    if component.id != id:
        raise NotFound(f"No {kind} of the id '{shown_id(id)}'.", f"Did you mean '{shown_id(component.id)}'?")
    return await get_component(ctx, kind, id)


async def read_run(ctx: ToolContext, kind: str, component: str, session: str, run: str) -> str:
    """Where a run stands now, without waiting for it."""
    ref = RunRef.parse("/".join((kind, *map(quoted, (component, session, run)))))
    if ctx.ownership.user_id and not ctx.ownership.knows(ref):
        # Somebody may just be asking for it, which makes it followed before it is known whose it is.
        await ctx.engine.read(ref)
    live = ctx.run_registry.get(ref)
    state = live.state if live is not None else await ctx.engine.read(ref)
    return (
        run_result(state, tokens=ctx.settings.result_tokens, surface=ctx.surface)
        if state.ended
        else standing(state, ctx.surface)
    )


RESOURCES = (
    ResourceSpec("agentos://config", "This AgentOS", "What this AgentOS is made of.", "get_config"),
    ResourceSpec("agentos://agents", "Agents", "The agents, and what each does.", "list_agents"),
    ResourceSpec("agentos://teams", "Teams", "The teams of agents, and what each does.", "list_teams"),
    ResourceSpec("agentos://workflows", "Workflows", "The workflows, and what each does.", "list_workflows"),
    ResourceSpec("agentos://sessions", "Sessions", "The latest conversations.", "list_sessions", part="session"),
    ResourceSpec("agentos://memories", "Memories", "What is remembered of users.", "list_memories", part="memory"),
    ResourceSpec(
        "agentos://knowledge", "Knowledge", "What is in the knowledge base.", "list_knowledge", part="knowledge"
    ),
    ResourceSpec(
        "agentos://traces", "Traces", "What AgentOS did lately, and how long it took.", "list_traces", part="traces"
    ),
    ResourceSpec(
        "agentos://agents/{agent_id}",
        "Agent",
        "One agent: model, tools, inputs.",
        "get_component",
        {"kind": "agent", "id": "{agent_id}"},
        completes={"agent_id": completions.components("agent")},
        read=read_component,
    ),
    ResourceSpec(
        "agentos://teams/{team_id}",
        "Team",
        "One team: members, models, tools.",
        "get_component",
        {"kind": "team", "id": "{team_id}"},
        completes={"team_id": completions.components("team")},
        read=read_component,
    ),
    ResourceSpec(
        "agentos://workflows/{workflow_id}",
        "Workflow",
        "One workflow: steps, inputs.",
        "get_component",
        {"kind": "workflow", "id": "{workflow_id}"},
        completes={"workflow_id": completions.components("workflow")},
        read=read_component,
    ),
    ResourceSpec(
        "agentos://sessions/{session_id}",
        "Session",
        "One conversation.",
        "get_session",
        part="session",
        completes={"session_id": completions.sessions},
    ),
    ResourceSpec(
        RUNS + "{kind}/{component}/{session}/{run}",
        "Run",
        "Where a run stands, or its result. Subscribe to it to be told when that changes.",
        "get_run",
        completes={
            "kind": completions.kinds,
            "component": completions.components_of_kind,
            "session": completions.sessions_of_component,
            "run": completions.runs_of_session,
        },
        read=read_run,
    ),
    ResourceSpec(
        "agentos://memories/{memory_id}",
        "Memory",
        "One memory of a user.",
        "get_memory",
        part="memory",
        completes={"memory_id": completions.memories},
    ),
    ResourceSpec(
        "agentos://knowledge/{content_id}",
        "Knowledge content",
        "One content of the knowledge base.",
        "get_knowledge",
        completes={"content_id": completions.contents},
        several=False,
    ),
    ResourceSpec(
        "agentos://knowledge/{knowledge_id}/{content_id}",
        "Knowledge content",
        "One content of a knowledge base.",
        "get_knowledge",
        completes={"knowledge_id": completions.knowledge_bases, "content_id": completions.contents},
        several=True,
    ),
    ResourceSpec(
        "agentos://traces/{trace_id}",
        "Trace",
        "One trace: its spans and their times.",
        "get_trace",
        {"id": "{trace_id}"},
        part="traces",
        completes={"trace_id": completions.traces},
    ),
)


class Resources:
    """The resources of one server. Tools that are excluded take theirs along; which are on does not matter."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._offer = ToolSelection(replace(settings, toolsets=(ALL,), tools=(), read_only=True))
        self._tools = {tool.name: tool for tool in self._offer.tools}
        self._readable = [one for one in RESOURCES if one.tool in self._tools]

    async def listed(self, ctx: ToolContext) -> list[Resource]:
        """The resources without variables, then one for each component."""
        contents = await glance(ctx)
        found = [
            Resource(uri=one.template, name=one.name, title=one.title, description=one.description, mime_type=MARKDOWN)
            for one in self._here(ctx, contents)
            if not one.single
        ]
        if contents is not None and "get_component" in self._tools:
            found += [_of_component(component) for component in in_order(contents)]
        return found

    async def templates(self, ctx: ToolContext) -> list[ResourceTemplate]:
        contents = await glance(ctx)
        return [
            ResourceTemplate(
                uri_template=one.template,
                name=one.name,
                title=one.title,
                description=one.description,
                mime_type=MARKDOWN,
            )
            for one in self._here(ctx, contents)
            if one.single
        ]

    async def read(self, ctx: ToolContext, uri: str) -> str:
        """The words of a resource. Raises NotFound where there is none of that URI."""
        for one in self._readable:
            if (values := variables(one.template, uri)) is not None:
                return ctx.agent_os.mask(await self._read(ctx, one, values))
        raise NotFound(f"There is no resource {one_line(uri, most=200)}.", "List the resources and their templates.")

    @staticmethod
    def is_one(uri: str) -> bool:
        """Whether a URI has the form of a resource's, whatever there is of that name."""
        return len(uri) <= MAX_URI and any(variables(one.template, uri) is not None for one in RESOURCES)

    def completer(self, template: str, variable: str) -> Completer | None:
        return next((one.completes.get(variable) for one in self._readable if one.template == template), None)

    def _here(self, ctx: ToolContext, contents: Inventory | None) -> list[ResourceSpec]:
        """Those that this AgentOS has, as far as that is known."""
        several = contents is not None and len(contents.knowledge) > 1 and not self._settings.knowledge_id
        return [
            one
            for one in self._readable
            if not self._offer.unavailable_reason(one.tool, ctx.backend) and one.several in {None, several}
        ]

    async def _read(self, ctx: ToolContext, one: ResourceSpec, values: Mapping[str, str]) -> str:
        read = one.read or self._tools[one.tool].fn
        takes = inspect.signature(read).parameters
        injected = {name: value for name, value in self._settings.injected.items() if name in takes}
        for name, value in injected.items():
            if values.get(name, value) != value:
                raise NotFound(f"This server is only for {name} {shown_id(value)}.")
        arguments = {name: value.format_map(values) for name, value in one.arguments.items()} or dict(values)
        texts: list[str] = []
        missing: NotFound | None = None
        stores = await _stores(ctx, one, injected)
        for store in stores:
            try:
                words = _words(ctx, await read(ctx, **arguments, **injected, **store))
            except NotFound as error:
                missing = error
                continue
            if one.single or len(stores) == 1:
                return words
            texts += [f"## {shown_id(name)}\n{words}" for name in store.values()]
        if missing is not None and not texts:
            raise missing
        return cut_to_budget("\n\n".join(texts), self._settings.result_tokens)


async def _stores(ctx: ToolContext, one: ResourceSpec, injected: Mapping[str, str]) -> list[dict[str, str]]:
    """The arguments that say where to look, once for each place; nothing to say where there is one place."""
    contents = await ctx.catalog.inventory() if one.part is not None else None
    if contents is None or one.part is None:
        return [{}]
    if one.part == "knowledge":
        name, ids = "knowledge_id", [base.id for base in contents.knowledge]
    else:
        name, ids = "db_id", list(contents.stores.get(one.part, ()))
    return [{name: store} for store in ids] if len(ids) > 1 and name not in injected else [{}]


def _words(ctx: ToolContext, result: Result) -> str:
    content = cast("CallToolResult", to_mcp_result(result, ctx.settings, ctx.surface)).content
    return strip_control_chars("\n".join(block.text for block in content if isinstance(block, TextContent)))


def variables(template: str, uri: str) -> dict[str, str] | None:
    """The values of a template's variables in a URI, decoded; None where it does not fit."""
    wanted, given = template.split("/"), uri.split("/")
    if len(wanted) != len(given):
        return None
    values: dict[str, Any] = {}
    for part, value in zip(wanted, given, strict=True):
        if part.startswith("{") and value:
            values[part[1:-1]] = unquote(value)
        elif part != value:
            return None
    return values


def _of_component(component: Component) -> Resource:
    return Resource(
        uri=f"agentos://{component.kind}s/{quoted(component.id)}",
        name=f"{component.kind}s/{shown_id(component.id)}",
        title=one_line(component.name, most=60),
        description=one_line(component.description) or f"The {component.kind} {shown_id(component.id)} in detail.",
        mime_type=MARKDOWN,
    )
