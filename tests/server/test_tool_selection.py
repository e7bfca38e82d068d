"""Which tools are offered: what people choose, less what writes, less what this AgentOS cannot do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import Forbidden
from agentos_mcp.demo.host_process import demo_agentos
from agentos_mcp.server.tool_selection import ToolSelection
from agentos_mcp.settings import Settings, SettingsError, load
from agentos_mcp.tools import TOOLSETS
from tests._support.mcp_client import Connect, Peer

pytestmark = pytest.mark.anyio

EVERY = [tool for toolset in TOOLSETS for tool in toolset.tools]
WRITING = [tool.name for tool in EVERY if not tool.read_only]


def offered(**settings: Any) -> list[str]:
    return [tool.name for tool in ToolSelection(Settings(**settings)).tools]


async def listed(peer: Peer) -> set[str]:
    return {tool.name for tool in (await peer.client.list_tools()).tools}


def test_nothing_chosen_means_the_default_tools() -> None:
    assert offered() == [tool.name for tool in EVERY if tool.default] == offered(toolsets=("default",))


def test_a_toolset_is_all_of_its_tools_and_can_join_the_default_ones() -> None:
    memory = [tool.name for toolset in TOOLSETS if toolset.name == "memory" for tool in toolset.tools]
    assert offered(toolsets=("memory",)) == memory
    assert set(offered(toolsets=("default", "memory"))) == {*offered(), *memory}


def test_all_is_everything_in_the_order_of_the_toolsets() -> None:
    assert offered(toolsets=("all",)) == [tool.name for tool in EVERY]


def test_single_tools_are_offered_alone_or_beside_toolsets() -> None:
    assert offered(tools=("get_trace", "list_agents")) == ["list_agents", "get_trace"]
    assert set(offered(toolsets=("catalog",), tools=("get_trace",))) == {
        *offered(toolsets=("catalog",)),
        "get_trace",
    }


def test_excluded_tools_are_gone_whoever_asked_for_them() -> None:
    assert "run_agent" not in offered(exclude_tools=("run_agent",))
    assert offered(tools=("run_agent", "get_run"), exclude_tools=("run_agent",)) == ["get_run"]


def test_read_only_wins_over_every_choice() -> None:
    chosen = offered(toolsets=("all",), tools=tuple(WRITING), read_only=True)
    assert chosen == [tool.name for tool in EVERY if tool.read_only]


@pytest.mark.parametrize("option", ["tools", "exclude_tools"])
def test_a_tool_that_does_not_exist_is_named_with_what_was_meant(option: str) -> None:
    with pytest.raises(SettingsError, match=r"There is no tool 'run_agnet'\. Did you mean run_agent\?"):
        offered(**{option: ("run_agnet",)})


def test_choices_are_read_from_flags_and_variables() -> None:
    environ = {
        "AGENTOS_MCP_TOOLS": "get_trace, get_trace,list_runs",
        "AGENTOS_MCP_EXCLUDE_TOOLS": "cancel_run",
        "AGENTOS_MCP_EXPOSE": "workflows, agents:Writer",
        "AGENTOS_MCP_USER_ID": "me",
    }
    settings = load({"toolsets": "Memory,default"}, environ)
    assert settings.toolsets == ("memory", "default")
    assert settings.tools == ("get_trace", "list_runs")
    assert settings.exclude_tools == ("cancel_run",)
    assert settings.expose == (("workflows", ""), ("agents", "Writer"))
    assert settings.injected == {"user_id": "me"}
    with pytest.raises(SettingsError, match="'knowledge' is neither agents, teams, workflows nor one of them"):
        load({"expose": "knowledge"}, {})


@pytest.mark.parametrize("name", [*WRITING, "migrate_database", "create_service_account"])
async def test_no_call_that_writes_gets_through_a_read_only_server(
    connect: Connect, sample_agentos: str, name: str
) -> None:
    async with connect(sample_agentos, toolsets=("all",), read_only=True) as peer:
        assert f"Unknown tool: {name}" in await peer.error(name, agent_id="echo", message="x")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_read_only_client_sends_nothing_that_could_write(sample_agentos: str, method: str) -> None:
    async with AgentOS(sample_agentos, read_only=True) as client:
        with pytest.raises(Forbidden, match="read-only"):
            await client.request(method, "/sessions/{session_id}", {"session_id": "x"})
        with pytest.raises(Forbidden, match="read-only"):
            async with client.stream(
                "/agents/{agent_id}/runs", {"agent_id": "echo"}, {"message": "x"}, kept_alive=False
            ):
                pytest.fail("it was sent")
        found = await client.request("POST", "/knowledge/search", json={"query": "giraffe"}, retry=True)
    assert found["data"]


async def test_tools_of_what_this_agentos_does_not_have_are_not_offered(connect: Connect, bare_agentos: str) -> None:
    async with connect(bare_agentos, toolsets=("all",)) as peer:
        names = await listed(peer)
        assert "run_agent" in names
        assert not names & {"list_sessions", "create_memory", "search_knowledge", "list_traces", "get_metrics"}
        assert "This AgentOS has no knowledge base" in await peer.error("search_knowledge", query="x")
        assert "This AgentOS has no database" in await peer.error("list_memories")


async def test_tools_whose_endpoint_is_missing_are_gone_once_that_is_known(
    connect: Connect, sample_agentos: str
) -> None:
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        await peer.text("run_agent", agent_id="echo", message="x")
        assert "list_queue_jobs" not in await listed(peer)
        said = await peer.error("list_queue_jobs")
    assert "does not serve GET /queue/jobs: it is too old for that, or set up without it" in said


async def test_a_fixed_user_is_in_every_call_and_in_no_schema(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    user = f"fixed-{era}"
    async with connect(sample_agentos, user_id=user, toolsets=("all",)) as peer:
        for tool in (await peer.client.list_tools()).tools:
            assert "user_id" not in json.dumps(tool.input_schema), tool.name
        await peer.text("create_memory", memory="Is fixed")
        assert "Is fixed" in await peer.text("list_memories")
        assert "create_memory has no argument 'user_id'" in await peer.error(
            "create_memory", memory="x", user_id="other"
        )
    stored = (await rest.get("/memories", params={"user_id": user})).json()["data"]
    assert [memory["memory"] for memory in stored] == ["Is fixed"]


async def test_a_fixed_database_and_knowledge_base_are_in_no_schema(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, db_id="zoo-db", knowledge_id="Zoo Facts", toolsets=("all",)) as peer:
        for tool in (await peer.client.list_tools()).tools:
            assert not {"db_id", "knowledge_id"} & set(tool.input_schema["properties"]), tool.name
        assert "giraffe" in await peer.text("search_knowledge", query="giraffe", max_results=1)


@pytest.fixture(scope="module")
def two_databases() -> Iterator[str]:
    with demo_agentos(build="tests._support.agentos.several_databases:build") as url:
        yield url


async def test_of_several_databases_the_error_lists_them(connect: Connect, two_databases: str) -> None:
    async with connect(two_databases, toolsets=("all",)) as peer:
        said = await peer.error("list_memories")
        assert "This lies in several databases. Give db_id, one of: first-db, second-db." in said
        assert "There is no database 'third'" in await peer.error("list_memories", db_id="third")
        assert await peer.text("create_memory", memory="In the second", user_id="u", db_id="second-db")
        assert "In the second" in await peer.text("list_memories", db_id="second-db")
        assert "In the second" not in await peer.text("list_memories", db_id="first-db")
