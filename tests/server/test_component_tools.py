"""`--expose`: a tool for each component, with its own name, description and inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from mcp_types import Tool

from agentos_mcp.agentos.catalog import Component
from agentos_mcp.agentos.inputs.component_inputs import read_component_inputs
from agentos_mcp.server.component_tools import argument_names, build_tool_function, free_name
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.mcp_tool import mcp_tool
from agentos_mcp.tooling.tool_spec import write
from tests._support.mcp_client import Connect, Peer
from tests._support.running_agentos import running_agentos

pytestmark = pytest.mark.anyio

ALL = (("agents", ""), ("workflows", ""))


@pytest.fixture(scope="module")
def input_shapes() -> Iterator[str]:
    with running_agentos(build="tests._support.agentos.input_shapes:build") as url:
        yield url


async def tools_of(peer: Peer) -> dict[str, Tool]:
    return {tool.name: tool for tool in (await peer.client.list_tools()).tools}


async def test_component_tool_has_the_name_and_description_of_its_component(
    connect: Connect, input_shapes: str
) -> None:
    async with connect(input_shapes, tools=("list_agents",), expose=ALL) as peer:
        tools = await tools_of(peer)
    names = ["list_agents", "writer", "cafe", "agent_run_agent", "x" * 40, "plan_trip", "make_trip", "workflow_writer"]
    assert list(tools) == names
    assert tools["plan_trip"].description == "Plans a trip."
    assert tools["make_trip"].description == "Run the workflow make-trip."
    assert tools["plan_trip"].annotations
    assert tools["plan_trip"].annotations.read_only_hint is False


async def test_component_tool_inputs_are_flat_and_typed(connect: Connect, input_shapes: str) -> None:
    async with connect(input_shapes, expose=(("workflows", "plan trip"),)) as peer:
        schema = (await tools_of(peer))["plan_trip"].input_schema
    assert schema == {
        "type": "object",
        "properties": {
            "place": {"type": "object", "description": "Fields: city, country"},
            "days": {"type": "integer", "description": "How long", "maximum": 9, "default": 3},
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
async def test_component_tool_inputs_reach_the_component(
    connect: Connect, input_shapes: str, tool: str, arguments: dict[str, Any], answer: str
) -> None:
    async with connect(input_shapes, expose=ALL) as peer:
        assert (await peer.text(tool, **arguments)).startswith(answer)


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("plan_trip", {"days": 2}, "'place' is missing. plan_trip takes place (required), days, pace"),
        ("plan_trip", {"place": {"city": "Nara"}, "days": 22}, "days: 22 is greater than the maximum of 9"),
        ("plan_trip", {"place": {}}, "place: 'city' is a required property"),
        ("plan_trip", {"place": {"city": "Nara"}, "message": "x"}, "plan_trip has no argument 'message'"),
        ("make_trip", {"message": "go", "place": {"city": "N"}, "pace": "lazy"}, "'lazy' is not one of"),
        ("writer", {}, "'message' is missing"),
    ],
)
async def test_component_tool_refuses_invalid_inputs_with_what_is_valid(
    connect: Connect, input_shapes: str, tool: str, arguments: dict[str, Any], message: str
) -> None:
    async with connect(input_shapes, expose=ALL) as peer:
        assert message in await peer.error(tool, **arguments)


async def test_run_workflow_checks_a_message_against_the_input_schema_too(connect: Connect, input_shapes: str) -> None:
    async with connect(input_shapes) as peer:
        refused = await peer.error("run_workflow", workflow_id="plan-trip", message="to Nara")
        assert refused.startswith(
            "The workflow 'plan-trip' takes its message as a JSON object. Give message with\n- place"
        )
        planned = await peer.text("run_workflow", workflow_id="plan-trip", message='{"place": {"city": "Nara"}}')
        assert planned.startswith("planned Trip(")


async def test_component_tool_has_no_user_id_where_the_user_is_fixed(connect: Connect, input_shapes: str) -> None:
    async with connect(input_shapes, expose=ALL, user_id="me") as peer:
        assert "user_id" not in (await tools_of(peer))["writer"].input_schema["properties"]


async def test_read_only_server_exposes_no_component(connect: Connect, input_shapes: str) -> None:
    async with connect(input_shapes, expose=ALL, read_only=True) as peer:
        assert "writer" not in await tools_of(peer)
        assert "Unknown tool: writer" in await peer.error("writer", message="x")


async def test_missing_component_is_named_in_the_instructions(connect: Connect, input_shapes: str) -> None:
    async with connect(input_shapes, expose=(("agents", "wirter"), ("agents", "writer"))) as peer:
        assert "writer" in await tools_of(peer)
    async with connect(input_shapes, expose=(("agents", "zzz"),)) as peer:
        assert "Cannot be exposed: No agent 'zzz'." in (peer.client.instructions or "")


def test_tool_names_are_unique_and_bounded() -> None:
    taken_names: set[str] = set()
    for number in range(30):
        name = free_name(Component("agent", "a" * 50 + ("!" * number), "A"), taken_names)
        assert len(name) <= 40
        assert name not in taken_names
        taken_names.add(name)
    assert free_name(Component("team", "日本", "Japan"), ()) == "team"


@pytest.mark.parametrize(
    "fields",
    [
        ("message", "input_message"),
        ("input_message", "message", "input_input_message"),
        ("class", "ctx", "session_id", "input_session_id", "model_config", "model_fields", "db_id"),
    ],
)
def test_component_field_with_a_reserved_name_keeps_an_argument_of_its_own(fields: tuple[str, ...]) -> None:
    names = argument_names(fields)
    assert tuple(names.values()) == fields
    page = {"input_schema": {"type": "object", "properties": {field: {"type": "string"} for field in fields}}}
    function = build_tool_function("x", Component("agent", "x", "X"), read_component_inputs(page))
    properties = mcp_tool(write(function), Settings(url="http://127.0.0.1:9")).parameters["properties"]
    assert list(properties) == [*names, "session_id", "user_id"]


def test_components_without_ascii_names_get_tools_of_their_own() -> None:
    taken_names: set[str] = set()
    for number in range(300):
        taken_names.add(free_name(Component("agent", "日" * (number + 1), "Japan"), taken_names))
    assert len(taken_names) == 300
