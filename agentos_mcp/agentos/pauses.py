"""What AgentOS asks when it pauses a run <-> a question for a person and its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agentos_mcp.agentos.run import RunRef

QuestionKind = Literal["confirmation", "input", "feedback", "external", "approval", "route", "review"]


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: Literal["string", "integer", "number", "boolean"]
    description: str = ""
    choices: tuple[str, ...] = ()
    multiple: bool = False
    required: bool = True
    default: Any = None


@dataclass(frozen=True, slots=True)
class Question:
    key: str
    kind: QuestionKind
    title: str
    details: str
    fields: tuple[Field, ...]
    how: str


def questions(ref: RunRef, requirements: Sequence[Mapping[str, Any]]) -> tuple[Question, ...]:
    return ()


def check_answers(questions: Sequence[Question], answers: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {}


def continuation_form(
    ref: RunRef, requirements: Sequence[Mapping[str, Any]], answers: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    return {}


def rejections(questions: Sequence[Question], note: str = "") -> dict[str, dict[str, Any]]:
    return {}
