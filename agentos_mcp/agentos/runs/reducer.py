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

from agentos_mcp.agentos.json_values import mapping, text
from agentos_mcp.agentos.plain_text import shorten
from agentos_mcp.agentos.runs.payload import measures, media_of, requirements_of, steps_of
from agentos_mcp.agentos.runs.run import (
    LONGEST_ERROR,
    LONGEST_NAME,
    MOST_FAILED_TOOLS,
    MOST_SAID,
    MOST_STEPS,
    WAITING,
    RunRef,
    RunState,
    Status,
    Step,
    StepOutcome,
    joined,
)
from agentos_mcp.agentos.sse import Event

SubscriptionHub = dict[str, Any]
_WORDS = 160


def reduce(state: RunState, event: Event) -> RunState:
    """The state after `event`. An event that was already counted (by its number) changes nothing."""
    if 0 <= event.index <= state.last_index:
        return state
    changes: SubscriptionHub = {"events": state.events + 1}
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


def _started(state: RunState, event: Event) -> SubscriptionHub:
    ref = state.ref
    changes: SubscriptionHub = {"status": Status.RUNNING, "activity": "", "provisional": False}
    session, run = event.text("session_id") or ref.session, event.text("run_id") or ref.run
    if len(session) > LONGEST_NAME or len(run) > LONGEST_NAME:
        return changes
    return changes | {"ref": RunRef(ref.kind, ref.component, session, run)}


# How a run ends. Cancelled, failed and paused are final even though "completed" may follow.

_STICKY = {Status.CANCELLED, Status.ERROR, Status.PAUSED}


def _completed(state: RunState, event: Event) -> SubscriptionHub:
    if state.status in _STICKY:
        return {}
    return {
        "status": Status.COMPLETED,
        "answer": event.data.get("content"),
        "answer_cut": event.cut,
        "media": {} if event.cut else media_of(event.data),
        **steps_of(event.data.get("step_results"), state),
        "activity": "",
        "part": "",
        **measures(event.data.get("metrics")),
    }


def _failed(state: RunState, event: Event) -> SubscriptionHub:
    error = shorten(event.text("error") or event.text("content") or "AgentOS gave no reason", LONGEST_ERROR)
    return {"status": Status.ERROR, "error": error, "steps": _last_step(state, "failed", error)}


def _cancelled(state: RunState, event: Event) -> SubscriptionHub:
    return {"status": Status.CANCELLED, "error": shorten(event.text("reason"), LONGEST_ERROR), "activity": ""}


def _paused(state: RunState, event: Event) -> SubscriptionHub:
    needs = requirements_of(event.data)
    return {
        "status": Status.PAUSED,
        **(needs if needs["requirements"] else {}),
        "steps": _last_step(state, "paused"),
        "activity": WAITING,
        **({"answer": event.data["content"]} if event.text("content") else {}),
    }


def _legacy_output(state: RunState, event: Event) -> SubscriptionHub:
    """`WorkflowRunOutput` repeats the whole run after its end; it matters only for a pause."""
    return _paused(state, event) if event.text("status") == Status.PAUSED else {}


_ENDINGS: Mapping[str, Callable[[RunState, Event], SubscriptionHub]] = {
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


def _step_started(state: RunState, event: Event) -> SubscriptionHub:
    if not _is_top_level(event):
        return {"part": shorten(event.text("step_name"), LONGEST_NAME), "activity": "", "actor": "", "words": ""}
    return {
        **_with_step(state, shorten(event.text("step_name"), LONGEST_NAME) or f"step {state.step_number + 1}"),
        "part": "",
        "actor": "",
        "activity": "",
        "words": "",
    }


def _step_completed(state: RunState, event: Event) -> SubscriptionHub:
    if not _is_top_level(event):
        return {"activity": ""}
    response = mapping(event.data.get("step_response"))
    failed = response.get("success") is False
    error = text(response.get("error"))
    return {
        "steps": _last_step(state, "failed" if failed else "completed", error if failed else ""),
        "part": "",
        "activity": "",
    }


def _step_failed(state: RunState, event: Event) -> SubscriptionHub:
    return {"steps": _last_step(state, "failed", event.text("error"))} if _is_top_level(event) else {}


def _step_paused(state: RunState, event: Event) -> SubscriptionHub:
    """A background workflow's stream ends here; its requirements have to be read from the run."""
    return {"activity": WAITING, "steps": _last_step(state, "paused")}


def _iteration_started(state: RunState, event: Event) -> SubscriptionHub:
    lap, laps = text(event.data.get("iteration")), text(event.data.get("max_iterations"))
    return {"part": shorten(f"round {lap}/{laps}" if laps else f"round {lap}", LONGEST_NAME), "activity": ""}


def _tool_started(state: RunState, event: Event) -> SubscriptionHub:
    return {"activity": f"calling {_tool_name(event)}", "actor": _actor(state, event)}


def _tool_completed(state: RunState, event: Event) -> SubscriptionHub:
    return {"activity": ""}


def _tool_failed(state: RunState, event: Event) -> SubscriptionHub:
    name = _tool_name(event)
    if len(state.failed_tools) >= MOST_FAILED_TOOLS:
        return {"activity": f"{name} failed", "failed_tools_left_out": state.failed_tools_left_out + 1}
    error = shorten(event.text("error") or str(_tool(event).get("result") or ""), LONGEST_ERROR)
    return {"activity": f"{name} failed", "failed_tools": (*state.failed_tools, (name, error))}


def _content(state: RunState, event: Event) -> SubscriptionHub:
    piece = event.data.get("content")
    if not isinstance(piece, str) or not piece:
        return {}
    actor = _actor(state, event)
    before = state.words if actor == state.actor else ""
    changes: SubscriptionHub = {"words": (before + piece[-_WORDS:])[-_WORDS:], "activity": "", "actor": actor}
    if event.text("run_id") == state.ref.run and "Intermediate" not in event.name:
        room = 0 if state.unsaid else MOST_SAID - sum(map(len, state.said))
        if room > 0:
            changes["said"] = joined(state.said, piece[:room])
        if len(piece) > room:
            changes["unsaid"] = state.unsaid + len(piece) - room
    return changes


def _inner_started(state: RunState, event: Event) -> SubscriptionHub:
    return {"actor": _actor(state, event), "activity": "", "words": ""}


def _inner_failed(state: RunState, event: Event) -> SubscriptionHub:
    return {
        "activity": shorten(f"failed: {event.text('content') or event.text('error')}", _WORDS),
        "actor": _actor(state, event),
    }


def _doing(activity: str) -> Callable[[RunState, Event], SubscriptionHub]:
    return lambda state, event: {"activity": activity, "actor": _actor(state, event)}


def _task(state: RunState, event: Event) -> SubscriptionHub:
    title = shorten(event.text("title") or event.text("task_title"), LONGEST_NAME)
    return {"activity": f"task: {title}" if title else "planning its tasks", "actor": _actor(state, event)}


def _step_progress(state: RunState, event: Event) -> SubscriptionHub:
    return {"activity": event.text("content")[:_WORDS]} if event.text("content") else {}


_MEANINGS: Mapping[str, Callable[[RunState, Event], SubscriptionHub]] = {
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
    names = (event.text(key) for key in ("agent_name", "team_name", "agent_id", "team_id"))
    return shorten(next(filter(None, names), ""), LONGEST_NAME)


def _tool_name(event: Event) -> str:
    return shorten(str(_tool(event).get("tool_name") or "a tool"), LONGEST_NAME)


def _tool(event: Event) -> Mapping[str, Any]:
    return mapping(event.data.get("tool"))


def _last_step(state: RunState, outcome: StepOutcome, error: str = "") -> tuple[Step, ...]:
    if not state.steps:
        return ()
    last = dataclasses.replace(state.steps[-1], outcome=outcome, error=shorten(error, LONGEST_ERROR))
    return (*state.steps[:-1], last)


def _with_step(state: RunState, name: str) -> SubscriptionHub:
    """One step more; of too many, the last but this one is only counted."""
    steps = _settled(state)
    if len(steps) < MOST_STEPS:
        return {"steps": (*steps, Step(name))}
    failed = steps[-1].outcome == "failed"
    return {
        "steps": (*steps[:-1], Step(name)),
        "steps_left_out": state.steps_left_out + 1,
        "failed_steps_left_out": state.failed_steps_left_out + failed,
    }


def _settled(state: RunState) -> tuple[Step, ...]:
    """The steps so far, none of them running: a failing step that is skipped sends no event at all."""
    if state.steps and state.steps[-1].outcome == "running":
        return _last_step(state, "failed", "AgentOS reported no result")
    return state.steps
