"""Which tools are listed: what the settings select, less what this AgentOS cannot do."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import Forbidden
from agentos_mcp.server.build import build_server
from agentos_mcp.server.tool_selection import ToolSelection
from agentos_mcp.settings import Settings, SettingsError, load
from agentos_mcp.tools import INSTANCES, TOOLSET_MODULES, TOOLSETS, ToolsetModule
from tests._support.agentos_pool import AgentOSPool
from tests._support.mcp_client import Connect, Peer

pytestmark = pytest.mark.anyio

ALL_TOOLS = [tool for toolset in TOOLSETS for tool in toolset.tools]
WRITE_TOOLS = [tool.name for tool in ALL_TOOLS if not tool.read_only]


@pytest.mark.parametrize("module", [*TOOLSET_MODULES, INSTANCES], ids=lambda module: module.name)
def test_toolset_module_says_what_its_toolset_has(module: ToolsetModule) -> None:
    toolset = module.load()
    assert toolset.name == module.name
    assert tuple(tool.name for tool in toolset.tools) == module.tool_names
    assert any(tool.default for tool in toolset.tools) == module.has_default


def selected(**settings: Any) -> list[str]:
    return [tool.name for tool in ToolSelection(Settings(**settings)).tools]


async def listed_names(peer: Peer) -> set[str]:
    return {tool.name for tool in (await peer.client.list_tools()).tools}


def test_selection_is_the_default_tools_without_settings() -> None:
    assert selected() == [tool.name for tool in ALL_TOOLS if tool.default] == selected(toolsets=("default",))


def test_selection_of_a_toolset_has_all_of_its_tools() -> None:
    memory = [tool.name for toolset in TOOLSETS if toolset.name == "memory" for tool in toolset.tools]
    assert selected(toolsets=("memory",)) == memory
    assert set(selected(toolsets=("default", "memory"))) == {*selected(), *memory}


def test_selection_of_all_has_every_tool_in_order() -> None:
    assert selected(toolsets=("all",)) == [tool.name for tool in ALL_TOOLS]


def test_selection_of_single_tools_adds_to_toolsets() -> None:
    assert selected(tools=("get_trace", "list_agents")) == ["list_agents", "get_trace"]
    assert set(selected(toolsets=("catalog",), tools=("get_trace",))) == {
        *selected(toolsets=("catalog",)),
        "get_trace",
    }


def test_selection_lacks_excluded_tools() -> None:
    assert "run_agent" not in selected(exclude_tools=("run_agent",))
    assert selected(tools=("run_agent", "get_run"), exclude_tools=("run_agent",)) == ["get_run"]


def test_selection_of_a_read_only_server_has_only_tools_that_read() -> None:
    names = selected(toolsets=("all",), tools=tuple(WRITE_TOOLS), read_only=True)
    assert names == [tool.name for tool in ALL_TOOLS if tool.read_only]


@pytest.mark.parametrize("option", ["tools", "exclude_tools"])
def test_unknown_tool_name_is_refused_with_a_similar_one(option: str) -> None:
    with pytest.raises(SettingsError, match=r"There is no tool 'run_agnet'\. Did you mean run_agent\?"):
        selected(**{option: ("run_agnet",)})


def test_selection_settings_are_read_from_flags_and_variables() -> None:
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


@pytest.mark.parametrize("name", [*WRITE_TOOLS, "migrate_database", "create_service_account"])
async def test_read_only_server_refuses_every_tool_that_writes(
    connect: Connect, sample_agentos: str, name: str
) -> None:
    async with connect(sample_agentos, toolsets=("all",), read_only=True) as peer:
        assert f"Unknown tool: {name}" in await peer.error(name, agent_id="echo", message="x")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_read_only_client_sends_no_request_that_writes(sample_agentos: str, method: str) -> None:
    async with AgentOS(sample_agentos, read_only=True) as client:
        with pytest.raises(Forbidden, match="read-only"):
            await client.request(method, "/sessions/{session_id}", {"session_id": "x"})
        with pytest.raises(Forbidden, match="read-only"):
            async with client.stream(
                "/agents/{agent_id}/runs", {"agent_id": "echo"}, {"message": "x"}, kept_alive=False
            ):
                pytest.fail("it was sent")
        results = await client.request("POST", "/knowledge/search", json={"query": "giraffe"}, retry=True)
    assert results["data"]


async def test_tools_of_missing_databases_are_not_listed(connect: Connect, bare_agentos: str) -> None:
    async with connect(bare_agentos, toolsets=("all",)) as peer:
        names = await listed_names(peer)
        assert "run_agent" in names
        assert not names & {"list_sessions", "create_memory", "search_knowledge", "list_traces", "get_metrics"}
        assert "This AgentOS has no knowledge base" in await peer.error("search_knowledge", query="x")
        assert "This AgentOS has no database" in await peer.error("list_memories")


async def test_tools_with_a_missing_endpoint_are_not_listed(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        await peer.text("run_agent", agent_id="echo", message="x")
        assert "list_queue_jobs" not in await listed_names(peer)
        message = await peer.error("list_queue_jobs")
    assert "does not serve GET /queue/jobs: it is too old for that, or set up without it" in message


async def test_fixed_user_is_in_every_call_and_in_no_schema(
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


async def test_fixed_database_and_knowledge_base_are_in_no_schema(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, db_id="sample-db", knowledge_id="Sample Facts", toolsets=("all",)) as peer:
        for tool in (await peer.client.list_tools()).tools:
            assert not {"db_id", "knowledge_id"} & set(tool.input_schema["properties"]), tool.name
        assert "giraffe" in await peer.text("search_knowledge", query="giraffe", max_results=1)


@pytest.fixture(scope="module")
def two_databases(agentoses: AgentOSPool) -> str:
    return agentoses.url("several_databases")


async def test_missing_db_id_is_refused_with_the_list_of_databases(connect: Connect, two_databases: str) -> None:
    async with connect(two_databases, toolsets=("all",)) as peer:
        message = await peer.error("list_memories")
        assert "There are several databases for this. Give db_id, one of: first-db, second-db." in message
        assert "There is no database 'third'" in await peer.error("list_memories", db_id="third")
        assert await peer.text("create_memory", memory="In the second", user_id="u", db_id="second-db")
        assert "In the second" in await peer.text("list_memories", db_id="second-db")
        assert "In the second" not in await peer.text("list_memories", db_id="first-db")


SELECTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "read-only": {"read_only": True, "toolsets": ("all",)},
    "without details": {"toolsets": ("all",), "exclude_tools": ("get_component", "get_run", "get_trace", "get_eval")},
    **{tool.name: {"tools": (tool.name,)} for toolset in TOOLSETS for tool in toolset.tools},
}


@pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)
async def test_tool_descriptions_name_no_tool_that_is_not_listed(selection: dict[str, Any]) -> None:
    server = build_server(Settings(url="http://127.0.0.1:9", **selection))
    listed = {tool.name: tool for tool in await server.list_tools()}
    missing = re.compile(rf"\b({'|'.join(server.tool_selection.all_names - listed.keys())})\b")
    for tool in listed.values():
        assert tool.description
        assert not missing.search(tool.description), tool.description
        assert not missing.search(json.dumps(tool.input_schema)), tool.name


async def test_tool_descriptions_lose_only_the_clause_about_a_missing_tool() -> None:
    server = build_server(Settings(url="http://127.0.0.1:9", tools=("list_knowledge", "list_session_runs")))
    descriptions = {tool.name: tool.description for tool in await server.list_tools()}
    assert descriptions == {
        "list_knowledge": "Which documents are in the knowledge bases, latest first.",
        "list_session_runs": "All runs of a conversation, newest first.",
    }
    whole = {tool.name: tool.description for tool in await build_server(Settings(toolsets=("all",))).list_tools()}
    assert (
        whole["list_knowledge"]
        == "Which documents are in the knowledge bases, latest first. See one with get_knowledge."
    )
