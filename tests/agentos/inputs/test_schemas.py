"""Schemas: of answers, of a factory's inputs, and what a factory's refusals say."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import anyio
import pytest

from agentos_mcp.agentos.catalog import Catalog
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, Forbidden, InvalidRequest, ServerFailure
from agentos_mcp.agentos.http_errors import error_for_response
from agentos_mcp.agentos.inputs.schemas import answer_problems, check_input, input_error, output_schema_fields

pytestmark = pytest.mark.anyio

STORY: dict[str, Any] = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "pages": {"type": "integer"}},
    "required": ["title", "pages"],
}
WRAPPED = {"type": "json_schema", "json_schema": {"name": "Story", "schema": STORY}}


@pytest.fixture
async def client(media: str) -> AsyncIterator[AgentOS]:
    with anyio.fail_after(30):
        async with AgentOS(media) as agent_os:
            yield agent_os


async def told(client: AgentOS, fields: Mapping[str, str], message: str = "a story") -> Any:
    form = {"message": message, "stream": "false", **fields}
    return (await client.request("POST", "/agents/storyteller/runs", form=form))["content"]


class TestOutputSchema:
    @pytest.mark.parametrize("schema", [STORY, WRAPPED, {"type": "json_object"}], ids=["plain", "wrapped", "any JSON"])
    async def test_output_schema_makes_the_answer_data(self, client: AgentOS, schema: dict[str, Any]) -> None:
        answer = await told(client, await output_schema_fields(schema))
        assert answer == {"title": "Anna", "pages": 3}
        assert await answer_problems(schema, answer) == []

    async def test_references_and_nullable_types_are_expanded(self, client: AgentOS) -> None:
        schema = {
            "type": "object",
            "properties": {
                "title": {"$ref": "#/$defs/Title", "description": "its name"},
                "pages": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            },
            "required": ["title"],
            "$defs": {"Title": {"type": "string"}},
        }
        fields = await output_schema_fields(schema)
        assert json.loads(fields["output_schema"]) == {
            "type": "object",
            "properties": {"title": {"type": "string", "description": "its name"}, "pages": {"type": "integer"}},
            "required": ["title"],
        }
        assert await told(client, fields) == {"title": "Anna", "pages": 3}

    async def test_recursive_schema_expands_to_a_finite_one(self) -> None:
        node: dict[str, Any] = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
        schema = {"type": "object", "properties": {"first": {"$ref": "#/$defs/Node"}}, "$defs": {"Node": node}}
        sent = json.loads((await output_schema_fields(schema))["output_schema"])
        assert sent["properties"]["first"]["properties"]["next"] == {"$ref": "#/$defs/Node"}
        assert "$defs" in sent

    async def test_doubling_references_expand_to_a_small_schema(self) -> None:
        doubled = {
            f"D{level}": {
                "type": "object",
                "properties": {side: {"$ref": f"#/$defs/D{level + 1}"} for side in ("left", "right")},
            }
            for level in range(40)
        }
        schema = {"type": "object", "properties": {"top": {"$ref": "#/$defs/D0"}}, "$defs": doubled}
        assert len((await output_schema_fields(schema))["output_schema"]) < 200_000

    @pytest.mark.parametrize(
        ("schema", "reason"),
        [
            ({"type": "array", "items": {}}, 'root is not "type": "object"'),
            ({"properties": {"a": {}}}, 'root is not "type": "object"'),
            ({"type": "object"}, "no properties"),
            (
                {"type": "object", "properties": {"a": {"type": "strin"}}},
                r"not a valid JSON schema: properties\.a\.type",
            ),
            ({"type": "object", "properties": {"_a": {"type": "string"}}}, "starts with '_': _a"),
            ({"type": "object", "properties": {"a": {"default": float("nan")}}}, "cannot be written as JSON"),
            ({"type": "json_schema", "schema": STORY}, "no json_schema.schema"),
            ({"type": "json_schema", "json_schema": {"schema": {"type": "array"}}}, "root is not"),
        ],
    )
    async def test_output_schema_that_cannot_work_is_refused_before_sending(
        self, schema: dict[str, Any], reason: str
    ) -> None:
        with pytest.raises(InvalidRequest, match=reason):
            await output_schema_fields(schema)

    async def test_answer_that_is_not_data_is_a_problem_though_agentos_completes_it(self, client: AgentOS) -> None:
        answer = await told(client, await output_schema_fields(STORY), "badly")
        assert await answer_problems(STORY, answer) == ["the answer is not a JSON object"]

    async def test_answer_is_checked_where_agentos_does_not(self) -> None:
        schema = {"type": "object", "properties": {"mood": {"enum": ["sad", "glad"]}}}
        assert await answer_problems(schema, {"mood": "odd"}) == ["mood: 'odd' is not one of ['sad', 'glad']"]
        assert await answer_problems(WRAPPED, {"title": "x"}) == ["'pages' is a required property"]


class TestFactoryInput:
    async def schema(self, client: AgentOS) -> Mapping[str, Any]:
        detail = await Catalog(client).detail("workflow", "trip")
        schema: Mapping[str, Any] = detail["factory_input_schema"]
        return schema

    async def test_check_input_names_every_problem_and_what_is_allowed(self, client: AgentOS) -> None:
        with pytest.raises(InvalidRequest) as refusal:
            await check_input(await self.schema(client), {"city": "A", "days": "x", "pase": "fast"}, "factory_input")
        message = str(refusal.value)
        assert "city: 'A' is too short" in message
        assert "days: 'x' is not of type 'integer'" in message
        assert "pase: there is no such input" in message
        assert (
            "\n- city (string, required)\n- days (integer, 1 to 9, default 1)\n- pace (slow | fast, default" in message
        )

    async def test_check_input_names_a_missing_input(self, client: AgentOS) -> None:
        with pytest.raises(InvalidRequest, match="'city' is a required property"):
            await check_input(await self.schema(client), {}, "factory_input")

    async def test_check_input_accepts_a_valid_value(self, client: AgentOS) -> None:
        await check_input(await self.schema(client), {"city": "Rome", "days": 2}, "factory_input")

    async def test_check_input_accepts_additional_properties_where_allowed(self) -> None:
        await check_input({"type": "object", "properties": {}, "additionalProperties": True}, {"a": 1}, "input")
        await check_input({"type": "object"}, {"a": 1}, "input")

    @pytest.mark.parametrize("schema", [{"type": "strin"}, {"$ref": "#/nowhere"}, {"$ref": "https://x.example/s"}])
    async def test_check_input_leaves_an_unchecked_schema_to_agentos(self, schema: dict[str, Any]) -> None:
        await check_input(schema, {"a": 1}, "factory_input")

    async def test_check_input_cuts_many_problems(self) -> None:
        schema = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(20)}}
        with pytest.raises(InvalidRequest, match="and 12 more"):
            await check_input(schema, {f"p{n}": n for n in range(20)}, "input")


async def refused(client: AgentOS, factory_input: str) -> AgentOSError:
    form = {"message": "go", "stream": "true", "background": "true", "factory_input": factory_input}
    with pytest.raises(AgentOSError) as refusal:
        await client.request("POST", "/workflows/trip/runs", form=form)
    return input_error(refusal.value)


def answer_error(status: int, detail: str) -> AgentOSError:
    """The error for AgentOS's answer with this detail."""
    return error_for_response(
        "POST",
        "/workflows/my factory/runs",
        status=status,
        headers={},
        body=json.dumps({"detail": detail}).encode(),
        url="here",
        with_token=False,
    )


class TestFactoryErrors:
    async def test_input_error_has_one_line_for_each_problem(self, client: AgentOS) -> None:
        error = await refused(client, '{"city": "A", "days": "x"}')
        assert isinstance(error, InvalidRequest)
        assert error.status == 400
        assert error.message == (
            "factory_input validation failed: city: String should have at least 2 characters; "
            "days: Input should be a valid integer, unable to parse string as an integer."
        )
        assert "get_component" in str(error.hint)

    async def test_input_error_of_a_missing_input_is_one_line(self, client: AgentOS) -> None:
        assert (await refused(client, "{}")).message == "factory_input validation failed: city: Field required."

    async def test_input_error_of_a_non_object_keeps_agentos_words(self, client: AgentOS) -> None:
        assert (await refused(client, "[1]")).message == "factory_input must be a JSON object, got list."

    async def test_input_error_of_a_factory_refusal_does_not_blame_the_token(self, client: AgentOS) -> None:
        error = await refused(client, '{"city": "Atlantis"}')
        assert isinstance(error, Forbidden)
        assert error.message == "The factory does not allow this: nobody may travel to Atlantis."

    async def test_input_error_of_a_failing_factory_says_so(self, client: AgentOS) -> None:
        error = await refused(client, '{"city": "Nowhere"}')
        assert isinstance(error, ServerFailure)
        assert error.message == "The factory failed: the map has no Nowhere."

    @pytest.mark.parametrize(
        "error",
        [
            answer_error(404, "Workflow not found"),
            answer_error(403, "Insufficient permissions. Required scope(s): agents:run"),
            answer_error(422, "message: Field required"),
            answer_error(500, "no"),
        ],
    )
    def test_input_error_keeps_other_errors(self, error: AgentOSError) -> None:
        assert input_error(error) is error

    def test_input_error_of_a_cut_refusal_keeps_the_complete_problems(self) -> None:
        cut = answer_error(
            400,
            "factory_input validation failed: 2 validation errors for Trip "
            "city Field required [type=missing, input_value={'x': [1]}, input_type=dict] "
            "For further information visit https://errors.pydantic.dev/2.14/v/missing days Input should be…",
        )
        assert input_error(cut).message == "factory_input validation failed: city: Field required; …"

    def test_input_error_of_the_whole_input_has_no_location(self) -> None:
        whole = answer_error(
            400,
            "factory_input validation failed: 1 validation error for Trip "
            "Value error, too far away [type=value_error, input_value={'city': 'X'}, input_type=dict] "
            "For further information visit https://errors.pydantic.dev/2.14/v/value_error",
        )
        assert input_error(whole).message == "factory_input validation failed: Value error, too far away."
