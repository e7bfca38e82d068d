"""Reads what the last event of a run and its stored document have in common: steps, tools, media, pauses, metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentos_mcp.agentos.agentos_messages import is_failed_knowledge_search
from agentos_mcp.agentos.json_values import mapping, number, objects, text
from agentos_mcp.agentos.plain_text import shorten
from agentos_mcp.agentos.runs.run import (
    MAX_ERROR_LENGTH,
    MAX_FAILED_TOOLS,
    MAX_NAME_LENGTH,
    MAX_REQUIREMENTS,
    MAX_STEPS,
    RunState,
    Step,
)


def read_steps(results: object, state: RunState) -> dict[str, Any]:
    """The steps and their outcomes as the finished run tells them; nothing new where it tells none."""
    results = objects(results)
    if not results:
        return {}
    # A step that was skipped for its failure has a result without a name.
    names = [step.name for step in state.steps] if not state.steps_left_out else []
    known_names = [*names, *[""] * (MAX_STEPS - len(names))]
    left_out = results[MAX_STEPS:]
    return {
        "steps": tuple(_step_result(result, name) for result, name in zip(results, known_names, strict=False)),
        "steps_left_out": len(left_out),
        "failed_steps_left_out": sum(result.get("success") is False for result in left_out),
    }


def _step_result(result: Mapping[str, Any], known_name: str) -> Step:
    failed = result.get("success") is False
    metrics = result.get("metrics")
    return Step(
        name=shorten(text(result.get("step_name")) or known_name or "step", MAX_NAME_LENGTH),
        outcome="failed" if failed else "paused" if result.get("is_paused") else "completed",
        error=shorten(text(result.get("error")) or text(result.get("content")), MAX_ERROR_LENGTH) if failed else "",
        seconds=number(mapping(metrics).get("duration")),
    )


def tool_error(tool: Mapping[str, Any]) -> str:
    """Why a tool call failed, '' where it did not; a tool call is as AgentOS stores it, or sends it in an event."""
    result = "" if tool.get("result") is None else str(tool["result"])
    if tool.get("tool_call_error"):
        return result or "it gave no reason"
    return result if is_failed_knowledge_search(result) else ""


def read_failed_tools(output: Mapping[str, Any]) -> dict[str, Any]:
    """The tool calls that failed in a stored run, in its members and in its steps; nothing where none did."""
    errors = [
        (
            shorten(text(tool.get("tool_name")) or "a tool", MAX_NAME_LENGTH),
            shorten(error, MAX_ERROR_LENGTH),
        )
        for tool in _tool_calls(output, set(), 0)
        if (error := tool_error(tool))
    ]
    if not errors:
        return {}
    return {
        "failed_tools": tuple(errors[:MAX_FAILED_TOOLS]),
        "failed_tools_left_out": len(errors[MAX_FAILED_TOOLS:]),
    }


def _tool_calls(run: Mapping[str, Any], seen_runs: set[str], depth: int) -> Iterator[Mapping[str, Any]]:
    run_id = text(run.get("run_id"))
    if depth > _MAX_DEPTH or run_id in seen_runs:
        return
    # A member's run may lie in its team's and beside it.
    seen_runs |= {run_id} - {""}
    yield from objects(run.get("tools"))
    for key in ("member_responses", "step_executor_runs"):
        for inner in objects(run.get(key)):
            yield from _tool_calls(inner, seen_runs, depth + 1)


_MAX_DEPTH = 20
MEDIA_KEYS = ("images", "audio", "response_audio", "videos", "files")
"""Where AgentOS keeps an answer's media. `WorkflowCompleted` has them only in its `step_results`."""


def read_media(data: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """An answer's media. A workflow's last event has them only in the results of its steps."""
    own = {key: data[key] for key in MEDIA_KEYS if data.get(key)}
    if own:
        return own
    if depth >= _MAX_DEPTH:
        return {}
    steps = [
        media
        for name in ("step_results", "steps")
        for step in objects(data.get(name))
        if (media := read_media(step, depth + 1))
    ]
    return {"step_results": steps} if steps else {}


def read_requirements(data: Mapping[str, Any]) -> dict[str, Any]:
    """What a paused run waits for, whichever kind of run it is."""
    for key in ("requirements", "step_requirements", "error_requirements"):
        if requirements := objects(data.get(key)):
            # Of a workflow's, which are its history, the last one waits.
            shortened = requirements[:MAX_REQUIREMENTS] if key == "requirements" else requirements[-MAX_REQUIREMENTS:]
            return {"requirements": tuple(shortened), "requirements_left_out": len(requirements) - len(shortened)}
    return {"requirements": (), "requirements_left_out": 0}


def choice_descriptions(page: Mapping[str, Any], router: str, names: frozenset[str]) -> dict[str, str]:
    """What a workflow's own page says of the choices of one of its routers, by their names."""
    remaining, depth = objects(page.get("steps")), 0
    while remaining and depth < _MAX_DEPTH:
        for step in remaining:
            choices = {
                text(choice.get("name")): text(choice.get("description")) for choice in objects(step.get("steps"))
            }
            if text(step.get("name")) == router and names <= choices.keys():
                return {name: shorten(choices[name], MAX_ERROR_LENGTH) for name in names if choices[name]}
        remaining = [inner for step in remaining for key in ("steps", "else_steps") for inner in objects(step.get(key))]
        depth += 1
    return {}


def read_metrics(metrics: object) -> dict[str, Any]:
    """Tokens and seconds of a run. A workflow's tokens are those of its steps."""
    if not isinstance(metrics, Mapping):
        return {}
    steps = mapping(metrics.get("steps"))
    sources = (metrics, *(mapping(mapping(step).get("metrics")) for step in steps.values()))
    tokens = sum(int(number(source.get("total_tokens"))) for source in sources)
    return {"tokens": tokens, "seconds": number(metrics.get("duration"))}
