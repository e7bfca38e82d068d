"""What a component takes beside a message: its own fields, flat, whatever its schema looks like."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

from agentos_mcp.agentos.hints import Parameter, Surface, hint
from agentos_mcp.agentos.inputs.schema_checks import CannotCheckSchema, check_limits
from agentos_mcp.agentos.inputs.schemas import describe_inputs, expand_references
from agentos_mcp.agentos.json_limits import JsonLimitExceeded, JsonLimits
from agentos_mcp.agentos.json_values import mapping, texts
from agentos_mcp.agentos.plain_text import excerpt
from agentos_mcp.agentos.runs.run import MAX_NAME_LENGTH

log = logging.getLogger(__name__)

_SCALAR_TYPES = {"string", "integer", "number", "boolean"}
_LIMITS = ("minimum", "maximum", "minLength", "maxLength")
_MAX_FIELDS = 100
_MAX_DESCRIPTION_LENGTH = 500
_MAX_CHOICES_LENGTH = 2_000
_DEFAULT_LIMITS = JsonLimits(characters=500, depth=5)


@dataclass(frozen=True)
class ComponentInputs:
    """Fields by name, each a flat JSON schema with one `type`; `required` names those that must be given.

    `go_into` says where AgentOS takes them: a factory's in `factory_input`, beside the message; an
    input schema's in the message itself, as JSON.
    """

    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    go_into: Literal["factory_input", "message", ""] = ""


def read_component_inputs(detail: Mapping[str, Any]) -> ComponentInputs:
    """The inputs on a component's own page (`GET /workflows/{workflow_id}`); none where they cannot be shown."""
    for key, go_into in (("factory_input_schema", "factory_input"), ("input_schema", "message")):
        schema = detail.get(key)
        if isinstance(schema, Mapping) and isinstance(schema.get("properties"), Mapping):
            try:
                check_limits(schema)
            except CannotCheckSchema as error:
                log.info("The %s of %s is not shown: it %s", key, excerpt(str(detail.get("id"))), error.message)
                continue
            expanded = expand_references(schema)
            properties = list(mapping(expanded.get("properties")).items())[:_MAX_FIELDS]
            fields = {
                name: flatten_schema(field_schema) for name, field_schema in properties if len(name) <= MAX_NAME_LENGTH
            }
            required = frozenset(name for name in texts(expanded.get("required")) if name in fields)
            return ComponentInputs(fields, required, "factory_input" if go_into == "factory_input" else "message")
    return ComponentInputs()


_PLACES = {
    "factory_input_schema": hint("Its inputs go into {place}:", place=Parameter("factory_input")),
    "input_schema": hint("Its inputs are the {place}, as a JSON object:", place=Parameter("message")),
}


def input_lines(detail: Mapping[str, Any], surface: Surface) -> list[str]:
    """The inputs on a component's own page for a reader: where they go, then a field a line; [] where it has none."""
    for key, place in _PLACES.items():
        if isinstance(schema := detail.get(key), Mapping):
            return [place.render(surface), describe_inputs(schema, descriptions=True) or "- any object"]
    return []


def flatten_schema(schema: object) -> dict[str, Any]:
    """A field's schema with one type and nothing nested: what is more than that is said in its description."""
    if not isinstance(schema, Mapping):
        return {"type": "string"}
    traits = dict(_simple_traits(schema))
    choices = schema.get("enum") or ([schema["const"]] if "const" in schema else None)
    if (
        isinstance(choices, list)
        and all(isinstance(choice, str) for choice in choices)
        and sum(map(len, choices)) <= _MAX_CHOICES_LENGTH
    ):
        return {"type": "string", "enum": choices, **traits}
    kind = schema.get("type")
    if kind == "array":
        items = flatten_schema(schema.get("items"))
        return {"type": "array", "items": {"type": items["type"]}, **traits}
    if kind == "object":
        inner = schema.get("properties")
        inner_fields = (
            f"Fields: {', '.join(map(excerpt, islice(inner, _MAX_FIELDS)))}"
            if isinstance(inner, Mapping) and inner
            else ""
        )
        description = ". ".join(part for part in (traits.get("description", ""), inner_fields) if part)[
            :_MAX_DESCRIPTION_LENGTH
        ]
        return {"type": "object", **traits, **({"description": description} if description else {})}
    return {"type": kind if isinstance(kind, str) and kind in _SCALAR_TYPES else "string", **traits}


def _simple_traits(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(description := schema.get("description"), str) and description:
        yield "description", excerpt(description, max_length=_MAX_DESCRIPTION_LENGTH)
    if (default := schema.get("default")) not in (None, ""):
        with suppress(JsonLimitExceeded):
            _DEFAULT_LIMITS.check(default)
            yield "default", default
    for key in _LIMITS:
        if isinstance(number := schema.get(key), int | float) and abs(number) < sys.maxsize:
            yield key, number
