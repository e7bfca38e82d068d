"""Which run a command means: by its reference, by the beginning of its id, as `last`, or without a word."""

from __future__ import annotations

import argparse
import re
import sys
from typing import Literal

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.hints import Action, hint
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.agentos.runs.history import RunSummary, list_runs
from agentos_mcp.agentos.runs.run import KINDS, Kind, RunRef
from agentos_mcp.agentos.sessions import one_kind_at_a_time
from agentos_mcp.terminal.command_surface import CommandSurface
from agentos_mcp.terminal.line_reader import line_reader
from agentos_mcp.terminal.question_prompts import can_prompt
from agentos_mcp.tooling.context import ToolContext

LAST = "last"
"""The run that started last."""
_SHORT_ID = re.compile(r"[A-Za-z0-9_-]{4,}")
_SEARCHED_RUNS = 100
_MAX_LISTED = 9


async def meant_run(ctx: ToolContext, options: argparse.Namespace) -> str:
    """The reference of the run that the command is about; '' where it lists runs.

    Raises InvalidRequest where no run is meant, or more than one.
    """
    text = options.run.strip()
    if text and "/" not in text and (text == LAST or _SHORT_ID.fullmatch(text)):
        return str(await _run_named(ctx, text, options))
    if text:
        return str(RunRef.parse(text))
    if options.command == "continue":
        return str(await _paused_run(ctx, options))
    if any(getattr(options, view, False) for view in ("follow", "explain", "timeline")):
        return str(await _run_named(ctx, LAST, options))
    return ""


async def run_or_component(ctx: ToolContext, text: str, options: argparse.Namespace) -> str:
    """The reference of the run that a word means; a word that means none is left to be a component's name."""
    text = text.strip()
    if text == LAST:
        return str(await _run_named(ctx, text, options))
    if "/" in text or not _SHORT_ID.fullmatch(text):
        return text
    found = _runs_with(text, await _runs_for(ctx, options, limit=_SEARCHED_RUNS))
    return str(found[0].ref) if found else text


async def _run_named(ctx: ToolContext, text: str, options: argparse.Namespace) -> RunRef:
    runs = await _runs_for(ctx, options, limit=1 if text == LAST else _SEARCHED_RUNS)
    if text == LAST:
        if not runs:
            raise InvalidRequest("There is no run yet.", "Start one.")
        return runs[0].ref
    found = _runs_with(text, runs)
    return found[0].ref if found else RunRef.parse(text)


def _runs_with(text: str, runs: list[RunSummary]) -> list[RunSummary]:
    """The run whose id begins like this; none where there is none. Raises InvalidRequest where there are several."""
    found = [run for run in runs if run.ref.run.startswith(text)]
    if len(found) > 1:
        raise InvalidRequest(f"{len(found)} runs begin with '{text}'.", f"Use one of: {_references(found)}.")
    return found


async def _paused_run(ctx: ToolContext, options: argparse.Namespace) -> RunRef:
    """The only paused run; where there are several, the one that the person chooses."""
    runs = await _runs_for(ctx, options, status="paused", limit=_MAX_LISTED)
    if len(runs) == 1:
        return runs[0].ref
    if not runs:
        raise InvalidRequest("No run is paused.", hint("{list} lists the latest runs.", list=Action.of("list_runs")))
    if options.json or options.answers or not can_prompt():
        line = CommandSurface.of(options).command_line("continue")
        raise InvalidRequest(f"{len(runs)} runs are paused.", f"Use `{line} RUN` with one of: {_references(runs)}.")
    return await _choose(runs)


async def _choose(runs: list[RunSummary]) -> RunRef:
    print(f"{len(runs)} runs are paused:", file=sys.stderr)
    for number, run in enumerate(runs, 1):
        print(f"  {number}  {run.ref}  {one_line(run.input, max_length=60)}", file=sys.stderr)
    while True:
        try:
            choice = (await line_reader.read(f"Which one? [1-{len(runs)}] ")).strip()
        except EOFError:
            raise InvalidRequest("No run was chosen.") from None
        if choice.isdecimal() and len(choice) == 1 and 1 <= int(choice) <= len(runs):
            return runs[int(choice) - 1].ref


def _references(runs: list[RunSummary]) -> str:
    return ", ".join(str(run.ref) for run in runs[:_MAX_LISTED])


async def _runs_for(ctx: ToolContext, options: argparse.Namespace, *, limit: int, status: str = "") -> list[RunSummary]:
    """The latest runs that the flags of the command select."""
    return await latest_runs(
        ctx,
        kind=getattr(options, "kind", ""),
        session_id=getattr(options, "session_id", ""),
        status=status or getattr(options, "status", ""),
        user_id=getattr(options, "user_id", "") or ctx.settings.user_id,
        limit=limit,
    )


async def latest_runs(
    ctx: ToolContext,
    *,
    kind: Kind | Literal[""] = "",
    session_id: str = "",
    status: str = "",
    user_id: str,
    limit: int,
) -> list[RunSummary]:
    """The latest runs, without what became of their steps."""
    features = await ctx.backend.discovery.features()
    result = await list_runs(
        ctx.agent_os,
        ctx.catalog,
        kind=kind,
        session_id=session_id,
        status=status,
        user_id=user_id,
        database=await ctx.database("session", ctx.settings.db_id) if ctx.settings.db_id else "",
        types=KINDS if one_kind_at_a_time(features) else ("",),
        limit=limit,
    )
    return result.runs
