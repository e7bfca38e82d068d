"""Stored configurations of components, and what they can be built of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from agentos_mcp.agentos.catalog import display_id
from agentos_mcp.agentos.errors import NotFound
from agentos_mcp.agentos.hints import Action, as_hint, hint
from agentos_mcp.agentos.json_values import integer, mapping, values
from agentos_mcp.agentos.pagination import read_page
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.markdown import one_line
from agentos_mcp.tooling.parameters import AnyKind, Limit, Page
from agentos_mcp.tooling.results import Record, Table
from agentos_mcp.tooling.tool_spec import Toolset, read
from agentos_mcp.tooling.typed_values import time_value

ResourceType = Literal[
    "",
    "tool",
    "model",
    "db",
    "vector_db",
    "schema",
    "function",
    "agent",
    "team",
    "workflow",
    "knowledge",
    "memory_manager",
    "session_summary_manager",
    "learning",
]

_TEXTS = ("instructions", "system_message", "additional_context", "expected_output")
_NAMED_FIELDS = {"id", "name", "description", "model", "tools", "members", "steps", "db", *_TEXTS}


async def list_stored_components(ctx: ToolContext, kind: AnyKind = "", limit: Limit = 20, page: Page = 1) -> Table:
    """Agents, teams and workflows stored as data, not code. See one with get_stored_component."""
    components = await ctx.page("/components", component_type=kind, limit=limit, page=page)
    return Table(
        ("id", "kind", "name", "description", "version", "updated"),
        [
            (
                component.get("component_id"),
                component.get("component_type"),
                component.get("name"),
                component.get("description"),
                component.get("current_version"),
                time_value(component.get("updated_at") or component.get("created_at")),
            )
            for component in components
        ],
        empty=as_hint("No stored components: they are all code here.")
        + hint(
            "{agents}, {teams} and {workflows} show those.",
            agents=Action.of("list_agents"),
            teams=Action.of("list_teams"),
            workflows=Action.of("list_workflows"),
        ),
        meta=components.meta,
    )


async def get_stored_component(
    ctx: ToolContext,
    id: Annotated[str, Field(description="Of list_stored_components")],
    version: Annotated[int, Field(ge=0, description="0: the current one")] = 0,
) -> Record:
    """A stored component's configuration in short, and its versions."""
    try:
        component = mapping(await ctx.get("/components/{component_id}", {"component_id": id}))
    except NotFound as error:
        raise NotFound(
            f"No stored component '{display_id(id)}'.",
            hint("{list} shows their ids.", list=Action.of("list_stored_components")),
            status=404,
        ) from error
    # AgentOS fails (500) where it is asked to leave the configurations out.
    versions = sorted(
        read_page(await ctx.get("/components/{component_id}/configs", {"component_id": id})),
        key=lambda config_version: -integer(config_version.get("version")),
    )
    current = component.get("current_version")
    stored_version = _find_version(versions, version or current)
    if version and not stored_version:
        numbers = ", ".join(str(config_version.get("version")) for config_version in versions)
        raise NotFound(f"'{display_id(id)}' has no version {version}.", f"There are: {numbers or 'none'}.")
    config = mapping(stored_version.get("config"))
    settings = [
        f"{name} {one_line(str(value), max_length=100)}"
        for name, value in config.items()
        if name not in _NAMED_FIELDS and _is_set(value)
    ]
    return Record(
        str(component.get("name") or id),
        {
            "id": id,
            "kind": component.get("component_type"),
            "description": component.get("description"),
            "version": _version_text(stored_version, current) if stored_version else "",
            "versions": ", ".join(_version_text(config_version, current) for config_version in versions) or "none",
            "model": _names([config.get("model")]),
            "tools": _names(config.get("tools")),
            "members": _names(config.get("members")),
            "steps": _names(config.get("steps")),
            "database": _name(config.get("db")),
            "others": ", ".join(_name(value, name) for name, value in config.items() if _is_part(name, value)),
            "settings": ", ".join(settings),
            "created": time_value(stored_version.get("created_at") or component.get("created_at")),
        },
        {
            **{name.replace("_", " "): _text(config.get(name)) for name in _TEXTS},
            "notes": str(stored_version.get("notes") or ""),
        },
    )


async def list_registry(
    ctx: ToolContext, resource_type: ResourceType = "", name: str = "", limit: Limit = 20, page: Page = 1
) -> Table:
    """What stored components can be built of: tools, models, databases, schemas, ..."""
    entries = await ctx.page("/registry", resource_type=resource_type, name=name, limit=limit, page=page)
    return Table(
        ("name", "type", "description", "details"),
        [
            (
                entry.get("name"),
                entry.get("type"),
                _first_line(entry.get("description")),
                _details_text(mapping(entry.get("metadata")), str(entry.get("name"))),
            )
            for entry in entries
        ],
        empty="Nothing like that is registered." if resource_type or name else "The registry is empty.",
        meta=entries.meta,
    )


def _find_version(versions: Sequence[Mapping[str, Any]], number: object) -> Mapping[str, Any]:
    """The version of that number; where none is current yet, the latest."""
    if number is None:
        return versions[0] if versions else {}
    return next((version for version in versions if version.get("version") == number), {})


def _version_text(version: Mapping[str, Any], current: object) -> str:
    text = f"{version.get('version')} {version.get('stage') or ''}".strip()
    if version.get("label"):
        text += f" '{version['label']}'"
    return f"{text} (current)" if version.get("version") == current else text


def _names(parts: object) -> str:
    return ", ".join(filter(None, map(_name, values(parts))))


def _name(value: object, kind: str = "") -> str:
    """What a part of a configuration is called: of a model its provider, too, of a step what it runs."""
    if not isinstance(value, Mapping):
        return str(value) if isinstance(value, str) else kind
    name = str(value.get("name") or value.get("id") or value.get("type") or "")
    if value.get("provider"):
        return f"{value.get('id') or name} ({value['provider']})"
    executor = next(
        (
            f"{component_kind} {value[f'{component_kind}_id']}"
            for component_kind in ("agent", "team", "workflow")
            if value.get(f"{component_kind}_id")
        ),
        "",
    ) or str(value.get("executor_ref") or "")
    if executor:
        return f"{name} ({executor})" if value.get("name") else executor
    steps = _names(value.get("steps"))
    text = f"{name} [{steps}]" if steps else name
    return f"{kind} {text}".strip()


def _is_set(value: object) -> bool:
    return value is True or (isinstance(value, int | float | str) and not isinstance(value, bool) and value != "")


def _is_part(name: str, value: object) -> bool:
    return name not in _NAMED_FIELDS and isinstance(value, Mapping | list) and bool(value)


def _text(value: object) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value or "")


def _first_line(description: object) -> str:
    return str(description or "").strip().partition("\n")[0]


def _details_text(metadata: Mapping[str, Any], name: str) -> str:
    """What is worth knowing of a registered thing, by its type."""
    fields = mapping(metadata.get("schema")) or mapping(metadata.get("parameters"))
    parts = [
        ", ".join(str(mapping(function).get("name")) for function in values(metadata.get("functions"))),
        f"({', '.join(mapping(fields.get('properties')))})" if fields else "",
        "asks first" if metadata.get("requires_confirmation") else "",
        "runs outside" if metadata.get("external_execution") else "",
        *(
            str(metadata[key])
            for key in (
                "id",
                "db_id",
                "provider",
                "collection",
                "table_name",
                "vector_db_class",
                "owner_id",
                "model_id",
            )
            if metadata.get(key) and metadata[key] != name
        ),
    ]
    return "; ".join(filter(None, parts)) or str(metadata.get("class_path") or "").rpartition(".")[2]


TOOLSET = Toolset(
    "components",
    "Stored components have versions; the registry lists what they are built of.",
    read(list_stored_components, "GET /components"),
    read(get_stored_component, "GET /components/{component_id}"),
    read(list_registry, "GET /registry"),
)
