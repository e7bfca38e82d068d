"""What the beginning of an id could become: candidates for the arguments of prompts and the variables of templates."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
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

MOST = 100
"""So many values one answer may have, by the specification."""
_LOOKED_AT = 200
_LONGEST = 1_000
"""Characters of a value that somebody could choose from a list."""


@dataclass(frozen=True)
class Candidates:
    """Values, each with words that it is also known by.

    `unseen` is how many more there are that were not looked at, None where there may be any number.
    """

    values: tuple[tuple[str, str], ...] = ()
    unseen: int | None = 0


Completer = Callable[[ToolContext, Mapping[str, str]], Awaitable[Candidates]]
"""Candidates for one argument, by what the others already are."""


def completion(candidates: Candidates, typed: str) -> Completion:
    """The candidates that fit: first those that begin with what is typed, then those that contain it."""
    wanted = typed.strip().casefold()
    # A value that cannot be shown as it is cannot be chosen either: another one would be looked up.
    known = [
        (value, (value.casefold(), words.casefold()))
        for value, words in candidates.values
        if strip_control_chars(value) == value
    ]
    fitting = [
        *(value for value, words in known if any(word.startswith(wanted) for word in words)),
        *(value for value, words in known if any(wanted in word for word in words)),
    ]
    values = [value for value in dict.fromkeys(fitting) if len(value) <= _LONGEST]
    if candidates.unseen is None or (candidates.unseen and wanted):
        return Completion(values=values[:MOST], has_more=True)
    total = len(values) + candidates.unseen
    return Completion(values=values[:MOST], total=total, has_more=total > MOST)


def components(kind: Kind) -> Completer:
    """The ids of agents, teams or workflows."""

    async def complete(ctx: ToolContext, given: Mapping[str, str]) -> Candidates:
        return _of_components((await ctx.catalog.inventory()).of(kind))

    return complete


async def other_agents(ctx: ToolContext, given: Mapping[str, str]) -> Candidates:
    """The agents beside the one that is given as `first`."""
    agents = (await ctx.catalog.inventory()).of("agent")
    return _of_components(agent for agent in agents if given.get("first") not in {agent.id, agent.name})


async def kinds(ctx: ToolContext, given: Mapping[str, str]) -> Candidates:
    return Candidates(tuple((kind, f"{kind}s") for kind in KINDS))


async def components_of_kind(ctx: ToolContext, given: Mapping[str, str]) -> Candidates:
    """The ids of the components of `kind`, of all where that is not given yet."""
    contents = await ctx.catalog.inventory()
    return _of_components(one for one in contents.components if given.get("kind", "") in {"", one.kind})


async def sessions(ctx: ToolContext, given: Mapping[str, str]) -> Candidates:
    return await _listed(ctx, "session", "/sessions", "session_id", "session_name", sort_by="updated_at")


async def sessions_of_component(ctx: ToolContext, given: Mapping[str, str]) -> Candidates:
    """The sessions that hold runs of `kind` and `component`; all where those are not given yet."""
    if not given.get("kind") or not given.get("component"):
        return await sessions(ctx, given)
    runs = await _runs(ctx, given)
    return Candidates(tuple((run.ref.session, run.question) for run in runs), unseen=_more(runs))


async def runs_of_session(ctx: ToolContext, given: Mapping[str, str]) -> Candidates:
    """The runs of `session`, those of `kind` and `component` where these are given."""
    if not given.get("session"):
        return Candidates()
    runs = await _runs(ctx, given)
    return Candidates(tuple((run.ref.run, run.question) for run in runs), unseen=_more(runs))


async def failed_runs(ctx: ToolContext, given: Mapping[str, str]) -> Candidates:
    """The references of runs that failed, the latest first."""
    runs = await _runs(ctx, {}, status="ERROR")
    return Candidates(tuple((str(run.ref), f"{run.name} {run.question}") for run in runs), unseen=_more(runs))


async def memories(ctx: ToolContext, given: Mapping[str, str]) -> Candidates:
    return await _listed(ctx, "memory", "/memories", "memory_id", "memory")


async def traces(ctx: ToolContext, given: Mapping[str, str]) -> Candidates:
    return await _listed(ctx, "traces", "/traces", "trace_id", "name")


async def knowledge_bases(ctx: ToolContext, given: Mapping[str, str]) -> Candidates:
    return Candidates(tuple((base.id, base.name) for base in (await ctx.catalog.inventory()).knowledge))


async def contents(ctx: ToolContext, given: Mapping[str, str]) -> Candidates:
    """What a knowledge base holds: the one of `knowledge_id`, or the only one."""
    try:
        base = await ctx.knowledge_base(ctx.settings.knowledge_id or given.get("knowledge_id", ""))
    except InvalidRequest:
        return Candidates()
    found = await ctx.page("/knowledge/content", knowledge_id=base.id, limit=_LOOKED_AT)
    return Candidates(_values(found, "id", "name"), _unseen(found.meta, len(found)))


def quick_prompts(component: Component) -> Completer:
    """The messages that the AgentOS itself proposes for a component."""

    async def complete(ctx: ToolContext, given: Mapping[str, str]) -> Candidates:
        config = await ctx.get("/config")
        chosen = _inside(config, "chat", "quick_prompts", component.id)
        own = chosen or _inside(config, "manifest", component.id, "quick_prompts")
        return Candidates(tuple((strip_control_chars(words), words) for words in values(own) if isinstance(words, str)))

    return complete


def _inside(document: Any, *keys: str) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document


def _of_components(found: Iterable[Component]) -> Candidates:
    return Candidates(tuple((component.id, component.name) for component in found))


async def _runs(ctx: ToolContext, given: Mapping[str, str], status: str = "") -> list[RunSummary]:
    kind, asked = given.get("kind", ""), given.get("component", "")
    try:
        component = await ctx.catalog.find(kind, asked) if kind in KINDS and asked else None
        return await list_stored_runs(
            ctx.agent_os,
            ctx.catalog,
            user_id=ctx.ownership.user_id,
            component=component,
            session_id=given.get("session", ""),
            status=status,
            limit=_LOOKED_AT,
        )
    except NotFound:
        return []


def _more(runs: list[RunSummary]) -> int | None:
    return None if len(runs) >= _LOOKED_AT else 0


async def _listed(ctx: ToolContext, part: DataStore, path: str, id: str, words: str, sort_by: str = "") -> Candidates:
    """The newest entries of a part of AgentOS, from all databases that keep it."""
    there = await ctx.catalog.inventory()
    if not there.databases:
        return Candidates()
    stores = (ctx.settings.db_id,) if ctx.settings.db_id else there.stores.get(part) or ("",)
    found: list[tuple[str, str]] = []
    unseen = 0
    for store in stores:
        page = await ctx.page(
            path,
            user_id=ctx.settings.user_id,
            db_id=store,
            limit=_LOOKED_AT,
            sort_by=sort_by,
            sort_order="desc" if sort_by else "",
        )
        found += _values(ctx.ownership.own_rows(page), id, words)
        unseen += _unseen(page.meta, len(page))
    return Candidates(tuple(found), unseen)


def _values(rows: Iterable[Mapping[str, Any]], id: str, words: str) -> tuple[tuple[str, str], ...]:
    return tuple((value, str(row.get(words) or "")) for row in rows if (value := text(row.get(id))))


def _unseen(meta: Mapping[str, Any], shown: int) -> int:
    total = meta.get("total_count")
    return max(0, total - shown) if isinstance(total, int) else 0
