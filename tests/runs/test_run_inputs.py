"""Inputs of factories and input schemas: what is told of them, and which ways of giving them are taken."""

from __future__ import annotations

import pytest
from mcp_types import TextContent

from tests._support.agentos_pool import AgentOSPool
from tests._support.mcp_client import Connect

pytestmark = pytest.mark.anyio
ONE_ERA = True

FIELDS = """
- place (object, required) with city (string, required), country (string, default "Japan")
- days (integer, 1 to 9, default 3)
- pace (slow | fast, default "slow")
- budget (number | null)
- tags (array, default [])
- session_id (string, default "none")"""
FIELDS_TOLD = FIELDS.replace("default 3)", "default 3): How long")
KYOTO = '{"place": {"city": "Kyoto"}, "days": 2}'


@pytest.fixture(scope="module")
def input_shapes(agentoses: AgentOSPool) -> str:
    return agentoses.url("input_shapes")


async def test_factory_refuses_a_bare_message_with_the_fields_and_where_they_go(
    connect: Connect, input_shapes: str
) -> None:
    async with connect(input_shapes) as peer:
        error = await peer.error("run_workflow", workflow_id="make-trip", message="to Kyoto")
    assert error == (
        f"The workflow 'make-trip' needs inputs beside the message: place. Give factory_input with{FIELDS}"
    )


async def test_input_schema_refuses_a_bare_message_with_the_fields_and_where_they_go(
    connect: Connect, input_shapes: str
) -> None:
    async with connect(input_shapes) as peer:
        error = await peer.error("run_workflow", workflow_id="plan-trip", message="to Kyoto")
    assert error == (f"The workflow 'plan-trip' takes its message as a JSON object. Give message with{FIELDS}")


async def test_get_component_tells_the_fields_and_where_they_go(connect: Connect, input_shapes: str) -> None:
    async with connect(input_shapes) as peer:
        made = await peer.text("get_component", kind="workflow", id="make-trip")
        planned = await peer.text("get_component", kind="workflow", id="plan-trip")
    assert f"Its inputs go into factory_input:{FIELDS_TOLD}" in made
    assert f"Its inputs are the message, as a JSON object:{FIELDS_TOLD}" in planned


async def test_factory_with_complete_inputs_needs_no_message(connect: Connect, input_shapes: str) -> None:
    async with connect(input_shapes) as peer:
        text = await peer.text(
            "run_workflow", workflow_id="make-trip", message="", factory_input={"place": {"city": "Kyoto"}}
        )
    assert text.startswith('{"place": {"city": "Kyoto"}} with Trip(place=Place(city=\'Kyoto\'')


async def test_factory_takes_its_inputs_as_a_json_message(connect: Connect, input_shapes: str) -> None:
    async with connect(input_shapes) as peer:
        text = await peer.text("run_workflow", workflow_id="make-trip", message=KYOTO)
        error = await peer.error("run_workflow", workflow_id="make-trip", message='{"place": {"city": 1}, "d": 2}')
    assert "with Trip(place=Place(city='Kyoto', country='Japan'), days=2" in text
    assert error.startswith("The factory_input does not fit: place.city: 1 is not of type 'string'; d: there is no")
    assert error.endswith(f"It takes{FIELDS}")


async def test_input_schema_takes_its_inputs_as_factory_input(connect: Connect, input_shapes: str) -> None:
    inputs = {"place": {"city": "Kyoto"}}
    async with connect(input_shapes) as peer:
        text = await peer.text("run_workflow", workflow_id="plan-trip", message=" ", factory_input=inputs)
        error = await peer.error("run_workflow", workflow_id="plan-trip", message="go", factory_input=inputs)
        empty = await peer.error("run_workflow", workflow_id="plan-trip", message="")
    assert text.startswith("planned Trip(place=Place(city='Kyoto'")
    assert error.startswith("The workflow 'plan-trip' has no factory_input: its inputs are the message, as a JSON obj")
    assert empty.startswith("The workflow 'plan-trip' takes its message as a JSON object. Give message with\n- place")


async def test_factory_prompt_tells_its_inputs(connect: Connect, input_shapes: str) -> None:
    async with connect(input_shapes) as peer:
        prompt = await peer.client.get_prompt("make-trip", {"message": "go"})
    content = prompt.messages[0].content
    assert isinstance(content, TextContent)
    assert f"Its inputs go into factory_input:{FIELDS_TOLD}" in content.text
