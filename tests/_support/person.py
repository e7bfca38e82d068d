"""A person who answers forms: what an MCP client's elicitation brings back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mcp_types import ElicitRequestFormParams, ElicitResult

from agentos_mcp.agentos.pauses.requirements import Field, Question

Decision = Literal["approve", "reject", "decline", "cancel"]


@dataclass
class Person:
    """Decides everything alike, and remembers what was asked."""

    decision: Decision
    asked: list[str] = field(default_factory=list)

    async def __call__(self, context: object, params: Any) -> ElicitResult:
        assert isinstance(params, ElicitRequestFormParams)
        self.asked.append(params.message)
        if self.decision in {"decline", "cancel"}:
            return ElicitResult(action="decline" if self.decision == "decline" else "cancel")
        schema: Mapping[str, Any] = params.requested_schema
        assert set(schema) == {"type", "properties", "required"}
        yes = self.decision == "approve"
        if not yes and "approve" not in schema["properties"]:
            return ElicitResult(action="decline")
        content = {
            name: _value(name, schema["properties"][name], yes)
            for name in (*schema["required"], *(["note"] if not yes and "note" in schema["properties"] else []))
        }
        return ElicitResult(action="accept", content=content)


def _value(name: str, about: Mapping[str, Any], yes: bool) -> Any:
    if name == "approve":
        return yes
    if name == "note":
        return "not today"
    if about["type"] == "array":
        return [about["items"]["enum"][0]]
    if "enum" in about:
        return about["enum"][0]
    return {"integer": 2, "number": 0.5, "boolean": True}.get(about["type"], "words")


def answers(questions: Sequence[Question], decision: Literal["approve", "reject"]) -> dict[str, Any]:
    """The same decisions as `continue_run` takes them."""
    yes = decision == "approve"
    return {question.key: _answer(question, yes) for question in questions if question.fields}


def _answer(question: Question, yes: bool) -> Any:
    if not yes:
        return {"declined": True, "note": "not today"}
    values = {one.name: _of(one) for one in question.fields if one.required}
    return True if values == {"approve": True} else values


def _of(one: Field) -> Any:
    if one.name == "approve":
        return True
    if one.choices:
        return [one.choices[0]] if one.multiple else one.choices[0]
    return {"integer": 2, "number": 0.5, "boolean": True}.get(one.type, "words")


def _confirms(question: Question) -> bool:
    return any(one.name == "approve" for one in question.fields)
