"""reduce(state, event) -> state: what each of AgentOS's events changes in a run. Pure.

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
from agentos_mcp.agentos.runs.payload import read_media, read_metrics, read_requirements, read_steps, tool_error
from agentos_mcp.agentos.runs.run import (
    MAX_ERROR_LENGTH,
    MAX_FAILED_TOOLS,
    MAX_NAME_LENGTH,
    MAX_STEPS,
    MAX_STREAMED_CHARACTERS,
    WAITING,
    RunState,
    Status,
    Step,
    StepOutcome,
    append_piece,
)
from agentos_mcp.agentos.sse import Event

StateUpdate = dict[str, Any]
_MAX_WORDS = 160


def reduce(state: RunState, event: Event) -> RunState:
    """The state after `event`. An event that was already counted (by its number) changes nothing."""
    if 0 <= event.index <= state.last_index:
        return state
    update: StateUpdate = {"events": state.events + 1}
    if event.index >= 0:
        update["last_index"] = event.index
    name = event.name.removeprefix("Team")
    own = event.nested_depth == 0 and event.text("run_id") == state.ref.run
    if name in _STARTS and _starts_this_run(state, event):
        update |= _started(state, event)
    elif own and (ending := _ENDINGS.get(name)):
        update |= ending(state, event)
    elif not state.has_ended and (make_update := _UPDATES.get(name)):
        update |= make_update(state, event)
    return state.updated(update)


# How a run begins and goes on

_STARTS = {"RunStarted", "WorkflowStarted", "RunAccepted", "RunContinued", "StepContinued", "StepExecutorContinued"}


def _starts_this_run(state: RunState, event: Event) -> bool:
    """True for the run's own start, also where AgentOS chose another run id than ours."""
    if event.nested_depth or event.text("parent_run_id") or event.text("workflow_run_id"):
        return False
    if event.text("run_id") == state.ref.run:
        return True
    return state.status is Status.PENDING and event.name in {"RunAccepted", _START_OF[state.ref.kind]}


_START_OF = {"agent": "RunStarted", "team": "TeamRunStarted", "workflow": "WorkflowStarted"}


def _started(state: RunState, event: Event) -> StateUpdate:
    ref = state.ref
    update: StateUpdate = {"status": Status.RUNNING, "activity": "", "is_provisional": False}
    session, run = event.text("session_id") or ref.session, event.text("run_id") or ref.run
    if len(session) > MAX_NAME_LENGTH or len(run) > MAX_NAME_LENGTH:
        return update
    return update | {"ref": dataclasses.replace(ref, session=session, run=run)}


# How a run ends. Cancelled, failed and paused are final even though "completed" may follow.

_FINAL = {Status.CANCELLED, Status.ERROR, Status.PAUSED}


def _completed(state: RunState, event: Event) -> StateUpdate:
    if state.status in _FINAL:
        return {}
    return {
        "status": Status.COMPLETED,
        "answer": event.data.get("content"),
        "answer_cut": event.is_cut,
        "media": {} if event.is_cut else read_media(event.data),
        **read_steps(event.data.get("step_results"), state),
        "activity": "",
        "substep": "",
        **read_metrics(event.data.get("metrics")),
    }


def _failed(state: RunState, event: Event) -> StateUpdate:
    error = shorten(event.text("error") or event.text("content") or "AgentOS gave no reason", MAX_ERROR_LENGTH)
    return {"status": Status.ERROR, "error": error, "steps": _last_step(state, "failed", error)}


def _cancelled(state: RunState, event: Event) -> StateUpdate:
    return {"status": Status.CANCELLED, "error": shorten(event.text("reason"), MAX_ERROR_LENGTH), "activity": ""}


def _paused(state: RunState, event: Event) -> StateUpdate:
    needs = read_requirements(event.data)
    return {
        "status": Status.PAUSED,
        **(needs if needs["requirements"] else {}),
        "steps": _last_step(state, "paused"),
        "activity": WAITING,
        **({"answer": event.data["content"]} if event.text("content") else {}),
    }


def _legacy_output(state: RunState, event: Event) -> StateUpdate:
    """`WorkflowRunOutput` repeats the whole run after its end; it matters only for a pause."""
    return _paused(state, event) if event.text("status") == Status.PAUSED else {}


_ENDINGS: Mapping[str, Callable[[RunState, Event], StateUpdate]] = {
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


def _step_started(state: RunState, event: Event) -> StateUpdate:
    if not _is_top_level(event):
        return {
            "substep": shorten(event.text("step_name"), MAX_NAME_LENGTH),
            "activity": "",
            "actor": "",
            "last_words": "",
        }
    return {
        **_with_step(state, shorten(event.text("step_name"), MAX_NAME_LENGTH) or f"step {state.step_number + 1}"),
        "substep": "",
        "actor": "",
        "activity": "",
        "last_words": "",
    }


def _step_completed(state: RunState, event: Event) -> StateUpdate:
    if not _is_top_level(event):
        return {"activity": ""}
    response = mapping(event.data.get("step_response"))
    failed = response.get("success") is False
    error = text(response.get("error"))
    return {
        "steps": _last_step(state, "failed" if failed else "completed", error if failed else ""),
        "substep": "",
        "activity": "",
    }


def _step_failed(state: RunState, event: Event) -> StateUpdate:
    return {"steps": _last_step(state, "failed", event.text("error"))} if _is_top_level(event) else {}


def _step_paused(state: RunState, event: Event) -> StateUpdate:
    """A background workflow's stream ends here; its requirements have to be read from the run."""
    return {"activity": WAITING, "steps": _last_step(state, "paused")}


def _iteration_started(state: RunState, event: Event) -> StateUpdate:
    round_number, round_count = text(event.data.get("iteration")), text(event.data.get("max_iterations"))
    return {
        "substep": shorten(
            f"round {round_number}/{round_count}" if round_count else f"round {round_number}", MAX_NAME_LENGTH
        ),
        "activity": "",
    }


def _tool_started(state: RunState, event: Event) -> StateUpdate:
    return {"activity": f"calling {_tool_name(event)}", "actor": _actor(state, event)}


def _tool_completed(state: RunState, event: Event) -> StateUpdate:
    tool = _tool(event)
    # A call that AgentOS counts as failed has an event of its own after this one.
    if not tool.get("tool_call_error") and (error := tool_error(tool)):
        return _with_failed_tool(state, event, error)
    return {"activity": ""}


def _tool_failed(state: RunState, event: Event) -> StateUpdate:
    return _with_failed_tool(state, event, event.text("error") or str(_tool(event).get("result") or ""))


def _with_failed_tool(state: RunState, event: Event, error: str) -> StateUpdate:
    name = _tool_name(event)
    if len(state.failed_tools) >= MAX_FAILED_TOOLS:
        return {"activity": f"{name} failed", "failed_tools_left_out": state.failed_tools_left_out + 1}
    failed = (name, shorten(error, MAX_ERROR_LENGTH))
    return {"activity": f"{name} failed", "failed_tools": (*state.failed_tools, failed)}


def _content_received(state: RunState, event: Event) -> StateUpdate:
    piece = event.data.get("content")
    if not isinstance(piece, str) or not piece:
        return {}
    actor = _actor(state, event)
    before = state.last_words if actor == state.actor else ""
    update: StateUpdate = {"last_words": (before + piece[-_MAX_WORDS:])[-_MAX_WORDS:], "activity": "", "actor": actor}
    if event.text("run_id") == state.ref.run and "Intermediate" not in event.name:
        room = 0 if state.dropped_characters else MAX_STREAMED_CHARACTERS - sum(map(len, state.streamed_pieces))
        if room > 0:
            update["streamed_pieces"] = append_piece(state.streamed_pieces, piece[:room])
        if len(piece) > room:
            update["dropped_characters"] = state.dropped_characters + len(piece) - room
    return update


def _inner_started(state: RunState, event: Event) -> StateUpdate:
    return {"actor": _actor(state, event), "activity": "", "last_words": ""}


def _inner_failed(state: RunState, event: Event) -> StateUpdate:
    return {
        "activity": shorten(f"failed: {event.text('content') or event.text('error')}", _MAX_WORDS),
        "actor": _actor(state, event),
    }


def _activity(activity: str) -> Callable[[RunState, Event], StateUpdate]:
    return lambda state, event: {"activity": activity, "actor": _actor(state, event)}


def _task_changed(state: RunState, event: Event) -> StateUpdate:
    title = shorten(event.text("title") or event.text("task_title"), MAX_NAME_LENGTH)
    return {"activity": f"task: {title}" if title else "planning its tasks", "actor": _actor(state, event)}


def _step_progress(state: RunState, event: Event) -> StateUpdate:
    return {"activity": event.text("content")[:_MAX_WORDS]} if event.text("content") else {}


_UPDATES: Mapping[str, Callable[[RunState, Event], StateUpdate]] = {
    "replay": lambda state, event: {"is_replayed": True},
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
    "RunContent": _content_received,
    "RunIntermediateContent": _content_received,
    "RunError": _inner_failed,
    "ReasoningStarted": _activity("thinking"),
    "ReasoningStep": _activity("thinking"),
    "MemoryUpdateStarted": _activity("updating its memory"),
    "SessionSummaryStarted": _activity("summarizing the session"),
    "CompressionStarted": _activity("compressing its context"),
    "CompactionStarted": _activity("compacting the session"),
    "ParserModelResponseStarted": _activity("shaping its answer"),
    "OutputModelResponseStarted": _activity("writing its answer"),
    "FollowupsStarted": _activity("thinking of follow-ups"),
    "PreHookStarted": _activity("checking the input"),
    "PostHookStarted": _activity("checking the answer"),
    "TaskIterationStarted": _task_changed,
    "TaskCreated": _task_changed,
    "TaskUpdated": _task_changed,
}


# Parts of events


def _is_top_level(event: Event) -> bool:
    """A step of the workflow itself: children have an index pair or, under a router, a parent."""
    return (
        event.nested_depth == 0
        and not event.text("parent_step_id")
        and isinstance(event.data.get("step_index", 0), int)
    )


def _actor(state: RunState, event: Event) -> str:
    """Who is at work; '' for the component itself."""
    if event.text("run_id") == state.ref.run:
        return ""
    names = (event.text(key) for key in ("agent_name", "team_name", "agent_id", "team_id"))
    return shorten(next(filter(None, names), ""), MAX_NAME_LENGTH)


def _tool_name(event: Event) -> str:
    return shorten(str(_tool(event).get("tool_name") or "a tool"), MAX_NAME_LENGTH)


def _tool(event: Event) -> Mapping[str, Any]:
    return mapping(event.data.get("tool"))


def _last_step(state: RunState, outcome: StepOutcome, error: str = "") -> tuple[Step, ...]:
    if not state.steps:
        return ()
    last = dataclasses.replace(state.steps[-1], outcome=outcome, error=shorten(error, MAX_ERROR_LENGTH))
    return (*state.steps[:-1], last)


def _with_step(state: RunState, name: str) -> StateUpdate:
    """One step more; of too many, the last but this one is only counted."""
    steps = _without_running_step(state)
    if len(steps) < MAX_STEPS:
        return {"steps": (*steps, Step(name))}
    failed = steps[-1].outcome == "failed"
    return {
        "steps": (*steps[:-1], Step(name)),
        "steps_left_out": state.steps_left_out + 1,
        "failed_steps_left_out": state.failed_steps_left_out + failed,
    }


def _without_running_step(state: RunState) -> tuple[Step, ...]:
    """The steps so far, none of them running: a failing step that is skipped sends no event at all."""
    if state.steps and state.steps[-1].outcome == "running":
        return _last_step(state, "failed", "AgentOS reported no result")
    return state.steps
