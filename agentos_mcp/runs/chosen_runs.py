"""Chooses the two runs to compare: by references, by a component's name, or the latest failed and the last good one."""

from __future__ import annotations

from agentos_mcp.agentos.catalog import Component
from agentos_mcp.agentos.errors import InvalidRequest, NotFound
from agentos_mcp.agentos.hints import Action, Hint, Parameter, hint
from agentos_mcp.agentos.plain_text import as_name, one_line
from agentos_mcp.agentos.runs.history import RunSummary, read_outcomes
from agentos_mcp.agentos.runs.run import RunRef, Status
from agentos_mcp.runs.run_parts import input_text
from agentos_mcp.runs.run_search import search_runs
from agentos_mcp.tooling.context import ToolContext

_MAX_CANDIDATES = 20
"""How many of the latest completed runs are looked through for a good one with the same input."""


async def choose_runs(ctx: ToolContext, run_a: str, run_b: str) -> tuple[RunRef, RunRef]:
    """The runs that are meant, the good one first where it was left to us which.

    A run reference names a run, and a component's id or name its latest failed run; what is left out is the other side
    of it: a good run of the same component, with the same input where there is one, or its latest failed one.
    Raises NotFound where there is no such run.
    """
    words = [run_a.strip(), run_b.strip()]
    refs = [ctx.run_ref(word) if "/" in word else None for word in words]
    names = list(dict.fromkeys(word for word, ref in zip(words, refs, strict=True) if word and ref is None))
    if refs[0] is not None and refs[1] is not None:
        return refs[0], refs[1]
    if len(names) > 1:
        raise InvalidRequest("Runs of two components are compared by their references.", _list_runs())
    component = await ctx.component_to_read("", names[0]) if names else None
    ref = refs[0] or refs[1]
    if ref is None:
        failed = await _latest_failed(ctx, component)
        return await _good_run(ctx, failed.ref, failed.input), failed.ref
    state, output = await ctx.engine.read_stored(ref)
    if state.status is Status.COMPLETED and not state.failed_steps:
        failed = await _latest_failed(ctx, component or await ctx.component_to_read(ref.kind, ref.component))
        return ref, failed.ref
    return await _good_run(ctx, ref, one_line(input_text(output)), component), ref


async def _latest_failed(ctx: ToolContext, component: Component | None) -> RunSummary:
    runs = await _runs(ctx, component, "failed", 1)
    if not runs:
        of = f" of {component.kind} {as_name(component.name)}" if component is not None else ""
        raise NotFound(f"No run{of} has failed lately.", _list_runs())
    return runs[0]


async def _good_run(ctx: ToolContext, failed: RunRef, message: str, component: Component | None = None) -> RunRef:
    """The latest completed run of the component without a failed step; one with the same input goes first."""
    component = component or await ctx.component_to_read(failed.kind, failed.component)
    completed = await _runs(ctx, component, "completed", _MAX_CANDIDATES)
    completed.sort(key=lambda run: not _is_same_input(run.input, message))
    for run in completed:
        # One at a time: the first is good most often, and each may have some hundred KB.
        (outcome,) = await read_outcomes(ctx.agent_os, [run])
        if not outcome.has_failed and outcome.ref != failed:
            return outcome.ref
    raise NotFound(
        f"None of the latest runs of {component.kind} {as_name(component.name)} completed without a failure.",
        _list_runs(),
    )


def _is_same_input(preview: str, message: str) -> bool:
    """Whether a list's preview is the beginning of this message."""
    beginning = preview.removesuffix("…")
    return bool(beginning) and message.startswith(beginning) and (beginning != preview or message == preview)


async def _runs(ctx: ToolContext, component: Component | None, status: str, limit: int) -> list[RunSummary]:
    result = await search_runs(ctx, component=component, status=status, user_id=ctx.ownership.user_id, limit=limit)
    return result.runs


def _list_runs() -> Hint:
    return hint(
        "{list} has references; give two of them ({a}, {b}).",
        list=Action.of("list_runs"),
        a=Parameter("run_a"),
        b=Parameter("run_b"),
        otherwise="Give two run references.",
    )
