"""What a component takes beside a message: its own fields, flat, whatever its schema looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

from agentos_mcp.agentos.documents import rough_size
from agentos_mcp.agentos.run import LONGEST_NAME, shortened
from agentos_mcp.agentos.schemas import spelled_out

_SIMPLE = {"string", "integer", "number", "boolean"}
_KEPT = ("description", "default", "minimum", "maximum", "minLength", "maxLength")
_MOST_FIELDS = 100
_LONGEST_WORDS = 1_000
_LARGEST_CHOICES = 10_000


@dataclass(frozen=True)
class Inputs:
    """Fields by name, each a flat JSON schema with one `type`; `required` names those that must be given.

    `go_into` says where AgentOS takes them: a factory's in `factory_input`, beside the message; an
    input schema's in the message itself, as JSON.
    """

    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    go_into: Literal["factory_input", "message", ""] = ""


def inputs_of(page: Mapping[str, Any]) -> Inputs:
    """The inputs on a component's own page (`GET /workflows/{workflow_id}`)."""
    for key, go_into in (("factory_input_schema", "factory_input"), ("input_schema", "message")):
        schema = page.get(key)
        if isinstance(schema, Mapping) and isinstance(schema.get("properties"), Mapping):
            spelled = spelled_out(schema)
            properties = islice(spelled["properties"].items(), _MOST_FIELDS)
            fields = {str(name): flat(one) for name, one in properties if len(str(name)) <= LONGEST_NAME}
            required = frozenset(name for name in spelled.get("required") or () if name in fields)
            return Inputs(fields, required, "factory_input" if go_into == "factory_input" else "message")
    return Inputs()


def flat(schema: object) -> dict[str, Any]:
    """A field's schema with one type and nothing nested: what is more than that is said in its description."""
    if not isinstance(schema, Mapping):
        return {"type": "string"}
    kept = {key: schema[key] for key in _KEPT if schema.get(key) not in (None, "")}
    if "description" in kept:
        kept["description"] = shortened(str(kept["description"]), _LONGEST_WORDS)
    if rough_size(kept.get("default"), most=_LONGEST_WORDS) > _LONGEST_WORDS:
        del kept["default"]
    choices = schema.get("enum") or ([schema["const"]] if "const" in schema else None)
    few = rough_size(choices, most=_LARGEST_CHOICES) <= _LARGEST_CHOICES
    if isinstance(choices, list) and few and all(isinstance(choice, str) for choice in choices):
        return {"type": "string", "enum": choices, **kept}
    kind = schema.get("type")
    if kind == "array":
        items = flat(schema.get("items"))
        return {"type": "array", "items": {"type": items["type"]}, **kept}
    if kind == "object":
        inner = schema.get("properties")
        said = (
            shortened(f"Fields: {', '.join(islice(inner, _MOST_FIELDS))}", _LONGEST_WORDS)
            if isinstance(inner, Mapping) and inner
            else ""
        )
        description = ". ".join(part for part in (str(kept.get("description", "")), said) if part)
        return {"type": "object", **kept, **({"description": description} if description else {})}
    return {"type": kind if isinstance(kind, str) and kind in _SIMPLE else "string", **kept}
