"""A stored run (`GET .../runs/{run_id}`) -> RunState."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from agentos_mcp.agentos.documents import measures, media_of, requirements_of, steps_of
from agentos_mcp.agentos.run import WAITING, RunState, Status


def read_output(state: RunState, output: Mapping[str, Any]) -> RunState:
    """What the stored run says, on top of what is already known of it."""
    status = _status(output.get("status"))
    content = output.get("content")
    stored = dataclasses.replace(
        state,
        status=status,
        steps=steps_of(output.get("step_results"), state),
        queued=state.queued or output.get("queue_attempt") is not None,
        provisional=False,
        stored=True,
        orphaned=False,
        **measures(output.get("metrics")),
    )
    match status:
        case Status.ERROR:
            return dataclasses.replace(stored, error=error_of(output) or _words(content) or "AgentOS gave no reason")
        case Status.COMPLETED | Status.REGENERATED:
            return dataclasses.replace(
                stored,
                answer=content,
                media=media_of(output),
                activity="",
                failed_tools=_failed_tools(output) or state.failed_tools,
            )
        case Status.PAUSED:
            return dataclasses.replace(stored, requirements=requirements_of(output), answer=content, activity=WAITING)
        case Status.CANCELLED:
            return dataclasses.replace(stored, answer=content, activity="")
        case Status.PENDING if isinstance(other := output.get("waiting_on"), str):
            # A queue runs a session's runs one after the other, and a paused one holds up the next.
            return dataclasses.replace(stored, activity=f"waiting for run {other} of its session")
        case _:
            return dataclasses.replace(stored, activity="") if state.status is Status.PENDING else stored


def _status(value: object) -> Status:
    """AgentOS's status; a word that is not known counts as running, so that nothing is ended by mistake."""
    try:
        return Status(str(value).upper())
    except ValueError:
        return Status.RUNNING


def error_of(output: Mapping[str, Any]) -> str:
    """Why the run failed: AgentOS keeps it only in the run's events, its content is what had been said until then."""
    events = output.get("events")
    for event in reversed(events if isinstance(events, list) else []):
        if not isinstance(event, Mapping) or event.get("run_id") != output.get("run_id"):
            continue
        if event.get("event") in {"RunError", "TeamRunError", "WorkflowError"}:
            return str(event.get("error") or event.get("content") or "")
    return ""


def _words(content: object) -> str:
    return content if isinstance(content, str) else ""


def _failed_tools(output: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    tools = output.get("tools")
    if not isinstance(tools, list):
        return ()
    return tuple(
        (str(tool.get("tool_name") or "a tool"), str(tool.get("result") or ""))
        for tool in tools
        if isinstance(tool, Mapping) and tool.get("tool_call_error")
    )
