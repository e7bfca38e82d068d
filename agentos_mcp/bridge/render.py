"""Results as short markdown: the answer first, then what a reader needs to know, cut to a budget."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agentos_mcp.agentos.pauses import questions
from agentos_mcp.agentos.run import RunState, Status
from agentos_mcp.bridge.progress import describe

CHARACTERS_PER_TOKEN = 4
"""A rule of thumb for English and JSON; results are cut by characters."""

LARGEST = 200_000
"""Characters of one answer's piece, however large the budget: no message may pass a megabyte in any script."""

RULE = "---"
"""Above it a component's own words, below it ours."""


def run_result(state: RunState, *, tokens: int, offset: int = 0) -> str:
    """A run's answer from `offset` on, then its facts and its reference."""
    # A paused run's content is a stock phrase of AgentOS's.
    words = "" if state.status is Status.PAUSED else answer_text(state)
    answer = piece(words, tokens=tokens, offset=offset)
    return "\n".join(part for part in (answer, RULE if answer else "", *facts(state)) if part)


def run_data(state: RunState, *, tokens: int) -> dict[str, Any]:
    """A run as data that is enough by itself; an answer that is data stays data where it fits."""
    answer: Any = answer_text(state)
    whole = len(answer) <= tokens * CHARACTERS_PER_TOKEN
    if state.answer is not None and not isinstance(state.answer, str) and whole:
        answer = without_nulls(state.answer)
    elif not whole:
        answer = piece(answer, tokens=tokens)
    data = {"run": str(state.ref), "status": state.status.lower(), "facts": facts(state)[:-1]}
    return data if state.status is Status.PAUSED else data | {"answer": answer}


def answer_text(state: RunState) -> str:
    """The answer as text; data (where a schema was asked for) as JSON; else the words so far."""
    if state.answer is None or isinstance(state.answer, str):
        return state.text.strip()
    return json.dumps(without_nulls(state.answer), ensure_ascii=False, indent=1)


def facts(state: RunState) -> list[str]:
    """How the run went, what failed in it, and its reference; a line each."""
    lines = [" · ".join(part for part in (_outcome(state), _duration(state.seconds), _tokens(state.tokens)) if part)]
    lines += [f"failed step {step.name}: {one_line(step.error)}" for step in state.failed_steps]
    lines += [f"failed tool {name}: {one_line(error)}" for name, error in state.failed_tools]
    lines += [ORPHANED] if state.orphaned else []
    lines += state.notes
    lines += [f"AgentOS did not take the answers: {one_line(state.not_taken, most=600)}."] if state.not_taken else []
    lines += asked(state)
    lines.append(f"run: {state.ref}")
    return lines


def asked(state: RunState) -> list[str]:
    """What a paused run waits for, and how to answer it, in plain words."""
    if state.status is not Status.PAUSED:
        return []
    waiting = questions(state.ref, state.requirements)
    lines = []
    for question in waiting:
        lines.append(f"- {question.key}: {one_line(question.title)} {one_line(question.details, most=1200)}".rstrip())
        if question.how:
            lines.append(f"  {question.how}")
    if any(question.fields for question in waiting):
        lines.append("Ask the user, then call continue_run(run, answers). Never answer for them.")
    return lines


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
        return "\n".join((ORPHANED, *state.notes, ORPHANED_NEXT, f"run: {state.ref}"))
    return "\n".join(
        part
        for part in (
            f"Still going: {describe(state)}",
            *(f"failed step {step.name}: {one_line(step.error)}" for step in state.failed_steps),
            *state.notes,
            _PROVISIONAL if state.provisional else "",
            "Call get_run to go on waiting; the run goes on by itself.",
            f"run: {state.ref}",
        )
        if part
    )


def _outcome(state: RunState) -> str:
    match state.status:
        case Status.COMPLETED if state.failed_steps:
            return f"completed, but {len(state.failed_steps)} of {len(state.steps)} steps failed"
        case Status.ERROR:
            where = f" in step {state.steps[-1].name}" if state.steps else ""
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


def piece(words: str, *, tokens: int, offset: int = 0) -> str:
    """The part of a long text that fits the budget, and where the next one begins."""
    most = min(tokens * CHARACTERS_PER_TOKEN, LARGEST)
    part = words[offset : offset + most]
    left = len(words) - offset - len(part)
    if left <= 0:
        return part
    return f"{part}\n[{left:,} more characters: get_run with offset={offset + len(part)}]"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A markdown table. Cells are one line each, without bars of their own; of a list, its items."""
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return "\n".join([*lines, *map(table_row, rows)])


def table_row(row: Sequence[object]) -> str:
    return f"| {' | '.join(_cell(value) for value in row)} |"


def _cell(value: object) -> str:
    words = ", ".join(map(str, value)) if isinstance(value, list | tuple) else "" if value is None else str(value)
    return one_line(words, most=160).replace("|", "\\|")


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
    line = " ".join(words.split())
    return line if len(line) <= most else line[: most - 1] + "…"


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
