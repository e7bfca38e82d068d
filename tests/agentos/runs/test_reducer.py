"""Every event family, reduced from streams that a live AgentOS sent a moment ago."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import pytest

from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.runs.reducer import reduce
from agentos_mcp.agentos.runs.run import Kind, RunRef, RunState, Status, append_piece
from agentos_mcp.agentos.sse import Event

pytestmark = pytest.mark.anyio

Recording = list[Event]


async def record(
    agent_os: AgentOS, kind: Kind, id: str, message: str = "hello", *, background: bool = False, **fields: str
) -> tuple[RunRef, Recording]:
    ref = RunRef(kind, id, f"session-{id}", f"run-{id}-{background}")
    form = {"message": message, "stream": "true", "session_id": ref.session, "run_id": ref.run, **fields}
    if background:
        form["background"] = "true"
    path = f"/{kind}s/{{id}}/runs"
    async with agent_os.stream(path, {"id": id}, form, kept_alive=background) as events:
        return ref, [event async for event in events]


def replay(ref: RunRef, events: Recording, **known: int) -> RunState:
    state = RunState(ref=ref, total_steps=known.get("total_steps", 0))
    for event in events:
        state = reduce(state, event)
    return state


AGENTS: Mapping[str, set[str]] = {
    "echo": {"RunStarted", "ModelRequestStarted", "RunContent", "RunContentCompleted", "RunCompleted"},
    "tooler": {"ToolCallStarted", "ToolCallCompleted"},
    "memo": {"MemoryUpdateStarted", "MemoryUpdateCompleted"},
    "hooked": {"PreHookStarted", "PreHookCompleted", "PostHookStarted", "PostHookCompleted"},
    "summed": {"SessionSummaryStarted", "SessionSummaryCompleted"},
    "parsed": {"ParserModelResponseStarted", "ParserModelResponseCompleted"},
    "polished": {"RunIntermediateContent", "OutputModelResponseStarted", "OutputModelResponseCompleted"},
    "followed": {"FollowupsStarted", "FollowupsCompleted"},
    "announcer": {"CustomEvent"},
    "reasoner": {"ReasoningStarted", "ReasoningStep", "ReasoningCompleted"},
}


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("id", AGENTS)
async def test_agent_run_ends_with_its_whole_answer(agent_os: AgentOS, id: str, background: bool) -> None:
    ref, events = await record(agent_os, "agent", id, background=background)
    assert AGENTS[id] <= {event.name for event in events}
    state = replay(ref, events)
    last = next(event for event in events if event.name == "RunCompleted")
    assert (state.status, state.answer) == (Status.COMPLETED, last.data["content"])
    assert state.ref == ref
    assert state.tokens > 0
    assert state.seconds > 0


async def test_streamed_answer_is_known_while_it_arrives(agent_os: AgentOS) -> None:
    ref, events = await record(agent_os, "agent", "slow", "40 0")
    before_the_end = events[: [event.name for event in events].index("RunContentCompleted")]
    state = replay(ref, before_the_end)
    assert state.status is Status.RUNNING
    assert state.text == " ".join(f"w{number}" for number in range(40))
    assert state.last_words.endswith("w39")


async def test_failed_tool_is_named_once_and_the_run_completes(agent_os: AgentOS) -> None:
    ref, events = await record(agent_os, "agent", "toolfail")
    assert {"ToolCallError", "ToolCallCompleted"} <= {event.name for event in events}
    state = replay(ref, events)
    assert state.status is Status.COMPLETED
    assert state.failed_tools == (("explode", "boom: bad day"),)


async def test_failing_model_is_an_error_and_keeps_the_words_before_it(agent_os: AgentOS) -> None:
    ref, events = await record(agent_os, "agent", "broken")
    state = replay(ref, events)
    assert (state.status, state.error) == (Status.ERROR, "the provider is out of tokens")
    assert state.text == "a first word "


async def test_pause_ends_the_run_and_keeps_its_requirements(agent_os: AgentOS) -> None:
    ref, events = await record(agent_os, "agent", "confirmer")
    state = replay(ref, events)
    assert state.status is Status.PAUSED
    assert [need["tool_execution"]["tool_name"] for need in state.requirements] == ["deploy"]


async def test_team_run_ends_with_its_leader_and_not_with_a_member(agent_os: AgentOS) -> None:
    ref, events = await record(agent_os, "team", "pair")
    names = [event.name for event in events]
    assert names.index("RunCompleted") < names.index("TeamRunCompleted")
    after_the_member = events[: names.index("RunCompleted") + 1]
    assert replay(ref, after_the_member).status is Status.RUNNING
    state = replay(ref, events)
    assert (state.status, state.answer) == (Status.COMPLETED, "the member said: member words here")


async def test_member_error_does_not_end_the_team(agent_os: AgentOS) -> None:
    ref, events = await record(agent_os, "team", "sad-pair")
    assert "RunError" in {event.name for event in events}
    assert replay(ref, events).status is Status.COMPLETED


async def test_team_error_ends_the_run(agent_os: AgentOS) -> None:
    ref, events = await record(agent_os, "team", "broken-team")
    state = replay(ref, events)
    assert (state.status, state.error) == (Status.ERROR, "the provider is out of tokens")


async def test_team_tasks_are_its_activity(agent_os: AgentOS) -> None:
    ref, events = await record(agent_os, "team", "tasker")
    created = [event.name for event in events].index("TeamTaskCreated")
    assert replay(ref, events[: created + 1]).activity == "task: write it up"
    assert replay(ref, events).answer == "all tasks are done"


STEPS: Mapping[str, tuple[set[str], list[str]]] = {
    "three-steps": ({"StepStarted", "StepCompleted", "WorkflowCompleted"}, ["one", "two", "three"]),
    "functions": ({"StepOutput"}, ["handle", "tell"]),
    "side-by-side": ({"ParallelExecutionStarted", "ParallelExecutionCompleted"}, ["both", "join"]),
    "around": (
        {"LoopExecutionStarted", "LoopIterationStarted", "LoopIterationCompleted", "LoopExecutionCompleted"},
        ["laps", "end"],
    ),
    "maybe": ({"ConditionExecutionStarted", "ConditionExecutionCompleted"}, ["check", "end"]),
    "routed": ({"RouterExecutionStarted", "RouterExecutionCompleted"}, ["fork", "end"]),
    "grouped": ({"StepsExecutionStarted", "StepsExecutionCompleted"}, ["group", "end"]),
    "outer": ({"WorkflowStarted"}, ["nested", "after"]),
    "with-tools": ({"ToolCallStarted"}, ["find", "end"]),
    "with-team": ({"TeamRunStarted", "TeamRunCompleted"}, ["talk", "end"]),
}


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("id", STEPS)
async def test_workflow_counts_only_its_top_level_steps(agent_os: AgentOS, id: str, background: bool) -> None:
    names, steps = STEPS[id]
    ref, events = await record(agent_os, "workflow", id, background=background)
    assert names <= {event.name for event in events}
    numbers, state = [], RunState(ref=ref)
    for event in events:
        if event.name != "WorkflowCompleted":
            assert not state.has_ended, f"{event.name} came after the end"
        state = reduce(state, event)
        numbers.append(state.step_number)
    assert numbers == sorted(numbers)
    assert state.status is Status.COMPLETED
    assert [(step.name, step.outcome) for step in state.steps] == [(step, "completed") for step in steps]


async def test_substep_that_is_running_is_known(agent_os: AgentOS) -> None:
    ref, events = await record(agent_os, "workflow", "around")
    second_lap = [i for i, event in enumerate(events) if event.name == "LoopIterationStarted"][1]
    state = replay(ref, events[: second_lap + 1])
    assert (state.step_number, state.substep) == (1, "round 2/3")


@pytest.mark.parametrize("id", ["skips-failure", "stops-on-failure", "broken-model"])
async def test_workflow_that_completes_with_a_failed_step_names_it(agent_os: AgentOS, id: str) -> None:
    ref, events = await record(agent_os, "workflow", id)
    state = replay(ref, events)
    assert state.status is Status.COMPLETED
    (failed,) = state.failed_steps
    assert failed.name == "bad"
    assert "cannot work" in failed.error or "out of tokens" in failed.error


async def test_workflow_that_fails_is_an_error_in_its_step(agent_os: AgentOS) -> None:
    ref, events = await record(agent_os, "workflow", "fails")
    state = replay(ref, events)
    assert state.status is Status.ERROR
    assert "cannot work" in state.error
    assert [(step.name, step.outcome) for step in state.steps] == [("good", "completed"), ("bad", "failed")]


async def test_foreground_workflow_pauses_with_its_requirements(agent_os: AgentOS) -> None:
    ref, events = await record(agent_os, "workflow", "asks-first")
    assert {"StepExecutorPaused", "WorkflowPaused", "WorkflowRunOutput"} <= {event.name for event in events}
    state = replay(ref, events)
    assert state.status is Status.PAUSED
    assert state.steps[-1].outcome == "paused"
    assert state.requirements[0]["executor_requirements"]


async def test_background_workflow_that_pauses_leaves_its_requirements_to_be_read(agent_os: AgentOS) -> None:
    ref, events = await record(agent_os, "workflow", "asks-first", background=True)
    assert events[-1].name == "StepExecutorPaused"
    state = replay(ref, events)
    assert not state.has_ended
    assert state.steps[-1].outcome == "paused"


async def test_cancelled_run_stays_cancelled_when_completed_follows(agent_os: AgentOS) -> None:
    ref = RunRef("agent", "slow", "session-cancel", "run-cancel")
    form = {"message": "100 10", "stream": "true", "session_id": ref.session, "run_id": ref.run}
    events: Recording = []
    async with agent_os.stream("/agents/{id}/runs", {"id": "slow"}, form, kept_alive=False) as stream:
        async for event in stream:
            events.append(event)
            if len(events) == 5:
                await agent_os.request("POST", "/agents/slow/runs/{run}/cancel", {"run": ref.run})
    names = [event.name for event in events]
    assert names.index("RunCancelled") < names.index("RunCompleted")
    assert replay(ref, events).status is Status.CANCELLED


async def test_repeated_event_changes_nothing(agent_os: AgentOS) -> None:
    ref, events = await record(agent_os, "workflow", "three-steps", background=True)
    half = replay(ref, events[: len(events) // 2])
    twice = half
    for event in events:
        twice = reduce(twice, event)
    assert twice == replay(ref, events)


async def test_unknown_event_changes_nothing() -> None:
    state = RunState(ref=RunRef("agent", "a", "s", "r"), status=Status.RUNNING)
    after = reduce(state, Event("SomethingNew", {"run_id": "r", "event": "SomethingNew"}))
    assert after == dataclasses.replace(state, events=1)


async def test_run_id_of_the_start_replaces_ours(agent_os: AgentOS) -> None:
    _, events = await record(agent_os, "agent", "echo")
    ours = RunRef("agent", "echo", "another-session", "another-run")
    state = replay(ours, events)
    assert state.status is Status.COMPLETED
    assert state.ref.run == "run-echo-False"


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_streamed_pieces_are_kept_in_order_and_few(size: int) -> None:
    pieces: tuple[str, ...] = ()
    for number in range(size):
        pieces = append_piece(pieces, f"{number},")
    assert "".join(pieces) == "".join(f"{number}," for number in range(size))
    assert len(pieces) <= 12


async def test_reduce_never_changes_the_event(agent_os: AgentOS) -> None:
    ref, events = await record(agent_os, "workflow", "three-steps")
    before = json.dumps([event.data for event in events], default=str)
    replay(ref, events)
    assert json.dumps([event.data for event in events], default=str) == before


def test_failed_search_that_agentos_counts_as_successful_is_a_failed_tool() -> None:
    ref = RunRef("agent", "facts", "s", "r")
    tool = {"tool_name": "search_knowledge_base", "result": "Error searching knowledge base: ValueError"}
    state = RunState(ref=ref, status=Status.RUNNING)
    for error in (False, True):
        data = {"run_id": "r", "tool": {**tool, "tool_call_error": error}}
        state = reduce(state, Event("ToolCallCompleted", data))
    assert state.failed_tools == (("search_knowledge_base", "Error searching knowledge base: ValueError"),)


def test_updated_state_is_what_replace_makes() -> None:
    state = RunState(ref=RunRef("agent", "facts", "s", "r"), events=1)
    changes: dict[str, Any] = {"status": Status.ERROR, "error": "broken", "events": 2}
    assert state.updated(changes) == dataclasses.replace(state, **changes)
    assert state == RunState(ref=state.ref, events=1)


@pytest.mark.parametrize(("kind", "id"), [("workflow", "three-steps"), ("agent", "tooler"), ("team", "pair")])
async def test_reduce_keeps_to_the_fields_of_a_state(agent_os: AgentOS, kind: Kind, id: str) -> None:
    ref, events = await record(agent_os, kind, id)
    assert vars(replay(ref, events)).keys() == {field.name for field in dataclasses.fields(RunState)}
