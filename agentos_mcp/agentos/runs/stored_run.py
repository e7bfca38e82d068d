"""Reads a run as AgentOS has stored it (`GET .../runs/{run_id}`) into a RunState."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from agentos_mcp.agentos.json_values import objects, text
from agentos_mcp.agentos.plain_text import shorten
from agentos_mcp.agentos.runs.payload import (
    read_failed_tools,
    read_media,
    read_metrics,
    read_requirements,
    read_steps,
)
from agentos_mcp.agentos.runs.run import MAX_ERROR_LENGTH, WAITING, RunState, Status


def read_stored_run(state: RunState, output: Mapping[str, Any]) -> RunState:
    """What the stored run says, on top of what is already known of it."""
    status = _status(output.get("status"))
    content = output.get("content")
    stored = dataclasses.replace(
        state,
        status=status,
        **read_steps(output.get("step_results"), state),
        is_queued=state.is_queued or output.get("queue_attempt") is not None,
        is_provisional=False,
        is_stored=True,
        is_orphaned=False,
        **read_metrics(output.get("metrics")),
        **read_failed_tools(output),
    )
    match status:
        case Status.ERROR:
            error = stored_error(output) or _string(content) or "AgentOS gave no reason"
            return dataclasses.replace(stored, error=shorten(error, MAX_ERROR_LENGTH))
        case Status.COMPLETED | Status.REGENERATED:
            return dataclasses.replace(
                stored,
                answer=content,
                answer_cut=False,
                media=read_media(output),
                activity="",
            )
        case Status.PAUSED:
            return dataclasses.replace(
                stored, **read_requirements(output), answer=content, answer_cut=False, activity=WAITING
            )
        case Status.CANCELLED:
            return dataclasses.replace(stored, answer=content, activity="")
        case Status.PENDING if isinstance(other_run := output.get("waiting_on"), str):
            # A queue runs a session's runs one after the other, and a paused one holds up the next.
            return dataclasses.replace(stored, activity=f"waiting for run {other_run} of its session")
        case _:
            return dataclasses.replace(stored, activity="") if state.status is Status.PENDING else stored


def _status(value: object) -> Status:
    """AgentOS's status; a word that is not known counts as running, so that nothing is ended by mistake."""
    try:
        return Status(text(value).upper())
    except ValueError:
        return Status.RUNNING


def stored_error(output: Mapping[str, Any]) -> str:
    """Why a stored run failed: only its events say it, its content is the words before the failure."""
    for event in reversed(objects(output.get("events"))):
        failed = text(event.get("event")) in {"RunError", "TeamRunError", "WorkflowError"}
        if failed and event.get("run_id") == output.get("run_id"):
            return text(event.get("error")) or text(event.get("content"))
    return ""


def _string(content: object) -> str:
    return content if isinstance(content, str) else ""
