"""Reads what a paused run asks as questions, checks the answers, and builds the form that continues the run.

A question's key is derived from what waits: it is the same for everybody who reads the run, and another
one as soon as the run asks anything else. So an old answer never approves something new.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.pauses.answers import (
    DECLINED,
    NOTE,
    PendingRequirement,
    QuestionKind,
    apply_approval,
    continuation_fields,
    fill_answer,
    find_pending,
)
from agentos_mcp.agentos.pauses.question_text import APPROVE, FAILURE, Field, FieldType, Question, build_question, label
from agentos_mcp.agentos.plain_text import as_field, as_json, one_line
from agentos_mcp.agentos.runs.run import RunRef

__all__ = [
    "AnswerProblem",
    "Field",
    "InvalidAnswers",
    "Question",
    "QuestionKind",
    "approval_ids",
    "check_answers",
    "continuation_form",
    "pending_text",
    "questions",
    "rejections",
    "with_question_key",
]

_MAX_KEY_LENGTH = 80
_MAX_PENDING_LENGTH = 240
_YES = frozenset({"yes", "y", "true", "approve", "approved"})
_NO = frozenset({"no", "n", "false", "reject", "rejected", "decline", "declined"})


def questions(
    ref: RunRef, requirements: Sequence[Mapping[str, Any]], choices: Mapping[str, str] | None = None
) -> tuple[Question, ...]:
    """What a paused run asks, by the requirements of the stored run; `choices` describe those of a router by name."""
    return tuple(build_question(ref, pending, choices) for pending in find_pending(ref, _copy(requirements)))


def continuation_form(
    ref: RunRef,
    requirements: Sequence[Mapping[str, Any]],
    answers: Mapping[str, Mapping[str, Any]],
    approvals: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, str]:
    """The form that continues the run: AgentOS's own objects with these checked answers in them.

    `approvals` are AgentOS's own records of what admins decided (`GET /approvals/{id}`), by their ids;
    a run that is continued while one is pending ends in an error.
    Raises InvalidRequest where anything is left open, as AgentOS would reject that silently.
    """
    requirements = _copy(requirements)
    pending_all = find_pending(ref, requirements)
    for pending in pending_all:
        if pending.kind == "failure":
            raise InvalidRequest(*FAILURE)
        if pending.kind == "approval":
            apply_approval(pending, _decided(pending, approvals or {}))
        elif pending.key in answers:
            fill_answer(pending, answers[pending.key])
        else:
            raise InvalidRequest(f"{pending.key} is not answered.", "Answer everything that the run asks at once.")
    return continuation_fields(ref, requirements, pending_all)


def _decided(pending: PendingRequirement, approvals: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    record = approvals.get(pending.approval_id, {})
    if record.get("status") in ("approved", "rejected"):
        return record
    raise InvalidRequest(
        f"{pending.key} waits for an admin's approval ({pending.approval_id or 'its id is unknown'}).",
        "An admin has to resolve it in AgentOS first; then continue the run.",
    )


def approval_ids(ref: RunRef, requirements: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The ids of the admin approvals that a paused run waits for."""
    return tuple(
        pending.approval_id for pending in find_pending(ref, _copy(requirements)) if pending.kind == "approval"
    )


def rejections(questions: Sequence[Question], note: str = "") -> dict[str, dict[str, Any]]:
    """The answers that decline everything that can be declined."""
    note_values = {NOTE: note} if note else {}
    return {
        question.key: {"approve": False, **note_values} if _confirms(question) else {DECLINED: True, **note_values}
        for question in questions
        if question.declinable
    }


def _copy(requirements: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A copy that may be filled in."""
    return [copy.deepcopy(dict(requirement)) for requirement in requirements if isinstance(requirement, Mapping)]


# Answers, checked


@dataclass(frozen=True)
class AnswerProblem:
    """What is wrong with one answer: "deploy-3f2a91 lacks days", of a field: "... days has to be a whole number"."""

    key: str
    text: str
    field: str = ""

    def __str__(self) -> str:
        return f"{self.key} {self.field} {self.text}." if self.field else f"{self.key} {self.text}."


class InvalidAnswers(InvalidRequest):
    """Answers that do not fit the questions. Nothing of them was sent."""

    def __init__(self, problems: Sequence[AnswerProblem]) -> None:
        lines = sorted(map(str, problems))
        super().__init__(
            f"Nothing was sent. {lines[0]}" if len(lines) == 1 else "\n- ".join(["Nothing was sent:", *lines]) + "\n"
        )
        self.problems = tuple(problems)


def check_answers(questions: Sequence[Question], answers: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The answers in full, by key and field name, from short ones such as `true`, "no" or "blue".

    Raises InvalidAnswers with every problem at once, InvalidRequest where the answers are not an object.
    """
    if not isinstance(answers, Mapping):
        raise InvalidRequest("The answers are not an object.", f"Give one value for each of: {_keys(questions)}.")
    answers = {str(key): value for key, value in answers.items()}
    keys = {question.key for question in questions}
    problems = [_unknown_key(key, questions) for key in sorted(answers.keys() - keys)]
    checked: dict[str, dict[str, Any]] = {}
    for question in questions:
        value = answers.get(question.key)
        if not question.fields:
            if value is not None:
                reason = "an admin has to approve it" if question.kind == "approval" else str(question.how).rstrip(".")
                problems.append(AnswerProblem(question.key, f"can't be answered here: {reason}"))
        elif value is None:
            problems.append(AnswerProblem(question.key, f"is not answered: {question.how}"))
        else:
            checked[question.key] = _AnswerCheck(question, problems).check(value)
    if problems:
        raise InvalidAnswers(problems)
    return checked


def with_question_key(questions: Sequence[Question], answers: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answers, those to the run's only question under its key where they are a bare yes or no.

    `{"approve": true}` and `{"declined": true, "note": "..."}` are one where exactly one thing waits, and that for a
    yes or no alone. Anything else stays as it is.
    """
    if len(questions) != 1 or not answers or not answers.keys() <= _BARE_FIELDS or answers.keys() == {NOTE}:
        return answers
    (question,) = questions
    if question.kind != "confirmation" or {field.name for field in question.fields} != {APPROVE.name, NOTE}:
        return answers
    return {question.key: dict(answers)}


_BARE_FIELDS = frozenset({APPROVE.name, DECLINED, NOTE})


def pending_text(ref: RunRef, requirements: Sequence[Mapping[str, Any]]) -> str:
    """What a paused run waits for on one line, by the keys of its questions; for an admin, by the approval's id."""
    pending_all = find_pending(ref, _copy(requirements))
    return one_line("; ".join(_waits_for(ref, pending) for pending in pending_all), max_length=_MAX_PENDING_LENGTH)


def _waits_for(ref: RunRef, pending: PendingRequirement) -> str:
    question = build_question(ref, pending)
    if pending.kind != "approval":
        return f"{question.key}: {question.title} {question.details}"
    arguments, _, _ = question.details.rpartition("\n")
    return f"an admin, approval {as_field(pending.approval_id)}: {question.title} {arguments}"


def _unknown_key(key: str, questions: Sequence[Question]) -> AnswerProblem:
    name = key[:_MAX_KEY_LENGTH].rpartition("-")[0]
    current = [question.key for question in questions if question.key.rpartition("-")[0] == name]
    if name and current:
        text = f"is of an earlier pause; the run now asks: {', '.join(current)}"
        return AnswerProblem(key[:_MAX_KEY_LENGTH], text)
    return AnswerProblem(repr(key[:_MAX_KEY_LENGTH]), f"is not asked; the run asks {_keys(questions)}")


def _keys(questions: Sequence[Question]) -> str:
    return ", ".join(question.key for question in questions if question.fields) or "nothing that can be answered here"


def _confirms(question: Question) -> bool:
    return APPROVE in question.fields


_INVALID = object()


@dataclass(frozen=True)
class _AnswerCheck:
    """Checks one answer, and adds what is wrong with it to `problems`."""

    question: Question
    problems: list[AnswerProblem]

    def check(self, value: Any) -> dict[str, Any]:
        fields = {field.name: field for field in self.question.fields}
        answer = self._named(value)
        if answer is None:
            return {}
        if "approve" in answer and "approve" not in fields and _truth(answer["approve"]) is not None:
            # A confirmation's own way to decline is taken everywhere.
            answer.setdefault(DECLINED, not _truth(answer.pop("approve")))
        if DECLINED in answer and self._declined(answer):
            return self._refusal(answer)
        values: dict[str, Any] = {}
        for name, content in answer.items():
            if name == DECLINED:
                continue
            if name not in fields:
                self._problem(f"has no {name[:80]!r}; it takes {', '.join(fields)}")
            elif content is not None and (checked := self._value(fields[name], content)) is not _INVALID:
                values[name] = checked
        return self._complete(values, answer)

    def _named(self, value: Any) -> dict[str, Any] | None:
        """The answer as field -> value: a bare one belongs to `approve`, or to the only field."""
        fields = self.question.fields
        if isinstance(value, Mapping):
            return {str(name): content for name, content in value.items()}
        if value is False and not self._takes_bare_false():
            return {DECLINED: True}
        if _confirms(self.question):
            return {"approve": value}
        if len(fields) == 1:
            return {fields[0].name: value}
        self._problem(f"takes {', '.join(field.name for field in fields)}: {self.question.how}")
        return None

    def _takes_bare_false(self) -> bool:
        """Whether a bare `false` is an answer, which makes it no decline."""
        only_field = self.question.fields[0] if len(self.question.fields) == 1 else None
        is_value = only_field is not None and (only_field.type == "boolean" or self.question.kind == "external")
        return is_value or _confirms(self.question)

    def _declined(self, answer: Mapping[str, Any]) -> bool:
        is_declined = _truth(answer[DECLINED])
        if is_declined is None:
            self._problem("has to be true or false", DECLINED)
        elif is_declined and not self.question.declinable:
            self._problem("can't be declined; answer it, or cancel the run")
        return bool(is_declined)

    def _refusal(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        for name in answer.keys() - {DECLINED, NOTE, "approve"}:
            self._problem(f"is declined and has {name[:80]!r}: one or the other")
        if _confirms(self.question) and _truth(answer.get("approve")):
            self._problem("is declined and approved at once")
        note_values = {NOTE: str(answer[NOTE])} if answer.get(NOTE) else {}
        return {"approve": False, **note_values} if _confirms(self.question) else {DECLINED: True, **note_values}

    def _complete(self, values: dict[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
        if values.get("edited_output"):
            if values.get("approve") is False:
                self._problem("is declined and has an edited output: one or the other")
            values.setdefault("approve", True)
        if values.get("approve") is False and _confirms(self.question):
            if not self.question.declinable:
                self._problem("can't be declined; approve it, or cancel the run")
            return values
        for field in self.question.fields:
            if field.required and field.name not in values and answer.get(field.name) is None:
                self._problem(f"lacks {field.name}")
            elif field.default is not None:
                values.setdefault(field.name, field.default)
        return values

    def _value(self, field: Field, value: Any) -> Any:
        """The value as the field's type, or _INVALID."""
        if field.multiple:
            items = list(value) if isinstance(value, list | tuple) else [value]
            chosen = [self._single(field, pending) for pending in items]
            if not chosen:
                self._problem(f"needs at least one of {', '.join(field.choices)}", field.name)
            return _INVALID if _INVALID in chosen or not chosen else list(dict.fromkeys(chosen))
        if isinstance(value, list) and len(value) == 1 and field.choices:
            value = value[0]
        return self._single(field, value)

    def _single(self, field: Field, value: Any) -> Any:
        is_free_text = self.question.kind == "external"
        if field.choices and isinstance(value, str) and value not in field.choices:
            # A form shows a choice on one line, without control characters.
            line = one_line(value).casefold()
            matching = [choice for choice in field.choices if one_line(choice).casefold() == line]
            value = matching[0] if len(matching) == 1 else value
        checked = _structured(field, value) if field.structure else _typed(field.type, value)
        if is_free_text and checked is None:
            checked = as_json(value)
        if checked is None:
            self._problem(
                f"has to be {_TYPE_NAMES[field.structure or field.type]}, not {as_json(value)[:80]}", field.name
            )
            return _INVALID
        if field.choices and label(checked) not in field.choices:
            self._problem(f"is one of {', '.join(field.choices)}, not {as_json(value)[:80]}", field.name)
            return _INVALID
        if checked == "" and field.required and not is_free_text:
            self._problem("is empty", field.name)
            return _INVALID
        return checked

    def _problem(self, text: str, field: str = "") -> None:
        self.problems.append(AnswerProblem(self.question.key, text, field))


_TYPE_NAMES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "list": "a list",
    "dict": "an object",
}


def _typed(kind: FieldType, value: Any) -> Any:
    """The value as that type; None where it does not have it."""
    match kind:
        case "boolean":
            return _truth(value)
        case "string":
            number = isinstance(value, int | float) and not isinstance(value, bool)
            return value if isinstance(value, str) else str(value) if number else None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if kind == "number":
        return value
    return int(value) if value == int(value) else None


def _structured(field: Field, value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, list if field.structure == "list" else dict) else None


def _truth(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    word = value.strip().casefold() if isinstance(value, str) else ""
    return True if word in _YES else False if word in _NO else None
