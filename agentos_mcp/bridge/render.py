"""Results as short markdown: the answer first, then what a reader needs to know, cut to a budget."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agentos_mcp.agentos.pauses import questions
from agentos_mcp.agentos.run import RunState, Status, shortened
from agentos_mcp.bridge.budget import FACTS, LARGEST, characters, listed
from agentos_mcp.bridge.progress import describe

RULE = "---"
"""Above it a component's own words, below it ours."""

_PRETTY = 50_000
"""Characters of JSON that is laid out over several lines: deep data takes many times its size then."""


def run_result(state: RunState, *, tokens: int, offset: int = 0) -> str:
    """A run's answer from `offset` on, then its facts and its reference."""
    # A paused run's content is a stock phrase of AgentOS's.
    words = "" if state.status is Status.PAUSED else answer_text(state)
    answer = piece(words, tokens=tokens, offset=offset)
    room = max(FACTS, characters(tokens) - len(answer))
    return "\n".join(part for part in (answer, RULE if answer else "", *facts(state, room=room)) if part)


def run_data(state: RunState, *, tokens: int) -> dict[str, Any]:
    """A run as data that is enough by itself; an answer that is data stays data where it fits."""
    answer: Any = answer_text(state)
    whole = len(answer) <= characters(tokens)
    if state.answer is not None and not isinstance(state.answer, str) and whole:
        answer = without_nulls(state.answer)
    elif not whole:
        answer = piece(answer, tokens=tokens)
    room = max(FACTS, characters(tokens) - len(answer if isinstance(answer, str) else answer_text(state)))
    data = {"run": str(state.ref), "status": state.status.lower(), "facts": facts(state, room=room)[:-1]}
    return data if state.status is Status.PAUSED else data | {"answer": answer}


def answer_text(state: RunState) -> str:
    """The answer as text; data (where a schema was asked for) as JSON; else the words so far."""
    if state.answer is None or isinstance(state.answer, str):
        return state.text.strip()
    data = without_nulls(state.answer)
    compact = json.dumps(data, ensure_ascii=False)
    return compact if len(compact) > _PRETTY else json.dumps(data, ensure_ascii=False, indent=1)


def facts(state: RunState, *, room: int = LARGEST) -> list[str]:
    """How the run went, what failed in it, and its reference; a line each.

    They have `room` characters, beside the first line and the reference; what does not fit is counted.
    """
    first = " · ".join(part for part in (_outcome(state), _duration(state.seconds), _tokens(state.tokens)) if part)
    notes = _notes(state, room // 2)
    if state.unsaid and state.answer is None:
        notes.append(f"its words went on for {state.unsaid:,} more characters, which are not kept here")
    room -= sum(map(len, notes))
    waiting = asked(state, room=room * 3 // 4)
    room -= sum(map(len, waiting))
    steps = failed_steps(state, room=room // 2)
    tools = listed(
        (f"failed tool {name}: {one_line(error)}" for name, error in state.failed_tools),
        len(state.failed_tools) + state.failed_tools_left_out,
        "failed tool",
        room - sum(map(len, steps)),
    )
    return [first, *steps, *tools, *notes, *waiting, f"run: {state.ref}"]


def failed_steps(state: RunState, *, room: int = FACTS) -> list[str]:
    """The steps that failed, a line each."""
    failed = state.failed_steps
    lines = (f"failed step {step.name}: {one_line(step.error)}" for step in failed)
    return listed(lines, len(failed) + state.failed_steps_left_out, "failed step", room)


def asked(state: RunState, *, room: int = LARGEST) -> list[str]:
    """What a paused run waits for, and how to answer it, in plain words."""
    if state.status is not Status.PAUSED:
        return []
    waiting = questions(state.ref, state.requirements)
    asking = (
        f"- {question.key}: {one_line(question.title)} {one_line(question.details, most=1200)}".rstrip()
        + (f"\n  {shortened(question.how, 1200)}" if question.how else "")
        for question in waiting
    )
    lines = listed(asking, len(waiting) + state.requirements_left_out, "question", room)
    if any(question.fields for question in waiting):
        lines.append("Ask the user, then call continue_run(run, answers). Never answer for them.")
    return lines


def standing(state: RunState) -> str:
    """Where a run stands that goes on: its step, who does what, the last words, and the next move."""
    return "\n".join(
        part
        for part in (
            f"Still going: {describe(state)}",
            *failed_steps(state),
            *_notes(state, FACTS // 2),
            "Call get_run to go on waiting; the run goes on by itself.",
            f"run: {state.ref}",
        )
        if part
    )


def _notes(state: RunState, room: int) -> list[str]:
    return listed((one_line(note, most=500) for note in state.notes), len(state.notes), "note", room)


def _outcome(state: RunState) -> str:
    match state.status:
        case Status.COMPLETED if state.failed_steps:
            failed = len(state.failed_steps) + state.failed_steps_left_out
            return f"completed, but {failed} of {state.step_number} steps failed"
        case Status.ERROR:
            where = f" in step {state.steps[-1].name}" if state.steps else ""
            return f"failed{where}: {one_line(state.error)}"
        case Status.PAUSED:
            return "paused: it waits for an answer"
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


def piece(words: str, *, tokens: int, offset: int = 0) -> str:
    """The part of a long text that fits the budget, and where the next one begins."""
    most = characters(tokens)
    part = words[offset : offset + most]
    left = len(words) - offset - len(part)
    if left <= 0:
        return part
    return f"{part}\n[{left:,} more characters: get_run with offset={offset + len(part)}]"


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
    return one_line(words, most=_CELL).replace("|", "\\|")


def when(moment: object) -> str:
    """A moment as people read it: seconds since 1970, or ISO 8601, -> "2026-11-21 05:48 UTC"; '' for none."""
    if isinstance(moment, str):
        try:
            return _read(datetime.fromisoformat(moment))
        except ValueError:
            return moment
    if isinstance(moment, int | float) and not isinstance(moment, bool) and moment > 0:
        return _read(datetime.fromtimestamp(moment, UTC))
    return ""


def _read(moment: datetime) -> str:
    # AgentOS's own times are in UTC where they do not say.
    return (moment.astimezone(UTC) if moment.tzinfo else moment).strftime("%Y-%m-%d %H:%M UTC")


def one_line(words: str, *, most: int = 300) -> str:
    """Words on one line, cut with an ellipsis."""
    # What is split is a piece that is long enough: a list of words takes ten times the room of the words.
    enough = most * 8
    line = " ".join(words.lstrip()[:enough].split())
    return line if len(line) <= most and len(words) <= enough else line[: most - 1] + "…"


def fenced(words: str) -> str:
    """A component's words set apart; a fence that they cannot close themselves."""
    fence = "```"
    while fence in words:
        fence += "`"
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
