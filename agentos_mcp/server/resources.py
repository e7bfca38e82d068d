"""The resources under agentos:// URIs: each is the result of a tool, as short markdown."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast
from urllib.parse import unquote

from mcp_types import CallToolResult, Resource, ResourceTemplate, TextContent

from agentos_mcp.agentos.catalog import Component, DataStore, Inventory, display_id, to_show
from agentos_mcp.agentos.errors import NotFound
from agentos_mcp.agentos.paths import percent_encode
from agentos_mcp.agentos.plain_text import strip_control_chars
from agentos_mcp.agentos.runs.run import KINDS, Kind
from agentos_mcp.runs.result import result_text, unfinished_result
from agentos_mcp.server import completions
from agentos_mcp.server.client_limits import MAX_URI_LENGTH
from agentos_mcp.server.completions import Completer
from agentos_mcp.server.tool_selection import ToolSelection
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.markdown import one_line
from agentos_mcp.tooling.mcp_tool import to_mcp_result
from agentos_mcp.tooling.tool_spec import Result, ToolFunction, ToolSpec
from agentos_mcp.tools.catalog import get_component

MARKDOWN = "text/markdown"
MANY_TOOLS = 50
MAX_LISTED_BESIDE_MANY_TOOLS = 99
"""Tools, prompts and resources together: scanners of servers warn of more. Where MANY_TOOLS are on and it would be
exceeded, no component has a resource of its own, and is still read by its template."""
RUN_URI_PREFIX = "agentos://runs/"


@dataclass(frozen=True)
class ResourceSpec:
    """One resource, or all those of a template, and the tool whose result it is.

    `arguments` are the tool's, where "{x}" stands for the URI's variable; without them the variables
    are the arguments.
    """

    template: str
    title: str
    description: str
    tool: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    data_store: DataStore | None = None
    """May be in several databases or knowledge bases: all of them are read."""
    completers: Mapping[str, Completer] = field(default_factory=dict)
    """By variable."""
    several_knowledge_bases: bool | None = None
    """Listed only where there are several knowledge bases (True), or only where there are not (False)."""
    reader: ToolFunction | None = None
    """What reads it instead of the tool."""

    @property
    def name(self) -> str:
        """`agents` for agentos://agents, `agents/{agent_id}` for agentos://agents/{agent_id}."""
        return self.template.removeprefix("agentos://")

    @property
    def is_template(self) -> bool:
        """Whether it is one row or component rather than a list."""
        return "{" in self.template

    @property
    def first_variable(self) -> str:
        """Of a template: the one that says which AgentOS it is of, where there are several."""
        return self.template.partition("{")[2].partition("}")[0]

    @property
    def kind(self) -> Kind | None:
        """Of a template of components: their kind."""
        return next((kind for kind in KINDS if self.arguments.get("kind") == kind), None)


async def read_component(ctx: ToolContext, kind: Kind, id: str) -> str:
    """A component by its exact id: a name, or a part of one, is not enough in a URI."""
    component = await ctx.catalog.find(kind, id, to_show)
    if component.id != id:
        raise NotFound(f"No {kind} with the id '{display_id(id)}'.", f"Did you mean '{display_id(component.id)}'?")
    return (await get_component(ctx, id, kind)).words


async def read_run(ctx: ToolContext, kind: str, component: str, session: str, run: str) -> str:
    """Where a run stands now, without waiting for it."""
    ref = ctx.run_ref("/".join((kind, *map(percent_encode, (component, session, run)))))
    if ctx.ownership.user_id and not ctx.ownership.knows(ref):
        # A subscription follows it before it is known whose run it is.
        await ctx.engine.read(ref)
    live = ctx.run_registry.get(ref)
    state = live.state if live is not None else await ctx.engine.read(ref)
    return result_text(ctx, state) if state.has_ended else unfinished_result(state, ctx.surface)


RESOURCES = (
    ResourceSpec("agentos://config", "This AgentOS", "What this AgentOS is made of.", "get_config"),
    ResourceSpec("agentos://agents", "Agents", "The agents, and what each does.", "list_agents"),
    ResourceSpec("agentos://teams", "Teams", "The teams of agents, and what each does.", "list_teams"),
    ResourceSpec("agentos://workflows", "Workflows", "The workflows, and what each does.", "list_workflows"),
    ResourceSpec("agentos://sessions", "Sessions", "The latest conversations.", "list_sessions", data_store="session"),
    ResourceSpec(
        "agentos://memories", "Memories", "What is remembered about users.", "list_memories", data_store="memory"
    ),
    ResourceSpec(
        "agentos://knowledge", "Knowledge", "What is in the knowledge base.", "list_knowledge", data_store="knowledge"
    ),
    ResourceSpec(
        "agentos://traces",
        "Traces",
        "What AgentOS did lately, and how long it took.",
        "list_traces",
        data_store="traces",
    ),
    ResourceSpec(
        "agentos://agents/{agent_id}",
        "Agent",
        "One agent: model, tools, inputs.",
        "get_component",
        {"kind": "agent", "id": "{agent_id}"},
        completers={"agent_id": completions.components("agent")},
        reader=read_component,
    ),
    ResourceSpec(
        "agentos://teams/{team_id}",
        "Team",
        "One team: members, models, tools.",
        "get_component",
        {"kind": "team", "id": "{team_id}"},
        completers={"team_id": completions.components("team")},
        reader=read_component,
    ),
    ResourceSpec(
        "agentos://workflows/{workflow_id}",
        "Workflow",
        "One workflow: steps, inputs.",
        "get_component",
        {"kind": "workflow", "id": "{workflow_id}"},
        completers={"workflow_id": completions.components("workflow")},
        reader=read_component,
    ),
    ResourceSpec(
        "agentos://sessions/{session_id}",
        "Session",
        "One conversation.",
        "get_session",
        data_store="session",
        completers={"session_id": completions.sessions},
    ),
    ResourceSpec(
        RUN_URI_PREFIX + "{kind}/{component}/{session}/{run}",
        "Run",
        "A run's status, or its result. Subscribe to it to be notified when it changes.",
        "get_run",
        completers={
            "kind": completions.kinds,
            "component": completions.components_of_kind,
            "session": completions.sessions_of_component,
            "run": completions.runs_of_session,
        },
        reader=read_run,
    ),
    ResourceSpec(
        "agentos://memories/{memory_id}",
        "Memory",
        "One memory of a user.",
        "get_memory",
        data_store="memory",
        completers={"memory_id": completions.memories},
    ),
    ResourceSpec(
        "agentos://knowledge/{content_id}",
        "Knowledge content",
        "One content of the knowledge base.",
        "get_knowledge",
        completers={"content_id": completions.knowledge_contents},
        several_knowledge_bases=False,
    ),
    ResourceSpec(
        "agentos://knowledge/{knowledge_id}/{content_id}",
        "Knowledge content",
        "One content of a knowledge base.",
        "get_knowledge",
        completers={"knowledge_id": completions.knowledge_bases, "content_id": completions.knowledge_contents},
        several_knowledge_bases=True,
    ),
    ResourceSpec(
        "agentos://traces/{trace_id}",
        "Trace",
        "One trace: its spans and their times.",
        "get_trace",
        {"id": "{trace_id}"},
        data_store="traces",
        completers={"trace_id": completions.traces},
    ),
)


class Resources:
    """The resources of one server. A tool that is excluded has no resource; whether it is listed does not matter."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._listed_tools = len(ToolSelection(settings).tools)

    @cached_property
    def _selection(self) -> ToolSelection:
        """The tools whose results are resources: most are in toolsets that a server need not import to start."""
        tools = tuple({spec.tool: None for spec in RESOURCES})
        return ToolSelection(replace(self._settings, instances=(), toolsets=(), tools=tools, read_only=True))

    @cached_property
    def _tools(self) -> Mapping[str, ToolSpec]:
        return {tool.name: tool for tool in self._selection.tools}

    @cached_property
    def _specs(self) -> list[ResourceSpec]:
        return [spec for spec in RESOURCES if spec.tool in self._tools]

    async def list_resources(self, ctx: ToolContext, listed_prompts: int) -> list[Resource]:
        """The resources without variables, then one for each component where they are not too many."""
        inventory = await ctx.catalog.inventory_or_last_known()
        return self._within_limit(
            resources_of(self._available_specs(ctx, inventory)), self._of_components(inventory), listed_prompts
        )

    async def list_templates(self, ctx: ToolContext) -> list[ResourceTemplate]:
        return templates_of(self._available_specs(ctx, await ctx.catalog.inventory_or_last_known()))

    async def read(self, ctx: ToolContext, uri: str) -> str:
        """The text of a resource. Raises NotFound where there is none of that URI."""
        spec, variables = self._find(uri)
        return ctx.agent_os.mask(text_of(ctx, await self._read(ctx, spec, variables)))

    @staticmethod
    def matches(uri: str) -> bool:
        """Whether a URI has the form of a resource's, whether or not AgentOS has what it names."""
        return len(uri) <= MAX_URI_LENGTH and any(match_template(spec.template, uri) is not None for spec in RESOURCES)

    def completer(self, template: str, variable: str, typed: str = "") -> Completer | None:
        """What completes a variable, of which something is typed already; None where nothing does."""
        return next((spec.completers.get(variable) for spec in self._specs if spec.template == template), None)

    def _find(self, uri: str) -> tuple[ResourceSpec, dict[str, str]]:
        """The resource of a URI, and the values of its variables. Raises NotFound."""
        for spec in self._specs:
            if (variables := match_template(spec.template, uri)) is not None:
                return spec, variables
        raise NotFound(
            f"There is no resource {one_line(uri, max_length=200)}.", "List the resources and their templates."
        )

    def _within_limit(
        self, resources: list[Resource], of_components: list[Resource], listed_prompts: int
    ) -> list[Resource]:
        listed = self._listed_tools + listed_prompts + len(resources) + len(of_components)
        if self._listed_tools >= MANY_TOOLS and listed > MAX_LISTED_BESIDE_MANY_TOOLS:
            return resources
        return [*resources, *of_components]

    def _of_components(self, inventory: Inventory | None, instance: str = "") -> list[Resource]:
        """One for each component; `instance` is its AgentOS's name, where there are several."""
        if inventory is None or "get_component" not in self._tools:
            return []
        return [_of_component(component, instance) for component in inventory.sorted_components()]

    def _available_specs(self, ctx: ToolContext, inventory: Inventory | None) -> list[ResourceSpec]:
        """Those that this AgentOS has, as far as that is known."""
        several = inventory is not None and len(inventory.knowledge) > 1 and not self._settings.knowledge_id
        return [
            spec
            for spec in self._specs
            if not self._selection.unavailable_reason(spec.tool, ctx.backend)
            and spec.several_knowledge_bases in {None, several}
        ]

    async def _read(self, ctx: ToolContext, spec: ResourceSpec, variables: Mapping[str, str]) -> Result:
        reader = spec.reader or self._tools[spec.tool].fn
        parameters = inspect.signature(reader).parameters
        injected = {name: value for name, value in ctx.settings.injected.items() if name in parameters}
        for name, value in injected.items():
            if variables.get(name, value) != value:
                raise NotFound(f"This server is only for {name} {display_id(value)}.")
        arguments = {name: value.format_map(variables) for name, value in spec.arguments.items()} or dict(variables)
        texts: list[str] = []
        not_found: NotFound | None = None
        locations = await _locations(ctx, spec, injected)
        for location in locations:
            try:
                result = await reader(ctx, **arguments, **injected, **location)
            except NotFound as error:
                not_found = error
                continue
            if spec.is_template or len(locations) == 1:
                return result
            texts += [f"## {display_id(name)}\n{text_of(ctx, result)}" for name in location.values()]
        if not_found is not None and not texts:
            raise not_found
        return "\n\n".join(texts)


async def _locations(ctx: ToolContext, spec: ResourceSpec, injected: Mapping[str, str]) -> list[dict[str, str]]:
    """The arguments that say where to read, once for each database or knowledge base; [{}] where there is only one."""
    if spec.data_store is None:
        return [{}]
    inventory = await ctx.catalog.inventory()
    if spec.data_store == "knowledge":
        parameter, ids = "knowledge_id", [base.id for base in inventory.knowledge]
    else:
        parameter, ids = "db_id", list(inventory.stores.get(spec.data_store, ()))
    return [{parameter: value} for value in ids] if len(ids) > 1 and parameter not in injected else [{}]


def text_of(ctx: ToolContext, result: Result) -> str:
    content = cast("CallToolResult", to_mcp_result(result, ctx.settings, ctx.surface, ctx.client_quirks)).content
    return strip_control_chars("\n".join(block.text for block in content if isinstance(block, TextContent)))


def match_template(template: str, uri: str) -> dict[str, str] | None:
    """The values of a template's variables in a URI, decoded; None where it does not match."""
    template_parts, uri_parts = template.split("/"), uri.split("/")
    if len(template_parts) != len(uri_parts):
        return None
    variables: dict[str, str] = {}
    for part, value in zip(template_parts, uri_parts, strict=True):
        if part.startswith("{") and value:
            variables[part[1:-1]] = unquote(value)
        elif part != value:
            return None
    return variables


def resources_of(specs: Iterable[ResourceSpec]) -> list[Resource]:
    """Those without variables."""
    return [
        Resource(uri=spec.template, name=spec.name, title=spec.title, description=spec.description, mime_type=MARKDOWN)
        for spec in specs
        if not spec.is_template
    ]


def templates_of(specs: Iterable[ResourceSpec]) -> list[ResourceTemplate]:
    return [
        ResourceTemplate(
            uri_template=spec.template,
            name=spec.name,
            title=spec.title,
            description=spec.description,
            mime_type=MARKDOWN,
        )
        for spec in specs
        if spec.is_template
    ]


def _of_component(component: Component, instance: str) -> Resource:
    prefix = f"{instance}:" if instance else ""
    title = one_line(component.name, max_length=60)
    return Resource(
        uri=f"agentos://{component.kind}s/{prefix}{percent_encode(component.id)}",
        name=f"{component.kind}s/{prefix}{display_id(component.id)}",
        title=f"{title} ({instance})" if instance else title,
        description=one_line(component.description) or f"The {component.kind} {display_id(component.id)} in detail.",
        mime_type=MARKDOWN,
    )
