"""Checks of schemas: what they cost, what they refuse, and that nothing makes them fail in any other way."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.inputs import schema_checks
from agentos_mcp.agentos.inputs.component_inputs import read_component_inputs
from agentos_mcp.agentos.inputs.schema_checks import (
    CannotCheckSchema,
    InvalidSchema,
    check_limits,
    check_schema,
    expanded_nodes,
    value_problems,
)
from agentos_mcp.agentos.inputs.schemas import (
    answer_problems,
    check_input,
    describe_inputs,
    expand_references,
    output_schema_fields,
)

pytestmark = pytest.mark.anyio

KEYWORDS = (
    *("type", "properties", "items", "required", "enum", "const", "default", "anyOf", "allOf", "oneOf", "not", "if"),
    *("then", "else", "$ref", "$defs", "definitions", "$id", "id", "$schema", "$anchor", "$dynamicRef", "contains"),
    *("additionalProperties", "propertyNames", "dependentSchemas", "prefixItems", "minimum", "maximum", "minLength"),
    *("multipleOf", "maxItems", "title", "description", "examples", "format", "a", "b"),
)
TYPES = ("object", "string", "integer", "array", "null", "json_schema", "json_object", "nonsense")
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**4200)
    | st.floats()
    | st.sampled_from((*TYPES, "#", "#/$defs/a", "#/properties/a", "http://127.0.0.1:9/x", "file:///etc/passwd", "#a"))
    | st.text(max_size=8)
)
NAMES = st.sampled_from(KEYWORDS) | st.text(max_size=3)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=30,
)
SCHEMAS = st.dictionaries(st.sampled_from(KEYWORDS), VALUES, max_size=8)


@contextmanager
def nothing_reached(paths: tuple[str, ...]) -> Iterator[None]:
    """Fails where a file of `paths` is opened, or anything is connected to, while it is open."""
    reached: list[object] = []
    _watching.append((reached, paths))
    try:
        yield
    finally:
        _watching.clear()
    assert reached == []


_watching: list[tuple[list[object], tuple[str, ...]]] = []


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    for reached, paths in _watching:
        if event in {"socket.connect", "socket.getaddrinfo", "urllib.Request"}:
            reached.append((event, arguments))
        if event == "open" and str(arguments[0]) in paths:
            reached.append((event, arguments))


sys.addaudithook(_audit)


@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef", "$recursiveRef"])
async def test_remote_reference_is_not_followed(keyword: str, tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    file.write_text('{"type": "string"}', encoding="utf-8")
    with nothing_reached((str(file),)):
        for reference in (file.as_uri(), "http://127.0.0.1:9/x", "s.json", "//127.0.0.1/x", ""):
            schema: dict[str, Any] = {"properties": {"a": {keyword: reference}}}
            with pytest.raises(CannotCheckSchema, match="only references within it"):
                await value_problems(schema, {"a": 1})
            with pytest.raises(CannotCheckSchema, match="only references within it"):
                check_limits({"properties": {"a": {"default": [schema]}}})


def test_registry_retrieves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    file.write_text('{"type": "string"}', encoding="utf-8")
    with nothing_reached((str(file),)):
        for reference in (file.as_uri(), "http://127.0.0.1:9/x"):
            with pytest.raises(CannotCheckSchema, match="cannot be checked"):
                schema_checks.find_problems({"properties": {"a": {"$ref": reference}}}, {"a": 1})


async def test_local_references_are_followed() -> None:
    schema = {"properties": {"a": {"$ref": "#/$defs/A%20b~1c"}}, "$defs": {"A b/c": {"type": "string"}}}
    assert await value_problems(schema, {"a": 1}) == ["a: 1 is not of type 'string'"]


async def test_pattern_is_checked_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = {"properties": {"a": {"pattern": "^[a-z]+$"}}}
    checked_here: list[object] = []
    monkeypatch.setattr(schema_checks, "find_problems", lambda *arguments: checked_here.append(arguments))
    assert await value_problems(schema, {"a": "A"}) == ["a: 'A' does not match '^[a-z]+$'"]
    assert checked_here == []


@pytest.mark.waits
async def test_check_that_takes_too_long_is_ended() -> None:
    with pytest.raises(CannotCheckSchema, match="takes too long to check"):
        await value_problems({"properties": {"a": {"pattern": "^(a+)+$"}}}, {"a": "a" * 50 + "!"})


async def test_check_that_waits_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_checks, "TIMEOUT_SECONDS", 0.01)
    with pytest.raises(CannotCheckSchema, match="takes too long to check"):
        await check_schema({"properties": {"a": {"pattern": "a"}}})


async def test_check_process_tells_an_invalid_schema_from_an_unchecked_one() -> None:
    with pytest.raises(InvalidSchema, match=r"not a valid JSON schema: properties\.a\.pattern: '\(' is not a 'regex'"):
        await check_schema({"properties": {"a": {"pattern": "("}}})
    with pytest.raises(CannotCheckSchema, match=r"cannot be checked \(RecursionError\)"):
        await value_problems({"$ref": "#"}, {"a": 1})


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"a": "x" * 100_001}, "is larger than 100,000 characters"),
        ({"a": 10**4200}, "holds a number of more than 4,000 digits"),
        ({"a": float("inf")}, "cannot be written as JSON"),
    ],
)
async def test_schema_beyond_the_limits_is_not_checked(schema: dict[str, Any], reason: str) -> None:
    with pytest.raises(CannotCheckSchema, match=reason):
        await check_schema(schema)


async def test_value_beyond_the_limits_is_not_checked() -> None:
    with pytest.raises(CannotCheckSchema, match="a value that is larger than 1,000,000 characters"):
        await value_problems({}, {"a": "x" * 1_000_000})
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    with pytest.raises(CannotCheckSchema, match="a value that is nested deeper than 100 levels"):
        await value_problems({}, {"a": deep})


@pytest.mark.parametrize(
    ("schema", "nodes"),
    [
        ({"type": "object"}, 2),
        ({"$schema": "x", "properties": {"a": {"type": "string"}}}, 5),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}}, 7),
    ],
)
def test_schema_size_counts_referenced_schemas(schema: dict[str, Any], nodes: int) -> None:
    assert expanded_nodes(schema) == nodes


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"pattern": "a"}}},
        {"$ref": "#"},
        {"$ref": "#name"},
        {"$ref": "#/nowhere"},
        {"$ref": "#/$defs/A", "$defs": {"A": {"items": {"$ref": "#/$defs/A"}}}},
        {"items": {"$schema": "http://json-schema.org/draft-04/schema#"}},
        {"$id": "http://example.com/x"},
    ],
)
def test_schema_size_is_infinite_where_the_cost_is_unknown(schema: dict[str, Any]) -> None:
    assert expanded_nodes(schema) == float("inf")


def test_describe_inputs_of_a_hostile_schema_is_short() -> None:
    schema = {
        "properties": {"x\n" * 5_000: {"enum": ["y" * 5_000] * 500}, "n": {"default": 10**4200, "minimum": 10**4200}},
        "required": 5,
    }
    assert len(describe_inputs(schema)) < 3_000
    assert all(line.startswith("- ") for line in describe_inputs(schema).splitlines())


@pytest.fixture
def quick_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would go to a process is left out: it is the same check, and a process for each example takes minutes."""

    async def left_out(schema: Mapping[str, Any], value: Mapping[str, Any] | None) -> list[str]:
        raise CannotCheckSchema("takes too long to check")

    monkeypatch.setattr(schema_checks, "find_problems_in_process", left_out)


@pytest.mark.usefixtures("quick_processes")
@given(schema=SCHEMAS, value=st.dictionaries(st.sampled_from(("a", "b")), VALUES, max_size=3))
@example(schema={"type": []}, value={})
@example(schema={"type": {}}, value={})
@example(schema={"properties": {"$ref": "#/$defs/a"}, "$defs": {"a": {"properties": 5}}}, value={})
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_any_schema_is_checked_or_refused_with_our_errors(schema: dict[str, Any], value: dict[str, Any]) -> None:
    message: list[str] = []
    with nothing_reached(("/etc/passwd",)):
        for check in (
            output_schema_fields(schema),
            output_schema_fields({"type": "json_schema", "json_schema": {"schema": schema}}),
            check_input(schema, value, "input"),
            answer_problems(schema, value),
        ):
            try:
                await check
            except AgentOSError as error:
                message.append(str(error))
        assert max(map(len, message), default=0) < 5_000
        for key in ("input_schema", "factory_input_schema"):
            for field in read_component_inputs({key: schema}).fields.values():
                assert isinstance(field["type"], str)
        assert len(describe_inputs(schema)) < 3_000


@given(schema=SCHEMAS)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_schema_within_the_limits_is_expanded(schema: dict[str, Any]) -> None:
    try:
        check_limits(schema)
    except CannotCheckSchema:
        return
    assert isinstance(expand_references(schema), dict)


@given(schema=SCHEMAS, value=st.dictionaries(st.sampled_from(("a", "b")), VALUES, max_size=3))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_check_process_fails_with_our_errors_alone(schema: dict[str, Any], value: dict[str, Any]) -> None:
    with nothing_reached(("/etc/passwd",)):
        try:
            schema_checks.find_problems(schema, value)
        except CannotCheckSchema:
            return
