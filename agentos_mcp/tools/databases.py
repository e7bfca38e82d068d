"""AgentOS as a whole, and its databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agentos_mcp.agentos.features import Features
from agentos_mcp.agentos.formats import format_time
from agentos_mcp.agentos.hints import Action, hint
from agentos_mcp.agentos.json_values import mapping, objects, texts, values
from agentos_mcp.agentos.runs.run import KINDS
from agentos_mcp.agentos.timestamps import local_now, time_zone_text
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.results import Record, Table
from agentos_mcp.tooling.tool_spec import Toolset, read
from agentos_mcp.tooling.typed_values import TypedValue, boolean_value

PARTS = ("session", "memory", "knowledge", "learning", "traces", "metrics", "evals", "company")
"""The parts of `/config` that lie in databases, in the order in which they are shown."""

_AUTHORIZATION = {
    "none": "none (everyone may do everything)",
    "security_key": "a security key for all",
    "jwt": "a JWT that names the caller",
}


async def get_config(ctx: ToolContext) -> Record:
    """What this AgentOS is: versions, authorization, databases, knowledge bases, models, interfaces."""
    config = mapping(await ctx.get("/config"))
    features = await ctx.backend.discovery.features()
    info = mapping(await ctx.get("/info")) if features.has("GET", "/info") else {}
    counts = {f"{kind}s": values(config.get(f"{kind}s")) for kind in KINDS}
    bases = _objects_at(mapping(config.get("knowledge")), "knowledge_instances")
    authorization = str(info.get("auth_mode") or features.auth_mode)
    databases = texts(config.get("databases"))
    now = local_now()
    return Record(
        str(info.get("name") or config.get("name") or config.get("os_id") or "AgentOS"),
        {
            "id": config.get("os_id"),
            "description": config.get("description"),
            "time here": TypedValue(
                f"{format_time(now.isoformat())} ({time_zone_text()})", now.isoformat(timespec="seconds")
            ),
            "agno": info.get("agno_version") or features.version,
            "its own version": info.get("os_version"),
            "authorization": _AUTHORIZATION.get(authorization, authorization),
            "user isolation": _yes_or_no(info.get("user_isolation")),
            "components": ", ".join(_count_text(name, listed) for name, listed in counts.items()),
            "models": ", ".join(_model_text(model) for model in _objects_at(config, "available_models")),
            "databases": ", ".join(_database_text(config, database) for database in databases)
            or "none: nothing is kept",
            "knowledge bases": ", ".join(f"{base.get('name')} ({base.get('id')})" for base in bases),
            "files of agents": ", ".join(dict.fromkeys(_namespace_names(config))),
            "interfaces": ", ".join(
                f"{interface.get('type')} {interface.get('route')}" for interface in _objects_at(config, "interfaces")
            ),
            "its own MCP": mapping(info.get("mcp")).get("path"),
            "background runs": _background_text(features, bool(databases)),
            "durable queue": _yes_or_no(mapping(config.get("queue")).get("durable")),
            "traces in": ", ".join(
                str(store.get("db_id")) for store in _objects_at(mapping(config.get("traces")), "dbs")
            ),
        },
        footer=hint(
            "See {databases}, and {agents}, {teams}, {workflows}.",
            databases=Action.of("list_databases"),
            agents=Action.of("list_agents"),
            teams=Action.of("list_teams"),
            workflows=Action.of("list_workflows"),
        ),
    )


async def list_databases(ctx: ToolContext) -> Table:
    """Databases (db_id), the parts of AgentOS that lie in each, and their tables."""
    config = mapping(await ctx.get("/config"))
    os_database = config.get("os_database")
    rows = [
        (database, part, tables)
        for database in _databases(config)
        for part, tables in (list(_stores_in(config, database)) or [("nothing", ())])
    ]
    unnamed = "not named by AgentOS" if any(tables for _, _, tables in rows) else ""
    return Table(
        ("database", "part", "tables"),
        [(database, part, tables or unnamed) for database, part, tables in rows],
        empty="This AgentOS has no database, so it keeps nothing. Give it one (AgentOS(db=...)).",
        footer=f"AgentOS's own: {os_database}" if os_database and len(_databases(config)) > 1 else "",
    )


def _databases(config: Mapping[str, Any]) -> list[str]:
    """AgentOS's own first: `/config` has them in no order."""
    os_database = config.get("os_database")
    return sorted(texts(config.get("databases")), key=lambda database: (database != os_database, database))


def _stores_in(config: Mapping[str, Any], database: str) -> Iterator[tuple[str, Sequence[object]]]:
    """The parts of AgentOS that use a database, with their tables."""
    for part in PARTS:
        stores = [entry for entry in _objects_at(mapping(config.get(part)), "dbs") if entry.get("db_id") == database]
        if stores:
            yield part, list(dict.fromkeys(table for entry in stores for table in texts(entry.get("tables"))))
    if tables := texts([entry.get("table_name") for entry in _namespaces(config) if entry.get("db_id") == database]):
        yield "files of agents", list(dict.fromkeys(tables))


def _database_text(config: Mapping[str, Any], database: str) -> str:
    parts = [part for part, _ in _stores_in(config, database)]
    return f"{database} ({' '.join(parts)})" if parts else database


def _objects_at(part: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    return objects(part.get(key))


def _namespaces(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return _objects_at(mapping(config.get("filesystem")), "namespaces")


def _namespace_names(config: Mapping[str, Any]) -> list[str]:
    return [str(namespace.get("namespace")) for namespace in _namespaces(config)]


def _count_text(name: str, components: Sequence[object]) -> str:
    factories = sum(1 for component in components if mapping(component).get("is_factory"))
    return f"{len(components)} {name}" + (f" ({factories} built anew for every run)" if factories else "")


def _model_text(model: Mapping[str, Any]) -> str:
    return f"{model.get('id')} ({model.get('provider')})" if model.get("provider") else str(model.get("id"))


def _background_text(features: Features, database: bool) -> str:
    if not database:
        return "no: that needs a database"
    kinds = [f"{kind}s" for kind in KINDS if features.background(kind)]
    return "yes" if len(kinds) == len(KINDS) else ", ".join(kinds) or "no"


def _yes_or_no(value: object) -> TypedValue:
    return boolean_value(None if value is None else bool(value))


TOOLSET = Toolset(
    "databases",
    hint("{config} says what this AgentOS is made of.", config=Action.of("get_config")),
    read(get_config, "GET /config"),
    read(list_databases, "GET /config"),
)
