"""Words what a paused run waits for as a Question. Names and contents in it are AgentOS's data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agentos_mcp.agentos.catalog import display_id
from agentos_mcp.agentos.hints import Action, Hint, as_hint, hint
from agentos_mcp.agentos.json_values import mapping, number, objects, values
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


_MAX_TEXT_LENGTH = 6000
_MAX_VALUE_LENGTH = 1000
_MAX_CONTEXT_LENGTH = 1000
"""Characters of what a step works on."""
_MAX_INDENTED = 50_000
"""Characters of JSON that is laid out over several lines: deep data takes many times its size then."""


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
    """What waits, and six digits that identify this pause of it: `deploy-3f2a91`."""
    kind: QuestionKind
    title: str
    """One plain sentence: who waits for what."""
    details: str
    """What a person needs to see to decide, in lines; '' if there is nothing."""
    fields: tuple[Field, ...]
    """What can be answered; none where it cannot be answered here."""
    inputs: str
    """The same in lines, for where no form shows them; '' where `details` or the example say enough."""
    how: Hint
    """How it is answered, with a tiny example."""
    declinable: bool = True
    """Whether AgentOS continues after a decline; else the run can only be answered or cancelled."""

    @property
    def details_and_inputs(self) -> str:
        """All that a person needs to see to answer, for where no form shows the inputs."""
        return "\n".join(filter(None, (self.details, self.inputs)))


FAILURE = (
    "A step failed and waits to be retried or skipped, which AgentOS's REST API cannot do.",
    "Run the workflow again, or continue this run where it was built.",
)
_STEPS = {"Step": "Step", "Loop": "Loop", "Condition": "Condition", "Router": "Router", "Steps": "The group"}
_AFTER_DECLINE = {
    "skip": "If declined: it is skipped and the run continues.",
    "cancel": "If declined: the run is cancelled.",
    "else": "If declined: the other branch is taken.",
}
APPROVE = Field("approve", "boolean", "Whether to approve it.")
_NOTE_FIELD = Field(NOTE, "string", "Why, or what should change.", required=False)
EDITED_OUTPUT = "edited_output"
_EDITED = Field(EDITED_OUTPUT, "string", "The corrected output, if it should change.", required=False)


def build_question(ref: RunRef, pending: PendingRequirement, choices: Mapping[str, str] | None = None) -> Question:
    """`choices` are descriptions of the choices of a router, by their names: a paused run has the names alone."""
    title, details = (
        _describe_tool(ref, pending, pending.tool)
        if pending.tool is not None
        else _describe_step(pending, pending.requirement, choices or {})
    )
    fields = _fields(pending)
    inputs = (
        [line for field in fields for line in _field_lines(field)] if pending.kind in ("input", "confirmation") else []
    )
    return Question(
        key=pending.key,
        kind="confirmation" if pending.confirms and pending.kind == "input" else pending.kind,
        title=title,
        details="\n".join(filter(None, details)),
        fields=fields,
        inputs="\n".join(inputs),
        how=_how_to_answer(pending, fields),
        declinable=pending.declinable,
    )


def _describe_tool(ref: RunRef, pending: PendingRequirement, tool: Mapping[str, Any]) -> tuple[str, list[str]]:
    step = pending.step or {}
    actor = as_name(pending.requirement.get("member_agent_name") or step.get("executor_name") or ref.component)
    place = f" in step {_quoted(step.get('step_name'))}" if step.get("step_name") else ""
    name = as_name(tool.get("tool_name") or "a tool")
    arguments = _arguments(tool.get("tool_args"))
    match pending.kind:
        case "feedback":
            return f"{actor} asks you to choose{place}.", [
                line for question in pending.feedback_questions for line in _question_lines(question)
            ]
        case "external":
            return f"{actor} waits{place} for the result of {name}, which has to be run outside of AgentOS.", arguments
        case "approval":
            approval = f"approval: {as_field(pending.approval_id) if pending.approval_id else 'without an id'}"
            return f"{actor} wants to call {name}{place}, which an admin has to approve.", [*arguments, approval]
        case "input" if name == "get_user_input" and pending.schema:
            return f"{actor} asks for input{place}.", []
        case "input" if pending.schema:
            return f"{actor} needs input{place} to call {name}.", arguments
    return f"{actor} wants to call {name}{place}.", arguments


def _describe_step(
    pending: PendingRequirement, step: Mapping[str, Any], choices: Mapping[str, str]
) -> tuple[str, list[str]]:
    kind = str(step.get("step_type") or "Step")
    name = f"{_STEPS.get(kind, 'Step')} {_quoted(step.get('step_name') or 'step')}"
    after_decline = _after_decline(step)
    timeout = _timeout_note(step)
    output = _labeled("Output", _whole_content(step.get("step_output")), _MAX_TEXT_LENGTH)
    match pending.kind:
        case "failure":
            return f"{name} failed and waits to be retried or skipped.", [_text(step.get("error_message"))]
        case "route":
            return f"{name} waits for a choice of what to do.", [
                _text(step.get("user_input_message")),
                *_choice_lines(_fields(pending), choices),
                *_context(step),
                after_decline,
                timeout,
            ]
        case "review" if kind == "Loop":
            message = _text(step.get("output_review_message"))
            effect = "If approved: the loop ends with this output."
            return f"A round of {name[0].lower()}{name[1:]} waits for review.", [
                message,
                *output,
                effect,
                after_decline,
                timeout,
            ]
        case "review":
            message = _text(step.get("output_review_message"))
            return f"The output of {name[0].lower()}{name[1:]} waits for review.", [
                message,
                *output,
                after_decline,
                timeout,
            ]
        case "confirmation":
            both = " and input" if step.get("requires_user_input") else ""
            message = _text(step.get("confirmation_message"))
            question = _text(step.get("user_input_message")) if both else ""
            return f"{name} waits for confirmation{both}.", [message, question, *_context(step), after_decline, timeout]
    message = _text(step.get("user_input_message"))
    return f"{name} needs input.", [message, *_context(step), after_decline, timeout]


def _context(step: Mapping[str, Any]) -> list[str]:
    """What the step is about to work on: the output of the step before it, or the run's input."""
    step_input = mapping(step.get("step_input"))
    if previous := _as_text(step_input.get("previous_step_content")):
        return _labeled("Previous output", previous, _MAX_CONTEXT_LENGTH)
    return _labeled("Input", _as_text(step_input.get("input")), _MAX_CONTEXT_LENGTH)


def _after_decline(step: Mapping[str, Any]) -> str:
    outcome = str(step.get("on_reject"))
    if outcome == "retry":
        max_retries, retries = number(step.get("max_retries")), number(step.get("retry_count"))
        if max_retries and retries >= max_retries:
            return "If declined: the run is cancelled, because it has no retries left."
        again = {"Loop": "another round runs with your note", "Router": "you choose again"}
        return f"If declined: {again.get(str(step.get('step_type')), 'it runs again with your note')}."
    return _AFTER_DECLINE.get(outcome, "")


def _timeout_note(step: Mapping[str, Any]) -> str:
    if not step.get("timeout_at"):
        return ""
    footer = {"approve": "it counts as approved", "skip": "it is skipped", "cancel": "the run is cancelled"}
    outcome = footer.get(str(step.get("on_timeout")), "AgentOS decides by itself")
    return f"After {_line(step['timeout_at'])}, {outcome} once the run is continued."


def _fields(pending: PendingRequirement) -> tuple[Field, ...]:
    match pending.kind:
        case "approval" | "failure":
            return ()
        case "external":
            return (Field("result", "string", "Its result."),)
        case "feedback":
            named_questions = zip(feedback_names(pending), pending.feedback_questions, strict=True)
            return tuple(_choice_field(name, question) for name, question in named_questions)
        case "route":
            choices = tuple(map(str, values(pending.requirement.get("available_choices"))))
            multiple = bool(pending.requirement.get("allow_multiple_selections"))
            return (Field("choice", "string", "What to do.", choices, multiple),)
        case "review":
            # What is made of a loop's or a router's edited output never reaches the next step.
            edited = (_EDITED,) if pending.requirement.get("step_type") in (None, "Step") else ()
            return (APPROVE, _NOTE_FIELD, *edited)
    inputs: tuple[Field, ...] = ()
    if pending.tool is not None or pending.requirement.get("requires_user_input"):
        inputs = tuple(
            _input_field(field, name) for field, name in zip(pending.schema, input_names(pending), strict=True)
        )
        if not inputs and pending.tool is None:
            inputs = (Field(OPEN_INPUT, "string", _line(pending.requirement.get("user_input_message") or "")),)
    return (APPROVE, _NOTE_FIELD, *inputs) if pending.confirms else inputs


_TYPES: Mapping[str, FieldType] = {"int": "integer", "float": "number", "bool": "boolean"}


def _input_field(field: Mapping[str, Any], name: str) -> Field:
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


def _choice_field(name: str, question: Mapping[str, Any]) -> Field:
    options = tuple(str(option.get("label")) for option in objects(question.get("options")))
    return Field(name, "string", _line(question.get("question") or ""), options, bool(question.get("multi_select")))


def _how_to_answer(pending: PendingRequirement, fields: Sequence[Field]) -> Hint:
    if pending.kind == "approval":
        return resolve_hint(pending.approval_id) + hint(
            "{go_on} then continues the run.", go_on=Action.of("continue_run", "run")
        )
    if pending.kind == "failure":
        return Hint(FAILURE)
    return as_hint(_example_answer(pending, fields))


def resolve_hint(approval_id: str) -> Hint:
    """Who decides about an admin approval, and where."""
    return hint(
        "It takes an admin's decision: ask the user, then call {resolve}.",
        resolve=Action.of("resolve_approval", "approval_id", "decision"),
        otherwise=f"An admin resolves it in AgentOS (POST /approvals/{display_id(approval_id)}/resolve)."
        if approval_id
        else "An admin resolves it in AgentOS.",
    )


def _example_answer(pending: PendingRequirement, fields: Sequence[Field]) -> str:
    example = {field.name: _example(field) for field in fields if field.required and field.name != "approve"}
    if pending.confirms:
        answers = as_json({pending.key: {"approve": True, **example} if example else True})
        if _EDITED in fields:
            answers += f", or {as_json({pending.key: {'edited_output': 'the whole new output'}})}"
    else:
        example = example or {field.name: _example(field) for field in fields}
        answers = as_json({pending.key: next(iter(example.values())) if len(fields) == 1 else example})
    no = {pending.key: {DECLINED: True, NOTE: "why"}}
    return f"{answers}, or {as_json(no)}" if pending.declinable else f"{answers}; it can't be declined, only cancelled"


def _example(field: Field) -> Any:
    value: Any = field.choices[0] if field.choices else {"integer": 1, "number": 0.5, "boolean": True}.get(field.type)
    if value is None:
        value = {"list": ["..."], "dict": {"...": "..."}}.get(field.structure, "...")
    return [value] if field.multiple else value


def _arguments(arguments: object) -> list[str]:
    """A tool's arguments, each as a value: JSON on one line; a text of several lines, behind marks."""
    if not isinstance(arguments, Mapping):
        return []
    return [_argument(as_field(name), value) for name, value in arguments.items()]


def _argument(name: str, value: object) -> str:
    if isinstance(value, str) and "\n" in value.strip("\n"):
        return f"{name}:\n{_text(value)}"
    return f"{name}: {as_value(value, max_length=_MAX_VALUE_LENGTH)}"


def _question_lines(question: Mapping[str, Any]) -> list[str]:
    options = objects(question.get("options"))
    several = " (several may be chosen)" if question.get("multi_select") else ""
    about = [
        f"> - {_line(option.get('label'))}" + (f": {_line(option['description'])}" if option.get("description") else "")
        for option in options
    ]
    return [f"> {_line(question.get('question'))}{several}", *about]


def _choice_lines(fields: Iterable[Field], descriptions: Mapping[str, str]) -> list[str]:
    return [
        f"> - {_line(choice)}{_described(descriptions.get(choice))}" for field in fields for choice in field.choices
    ]


def _field_lines(field: Field) -> list[str]:
    """What can be given, and each choice on a line of its own."""
    if field is APPROVE or field is _NOTE_FIELD:
        return []
    kind = _TYPE_WORDS[field.structure or field.type]
    notes = [kind, "" if field.required else "optional", "several may be chosen" if field.multiple else ""]
    about = ", ".join(note for note in notes if note)
    lines = [f"> {as_field(field.name)}{f' ({about})' if about else ''}" + _described(field.description)]
    return [*lines, *_choice_lines([field], {})]


_TYPE_WORDS = {
    "string": "",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "list": "a list",
    "dict": "an object",
}


def _described(description: object) -> str:
    return f": {_line(description)}" if description else ""


def _labeled(label: str, text: str, max_length: int) -> list[str]:
    """A text of others below our word for it; [] for none."""
    quoted = _text(text, max_length)
    return [f"{label}:", quoted] if quoted else []


def _whole_content(output: object) -> str:
    """A step's output as a person should see it; a router's own is only a count of its steps'."""
    if not isinstance(output, Mapping):
        return ""
    inner = objects(output.get("steps"))
    if inner:
        return "\n".join(map(_whole_content, inner))
    return _as_text(output.get("content"))


def _as_text(content: object) -> str:
    """Text as it is; data as JSON with a line for each value, as it would have to be edited."""
    if content is None or isinstance(content, str):
        return content or ""
    document = as_json(content)
    return document if len(document) > _MAX_INDENTED else as_json(content, indent=1)


def _text(value: object, max_length: int = _MAX_TEXT_LENGTH) -> str:
    """Words of a component's, each line behind a mark; how much is missing is said after them."""
    text = str(value or "").strip("\n").rstrip()
    more = f"\n({len(text) - max_length:,} more characters)" if len(text) > max_length else ""
    return f"{quoted_lines(text[:max_length])}{more}" if text.strip() else ""


def _quoted(name: object) -> str:
    """A step's name in single quotes, which it cannot close itself."""
    return "'" + _line(name).replace("'", "’") + "'"


def _line(value: object) -> str:
    return one_line(str(value), max_length=201)


def label(value: object) -> str:
    return value if isinstance(value, str) else as_json(value)
