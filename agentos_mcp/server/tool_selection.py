"""Which tools a client sees: what the settings select, less what this AgentOS cannot do."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from mcp_types import Tool as ListedTool

from agentos_mcp.agentos.catalog import Inventory
from agentos_mcp.agentos.features import Features
from agentos_mcp.agentos.plain_text import excerpt
from agentos_mcp.agentos.scopes import are_forbidding
from agentos_mcp.agentos.similar_names import most_similar
from agentos_mcp.settings import Settings, SettingsError
from agentos_mcp.settings.settings import ALL, DEFAULT
from agentos_mcp.tooling.context import Backend
from agentos_mcp.tooling.tool_spec import DATABASE, KNOWLEDGE, Toolset, ToolSpec
from agentos_mcp.tools import INSTANCES, TOOLSET_MODULES, ToolsetModule

_MAX_NAMES = 100


class ToolSelection:
    """The tools that these settings let a client see and call, by toolset, in the order of TOOLSET_MODULES.

    Only toolsets of which a tool is selected are imported.

    Raises SettingsError for a tool that does not exist.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        modules = (*TOOLSET_MODULES, INSTANCES) if settings.instances else TOOLSET_MODULES
        of_each = settings.instances or (settings,)
        self._modules = {name: module for module in modules for name in module.tool_names}
        for name in (*settings.tools, *settings.exclude_tools):
            if name not in self._modules:
                raise SettingsError(f"There is no tool '{name}'.{_did_you_mean(name, self._modules)}")
        self.toolsets: list[tuple[Toolset, list[ToolSpec]]] = [
            (toolset, tools)
            for module in modules
            if any(_may_have_selected(module, own) for own in of_each)
            and (toolset := module.load())
            and (tools := [tool for tool in toolset.tools if any(_is_selected(tool, toolset, own) for own in of_each)])
        ]
        self._endpoints = {tool.name: tool.endpoint for _, tools in self.toolsets for tool in tools}
        self._needs = {tool.name: toolset.needs for toolset, tools in self.toolsets for tool in tools}

    @property
    def all_names(self) -> frozenset[str]:
        """The names of all tools, whether they are selected or not."""
        return frozenset(self._modules)

    @property
    def reading_names(self) -> frozenset[str]:
        """The names of all tools that change nothing."""
        return frozenset(name for name in self._modules if self._spec(name).read_only)

    def _spec(self, name: str) -> ToolSpec:
        """A tool, whether it is selected or not."""
        return next(tool for tool in self._modules[name].load().tools if tool.name == name)

    @property
    def tools(self) -> list[ToolSpec]:
        return [tool for _, tools in self.toolsets for tool in tools]

    def unavailable_reason(self, name: str, backend: Backend | None) -> str:
        """Why this AgentOS cannot do what the tool does, as far as that is known without asking; '' if it can."""
        if backend is None or name not in self._needs:
            return ""
        return _missing_store(self._needs[name], backend.catalog.known) or _missing_endpoint(
            self._endpoints[name], backend.discovery.known
        )

    def is_listed(self, tool: ToolSpec, backend: Backend | None) -> bool:
        """Whether a caller sees a tool that is selected: one that AgentOS can do, and that their scopes permit.

        A call of one that scopes forbid is not refused here, but by AgentOS, which says what is missing.
        """
        if backend is None:
            return True
        if backend.is_refused or (backend.instance and self.refusal_of(tool.name, backend)):
            return False
        return not are_forbidding(backend.scopes, tool.scopes) and not self.unavailable_reason(tool.name, backend)

    def listed_tools(self, *backends: Backend) -> list[ToolSpec]:
        """The tools that a caller of these AgentOSes sees, without those of components."""
        return [tool for tool in self.tools if any(self.is_listed(tool, backend) for backend in backends or (None,))]

    def refusal_of(self, name: str, backend: Backend) -> str:
        """Why a tool is not to be called on one AgentOS of several; '' if it may be."""
        for toolset, tools in self.toolsets:
            if (tool := next((tool for tool in tools if tool.name == name), None)) is not None:
                if not _is_selected(tool, toolset, backend.settings):
                    return f"its toolsets leave {name} out."
                return self.unavailable_reason(name, backend)
        return ""

    def unavailable_on_all(self, name: str, backends: Sequence[Backend]) -> str:
        """Why none of these AgentOSes can do what the tool does, as far as that is known; '' if one can."""
        reasons = [self.unavailable_reason(name, backend) for backend in backends]
        return reasons[0] if reasons and all(reasons) else ""

    def unknown_tool_message(self, name: str, listed_names: list[str]) -> str:
        """The answer to a call of a tool that is not listed."""
        if name in self._modules:
            if self._settings.read_only and not self._spec(name).read_only:
                return f"Unknown tool: {name}. It can change things, and this server is read-only."
            return f"Unknown tool: {name}. It is off here: start agentos-mcp with --tools or --toolsets that have it."
        return f"Unknown tool: {excerpt(name)}." + (
            _did_you_mean(name, listed_names) or f" There are: {', '.join(listed_names[:_MAX_NAMES])}."
        )


def without_missing_tools(tool: ListedTool, missing_names: Collection[str]) -> ListedTool:
    """The tool with descriptions that name none of the tools that are missing from the list."""
    words = f"{tool.description} {tool.input_schema}"
    mentions = [name for name in missing_names if name in words]
    if not mentions:
        return tool
    pattern = re.compile(rf"\b(?:{'|'.join(mentions)})\b")
    schema = dict(tool.input_schema)
    schema["properties"] = {
        name: _without_mentions(parameter, pattern) for name, parameter in schema.get("properties", {}).items()
    }
    description = _drop_clauses(tool.description or "", pattern) or tool.description
    return tool.model_copy(update={"description": description, "input_schema": schema})


def _without_mentions(parameter: Mapping[str, Any], pattern: re.Pattern[str]) -> dict[str, Any]:
    if "description" not in parameter or not pattern.search(parameter["description"]):
        return dict(parameter)
    description = _drop_clauses(parameter["description"], pattern).rstrip(".")
    others = {key: value for key, value in parameter.items() if key != "description"}
    return {**others, "description": description} if description else others


_CLAUSE_END = re.compile(r"(?<=[.;:])\s+")


def _drop_clauses(text: str, pattern: re.Pattern[str]) -> str:
    """ "What is there. See one with get_run." -> "What is there."."""
    clauses = [clause for clause in _CLAUSE_END.split(text) if not pattern.search(clause)]
    return re.sub(r"[;:]$", ".", " ".join(clauses))


def _may_have_selected(module: ToolsetModule, settings: Settings) -> bool:
    """Whether any of its tools can be selected, as far as their names say."""
    toolsets = _chosen_toolsets(settings)
    return (
        ALL in toolsets
        or module.name in {*toolsets, INSTANCES.name}
        or (DEFAULT in toolsets and module.has_default)
        or not set(settings.tools).isdisjoint(module.tool_names)
    )


def _chosen_toolsets(settings: Settings) -> tuple[str, ...]:
    return settings.toolsets or (() if settings.tools else (DEFAULT,))


def _is_selected(tool: ToolSpec, toolset: Toolset, settings: Settings) -> bool:
    toolsets = _chosen_toolsets(settings)
    is_included = (
        ALL in toolsets
        or toolset.name in {*toolsets, INSTANCES.name}
        or (DEFAULT in toolsets and tool.default)
        or tool.name in settings.tools
    )
    return is_included and tool.name not in settings.exclude_tools and (tool.read_only or not settings.read_only)


def _missing_store(needs: str, inventory: Inventory | None) -> str:
    """The reason where AgentOS has no database or knowledge base; '' where it has, or that is not known."""
    if inventory is None or not inventory.is_complete:
        return ""
    if needs == DATABASE and not inventory.databases:
        return "This AgentOS has no database, so it keeps none of that. Give it one (AgentOS(db=...))."
    if needs == KNOWLEDGE and not inventory.knowledge:
        return "This AgentOS has no knowledge base. Give it one (AgentOS(knowledge=[...]))."
    return ""


def _missing_endpoint(endpoint: str, features: Features | None) -> str:
    """The reason where AgentOS does not serve this endpoint; '' where it does, or that is not known."""
    method, _, path = endpoint.partition(" ")
    if not endpoint or features is None or features.has(method, path):
        return ""
    version = f"agno {features.version}" if features.version else "an old agno"
    return f"This AgentOS ({version}) does not serve {endpoint}: it is too old for that, or set up without it."


def _did_you_mean(name: str, names: Iterable[str]) -> str:
    similar = most_similar(name, names)
    return f" Did you mean {similar}?" if similar else ""
