"""Runs that are followed: woken by those who watch, let go where nobody does and nothing moves."""

from __future__ import annotations

from dataclasses import replace

import anyio
import httpx
import pytest

from agentos_mcp.agentos.catalog import Catalog
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.features import Discovery
from agentos_mcp.agentos.runs.engine import Engine, Report, Sleep
from agentos_mcp.agentos.runs.registry import LiveRun, RunRegistry, open_run_registry
from agentos_mcp.agentos.runs.run import RunRef, RunState, Status
from agentos_mcp.agentos.runs.starter import RunRequest
from tests._support.fault_proxy import proxy_to
from tests._support.stores import Store, start_elsewhere

pytestmark = pytest.mark.anyio

RELEASE_SECONDS = 0.3


class OneRunEngine(Engine):
    """Follows one run, whichever is asked for."""

    followed: RunRef

    async def follow(self, ref: RunRef, report: Report, sleep: Sleep = anyio.sleep) -> RunState:
        return await super().follow(self.followed, lambda state: report(replace(state, ref=ref)), sleep)


@pytest.fixture
def sample_agentos(store: Store) -> str:
    return store.sample_agentos


async def stuck(url: str, name: str) -> RunRef:
    """A run that stays as it is for minutes, and has no events."""
    async with httpx.AsyncClient(base_url=url, timeout=30) as rest:
        return await start_elsewhere(rest, "agent", "slow", "2 300", name)


async def joined(live: RunRegistry, ref: RunRef) -> LiveRun:
    """The run, as soon as AgentOS has shown it."""
    run = live.attach(ref)
    with anyio.fail_after(20):
        while not run.state.is_stored:
            await run.watch(0.05)
    return run


async def let_go(live: RunRegistry, *refs: RunRef) -> None:
    """Return once none of these runs is followed any more."""
    with anyio.fail_after(50):
        while any(live.get(ref) for ref in refs):  # noqa: ASYNC110 - nothing tells of it
            await anyio.sleep(0.02)
    await anyio.wait_all_tasks_blocked()


async def one_more_is_let_go(url: str, ref: RunRef) -> None:
    """Follow a stuck run for as long as one is followed, by a server of its own."""
    async with (
        AgentOS(url) as client,
        open_run_registry(Engine(client, Discovery(client), Catalog(client)), release_seconds=RELEASE_SECONDS) as live,
    ):
        await joined(live, ref)
        await let_go(live, ref)


async def test_stuck_run_that_nobody_watches_is_released(sample_agentos: str) -> None:
    ref = await stuck(sample_agentos, "stuck-alone")
    async with (
        proxy_to(sample_agentos) as proxy,
        AgentOS(proxy.url) as client,
        open_run_registry(Engine(client, Discovery(client), Catalog(client)), release_seconds=RELEASE_SECONDS) as live,
    ):
        run = await joined(live, ref)
        await let_go(live, ref)
        count = len(proxy.requests)
        await one_more_is_let_go(sample_agentos, ref)
        assert len(proxy.requests) == count
        assert run.done
        assert run.state.status in {Status.PENDING, Status.RUNNING}
        assert await joined(live, ref) is not run


async def test_stuck_run_that_somebody_watches_is_kept(sample_agentos: str) -> None:
    ref = await stuck(sample_agentos, "stuck-watched")
    async with (
        AgentOS(sample_agentos) as client,
        open_run_registry(Engine(client, Discovery(client), Catalog(client)), release_seconds=RELEASE_SECONDS) as live,
    ):
        run = await joined(live, ref)
        assert not await run.watch(1.0, closely=False)
        assert live.get(ref) is run


@pytest.mark.without_queue(reason="no queue executes a run in the foreground")
async def test_foreground_run_that_nobody_watches_is_kept(sample_agentos: str) -> None:
    """It would end with us."""
    background = await stuck(sample_agentos, "stuck-beside")
    async with AgentOS(sample_agentos) as client:
        catalog = Catalog(client)
        engine = Engine(client, Discovery(client), catalog, durable=False)
        async with open_run_registry(engine, release_seconds=RELEASE_SECONDS) as live:
            run = live.start(RunRequest(await catalog.find("agent", "slow"), "2 1.5"))
            with anyio.fail_after(20):
                assert not await run.watch(0.5)
                await one_more_is_let_go(sample_agentos, background)
                assert await run.watch()
            assert run.state.status is Status.COMPLETED


async def test_poll_interval_is_long_until_somebody_watches_closely() -> None:
    run = LiveRun(RunState(ref=RunRef("agent", "a", "s", "r")))
    run.changed_at = -1e9  # nothing has moved for ages
    slept = anyio.Event()

    async def sleep() -> None:
        await run.wait_between_polls(0.1)
        slept.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleep)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(5):
            await run.watch(0.3, closely=False)
            assert not slept.is_set()
            await run.watch(0.1)
            await slept.wait()


@pytest.mark.waits
@pytest.mark.without_queue(reason="slow, and polls as on the plain store")
async def test_stuck_runs_cost_few_requests_and_then_none(sample_agentos: str) -> None:
    ref = await stuck(sample_agentos, "stuck-crowd")
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        engine = OneRunEngine(client, Discovery(client), Catalog(client))
        engine.followed = ref
        async with open_run_registry(engine, release_seconds=4.0) as live:
            refs = [RunRef("agent", "slow", ref.session, f"none-{number}") for number in range(20)]
            for each in refs:
                live.attach(each)
            await let_go(live, *refs)
            count = len(proxy.requests)
            assert count < 20 * len(refs)
            await one_more_is_let_go(sample_agentos, ref)
            assert len(proxy.requests) == count
