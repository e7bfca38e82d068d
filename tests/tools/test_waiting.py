"""Calls are bounded: a run that takes longer goes on, and is found again by its reference."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from dataclasses import replace

import anyio
import httpx
import pytest

from agentos_mcp.tooling import client_quirks
from agentos_mcp.tooling.client_quirks import quirks_of
from tests._support.mcp_client import Connect, reference
from tests._support.stored_runs import ends_as
from tests._support.stores import Store

pytestmark = pytest.mark.anyio


@pytest.fixture
def sample_agentos(store: Store) -> str:
    return store.sample_agentos


@pytest.fixture(autouse=True)
async def warm(connect: Connect, sample_agentos: str, bare_agentos: str) -> None:
    """AgentOSes that have made their descriptions, which takes them a moment the first time."""
    for url in (sample_agentos, bare_agentos):
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            (await client.get("/openapi.json")).raise_for_status()


async def timed(text: Awaitable[str]) -> tuple[str, float]:
    """The text of a call's answer, and how many seconds it took."""
    began = anyio.current_time()
    return await text, anyio.current_time() - began


async def test_call_answers_within_its_wait_with_where_the_run_stands(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        text = await peer.text("run_workflow", workflow_id="slow-steps", message="x", wait=0.5)
        while text.startswith("Still running: starting"):  # AgentOS has not taken it yet
            text = await peer.text("get_run", run=reference(text), wait=0.3)
        assert text.startswith("Still running: 1/2 one")
        assert "Call get_run to keep waiting" in text
        ended = await peer.text("get_run", run=reference(text))
    assert ended.startswith("i j k l m n o p\n--- agentos-mcp\ncompleted")


async def test_get_run_is_bounded_and_shows_the_steps_it_joined(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        first = await peer.text("run_workflow", workflow_id="slow-steps", message="x", wait=0.3)
        second = await peer.text("get_run", run=reference(first), wait=0.3)
        assert second.startswith("Still running: 1/2 one")
        result, text = await peer.watch("get_run", run=reference(first))
    assert result.startswith("i j k l m n o p")
    assert any(message.startswith("2/2 two") for message in text.messages)


async def test_wait_is_a_setting(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, wait=0.3) as peer:
        assert (await peer.text("run_agent", agent_id="thinker", message="1.5")).startswith("Still running")


async def test_run_is_found_by_another_server_by_its_reference_with_its_steps(
    connect: Connect, sample_agentos: str
) -> None:
    async with connect(sample_agentos) as peer:
        first = await peer.text("run_workflow", workflow_id="slow-steps", message="x", wait=0.3)
        while "1/2 one" not in first:  # AgentOS has not taken it yet
            first = await peer.text("get_run", run=reference(first), wait=0.3)
    async with connect(sample_agentos) as another:
        result, text = await another.watch("get_run", run=reference(first))
    assert result.startswith("i j k l m n o p")
    assert {total for _, total, _ in text.heard} == {2.0}


@pytest.mark.without_queue(reason="without a database there is no queue")
async def test_run_in_the_foreground_outlives_the_call_that_started_it(connect: Connect, bare_agentos: str) -> None:
    async with connect(bare_agentos) as peer:
        text = await peer.text("run_agent", agent_id="slow", message="20 3", wait=1)
        assert "it has no database" in text
        ended = await peer.text("get_run", run=reference(text))
        assert ended.startswith("w0 w1")
        again = await peer.text("get_run", run=reference(text))
    assert again == ended


async def test_run_in_the_foreground_is_a_setting(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    session = f"foreground-{era}"
    async with connect(sample_agentos, durability="foreground") as peer:
        text = await peer.text("run_agent", agent_id="slow", message="20 1", session_id=session, wait=0.3)
        assert (await peer.text("get_run", run=reference(text))).startswith("w0 w1")
        await peer.text("run_agent", agent_id="slow", message="100 10", session_id=f"{session}-2", wait=1.5)
    assert await ends_as(rest, "agents/slow", f"{session}-2") == "CANCELLED"


async def test_background_run_goes_on_when_its_server_is_gone(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    session = f"background-{era}"
    async with connect(sample_agentos) as peer:
        await peer.text("run_agent", agent_id="slow", message="20 1", session_id=session, wait=0.3)
    assert await ends_as(rest, "agents/slow", session) == "COMPLETED"


async def test_cancelled_call_can_leave_its_run_going(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    session = f"detached-{era}"
    async with connect(sample_agentos, on_cancel="detach") as peer:
        with anyio.move_on_after(0.5):
            await peer.text("run_agent", agent_id="slow", message="20 1.5", session_id=session)
        assert await ends_as(rest, "agents/slow", session) == "COMPLETED"


async def test_cancelled_get_run_leaves_the_run_going(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    session = f"looking-{era}"
    async with connect(sample_agentos) as peer:
        text = await peer.text("run_agent", agent_id="slow", message="20 1.5", session_id=session, wait=0.3)
        with anyio.move_on_after(0.3):
            await peer.text("get_run", run=reference(text))
        assert await ends_as(rest, "agents/slow", session) == "COMPLETED"


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("run_agent", {"agent_id": "slow", "message": "450 45"}),
        ("run_team", {"team_id": "slow-team", "message": "450 45"}),
        ("run_workflow", {"workflow_id": "slow-message", "message": "450 45"}),
    ],
    ids=["agent", "team", "workflow"],
)
async def test_wait_zero_returns_the_reference_of_a_run_at_once(
    connect: Connect, sample_agentos: str, tool: str, arguments: dict[str, str]
) -> None:
    async with connect(sample_agentos) as peer:
        await peer.text("list_agents")
        result, starting_seconds = await timed(peer.text(tool, **arguments, wait=0))
        run = reference(result)
        again, reading_seconds = await timed(peer.text("get_run", run=run, wait=0))
        await peer.text("cancel_run", run=run)
    assert result.startswith("Still running")
    assert again.startswith("Still running")
    assert reference(again) == run
    assert max(starting_seconds, reading_seconds) < 15  # of the 25 s without a wait, and of the run's 45


async def test_wait_zero_of_get_run_shows_the_result_of_a_run_that_has_ended(
    connect: Connect, sample_agentos: str
) -> None:
    async with connect(sample_agentos) as peer:
        run = reference(await peer.text("run_agent", agent_id="echo", message="hello"))
    async with connect(sample_agentos) as peer:
        assert (await peer.text("get_run", run=run, wait=0)).startswith("echo: hello\n--- agentos-mcp\ncompleted")


@pytest.mark.without_queue(reason="it has the queue by itself")
async def test_wait_zero_on_a_durable_queue_returns_the_name_that_the_queue_gave(
    connect: Connect, queued_sample_agentos: str
) -> None:
    async with connect(queued_sample_agentos) as peer:
        run = reference(await peer.text("run_agent", agent_id="slow", message="20 2", wait=0))
    async with connect(queued_sample_agentos) as another:
        assert (await another.text("get_run", run=run)).startswith("w0 w1")


@pytest.mark.without_queue(reason="its AgentOS is another one")
async def test_wait_zero_of_continue_run_returns_once_the_answers_were_taken(connect: Connect, pausing: str) -> None:
    async with connect(pausing, ask=False) as peer:
        paused = await peer.text("run_agent", agent_id="endless-deployer", message="do it, zero")
        run = reference(paused)
        key = next(iter(re.findall(r"- (deploy-[0-9a-f]{6})", paused)))
        result, seconds = await timed(peer.text("continue_run", run=run, answers={key: True}, wait=0))
        waited, waiting_seconds = await timed(peer.text("get_run", run=run, wait=3))
        await peer.text("cancel_run", run=run)
    assert reference(result) == run
    assert result.startswith("Still running")
    assert waited.startswith("Still running")
    assert seconds < waiting_seconds


@pytest.mark.without_queue(reason="the wait is cut before a run starts")
async def test_wait_is_cut_to_what_the_client_bears_and_the_result_says_so(
    connect: Connect, sample_agentos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    brief = replace(quirks_of("codex-mcp-client"), call_limit_seconds=1.0)
    monkeypatch.setattr(client_quirks, "CLIENTS", (brief,))
    async with connect(sample_agentos, client_name="codex-mcp-client") as peer:
        result = await peer.text("run_agent", agent_id="slow", message="20 2", wait=900)
        assert "\nThe wait was cut to 500 ms: this client ends longer calls.\n" in result
        assert "cut" not in await peer.text("run_agent", agent_id="slow", message="20 2", wait=0.3)
    async with connect(sample_agentos, client_name="another") as peer:
        assert "cut" not in await peer.text("run_agent", agent_id="slow", message="20 1", wait=900)


@pytest.mark.without_queue(reason="the wait is cut before a run starts")
async def test_wait_setting_is_the_word_of_who_sets_the_clients_limit_too(
    connect: Connect, sample_agentos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    brief = replace(quirks_of("codex-mcp-client"), call_limit_seconds=0.2)
    monkeypatch.setattr(client_quirks, "CLIENTS", (brief,))
    async with connect(sample_agentos, client_name="codex-mcp-client", wait=30.0) as peer:
        assert (await peer.text("run_agent", agent_id="slow", message="20 1", wait=25)).startswith("w0 w1")
