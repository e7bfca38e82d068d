"""Every request of every tool is one that a live AgentOS declares, of the oldest supported agno and of the newest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
import pytest
from mcp.client.client import Client

from agentos_mcp.agentos.features import OLDEST as OLDEST_SERIES
from agentos_mcp.agentos.runs.run import KINDS, RunRef
from agentos_mcp.server.build import build_server
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.mcp_tool import mcp_tool
from agentos_mcp.tooling.tool_spec import Toolset, ToolSpec
from agentos_mcp.tools import TOOLSETS
from tests._support.contract_calls import CALLS, OLDEST, Call, arguments_of
from tests._support.factories import Rest
from tests._support.mcp_client import Peer, reference, words
from tests._support.request_recording import recording
from tests._support.served_agentos import Served

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

WAIT = 1.5
"""Seconds that a call waits for what may never come."""
QUEUE = "queue"
TOOLS = [tool for toolset in TOOLSETS for tool in toolset.tools]

NOT_DECLARED_AND_HARMLESS: Mapping[str, Mapping[str, str]] = {
    OLDEST: {
        "GET /sessions/{session_id}/run-previews is not served": "asked first; where it is missing, /runs is read",
        **{
            f"POST /{kind}s/{{component_id}}/runs/{{run_id}}/cancel: query parameter 'session_id' is not declared": (
                "ignored: it finds the run by its id alone"
            )
            for kind in KINDS
        },
        "POST /teams/{component_id}/runs/{run_id}/continue is not served": "refused in words that say so",
        "POST /metrics/refresh: query parameter 'background' is not declared": "ignored: it answers once it is done",
    },
}
"""By version: what it does not declare, and why it is asked all the same."""


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[tuple[Peer, set[str]]]:
    """An MCP client that is offered every tool that this AgentOS can do, and their names."""
    server = build_server(Settings(url=url, toolsets=("all",), wait=WAIT))
    async with Client(server, mode="auto") as client:
        assert server.backend is not None
        await server.backend.discovery.features()
        await server.backend.catalog.inventory()
        yield Peer(client, url), {tool.name for tool in (await client.list_tools()).tools}


async def problems(peer: Peer, rest: Rest, served: Served, tool: str, call: Call) -> list[str]:
    """What is wrong with a call: with its requests, and with how it ended."""
    arguments = await arguments_of(call, rest)
    with recording() as recorded:
        result = await peer.call(tool, **arguments)
    harmless = NOT_DECLARED_AND_HARMLESS.get(served.version, {})
    found = [problem for request in recorded for problem in served.declaration.problems(request)]
    found = [problem for problem in found if problem not in harmless]
    refusal = call.refused or (call.refused_by or {}).get(served.version, "")
    if result.is_error != bool(refusal) or refusal not in words(result):
        found.append(f"{'refused' if result.is_error else 'done'}: {words(result)}")
    return found


async def all_problems(served: Served, toolset: Toolset) -> dict[str, list[str]]:
    """What is wrong with the calls of a toolset, by tool."""
    found: dict[str, list[str]] = {}
    async with httpx.AsyncClient(base_url=served.url, timeout=30) as http, connected(served.url) as (peer, offered):
        rest = Rest(http, served.pages)
        for tool in toolset.tools:
            for call in CALLS.get(tool.name, ()) if tool.name in offered else ():
                found.setdefault(tool.name, []).extend(await problems(peer, rest, served, tool.name, call))
    return {tool: told for tool, told in found.items() if told}


@pytest.mark.parametrize("declared", TOOLS, ids=lambda declared: declared.name)
def test_contract_calls_every_tool_with_all_of_its_parameters(declared: ToolSpec) -> None:
    given = {name for call in CALLS.get(declared.name, ()) for name in call.arguments}
    assert declared.name in CALLS
    assert given == set(mcp_tool(declared, Settings()).parameters["properties"])


def test_contract_calls_only_tools_that_exist() -> None:
    assert not set(CALLS) - {tool.name for tool in TOOLS}


def test_oldest_agno_is_the_one_that_is_named_to_people() -> None:
    assert OLDEST.startswith(f"{OLDEST_SERIES}.")


@pytest.mark.parametrize("toolset", [one for one in TOOLSETS if one.name != QUEUE], ids=lambda toolset: toolset.name)
async def test_request_of_every_tool_is_declared_and_succeeds(served: Served, toolset: Toolset) -> None:
    assert await all_problems(served, toolset) == {}


async def test_queue_is_asked_only_what_it_declares(queueing: Served) -> None:
    (queue,) = (one for one in TOOLSETS if one.name == QUEUE)
    async with connected(queueing.url) as (_, offered):
        assert {tool.name for tool in queue.tools} <= offered
    assert await all_problems(queueing, queue) == {}


async def test_tool_is_offered_where_its_endpoint_is_and_nowhere_else(served: Served) -> None:
    served_tools = {tool.name for tool in TOOLS if not tool.endpoint or served.declaration.serves(tool.endpoint)}
    async with connected(served.url) as (_, offered):
        assert offered == served_tools


def asked_in(result: str) -> str:
    """The key of what a paused run asks first."""
    return result.partition("\n- ")[2].partition(":")[0]


RUNS = (("agent", "echo", "echo: hello"), ("team", "pair", "echo: hello"), ("workflow", "two-steps", "Two words"))


@pytest.mark.parametrize(("kind", "id", "answer"), RUNS)
async def test_run_is_started_and_read_again(served: Served, kind: str, id: str, answer: str) -> None:
    async with connected(served.url) as (peer, _):
        assert f"| {id} |" in await peer.text(f"list_{kind}s")
        said = await peer.text(f"run_{kind}", **{f"{kind}_id": id}, message="hello")
        assert said.startswith(f"{answer}\n--- agentos-mcp\ncompleted")
        again = await peer.text("get_run", run=reference(said))
        assert again.startswith(f"{answer}\n--- agentos-mcp\ncompleted")
        assert reference(again) == reference(said)
        assert "completed" in await peer.text("explain_run", run=reference(said))


@pytest.mark.parametrize(("kind", "id", "answer"), RUNS)
async def test_run_is_found_without_its_reference(served: Served, kind: str, id: str, answer: str) -> None:
    async with connected(served.url) as (peer, _):
        run = reference(await peer.text(f"run_{kind}", **{f"{kind}_id": id}, message="hello"))
        session = RunRef.parse(run).session
        assert f"| {session} |" in await peer.text("list_sessions", kind=kind, limit=100)
        assert run in await peer.text("list_session_runs", session_id=session)
        assert run in await peer.text("list_runs", session_id=session)
        assert run in await peer.text("list_runs", kind=kind, id=id)


async def test_paused_run_is_told_and_continued_with_an_answer(served: Served) -> None:
    async with connected(served.url) as (peer, _):
        paused = await peer.text("run_agent", agent_id="asker", message="hello")
        assert "paused: it waits for an answer" in paused
        said = await peer.text("continue_run", run=reference(paused), answers={asked_in(paused): True})
    assert said.startswith("the tool said: deployed to prod\n--- agentos-mcp\ncompleted")


async def test_search_knowledge_finds_a_passage(served: Served) -> None:
    async with connected(served.url) as (peer, _):
        said = await peer.text("search_knowledge", query="how long does a giraffe sleep?", max_results=1)
    assert "A giraffe sleeps two hours a day." in said


async def test_memory_is_kept_and_found(served: Served) -> None:
    async with connected(served.url) as (peer, _):
        await peer.text("create_memory", memory="Likes the sea", user_id="bob")
        assert "| Likes the sea |" in await peer.text("list_memories", user_id="bob")


async def test_unsupported_tool_says_that_agentos_is_too_old(served: Served) -> None:
    async with connected(served.url) as (peer, offered):
        assert ("list_learnings" in offered) == (served.version != OLDEST)
        if served.version == OLDEST:
            assert "does not serve GET /learnings" in await peer.error("list_learnings")
            paused = await peer.text("run_team", team_id="asking-pair", message="hello")
            said = await peer.error("continue_run", run=reference(paused), answers={asked_in(paused): True})
            assert "too old for that" in said
