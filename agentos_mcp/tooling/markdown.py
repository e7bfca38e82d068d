"""Results as short markdown: the answer first, then what a reader needs to know, cut to a budget."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agentos_mcp.agentos.json_values import number
from agentos_mcp.agentos.pauses.requirements import Question, questions
from agentos_mcp.agentos.plain_text import as_json, as_name, one_line, strip_control_chars
from agentos_mcp.agentos.runs.run import RunState, Status
from agentos_mcp.runs.progress import describe
from agentos_mcp.tooling.budget import CHARACTERS_PER_TOKEN, FACTS, LARGEST, characters, listed

__all__ = [
    "RULE",
    "answer_text",
    "asked",
    "facts",
    "fenced",
    "one_line",
    "page_note",
    "piece",
    "run_data",
    "run_result",
    "standing",
    "table",
    "table_row",
    "when",
    "without_nulls",
]

_DETAILS = 1200
"""Characters of what has to be seen to answer one question."""

RULE = "--- agentos-mcp"
"""Above it a component's own words, below it ours; without it all lines are ours."""

_DASHES = frozenset("-_=~\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2500\u2501\u2e3a\u2e3b")
_REFERENCE = re.compile(r"run[\W_]{1,16}(?:agent|team|workflow)/")
_LETTER = re.compile(r"[^\W_]")
_NOT_LETTERS = re.compile(r"[\W_]+")
_SHORTEST = 6
_LOOKED_AT = 200
"""Characters of a line; what makes a line like ours stands at its beginning."""

_PRETTY = 50_000
"""Characters of JSON that is laid out over several lines: deep data takes many times its size then."""


def run_result(state: RunState, *, tokens: int, offset: int = 0) -> str:
    """A run's answer from `offset` on, then its facts and its reference."""
    # A paused run's content is a stock phrase of AgentOS's.
    words = "" if state.status is Status.PAUSED else strip_control_chars(answer_text(state))
    answer, more = piece(words, tokens=tokens, offset=offset)
    answer = own_words(answer)
    room = max(FACTS, characters(tokens) - len(answer))
    return "\n".join(part for part in (answer, RULE if answer else "", more, *facts(state, room=room)) if part)


def own_words(answer: str) -> str:
    """A component's words as they stand above the rule: a line like our rule or reference gets a backslash.

    It is done to what is shown, after it was cut: a piece may begin in the middle of a line.
    """
    return "\n".join(f"\\{line}" if _is_like_ours(line) else line for line in answer.split("\n"))


def _is_like_ours(line: str) -> bool:
    """Whether a reader who does not look closely may take a line for our rule, or for a run's reference."""
    if len(line) < _SHORTEST:
        return False
    head = unicodedata.normalize("NFKC", line.lstrip()[:_LOOKED_AT]).casefold()
    begin = _LETTER.search(head)
    if begin is None or head[begin.start()] not in "ar":
        return False
    words, before = head[begin.start() :], head[: begin.start()]
    is_rule = _NOT_LETTERS.sub("", words[:30]).startswith("agentosmcp") and sum(map(_DASHES.__contains__, before)) > 1
    return is_rule or _REFERENCE.match(words) is not None


def run_data(state: RunState, *, tokens: int) -> dict[str, Any]:
    """A run as data that is enough by itself; an answer that is data stays data where it fits."""
    answer: Any = answer_text(state)
    whole = len(answer) <= tokens * CHARACTERS_PER_TOKEN
    more = ""
    if state.answer is not None and not isinstance(state.answer, str) and whole:
        answer = without_nulls(state.answer)
    elif not whole:
        answer, more = piece(strip_control_chars(answer), tokens=tokens)
    room = max(FACTS, characters(tokens) - len(answer if isinstance(answer, str) else answer_text(state)))
    told = [line for line in (more, *facts(state, room=room)[:-1]) if line]
    data = {"run": str(state.ref), "status": state.status.lower(), "facts": told}
    return data if state.status is Status.PAUSED else data | {"answer": answer}


def answer_text(state: RunState) -> str:
    """The answer as text; data (where a schema was asked for) as JSON; else the words so far."""
    if state.answer is None or isinstance(state.answer, str):
        return state.text.strip()
    data = without_nulls(state.answer)
    compact = as_json(data)
    return compact if len(compact) > _PRETTY else as_json(data, indent=1)


def facts(state: RunState, *, room: int = LARGEST) -> list[str]:
    """How the run went, what failed in it, and its reference; a line each, whatever names and errors hold.

    They have `room` characters, beside the first line and the reference; what does not fit is counted.
    """
    first = " · ".join(part for part in (_outcome(state), _duration(state.seconds), _tokens(state.tokens)) if part)
    notes = [ORPHANED] if state.orphaned else []
    notes += _notes(state, room // 2)
    if state.not_taken:
        notes.append(f"AgentOS did not take the answers: {one_line(state.not_taken, most=600)}.")
    if state.unsaid and state.answer is None:
        notes.append(f"its words went on for {state.unsaid:,} more characters, which are not kept here")
    room -= sum(map(len, notes))
    waiting = asked(state, room=room * 3 // 4)
    room -= sum(map(len, waiting))
    steps = failed_steps(state, room=room // 2)
    tools = listed(
        (f"failed tool {as_name(name)}: {one_line(error)}" for name, error in state.failed_tools),
        len(state.failed_tools) + state.failed_tools_left_out,
        "failed tool",
        room - sum(map(len, steps)),
    )
    return [first, *steps, *tools, *notes, *waiting, f"run: {state.ref}"]


def failed_steps(state: RunState, *, room: int = FACTS) -> list[str]:
    """The steps that failed, a line each."""
    failed = state.failed_steps
    lines = (f"failed step {as_name(step.name)}: {one_line(step.error)}" for step in failed)
    return listed(lines, len(failed) + state.failed_steps_left_out, "failed step", room)


def asked(state: RunState, *, room: int = LARGEST) -> list[str]:
    """What a paused run waits for, and how to answer it, in plain words."""
    if state.status is not Status.PAUSED:
        return []
    waiting = questions(state.ref, state.requirements)
    asking = (_asking(question) for question in waiting)
    told = listed(asking, len(waiting) + state.requirements_left_out, "question", room)
    lines = [line for question in told for line in question.split("\n")]
    if any(question.fields for question in waiting):
        lines.append("Ask the user, then call continue_run(run, answers). Never answer for them.")
    return lines


def _asking(question: Question) -> str:
    details = strip_control_chars(cut_lines(question.details, _DETAILS)).split("\n")
    how = one_line(question.how, most=_DETAILS)
    return "\n".join(
        [f"- {question.key}: {one_line(question.title)}", *(f"  {line}" for line in (*details, how) if line)]
    )


ORPHANED = (
    "AgentOS calls this run running, but was restarted after it began and has no live events of it. "
    "Whether anything is still at work on it cannot be seen; if nothing is, it never ends by itself."
)
"""What is known and what is not of a run that AgentOS was restarted under, in the same words everywhere."""


_PROVISIONAL = "AgentOS's queue has yet to name the run: where the reference is not known, list_runs has the right one."
ORPHANED_NEXT = "Look once more with get_run in a minute; if it says the same, run it again."


def standing(state: RunState) -> str:
    """Where a run stands that goes on: its step, who does what, the last words, and the next move."""
    if state.orphaned:
        return "\n".join((ORPHANED, *_notes(state, FACTS // 2), ORPHANED_NEXT, f"run: {state.ref}"))
    return "\n".join(
        part
        for part in (
            f"Still going: {one_line(describe(state))}",
            *failed_steps(state),
            *_notes(state, FACTS // 2),
            _PROVISIONAL if state.provisional else "",
            "Call get_run to go on waiting; the run goes on by itself.",
            f"run: {state.ref}",
        )
        if part
    )


def _notes(state: RunState, room: int) -> list[str]:
    notes = [line for note in state.notes if (line := one_line(note, most=500))]
    return listed(notes, len(notes), "note", room)


def _outcome(state: RunState) -> str:
    match state.status:
        case Status.COMPLETED if state.failed_steps:
            failed = len(state.failed_steps) + state.failed_steps_left_out
            return f"completed, but {failed} of {state.step_number} steps failed"
        case Status.ERROR:
            where = f" in step {as_name(state.steps[-1].name)}" if state.steps else ""
            return f"failed{where}: {one_line(state.error)}"
        case Status.PAUSED:
            return "paused: it waits for an answer"
        case _ if state.orphaned:
            return f"{state.status.lower()}, as AgentOS calls it"
        case Status.CANCELLED:
            return "cancelled" + (f": {one_line(state.error)}" if state.error else "")
        case _:
            return state.status.lower()


def _duration(seconds: float) -> str:
    if not seconds:
        return ""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f} min {rest:.0f} s" if minutes else f"{rest:.1f} s"


def _tokens(tokens: int) -> str:
    return f"{tokens:,} tokens" if tokens else ""


def piece(words: str, *, tokens: int, offset: int = 0) -> tuple[str, str]:
    """The part of a long text that fits the budget, and a line on where the next one begins, '' at the end."""
    most = characters(tokens)
    part = words[offset : offset + most]
    left = len(words) - offset - len(part)
    return part, f"{left:,} more characters: get_run with offset={offset + len(part)}" if left > 0 else ""


def cut_lines(text: str, most: int) -> str:
    """Lines that each say whose they are, cut at the end of one."""
    if len(text) <= most:
        return text
    kept = text[:most].rpartition("\n")[0] or text[:most]
    return f"{kept}\n({len(text) - len(kept):,} more characters)"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A markdown table. Cells are one line each, without bars of their own; of a list, its items."""
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return "\n".join([*lines, *map(table_row, rows)])


_CELL = 160


def table_row(row: Sequence[object]) -> str:
    return f"| {' | '.join(_cell(value) for value in row)} |"


def _cell(value: object) -> str:
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value[:_CELL]))
    words = "" if value is None else str(value)
    return _BAR.sub(r"\1\1\\|", one_line(words, most=_CELL))


_BAR = re.compile(r"(\\*)\|")
"""A bar, with the backslashes that would take its escape away."""


def when(moment: object) -> str:
    """A moment as people read it: seconds since 1970, or ISO 8601, -> "2026-11-21 05:48 UTC"; '' for none."""
    if isinstance(moment, str):
        try:
            return _read(datetime.fromisoformat(moment))
        except (ValueError, OverflowError):
            return one_line(moment, most=40)
    seconds = number(moment)
    try:
        return _read(datetime.fromtimestamp(seconds, UTC)) if seconds > 0 else ""
    except (ValueError, OverflowError, OSError):
        return ""


def _read(moment: datetime) -> str:
    # AgentOS's own times are in UTC where they do not say.
    return (moment.astimezone(UTC) if moment.tzinfo else moment).strftime("%Y-%m-%d %H:%M UTC")


def fenced(words: str) -> str:
    """A component's words set apart; a fence that they cannot close themselves."""
    words = strip_control_chars(words)
    longest = max(map(len, re.findall("`{3,}", words)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}\n{words}\n{fence}"


def page_note(meta: object, shown: int) -> str:
    """ "20 of 143; page=2" where there is more, else ''."""
    if not isinstance(meta, Mapping):
        return ""
    total, page, pages = (meta.get(key) for key in ("total_count", "page", "total_pages"))
    if not isinstance(total, int) or total <= shown:
        return ""
    if isinstance(page, int) and isinstance(pages, int) and page < pages:
        return f"{shown} of {total}; page={page + 1} has more"
    return f"{shown} of {total}"


def without_nulls(value: Any) -> Any:
    """Data without the keys that say nothing."""
    if isinstance(value, Mapping):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(inner) for inner in value]
    return value
