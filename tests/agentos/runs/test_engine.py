"""Whole runs on a live AgentOS, and what becomes of them when the connection does not hold."""

from __future__ import annotations

import json

import anyio
import httpx
import pytest

from agentos_mcp.agentos.catalog import Catalog
from agentos_mcp.agentos.client import AgentOS, Limits
from agentos_mcp.agentos.errors import InvalidRequest, NotFound, Unreachable
from agentos_mcp.agentos.features import Discovery
from agentos_mcp.agentos.runs.engine import Engine, Report
from agentos_mcp.agentos.runs.run import Kind, RunNote, RunRef, RunState, Status
from agentos_mcp.agentos.runs.starter import RunRequest
from tests._support.fault_proxy import proxy_to
from tests._support.http_answers import http_answer, http_json, http_raw
from tests._support.scripted_agentos import scripted_agentos

pytestmark = pytest.mark.anyio


def nobody(_: RunState) -> None:
    """A report that nobody reads."""


async def engine_of(client: AgentOS, outage_seconds: float = 60.0) -> tuple[Engine, Catalog]:
    """An engine that knows its AgentOS already, so that a proxy's next fault hits the run."""
    catalog, discovery = Catalog(client), Discovery(client)
    await discovery.features()
    return Engine(client, discovery, catalog, outage_seconds=outage_seconds), catalog


async def run(engine: Engine, request: RunRequest, report: Report) -> RunState:
    return await engine.run(request, engine.new_run(request), report)


async def order(catalog: Catalog, kind: Kind, id: str, message: str = "hello", **fields: str) -> RunRequest:
    return RunRequest(await catalog.find(kind, id), message, fields=fields)


@pytest.mark.parametrize(
    ("kind", "id", "answer"),
    [
        ("agent", "echo", "echo: hello"),
        ("team", "pair", "the member said: member words here"),
        ("workflow", "three-steps", "third words"),
    ],
)
async def test_a_run_ends_with_its_answer_under_our_own_ids(
    engine: Engine, catalog: Catalog, rest: httpx.AsyncClient, kind: Kind, id: str, answer: str
) -> None:
    state = await run(engine, await order(catalog, kind, id), nobody)
    assert (state.status, state.answer) == (Status.COMPLETED, answer)
    assert len(state.ref.run) == len(state.ref.session) == 10
    stored = await rest.get(f"/{kind}s/{id}/runs/{state.ref.run}", params={"session_id": state.ref.session})
    assert stored.json()["status"] == "COMPLETED"


async def test_every_state_is_reported_in_order(engine: Engine, catalog: Catalog) -> None:
    seen: list[RunState] = []
    state = await run(engine, await order(catalog, "workflow", "three-steps"), seen.append)
    assert seen[0].status is Status.PENDING
    assert seen[-1] == state
    assert [item.events for item in seen] == sorted(item.events for item in seen)
    assert {item.total_steps for item in seen} == {3}


async def test_a_given_session_goes_on(engine: Engine, catalog: Catalog) -> None:
    component = await catalog.find("agent", "echo")
    first = await run(engine, RunRequest(component, "one", session_id="my-session"), nobody)
    second = await run(engine, RunRequest(component, "two", session_id="my-session"), nobody)
    assert first.ref.session == second.ref.session == "my-session"
    assert first.ref.run != second.ref.run


async def test_a_background_workflow_that_pauses_has_its_requirements(engine: Engine, catalog: Catalog) -> None:
    state = await run(engine, await order(catalog, "workflow", "asks-first"), nobody)
    assert state.status is Status.PAUSED
    assert state.requirements


async def test_a_factory_takes_its_input(engine: Engine, catalog: Catalog) -> None:
    request = await order(catalog, "workflow", "launch", factory_input='{"product": "tea"}')
    assert (await run(engine, request, nobody)).answer == "launching tea for everyone"


async def test_a_refused_start_says_why(engine: Engine, catalog: Catalog) -> None:
    request = await order(catalog, "workflow", "launch", factory_input='{"audience": "x"}')
    with pytest.raises(InvalidRequest, match="product"):
        await run(engine, request, nobody)


async def test_without_a_database_a_run_goes_on_in_the_foreground_and_says_so(bare_agentos: str) -> None:
    async with AgentOS(bare_agentos) as client:
        engine, catalog = await engine_of(client)
        for request in (await order(catalog, "agent", "echo"), await order(catalog, "workflow", "short")):
            state = await run(engine, request, nobody)
            assert state.status is Status.COMPLETED
            assert "no database" in state.notes[0]


@pytest.mark.parametrize("after", [200, 1500, 4000])
async def test_a_background_run_whose_stream_breaks_is_followed_to_its_end(sample_agentos: str, after: int) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        engine, catalog = await engine_of(client)
        request = await order(catalog, "workflow", "three-steps")
        await catalog.step_count(request.component)
        proxy.cut_after = [after]
        seen: list[RunState] = []
        state = await run(engine, request, seen.append)
        assert (state.status, state.answer) == (Status.COMPLETED, "third words")
        assert [step.outcome for step in state.steps] == ["completed"] * 3
        assert proxy.asked("POST", "/runs HTTP") == 1


async def test_a_run_in_the_middle_is_resumed_and_no_event_counts_twice(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        engine, catalog = await engine_of(client)
        proxy.cut_at = lambda seen: b'"w10 "' in seen
        seen: list[RunState] = []
        state = await run(engine, await order(catalog, "agent", "slow", "40 1"), seen.append)
        assert state.answer == " ".join(f"w{number}" for number in range(40))
        assert "".join(state.streamed_pieces).strip() == state.answer
        assert proxy.asked("POST", "/resume") >= 1
        assert proxy.asked("POST", "/runs HTTP") == 1


async def test_a_stream_that_falls_silent_is_left_and_resumed(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url, limits=Limits(quiet_seconds=0.5)) as client:
        engine, catalog = await engine_of(client)
        proxy.stall_at = lambda seen: b'"w10 "' in seen
        state = await run(engine, await order(catalog, "agent", "slow", "40 1"), nobody)
        assert state.answer == " ".join(f"w{number}" for number in range(40))
        assert proxy.asked("POST", "/runs HTTP") == 1
        assert proxy.asked("POST", "/resume") >= 1


async def test_a_slow_connection_only_takes_longer(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        engine, catalog = await engine_of(client)
        proxy.slowness = 0.05
        state = await run(engine, await order(catalog, "workflow", "three-steps"), nobody)
        assert (state.status, state.answer) == (Status.COMPLETED, "third words")
        assert proxy.asked("POST", "/resume") == 0


@pytest.mark.waits
async def test_a_start_that_never_arrived_is_not_sent_again_and_says_so(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        engine, catalog = await engine_of(client)
        request = await order(catalog, "agent", "echo")
        proxy.answers = [b""]
        with pytest.raises(Unreachable, match="Most likely nothing was started"):
            await run(engine, request, nobody)
        assert proxy.asked("POST", "/runs HTTP") == 1


async def test_a_start_whose_answer_is_lost_is_found_by_its_id(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        engine, catalog = await engine_of(client)
        request = await order(catalog, "agent", "echo")
        proxy.cut_after = [1]
        assert (await run(engine, request, nobody)).answer == "echo: hello"
        assert proxy.asked("POST", "/runs HTTP") == 1


async def test_a_run_without_a_database_whose_stream_breaks_is_told_from_a_finished_one(bare_agentos: str) -> None:
    async with proxy_to(bare_agentos) as proxy, AgentOS(proxy.url) as client:
        engine, catalog = await engine_of(client)
        proxy.cut_at = lambda seen: b'"w3 "' in seen
        with pytest.raises(NotFound, match="broke during the run"):
            await run(engine, await order(catalog, "agent", "slow", "40 3"), nobody)


async def test_cancel_ends_a_run_between_two_words(engine: Engine, catalog: Catalog, rest: httpx.AsyncClient) -> None:
    running = anyio.Event()
    ended: list[RunState] = []

    def report(state: RunState) -> None:
        if state.last_words:
            running.set()

    async def start() -> None:
        request = RunRequest(await catalog.find("agent", "slow"), "100 20", session_id="cancel-me")
        ended.append(await run(engine, request, report))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(start)
        await running.wait()
        runs = (await rest.get("/agents/slow/runs", params={"session_id": "cancel-me"})).json()
        await engine.cancel(RunRef("agent", "slow", "cancel-me", runs[0]["run_id"]))
    assert ended[0].status is Status.CANCELLED


async def test_reading_a_run_that_is_not_there_says_so(engine: Engine) -> None:
    with pytest.raises(NotFound, match="Run not found"):
        await engine.read(RunRef("agent", "echo", "no-session", "no-run"))


async def test_following_a_finished_run_reads_it(engine: Engine, catalog: Catalog) -> None:
    state = await run(engine, await order(catalog, "workflow", "stops-on-failure"), nobody)
    again = await engine.follow(state.ref, nobody)
    assert again.status is Status.COMPLETED
    assert [step.name for step in again.failed_steps] == ["bad"]


async def test_following_a_run_that_another_client_started_waits_for_its_end(
    engine: Engine, rest: httpx.AsyncClient
) -> None:
    form = {"message": "20 1", "background": "true", "stream": "false", "session_id": "others", "run_id": "theirs"}
    assert (await rest.post("/agents/slow/runs", data=form)).status_code == 202
    state = await engine.follow(RunRef("agent", "slow", "others", "theirs"), nobody)
    assert state.status is Status.COMPLETED
    assert str(state.answer).endswith("w19")


async def test_a_run_that_is_taken_but_not_streamed_is_followed(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client, AgentOS(sample_agentos) as direct:
        engine, catalog = await engine_of(client)
        request = await order(catalog, "agent", "slow", "10 0.5")
        form = {"message": "10 0.5", "background": "true", "stream": "false"}
        accepted = await direct.request("POST", "/agents/slow/runs", form=form)
        proxy.answers = [http_answer(202, json.dumps(accepted))]
        state = await run(engine, request, nobody)
    assert (state.status, state.ref.run) == (Status.COMPLETED, accepted["run_id"])
    assert str(state.answer).startswith("w0 w1")


async def test_a_long_outage_ends_with_the_reference(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url, limits=Limits(read_attempts=1)) as client:
        engine, catalog = await engine_of(client, outage_seconds=0.5)

        def cut_for_good(seen: bytes) -> bool:
            if b'"w3 "' not in seen:
                return False
            proxy.answers = [http_answer(502), *[b""] * 500]
            return True

        proxy.cut_at = cut_for_good
        with pytest.raises(Unreachable, match=r"may still be going on: its reference is agent/slow/"):
            await run(engine, await order(catalog, "agent", "slow", "40 3"), nobody)


async def test_broken_start_on_a_queue_is_sent_again_with_the_same_key_and_found(queued_agentos: str) -> None:
    async with proxy_to(queued_agentos) as proxy, AgentOS(proxy.url) as client:
        engine, catalog = await engine_of(client)
        request = await order(catalog, "agent", "echo")
        proxy.cut_after = [1]
        state = await run(engine, request, nobody)
        assert (state.status, state.answer) == (Status.COMPLETED, "echo: hello")
        starts = [body for body in proxy.bodies if b"/runs HTTP" in body.partition(b"\r\n")[0]]
        keys = {line for body in starts for line in body.lower().split(b"\r\n") if line.startswith(b"idempotency-key")}
        assert len(starts) == 2
        assert len(keys) == 1


async def test_queue_that_does_not_come_back_is_not_said_to_have_started_nothing(queued_agentos: str) -> None:
    async with proxy_to(queued_agentos) as proxy, AgentOS(proxy.url, limits=Limits(read_attempts=1)) as client:
        engine, catalog = await engine_of(client, outage_seconds=0.3)
        request = await order(catalog, "agent", "echo")
        proxy.answers = [b""] * 500
        with pytest.raises(Unreachable, match=r"queue may have taken the run: check with list_runs\(session_id="):
            await run(engine, request, nobody)


async def test_files_keep_our_own_run_id_since_they_do_not_ride_the_queue(queued_agentos: str) -> None:
    async with proxy_to(queued_agentos) as proxy, AgentOS(proxy.url) as client:
        engine, catalog = await engine_of(client)
        image = json.dumps([{"url": "http://127.0.0.1:9/none.png"}])
        request = await order(catalog, "workflow", "three-steps", images=image)
        named = engine.new_run(request)
        proxy.cut_after = [400]
        state = await engine.run(request, named, nobody)
        assert proxy.asked("POST", "/runs HTTP") == 1
    assert state.status is Status.COMPLETED


@pytest.mark.parametrize("kind", ["agent", "workflow"])
async def test_pause_without_a_database_is_told_as_a_pause_that_nobody_can_answer(
    bare_agentos: str, kind: Kind
) -> None:
    async with AgentOS(bare_agentos) as client:
        engine, catalog = await engine_of(client)
        state = await run(engine, await order(catalog, kind, "asks"), nobody)
    assert state.status is Status.PAUSED
    assert RunNote.UNANSWERABLE in state.notes
    assert not state.requirements


@pytest.mark.parametrize(
    ("stored", "updated", "orphaned", "taken_up"),
    [
        ({}, "2026-11-21T09:59:00Z", True, False),
        ({}, None, True, False),
        ({}, "2026-11-21T10:01:00Z", False, False),  # continued since
        ({"queue_attempt": 1}, "2026-11-21T09:59:00Z", False, True),
        ({"created_at": "2026-11-21T10:00:30Z"}, "2026-11-21T10:00:30Z", False, False),
        ({"status": "COMPLETED"}, "2026-11-21T09:59:00Z", False, False),
    ],
)
async def test_run_is_orphaned_where_agentos_began_after_it_and_nothing_was_stored_since(
    stored: dict[str, object], updated: str | None, orphaned: bool, taken_up: bool
) -> None:
    run_stored = {"status": "RUNNING", "created_at": "2026-11-21T09:58:00Z"} | stored
    answers = {
        "/health": http_json({"status": "ok", "instantiated_at": "2026-11-21T10:00:00.5Z"}),
        "/agents/writer/runs/r": http_json(run_stored),
    }
    if updated:
        answers["/sessions/s"] = http_json({"session_id": "s", "updated_at": updated})
    async with scripted_agentos(answers) as server, AgentOS(server.url) as client:
        state = await Engine(client, Discovery(client), Catalog(client)).read(RunRef("agent", "writer", "s", "r"))
    assert state.is_orphaned is orphaned
    assert ("queue takes the run up again" in " ".join(state.notes)) is taken_up


async def test_orphaned_run_is_not_followed_for_ever() -> None:
    answers = {
        "/health": http_json({"instantiated_at": "2026-11-21T10:00:00Z"}),
        "/agents/writer/runs/r": http_json({"status": "RUNNING", "created_at": 1}),
        "/agents/writer/runs/r/resume": http_raw(b"event: error\ndata: {}\n\n", content_type="text/event-stream"),
    }
    async with scripted_agentos(answers) as server, AgentOS(server.url) as client:
        engine = Engine(client, Discovery(client), Catalog(client))
        with anyio.fail_after(10):
            state = await engine.follow(RunRef("agent", "writer", "s", "r"), nobody)
    assert (state.status, state.is_orphaned) == (Status.RUNNING, True)
