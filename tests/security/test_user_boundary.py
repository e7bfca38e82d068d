"""A server for one user: everything of another user's is tried, by every tool, resource, prompt and completion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.server.resources import RUN_URI_PREFIX
from agentos_mcp.settings import Settings, Token
from agentos_mcp.tooling.context import ToolContext, open_backend
from agentos_mcp.tools import TOOLSETS
from agentos_mcp.tools.queue import get_queue_stats
from tests._support.agentos.pausing import LEDGER_VARIABLE
from tests._support.agentos.users import ISOLATED_VARIABLE, SECRET
from tests._support.another_user import (
    ALICE,
    BOB,
    NEW,
    SETS,
    SHARED,
    Theirs,
    assert_completions_find_nothing,
    assert_prompts_refuse,
    assert_resources_refuse,
    assert_searches_find_nothing,
    assert_subscriptions_are_refused,
    assert_tools_refuse,
    of,
    prepare,
    read,
    refused,
    searched,
)
from tests._support.fault_proxy import proxy_to
from tests._support.mcp_client import Connect, connector, reference
from tests._support.running_agentos import running_agentos

# Everything that alice has is made before the first test, on an AgentOS that has to start.
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]
ONE_ERA = True

BOUNDED = {"toolsets": ("all",), "user_id": BOB, "ask": False}


@pytest.fixture(scope="module", params=["open", "isolated"])
def theirs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theirs]:
    """Without isolation the server has no token; with it, the token of one who sees all users."""
    ledger = tmp_path_factory.mktemp("users") / "ledger"
    ledger.touch()
    isolated = request.param == "isolated"
    environment = {LEDGER_VARIABLE: str(ledger), **({ISOLATED_VARIABLE: "yes"} if isolated else {})}
    with running_agentos(build="tests._support.agentos.users:build", environment=environment) as url:
        yield prepare(url, ledger, isolated=isolated)


def settings(theirs: Theirs, **more: Any) -> dict[str, Any]:
    return {**BOUNDED, "token": Token(theirs.token()), **more}


def test_boundary_covers_every_tool(theirs: Theirs) -> None:
    every = {tool.name for toolset in TOOLSETS for tool in toolset.tools}
    tables = [set(refused(theirs)), set(searched(theirs)), SHARED, NEW]
    assert set().union(*tables) == every
    assert sum(map(len, tables)) == len(every)


@pytest.mark.parametrize("toolset", SETS)
async def test_tool_refuses_what_belongs_to_another_user(connect: Connect, theirs: Theirs, toolset: str) -> None:
    async with connect(theirs.url, **settings(theirs)) as peer:
        await assert_tools_refuse(peer, theirs, of(toolset, refused(theirs)))


@pytest.mark.parametrize("toolset", SETS)
async def test_search_finds_nothing_of_another_user(connect: Connect, theirs: Theirs, toolset: str) -> None:
    async with connect(theirs.url, **settings(theirs)) as peer:
        await assert_searches_find_nothing(peer, theirs, of(toolset, searched(theirs)))


async def test_component_tool_refuses_a_session_of_another_user(connect: Connect, theirs: Theirs) -> None:
    before = theirs.everything()
    exposed = settings(theirs, expose=(("agents", "echo"),))
    async with connect(theirs.url, **exposed) as peer:
        text = await peer.error("echo", message="hello", session_id=theirs.session)
        assert "There is no session 's-done' of user 'bob'." in text
        assert "has no argument 'user_id'" in await peer.error("echo", message="hello", user_id=ALICE)
    assert theirs.everything() == before


async def test_statistics_of_all_users_are_refused(sample_agentos: str) -> None:
    refusal: InvalidRequest | None = None
    async with open_backend(Settings(url=sample_agentos, user_id=BOB)) as backend:
        try:
            await get_queue_stats(ToolContext.headless(backend))
        except InvalidRequest as error:  # kept out of the task group, which would wrap it
            refusal = error
    assert "AgentOS counts the jobs of all users together" in str(refusal)


# Resources, prompts, completions, subscriptions


async def test_resource_refuses_what_belongs_to_another_user(connect: Connect, theirs: Theirs) -> None:
    async with connect(theirs.url, **settings(theirs)) as peer:
        await assert_resources_refuse(peer, theirs)


async def test_prompt_refuses_what_belongs_to_another_user(connect: Connect, theirs: Theirs) -> None:
    async with connect(theirs.url, **settings(theirs)) as peer:
        await assert_prompts_refuse(peer, theirs)


async def test_completion_finds_nothing_of_another_user(connect: Connect, theirs: Theirs) -> None:
    async with connect(theirs.url, **settings(theirs)) as peer:
        await assert_completions_find_nothing(peer, theirs)


async def test_subscription_to_a_run_of_another_user_is_refused(connect: Connect, theirs: Theirs) -> None:
    async with connect(theirs.url, **settings(theirs)) as peer:
        await assert_subscriptions_are_refused(peer, theirs)


async def test_cancelled_call_cancels_no_run_before_its_owner_is_known(theirs: Theirs) -> None:
    run = theirs.runs["going"]
    async with proxy_to(theirs.url) as proxy, connector("auto")(proxy.url, **settings(theirs)) as peer:
        await peer.error("get_run", run=theirs.runs["done"])
        proxy.slowness = 0.5

        async def look() -> None:
            await peer.error("get_run", run=run)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(look)
            while not proxy.asked("GET", "/r-going"):  # noqa: ASYNC110 - nothing tells of it
                await anyio.sleep(0.01)
            with anyio.move_on_after(0.1):
                await peer.call("continue_run", run=run)
        proxy.slowness = 0.0
    assert proxy.asked("POST", "/cancel") == 0


# What is one's own


async def test_own_data_still_works(connect: Connect, theirs: Theirs, era: str) -> None:
    tag = f"tag-{BOB}{era}"
    own = settings(theirs, token=Token(theirs.token(BOB)))
    async with connect(theirs.url, **own) as peer:
        text = await peer.text("run_agent", agent_id="echo", message="mine")
        again = await peer.text("run_agent", agent_id="echo", message="mine too", session_id=session_of(text))
        paused = await peer.text("run_agent", agent_id="deployer", message=f"mine {tag}")
        assert "mine too" in await peer.text("get_run", run=reference(again))
        assert await peer.text("create_memory", memory="likes tea")
        assert "likes tea" in await peer.text("list_memories")
    async with connect(theirs.url, **own) as restarted:
        assert "mine" in await restarted.text("get_run", run=reference(text))
        assert reference(text) in await restarted.text("list_runs")
        assert "mine too" in await restarted.text("get_session", session_id=session_of(text))
        assert "mine" in await read(restarted, RUN_URI_PREFIX + reference(text))
        assert await restarted.text("get_trace", id=reference(text))
        query = paused.partition("deploy-")[2].split()[0].rstrip(":").rstrip("`")
        await restarted.text("continue_run", run=reference(paused), answers={f"deploy-{query}": True})
        third = await restarted.text("run_agent", agent_id="echo", message="mine", session_id=session_of(text))
        assert session_of(third) == session_of(text)
    assert theirs.ledger.read_text().count(f"deploy {tag}\n") == 1


def session_of(result: str) -> str:
    return RunRef.parse(reference(result)).session


async def test_own_runs_work_without_a_database(connect: Connect, bare_agentos: str) -> None:
    async with connect(bare_agentos, user_id=BOB) as peer:
        text = await peer.text("run_agent", agent_id="echo", message="mine", session_id="chosen")
        assert "mine" in await peer.text("get_run", run=reference(text))


async def test_run_without_an_owner_is_refused_with_that_reason(connect: Connect, theirs: Theirs) -> None:
    if theirs.isolated:
        pytest.skip("AgentOS gives every run an owner there")
    form = {"message": f"{SECRET}", "session_id": "s-nobody", "run_id": "r-nobody", "stream": "false"}
    with theirs.rest() as rest:
        rest.post("/agents/echo/runs", data=form)
    async with connect(theirs.url, **settings(theirs)) as peer:
        text = await peer.error("get_run", run="agent/echo/s-nobody/r-nobody")
        assert "AgentOS does not say whose the run agent/echo/s-nobody/r-nobody is" in text
        text = await peer.error("run_agent", agent_id="echo", message="hello", session_id="s-nobody")
        assert "AgentOS does not say whose the session 's-nobody' is" in text


async def test_ownership_check_costs_one_request_and_none_without_a_user(theirs: Theirs) -> None:
    if theirs.isolated:
        pytest.skip("the same requests")
    counts = {}
    for user in ("", ALICE):
        async with proxy_to(theirs.url) as proxy, connector("auto")(proxy.url, user_id=user) as peer:
            await peer.text("get_run", run=theirs.runs["done"])
            first = len(proxy.requests)
            await peer.text("get_run", run=theirs.runs["done"])
            second = len(proxy.requests)
            await peer.text("run_agent", agent_id="echo", message="cost", session_id=f"s-cost-{user}")
            counts[user] = (second - first, len(proxy.requests) - second)
    assert counts[ALICE][0] == counts[""][0] == 1
    assert counts[ALICE][1] <= counts[""][1] + 1
