"""reduce(state, event) -> state: what each of AgentOS's events says about a run. Pure.

Agents, teams and workflows share one vocabulary (`TeamToolCallStarted` is a team's
`ToolCallStarted`). Events of members and of inner agents carry another `run_id` than the run's own,
those of nested workflows a `nested_depth` too; they move the progress but never end the run.
An event that is not known here changes nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from agentos_mcp.agentos.documents import measures, media_of, requirements_of, steps_of
from agentos_mcp.agentos.events import Event
from agentos_mcp.agentos.run import WAITING, RunRef, RunState, Status, Step, StepOutcome, joined

Changes = dict[str, Any]
_WORDS = 160


def reduce(state: RunState, event: Event) -> RunState:
    """The state after `event`. An event that was already counted (by its number) changes nothing."""
    if 0 <= event.index <= state.last_index:
        return state
    changes: Changes = {"events": state.events + 1}
    if event.index >= 0:
        changes["last_index"] = event.index
    name = event.name.removeprefix("Team")
    own = event.depth == 0 and event.text("run_id") == state.ref.run
    if name in _STARTS and _starts_this_run(state, event):
        changes |= _started(state, event)
    elif own and (ending := _ENDINGS.get(name)):
        changes |= ending(state, event)
    elif not state.ended and (meaning := _MEANINGS.get(name)):
        changes |= meaning(state, event)
    return dataclasses.replace(state, **changes)


# How a run begins and goes on

_STARTS = {"RunStarted", "WorkflowStarted", "RunAccepted", "RunContinued", "StepContinued", "StepExecutorContinued"}


def _starts_this_run(state: RunState, event: Event) -> bool:
    """True for the run's own start, also where AgentOS chose another run id than ours."""
    if event.depth or event.text("parent_run_id") or event.text("workflow_run_id"):
        return False
    if event.text("run_id") == state.ref.run:
        return True
    return state.status is Status.PENDING and event.name in {"RunAccepted", _START_OF[state.ref.kind]}


_START_OF = {"agent": "RunStarted", "team": "TeamRunStarted", "workflow": "WorkflowStarted"}


def _started(state: RunState, event: Event) -> Changes:
    ref = state.ref
    return {
        "status": Status.RUNNING,
        "activity": "",
        "provisional": False,
        "ref": RunRef(
            ref.kind, ref.component, event.text("session_id") or ref.session, event.text("run_id") or ref.run
        ),
    }


# How a run ends. Cancelled, failed and paused are final even though "completed" may follow.

_STICKY = {Status.CANCELLED, Status.ERROR, Status.PAUSED}


def _completed(state: RunState, event: Event) -> Changes:
    if state.status in _STICKY:
        return {}
    outcomes = steps_of(event.data.get("step_results"), state)
    return {
        "status": Status.COMPLETED,
        "answer": event.data.get("content"),
        "media": media_of(event.data),
        "steps": outcomes,
        "activity": "",
        "part": "",
        **measures(event.data.get("metrics")),
    }


def _failed(state: RunState, event: Event) -> Changes:
    error = event.text("error") or event.text("content") or "AgentOS gave no reason"
    return {"status": Status.ERROR, "error": error, "steps": _last_step(state, "failed", error)}


def _cancelled(state: RunState, event: Event) -> Changes:
    return {"status": Status.CANCELLED, "error": event.text("reason"), "activity": ""}


def _paused(state: RunState, event: Event) -> Changes:
    needs = requirements_of(event.data)
    return {
        "status": Status.PAUSED,
        "requirements": needs or state.requirements,
        "steps": _last_step(state, "paused"),
        "activity": WAITING,
        **({"answer": event.data["content"]} if event.text("content") else {}),
    }


def _legacy_output(state: RunState, event: Event) -> Changes:
    """`WorkflowRunOutput` repeats the whole run after its end; it matters only for a pause."""
    return _paused(state, event) if event.text("status") == Status.PAUSED else {}


_ENDINGS: Mapping[str, Callable[[RunState, Event], Changes]] = {
    "RunCompleted": _completed,
    "WorkflowCompleted": _completed,
    "RunError": _failed,
    "WorkflowError": _failed,
    "RunCancelled": _cancelled,
    "WorkflowCancelled": _cancelled,
    "RunPaused": _paused,
    "WorkflowPaused": _paused,
    "WorkflowRunOutput": _legacy_output,
}


# What happens in between


def _step_started(state: RunState, event: Event) -> Changes:
    if not _is_top_level(event):
        return {"part": event.text("step_name"), "activity": "", "actor": "", "words": ""}
    return {
        "steps": (*_settled(state), Step(event.text("step_name") or f"step {len(state.steps) + 1}")),
        "part": "",
        "actor": "",
        "activity": "",
        "words": "",
    }


def _step_completed(state: RunState, event: Event) -> Changes:
    if not _is_top_level(event):
        return {"activity": ""}
    response = event.data.get("step_response")
    failed = isinstance(response, Mapping) and response.get("success") is False
    error = str(response.get("error") or "") if isinstance(response, Mapping) else ""
    return {
        "steps": _last_step(state, "failed" if failed else "completed", error if failed else ""),
        "part": "",
        "activity": "",
    }


def _step_failed(state: RunState, event: Event) -> Changes:
    return {"steps": _last_step(state, "failed", event.text("error"))} if _is_top_level(event) else {}


def _step_paused(state: RunState, event: Event) -> Changes:
    """A background workflow's stream ends here; its requirements have to be read from the run."""
    return {"activity": WAITING, "steps": _last_step(state, "paused")}


def _iteration_started(state: RunState, event: Event) -> Changes:
    lap, laps = event.data.get("iteration"), event.data.get("max_iterations")
    return {"part": f"round {lap}/{laps}" if laps else f"round {lap}", "activity": ""}


def _tool_started(state: RunState, event: Event) -> Changes:
    return {"activity": f"calling {_tool(event).get('tool_name') or 'a tool'}", "actor": _actor(state, event)}


def _tool_completed(state: RunState, event: Event) -> Changes:
    return {"activity": ""}


def _tool_failed(state: RunState, event: Event) -> Changes:
    name = str(_tool(event).get("tool_name") or "a tool")
    failure = (name, event.text("error") or str(_tool(event).get("result") or ""))
    return {"activity": f"{name} failed", "failed_tools": (*state.failed_tools, failure)}


def _content(state: RunState, event: Event) -> Changes:
    piece = event.data.get("content")
    if not isinstance(piece, str) or not piece:
        return {}
    actor = _actor(state, event)
    before = state.words if actor == state.actor else ""
    changes: Changes = {"words": (before + piece)[-_WORDS:], "activity": "", "actor": actor}
    if event.text("run_id") == state.ref.run and "Intermediate" not in event.name:
        changes["said"] = joined(state.said, piece)
    return changes


def _inner_started(state: RunState, event: Event) -> Changes:
    return {"actor": _actor(state, event), "activity": "", "words": ""}


def _inner_failed(state: RunState, event: Event) -> Changes:
    return {
        "activity": f"failed: {event.text('content') or event.text('error')}"[:_WORDS],
        "actor": _actor(state, event),
    }


def _doing(activity: str) -> Callable[[RunState, Event], Changes]:
    return lambda state, event: {"activity": activity, "actor": _actor(state, event)}


def _task(state: RunState, event: Event) -> Changes:
    title = event.text("title") or event.text("task_title")
    return {"activity": f"task: {title}" if title else "planning its tasks", "actor": _actor(state, event)}


def _step_progress(state: RunState, event: Event) -> Changes:
    return {"activity": event.text("content")[:_WORDS]} if event.text("content") else {}


_MEANINGS: Mapping[str, Callable[[RunState, Event], Changes]] = {
    "replay": lambda state, event: {"replayed": True},
    "StepStarted": _step_started,
    "ParallelExecutionStarted": _step_started,
    "LoopExecutionStarted": _step_started,
    "ConditionExecutionStarted": _step_started,
    "RouterExecutionStarted": _step_started,
    "StepsExecutionStarted": _step_started,
    "StepCompleted": _step_completed,
    "ParallelExecutionCompleted": _step_completed,
    "LoopExecutionCompleted": _step_completed,
    "ConditionExecutionCompleted": _step_completed,
    "RouterExecutionCompleted": _step_completed,
    "StepsExecutionCompleted": _step_completed,
    "StepError": _step_failed,
    "StepProgress": _step_progress,
    "StepPaused": _step_paused,
    "RouterPaused": _step_paused,
    "ConditionPaused": _step_paused,
    "StepExecutorPaused": _step_paused,
    "StepOutputReview": _step_paused,
    "LoopIterationStarted": _iteration_started,
    "ToolCallStarted": _tool_started,
    "ToolCallCompleted": _tool_completed,
    "ToolCallError": _tool_failed,
    "RunStarted": _inner_started,
    "RunContent": _content,
    "RunIntermediateContent": _content,
    "RunError": _inner_failed,
    "ReasoningStarted": _doing("thinking"),
    "ReasoningStep": _doing("thinking"),
    "MemoryUpdateStarted": _doing("updating its memory"),
    "SessionSummaryStarted": _doing("summarizing the session"),
    "CompressionStarted": _doing("compressing its context"),
    "CompactionStarted": _doing("compacting the session"),
    "ParserModelResponseStarted": _doing("shaping its answer"),
    "OutputModelResponseStarted": _doing("writing its answer"),
    "FollowupsStarted": _doing("thinking of follow-ups"),
    "PreHookStarted": _doing("checking the input"),
    "PostHookStarted": _doing("checking the answer"),
    "TaskIterationStarted": _task,
    "TaskCreated": _task,
    "TaskUpdated": _task,
}


# Parts of events


def _is_top_level(event: Event) -> bool:
    """A step of the workflow itself: children have an index pair or, under a router, a parent."""
    return event.depth == 0 and not event.text("parent_step_id") and isinstance(event.data.get("step_index", 0), int)


def _actor(state: RunState, event: Event) -> str:
    """Who is at work; '' for the component itself."""
    if event.text("run_id") == state.ref.run:
        return ""
    return event.text("agent_name") or event.text("team_name") or event.text("agent_id") or event.text("team_id")


def _tool(event: Event) -> Mapping[str, Any]:
    tool = event.data.get("tool")
    return tool if isinstance(tool, Mapping) else {}


def _last_step(state: RunState, outcome: StepOutcome, error: str = "") -> tuple[Step, ...]:
    if not state.steps:
        return ()
    return (*state.steps[:-1], dataclasses.replace(state.steps[-1], outcome=outcome, error=error))


def _settled(state: RunState) -> tuple[Step, ...]:
    """The steps so far, none of them running: a failing step that is skipped sends no event at all."""
    if state.steps and state.steps[-1].outcome == "running":
        return _last_step(state, "failed", "AgentOS reported no result")
    return state.steps
