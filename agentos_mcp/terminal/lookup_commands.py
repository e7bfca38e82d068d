"""`agents`, `teams`, `workflows`, `runs`, `compare`, `sessions`, `memories`, `traces`, `metrics`, `knowledge`: the
tools' own functions, printed for people or as JSON.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, cast

from agentos_mcp.agentos.catalog import Component
from agentos_mcp.agentos.json_values import mapping
from agentos_mcp.agentos.runs.run import KINDS, Kind, RunRef, Status
from agentos_mcp.runs.result import answer_text
from agentos_mcp.runs.run_parts import read_parts
from agentos_mcp.runs.timeline import Timeline, run_timeline
from agentos_mcp.terminal.argument_values import absolute_paths, json_object
from agentos_mcp.terminal.command_surface import CommandSurface
from agentos_mcp.terminal.metric_lines import metric_lines
from agentos_mcp.terminal.output import Drawing, Printable, print_drawing, print_json, print_text, to_data
from agentos_mcp.terminal.run_reference import runs_or_components
from agentos_mcp.terminal.run_summary import run_document, summary_lines
from agentos_mcp.terminal.terminal_features import colorize, terminal_width
from agentos_mcp.terminal.timeline_bars import timeline_lines
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.markdown import without_nulls
from agentos_mcp.tooling.results import Message, Table

CommandResult = Printable | Drawing | list[Printable | Drawing] | dict[str, Any]
"""What a command prints: one result, several for people, or a JSON document for scripts."""

_RUNS_TEXT = "latest runs"
"""The text of a session's record that a terminal shows as a table instead."""
_KINDS_BY_COMMAND: dict[str, Kind] = {f"{kind}s": kind for kind in KINDS}


async def print_lookup(ctx: ToolContext, options: argparse.Namespace) -> None:
    """Run the command and print its result."""
    command = f"{options.command} {options.action}" if options.command == "knowledge" else options.command
    result = await _COMMANDS[command](ctx, options)
    if isinstance(result, dict):
        print_json(result, ctx.settings)
    elif options.json and not isinstance(result, list | Drawing):
        print_json(to_data(result, ctx.surface), ctx.settings)
    else:
        _print_parts(result if isinstance(result, list) else [result], ctx)


def _print_parts(parts: Sequence[Printable | Drawing], ctx: ToolContext) -> None:
    """Print results and drawings, with an empty line between them."""
    for number, (is_drawing, group) in enumerate(groupby(parts, key=lambda part: isinstance(part, Drawing))):
        if number:
            print()
        if is_drawing:
            for drawing in group:
                print_drawing(cast("Drawing", drawing))
        else:
            print_text(*cast("Iterable[Printable]", group), surface=ctx.surface)


async def _components(ctx: ToolContext, options: argparse.Namespace) -> CommandResult:
    from agentos_mcp.tools import catalog

    kind = _KINDS_BY_COMMAND[options.command]
    if options.id:
        return await catalog.get_component(ctx, options.id, kind)
    if options.config:
        return await _config(ctx, options)
    list_components = {"agent": catalog.list_agents, "team": catalog.list_teams, "workflow": catalog.list_workflows}
    return await list_components[kind](ctx)


async def _config(ctx: ToolContext, options: argparse.Namespace) -> CommandResult:
    from agentos_mcp.tools.databases import get_config

    if options.json:
        return dict(without_nulls(mapping(await ctx.get("/config"))))
    record = await get_config(ctx)
    inventory = await ctx.catalog.inventory()
    tables = [_component_table(kind, inventory.of(kind)) for kind in KINDS if inventory.of(kind)]
    return [replace(record, footer=""), *tables]


def _component_table(kind: Kind, components: tuple[Component, ...]) -> Table:
    return Table((f"{kind}s", "name"), [(component.id, component.name) for component in components], empty="")


async def _runs(ctx: ToolContext, options: argparse.Namespace) -> CommandResult:
    from agentos_mcp.tools import runs

    if not options.run:
        return await list_latest_runs(ctx, options)
    if options.timeline:
        state, output = await ctx.engine.read_stored(RunRef.parse(options.run))
        timeline = run_timeline(read_parts(output, state), now=time.time())
        return timeline.data() if options.json else _timeline(timeline)
    explanation = await runs.explain_run(ctx, options.run) if options.explain else ""
    if explanation and not options.json:
        return explanation
    state = await ctx.engine.read(RunRef.parse(options.run))
    if options.json:
        return run_document(state, ctx.surface) | ({"text": explanation} if explanation else {})
    for line, color in summary_lines(state, CommandSurface.of(options)):
        print(colorize(line, color, sys.stderr), file=sys.stderr)
    return "" if state.status is Status.PAUSED else answer_text(state)


def _timeline(timeline: Timeline, *, with_ids: bool = False) -> Drawing:
    """A timeline as bars as wide as the terminal."""
    return Drawing(tuple(timeline_lines(timeline, terminal_width(sys.stdout), sys.stdout, with_ids=with_ids)))


async def list_latest_runs(ctx: ToolContext, options: argparse.Namespace) -> Table:
    """The runs that the flags of `runs` select."""
    from agentos_mcp.tools import runs

    return await runs.list_runs(
        ctx,
        options.kind,
        options.id,
        options.session_id,
        options.status,
        options.user_id or ctx.settings.user_id,
        since=options.since,
        until=options.until,
        limit=options.limit,
    )


async def _compare(ctx: ToolContext, options: argparse.Namespace) -> CommandResult:
    from agentos_mcp.tools import runs

    a, b = await runs_or_components(ctx, (options.run_a, options.run_b), options)
    return await runs.compare_runs(ctx, a, b)


async def _sessions(ctx: ToolContext, options: argparse.Namespace) -> CommandResult:
    from agentos_mcp.tools import sessions

    user, database = options.user_id or ctx.settings.user_id, options.db_id or ctx.settings.db_id
    if not options.id:
        return await sessions.list_sessions(
            ctx,
            options.kind,
            name=options.name,
            user_id=user,
            db_id=database,
            limit=options.limit,
            page=options.page,
            since=options.since,
            until=options.until,
        )
    session = await sessions.get_session(ctx, options.id, user, database)
    session = replace(session, texts={name: text for name, text in session.texts.items() if name != _RUNS_TEXT})
    runs = await sessions.list_session_runs(
        ctx,
        options.id,
        user_id=user,
        db_id=database,
        limit=options.limit,
        since=options.since,
        until=options.until,
    )
    if options.json:
        return to_data(session, ctx.surface) | {"runs": to_data(runs, ctx.surface)["items"]}
    return [replace(session, footer=""), runs, Message("", session.footer)]


async def _memories(ctx: ToolContext, options: argparse.Namespace) -> CommandResult:
    from agentos_mcp.tools import memory

    user, database = options.user_id or ctx.settings.user_id, options.db_id or ctx.settings.db_id
    if options.id:
        return await memory.get_memory(ctx, options.id, user, database)
    return await memory.list_memories(ctx, user, options.search, db_id=database, limit=options.limit, page=options.page)


async def _traces(ctx: ToolContext, options: argparse.Namespace) -> CommandResult:
    from agentos_mcp.tools.traces import tools as traces

    database = options.db_id or ctx.settings.db_id
    draws_bars = options.timeline or (sys.stdout.isatty() and not (options.tree or options.json))
    if options.id and draws_bars and not options.span_id:
        record, timeline = await traces.read_trace_timeline(ctx, options.id, database)
        return timeline.data() if options.json else [record, _timeline(timeline, with_ids=True)]
    if options.id:
        return await traces.get_trace(ctx, options.id, options.span_id, database)
    return await traces.list_traces(
        ctx,
        session_id=options.session_id,
        errors=options.errors,
        since=options.since,
        until=options.until,
        order=options.order,
        db_id=database,
        limit=options.limit,
    )


async def _metrics(ctx: ToolContext, options: argparse.Namespace) -> CommandResult:
    from agentos_mcp.tools.metrics import get_metrics

    table = await get_metrics(
        ctx,
        options.since,
        options.until,
        options.user_id or ctx.settings.user_id,
        options.db_id or ctx.settings.db_id,
    )
    if options.json or not table.rows:
        return table
    return [Drawing(tuple(metric_lines(table, terminal_width(sys.stdout), sys.stdout))), table]


async def _search(ctx: ToolContext, options: argparse.Namespace) -> CommandResult:
    from agentos_mcp.tools.knowledge.tools import search_knowledge

    return await search_knowledge(
        ctx,
        options.query,
        options.max_results,
        filters=json_object(options.filters, "--filters"),
        knowledge_id=options.knowledge_id or ctx.settings.knowledge_id,
    )


async def _list_knowledge(ctx: ToolContext, options: argparse.Namespace) -> CommandResult:
    from agentos_mcp.tools.knowledge.tools import list_knowledge

    return await list_knowledge(ctx, options.knowledge_id or ctx.settings.knowledge_id, options.limit, options.page)


async def _add_knowledge(ctx: ToolContext, options: argparse.Namespace) -> CommandResult:
    from agentos_mcp.tools.knowledge.tools import add_knowledge

    return await add_knowledge(
        ctx,
        text=options.text,
        url=options.from_url,
        file=absolute_paths([options.file])[0] if options.file else "",
        name=options.name,
        description=options.description,
        metadata=json_object(options.metadata, "--metadata"),
        knowledge_id=options.knowledge_id or ctx.settings.knowledge_id,
    )


_COMMANDS: dict[str, Callable[[ToolContext, argparse.Namespace], Awaitable[CommandResult]]] = {
    "agents": _components,
    "teams": _components,
    "workflows": _components,
    "runs": _runs,
    "compare": _compare,
    "sessions": _sessions,
    "memories": _memories,
    "traces": _traces,
    "metrics": _metrics,
    "knowledge search": _search,
    "knowledge add": _add_knowledge,
    "knowledge list": _list_knowledge,
}
