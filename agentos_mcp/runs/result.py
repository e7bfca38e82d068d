"""A run as short markdown: the answer first, then what a reader needs to know, cut to a budget."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agentos_mcp.agentos.formats import format_duration, format_time
from agentos_mcp.agentos.hints import Action, Page, Surface, hint
from agentos_mcp.agentos.pauses.requirements import Question, questions
from agentos_mcp.agentos.plain_text import as_json, as_name, one_line, strip_control_chars
from agentos_mcp.agentos.runs.run import RunRef, RunState, Status, completed_text
from agentos_mcp.agentos.timestamps import time_after
from agentos_mcp.runs.progress import describe, last_words
from agentos_mcp.tooling.budget import (
    FACTS_CHARACTERS,
    MAX_PIECE_CHARACTERS,
    characters,
    fit_bytes,
    fit_lines,
)
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.markdown import cut_lines, without_nulls

_MIN_DETAILS = 1200
"""Characters of what has to be seen to answer one question, however many there are."""
_MAX_HOW = 1200
_MIN_PICTURED_STEPS = 3
"""From so many steps on a page tells more at a glance than the result does."""

RULE = "--- agentos-mcp"
"""Above it a component's own words, below it ours; without it all lines are ours."""

_DASHES = frozenset("-_=~\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2500\u2501\u2e3a\u2e3b")
_REFERENCE = re.compile(r"run[\W_]{1,16}(?:[A-Za-z0-9._-]{1,40}:)?(?:agent|team|workflow)/")
_LETTER = re.compile(r"[^\W_]")
_NOT_LETTERS = re.compile(r"[\W_]+")
_MIN_LENGTH = 6
_MAX_HEAD = 200
"""Characters of a line; what makes a line like ours stands at its beginning."""

_MAX_INDENTED = 50_000
"""Characters of JSON that is laid out over several lines: deep data takes many times its size then."""


def run_result(state: RunState, *, tokens: int, surface: Surface, offset: int = 0) -> str:
    """A run's answer from `offset` on, then its facts and its reference."""
    # A paused run's content is a stock phrase of AgentOS's.
    text = "" if state.status is Status.PAUSED else strip_control_chars(answer_text(state))
    answer, more = paginate(text, tokens=tokens, offset=offset, surface=surface)
    answer = escape_imitations(answer)
    max_length = max(FACTS_CHARACTERS, characters(tokens) - len(answer))
    return "\n".join(
        part
        for part in (answer, RULE if answer else "", more, *facts(state, max_length=max_length, surface=surface))
        if part
    )


def result_text(ctx: ToolContext, state: RunState, offset: int = 0) -> str:
    """`run_result` as much as the client of this call keeps."""

    def make(tokens: int) -> str:
        return run_result(state, tokens=tokens, surface=ctx.surface, offset=offset)

    return fit_bytes(make, ctx.result_tokens, ctx.client_quirks.max_result_bytes)


def result_data(ctx: ToolContext, state: RunState, offset: int = 0) -> dict[str, Any]:
    """`run_data` as much as the client of this call keeps."""

    def make(tokens: int) -> dict[str, Any]:
        return run_data(state, tokens=tokens, surface=ctx.surface, offset=offset)

    return fit_bytes(make, ctx.result_tokens, ctx.client_quirks.max_result_bytes)


def escape_imitations(answer: str) -> str:
    """A component's words as they stand above the rule: a line like our rule or reference gets a backslash.

    It is done to what is shown, after it was cut: a piece may begin in the middle of a line.
    """
    return "\n".join(f"\\{line}" if _imitates_us(line) else line for line in answer.split("\n"))


def _imitates_us(line: str) -> bool:
    """Whether a reader who does not look closely may take a line for our rule, or for a run's reference."""
    if len(line) < _MIN_LENGTH:
        return False
    head = unicodedata.normalize("NFKC", line.lstrip()[:_MAX_HEAD]).casefold()
    letter = _LETTER.search(head)
    if letter is None or head[letter.start()] not in "ar":
        return False
    text, prefix = head[letter.start() :], head[: letter.start()]
    is_rule = _NOT_LETTERS.sub("", text[:30]).startswith("agentosmcp") and sum(map(_DASHES.__contains__, prefix)) > 1
    return is_rule or _REFERENCE.match(text) is not None


def run_data(state: RunState, *, tokens: int, surface: Surface, offset: int = 0) -> dict[str, Any]:
    """A run as data that is enough by itself, its answer from `offset` on.

    Its answer is always text, that of data its JSON; an object is `data` instead, where it fits.
    """
    answer, more = paginate(strip_control_chars(answer_text(state)), tokens=tokens, offset=offset, surface=surface)
    max_length = max(FACTS_CHARACTERS, characters(tokens) - len(answer))
    lines = [line for line in (more, *facts(state, max_length=max_length, surface=surface)[:-1]) if line]
    data = {"run": str(state.ref), "status": state.status.lower(), "facts": lines}
    if state.status is Status.PAUSED:
        return data
    if not state.has_ended:
        return data | {"so_far": answer}
    if isinstance(state.answer, Mapping) and not (offset or more):
        return data | {"data": without_nulls(state.answer)}
    return data | {"answer": answer}


def answer_text(state: RunState) -> str:
    """The answer as text; data (where a schema was asked for) as JSON; else the words so far."""
    if state.answer is None or isinstance(state.answer, str):
        return state.text.strip()
    data = without_nulls(state.answer)
    compact = as_json(data)
    return compact if len(compact) > _MAX_INDENTED else as_json(data, indent=1)


def facts(state: RunState, *, surface: Surface, max_length: int = MAX_PIECE_CHARACTERS) -> list[str]:
    """How the run went, what failed in it, and its reference; a line each, whatever names and errors hold.

    They have `room` characters, beside the first line and the reference; what does not fit is counted.
    """
    duration = format_duration(state.seconds) if state.seconds else ""
    first = " · ".join(part for part in (_outcome(state), duration, _tokens(state.tokens)) if part)
    notes = [ORPHANED] if state.is_orphaned else []
    notes += _notes(state, max_length // 2)
    if state.refusal_reason:
        notes.append(f"AgentOS did not take the answers: {one_line(state.refusal_reason, max_length=600)}.")
    if state.dropped_characters and state.answer is None:
        notes.append(f"it wrote {state.dropped_characters:,} more characters, which are not kept here")
    max_length -= sum(map(len, notes))
    pending = question_lines(state, max_length=max_length * 3 // 4, surface=surface)
    max_length -= sum(map(len, pending))
    steps = failed_steps(state, max_length=max_length // 2)
    tools = fit_lines(
        (f"failed tool {as_name(name)}: {one_line(error)}" for name, error in state.failed_tools),
        len(state.failed_tools) + state.failed_tools_left_out,
        "failed tool",
        max_length - sum(map(len, steps)),
    )
    explanation = [_EXPLAIN.render(surface)] if (steps or tools) and state.status is Status.COMPLETED else []
    has_failed = bool(steps or tools) or state.status is Status.ERROR
    page = [page_line(state.ref, surface)] if has_failed or _has_many_steps(state) else []
    return [
        first,
        *steps,
        *tools,
        *filter(None, explanation),
        *notes,
        *pending,
        *filter(None, page),
        f"run: {state.ref}",
    ]


def _has_many_steps(state: RunState) -> bool:
    return max(state.step_number, state.total_steps or 0) >= _MIN_PICTURED_STEPS


def page_line(ref: RunRef, surface: Surface) -> str:
    """How the user sees the run as a page; '' where they cannot, or are shown it anyway."""
    bare = replace(ref, instance="")
    return hint("For the user, as a page: {page}", page=Page(bare.run, str(bare))).render(surface)


_EXPLAIN = hint("{explain} says why.", explain=Action.of("explain_run"))


def failed_steps(state: RunState, *, max_length: int = FACTS_CHARACTERS) -> list[str]:
    """The steps that failed, a line each."""
    failed = state.failed_steps
    lines = (f"failed step {as_name(step.name)}: {one_line(step.error)}" for step in failed)
    return fit_lines(lines, len(failed) + state.failed_steps_left_out, "failed step", max_length)


def question_lines(state: RunState, *, surface: Surface, max_length: int = MAX_PIECE_CHARACTERS) -> list[str]:
    """What a paused run waits for, and how to answer it, in plain words."""
    if state.status is not Status.PAUSED:
        return []
    pending = questions(state.ref, state.requirements, state.choices)
    max_details = max(_MIN_DETAILS, max_length // max(1, len(pending)) - _MIN_DETAILS - _MAX_HOW)
    paragraphs = (_question_paragraph(question, max_details, surface) for question in pending)
    fitting = fit_lines(paragraphs, len(pending) + state.requirements_left_out, "question", max_length)
    lines = [line for paragraph in fitting for line in paragraph.split("\n")]
    if any(question.fields for question in pending):
        lines.append(_ASK_USER.render(surface))
    return lines


_ASK_USER = hint(
    "Ask the user, then call {answer}. Never answer for them.",
    answer=Action.of("continue_run", "run", "answers"),
    otherwise="It can be answered in AgentOS.",
)


def _question_paragraph(question: Question, max_details: int, surface: Surface) -> str:
    inputs = cut_lines(question.inputs, _MIN_DETAILS)
    details = strip_control_chars("\n".join((cut_lines(question.details, max_details), inputs))).split("\n")
    how = one_line(question.how.render(surface), max_length=_MAX_HOW)
    return "\n".join(
        [f"- {question.key}: {one_line(question.title)}", *(f"  {line}" for line in (*details, how) if line)]
    )


ORPHANED = (
    "AgentOS reports this run as running, but was restarted after it started and has no live events of it. "
    "It cannot tell whether anything still works on it; if nothing does, the run never ends by itself."
)
"""What is known and what is not of a run that AgentOS was restarted under, in the same words everywhere."""


_PROVISIONAL = hint(
    "AgentOS's queue has not named the run yet: if its reference is not found, {list} has the right one.",
    list=Action.of("list_runs"),
    otherwise="AgentOS's queue has not named the run yet: its reference will change.",
)
ORPHANED_NEXT = hint(
    "Check with {look} in a minute; if it says the same, run it again.",
    look=Action.of("get_run"),
    otherwise="Check again in a minute; if it says the same, run it again.",
)
_KEEP_WAITING = hint(
    "Call {look} to keep waiting; the run continues by itself.",
    look=Action.of("get_run"),
    otherwise="The run continues by itself.",
)


def _preview(state: RunState) -> str:
    """The end of what it has written: quoted, since it may break off anywhere and is no answer."""
    words = last_words(state.last_words)
    return f"So far (a preview, not the answer): {as_json(f'…{words}…')}" if words else ""


def unfinished_result(state: RunState, surface: Surface, note: str = "") -> str:
    """The result of a call whose run is not finished: its step, who does what, the last words, and what to do next."""
    if state.is_orphaned:
        return "\n".join(
            (ORPHANED, *_notes(state, FACTS_CHARACTERS // 2), ORPHANED_NEXT.render(surface), f"run: {state.ref}")
        )
    return "\n".join(
        part
        for part in (
            f"Still running: {one_line(describe(state, with_words=False))}",
            _preview(state),
            *failed_steps(state),
            *_notes(state, FACTS_CHARACTERS // 2),
            _PROVISIONAL.render(surface) if state.is_provisional else "",
            note,
            _KEEP_WAITING.render(surface),
            page_line(state.ref, surface) if _has_many_steps(state) and not state.is_provisional else "",
            f"run: {state.ref}",
        )
        if part
    )


def ended_line(state: RunState, output: Mapping[str, Any]) -> str:
    """What a run was and when it ended, by its stored document: "workflow 'x' completed at 2026-11-21 05:48 UTC."."""
    started = output.get("created_at")
    # AgentOS keeps no time of the end.
    end = time_after(started, state.seconds) if state.seconds else None
    began, ended = format_time(started), format_time(end.isoformat()) if end is not None else ""
    moment = f" at {ended}" if ended else f" (started at {began})" if began else ""
    return f"{state.ref.kind} {as_name(state.ref.component)} {_ENDED_WORDS.get(state.status, 'ended')}{moment}."


_ENDED_WORDS = {Status.COMPLETED: "completed", Status.ERROR: "failed", Status.CANCELLED: "was cancelled"}


def _notes(state: RunState, max_length: int) -> list[str]:
    unused = f"These answers were not used: {state.unused_answers_reason}." if state.unused_answers_reason else ""
    notes = [line for note in (*state.notes, unused) if (line := one_line(note, max_length=500))]
    return fit_lines(notes, len(notes), "note", max_length)


def completed_outcome(state: RunState) -> str:
    """What became of a completed run, in words, with how many of its steps and tool calls failed."""
    failed_steps = len(state.failed_steps) + state.failed_steps_left_out
    failed_tools = len(state.failed_tools) + state.failed_tools_left_out
    return completed_text(failed_steps, state.step_number, failed_tools)


def _outcome(state: RunState) -> str:
    match state.status:
        case Status.COMPLETED:
            return completed_outcome(state)
        case Status.ERROR:
            where = f" in step {as_name(state.steps[-1].name)}" if state.steps else ""
            return f"failed{where}: {one_line(state.error)}"
        case Status.PAUSED:
            return "paused: it waits for an answer"
        case _ if state.is_orphaned:
            return f"{state.status.lower()}, according to AgentOS"
        case Status.CANCELLED:
            return "cancelled" + (f": {one_line(state.error)}" if state.error else "")
        case _:
            return state.status.lower()


def _tokens(tokens: int) -> str:
    return f"{tokens:,} tokens" if tokens else ""


def paginate(text: str, *, tokens: int, surface: Surface, offset: int = 0) -> tuple[str, str]:
    """The part of a long text that fits the budget, and a line on where the next one begins, '' at the end."""
    part = text[offset : offset + characters(tokens)]
    left = len(text) - offset - len(part)
    if left <= 0:
        return part, ""
    more = hint(
        "{left} more characters: {read} with offset={next}",
        left=f"{left:,}",
        read=Action.of("get_run"),
        next=offset + len(part),
        otherwise=f"{left:,} more characters",
    )
    return part, more.render(surface)
