"""The commands that list, show and add: the tools' own functions, printed for people or as JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from agentos_mcp.agentos.catalog import Component
from agentos_mcp.agentos.json_values import mapping
from agentos_mcp.agentos.pagination import read_page
from agentos_mcp.agentos.runs.run import KINDS, Kind, RunRef, Status
from agentos_mcp.runs.result import answer_text
from agentos_mcp.terminal.ansi import colorize
from agentos_mcp.terminal.argument_values import json_object, local_files
from agentos_mcp.terminal.printing import Printable, data_of, print_json, print_text
from agentos_mcp.terminal.run_outcome import closing, run_document
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.markdown import without_nulls
from agentos_mcp.tooling.results import Message, Table

Answer = Printable | list[Printable] | dict[str, Any]
"""What a command has to tell: one thing, for people several, for scripts an own document."""

_ITS_RUNS = "latest runs"
"""What a session's record has in markdown, and a terminal in columns."""
_KIND_OF: dict[str, Kind] = {f"{kind}s": kind for kind in KINDS}


async def show(ctx: ToolContext, options: argparse.Namespace) -> None:
    """Do what the command says and print what comes of it."""
    command = f"{options.command} {options.action}" if options.command == "knowledge" else options.command
    result = await _COMMANDS[command](ctx, options)
    if isinstance(result, dict):
        print_json(result)
    elif isinstance(result, list):
        print_text(*result, surface=ctx.surface)
    elif options.json:
        print_json(data_of(result, ctx.surface))
    else:
        print_text(result, surface=ctx.surface)


async def _components(ctx: ToolContext, options: argparse.Namespace) -> Answer:
    from agentos_mcp.tools import catalog

    kind = _KIND_OF[options.command]
    if options.id and options.json:
        component = await ctx.catalog.find(kind, options.id)
        page = await ctx.catalog.detail(kind, component.id)
        return {"kind": kind, "id": component.id, "name": component.name, **without_nulls(page)}
    if options.id:
        return await catalog.get_component(ctx, kind, options.id)
    if options.config:
        return await _config(ctx, options)
    listing = {"agent": catalog.list_agents, "team": catalog.list_teams, "workflow": catalog.list_workflows}
    return await listing[kind](ctx)


async def _config(ctx: ToolContext, options: argparse.Namespace) -> Answer:
    from agentos_mcp.tools.databases import get_config

    if options.json:
        return dict(without_nulls(mapping(await ctx.get("/config"))))
    record = await get_config(ctx)
    contents = await ctx.catalog.inventory()
    lists = [_listed(kind, contents.of(kind)) for kind in KINDS if contents.of(kind)]
    return [replace(record, footer=""), *lists]


def _listed(kind: Kind, components: tuple[Component, ...]) -> Table:
    return Table((f"{kind}s", "name"), [(component.id, component.name) for component in components], empty="")


async def _runs(ctx: ToolContext, options: argparse.Namespace) -> Answer:
    from agentos_mcp.tools import runs

    if not options.run:
        return await runs.list_runs(
            ctx,
            options.kind,
            options.id,
            options.session_id,
            options.status,
            options.user_id or ctx.settings.user_id,
            limit=options.limit,
        )
    if options.explain:
        return await runs.explain_run(ctx, options.run)
    state = await ctx.engine.read(RunRef.parse(options.run))
    if options.json:
        return run_document(state, ctx.surface)
    for line, color in closing(state, ctx.surface):
        print(colorize(line, color, sys.stderr), file=sys.stderr)
    return "" if state.status is Status.PAUSED else answer_text(state)


async def _sessions(ctx: ToolContext, options: argparse.Namespace) -> Answer:
    from agentos_mcp.tools import sessions

    user, database = options.user_id or ctx.settings.user_id, options.db_id or ctx.settings.db_id
    if not options.id:
        return await sessions.list_sessions(
            ctx, options.kind, "", options.name, user, database, options.limit, options.page
        )
    session = await sessions.get_session(ctx, options.id, user, database)
    session = replace(session, texts={name: words for name, words in session.texts.items() if name != _ITS_RUNS})
    ran = await sessions.list_session_runs(ctx, options.id, user_id=user, db_id=database, limit=options.limit)
    if options.json:
        return data_of(session, ctx.surface) | {"runs": data_of(ran, ctx.surface)["items"]}
    return [replace(session, footer=""), ran, Message("", session.footer)]


async def _memories(ctx: ToolContext, options: argparse.Namespace) -> Answer:
    from agentos_mcp.tools import memory

    user, database = options.user_id or ctx.settings.user_id, options.db_id or ctx.settings.db_id
    if options.id:
        return await memory.get_memory(ctx, options.id, user, database)
    return await memory.list_memories(ctx, user, options.search, db_id=database, limit=options.limit, page=options.page)


async def _traces(ctx: ToolContext, options: argparse.Namespace) -> Answer:
    from agentos_mcp.tools.traces import tools as traces

    database = options.db_id or ctx.settings.db_id
    if options.id:
        return await traces.get_trace(ctx, options.id, options.span_id, database)
    return await traces.list_traces(
        ctx, session_id=options.session_id, errors=options.errors, db_id=database, limit=options.limit
    )


async def _search(ctx: ToolContext, options: argparse.Namespace) -> Answer:
    from agentos_mcp.tools.knowledge.tools import search_knowledge

    filters = json_object(options.filters, "--filters")
    asked = options.knowledge_id or ctx.settings.knowledge_id
    if not options.json:
        return await search_knowledge(ctx, options.query, options.max_results, "", filters, asked)
    body: dict[str, Any] = {
        "query": options.query,
        "knowledge_id": (await ctx.knowledge_base(asked)).id,
        "max_results": options.max_results,
        "meta": {"limit": options.max_results, "page": 1},
    }
    body |= {"filters": filters} if filters else {}
    found = read_page(await ctx.agent_os.request("POST", "/knowledge/search", json=body, retry=True))
    return {"items": [without_nulls(dict(passage)) for passage in found]}


async def _contents(ctx: ToolContext, options: argparse.Namespace) -> Answer:
    from agentos_mcp.tools.knowledge.tools import list_knowledge

    return await list_knowledge(ctx, options.knowledge_id or ctx.settings.knowledge_id, options.limit, options.page)


async def _add(ctx: ToolContext, options: argparse.Namespace) -> Answer:
    from agentos_mcp.tools.knowledge.tools import add_knowledge

    return await add_knowledge(
        ctx,
        text=options.text,
        url=options.from_url,
        file=local_files([options.file])[0] if options.file else "",
        name=options.name,
        description=options.description,
        metadata=json_object(options.metadata, "--metadata"),
        knowledge_id=options.knowledge_id or ctx.settings.knowledge_id,
    )


_COMMANDS: dict[str, Callable[[ToolContext, argparse.Namespace], Awaitable[Answer]]] = {
    "agents": _components,
    "teams": _components,
    "workflows": _components,
    "runs": _runs,
    "sessions": _sessions,
    "memories": _memories,
    "traces": _traces,
    "knowledge search": _search,
    "knowledge add": _add,
    "knowledge list": _contents,
}
