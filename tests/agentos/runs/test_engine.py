"""Whole runs on a live AgentOS, and what becomes of them when the connection does not hold."""

from __future__ import annotations

import json
from itertools import cycle

import anyio
import httpx
import pytest
from anyio.abc import SocketStream

from agentos_mcp.agentos.catalog import Catalog
from agentos_mcp.agentos.client import AgentOS, Limits
from agentos_mcp.agentos.errors import InvalidRequest, NotFound, Unreachable
from agentos_mcp.agentos.features import Discovery
from agentos_mcp.agentos.runs import follower
from agentos_mcp.agentos.runs.engine import Engine, Report
from agentos_mcp.agentos.runs.run import Kind, RunNote, RunRef, RunState, Status
from agentos_mcp.agentos.runs.starter import RunRequest
from tests._support.fault_proxy import proxy_to
from tests._support.http_answers import http_answer, http_json, http_raw
from tests._support.scripted_agentos import Answer, scripted_agentos
from tests._support.stores import Store, start_elsewhere

pytestmark = pytest.mark.anyio


@pytest.fixture
def sample_agentos(store: Store) -> str:
    return store.sample_agentos


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
async def test_run_ends_with_its_answer_under_our_own_ids(
    store: Store, engine: Engine, catalog: Catalog, rest: httpx.AsyncClient, kind: Kind, id: str, answer: str
) -> None:
    state = await run(engine, await order(catalog, kind, id), nobody)
    assert (state.status, state.answer) == (Status.COMPLETED, answer)
    # A queue chooses the run's id.
    assert (len(state.ref.session), len(state.ref.run)) == (10, 36 if store.queued else 10)
    stored = await rest.get(f"/{kind}s/{id}/runs/{state.ref.run}", params={"session_id": state.ref.session})
    assert stored.json()["status"] == "COMPLETED"


async def test_run_reports_every_state_in_order(engine: Engine, catalog: Catalog) -> None:
    seen: list[RunState] = []
    state = await run(engine, await order(catalog, "workflow", "three-steps"), seen.append)
    assert seen[0].status is Status.PENDING
    assert seen[-1] == state
    assert [item.events for item in seen] == sorted(item.events for item in seen)
    assert {item.total_steps for item in seen} == {3}


async def test_run_continues_the_given_session(engine: Engine, catalog: Catalog) -> None:
    component = await catalog.find("agent", "echo")
    first = await run(engine, RunRequest(component, "one", session_id="my-session"), nobody)
    second = await run(engine, RunRequest(component, "two", session_id="my-session"), nobody)
    assert first.ref.session == second.ref.session == "my-session"
    assert first.ref.run != second.ref.run


async def test_background_workflow_that_pauses_has_its_requirements(engine: Engine, catalog: Catalog) -> None:
    state = await run(engine, await order(catalog, "workflow", "asks-first"), nobody)
    assert state.status is Status.PAUSED
    assert state.requirements


async def test_factory_takes_its_input(engine: Engine, catalog: Catalog) -> None:
    request = await order(catalog, "workflow", "launch", factory_input='{"product": "tea"}')
    assert (await run(engine, request, nobody)).answer == "launching tea for everyone"


async def test_refused_start_says_why(engine: Engine, catalog: Catalog) -> None:
    request = await order(catalog, "workflow", "launch", factory_input='{"audience": "x"}')
    with pytest.raises(InvalidRequest, match="product"):
        await run(engine, request, nobody)


async def test_run_without_a_database_is_in_the_foreground_and_says_so(bare_agentos: str) -> None:
    async with AgentOS(bare_agentos) as client:
        engine, catalog = await engine_of(client)
        for request in (await order(catalog, "agent", "echo"), await order(catalog, "workflow", "short")):
            state = await run(engine, request, nobody)
            assert state.status is Status.COMPLETED
            assert "no database" in state.notes[0]


@pytest.mark.parametrize("after", [200, 1500, 4000])
async def test_broken_background_stream_is_followed_to_the_end_of_the_run(
    store: Store, sample_agentos: str, after: int
) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        engine, catalog = await engine_of(client)
        request = await order(catalog, "workflow", "three-steps")
        await catalog.step_count(request.component)
        proxy.cut_after = [after]
        seen: list[RunState] = []
        state = await run(engine, request, seen.append)
        assert (state.status, state.answer) == (Status.COMPLETED, "third words")
        assert [step.outcome for step in state.steps] == ["completed"] * 3
        # To a queue a start is sent again, with the same key, where no event has named the run yet.
        assert proxy.asked("POST", "/runs HTTP") == (2 if store.queued and after == 200 else 1)


async def test_resumed_stream_counts_no_event_twice(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        engine, catalog = await engine_of(client)
        proxy.cut_at = lambda seen: b'"w10 "' in seen
        seen: list[RunState] = []
        state = await run(engine, await order(catalog, "agent", "slow", "40 1"), seen.append)
        assert state.answer == " ".join(f"w{number}" for number in range(40))
        assert "".join(state.streamed_pieces).strip() == state.answer
        assert proxy.asked("POST", "/resume") >= 1
        assert proxy.asked("POST", "/runs HTTP") == 1


async def test_silent_stream_is_dropped_and_resumed(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url, limits=Limits(quiet_seconds=0.5)) as client:
        engine, catalog = await engine_of(client)
        proxy.stall_at = lambda seen: b'"w10 "' in seen
        state = await run(engine, await order(catalog, "agent", "slow", "40 1"), nobody)
        assert state.answer == " ".join(f"w{number}" for number in range(40))
        assert proxy.asked("POST", "/runs HTTP") == 1
        assert proxy.asked("POST", "/resume") >= 1


async def test_slow_connection_only_takes_longer(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        engine, catalog = await engine_of(client)
        proxy.slowness = 0.05
        state = await run(engine, await order(catalog, "workflow", "three-steps"), nobody)
        assert (state.status, state.answer) == (Status.COMPLETED, "third words")
        assert proxy.asked("POST", "/resume") == 0


@pytest.mark.waits
@pytest.mark.without_queue(reason="to a queue it is sent again, with the same key")
async def test_start_that_never_arrived_is_not_sent_again_and_says_so(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        engine, catalog = await engine_of(client)
        request = await order(catalog, "agent", "echo")
        proxy.answers = [b""]
        with pytest.raises(Unreachable, match="Most likely nothing was started"):
            await run(engine, request, nobody)
        assert proxy.asked("POST", "/runs HTTP") == 1


@pytest.mark.without_queue(reason="to a queue it is sent again, with the same key")
async def test_start_whose_response_is_lost_is_found_by_its_id(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        engine, catalog = await engine_of(client)
        request = await order(catalog, "agent", "echo")
        proxy.cut_after = [1]
        assert (await run(engine, request, nobody)).answer == "echo: hello"
        assert proxy.asked("POST", "/runs HTTP") == 1


async def test_broken_stream_without_a_database_is_told_from_a_finished_run(bare_agentos: str) -> None:
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


async def test_read_of_an_unknown_run_raises_not_found(engine: Engine) -> None:
    with pytest.raises(NotFound, match="Run not found"):
        await engine.read(RunRef("agent", "echo", "no-session", "no-run"))


async def test_follow_reads_a_finished_run(engine: Engine, catalog: Catalog) -> None:
    state = await run(engine, await order(catalog, "workflow", "stops-on-failure"), nobody)
    again = await engine.follow(state.ref, nobody)
    assert again.status is Status.COMPLETED
    assert [step.name for step in again.failed_steps] == ["bad"]


async def test_follow_waits_for_a_run_of_another_client(engine: Engine, rest: httpx.AsyncClient) -> None:
    state = await engine.follow(await start_elsewhere(rest, "agent", "slow", "20 1", "others"), nobody)
    assert state.status is Status.COMPLETED
    assert str(state.answer).endswith("w19")


async def test_run_that_is_accepted_without_a_stream_is_followed(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client, AgentOS(sample_agentos) as direct:
        engine, catalog = await engine_of(client)
        request = await order(catalog, "agent", "slow", "10 0.5")
        form = {"message": "10 0.5", "background": "true", "stream": "false"}
        accepted = await direct.request("POST", "/agents/slow/runs", form=form)
        proxy.answers = [http_answer(202, json.dumps(accepted))]
        state = await run(engine, request, nobody)
    assert (state.status, state.ref.run) == (Status.COMPLETED, accepted["run_id"])
    assert str(state.answer).startswith("w0 w1")


async def test_long_outage_ends_with_the_reference(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url, limits=Limits(read_attempts=1)) as client:
        engine, catalog = await engine_of(client, outage_seconds=0.5)

        def cut_for_good(seen: bytes) -> bool:
            if b'"w3 "' not in seen:
                return False
            proxy.answers = [http_answer(502), *[b""] * 500]
            return True

        proxy.cut_at = cut_for_good
        with pytest.raises(Unreachable, match=r"may still be running: its reference is agent/slow/"):
            await run(engine, await order(catalog, "agent", "slow", "40 3"), nobody)


async def test_queued_start_that_broke_is_sent_again_with_the_same_key(queued_sample_agentos: str) -> None:
    async with proxy_to(queued_sample_agentos) as proxy, AgentOS(proxy.url) as client:
        engine, catalog = await engine_of(client)
        request = await order(catalog, "agent", "echo")
        proxy.cut_after = [1]
        state = await run(engine, request, nobody)
        assert (state.status, state.answer) == (Status.COMPLETED, "echo: hello")
        starts = [body for body in proxy.bodies if b"/runs HTTP" in body.partition(b"\r\n")[0]]
        keys = {line for body in starts for line in body.lower().split(b"\r\n") if line.startswith(b"idempotency-key")}
        assert len(starts) == 2
        assert len(keys) == 1


async def test_queued_start_with_a_lost_queue_says_that_it_may_have_started(queued_sample_agentos: str) -> None:
    async with proxy_to(queued_sample_agentos) as proxy, AgentOS(proxy.url, limits=Limits(read_attempts=1)) as client:
        engine, catalog = await engine_of(client, outage_seconds=0.3)
        request = await order(catalog, "agent", "echo")
        proxy.answers = [b""] * 500
        with pytest.raises(Unreachable, match=r"queue may have taken the run: check with list_runs\(session_id="):
            await run(engine, request, nobody)


async def test_files_bypass_the_queue_and_keep_our_own_run_id(queued_sample_agentos: str) -> None:
    async with proxy_to(queued_sample_agentos) as proxy, AgentOS(proxy.url) as client:
        engine, catalog = await engine_of(client)
        image = json.dumps([{"url": "http://127.0.0.1:9/none.png"}])
        request = await order(catalog, "workflow", "three-steps", images=image)
        named = engine.new_run(request)
        proxy.cut_after = [400]
        state = await engine.run(request, named, nobody)
        assert proxy.asked("POST", "/runs HTTP") == 1
    assert state.status is Status.COMPLETED


@pytest.mark.parametrize("kind", ["agent", "workflow"])
async def test_pause_without_a_database_cannot_be_answered(bare_agentos: str, kind: Kind) -> None:
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
async def test_run_is_orphaned_when_agentos_started_after_it(
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


async def test_restart_that_no_request_fails_by_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As behind a balancer, which gives each request to a worker that lives."""
    monkeypatch.setattr(follower, "_RESTART_CHECK_SECONDS", 0.2)
    answers = {
        "/health": http_json({"instantiated_at": "2026-11-21T09:00:00Z"}),
        "/agents/writer/runs/r": http_json({"status": "RUNNING", "created_at": "2026-11-21T09:58:00Z"}),
        "/agents/writer/runs/r/resume": http_raw(b"event: error\ndata: {}\n\n", content_type="text/event-stream"),
    }
    async with scripted_agentos(answers) as server, AgentOS(server.url) as client:
        engine = Engine(client, Discovery(client), Catalog(client))

        def restart(state: RunState) -> None:
            server.answers["/health"] = http_json({"instantiated_at": "2026-11-21T10:00:00Z"})

        with anyio.fail_after(10):
            state = await engine.follow(RunRef("agent", "writer", "s", "r"), restart)
    assert state.is_orphaned


async def test_run_is_not_orphaned_where_another_worker_is_older_than_it() -> None:
    ages = cycle(["2026-11-21T10:00:00Z", "2026-11-21T09:00:00Z"])

    async def health(client: SocketStream) -> None:
        await client.send(http_json({"instantiated_at": next(ages)}))

    answers: dict[str, Answer] = {
        "/health": health,
        "/agents/writer/runs/r": http_json({"status": "RUNNING", "created_at": "2026-11-21T09:58:00Z"}),
    }
    async with scripted_agentos(answers) as server, AgentOS(server.url) as client:
        state = await Engine(client, Discovery(client), Catalog(client)).read(RunRef("agent", "writer", "s", "r"))
    assert not state.is_orphaned
    assert state.notes == (RunNote.WORKER_RESTARTED,)


async def test_orphaned_run_is_not_followed_forever() -> None:
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
