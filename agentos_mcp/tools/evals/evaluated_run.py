"""Finds the run that was evaluated: AgentOS keeps its reference, and often its input and answer, with no evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.json_values import mapping, objects, text
from agentos_mcp.agentos.plain_text import as_json
from agentos_mcp.agentos.runs.history import RunSummary
from agentos_mcp.agentos.runs.run import KINDS, RunRef
from agentos_mcp.agentos.timestamps import parse_timestamp
from agentos_mcp.runs.run_parts import input_text
from agentos_mcp.runs.run_search import search_runs
from agentos_mcp.tooling.context import ToolContext

_MAX_CANDIDATES = 20
_MAX_GAP_SECONDS = 2.0
"""From the end of the run to the evaluation, whose time AgentOS keeps to the second."""
_MAX_JUDGING_SECONDS = 120.0


async def find_evaluated_run(ctx: ToolContext, evaluation: Mapping[str, Any]) -> RunRef | None:
    """The last run of an evaluation, by its session or by its time; None where that is not certain."""
    try:
        if evaluation.get("eval_type") == "accuracy":
            return await _run_in_session(ctx, f"eval_{text(evaluation.get('id'))}_1")
        return await _run_by_time(ctx, evaluation)
    except AgentOSError:
        # Deleted, or not for this token.
        return None


async def read_texts(ctx: ToolContext, ref: RunRef) -> dict[str, str]:
    """The input and the answer of a stored run; {} where it cannot be read."""
    try:
        output = await ctx.engine.get_stored(ref)
    except AgentOSError:
        return {}
    content = output.get("content")
    return {
        "input": input_text(output),
        "answer": content if isinstance(content, str) else as_json(content) if content else "",
    }


async def _run_in_session(ctx: ToolContext, session_id: str) -> RunRef | None:
    result = await search_runs(ctx, user_id=ctx.ownership.user_id, session_id=session_id, limit=1)
    return result.runs[0].ref if result.runs else None


async def _run_by_time(ctx: ToolContext, evaluation: Mapping[str, Any]) -> RunRef | None:
    """The component's run that ended right before the evaluation was made; none where several differ."""
    evaluated_at = parse_timestamp(evaluation.get("created_at"))
    owner = _component_ids(evaluation)
    if evaluated_at is None or owner is None:
        return None
    component = await ctx.catalog.find(*owner)
    result = await search_runs(ctx, user_id=ctx.ownership.user_id, component=component, limit=_MAX_CANDIDATES)
    is_judged = evaluation.get("eval_type") == "agent_as_judge"
    max_gap = _MAX_JUDGING_SECONDS if is_judged else _MAX_GAP_SECONDS
    inputs = {" ".join(text(result.get("input")).split())[:100] for result in objects(_results(evaluation))} - {""}
    candidates = [
        run
        for run in result.runs
        if -1 <= evaluated_at.timestamp() - run.started_at - run.seconds <= max_gap
        and (not inputs or any(run.input.startswith(input_start) for input_start in inputs))
    ]
    is_certain = len({run.input for run in candidates}) == 1
    return max(candidates, key=_end).ref if is_certain else None


def _end(run: RunSummary) -> float:
    return run.started_at + run.seconds


def _results(evaluation: Mapping[str, Any]) -> object:
    return mapping(evaluation.get("eval_data")).get("results")


def _component_ids(evaluation: Mapping[str, Any]) -> tuple[Any, str] | None:
    for kind in KINDS:
        if component_id := text(evaluation.get(f"{kind}_id")):
            return kind, component_id
    # What is judged by an agent is kept without its component; `run_eval` names the evaluation after it.
    name, _, component_id = text(evaluation.get("name")).partition(" ")
    return (name, component_id) if name in KINDS and component_id else None
