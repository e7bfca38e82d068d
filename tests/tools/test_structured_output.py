"""`--structured-output`: data beside the text, each enough by itself."""

from __future__ import annotations

from typing import Any

import pytest
from mcp_types import CallToolResult

from agentos_mcp.tooling.results import RUN_SCHEMA
from tests._support.mcp_client import Connect, words

pytestmark = pytest.mark.anyio


def data(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, words(result)
    assert isinstance(result.structured_content, dict)
    return result.structured_content


async def test_result_is_text_alone_without_structured_output(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        assert all(tool.output_schema is None for tool in (await peer.client.list_tools()).tools)
        assert (await peer.call("list_agents")).structured_content is None
        assert (await peer.call("run_agent", agent_id="echo", message="x")).structured_content is None


async def test_output_schema_is_given_for_every_tool(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, toolsets=("all",), structured_output=True) as peer:
        for tool in (await peer.client.list_tools()).tools:
            assert tool.output_schema, tool.name
            assert tool.output_schema["type"] == "object", tool.name


async def test_table_data_is_items_and_where_the_others_are(connect: Connect, sample_agentos: str, era: str) -> None:
    user = f"structured-{era}"
    async with connect(sample_agentos, structured_output=True, user_id=user) as peer:
        for number in range(3):
            await peer.text("create_memory", memory=f"Fact {number}", topics=["facts"])
        listed = data(await peer.call("list_memories", limit=2))
        none = data(await peer.call("list_memories", search="nothing like that"))
    assert [set(item) for item in listed["items"]] == [set(listed["items"][0])] * 2
    assert listed["items"][0]["memory"].startswith("Fact ")
    assert listed["note"].startswith("2 of 3; page=2")
    assert none["items"] == []
    assert none["note"]


async def test_record_data_is_its_facts(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, structured_output=True, toolsets=("all",)) as peer:
        result = data(await peer.call("get_config"))
    assert result["title"]
    assert result["facts"]


async def test_run_data_is_answer_status_and_reference(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, structured_output=True) as peer:
        run = data(await peer.call("run_agent", agent_id="echo", message="hello"))
        again = data(await peer.call("get_run", run=run["run"]))
    assert run["answer"] == "echo: hello"
    assert run["status"] == "completed"
    assert run["run"].startswith("agent/echo/")
    assert again["answer"] == "echo: hello"


async def test_run_data_has_text_as_answer_and_an_object_as_data(connect: Connect, media: str) -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    async with connect(media, structured_output=True) as peer:
        run = data(await peer.call("run_agent", agent_id="storyteller", message="tell", output_schema=schema))
    assert run["data"]["title"] == "Anna"
    assert "answer" not in run


async def test_run_schema_has_types_without_unions() -> None:
    assert {name: about["type"] for name, about in RUN_SCHEMA["properties"].items()} == {
        "run": "string",
        "status": "string",
        "answer": "string",
        "data": "object",
        "so_far": "string",
        "facts": "array",
        "text": "string",
    }


async def test_failed_run_data_says_what_failed(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, structured_output=True) as peer:
        result = await peer.call("run_agent", agent_id="broken", message="x")
    assert result.is_error
    assert result.structured_content
    assert result.structured_content["status"] == "error"
    assert "out of tokens" in " ".join(result.structured_content["facts"])


async def test_text_result_is_data_too(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, structured_output=True) as peer:
        run = data(await peer.call("run_agent", agent_id="echo", message="hello"))["run"]
        explained = await peer.call("explain_run", run=run)
        assert data(explained)["text"] == words(explained)


async def test_document_is_the_data_that_its_text_was_composed_of(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, structured_output=True) as peer:
        component = data(await peer.call("get_component", kind="agent", id="echo"))
        assert (component["kind"], component["id"]) == ("agent", "echo")


async def test_document_of_a_search_is_its_passages(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, structured_output=True) as peer:
        result = await peer.call("search_knowledge", query="a giraffe or a penguin", max_results=2)
        items = data(result)["items"]
    assert len(items) == 2
    assert all(item["content"] in words(result) for item in items)
