"""Arguments of any length: refused before anything is looked up, never quoted, and nobody waits for it."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import PromptReference, ResourceTemplateReference

from agentos_mcp.agentos.catalog import Component, Inventory, match_component
from agentos_mcp.agentos.errors import NotFound
from agentos_mcp.agentos.similar_names import most_similar, similarity
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.argument_limits import (
    JSON_LIMITS,
    MAX_NAME_LENGTH,
    MAX_PATH_LENGTH,
    MAX_TEXT_LENGTH,
    ArgumentLimits,
)
from agentos_mcp.tooling.mcp_tool import mcp_tool
from agentos_mcp.tooling.tool_spec import ToolSpec
from agentos_mcp.tools import TOOLSETS
from tests._support.http_answers import http_json
from tests._support.mcp_client import Connect, words
from tests._support.ping_meter import LONGEST_WAIT, ping_meter, ping_of
from tests._support.process_clients import http_server, over_http
from tests._support.scripted_agentos import scripted_agentos

pytestmark = pytest.mark.anyio

LONG = "a" * 3_900_000
"""Below what one HTTP request may hold."""
MANY = 5_000
DECLARED = [tool for toolset in TOOLSETS for tool in toolset.tools]
ALL = ("all",)


def crowded() -> Any:
    """What an AgentOS with thousands of components says of itself: long ids and names that are much like each other."""
    agents = [{"id": f"{'ba' * 150}{n}", "name": f"{'ab' * 150} {n}", "description": "d" * 300} for n in range(MANY)]
    return http_json({"os_id": "crowded", "agents": agents})


@pytest.fixture(scope="module")
async def crowd() -> AsyncIterator[str]:
    """The address of our server, in front of an AgentOS with thousands of components."""
    async with scripted_agentos({"/config": crowded()}) as agentos, http_server(agentos.url) as address:
        yield address


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("run_agent", {"agent_id": LONG, "message": "x"}),
        ("run_agent", {"agent_id": "ab" * 100, "message": "x"}),
        ("run_agent", {"agent_id": "ba" * 90 + "!", "message": "x"}),
        ("run_agent", {"agent_id": "x", "message": "y", "session_state": {"a": [LONG]}}),
        ("run_agent", {"agent_id": "x", "message": "y", "files": [1] * 500_000}),
        ("run_agent", {"agent_id": "x", "message": "y", "files": "[" + "1," * 500_000 + "1]"}),
        ("get_run", {"run": "agent/" + "/" * 3_000_000}),
        (LONG, {}),
        ("run_agent", {LONG: "x"}),
    ],
    ids=["id", "much like others", "like others", "object", "list", "list as text", "reference", "tool", "argument"],
)
async def test_long_argument_keeps_no_other_caller_waiting(crowd: str, tool: str, arguments: dict[str, Any]) -> None:
    async with over_http("legacy", crowd) as other, over_http("legacy", crowd) as attacker:
        await ping_of(other)()
        await attacker.call("run_agent", agent_id="warm", message="x")
        async with ping_meter(ping_of(other)) as meter:
            result = await attacker.call(tool, **arguments)
    assert meter.longest < LONGEST_WAIT
    assert result.is_error
    assert len(words(result)) < 8_000


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: declared.name)
def test_tool_limits_every_text_argument(declared: ToolSpec) -> None:
    limits = ArgumentLimits.of(inspect.signature(declared.fn, eval_str=True)).texts
    ids = {name for name in limits if name == "id" or name.endswith("_id") or name in {"name", "status"}}
    longer = {"get_trace": {"id"}, "update_knowledge": {"name"}}.get(declared.name, set())
    assert {limits[name] for name in ids - longer} <= {MAX_NAME_LENGTH}


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: declared.name)
def test_tool_reports_only_one_invalid_entry_of_a_list(declared: ToolSpec) -> None:
    tool = mcp_tool(declared, Settings(url="http://127.0.0.1:9"))
    for name, schema in tool.parameters["properties"].items():
        if schema.get("type") == "array":
            with pytest.raises(ValueError, match=f"1 validation error|{name}") as refusal:
                tool.fn_metadata.validate_arguments({name: [1, 2, 3]})
            assert str(refusal.value).count("valid string") == 1


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("run_agent", {"agent_id": "a" * 201, "message": "x"}, "'agent_id' has 201 characters, but at most 200 are"),
        (
            "run_agent",
            {"agent_id": "echo", "message": "m" * (MAX_TEXT_LENGTH + 1)},
            "'message' has 1,000,001 characters",
        ),
        (
            "run_agent",
            {"agent_id": "echo", "message": "x", "metadata": {"a": "x" * JSON_LIMITS.characters}},
            "is larger than",
        ),
        ("run_agent", {"agent_id": "echo", "message": "x", "metadata": '{"a": NaN}'}, "cannot be written as JSON"),
        ("run_agent", {"agent_id": "echo", "message": "x", "files": ["a"] * 1_001}, "'files' has 1,001 entries"),
        ("get_run", {"run": "r" * (MAX_PATH_LENGTH + 1)}, "'run' has 4,001 characters"),
        ("list_sessions", {"user_id": "u" * 201}, "'user_id' has 201 characters"),
        ("list_memories", {"topics": ["t" * 201]}, "'topics' has 201 characters"),
        ("x" * 300, {}, "Unknown tool: " + "x" * 79 + "…."),
        ("list_agents", {"y" * 300: 1}, "list_agents has no argument '" + "y" * 79 + "…'."),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
async def test_argument_over_its_limit_is_refused_without_being_quoted(
    connect: Connect, era: str, sample_agentos: str, tool: str, arguments: dict[str, Any], message: str
) -> None:
    async with connect(sample_agentos, toolsets=ALL) as peer:
        refusal = await peer.error(tool, **arguments)
    assert message in refusal
    assert len(refusal) < 1_500


async def test_argument_within_its_limit_is_accepted(connect: Connect, era: str, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        answer = await peer.text("run_agent", agent_id="echo", message="m" * 100_000)
    assert answer.startswith("echo: mmm")


async def test_long_uri_prompt_or_completion_is_refused_without_being_quoted(
    connect: Connect, era: str, sample_agentos: str
) -> None:
    async with connect(sample_agentos) as peer:
        for uri in (f"agentos://agents/{'a' * MAX_PATH_LENGTH}", f"other://{'a' * MAX_PATH_LENGTH}"):
            with pytest.raises(MCPError) as refusal:
                await peer.client.read_resource(uri)
            assert len(refusal.value.message) < 500
        for name, arguments in (
            ("p" * 300, {}),
            ("echo", {"message": "m" * (MAX_TEXT_LENGTH + 1)}),
            ("echo", {"z" * 300: "x"}),
        ):
            with pytest.raises(MCPError) as refusal:
                await peer.client.get_prompt(name, arguments)
            assert len(refusal.value.message) < 500
        template = ResourceTemplateReference(uri="agentos://agents/{agent_id}")
        result = await peer.client.complete(template, {"name": "agent_id", "value": "e" * (MAX_PATH_LENGTH + 1)})
        assert result.completion.values == []
        for ref, value in ((PromptReference(name="p" * 5_000), {}), (template, {"kind": "k" * 5_000})):
            with pytest.raises(MCPError) as refusal:
                await peer.client.complete(ref, {"name": "agent_id", "value": "e"}, value)
            assert len(refusal.value.message) < 500


def test_component_is_found_among_thousands_of_similar_ones() -> None:
    components = tuple(Component("agent", f"{'ba' * 150}{n}", f"{'ab' * 150} {n}") for n in range(500))
    contents = Inventory("", "", "", (*components, Component("agent", "content-writer", "Writer")), (), ())
    assert match_component("agent", "contnet-writer", contents).id == "content-writer"
    with pytest.raises(NotFound) as refusal:
        match_component("agent", "ba" * 100, contents)
    assert len(str(refusal.value)) < 8_000


def test_similarity_compares_a_limited_number_of_names() -> None:
    assert len(similarity("abc", (f"abc{n}" for n in range(1_000)))) == 100
    assert most_similar("list_agnets", ["list_agents", "list_teams"]) == "list_agents"
    assert most_similar("zzz", ["list_agents"]) == ""
    assert most_similar("a", []) == ""
