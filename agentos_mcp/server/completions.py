"""Completions: candidates for the arguments of prompts and the variables of resource templates."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mcp_types import Completion

from agentos_mcp.agentos.catalog import Component, DataStore
from agentos_mcp.agentos.errors import InvalidRequest, NotFound
from agentos_mcp.agentos.json_values import text, values
from agentos_mcp.agentos.plain_text import strip_control_chars
from agentos_mcp.agentos.runs.history import RunSummary
from agentos_mcp.agentos.runs.history import list_runs as list_stored_runs
from agentos_mcp.agentos.runs.run import KINDS, Kind
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.instances import Instances

MAX_VALUES = 100
"""So many values one answer may have, by the specification."""
_MAX_ROWS = 200
"""Sessions, runs and the like that are read for one completion: the newest."""
_MAX_VALUE_LENGTH = 1_000
"""Characters of a value that somebody could choose from a list."""


@dataclass(frozen=True)
class Candidates:
    """Values, each with a name or text that it is also found by.

    `unread` is how many more there are that were not read, None where there may be any number.
    """

    values: tuple[tuple[str, str], ...] = ()
    unread: int | None = 0

    def of_instance(self, name: str) -> Candidates:
        """The values with the name of their AgentOS in front; they are found without it, too."""
        return replace(self, values=tuple((f"{name}:{value}", f"{value} {text}") for value, text in self.values))


Completer = Callable[[ToolContext, Mapping[str, str]], Awaitable[Candidates]]
"""Candidates for one argument, by the values that the other arguments already have."""


def complete_value(candidates: Candidates, typed: str) -> Completion:
    """The candidates that match: first those that begin with what is typed, then those that contain it."""
    prefix = typed.strip().casefold()
    # A value that cannot be shown as it is cannot be chosen either: another one would be looked up.
    named_values = [
        (value, (value.casefold(), name.casefold()))
        for value, name in candidates.values
        if strip_control_chars(value) == value
    ]
    matches = [
        *(value for value, names in named_values if any(name.startswith(prefix) for name in names)),
        *(value for value, names in named_values if any(prefix in name for name in names)),
    ]
    values = [value for value in dict.fromkeys(matches) if len(value) <= _MAX_VALUE_LENGTH]
    if candidates.unread is None or (candidates.unread and prefix):
        return Completion(values=values[:MAX_VALUES], has_more=True)
    total = len(values) + candidates.unread
    return Completion(values=values[:MAX_VALUES], total=total, has_more=total > MAX_VALUES)


async def of_each(
    ctx: ToolContext, completer: Completer, arguments: Mapping[str, str], instances: Instances, *, named: bool
) -> Candidates:
    """The candidates of all AgentOSes that answer; `named`: each value begins with the name of its own."""
    answers = await instances.ask_each(lambda backend: completer(ToolContext(backend, ctx.mcp), arguments))
    found = {name: answer for name, answer in answers.items() if isinstance(answer, Candidates)}
    unread = [candidates.unread for candidates in found.values()]
    return Candidates(
        tuple(
            candidate
            for name, candidates in found.items()
            for candidate in (candidates.of_instance(name) if named else candidates).values
        ),
        None if len(found) < len(answers) or None in unread else sum(filter(None, unread)),
    )


def components(kind: Kind) -> Completer:
    """The ids of agents, teams or workflows."""

    async def complete(ctx: ToolContext, arguments: Mapping[str, str]) -> Candidates:
        return _of_components((await ctx.catalog.inventory()).of(kind))

    return complete


async def other_agents(ctx: ToolContext, arguments: Mapping[str, str]) -> Candidates:
    """The agents other than the one that `first` names."""
    agents = (await ctx.catalog.inventory()).of("agent")
    return _of_components(agent for agent in agents if arguments.get("first") not in {agent.id, agent.name})


async def kinds(ctx: ToolContext, arguments: Mapping[str, str]) -> Candidates:
    return Candidates(tuple((kind, f"{kind}s") for kind in KINDS))


async def components_of_kind(ctx: ToolContext, arguments: Mapping[str, str]) -> Candidates:
    """The ids of the components of `kind`, of all where that has no value yet."""
    inventory, kind = await ctx.catalog.inventory(), arguments.get("kind", "")
    return _of_components(component for component in inventory.components if kind in {"", component.kind})


async def sessions(ctx: ToolContext, arguments: Mapping[str, str]) -> Candidates:
    return await _from_rows(ctx, "session", "/sessions", "session_id", "session_name", sort_by="updated_at")


async def sessions_of_component(ctx: ToolContext, arguments: Mapping[str, str]) -> Candidates:
    """The sessions that hold runs of `kind` and `component`; all where those have no value yet."""
    if not arguments.get("kind") or not arguments.get("component"):
        return await sessions(ctx, arguments)
    runs = await _runs(ctx, arguments)
    return Candidates(tuple((run.ref.session, run.input) for run in runs), unread=_unread_runs(runs))


async def runs_of_session(ctx: ToolContext, arguments: Mapping[str, str]) -> Candidates:
    """The runs of `session`, only those of `kind` and `component` where these have values."""
    if not arguments.get("session"):
        return Candidates()
    runs = await _runs(ctx, arguments)
    return Candidates(tuple((run.ref.run, run.input) for run in runs), unread=_unread_runs(runs))


async def failed_runs(ctx: ToolContext, arguments: Mapping[str, str]) -> Candidates:
    """The references of runs that failed, the latest first."""
    runs = await _runs(ctx, {}, status="ERROR")
    return Candidates(tuple((str(run.ref), f"{run.name} {run.input}") for run in runs), unread=_unread_runs(runs))


async def memories(ctx: ToolContext, arguments: Mapping[str, str]) -> Candidates:
    return await _from_rows(ctx, "memory", "/memories", "memory_id", "memory")


async def traces(ctx: ToolContext, arguments: Mapping[str, str]) -> Candidates:
    return await _from_rows(ctx, "traces", "/traces", "trace_id", "name")


async def knowledge_bases(ctx: ToolContext, arguments: Mapping[str, str]) -> Candidates:
    return Candidates(tuple((base.id, base.name) for base in (await ctx.catalog.inventory()).knowledge))


async def knowledge_contents(ctx: ToolContext, arguments: Mapping[str, str]) -> Candidates:
    """The contents of a knowledge base: the one of `knowledge_id`, or the only one."""
    try:
        base = await ctx.knowledge_base(ctx.settings.knowledge_id or arguments.get("knowledge_id", ""))
    except InvalidRequest:
        return Candidates()
    page = await ctx.page("/knowledge/content", knowledge_id=base.id, limit=_MAX_ROWS)
    return Candidates(_values(page, "id", "name"), _unread_rows(page.meta, len(page)))


def quick_prompts(component: Component) -> Completer:
    """The messages that AgentOS proposes for a component."""

    async def complete(ctx: ToolContext, arguments: Mapping[str, str]) -> Candidates:
        config = await ctx.get("/config")
        prompts = _value_at(config, "chat", "quick_prompts", component.id) or _value_at(
            config, "manifest", component.id, "quick_prompts"
        )
        return Candidates(
            tuple((strip_control_chars(prompt), prompt) for prompt in values(prompts) if isinstance(prompt, str))
        )

    return complete


def _value_at(document: Any, *keys: str) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document


def _of_components(components: Iterable[Component]) -> Candidates:
    return Candidates(tuple((component.id, component.name) for component in components))


async def _runs(ctx: ToolContext, arguments: Mapping[str, str], status: str = "") -> list[RunSummary]:
    kind, component_id = arguments.get("kind", ""), arguments.get("component", "")
    try:
        component = await ctx.catalog.find(kind, component_id) if kind in KINDS and component_id else None
        result = await list_stored_runs(
            ctx.agent_os,
            ctx.catalog,
            user_id=ctx.ownership.user_id,
            component=component,
            session_id=arguments.get("session", ""),
            status=status,
            limit=_MAX_ROWS,
        )
    except NotFound:
        return []
    return result.runs


def _unread_runs(runs: list[RunSummary]) -> int | None:
    return None if len(runs) >= _MAX_ROWS else 0


async def _from_rows(
    ctx: ToolContext, data_store: DataStore, path: str, id_field: str, text_field: str, sort_by: str = ""
) -> Candidates:
    """The newest rows of a data store, from all databases that have it."""
    inventory = await ctx.catalog.inventory()
    if inventory.is_complete and not inventory.databases:
        return Candidates()
    db_ids = (ctx.settings.db_id,) if ctx.settings.db_id else inventory.stores.get(data_store) or ("",)
    values: list[tuple[str, str]] = []
    unread = 0
    for db_id in db_ids:
        page = await ctx.page(
            path,
            user_id=ctx.settings.user_id,
            db_id=db_id,
            limit=_MAX_ROWS,
            sort_by=sort_by,
            sort_order="desc" if sort_by else "",
        )
        values += _values(ctx.ownership.own_rows(page), id_field, text_field)
        unread += _unread_rows(page.meta, len(page))
    return Candidates(tuple(values), unread)


def _values(rows: Iterable[Mapping[str, Any]], id_field: str, text_field: str) -> tuple[tuple[str, str], ...]:
    return tuple((value, str(row.get(text_field) or "")) for row in rows if (value := text(row.get(id_field))))


def _unread_rows(meta: Mapping[str, Any], read: int) -> int:
    total = meta.get("total_count")
    return max(0, total - read) if isinstance(total, int) else 0
