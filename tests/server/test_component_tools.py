"""`--expose`: a tool for each component, with its own name, description and inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from mcp_types import Tool

from agentos_mcp.agentos.catalog import Component
from agentos_mcp.agentos.inputs.component_inputs import read_component_inputs
from agentos_mcp.demo.host_process import demo_agentos
from agentos_mcp.server.component_tool import _tool as component_tool
from agentos_mcp.server.component_tool import argument_names, free_name
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.mcp_tool import mcp_tool
from agentos_mcp.tooling.tool_spec import write
from tests._support.mcp_client import Connect, Peer

pytestmark = pytest.mark.anyio

ALL = (("agents", ""), ("workflows", ""))


@pytest.fixture(scope="module")
def exposed() -> Iterator[str]:
    with demo_agentos(build="tests._support.agentos.input_shapes:build") as url:
        yield url


async def tools_of(peer: Peer) -> dict[str, Tool]:
    return {tool.name: tool for tool in (await peer.client.list_tools()).tools}


async def test_each_component_has_a_tool_under_its_own_name_with_its_own_description(
    connect: Connect, exposed: str
) -> None:
    async with connect(exposed, tools=("list_agents",), expose=ALL) as peer:
        tools = await tools_of(peer)
    names = ["list_agents", "writer", "cafe", "agent_run_agent", "x" * 40, "plan_trip", "make_trip", "workflow_writer"]
    assert list(tools) == names
    assert tools["plan_trip"].description == "Plans a trip."
    assert tools["make_trip"].description == "Run the workflow make-trip."
    assert tools["plan_trip"].annotations
    assert tools["plan_trip"].annotations.read_only_hint is False


async def test_inputs_are_flat_and_typed(connect: Connect, exposed: str) -> None:
    async with connect(exposed, expose=(("workflows", "plan trip"),)) as peer:
        schema = (await tools_of(peer))["plan_trip"].input_schema
    assert schema == {
        "type": "object",
        "properties": {
            "place": {"type": "object", "description": "Fields: city, country"},
            "days": {"type": "integer", "description": "How long", "minimum": 1, "maximum": 9, "default": 3},
            "pace": {"type": "string", "enum": ["slow", "fast"], "default": "slow"},
            "budget": {"type": "number"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "input_session_id": {"type": "string", "default": "none"},
            "session_id": {"type": "string"},
            "user_id": {"type": "string"},
        },
        "required": ["place"],
    }


@pytest.mark.parametrize(
    ("tool", "arguments", "answer"),
    [
        ("writer", {"message": "hello"}, "echo: hello"),
        (
            "plan_trip",
            {"place": {"city": "Nara"}, "days": 2},
            "planned Trip(place=Place(city='Nara', country='Japan'),",
        ),
        (
            "make_trip",
            {"message": "go", "place": {"city": "Nara"}, "input_session_id": "own"},
            "go with Trip(place=Place(city='Nara', country='Japan'), days=3, pace='slow', budget=None, tags=[], ",
        ),
    ],
)
async def test_inputs_reach_the_component(
    connect: Connect, exposed: str, tool: str, arguments: dict[str, Any], answer: str
) -> None:
    async with connect(exposed, expose=ALL) as peer:
        assert (await peer.text(tool, **arguments)).startswith(answer)


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("plan_trip", {"days": 2}, "'place' is missing. plan_trip takes place (required), days, pace"),
        ("plan_trip", {"place": {"city": "Nara"}, "days": 22}, "days: 22 is greater than the maximum of 9"),
        ("plan_trip", {"place": {}}, "place: 'city' is a required property"),
        ("plan_trip", {"place": {"city": "Nara"}, "message": "x"}, "plan_trip has no argument 'message'"),
        ("make_trip", {"message": "go", "place": {"city": "N"}, "pace": "lazy"}, "'lazy' is not one of"),
        ("writer", {}, "'message' is missing"),
    ],
)
async def test_inputs_that_do_not_fit_are_refused_with_what_does(
    connect: Connect, exposed: str, tool: str, arguments: dict[str, Any], said: str
) -> None:
    async with connect(exposed, expose=ALL) as peer:
        assert said in await peer.error(tool, **arguments)


async def test_a_message_for_an_input_schema_is_checked_in_the_common_tool_too(connect: Connect, exposed: str) -> None:
    async with connect(exposed) as peer:
        refused = await peer.error("run_workflow", workflow_id="plan-trip", message="to Nara")
        assert "The message has to be a JSON object here. It takes place (object, required), days" in refused
        planned = await peer.text("run_workflow", workflow_id="plan-trip", message='{"place": {"city": "Nara"}}')
        assert planned.startswith("planned Trip(")


async def test_a_fixed_user_is_asked_for_by_no_exposed_tool(connect: Connect, exposed: str) -> None:
    async with connect(exposed, expose=ALL, user_id="me") as peer:
        assert "user_id" not in (await tools_of(peer))["writer"].input_schema["properties"]


async def test_read_only_exposes_nothing(connect: Connect, exposed: str) -> None:
    async with connect(exposed, expose=ALL, read_only=True) as peer:
        assert "writer" not in await tools_of(peer)
        assert "Unknown tool: writer" in await peer.error("writer", message="x")


async def test_a_component_that_is_not_there_is_named_to_the_client(connect: Connect, exposed: str) -> None:
    async with connect(exposed, expose=(("agents", "wirter"), ("agents", "writer"))) as peer:
        assert "writer" in await tools_of(peer)
    async with connect(exposed, expose=(("agents", "zzz"),)) as peer:
        assert "Cannot be exposed: No agent 'zzz'." in (peer.client.instructions or "")


def test_names_never_clash_and_never_grow() -> None:
    taken: set[str] = set()
    for number in range(30):
        name = free_name(Component("agent", "a" * 50 + ("!" * number), "A"), taken)
        assert len(name) <= 40
        assert name not in taken
        taken.add(name)
    assert free_name(Component("team", "日本", "Japan"), ()) == "team"


@pytest.mark.parametrize(
    "fields",
    [
        ("message", "input_message"),
        ("input_message", "message", "input_input_message"),
        ("class", "ctx", "session_id", "input_session_id", "model_config", "model_fields", "db_id"),
    ],
)
def test_no_field_of_a_component_is_lost_to_another_or_to_a_name_of_ours(fields: tuple[str, ...]) -> None:
    names = argument_names(fields)
    assert tuple(names.values()) == fields
    page = {"input_schema": {"type": "object", "properties": {field: {"type": "string"} for field in fields}}}
    declared = component_tool("x", Component("agent", "x", "X"), read_component_inputs(page))
    properties = mcp_tool(write(declared), Settings(url="http://127.0.0.1:9")).parameters["properties"]
    assert list(properties) == [*names, "session_id", "user_id"]


def test_components_whose_names_are_all_alike_get_tools_of_their_own() -> None:
    taken: set[str] = set()
    for number in range(300):
        taken.add(free_name(Component("agent", "日" * (number + 1), "Japan"), taken))
    assert len(taken) == 300
