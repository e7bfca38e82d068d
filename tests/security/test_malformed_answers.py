"""An AgentOS that answers with anything at all is an error in words, never an end."""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import PromptReference, ResourceTemplateReference

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.hints import PLAIN
from agentos_mcp.agentos.json_values import decode, mapping
from agentos_mcp.agentos.pauses.requirements import continuation_form, questions, rejections
from agentos_mcp.agentos.runs.payload import read_requirements
from agentos_mcp.agentos.runs.reducer import reduce
from agentos_mcp.agentos.runs.run import KINDS, Kind, RunRef, RunState, Status
from agentos_mcp.agentos.runs.stored_run import read_stored_run
from agentos_mcp.agentos.sse import Frame, parse_event
from agentos_mcp.runs.explain import explain
from agentos_mcp.runs.progress import describe
from agentos_mcp.runs.result import run_data, run_result, unfinished_result
from agentos_mcp.server.build import build_server
from agentos_mcp.settings import Settings
from tests._support.mcp_client import words
from tests._support.recorded_answers import (
    READ_URIS,
    TOOLS,
    Recording,
    Replay,
    Reply,
    contract_agentos,
    mutated,
    mutated_reply,
    play,
    read_to_result,
    record,
    replaying,
)
from tests.fuzz.corpus import Corpus, paused_runs
from tests.fuzz.targets import TARGETS
from tests.fuzz.worker import failure_of, input_of

pytestmark = pytest.mark.timeout(7200 if os.environ.get("AGENTOS_MCP_LONG") == "1" else 240)

LONG = os.environ.get("AGENTOS_MCP_LONG") == "1"
DICE = st.integers(0, 2**64 - 1).map(random.Random)
Answers = tuple[Recording, list[tuple[str, Reply]]]
"""What is called, and what AgentOS answers to it."""
MOST_SECONDS = 20.0
"""That one call may take."""

FUZZED_INPUTS = 200
"""Of each target of `make fuzz`, which makes a million."""
PARTS = 8
BATCH = 500 if LONG else 25
CONCURRENCY = BATCH // 5
"""How many of a batch are read at the same time."""


def examples(short: int, long: int) -> settings:
    return settings(
        max_examples=long if LONG else short,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # a smaller seed is no smaller example
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def recordings() -> Iterator[list[Recording]]:
    with contract_agentos() as url:
        yield anyio.run(record, url)


@pytest.fixture(autouse=True)
def short_cancel_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose mutated answers never end it is waited for long enough to read it once more."""
    monkeypatch.setattr("agentos_mcp.tools.runs._CANCEL_WAIT_SECONDS", 0.15)


def changed(recording: Recording, dice: random.Random) -> list[tuple[str, Reply]]:
    """The answers of a recording with one of them changed."""
    replies = list(recording.replies)
    at = dice.randrange(len(replies))
    replies[at] = (replies[at][0], mutated_reply(replies[at][1], dice))
    return replies


async def read(batch: list[Answers]) -> None:
    """Read a batch, several at a time: where answers tell of no end, a call spends its time waiting."""
    async with anyio.create_task_group() as tasks:
        for number in range(CONCURRENCY):
            tasks.start_soon(read_in_turn, batch[number::CONCURRENCY])


async def read_in_turn(batch: list[Answers]) -> None:
    """Call tools' functions on these answers: each returns what can be sent, or raises an error of the tree."""
    async with replaying() as ctx:
        for recording, replies in batch:
            play(ctx.backend, Replay(replies))
            with anyio.fail_after(MOST_SECONDS):
                await read_to_result(ctx, recording)


def a_batch(recordings: list[Recording], dice: random.Random) -> list[Answers]:
    return [(item, changed(item, dice)) for item in dice.choices(recordings, k=BATCH)]


@pytest.mark.parametrize("part", range(PARTS))
def test_readers_of_mutated_answers_raise_only_agentos_errors(recordings: list[Recording], part: int) -> None:
    @examples(short=6, long=95_000 // PARTS // BATCH)
    @given(dice=DICE)
    def check(dice: random.Random) -> None:
        anyio.run(read, a_batch(recordings[part::PARTS], dice))

    check()


def documents(recordings: list[Recording]) -> list[Any]:
    """The stored runs among the answers: they have a run's id, and most that can be read wrongly."""
    result = [json.loads(body) for item in recordings for _, (_, kind, body) in item.replies if "json" in kind and body]
    return [item for item in result if isinstance(item, dict) and "run_id" in item]


def events(recordings: list[Recording]) -> list[list[bytes]]:
    """The streams of events among the answers, each as its lines of data."""
    streams = [body for item in recordings for _, (_, kind, body) in item.replies if "event-stream" in kind]
    return [[line[5:].strip() for line in body.splitlines() if line.startswith(b"data:")] for body in streams]


def try_to_decode(document: bytes) -> Any:
    try:
        return decode(document)
    except ValueError:
        return {}


def test_mutated_run_is_shown_and_explained(recordings: list[Recording]) -> None:
    stored = documents(recordings)

    @examples(short=250, long=5000)
    @given(dice=DICE, chosen=st.integers(0, 10**6), kind=st.sampled_from(KINDS))
    def check(dice: random.Random, chosen: int, kind: Kind) -> None:
        output = mapping(try_to_decode(mutated(copy.deepcopy(stored[chosen % len(stored)]), dice)))
        state = read_stored_run(RunState(ref=RunRef(kind, "c", "s", "r")), output)
        for message in (
            explain(output, state, PLAIN),
            run_result(state, tokens=500, surface=PLAIN),
            unfinished_result(state, PLAIN),
        ):
            message.encode()
        json.dumps(run_data(state, tokens=500, surface=PLAIN), allow_nan=False)
        state = replace(state, status=Status.PAUSED, **read_requirements(output))
        query = questions(state.ref, state.requirements)
        try:
            continuation_form(state.ref, state.requirements, rejections(query))
        except InvalidRequest as error:
            str(error).encode()

    check()


def test_mutated_stream_is_followed(recordings: list[Recording]) -> None:
    streams = events(recordings)

    @examples(short=100, long=3000)
    @given(dice=DICE, chosen=st.integers(0, 10**6))
    def check(dice: random.Random, chosen: int) -> None:
        stream = streams[chosen % len(streams)]
        state = RunState(ref=RunRef("agent", "c", "s", "r"))
        for data in stream:
            changed = mutated(json.loads(data), dice) if dice.randrange(4) == 0 else data
            event = parse_event(Frame("message", changed))
            state = reduce(state, event) if event is not None else state
            describe(state).encode()
        run_result(state, tokens=500, surface=PLAIN).encode()

    check()


async def served(batch: list[Answers], dice: random.Random, era: str) -> None:
    """One server meets changed answers again and again, whatever its client asks; it serves to the end."""
    server = build_server(Settings(url="http://replayed", toolsets=("all",), wait=0.05, expose=(("agents", ""),)))
    async with Client(server, mode=era) as client:
        assert server.backend is not None
        asking: list[Callable[[], Awaitable[object]]] = [
            client.list_resources,
            client.list_resource_templates,
            client.list_prompts,
            client.list_tools,
            *(partial(client.read_resource, uri) for uri in READ_URIS),
            partial(
                client.complete,
                ResourceTemplateReference(uri="agentos://sessions/{session_id}"),
                {"name": "session_id", "value": ""},
            ),
            partial(client.complete, PromptReference(name="investigate_failed_run"), {"name": "run", "value": ""}),
            partial(client.get_prompt, "investigate_failed_run", {}),
        ]
        for recording, replies in batch:
            play(server.backend, Replay(replies))
            with anyio.fail_after(3 * MOST_SECONDS):
                result = await client.call_tool(recording.tool, dict(recording.arguments))
                assert "could not be read (" not in words(result), words(result)
                for ask in dice.sample(asking, 3):
                    message = ""
                    try:
                        await ask()
                    except MCPError as error:
                        message = error.error.message
                    assert "log has the details" not in message, message
        assert (await client.list_tools()).tools


@pytest.mark.parametrize("part", range(3))
def test_server_survives_every_mutated_answer(recordings: list[Recording], era: str, part: int) -> None:
    @examples(short=2, long=1_000 // BATCH)
    @given(dice=DICE)
    def check(dice: random.Random) -> None:
        anyio.run(served, a_batch(recordings[part::3], dice), dice, era)

    check()


def test_recording_has_every_tool_and_mutable_answers(recordings: list[Recording]) -> None:
    assert {item.tool for item in recordings} >= set(TOOLS) - {"optimize_memories"}
    assert all(item.replies for item in recordings)
    assert any("event-stream" in reply[1] for item in recordings for _, reply in item.replies)
    assert documents(recordings)
    assert events(recordings)


@pytest.mark.parametrize("name", TARGETS)
def test_changed_input_raises_only_errors_of_ours(recordings: list[Recording], name: str) -> None:
    refs = {run.ref: run for item in recordings for run in paused_runs(item)}
    target = TARGETS[name](Corpus(tuple(recordings), tuple(refs.values())))
    try:
        for number in range(FUZZED_INPUTS):
            assert failure_of(target, number, input_of(target, 1, number)) is None
    finally:
        target.close()
