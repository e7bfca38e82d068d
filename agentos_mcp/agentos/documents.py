"""What a run's last event and its stored document have in common: steps, media, requirements, measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentos_mcp.agentos.json_values import number, objects, text
from agentos_mcp.agentos.pages import record_of
from agentos_mcp.agentos.run import RunState, Step


def steps_of(results: object, state: RunState) -> tuple[Step, ...]:
    """The steps and their outcomes as the finished run tells them, else as the events did."""
    if not isinstance(results, list) or not results:
        return state.steps
    # A step that was skipped for its failure has a result without a name.
    known = [step.name for step in state.steps] + [""] * len(results)
    return tuple(
        _step_result(result, name) for result, name in zip(results, known, strict=False) if isinstance(result, Mapping)
    )


def _step_result(result: Mapping[str, Any], known_name: str) -> Step:
    failed = result.get("success") is False
    metrics = result.get("metrics")
    return Step(
        name=text(result.get("step_name")) or known_name or "step",
        outcome="failed" if failed else "paused" if result.get("is_paused") else "completed",
        error=text(result.get("error")) or text(result.get("content")) if failed else "",
        seconds=number(record_of(metrics).get("duration")),
    )


_DEEPEST = 20
MEDIA = ("images", "audio", "response_audio", "videos", "files")


def media_of(data: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """An answer's media. A workflow's last event has them only in the results of its steps."""
    own = {key: data[key] for key in MEDIA if data.get(key)}
    if own:
        return own
    if depth >= _DEEPEST:
        return {}
    steps = [
        media
        for name in ("step_results", "steps")
        for step in objects(data.get(name))
        if (media := media_of(step, depth + 1))
    ]
    return {"step_results": steps} if steps else {}


def requirements_of(data: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """What a paused run waits for, whichever kind of run it is."""
    for key in ("requirements", "step_requirements", "error_requirements"):
        if needs := objects(data.get(key)):
            return tuple(needs)
    return ()


def measures(metrics: object) -> dict[str, Any]:
    """Tokens and seconds of a run. A workflow's tokens are those of its steps."""
    if not isinstance(metrics, Mapping):
        return {}
    steps = record_of(metrics.get("steps"))
    each = (metrics, *(record_of(record_of(step).get("metrics")) for step in steps.values()))
    tokens = sum(int(number(one.get("total_tokens"))) for one in each)
    return {"tokens": tokens, "seconds": number(metrics.get("duration"))}
