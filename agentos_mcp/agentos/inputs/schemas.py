"""JSON schemas of a run's answer (`output_schema`) and of a component's inputs, and the errors about them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import islice
from typing import Any

from agentos_mcp.agentos.agentos_messages import (
    factory_failure,
    is_factory_input_error,
    is_input_schema_error,
    is_missing_scope,
    summarize_validation_errors,
)
from agentos_mcp.agentos.errors import AgentOSError, Forbidden, InvalidRequest, ServerFailure
from agentos_mcp.agentos.hints import Action, Parameter, hint
from agentos_mcp.agentos.inputs.schema_checks import (
    CannotCheckSchema,
    InvalidSchema,
    check_limits,
    check_schema,
    value_problems,
)
from agentos_mcp.agentos.json_limits import JsonLimitExceeded, JsonLimits
from agentos_mcp.agentos.plain_text import as_name, excerpt, shorten

log = logging.getLogger(__name__)

_MAX_PROBLEMS = 8
_MAX_EXPANDED = 10_000
"""References to references grow without end: beyond so many parts they stay references."""
_CHARACTERS_PER_PART = 16
_MAX_REFERENCE_DEPTH = 50
_MAX_FIELDS = 100
_MAX_INNER_FIELDS = 12
_MAX_INPUTS_LENGTH = 2_000
"""Characters of what a schema allows."""
_EXAMPLE = 'Give {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}.'
_SIMPLER = "Give a smaller, simpler one, without patterns and with references within it alone (#/$defs/...)."


# The answer's schema


async def output_schema_fields(schema: Mapping[str, Any]) -> dict[str, str]:
    """The form fields that ask an agent or a team for an answer of this shape.

    A plain schema, an object at its root, works with every model. `{"type": "json_schema", ...}` and
    `{"type": "json_object"}` go to the model's provider as they are. Raises InvalidRequest for a
    schema that AgentOS refuses, that it takes and then answers with nothing, or that cannot be checked.
    """
    try:
        check_limits(schema)
    except CannotCheckSchema as error:
        raise InvalidRequest(f"The output_schema {error.message}.", _SIMPLER) from None
    if schema.get("type") in ("json_schema", "json_object"):
        if schema["type"] == "json_schema":
            await _check_output_schema(_wrapped(schema))
        return {"output_schema": json.dumps(schema), "use_json_schema": "true"}
    await _check_output_schema(schema)
    if not schema.get("properties"):
        raise InvalidRequest("The output_schema has no properties, so the answer would be empty.", _EXAMPLE)
    if private_names := sorted(name for name in _property_names(schema) if name.startswith("_")):
        names = excerpt(", ".join(private_names[:_MAX_PROBLEMS]))
        raise InvalidRequest(f"AgentOS's answer is empty where a property starts with '_': {names}.", "Rename them.")
    return {"output_schema": json.dumps(expand_references(schema))}


async def answer_problems(schema: Mapping[str, Any], answer: object) -> list[str]:
    """What is wrong with an answer, by the schema that was asked for; AgentOS itself completes such a run.

    Raises CannotCheckSchema where that cannot be found out, or not in time.
    """
    if not isinstance(answer, Mapping):
        return ["the answer is not a JSON object"]
    if schema.get("type") == "json_object":
        return []
    return await value_problems(_wrapped(schema) if schema.get("type") == "json_schema" else schema, answer)


def _wrapped(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    wrapper = schema.get("json_schema")
    inner = wrapper.get("schema") if isinstance(wrapper, Mapping) else None
    if not isinstance(inner, Mapping):
        raise InvalidRequest(
            "The output_schema has no json_schema.schema.",
            'Give {"type": "json_schema", "json_schema": {"name": "Story", "schema": {"type": "object", ...}}}.',
        )
    return inner


async def _check_output_schema(schema: Mapping[str, Any]) -> None:
    if schema.get("type") != "object":
        raise InvalidRequest('The output_schema\'s root is not "type": "object".', _EXAMPLE)
    try:
        await check_schema(schema)
    except InvalidSchema as error:
        raise InvalidRequest(f"The output_schema {error.message}.", _EXAMPLE) from None
    except CannotCheckSchema as error:
        raise InvalidRequest(f"The output_schema {error.message}.", _SIMPLER) from None


def _property_names(schema: object) -> Iterable[str]:
    if isinstance(schema, Mapping):
        if isinstance(properties := schema.get("properties"), Mapping):
            yield from properties
        for inner in schema.values():
            yield from _property_names(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _property_names(inner)


def expand_references(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without references and without "or null", which AgentOS would turn into "anything".

    For schemas within `check_limits`: what it makes of one is bounded, its work too.
    """
    definitions = {
        f"#/{key}/{name}": definition
        for key in ("$defs", "definitions")
        if isinstance(schema.get(key), Mapping)
        for name, definition in schema[key].items()
        if isinstance(definition, Mapping)
    }

    remaining = _MAX_EXPANDED

    def expand(value: Any, expanding: frozenset[str], depth: int) -> Any:
        nonlocal remaining
        remaining -= 1 + (len(value) // _CHARACTERS_PER_PART if isinstance(value, str) else 0)
        if isinstance(value, list):
            return [expand(inner, expanding, depth + 1) for inner in value]
        if not isinstance(value, Mapping):
            return value
        reference = value.get("$ref")
        if (
            isinstance(reference, str)
            and reference in definitions
            and reference not in expanding
            and remaining > 0
            and depth < _MAX_REFERENCE_DEPTH
        ):
            return {**expand(definitions[reference], expanding | {reference}, depth + 1), **_without(value, "$ref")}
        choices = value.get("anyOf")
        if isinstance(choices, list) and len(choices) == 2 and {"type": "null"} in choices:
            choice = choices[0] if choices[1] == {"type": "null"} else choices[1]
            if isinstance(choice, Mapping):
                return expand({**choice, **_without(value, "anyOf")}, expanding, depth + 1)
        remaining -= sum(map(len, value)) // _CHARACTERS_PER_PART
        return {key: expand(inner, expanding, depth + 1) for key, inner in value.items()}

    expanded: dict[str, Any] = expand(schema, frozenset(), 0)
    return expanded if "$ref" in json.dumps(expanded.get("properties")) else _without(expanded, "$defs", "definitions")


def _without(schema: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in keys}


# A factory's inputs


async def check_input(schema: Mapping[str, Any], value: Mapping[str, Any], name: str) -> None:
    """Raise InvalidRequest with every problem of `value`, which `name` names ("factory_input"), and what is allowed.

    AgentOS ignores inputs that it does not know; here they are refused, as they are mostly misspelled.
    A schema that cannot be checked leaves the rest to AgentOS.
    """
    if problems := await input_problems(schema, value, name):
        more = f" (and {len(problems) - _MAX_PROBLEMS} more)" if len(problems) > _MAX_PROBLEMS else ""
        accepted = describe_inputs(schema)
        raise InvalidRequest(
            f"The {name} does not fit: {'; '.join(problems[:_MAX_PROBLEMS])}{more}.",
            f"It takes\n{accepted}" if accepted else "",
        )


async def input_problems(schema: Mapping[str, Any], value: Mapping[str, Any], name: str = "input") -> list[str]:
    """What is wrong with a component's inputs, by their schema; nothing where that cannot be checked."""
    properties = schema.get("properties")
    try:
        problems = await value_problems(schema, value)
    except CannotCheckSchema as error:
        log.info("The %s is left to AgentOS: its schema %s", name, error.message)
        problems = []
    if isinstance(properties, Mapping) and "additionalProperties" not in schema and "patternProperties" not in schema:
        problems += [f"{excerpt(key)}: there is no such input" for key in value if key not in properties]
    return problems


def describe_inputs(schema: Mapping[str, Any], *, descriptions: bool = False) -> str:
    """A field a line, the required ones first; '' for a schema without fields.

    - city (string, required)
    - place (object, required) with name (string, required), country (string, default "Japan")
    """
    lines: list[str] = []
    length = 0
    for name, field, required in _fields_of(schema):
        line = f"- {as_name(name)} ({', '.join(_traits(field, schema, required=required))})"
        inner = ", ".join(
            f"{as_name(inner_name)} ({', '.join(_traits(inner_field, schema, required=inner_required))})"
            for inner_name, inner_field, inner_required in _fields_of(_resolved(field, schema))[:_MAX_INNER_FIELDS]
        )
        line += f" with {inner}" if inner else ""
        if descriptions and isinstance(field, Mapping) and isinstance(field.get("description"), str):
            line += f": {excerpt(field['description'], max_length=120)}"
        length += len(line) + 1
        if length > _MAX_INPUTS_LENGTH:
            lines.append(shorten(line, max(1, _MAX_INPUTS_LENGTH - length + len(line))) if not lines else "- …")
            break
        lines.append(line)
    return "\n".join(lines)


def _fields_of(schema: object) -> list[tuple[str, object, bool]]:
    """The fields of an object's schema: name, schema, whether it is required; the required ones first."""
    if not isinstance(schema, Mapping) or not isinstance(properties := schema.get("properties"), Mapping):
        return []
    required, names = schema.get("required"), list(islice(properties, _MAX_FIELDS))
    required = required if isinstance(required, list) else []
    return sorted(((name, properties[name], name in required) for name in names), key=lambda field: not field[2])


def _resolved(field: object, schema: Mapping[str, Any]) -> object:
    """A field's schema, where it is a reference the one that it names."""
    if isinstance(field, Mapping) and isinstance(field.get("$ref"), str):
        definitions = schema.get("$defs")
        name = field["$ref"].rpartition("/")[2]
        return definitions.get(name, field) if isinstance(definitions, Mapping) else field
    return field


def _traits(schema_: object, schema: Mapping[str, Any], *, required: bool) -> Iterable[str]:
    schema_ = _resolved(schema_, schema)
    if isinstance(schema_, Mapping):
        choices = schema_.get("anyOf")
        if isinstance(schema_.get("enum"), list):
            yield excerpt(
                " | ".join(_summarize(choice) for choice in schema_["enum"][:_MAX_CHOICES]),
                max_length=_MAX_CHOICES_LENGTH,
            )
        else:
            kinds = schema_.get("type") or [
                choice.get("type", "object")
                for choice in (choices if isinstance(choices, list) else ())
                if isinstance(choice, Mapping)
            ]
            listed = kinds[:_MAX_CHOICES] if isinstance(kinds, list) else [kinds]
            yield excerpt(" | ".join(map(_summarize, listed)), max_length=_MAX_CHOICES_LENGTH) or "anything"
        low, high = (
            _summarize(schema_[key]) if isinstance(schema_.get(key), int | float) else ""
            for key in ("minimum", "maximum")
        )
        if low or high:
            yield f"{low} to {high}" if low and high else f"from {low}" if low else f"up to {high}"
        if schema_.get("default") is not None:
            yield f"default {_summarize(schema_['default'], partial(json.dumps, ensure_ascii=False))}"
    if required:
        yield "required"


_MAX_CHOICES = 20
_MAX_CHOICES_LENGTH = 300


_QUOTE_LIMITS = JsonLimits(characters=1_000, depth=10)


def _summarize(value: object, serialize: Callable[[object], str] = str) -> str:
    try:
        _QUOTE_LIMITS.check(value)
    except JsonLimitExceeded:
        return excerpt(value) if isinstance(value, str) else "…"
    return excerpt(serialize(value))


def input_error(error: AgentOSError) -> AgentOSError:
    """The refusal (400, 403) or failure (500) of a factory or an input schema in plain words; others as they are."""
    if isinstance(error, InvalidRequest) and is_input_schema_error(error.detail):
        return InvalidRequest(summarize_validation_errors(f"{error.detail.rstrip('.')}."), _MESSAGE_FIELDS, status=400)
    if isinstance(error, InvalidRequest) and is_factory_input_error(error.detail):
        return InvalidRequest(
            summarize_validation_errors(f"{error.detail.rstrip('.')}."), _FACTORY_FIELDS, status=error.status
        )
    if isinstance(error, Forbidden) and not is_missing_scope(error.detail):
        return Forbidden(
            f"The factory does not allow this: {error.detail.rstrip('.') or 'forbidden'}.",
            "Send another request, or as another user.",
            status=403,
        )
    if isinstance(error, ServerFailure) and (reason := factory_failure(error.detail)) is not None:
        return ServerFailure(
            f"The factory failed: {reason or 'it gave no reason'}.",
            hint(
                "Check {factory_input} against {fields}; if it is right, the factory's code is wrong.",
                factory_input=Parameter("factory_input"),
                fields=Action.of("get_component"),
                otherwise="If its input is right, the factory's code is wrong.",
            ),
            status=error.status,
        )
    return error


_MESSAGE_FIELDS = hint(
    "Its message has to be a JSON object: {fields} shows the fields.",
    fields=Action.of("get_component"),
    otherwise="Its message has to be a JSON object.",
)
_FACTORY_FIELDS = hint(
    "{fields} shows what {factory_input} takes.",
    fields=Action.of("get_component"),
    factory_input=Parameter("factory_input"),
)
