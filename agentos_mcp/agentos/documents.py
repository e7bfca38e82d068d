"""What a run's last event and its stored document have in common: steps, media, requirements, measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
        name=str(result.get("step_name") or known_name or "step"),
        outcome="failed" if failed else "paused" if result.get("is_paused") else "completed",
        error=str(result.get("error") or result.get("content") or "") if failed else "",
        seconds=_number(metrics, "duration"),
    )


MEDIA = ("images", "audio", "response_audio", "videos", "files")


def media_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """An answer's media. A workflow's last event has them only in the results of its steps."""
    own = {key: data[key] for key in MEDIA if data.get(key)}
    if own:
        return own
    steps = [
        media
        for name in ("step_results", "steps")
        for step in data.get(name) or ()
        if isinstance(step, Mapping) and (media := media_of(step))
    ]
    return {"step_results": steps} if steps else {}


def requirements_of(data: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """What a paused run waits for, whichever kind of run it is."""
    for key in ("requirements", "step_requirements", "error_requirements"):
        needs = data.get(key)
        if isinstance(needs, list) and needs:
            return tuple(need for need in needs if isinstance(need, Mapping))
    return ()


def measures(metrics: object) -> dict[str, Any]:
    """Tokens and seconds of a run. A workflow's tokens are those of its steps."""
    if not isinstance(metrics, Mapping):
        return {}
    tokens = int(_number(metrics, "total_tokens"))
    steps = metrics.get("steps")
    if isinstance(steps, Mapping):
        tokens += sum(
            int(_number(step.get("metrics"), "total_tokens")) for step in steps.values() if isinstance(step, Mapping)
        )
    return {"tokens": tokens, "seconds": _number(metrics, "duration")}


def _number(values: object, key: str) -> float:
    value = values.get(key) if isinstance(values, Mapping) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
