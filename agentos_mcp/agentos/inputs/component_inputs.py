"""What a component takes beside a message: its own fields, flat, whatever its schema looks like."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

from agentos_mcp.agentos.inputs.schema_checks import CannotCheckSchema, check_limits
from agentos_mcp.agentos.inputs.schemas import spelled_out
from agentos_mcp.agentos.json_limits import JsonLimitExceeded, JsonLimits
from agentos_mcp.agentos.json_values import mapping, texts
from agentos_mcp.agentos.plain_text import excerpt
from agentos_mcp.agentos.runs.run import LONGEST_NAME

log = logging.getLogger(__name__)

_SIMPLE = {"string", "integer", "number", "boolean"}
_NUMBERS = ("minimum", "maximum", "minLength", "maxLength")
_MOST_FIELDS = 100
_LONGEST_DESCRIPTION = 500
_LONGEST_CHOICES = 2_000
_LARGEST_DEFAULT = JsonLimits(characters=500, depth=5)


@dataclass(frozen=True)
class ComponentInputs:
    """Fields by name, each a flat JSON schema with one `type`; `required` names those that must be given.

    `go_into` says where AgentOS takes them: a factory's in `factory_input`, beside the message; an
    input schema's in the message itself, as JSON.
    """

    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    go_into: Literal["factory_input", "message", ""] = ""


def read_component_inputs(page: Mapping[str, Any]) -> ComponentInputs:
    """The inputs on a component's own page (`GET /workflows/{workflow_id}`); none where they cannot be shown."""
    for key, go_into in (("factory_input_schema", "factory_input"), ("input_schema", "message")):
        schema = page.get(key)
        if isinstance(schema, Mapping) and isinstance(schema.get("properties"), Mapping):
            try:
                check_limits(schema)
            except CannotCheckSchema as error:
                log.info("The %s of %s is not shown: it %s", key, excerpt(str(page.get("id"))), error.message)
                continue
            spelled = spelled_out(schema)
            described = list(mapping(spelled.get("properties")).items())[:_MOST_FIELDS]
            fields = {name: flat(one) for name, one in described if len(name) <= LONGEST_NAME}
            required = frozenset(name for name in texts(spelled.get("required")) if name in fields)
            return ComponentInputs(fields, required, "factory_input" if go_into == "factory_input" else "message")
    return ComponentInputs()


def flat(schema: object) -> dict[str, Any]:
    """A field's schema with one type and nothing nested: what is more than that is said in its description."""
    if not isinstance(schema, Mapping):
        return {"type": "string"}
    kept = dict(_kept(schema))
    choices = schema.get("enum") or ([schema["const"]] if "const" in schema else None)
    if (
        isinstance(choices, list)
        and all(isinstance(choice, str) for choice in choices)
        and sum(map(len, choices)) <= _LONGEST_CHOICES
    ):
        return {"type": "string", "enum": choices, **kept}
    kind = schema.get("type")
    if kind == "array":
        items = flat(schema.get("items"))
        return {"type": "array", "items": {"type": items["type"]}, **kept}
    if kind == "object":
        inner = schema.get("properties")
        said = (
            f"Fields: {', '.join(map(excerpt, islice(inner, _MOST_FIELDS)))}"
            if isinstance(inner, Mapping) and inner
            else ""
        )
        description = ". ".join(part for part in (kept.get("description", ""), said) if part)[:_LONGEST_DESCRIPTION]
        return {"type": "object", **kept, **({"description": description} if description else {})}
    return {"type": kind if isinstance(kind, str) and kind in _SIMPLE else "string", **kept}


def _kept(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(description := schema.get("description"), str) and description:
        yield "description", excerpt(description, max_length=_LONGEST_DESCRIPTION)
    if (default := schema.get("default")) not in (None, ""):
        with suppress(JsonLimitExceeded):
            _LARGEST_DEFAULT.check(default)
            yield "default", default
    for key in _NUMBERS:
        if isinstance(number := schema.get(key), int | float) and abs(number) < sys.maxsize:
            yield key, number
