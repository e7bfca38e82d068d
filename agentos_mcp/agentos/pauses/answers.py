"""Finds what waits in the requirements of a paused run, and writes the answers into them.

AgentOS takes the echo of its requirements as the truth: it calls tools with the arguments that come
back. So what is sent is always what was read, with nothing but the answers filled in.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.json_values import mapping, mutable_objects
from agentos_mcp.agentos.runs.run import RunRef

QuestionKind = Literal["confirmation", "input", "feedback", "external", "approval", "route", "review", "failure"]
Values = Mapping[str, Any]

DECLINED = "declined"
NOTE = "note"
OPEN_INPUT = "input"
"""The field of a step that asks for input without saying which."""

_INPUT_TOOL = "get_user_input"
_KEY_DIGITS = 6


@dataclass(frozen=True)
class PendingRequirement:
    """One thing that a run waits for. `tool` and `step` are AgentOS's own objects, to be filled in place.

    `requirement` is the tool's or the step's requirement; a tool's has the step around it, if any.
    """

    kind: QuestionKind
    key: str
    requirement: dict[str, Any]
    tool: dict[str, Any] | None = None
    step: dict[str, Any] | None = None
    is_team: bool = False
    """Of a team, which merges only an answer's values: only confirmations can be declined."""

    @property
    def schema(self) -> list[dict[str, Any]]:
        """The input that is still open: what AgentOS's model has set already stays its own."""
        if self.tool is None:
            return mutable_objects(self.requirement.get("user_input_schema"))
        return [field for field in mutable_objects(self.tool.get("user_input_schema")) if field.get("value") is None]

    @property
    def feedback_questions(self) -> list[dict[str, Any]]:
        """The feedback questions."""
        return mutable_objects(self.tool.get("user_feedback_schema")) if self.tool is not None else []

    @property
    def confirms(self) -> bool:
        """Whether approving is (a part of) the answer."""
        if self.kind in ("confirmation", "review"):
            return True
        return self.kind == "input" and self.tool is not None and not self.schema

    @property
    def approval_id(self) -> str:
        """The id of the admin approval that it waits for, '' where there is none."""
        return str((self.tool or {}).get("approval_id") or "")

    @property
    def declinable(self) -> bool:
        """Whether AgentOS can continue after a decline."""
        match self.kind:
            case "approval" | "failure":
                return False
            case "input" if self.is_team and self.tool is not None:
                return self.tool.get("tool_name") == _INPUT_TOOL and bool(self.schema)
        return True


def find_pending(ref: RunRef, requirements: Sequence[Mapping[str, Any]]) -> list[PendingRequirement]:
    """What a run waits for, in AgentOS's order. What has been answered before is left out."""
    requirements = mutable_objects(requirements)
    if ref.kind != "workflow":
        return [
            pending
            for requirement in requirements
            for pending in _pending_tool(ref, requirement, is_team=ref.kind == "team")
        ]
    # A workflow's list is its history; only the last entry waits.
    return list(_pending_step(ref, requirements[-1], len(requirements))) if requirements else []


def _pending_step(ref: RunRef, step: dict[str, Any], position: int) -> Iterator[PendingRequirement]:
    if "error_message" in step:
        kind: QuestionKind = "failure"
    elif step.get("requires_executor_input"):
        for requirement in mutable_objects(step.get("executor_requirements")):
            yield from _pending_tool(ref, requirement, step=step, position=position, is_team=False)
        return
    elif step.get("requires_route_selection"):
        kind = "route"
    elif step.get("requires_output_review"):
        kind = "review"
    elif step.get("requires_confirmation"):
        kind = "confirmation"
    else:
        kind = "input"
    output = step.get("step_output")
    yield PendingRequirement(
        kind,
        _key(
            step.get("step_name") or "step",
            (ref, position, step.get("step_id"), step.get("retry_count"), step.get("timeout_at"), output),
        ),
        step,
    )


def _pending_tool(
    ref: RunRef,
    requirement: dict[str, Any],
    *,
    step: dict[str, Any] | None = None,
    position: int = 0,
    is_team: bool,
) -> Iterator[PendingRequirement]:
    tool = requirement.get("tool_execution")
    if not isinstance(tool, dict) or (kind := _tool_kind(requirement, tool)) is None:
        return
    # A model may use the same call id twice; AgentOS's own id of the pause never repeats.
    identity = (
        ref,
        position,
        requirement.get("id"),
        requirement.get("member_run_id"),
        step.get("executor_run_id") if step else None,
        tool.get("tool_call_id"),
        tool.get("tool_name"),
        tool.get("tool_args"),
        tool.get("created_at"),
    )
    yield PendingRequirement(kind, _key(tool.get("tool_name") or "tool", identity), requirement, tool, step, is_team)


def _tool_kind(requirement: Mapping[str, Any], tool: Mapping[str, Any]) -> QuestionKind | None:
    """What a tool waits for; None where that was answered."""
    is_answered = tool.get("answered") is True
    kind: QuestionKind
    if tool.get("user_feedback_schema"):
        kind = "feedback"
        is_answered = is_answered or all(
            pending.get("selected_options") is not None for pending in mutable_objects(tool["user_feedback_schema"])
        )
    elif tool.get("external_execution_required"):
        kind = "external"
        is_answered = tool.get("result") is not None or requirement.get("external_execution_result") is not None
    elif tool.get("requires_user_input"):
        kind = "input"
    elif tool.get("requires_confirmation"):
        kind = "confirmation"
        is_answered = tool.get("confirmed") is not None or requirement.get("confirmation") is not None
    else:
        return None
    if is_answered:
        return None
    return "approval" if tool.get("approval_type") == "required" else kind


def _key(name: object, identity: tuple[object, ...]) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", str(name).lower()).strip("-")[:32].strip("-") or "pause"
    identity_json = json.dumps([str(identity[0]), *identity[1:]], sort_keys=True, default=str)
    return f"{slug}-{hashlib.sha256(identity_json.encode()).hexdigest()[:_KEY_DIGITS]}"


# Names of fields


def input_names(pending: PendingRequirement) -> list[str]:
    """A name for each field of `pending.schema`: AgentOS's own, told apart where they repeat or are ours."""
    reserved = [DECLINED, *(["approve", NOTE] if pending.confirms else [])]
    return _distinct([str(field.get("name") or "value") for field in pending.schema], reserved)


def feedback_names(pending: PendingRequirement) -> list[str]:
    """A short name for each question of `pending.feedback_questions`."""
    headers = [
        re.sub(r"\W+", "_", str(question.get("header") or "").lower()).strip("_")
        for question in pending.feedback_questions
    ]
    return _distinct([header or f"question_{number}" for number, header in enumerate(headers, 1)], [DECLINED, NOTE])


def _distinct(names: list[str], reserved: Sequence[str]) -> list[str]:
    used, distinct_names = set(reserved), []
    next_numbers: dict[str, int] = {}
    for name in names:
        number, candidate = next_numbers.get(name, 2), name
        while candidate in used:
            candidate, number = f"{name}_{number}", number + 1
        next_numbers[name] = number
        used.add(candidate)
        distinct_names.append(candidate)
    return distinct_names


# Answers -> AgentOS's objects


def fill_answer(pending: PendingRequirement, values: Values) -> None:
    """Write a person's answer into AgentOS's objects."""
    if pending.tool is not None:
        _fill_tool(pending, pending.tool, values)
    else:
        _fill_step(pending, pending.requirement, values)


def apply_approval(pending: PendingRequirement, record: Mapping[str, Any]) -> None:
    """Write what an admin decided into AgentOS's objects, by AgentOS's own record of it."""
    tool = pending.tool or {}
    approved = record.get("status") == "approved"
    data = mapping(record.get("resolution_data"))
    refusal = f"An admin has rejected it: {data['note']}" if data.get("note") else "An admin has rejected it."
    if tool.get("requires_confirmation"):
        _confirm(pending, tool, approved, "" if approved else refusal)
    elif not approved:
        _refuse(pending, tool, refusal)
    elif tool.get("external_execution_required"):
        tool["result"] = pending.requirement["external_execution_result"] = data.get("result")
    else:
        values = mapping(data.get("values", data))
        values_by_name = [values.get(str(field.get("name"))) for field in pending.schema]
        _set_values(tool, pending.requirement, pending.schema, values_by_name)


def _fill_tool(pending: PendingRequirement, tool: dict[str, Any], values: Values) -> None:
    requirement, note = pending.requirement, str(values.get(NOTE) or "")
    declined = bool(values.get(DECLINED)) or (pending.confirms and values.get("approve") is not True)
    if pending.kind == "confirmation":
        _confirm(pending, tool, not declined, note)
    elif declined:
        _decline(pending, tool, note)
    elif pending.kind == "external":
        tool["result"] = requirement["external_execution_result"] = values["result"]
    elif pending.kind == "feedback":
        chosen = [values.get(name) or [] for name in feedback_names(pending)]
        _select(tool, requirement, [[labels] if isinstance(labels, str) else list(labels) for labels in chosen])
    else:
        _set_values(tool, requirement, pending.schema, [values.get(name) for name in input_names(pending)])


def _confirm(pending: PendingRequirement, tool: dict[str, Any], approved: bool, note: str) -> None:
    tool["confirmed"] = pending.requirement["confirmation"] = approved
    if note:
        tool["confirmation_note"] = pending.requirement["confirmation_note"] = note


def _decline(pending: PendingRequirement, tool: dict[str, Any], note: str) -> None:
    """Decline what AgentOS knows no decline for."""
    note = f"declined by a person: {note}" if note else "declined by a person"
    if pending.kind == "external":
        tool["result"] = pending.requirement["external_execution_result"] = note
        tool["tool_call_error"] = True
    elif pending.kind == "feedback" and pending.is_team:
        _select(tool, pending.requirement, [[note]] * len(pending.feedback_questions))
    elif pending.is_team and pending.declinable:
        _set_values(tool, pending.requirement, pending.schema, [note] * len(pending.schema))
    else:
        _refuse(pending, tool, note)


def _refuse(pending: PendingRequirement, tool: dict[str, Any], note: str) -> None:
    """Reject a tool as AgentOS does for an admin: as if it had asked for confirmation."""
    if pending.is_team:
        raise InvalidRequest(
            f"{pending.key} can't be declined: AgentOS cannot pass that on to a team.", "Answer it, or cancel the run."
        )
    tool |= {"answered": True, "requires_user_input": False, "external_execution_required": False}
    tool["requires_confirmation"] = True
    _confirm(pending, tool, False, note)


def _set_values(
    tool: dict[str, Any], requirement: dict[str, Any], open_fields: list[dict[str, Any]], values: Sequence[Any]
) -> None:
    values_by_name = {str(field.get("name")): value for field, value in zip(open_fields, values, strict=True)}
    for holder in (tool, requirement):
        for field in mutable_objects(holder.get("user_input_schema")):
            if field.get("value") is None and str(field.get("name")) in values_by_name:
                field["value"] = values_by_name[str(field.get("name"))]
    tool["answered"] = True


def _select(tool: dict[str, Any], requirement: dict[str, Any], chosen: Sequence[list[str]]) -> None:
    for holder in (tool, requirement):
        for question, labels in zip(mutable_objects(holder.get("user_feedback_schema")), chosen, strict=False):
            question["selected_options"] = labels
            for option in mutable_objects(question.get("options")):
                option["selected"] = option.get("label") in labels
    tool["answered"] = True


def _fill_step(pending: PendingRequirement, step: dict[str, Any], values: Values) -> None:
    note = str(values.get(NOTE) or "")
    if note:
        step["rejection_feedback"] = note
    if values.get(DECLINED) or (pending.confirms and values.get("approve") is not True):
        # Where a step asks for more than a yes, this is how it is refused: AgentOS then does what the
        # component says it does after a no.
        step |= {"requires_confirmation": True, "confirmed": False}
        step |= {"requires_user_input": False, "requires_route_selection": False}
        if step.get("on_timeout") == "approve":
            # AgentOS would turn a late no into a yes.
            step["timeout_at"] = None
        return
    if pending.confirms:
        step["confirmed"] = True
    if values.get("edited_output"):
        step["edited_output"] = values["edited_output"]
    if pending.kind == "route":
        choice = values["choice"]
        step["selected_choices"] = [choice] if isinstance(choice, str) else list(choice)
    elif step.get("requires_user_input"):
        step["user_input"] = _step_input(pending, values)


def _step_input(pending: PendingRequirement, values: Values) -> dict[str, Any]:
    if not pending.schema:
        return {OPEN_INPUT: values[OPEN_INPUT]}
    names = zip(pending.schema, input_names(pending), strict=True)
    return {str(field.get("name")): values[name] for field, name in names if values.get(name) is not None}


def continuation_fields(
    ref: RunRef, requirements: Sequence[dict[str, Any]], is_answered: Sequence[PendingRequirement]
) -> dict[str, str]:
    """The form that sends filled requirements back."""
    form = {"session_id": ref.session}
    if ref.kind == "workflow":
        # An edited output of an earlier step would be taken for this one's.
        for earlier in requirements[:-1]:
            earlier.pop("edited_output", None)
        return form | {"step_requirements": json.dumps(list(requirements))}
    if ref.kind == "team":
        return form | {"requirements": json.dumps([pending.requirement for pending in is_answered])}
    return form | {"tools": json.dumps([pending.tool for pending in is_answered])}
