"""What a paused run asks, asked at the terminal: on standard error, answered on standard input."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import sys
import threading
from collections.abc import Sequence
from typing import Any

import anyio

from agentos_mcp.agentos.pauses.answers import DECLINED, NOTE
from agentos_mcp.agentos.pauses.requirements import Field, InvalidAnswers, Question, check_answers, rejections
from agentos_mcp.agentos.plain_text import one_line, strip_control_chars
from agentos_mcp.terminal.live_display import Display

DECLINE = "/decline"
"""What declines where any text can be an answer."""

_YES, _NO, _EDIT = {"y", "yes"}, {"n", "no"}, {"e", "edit"}
_PARSED: dict[str, tuple[type | tuple[type, ...], str]] = {
    "integer": (int, "a whole number"),
    "number": ((int, float), "a number"),
    "list": (list, 'a JSON list, such as ["a", "b"]'),
    "dict": (dict, 'a JSON object, such as {"a": 1}'),
}
_EDITED = "edited_output"
_END = "."


def people_can_be_asked() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


async def ask(questions: Sequence[Question], display: Display) -> dict[str, Any] | None:
    """The person's answers by key; None where they left without one."""
    display.pause()
    answers: dict[str, Any] = {}
    _forget_what_was_typed()
    for question in questions:
        display.note("")
        display.note(one_line(question.title, max_length=1000), "bold")
        for line in strip_control_chars(question.details).split("\n"):
            display.note(f"  {line}")
        try:
            answers |= await _answered(question, display)
        except EOFError:
            display.note("")
            return None
    return answers


async def _answered(question: Question, display: Display) -> dict[str, Any]:
    """The answer to one question, by its key, asked for again until it can be taken."""
    while True:
        answer = await _confirmed(question, display) if _confirms(question) else await _given(question, display)
        try:
            check_answers([question], answer)
        except InvalidAnswers as error:
            for problem in error.problems:
                display.note(f"  {problem.field or 'It'} {problem.text}.")
        else:
            return answer


async def _confirmed(question: Question, display: Display) -> dict[str, Any]:
    """Yes or no; after a no the reason, after a yes what else is asked."""
    fields = {field.name: field for field in question.fields}
    words = "Approve? [y]es, [n]o, [e]dit" if _EDITED in fields else "Approve? [y]es, [n]o"
    while True:
        word = (await _line(f"  {words}: ")).strip().casefold()
        if word in _NO:
            return rejections([question], (await _line("  Why? (optional): ")).strip())
        if word in _EDIT and _EDITED in fields:
            return {question.key: {"approve": True, _EDITED: await _several_lines(display)}}
        if word in _YES:
            return {question.key: {"approve": True, **await _values(question, display, {"approve", NOTE, _EDITED})}}
        display.note("  Enter y or n." if _EDITED not in fields else "  Enter y, n or e.")


async def _given(question: Question, display: Display) -> dict[str, Any]:
    if question.declinable:
        display.note(f"  (or {DECLINE}, and why)")
    values = await _values(question, display, set())
    if (reason := values.get(DECLINED)) is not None:
        return rejections([question], reason)
    return {question.key: values}


async def _values(question: Question, display: Display, without: set[str]) -> dict[str, Any]:
    """What was entered for each field; `DECLINED` and the reason where the person declined."""
    given: dict[str, Any] = {}
    for field in question.fields:
        while field.name not in without:
            words = (await _line(_prompt(field))).strip()
            command, _, reason = words.partition(" ")
            if command.casefold() == DECLINE and question.declinable and not without:
                return {DECLINED: reason.strip()}
            try:
                value = _value(field, words)
            except ValueError as problem:
                display.note(f"  {problem}")
                continue
            if value is not None:
                given[field.name] = value
            break
    return given


def _prompt(field: Field) -> str:
    hints = [field.description] if field.description else []
    if field.choices:
        hints.append(", ".join(f"{number} = {choice}" for number, choice in enumerate(field.choices, 1)))
    if field.multiple:
        hints.append("several with commas")
    if field.type == "boolean":
        hints.append("y or n")
    if field.structure:
        hints.append("JSON")
    if field.default is not None:
        hints.append(f"else {field.default}")
    elif not field.required:
        hints.append("optional")
    about = f" ({'; '.join(hints)})" if hints else ""
    return "  " + one_line(f"{field.name.replace('_', ' ').capitalize()}{about}:", max_length=1000) + " "


def _value(field: Field, words: str) -> Any:
    """What was entered, as the field's type; None for nothing. Raises ValueError with what would do."""
    if not words:
        if field.required and field.default is None:
            raise ValueError("It is needed.")
        return None
    if field.choices:
        chosen = [_choice(field, word.strip()) for word in (words.split(",") if field.multiple else [words])]
        return chosen if field.multiple else chosen[0]
    if field.type == "boolean":
        if words.casefold() not in _YES | _NO:
            raise ValueError("Enter y or n.")
        return words.casefold() in _YES
    if field.structure or field.type != "string":
        return _parsed(field, words)
    return words


def _parsed(field: Field, words: str) -> Any:
    wanted, name = _PARSED[field.structure or field.type]
    try:
        value = json.loads(words)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise ValueError(f"Enter {name}.")
    return value


def _choice(field: Field, word: str) -> str:
    if word.isdecimal() and word not in field.choices and 1 <= int(word) <= len(field.choices):
        return field.choices[int(word) - 1]
    for choice in field.choices:
        if choice.casefold() == word.casefold():
            return choice
    raise ValueError(f"Choose from: {strip_control_chars(', '.join(field.choices))}.")


def _confirms(question: Question) -> bool:
    return any(field.name == "approve" for field in question.fields)


async def _several_lines(display: Display) -> str:
    display.note(f"  The output as it should be; a line with only {_END} ends it:")
    lines: list[str] = []
    while (line := await _line("")) != _END:
        lines.append(line)
    return "\n".join(lines)


async def _line(prompt: str) -> str:
    """A line from the person. Raises EOFError where they closed the input.

    Standard output is the answer's, so the prompt goes to standard error. The thread that reads cannot be
    ended: it holds no lock that the program's end would wait for.
    """
    sys.stderr.write(prompt)
    sys.stderr.flush()
    came, loop = anyio.Event(), asyncio.get_running_loop()
    lines: list[bytes] = []

    def read() -> None:
        lines.append(_read_line())
        with contextlib.suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(came.set)

    threading.Thread(target=read, daemon=True).start()
    await came.wait()
    line = lines[0]
    if not line:
        raise EOFError
    return line.decode(sys.stdin.encoding or "utf-8", "replace").rstrip("\r\n")


def _read_line() -> bytes:
    """A line of any length; b"" at the end."""
    # Unbuffered, and without the buffer's lock.
    stdin: io.RawIOBase = sys.stdin.buffer.raw  # type: ignore[union-attr]  # a BufferedReader has one
    line = b""
    while not line.endswith(b"\n") and (piece := stdin.read(4096)):
        line += piece
    return line


def _forget_what_was_typed() -> None:
    """Keys that were pressed before the question was seen are no answer to it."""
    if sys.platform != "win32":
        import termios

        with contextlib.suppress(termios.error):
            termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
