"""How a run is summed up when a command stops following it: lines for people, one document for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from agentos_mcp.agentos.hints import Surface
from agentos_mcp.agentos.pauses.requirements import Question, questions
from agentos_mcp.agentos.plain_text import one_line, strip_control_chars
from agentos_mcp.agentos.runs.run import RunState, Status
from agentos_mcp.runs.result import facts, run_data
from agentos_mcp.terminal.command_surface import CommandSurface
from agentos_mcp.terminal.exit_codes import exit_code_for_run
from agentos_mcp.terminal.output import UNLIMITED_TOKENS
from agentos_mcp.tooling.markdown import without_nulls


def summary_lines(
    state: RunState, surface: CommandSurface, *, questions_shown: bool = False
) -> Iterator[tuple[str, str]]:
    """The outcome, what the run waits for, the next command and the run's reference: lines with their colors.

    `questions_shown`: the person has seen its questions already.
    """
    # Its questions follow in more detail.
    outcome, *notes, reference = facts(replace(state, requirements=()), surface=surface)
    color = "yellow" if state.status is Status.PAUSED else "red" if exit_code_for_run(state) else "dim"
    yield strip_control_chars(outcome), color
    yield from ((strip_control_chars(note), "dim") for note in notes)
    if state.media:
        yield f"The answer also has {', '.join(sorted(state.media))}: --json prints them.", ""
    pending = questions(state.ref, state.requirements, state.choices) if state.status is Status.PAUSED else ()
    for question in () if questions_shown else pending:
        yield from ((line, "") for line in _question_lines(question, surface))
    if next_step := _next_step(state, pending, surface):
        yield f"Next: {next_step}", ""
    yield reference, "dim"


def _question_lines(question: Question, surface: Surface) -> Iterator[str]:
    yield f"- {question.key}: {one_line(question.title, max_length=1000)}"
    lines = strip_control_chars(question.details_and_inputs).split("\n")
    yield from (f"    {line}" for line in lines if line)
    label = "answer: " if question.fields else ""
    yield f"    {label}{one_line(question.how.render(surface), max_length=4000)}"


def _next_step(state: RunState, pending: tuple[Question, ...], surface: CommandSurface) -> str:
    """The command to use next, '' for none; without backticks, which a shell would interpret when it is pasted."""
    run = str(state.ref)
    if pending and all(question.fields for question in pending):
        return surface.command_line("continue", run)
    if state.status is Status.ERROR or state.failed_steps:
        return surface.command_line("runs", run, "--explain")
    if state.is_orphaned:
        return surface.command_line("runs", run)
    return "" if state.has_ended else surface.command_line("runs", run, "--follow")


def run_document(state: RunState, surface: Surface) -> dict[str, Any]:
    """A run as data, nothing cut; durations in seconds. Its schema is in `json_schemas`."""
    data = run_data(replace(state, requirements=()), tokens=UNLIMITED_TOKENS, surface=surface)
    data |= {"kind": state.ref.kind, "component": state.ref.component, "session": state.ref.session}
    if state.seconds:
        data["duration"] = state.seconds
    if state.tokens:
        data["tokens"] = state.tokens
    if state.status is not Status.PAUSED and state.answer is not None:
        data.pop("data", None)
        data["answer"] = state.answer if isinstance(state.answer, str) else without_nulls(state.answer)
    if state.error:
        data["error"] = state.error
    if state.steps:
        data["steps"] = [
            without_nulls(
                {
                    "name": step.name,
                    "outcome": step.outcome,
                    "error": step.error or None,
                    "duration": step.seconds or None,
                }
            )
            for step in state.steps
        ]
    if state.media:
        data["media"] = without_nulls(dict(state.media))
    if state.status is Status.PAUSED:
        pending = questions(state.ref, state.requirements, state.choices)
        data["questions"] = [_question_data(question, surface) for question in pending]
    return data


def _question_data(question: Question, surface: Surface) -> dict[str, Any]:
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
