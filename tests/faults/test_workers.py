"""Two AgentOS workers on one database behind a balancer, without a Redis: each request may reach either."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import anyio
import psycopg
import pytest

from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.agentos.workers import worker_starts
from tests._support.agentos import replicated
from tests._support.balancer import Balancer, balancer_of
from tests._support.fault_proxy import proxy_to
from tests._support.mcp_client import Connect, Peer, connector, reference, words
from tests._support.paused_runs import done, waiting
from tests._support.person import answers
from tests._support.running_agentos import running_agentos

pytestmark = [pytest.mark.anyio, pytest.mark.process, pytest.mark.timeout(120)]

ANSWER = " ".join(f"w{number}" for number in range(40))
BUILD = "tests._support.agentos.replicated:build"


@pytest.fixture(scope="module")
def shared(queue_database: str, ledger: Path) -> dict[str, str]:
    """What all workers are given. The database is their own: other tests' queues do not have their components."""
    name = "replicated"
    with psycopg.connect(queue_database.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    database = queue_database.rpartition("/")[0] + f"/{name}"
    return {replicated.DATABASE_VARIABLE: database, replicated.LEDGER_VARIABLE: str(ledger)}


@contextmanager
def two_workers(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    with ExitStack() as stack:
        first, second = (stack.enter_context(running_agentos(build=BUILD, environment=given)) for _ in range(2))
        yield first, second


@pytest.fixture(scope="module")
def workers(shared: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The addresses of two workers on one database."""
    with two_workers(shared) as addresses:
        yield addresses


@pytest.fixture(scope="module")
def queued_workers(shared: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Two more, which share a durable queue."""
    with two_workers(shared | {replicated.QUEUE_VARIABLE: "30"}) as addresses:
        yield addresses


@pytest.fixture
async def balancer(workers: tuple[str, str]) -> AsyncIterator[Balancer]:
    async with balancer_of(*workers) as balancer:
        yield balancer


@pytest.fixture
def tag() -> str:
    return f"tag-{uuid.uuid4().hex[:10]}"


async def test_workers_are_told_apart(balancer: Balancer, workers: tuple[str, str]) -> None:
    async with AgentOS(balancer.url) as both, AgentOS(workers[0]) as one:
        assert len(await worker_starts(both)) == 2
        assert len(await worker_starts(one)) == 1


async def test_cut_run_is_followed_on_another_worker_and_executed_once(
    balancer: Balancer, ledger: Path, tag: str, connect: Connect
) -> None:
    async with proxy_to(balancer.url) as proxy, connect(proxy.url, wait=30) as peer:
        await peer.text("list_agents")
        proxy.fault = lambda request: 900 if b"/runs HTTP" in request or b"/resume" in request else None
        text = await peer.text("run_agent", agent_id="counter", message=f"go, {tag}")
    assert text.startswith(ANSWER)
    assert done(ledger, "lookup", tag) == 1


async def test_question_is_answered_through_another_server_and_done_once(
    balancer: Balancer, workers: tuple[str, str], ledger: Path, tag: str
) -> None:
    async with connector("auto")(balancer.url) as first, connector("auto")(balancer.url) as second:
        paused = await first.text("run_workflow", workflow_id="gated", message=f"do it, {tag}")
        run = reference(paused)
        assert (await second.text("get_run", run=run)).startswith("paused: ")
        given = answers(await waiting(workers[0], RunRef.parse(run)), "approve")
        assert "\ncompleted" in await second.text("continue_run", run=run, answers=given)
        assert "\ncompleted" in await first.text("get_run", run=run)
    assert [done(ledger, step, tag) for step in ("first", "gate", "last")] == [1, 1, 1]


@pytest.mark.parametrize("worker", [0, 1])
async def test_cancellation_reaches_the_worker_that_runs_it(
    balancer: Balancer, workers: tuple[str, str], worker: int
) -> None:
    async with connector("auto")(workers[worker]) as starter, connector("auto")(balancer.url) as canceller:
        running = await starter.text("run_agent", agent_id="slow", message="60 60", wait=0)
        text = await canceller.text("cancel_run", run=reference(running))
        assert text.startswith("Cancelled.\n")
        assert "cancelled" in await canceller.text("get_run", run=reference(running))


@pytest.mark.parametrize("worker", [0, 1])
async def test_cancelled_pause_executes_nothing_on_either_worker(
    balancer: Balancer, workers: tuple[str, str], ledger: Path, tag: str, worker: int
) -> None:
    async with connector("auto")(workers[worker]) as answerer, connector("auto")(balancer.url) as canceller:
        run = reference(await canceller.text("run_workflow", workflow_id="gated", message=f"do it, {tag}"))
        given = answers(await waiting(workers[0], RunRef.parse(run)), "approve")
        text = await canceller.text("cancel_run", run=run)
        assert text.startswith("The paused run will be cancelled as soon as it is continued.\nThis AgentOS has several")
        assert "cancelled" in words(await answerer.call("continue_run", run=run, answers=given))
    assert [done(ledger, step, tag) for step in ("first", "gate", "last")] == [1, 0, 0]


async def test_cancelled_call_ends_its_run_on_whichever_worker(balancer: Balancer, workers: tuple[str, str]) -> None:
    """Six calls: of a single cancellation each, half would go to the wrong worker."""
    runs: list[str] = []
    async with connector("auto")(balancer.url) as peer, connector("auto")(workers[0]) as observer:
        for number in range(6):
            session = f"cancelled-{uuid.uuid4().hex[:8]}"
            with anyio.move_on_after(30) as call:
                async with anyio.create_task_group() as tasks:

                    async def cancel_once_running(session: str = session, call: anyio.CancelScope = call) -> None:
                        runs.append(await run_of(observer, session))
                        call.cancel()

                    tasks.start_soon(cancel_once_running)
                    await peer.call("run_agent", agent_id="slow", message=f"60 6{number}", session_id=session)
        with anyio.fail_after(30):
            for run in runs:
                assert "\ncancelled" in f"\n{words(await observer.call('get_run', run=run, wait=20))}"
    assert len(runs) == 6


async def test_run_on_an_older_worker_is_not_called_orphaned_by_a_younger_one(
    workers: tuple[str, str], shared: dict[str, str]
) -> None:
    async with connector("auto")(workers[0]) as peer:
        running = await peer.text("run_agent", agent_id="slow", message="60 60", wait=1)
        await anyio.sleep(1.1)  # AgentOS tells the beginning of a run in whole seconds
        with running_agentos(build=BUILD, environment=shared) as younger:
            async with balancer_of(younger, workers[0]) as mixed, connector("auto")(mixed.url) as another:
                texts = [await another.text("get_run", run=reference(running), wait=1) for _ in range(4)]
        assert (await peer.text("cancel_run", run=reference(running))).startswith("Cancelled.\n")
    assert not [text for text in texts if "restarted after it started" in text]
    assert any("One of AgentOS's workers was started during the run" in text for text in texts)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("cuts", [[0], [0, 0, 0], [1, 700]], ids=str)
async def test_queued_start_cut_on_one_worker_is_repeated_on_another_and_executed_once(
    queued_workers: tuple[str, str], ledger: Path, tag: str, cuts: list[int]
) -> None:
    """A cut may leave the queue's claim with nobody: another worker takes the run up after the grace of 30 s."""
    left = [*cuts]
    async with (
        balancer_of(*queued_workers) as both,
        proxy_to(both.url) as proxy,
        connector("auto")(proxy.url, wait=120) as peer,
    ):
        await peer.text("list_agents")
        proxy.fault = lambda request: left.pop(0) if left and b"/runs HTTP" in request else None
        text = await peer.text("run_agent", agent_id="counter", message=f"go, {tag}")
    assert text.startswith(ANSWER)
    assert not left
    assert proxy.asked("POST", "/runs HTTP") > 1
    assert done(ledger, "lookup", tag) == 1


async def test_queued_runs_are_cancelled_on_whichever_worker_runs_them(queued_workers: tuple[str, str]) -> None:
    async with balancer_of(*queued_workers) as both, connector("auto")(both.url) as peer:
        running = [await peer.text("run_agent", agent_id="slow", message="60 60", wait=2) for _ in range(3)]
        ended = [await peer.text("cancel_run", run=reference(text)) for text in running]
    assert [text for text in ended if not text.startswith("Cancelled.\n")] == []


async def run_of(observer: Peer, session: str) -> str:
    """The reference of a session's run, once AgentOS lists it."""
    while True:
        listed = words(await observer.call("list_runs", session_id=session))
        for part in listed.split():
            if part.startswith("agent/slow/"):
                return part
        await anyio.sleep(0.05)
