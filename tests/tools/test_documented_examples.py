"""What AgentOS's own documents show of runs, done through the tools."""

from __future__ import annotations

import json

import pytest

from tests._support.mcp_client import Connect, reference

pytestmark = pytest.mark.anyio

STORY = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "pages": {"type": "integer"}},
    "required": ["title", "pages"],
}


async def test_example_lists_agents_and_workflows(connect: Connect, demo: str) -> None:
    async with connect(demo) as peer:
        assert "| assistant |" in await peer.text("list_agents")
        assert "| content-pipeline |" in await peer.text("list_workflows")
        assert "Step 1: research" in await peer.text("get_component", kind="workflow", id="content-pipeline")
        assert "Tool calculate" in await peer.text("get_component", kind="agent", id="assistant")


async def test_example_runs_my_content_pipeline_workflow(connect: Connect, demo: str) -> None:
    async with connect(demo) as peer:
        text = await peer.text("run_workflow", workflow_id="my content pipeline workflow", message="tea")
    assert "completed" in text


async def test_example_answers_2_plus_2(connect: Connect, demo: str) -> None:
    async with connect(demo) as peer:
        assert "4" in await peer.text("run_agent", agent_id="assistant", message="What is 2 + 2?")


async def test_example_session_remembers(connect: Connect, demo: str, era: str) -> None:
    ids = {"session_id": f"chat-{era}", "user_id": "alice"}
    async with connect(demo) as peer:
        await peer.text("run_agent", agent_id="assistant", message="My name is Alice", **ids)
        assert "Alice" in await peer.text("run_agent", agent_id="assistant", message="What is my name?", **ids)


async def test_dependencies_reach_the_agents_instructions(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        text = await peer.text(
            "run_agent",
            agent_id="story-writer-agent",
            message="Write me a 5 line story.",
            dependencies={"robot_name": "Anna"},
        )
    assert "Always name the robot Anna" in text


async def test_example_gets_structured_output_in_both_forms(connect: Connect, media: str) -> None:
    wrapped = {"type": "json_schema", "json_schema": {"name": "StoryOutput", "schema": STORY}}
    async with connect(media) as peer:
        for schema in (STORY, wrapped):
            text = await peer.text("run_agent", agent_id="storyteller", message="tell", output_schema=schema)
            assert json.loads(text.partition("\n--- agentos-mcp\n")[0])["title"] == "Anna"


async def test_example_runs_a_workflow_built_by_a_factory(connect: Connect, demo: str) -> None:
    async with connect(demo) as peer:
        text = await peer.text(
            "run_workflow",
            workflow_id="launch-plan",
            message="Plan it",
            user_id="tenant_42",
            factory_input={"product": "Kettle", "weeks": 1},
        )
        assert "Kettle" in text
        assert "Kettle" in await peer.text("get_run", run=reference(text))


async def test_example_uses_memories_and_knowledge(connect: Connect, demo: str, era: str) -> None:
    user = f"user-{era}"
    async with connect(demo) as peer:
        await peer.text("create_memory", memory="User prefers dark mode", user_id=user, topics=["preferences", "ui"])
        assert "dark mode" in await peer.text("list_memories", user_id=user, topics=["preferences"], limit=10)
        assert "tea" in await peer.text("search_knowledge", query="How is green tea brewed?", max_results=5)
