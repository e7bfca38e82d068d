"""What is said of a run at its end: to people in lines, to scripts as data, to the shell as an exit code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from agentos_mcp.agentos.hints import Surface
from agentos_mcp.agentos.pauses.requirements import Question, questions
from agentos_mcp.agentos.plain_text import one_line, strip_control_chars
from agentos_mcp.agentos.runs.run import RunState, Status
from agentos_mcp.runs.result import facts, run_data
from agentos_mcp.terminal.printing import WHOLE
from agentos_mcp.tooling.markdown import without_nulls

FAILED, PAUSED, INTERRUPTED = 1, 3, 130


def exit_code(state: RunState) -> int:
    """0 for a run that did all it should; a run that somebody else cancelled did not."""
    if state.status is Status.PAUSED:
        return PAUSED
    return 0 if state.status is Status.COMPLETED and not state.failed_steps else FAILED


def closing(state: RunState, surface: Surface, *, asked: bool = False) -> Iterator[tuple[str, str]]:
    """How the run went, what it waits for, the next move and its reference; lines with their colors.

    `asked`: the person has seen its questions already.
    """
    # What it asks is told below, for people.
    head, *more, reference = facts(replace(state, requirements=()), surface=surface)
    color = "yellow" if state.status is Status.PAUSED else "red" if exit_code(state) else "dim"
    yield strip_control_chars(head), color
    yield from ((strip_control_chars(line), "dim") for line in more)
    if state.media:
        names = ", ".join(sorted(state.media))
        yield f"It also answers with {names}: --json has them.", ""
    waiting = questions(state.ref, state.requirements) if state.status is Status.PAUSED else ()
    for question in () if asked else waiting:
        yield f"- {question.key}: {one_line(question.title, max_length=1000)}", ""
        yield from ((f"    {line}", "") for line in strip_control_chars(question.details).split("\n") if line)
        yield (
            f"    {'answer: ' if question.fields else ''}{one_line(question.how.render(surface), max_length=4000)}",
            "",
        )
    if waiting and all(question.fields for question in waiting):
        yield f"Next: agentos-mcp continue {state.ref}", ""
    elif state.status is Status.ERROR or state.failed_steps:
        yield f"Next: agentos-mcp runs {state.ref} --explain", ""
    elif state.orphaned:
        yield f"Next: agentos-mcp runs {state.ref}, in a minute; if it says the same, run it again", ""
    elif not state.ended:
        yield f"Next: agentos-mcp runs {state.ref} --follow", ""
    yield reference, "dim"


def run_document(state: RunState, surface: Surface) -> dict[str, Any]:
    """All that is known of a run, whole."""
    data = run_data(replace(state, requirements=()), tokens=WHOLE, surface=surface)
    if state.error:
        data["error"] = state.error
    if state.steps:
        data["steps"] = [
            without_nulls({"name": step.name, "outcome": step.outcome, "error": step.error or None})
            for step in state.steps
        ]
    if state.media:
        data["media"] = without_nulls(dict(state.media))
    if state.status is Status.PAUSED:
        data["questions"] = [_question(question, surface) for question in questions(state.ref, state.requirements)]
    return data


def _question(question: Question, surface: Surface) -> dict[str, Any]:
    return {
        "key": question.key,
        "kind": question.kind,
        "title": question.title,
        "details": question.details,
        "fields": [
            {
                "name": field.name,
                "type": field.structure or field.type,
                "description": field.description,
                "choices": list(field.choices),
                "several": field.multiple,
                "required": field.required,
            }
            for field in question.fields
        ],
        "declinable": question.declinable,
        "how": question.how.render(surface),
    }
