"""What holds of the reducer for any stream: of its beginnings, of repeated events, and of members that mix."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_mcp.agentos.runs.reducer import reduce
from agentos_mcp.agentos.runs.run import RunRef, RunState, Status
from agentos_mcp.agentos.sse import Event, FrameReader, parse_event

REF = RunRef("workflow", "w", "session", "run")
WORDS = st.text("abc ", min_size=1, max_size=4)
FEW = settings(max_examples=40)
ENDINGS = ("WorkflowCompleted", "WorkflowCancelled", "WorkflowError", "WorkflowPaused")


def event(name: str, run: str = REF.run, **data: Any) -> Event:
    return Event(name, {"event": name, "run_id": run, "session_id": REF.session, **data})


def member_events(name: str) -> st.SearchStrategy[list[Event]]:
    """What a member, or a branch, of the run sends from its start to its end."""
    between = st.one_of(
        WORDS.map(lambda words: event("RunContent", name, content=words, agent_name=name)),
        st.just(event("ToolCallStarted", name, tool={"tool_name": "dig"}, agent_name=name)),
        st.just(event("ToolCallError", name, tool={"tool_name": f"dig {name}"}, error="no spade", agent_name=name)),
        st.just(event("ReasoningStarted", name, agent_name=name)),
    )
    end = st.sampled_from(["RunCompleted", "RunError", "RunCancelled", "RunPaused"])
    return st.tuples(st.lists(between, max_size=5), end).map(
        lambda parts: [
            event("RunStarted", name, agent_name=name, parent_run_id=REF.run),
            *parts[0],
            event(parts[1], name, content="as told", agent_name=name, parent_run_id=REF.run),
        ]
    )


@st.composite
def mixed(draw: st.DrawFn, streams: Sequence[Sequence[Event]]) -> list[Event]:
    """The events of several streams, each in its own order."""
    left = [list(stream) for stream in streams if stream]
    result: list[Event] = []
    while left:
        chosen = left[draw(st.integers(0, len(left) - 1))]
        result.append(chosen.pop(0))
        left = [stream for stream in left if stream]
    return result


@st.composite
def steps(draw: st.DrawFn) -> list[Event]:
    """A workflow's steps one after the other, the members of each mixed."""
    result: list[Event] = []
    for number in range(draw(st.integers(0, 4))):
        members = [draw(member_events(f"m{number}{letter}")) for letter in "ab"[: draw(st.integers(0, 2))]]
        result.append(event("StepStarted", step_name=f"step {number}", step_index=number))
        result += draw(mixed(members))
        response = {"success": draw(st.booleans()), "error": "it broke"}
        result.append(event("StepCompleted", step_name=f"step {number}", step_index=number, step_response=response))
    return result


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """A whole background stream: its events are numbered, and it may end."""
    events = [event("WorkflowStarted"), *draw(steps())]
    events += [event("RunContent", content=words) for words in draw(st.lists(WORDS, max_size=3))]
    if draw(st.booleans()):
        events.append(event(draw(st.sampled_from(ENDINGS)), content="the answer", error="it broke"))
    return [dataclasses.replace(one, index=index) for index, one in enumerate(events)]


def reduced(events: Sequence[Event], state: RunState | None = None) -> RunState:
    state = state or RunState(ref=REF)
    for one in events:
        state = reduce(state, one)
    return state


def as_bytes(events: Sequence[Event]) -> bytes:
    return b"".join(
        f"event: {one.name}\ndata: {json.dumps({**one.data, 'event_index': one.index})}\n\n".encode() for one in events
    )


@FEW
@given(streams())
def test_prefix_of_a_stream_says_no_more_than_its_events(events: list[Event]) -> None:
    state = RunState(ref=REF)
    for count, one in enumerate(events, 1):
        before, state = state, reduce(state, one)
        seen = events[:count]
        assert state.ref == REF
        assert (state.events, state.last_index) == (count, count - 1)
        assert state.step_number == sum(other.name == "StepStarted" for other in seen)
        assert state.has_ended == any(other.name in ENDINGS for other in seen)
        assert len(state.failed_tools) == sum(other.name == "ToolCallError" for other in seen)
        assert state.step_number >= before.step_number
        assert before.steps[:-1] == state.steps[: len(before.steps[:-1])]
        assert (state.answer is None) or state.has_ended
        own = "".join(
            str(other.data["content"])
            for other in seen
            if other.name == "RunContent" and other.data["run_id"] == REF.run
        )
        assert "".join(state.streamed_pieces) == own


@FEW
@given(streams(), st.integers(1, 50))
def test_state_is_the_same_however_its_stream_was_split(events: list[Event], size: int) -> None:
    stream = as_bytes(events)
    frames = FrameReader()
    read = [
        one
        for at in range(0, len(stream), size)
        for frame in frames.feed(stream[at : at + size])
        if (one := parse_event(frame)) is not None
    ]
    assert reduced(read) == reduced(events)


@FEW
@given(streams(), st.data())
def test_numbered_events_that_come_again_change_nothing(events: list[Event], data: st.DataObject) -> None:
    received = data.draw(st.integers(0, len(events)), "received before the connection broke")
    resumed = data.draw(st.integers(0, received), "resumed from")
    state = reduced([*events[:received], *events[resumed:]])
    assert state == reduced(events)
    assert reduced(events, state) == state


@FEW
@given(streams(), st.data())
def test_each_event_may_come_several_times_in_a_row(events: list[Event], data: st.DataObject) -> None:
    repeated = [one for one in events for _ in range(data.draw(st.integers(1, 3)))]
    assert reduced(repeated) == reduced(events)


@FEW
@given(st.lists(member_events("left"), max_size=1), st.lists(member_events("right"), max_size=1), st.data())
def test_result_does_not_depend_on_how_members_mix(
    left: list[list[Event]], right: list[list[Event]], data: st.DataObject
) -> None:
    own = [event("RunContent", content="own "), event("RunContent", content="words")]
    parts = [*left, *right, own]
    end = event("WorkflowCompleted", content="the answer")
    states = [
        reduced([event("WorkflowStarted"), *data.draw(mixed(parts)), end]),
        reduced([event("WorkflowStarted"), *(one for part in parts for one in part), end]),
    ]
    assert _result(states[0]) == _result(states[1])
    assert states[0].status is Status.COMPLETED


def _result(state: RunState) -> object:
    """All of a state but what tells who was at work last."""
    return dataclasses.replace(
        state,
        actor="",
        activity="",
        last_words="",
        streamed_pieces=("".join(state.streamed_pieces),),
        failed_tools=tuple(sorted(state.failed_tools)),
    )


@FEW
@given(streams(), st.sampled_from(ENDINGS), st.data())
def test_members_never_end_the_run_and_nothing_moves_it_after_its_end(
    events: list[Event], ending: str, data: st.DataObject
) -> None:
    running = [one for one in events if one.name not in ENDINGS]
    assert reduced(running).status is Status.RUNNING
    ended = reduced([*running, dataclasses.replace(event(ending, content="end"), index=len(running))])
    late = data.draw(mixed([data.draw(member_events("late")), data.draw(steps())]))
    after = reduced(late, ended)
    assert after == dataclasses.replace(ended, events=after.events)
