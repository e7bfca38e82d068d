from __future__ import annotations

import pytest

from tests._support.mcp_client import Connect

pytestmark = pytest.mark.anyio


async def test_component_lists_show_ids_names_and_one_line_of_description(
    connect: Connect, sample_agentos: str
) -> None:
    async with connect(sample_agentos) as peer:
        agents = await peer.text("list_agents")
        assert "| echo | Echo | Repeats what it is told. Second line. |" in agents
        assert "| 日本 |" in agents
        assert "| pair | Pair |" in await peer.text("list_teams")
        assert "| launch | Launch | Plans a launch. |" in await peer.text("list_workflows")


async def test_component_list_without_components_points_to_the_others(connect: Connect, bare_agentos: str) -> None:
    async with connect(bare_agentos) as peer:
        assert await peer.text("list_teams") == "This AgentOS has no teams. See list_agents and list_workflows."


async def test_workflow_is_shown_with_its_steps(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        text = await peer.text("get_component", kind="workflow", id="side by side")
    assert "Step 1: both (Parallel)" in text
    assert "left (agent Left)" in text
    assert "Step 2: join (agent Join)" in text


async def test_agent_is_shown_with_its_model_and_tools(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        text = await peer.text("get_component", kind="agent", id="tooler")
    assert "Model: scripted" in text
    assert "Tool lookup(term): Look a term up." in text


async def test_tool_of_a_component_is_shown_with_its_arguments(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        text = await peer.text("get_component", kind="team", id="tasker")
    assert "Tool create_task(title, description?, assignee?, depends_on?): Create a new task" in text
    assert "Tool list_tasks(): List all tasks" in text


async def test_team_is_shown_with_its_members(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        assert "Member Team Writer" in await peer.text("get_component", kind="team", id="pair")


async def test_factory_is_shown_with_its_inputs(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        text = await peer.text("get_component", kind="workflow", id="launch")
    assert "\nIts inputs go into factory_input:\n- product (string, required)\n- audience (string, default " in text


@pytest.mark.parametrize("id", ["a?b#c", "100%", "日本", ".."])
async def test_hostile_id_is_shown_as_data(connect: Connect, sample_agentos: str, id: str) -> None:
    async with connect(sample_agentos) as peer:
        assert (await peer.text("get_component", kind="agent", id=id)).startswith("# ")


async def test_component_is_shown_without_its_kind_and_with_a_wrong_one(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        for kind in ({}, {"kind": "agent"}, {"kind": "team"}, {"kind": "workflow"}):
            assert "(workflow slow-steps)" in await peer.text("get_component", id="slow-steps", **kind)


async def test_id_with_a_slash_is_refused_by_name(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        assert "No agent '../sessions'" in await peer.error("get_component", kind="agent", id="../sessions")


async def test_unknown_kind_lists_the_kinds(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        error = await peer.error("get_component", kind="robot", id="x")
    assert "'agent', 'team' or 'workflow'" in error


async def test_list_names_the_inputs_of_components_that_need_some(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        listed = await peer.text("list_workflows")
        rows = {row.split(" | ")[0].removeprefix("| "): row for row in listed.splitlines()[2:]}
        assert rows["launch"].endswith("| product |")
        assert rows["three-steps"].endswith("|  |")
        assert "launch (needs product)" in str(peer.client.instructions)
