"""The questions of a paused run, asked at the terminal: prompts on standard error, answers on standard input."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Collection, Sequence
from typing import Any

from agentos_mcp.agentos.pauses.answers import DECLINED, NOTE
from agentos_mcp.agentos.pauses.requirements import Field, InvalidAnswers, Question, check_answers, rejections
from agentos_mcp.agentos.plain_text import one_line, strip_control_chars
from agentos_mcp.terminal.line_reader import line_reader
from agentos_mcp.terminal.run_display import RunDisplay

DECLINE_COMMAND = "/decline"
"""Declines a question whose answer can be any text."""

_YES, _NO, _EDIT = {"y", "yes"}, {"n", "no"}, {"e", "edit"}
_JSON_TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "integer": (int, "a whole number"),
    "number": ((int, float), "a number"),
    "list": (list, 'a JSON list, such as ["a", "b"]'),
    "dict": (dict, 'a JSON object, such as {"a": 1}'),
}
"""The Python type and the description of a field's type."""
_EDITED_OUTPUT = "edited_output"
_END_OF_TEXT = "."


def can_prompt() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


async def ask_questions(questions: Sequence[Question], display: RunDisplay) -> dict[str, Any] | None:
    """The person's answers by key; None where they closed the input (Ctrl-D)."""
    display.pause()
    answers: dict[str, Any] = {}
    _discard_typed_keys()
    for question in questions:
        display.print_line("")
        display.print_line(one_line(question.title, max_length=1000), "bold")
        for line in strip_control_chars(question.details).split("\n"):
            display.print_line(f"  {line}")
        try:
            answers |= await _ask_until_valid(question, display)
        except EOFError:
            display.print_line("")
            return None
    return answers


async def _ask_until_valid(question: Question, display: RunDisplay) -> dict[str, Any]:
    """The answer to one question, by its key; asked again until it is valid."""
    while True:
        ask = _ask_confirmation if _is_confirmation(question) else _ask_fields
        answer = await ask(question, display)
        try:
            check_answers([question], answer)
        except InvalidAnswers as error:
            for problem in error.problems:
                display.print_line(f"  {problem.field or 'It'} {problem.text}.")
        else:
            return answer


async def _ask_confirmation(question: Question, display: RunDisplay) -> dict[str, Any]:
    """Yes or no; after a no the reason, after a yes the other fields."""
    can_edit = any(field.name == _EDITED_OUTPUT for field in question.fields)
    prompt = "Approve? [y]es, [n]o, [e]dit" if can_edit else "Approve? [y]es, [n]o"
    while True:
        reply = (await line_reader.read(f"  {prompt}: ")).strip().casefold()
        if reply in _NO:
            return rejections([question], (await line_reader.read("  Why? (optional): ")).strip())
        if reply in _EDIT and can_edit:
            return {question.key: {"approve": True, _EDITED_OUTPUT: await _read_lines(display)}}
        if reply in _YES:
            values = await _ask_values(question, display, skip={"approve", NOTE, _EDITED_OUTPUT})
            return {question.key: {"approve": True, **values}}
        display.print_line("  Enter y, n or e." if can_edit else "  Enter y or n.")


async def _ask_fields(question: Question, display: RunDisplay) -> dict[str, Any]:
    if question.declinable:
        display.print_line(f"  (or {DECLINE_COMMAND} and the reason)")
    values = await _ask_values(question, display)
    if (reason := values.get(DECLINED)) is not None:
        return rejections([question], reason)
    return {question.key: values}


async def _ask_values(question: Question, display: RunDisplay, skip: Collection[str] = ()) -> dict[str, Any]:
    """The values by field name, those in `skip` left out; only `DECLINED` and the reason where the person declined."""
    values: dict[str, Any] = {}
    for field in question.fields:
        while field.name not in skip:
            text = (await line_reader.read(_prompt(field))).strip()
            command, _, reason = text.partition(" ")
            if command.casefold() == DECLINE_COMMAND and question.declinable and not skip:
                return {DECLINED: reason.strip()}
            try:
                value = _parse_value(field, text)
            except ValueError as error:
                display.print_line(f"  {error}")
                continue
            if value is not None:
                values[field.name] = value
            break
    return values


def _prompt(field: Field) -> str:
    notes = [field.description] if field.description else []
    if field.choices:
        notes.append(", ".join(f"{number} = {choice}" for number, choice in enumerate(field.choices, 1)))
    if field.multiple:
        notes.append("several with commas")
    if field.type == "boolean":
        notes.append("y or n")
    if field.structure:
        notes.append("JSON")
    if field.default is not None:
        notes.append(f"default: {field.default}")
    elif not field.required:
        notes.append("optional")
    suffix = f" ({'; '.join(notes)})" if notes else ""
    return "  " + one_line(f"{field.name.replace('_', ' ').capitalize()}{suffix}:", max_length=1000) + " "


def _parse_value(field: Field, text: str) -> Any:
    """The text as the field's type; None for no text. Raises ValueError with what to enter."""
    if not text:
        if field.required and field.default is None:
            raise ValueError("A value is required.")
        return None
    if field.choices:
        chosen = [_parse_choice(field, item.strip()) for item in (text.split(",") if field.multiple else [text])]
        return chosen if field.multiple else chosen[0]
    if field.type == "boolean":
        if text.casefold() not in _YES | _NO:
            raise ValueError("Enter y or n.")
        return text.casefold() in _YES
    if field.structure or field.type != "string":
        return _parse_json(field, text)
    return text


def _parse_json(field: Field, text: str) -> Any:
    expected_type, description = _JSON_TYPES[field.structure or field.type]
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, expected_type) or isinstance(value, bool):
        raise ValueError(f"Enter {description}.")
    return value


def _parse_choice(field: Field, text: str) -> str:
    """The choice with this number or name."""
    if text.isdecimal() and text not in field.choices and 1 <= int(text) <= len(field.choices):
        return field.choices[int(text) - 1]
    for choice in field.choices:
        if choice.casefold() == text.casefold():
            return choice
    raise ValueError(f"Choose from: {strip_control_chars(', '.join(field.choices))}.")


def _is_confirmation(question: Question) -> bool:
    return any(field.name == "approve" for field in question.fields)


async def _read_lines(display: RunDisplay) -> str:
    """Lines from the person, up to one that is a single dot."""
    display.print_line(f"  Enter the new output; a line with only {_END_OF_TEXT} ends it:")
    lines: list[str] = []
    while (line := await line_reader.read("")) != _END_OF_TEXT:
        lines.append(line)
    return "\n".join(lines)


def _discard_typed_keys() -> None:
    """Keys that were pressed before the question was shown are no answer to it."""
    if sys.platform == "win32":
        import msvcrt

        while msvcrt.kbhit():
            msvcrt.getwch()
    else:
        import termios

        with contextlib.suppress(termios.error):
            termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
