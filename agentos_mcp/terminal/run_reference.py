"""Which run a command means: by its reference, by the beginning of its id, as `last`, or without a word."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import Literal

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.hints import Action, hint
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.agentos.runs.history import RunSummary
from agentos_mcp.agentos.runs.run import Kind, RunRef
from agentos_mcp.runs.run_search import search_runs
from agentos_mcp.terminal.command_surface import CommandSurface
from agentos_mcp.terminal.line_reader import line_reader
from agentos_mcp.terminal.question_prompts import can_prompt
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.time_arguments import parse_period

LAST = "last"
"""The run that started last."""
_SHORT_ID = re.compile(r"[A-Za-z0-9_-]{4,}")
_SEARCHED_RUNS = 100
_MAX_LISTED = 9
_LIMITING_FLAGS = ("kind", "id", "session_id", "user_id", "status", "since", "until")


async def meant_run(ctx: ToolContext, options: argparse.Namespace) -> str:
    """The reference of the run that the command is about; '' where it lists runs.

    Raises InvalidRequest where no run is meant, or more than one.
    """
    text = options.run.strip()
    if _names_listed_run(text):
        return str(await _run_named(ctx, text, options))
    if text:
        return str(RunRef.parse(text))
    if options.command == "continue":
        return str(await _paused_run(ctx, options))
    if any(getattr(options, view, False) for view in ("follow", "explain", "timeline")):
        return str(await _run_named(ctx, LAST, options))
    return ""


async def runs_or_components(ctx: ToolContext, texts: Sequence[str], options: argparse.Namespace) -> list[str]:
    """The references of the runs that words mean; a word that means none is left to be a component's name."""
    words = [text.strip() for text in texts]
    limit = _SEARCHED_RUNS if any(map(_is_short_id, words)) else 1
    runs = await _runs_for(ctx, options, limit=limit) if any(map(_names_listed_run, words)) else []
    return [_run_or_component(word, runs, options) for word in words]


def _run_or_component(word: str, runs: list[RunSummary], options: argparse.Namespace) -> str:
    if word == LAST:
        return str(_latest(runs, options).ref)
    found = _runs_with(word, runs) if _is_short_id(word) else []
    return str(found[0].ref) if found else word


def _names_listed_run(word: str) -> bool:
    """Whether the latest runs have to be listed to tell which run a word means."""
    return word == LAST or _is_short_id(word)


def _is_short_id(word: str) -> bool:
    return word != LAST and _SHORT_ID.fullmatch(word) is not None


def _latest(runs: list[RunSummary], options: argparse.Namespace) -> RunSummary:
    if runs:
        return runs[0]
    is_limited = any(getattr(options, name, "") for name in _LIMITING_FLAGS)
    raise InvalidRequest("There is no such run." if is_limited else "There is no run yet.", "Start one.")


async def _run_named(ctx: ToolContext, text: str, options: argparse.Namespace) -> RunRef:
    runs = await _runs_for(ctx, options, limit=1 if text == LAST else _SEARCHED_RUNS)
    if text == LAST:
        return _latest(runs, options).ref
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
    kind: Kind | Literal[""] = getattr(options, "kind", "")
    component_id: str = getattr(options, "id", "")
    result = await search_runs(
        ctx,
        kind=kind,
        component=await ctx.component_to_read(kind, component_id) if component_id else None,
        session_id=getattr(options, "session_id", ""),
        status=status or getattr(options, "status", ""),
        user_id=getattr(options, "user_id", "") or ctx.settings.user_id,
        period=parse_period(getattr(options, "since", ""), getattr(options, "until", "")),
        limit=limit,
    )
    return result.runs
