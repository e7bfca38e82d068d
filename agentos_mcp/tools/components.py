"""Stored configurations of components, and what they can be built of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from agentos_mcp.agentos.catalog import display_id
from agentos_mcp.agentos.errors import NotFound
from agentos_mcp.agentos.formats import format_time
from agentos_mcp.agentos.hints import Action, as_hint, hint
from agentos_mcp.agentos.json_values import integer, mapping, values
from agentos_mcp.agentos.pagination import read_page
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.markdown import one_line
from agentos_mcp.tooling.parameters import AnyKind, Limit, Page
from agentos_mcp.tooling.results import Record, Table
from agentos_mcp.tooling.tool_spec import Toolset, read

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
_SHOWN = {"id", "name", "description", "model", "tools", "members", "steps", "db", *_TEXTS}


async def list_stored_components(ctx: ToolContext, kind: AnyKind = "", limit: Limit = 20, page: Page = 1) -> Table:
    """Agents, teams and workflows stored as data, not code. See one with get_stored_component."""
    found = await ctx.page("/components", component_type=kind, limit=limit, page=page)
    return Table(
        ("id", "kind", "name", "description", "version", "updated"),
        [
            (
                one.get("component_id"),
                one.get("component_type"),
                one.get("name"),
                one.get("description"),
                one.get("current_version"),
                format_time(one.get("updated_at") or one.get("created_at")),
            )
            for one in found
        ],
        empty=as_hint("No stored components: they are all code here.")
        + hint(
            "{agents}, {teams} and {workflows} show those.",
            agents=Action.of("list_agents"),
            teams=Action.of("list_teams"),
            workflows=Action.of("list_workflows"),
        ),
        meta=found.meta,
    )


async def get_stored_component(
    ctx: ToolContext, id: str, version: Annotated[int, Field(ge=0, description="0: the current one")] = 0
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
        key=lambda one: -integer(one.get("version")),
    )
    current = component.get("current_version")
    chosen = _chosen(versions, version or current)
    if version and not chosen:
        numbers = ", ".join(str(one.get("version")) for one in versions)
        raise NotFound(f"'{display_id(id)}' has no version {version}.", f"There are: {numbers or 'none'}.")
    config = mapping(chosen.get("config"))
    settings = [
        f"{name} {one_line(str(value), max_length=100)}"
        for name, value in config.items()
        if name not in _SHOWN and _is_set(value)
    ]
    return Record(
        str(component.get("name") or id),
        {
            "id": id,
            "kind": component.get("component_type"),
            "description": component.get("description"),
            "version": _version(chosen, current) if chosen else "",
            "versions": ", ".join(_version(one, current) for one in versions) or "none",
            "model": _names([config.get("model")]),
            "tools": _names(config.get("tools")),
            "members": _names(config.get("members")),
            "steps": _names(config.get("steps")),
            "database": _name(config.get("db")),
            "others": ", ".join(_name(value, name) for name, value in config.items() if _is_part(name, value)),
            "settings": ", ".join(settings),
            "created": format_time(chosen.get("created_at") or component.get("created_at")),
        },
        {
            **{name.replace("_", " "): _words(config.get(name)) for name in _TEXTS},
            "notes": str(chosen.get("notes") or ""),
        },
    )


async def list_registry(
    ctx: ToolContext, resource_type: ResourceType = "", name: str = "", limit: Limit = 20, page: Page = 1
) -> Table:
    """What stored components can be built of: tools, models, databases, schemas, ..."""
    found = await ctx.page("/registry", resource_type=resource_type, name=name, limit=limit, page=page)
    return Table(
        ("name", "type", "description", "details"),
        [
            (
                one.get("name"),
                one.get("type"),
                _first_line(one.get("description")),
                _details(mapping(one.get("metadata")), str(one.get("name"))),
            )
            for one in found
        ],
        empty="Nothing like that is registered." if resource_type or name else "The registry is empty.",
        meta=found.meta,
    )


def _chosen(versions: Sequence[Mapping[str, Any]], number: object) -> Mapping[str, Any]:
    """The version of that number; where none is current yet, the latest."""
    if number is None:
        return versions[0] if versions else {}
    return next((one for one in versions if one.get("version") == number), {})


def _version(one: Mapping[str, Any], current: object) -> str:
    words = f"{one.get('version')} {one.get('stage') or ''}".strip()
    if one.get("label"):
        words += f" '{one['label']}'"
    return f"{words} (current)" if one.get("version") == current else words


def _names(parts: object) -> str:
    return ", ".join(filter(None, map(_name, values(parts))))


def _name(value: object, kind: str = "") -> str:
    """What a part of a configuration is called: of a model its provider, too, of a step what it runs."""
    if not isinstance(value, Mapping):
        return str(value) if isinstance(value, str) else kind
    called = str(value.get("name") or value.get("id") or value.get("type") or "")
    if value.get("provider"):
        return f"{value.get('id') or called} ({value['provider']})"
    runs = next(
        (f"{one} {value[f'{one}_id']}" for one in ("agent", "team", "workflow") if value.get(f"{one}_id")), ""
    ) or str(value.get("executor_ref") or "")
    if runs:
        return f"{called} ({runs})" if value.get("name") else runs
    inner = _names(value.get("steps"))
    words = f"{called} [{inner}]" if inner else called
    return f"{kind} {words}".strip()


def _is_set(value: object) -> bool:
    return value is True or (isinstance(value, int | float | str) and not isinstance(value, bool) and value != "")


def _is_part(name: str, value: object) -> bool:
    return name not in _SHOWN and isinstance(value, Mapping | list) and bool(value)


def _words(value: object) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value or "")


def _first_line(description: object) -> str:
    return str(description or "").strip().partition("\n")[0]


def _details(about: Mapping[str, Any], name: str) -> str:
    """What is worth knowing of a registered thing, by its type."""
    fields = mapping(about.get("schema")) or mapping(about.get("parameters"))
    parts = [
        ", ".join(str(mapping(one).get("name")) for one in values(about.get("functions"))),
        f"({', '.join(mapping(fields.get('properties')))})" if fields else "",
        "asks first" if about.get("requires_confirmation") else "",
        "runs outside" if about.get("external_execution") else "",
        *(
            str(about[key])
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
            if about.get(key) and about[key] != name
        ),
    ]
    return "; ".join(filter(None, parts)) or str(about.get("class_path") or "").rpartition(".")[2]


TOOLSET = Toolset(
    "components",
    "Stored components have versions; the registry lists what they are built of.",
    read(list_stored_components, "GET /components"),
    read(get_stored_component, "GET /components/{component_id}"),
    read(list_registry, "GET /registry"),
)
