"""What waits -> the question in plain words. Names and contents in it are AgentOS's data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agentos_mcp.agentos.hints import Action, Hint, as_hint, hint
from agentos_mcp.agentos.json_values import number, objects, values
from agentos_mcp.agentos.pauses.answers import (
    DECLINED,
    NOTE,
    OPEN_INPUT,
    PendingRequirement,
    QuestionKind,
    feedback_names,
    input_names,
)
from agentos_mcp.agentos.plain_text import as_field, as_json, as_name, as_value, one_line, quoted_lines
from agentos_mcp.agentos.runs.run import RunRef

FieldType = Literal["string", "integer", "number", "boolean"]


_SHOWN = 6000
_VALUE = 1000
_LINE = 120
"""A text of several lines that is longer is shown with its line ends."""


@dataclass(frozen=True, slots=True)
class Field:
    """One flat value that a person can give."""

    name: str
    type: FieldType
    description: str = ""
    choices: tuple[str, ...] = ()
    multiple: bool = False
    """The value is a list of choices."""
    required: bool = True
    default: Any = None
    structure: Literal["", "list", "dict"] = ""
    """A string that is the JSON of a list or an object; either form is taken."""


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that a paused run asks. Names and contents in it are AgentOS's data."""

    key: str
    """What waits and six digits that mean this pause of it: `deploy-3f2a91`."""
    kind: QuestionKind
    title: str
    """One plain sentence: who waits for what."""
    details: str
    """What has to be seen to decide, in lines; '' if there is nothing."""
    fields: tuple[Field, ...]
    """What can be answered; none where the answer is not ours to give."""
    how: Hint
    """How it is answered, with a tiny example."""
    declinable: bool = True
    """Whether AgentOS goes on after a no; else the run can only be answered or cancelled."""


FAILURE = (
    "A step has failed and waits for a retry or a skip, and AgentOS takes neither over its REST API.",
    "Run the workflow again, or continue this run where it was built.",
)
_STEPS = {"Step": "Step", "Loop": "Loop", "Condition": "Condition", "Router": "Router", "Steps": "The group"}
_AFTER_NO = {
    "skip": "If declined: it is skipped and the run goes on.",
    "cancel": "If declined: the run is cancelled.",
    "else": "If declined: the other branch is taken.",
}
APPROVE = Field("approve", "boolean", "Whether it may go on.")
_NOTE_FIELD = Field(NOTE, "string", "Why, or what should change.", required=False)
_EDITED = Field("edited_output", "string", "The output as it should be, if it is to be changed.", required=False)


def build_question(ref: RunRef, one: PendingRequirement) -> Question:
    title, details = _tool_words(ref, one, one.tool) if one.tool is not None else _step_words(one, one.requirement)
    fields = _fields(one)
    return Question(
        key=one.key,
        kind="confirmation" if one.confirms and one.kind == "input" else one.kind,
        title=title,
        details="\n".join(filter(None, details)),
        fields=fields,
        how=_how(one, fields),
        declinable=one.declinable,
    )


def _tool_words(ref: RunRef, one: PendingRequirement, tool: Mapping[str, Any]) -> tuple[str, list[str]]:
    step = one.step or {}
    who = as_name(one.requirement.get("member_agent_name") or step.get("executor_name") or ref.component)
    where = f" in step {_quoted(step.get('step_name'))}" if step.get("step_name") else ""
    name = as_name(tool.get("tool_name") or "a tool")
    arguments = _arguments(tool.get("tool_args"))
    match one.kind:
        case "feedback":
            return f"{who} asks you to choose{where}.", [line for asked in one.asked for line in _asked(asked)]
        case "external":
            return f"{who} waits{where} for the result of {name}, which is to be done outside of AgentOS.", arguments
        case "approval":
            admin = f"Only an admin can approve it, in AgentOS (approval {_line(one.approval_id or 'without an id')})."
            return f"{who} wants to call {name}{where}, which an admin has to approve.", [*arguments, admin]
        case "input" if name == "get_user_input" and one.schema:
            return f"{who} asks for input{where}.", []
        case "input" if one.schema:
            return f"{who} needs input{where} to call {name}.", arguments
    return f"{who} wants to call {name}{where}.", arguments


def _step_words(one: PendingRequirement, step: Mapping[str, Any]) -> tuple[str, list[str]]:
    kind = str(step.get("step_type") or "Step")
    name = f"{_STEPS.get(kind, 'Step')} {_quoted(step.get('step_name') or 'step')}"
    after = _after_no(step)
    late = _lateness(step)
    output = _content(step.get("step_output"))
    match one.kind:
        case "failure":
            return f"{name} has failed and waits for a retry or a skip.", [_text(step.get("error_message"))]
        case "route":
            return f"{name} waits for a choice of what to do.", [_text(step.get("user_input_message")), after, late]
        case "review" if kind == "Loop":
            message = _text(step.get("output_review_message"))
            effect = "If approved: the loop ends with this output."
            return f"A round of {name[0].lower()}{name[1:]} waits for review.", [message, output, effect, after, late]
        case "review":
            message = _text(step.get("output_review_message"))
            return f"The output of {name[0].lower()}{name[1:]} waits for review.", [message, output, after, late]
        case "confirmation":
            both = " and input" if step.get("requires_user_input") else ""
            message = _text(step.get("confirmation_message"))
            asked = _text(step.get("user_input_message")) if both else ""
            return f"{name} waits for confirmation{both}.", [message, asked, after, late]
    return f"{name} needs input.", [_text(step.get("user_input_message")), after, late]


def _after_no(step: Mapping[str, Any]) -> str:
    what = str(step.get("on_reject"))
    if what == "retry":
        most, done = number(step.get("max_retries")), number(step.get("retry_count"))
        if most and done >= most:
            return "If declined: the run is cancelled, as it has been done again often enough."
        again = {"Loop": "another round is done, with your note", "Router": "you choose again"}
        return f"If declined: {again.get(str(step.get('step_type')), 'it is done again, with your note')}."
    return _AFTER_NO.get(what, "")


def _lateness(step: Mapping[str, Any]) -> str:
    if not step.get("timeout_at"):
        return ""
    footer = {"approve": "it counts as approved", "skip": "it is skipped", "cancel": "the run is cancelled"}
    what = footer.get(str(step.get("on_timeout")), "AgentOS decides by itself")
    return f"After {_line(step['timeout_at'])}, {what} once the run is continued."


def _fields(one: PendingRequirement) -> tuple[Field, ...]:
    match one.kind:
        case "approval" | "failure":
            return ()
        case "external":
            return (Field("result", "string", "What came out of it."),)
        case "feedback":
            asked = zip(one.asked, feedback_names(one), strict=True)
            return tuple(_choosing(name, question) for question, name in asked)
        case "route":
            choices = tuple(map(str, values(one.requirement.get("available_choices"))))
            multiple = bool(one.requirement.get("allow_multiple_selections"))
            return (Field("choice", "string", "What to do.", choices, multiple),)
        case "review":
            # What is made of a loop's or a router's edited output never reaches the next step.
            edited = (_EDITED,) if one.requirement.get("step_type") in (None, "Step") else ()
            return (APPROVE, _NOTE_FIELD, *edited)
    inputs: tuple[Field, ...] = ()
    if one.tool is not None or one.requirement.get("requires_user_input"):
        inputs = tuple(_input(field, name) for field, name in zip(one.schema, input_names(one), strict=True))
        if not inputs and one.tool is None:
            inputs = (Field(OPEN_INPUT, "string", _line(one.requirement.get("user_input_message") or "")),)
    return (APPROVE, _NOTE_FIELD, *inputs) if one.confirms else inputs


_TYPES: Mapping[str, FieldType] = {"int": "integer", "float": "number", "bool": "boolean"}


def _input(field: Mapping[str, Any], name: str) -> Field:
    kind = str(field.get("field_type") or "str")
    default = field.get("value")
    return Field(
        name,
        _TYPES.get(kind, "string"),
        _line(field.get("description") or ""),
        tuple(label(value) for value in values(field.get("allowed_values"))),
        required=bool(field.get("required", True)) and default is None,
        default=default,
        structure="list" if kind == "list" else "dict" if kind == "dict" else "",
    )


def _choosing(name: str, asked: Mapping[str, Any]) -> Field:
    options = tuple(str(option.get("label")) for option in objects(asked.get("options")))
    return Field(name, "string", _line(asked.get("question") or ""), options, bool(asked.get("multi_select")))


def _how(one: PendingRequirement, fields: Sequence[Field]) -> Hint:
    if one.kind == "approval":
        return hint(
            "An admin resolves it in AgentOS (POST {path}); {go_on} then goes on.",
            path="/approvals/{id}/resolve",
            go_on=Action.of("continue_run", "run"),
            otherwise="An admin resolves it in AgentOS.",
        )
    if one.kind == "failure":
        return Hint(FAILURE)
    return as_hint(_example_answer(one, fields))


def _example_answer(one: PendingRequirement, fields: Sequence[Field]) -> str:
    shown = {field.name: _example(field) for field in fields if field.required and field.name != "approve"}
    if one.confirms:
        yes = as_json({one.key: {"approve": True, **shown} if shown else True})
        words = f"{yes}, or {as_json({one.key: {'approve': False, NOTE: 'why'}})}"
        return f"{words}, or {as_json({one.key: {'edited_output': '...'}})}" if _EDITED in fields else words
    shown = shown or {field.name: _example(field) for field in fields}
    words = as_json({one.key: next(iter(shown.values())) if len(fields) == 1 else shown})
    no = {one.key: {DECLINED: True, NOTE: "why"}}
    return f"{words}, or {as_json(no)}" if one.declinable else f"{words}; it can't be declined, only cancelled"


def _example(field: Field) -> Any:
    value: Any = field.choices[0] if field.choices else {"integer": 1, "number": 0.5, "boolean": True}.get(field.type)
    if value is None:
        value = {"list": ["..."], "dict": {"...": "..."}}.get(field.structure, "...")
    return [value] if field.multiple else value


def _arguments(arguments: object) -> list[str]:
    """A tool's arguments, each as a value: JSON on one line; a long text of several lines, behind marks."""
    if not isinstance(arguments, Mapping):
        return []
    return [_argument(as_field(name), value) for name, value in arguments.items()]


def _argument(name: str, value: object) -> str:
    if isinstance(value, str) and "\n" in value and len(value) > _LINE:
        return f"{name}:\n{_text(value)}"
    return f"{name}: {as_value(value, max_length=_VALUE)}"


def _asked(asked: Mapping[str, Any]) -> list[str]:
    options = objects(asked.get("options"))
    several = " (several may be chosen)" if asked.get("multi_select") else ""
    about = [
        f"> - {_line(option.get('label'))}" + (f": {_line(option['description'])}" if option.get("description") else "")
        for option in options
    ]
    return [f"> {_line(asked.get('question'))}{several}", *about]


def _content(output: object) -> str:
    """A step's output as a person should see it; a router's own is only a count of its steps'."""
    return _text(_whole_content(output))


def _whole_content(output: object) -> str:
    if not isinstance(output, Mapping):
        return ""
    inner = objects(output.get("steps"))
    if inner:
        return "\n".join(map(_whole_content, inner))
    content = output.get("content")
    return content if isinstance(content, str) else as_json(content)


def _text(value: object) -> str:
    """Words of a component's, each line behind a mark; how much is missing is said after them."""
    said = str(value or "").strip()
    more = f"\n({len(said) - _SHOWN} more characters)" if len(said) > _SHOWN else ""
    return f"{quoted_lines(said[:_SHOWN])}{more}" if said else ""


def _quoted(name: object) -> str:
    """A step's name in single quotes, which it cannot close itself."""
    return "'" + _line(name).replace("'", "’") + "'"


def _line(value: object) -> str:
    return one_line(str(value), max_length=201)


def label(value: object) -> str:
    return value if isinstance(value, str) else as_json(value)
