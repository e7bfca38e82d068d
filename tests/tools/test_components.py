from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests._support.agentos_pool import AgentOSPool
from tests._support.mcp_client import Connect

pytestmark = pytest.mark.anyio
ONE_ERA = True


@pytest.fixture(scope="module")
def studio(agentoses: AgentOSPool) -> str:
    return agentoses.url("stored_components")


@pytest.fixture
async def rest(studio: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=studio, timeout=30) as client:
        yield client


async def test_list_stored_components_filters_by_kind(connect: Connect, studio: str) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        everything = await peer.text("list_stored_components")
        assert "| stored-writer | agent | Stored Writer | Writes what is asked. | 4 | 20" in everything
        assert "| stored-flow | workflow | Stored Flow |" in everything
        teams = await peer.text("list_stored_components", kind="team")
        assert "| stored-pair | team | Stored Pair | 1 |" in teams
        assert "stored-writer" not in teams
        assert "; page=2 has more" in await peer.text("list_stored_components", limit=1)


async def test_component_shows_its_current_configuration_in_short(connect: Connect, studio: str) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        text = await peer.text("get_stored_component", id="stored-writer")
    assert text.startswith("# Stored Writer\nid: stored-writer\nkind: agent\ndescription: Writes what is asked.\n")
    assert "version: 4 published (current)\n" in text
    assert "versions: 4 published (current), 3 published, 2 published, 1 draft 'first try'\n" in text
    assert "model: scripted (agentos-mcp)\ntools: lookup, think, analyze\ndatabase: studio-db\n" in text
    assert "instructions:\n```\nWrite well.\nNever hurry.\n```" in text
    assert "agno_sessions" not in text


async def test_version_is_picked_by_its_number(connect: Connect, studio: str) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        first = await peer.text("get_stored_component", id="stored-writer", version=1)
        assert "version: 1 draft 'first try'\n" in first
        assert "Write slowly." in first
        second = await peer.text("get_stored_component", id="stored-writer", version=2)
    assert "notes:\n```\nGood enough for everyone.\n```" in second


async def test_members_and_steps_are_named_with_who_they_are(connect: Connect, studio: str) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        assert "members: agent stored-writer\n" in await peer.text("get_stored_component", id="stored-pair")
        assert "steps: writing (agent stored-writer)\n" in await peer.text("get_stored_component", id="stored-flow")


async def test_stored_component_shows_nested_steps_and_no_connections(
    connect: Connect, studio: str, rest: httpx.AsyncClient, era: str
) -> None:
    inner = {"type": "Step", "name": "inside", "executor_ref": "tidy_up"}
    paired = {"type": "Step", "name": "outside", "team_id": "stored-pair"}
    config = {
        "steps": [{"type": "Parallel", "name": "both", "steps": [inner, paired]}],
        "db": {"id": "studio-db", "db_url": "postgres://me:secret@host"},
        "knowledge": {"name": "Facts", "vector_db": {"url": "postgres://me:secret@host"}},
        "debug_mode": True,
        "stream": False,
    }
    body = {"name": f"Nested {era}", "component_id": f"nested-{era}", "component_type": "workflow", "config": config}
    (await rest.post("/components", json=body | {"stage": "draft", "set_current": False})).raise_for_status()
    async with connect(studio, toolsets=("all",)) as peer:
        text = await peer.text("get_stored_component", id=f"nested-{era}")
    assert "steps: both [inside (tidy_up), outside (team stored-pair)]\n" in text
    assert "others: knowledge Facts\nsettings: debug_mode True\n" in text
    assert "secret" not in text


async def test_component_without_a_current_version_shows_its_latest(
    connect: Connect, studio: str, rest: httpx.AsyncClient, era: str
) -> None:
    drafted = {
        "name": "Drafted",
        "component_id": f"drafted-{era}",
        "component_type": "agent",
        "config": {"instructions": "One"},
        "stage": "draft",
        "set_current": False,
    }
    (await rest.post("/components", json=drafted)).raise_for_status()
    newer = {"config": {"instructions": "Two"}, "stage": "draft", "set_current": False}
    (await rest.post(f"/components/drafted-{era}/configs", json=newer)).raise_for_status()
    current = (await rest.get(f"/components/drafted-{era}")).json().get("current_version")
    async with connect(studio, toolsets=("all",)) as peer:
        text = await peer.text("get_stored_component", id=f"drafted-{era}")
    assert current is None
    assert "version: 2 draft\n" in text
    assert "instructions:\n```\nTwo\n```" in text


async def test_list_registry_describes_each_entry(connect: Connect, studio: str) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        text = await peer.text("list_registry")
        assert "| deploy | tool | Deploy to an environment. | (env); asks first |" in text
        assert "| reasoning_tools | tool |  | think, analyze |" in text
        assert "| scripted | model |  | agentos-mcp |" in text
        assert "| LaunchInput | schema |  | (product, audience) |" in text
        assert "| Note Keeper | agent |  | keeper |" in text
        models = await peer.text("list_registry", resource_type="model")
        assert "scripted" in models
        assert "deploy" not in models
        assert "| lookup |" in await peer.text("list_registry", name="LOOK")
        assert await peer.text("list_registry", name="elephant") == "Nothing like that is registered."


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("list_stored_components", {"kind": "robot"}, "'kind'"),
        ("get_stored_component", {"id": "no such"}, "No stored component 'no%20such'. list_stored_components shows"),
        ("get_stored_component", {"id": ""}, "component_id is empty."),
        ("get_stored_component", {"id": "stored-pair", "version": 9}, "has no version 9. There are: 1."),
        ("get_stored_component", {"id": "stored-pair", "version": -1}, "'version'"),
        ("list_registry", {"resource_type": "robot"}, "'resource_type'"),
        ("list_registry", {"page": 0}, "'page'"),
    ],
)
async def test_what_is_not_there_says_where_to_look(
    connect: Connect, studio: str, tool: str, arguments: dict[str, Any], expected: str
) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        assert expected in await peer.error(tool, **arguments)


async def test_agentos_without_a_database_stores_no_components_and_says_so(connect: Connect, bare_agentos: str) -> None:
    async with connect(bare_agentos, toolsets=("all",)) as peer:
        assert "pass a `db` to AgentOS" in await peer.error("list_stored_components")


async def test_agentos_whose_components_are_all_code_says_so(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        text = await peer.text("list_stored_components", kind="team")
    assert text.startswith("No stored components")


async def test_component_results_take_a_fifth_of_the_rest_answers(
    connect: Connect, studio: str, rest: httpx.AsyncClient
) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        tools = await peer.text("list_registry", resource_type="tool")
        writer = await peer.text("get_stored_component", id="stored-writer")
    answer = (await rest.get("/registry", params={"resource_type": "tool"})).json()
    configs = (await rest.get("/components/stored-writer/configs")).json()
    assert len(tools) * 5 < len(json.dumps(answer))
    assert len(writer) * 5 < len(json.dumps(configs))


async def test_component_that_is_stored_as_data_is_listed_and_runs_like_any_other(
    connect: Connect, studio: str
) -> None:
    async with connect(studio) as peer:
        assert "stored-writer" in await peer.text("list_agents")
        assert "stored-pair" in await peer.text("list_teams")
        ran = await peer.text("run_agent", agent_id="stored writer", message="hello")
    assert "run: agent/stored-writer/" in ran
