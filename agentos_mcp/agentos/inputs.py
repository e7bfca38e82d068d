"""What a component takes beside a message: its own fields, flat, whatever its schema looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from agentos_mcp.agentos.json_values import texts
from agentos_mcp.agentos.pages import record_of
from agentos_mcp.agentos.schemas import spelled_out

_SIMPLE = {"string", "integer", "number", "boolean"}
_KEPT = ("description", "default", "minimum", "maximum", "minLength", "maxLength")


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
            fields = {name: flat(one) for name, one in record_of(spelled.get("properties")).items()}
            required = frozenset(name for name in texts(spelled.get("required")) if name in fields)
            return Inputs(fields, required, "factory_input" if go_into == "factory_input" else "message")
    return Inputs()


def flat(schema: object) -> dict[str, Any]:
    """A field's schema with one type and nothing nested: what is more than that is said in its description."""
    if not isinstance(schema, Mapping):
        return {"type": "string"}
    kept = {key: schema[key] for key in _KEPT if schema.get(key) not in (None, "")}
    choices = schema.get("enum") or ([schema["const"]] if "const" in schema else None)
    if isinstance(choices, list) and all(isinstance(choice, str) for choice in choices):
        return {"type": "string", "enum": choices, **kept}
    kind = schema.get("type")
    if kind == "array":
        items = flat(schema.get("items"))
        return {"type": "array", "items": {"type": items["type"]}, **kept}
    if kind == "object":
        inner = schema.get("properties")
        said = f"Fields: {', '.join(inner)}" if isinstance(inner, Mapping) and inner else ""
        description = ". ".join(part for part in (str(kept.get("description", "")), said) if part)
        return {"type": "object", **kept, **({"description": description} if description else {})}
    return {"type": kind if isinstance(kind, str) and kind in _SIMPLE else "string", **kept}
