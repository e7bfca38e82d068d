"""A list of runs as a table: whose they are, when they started, what became of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agentos_mcp.agentos.hints import Hint, Parameter, as_hint, hint
from agentos_mcp.agentos.runs.history import RunSearchResult, RunSummary
from agentos_mcp.tooling.typed_values import run_value, time_value

_MIN_SHORT_LENGTH = 8
_PLAIN_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{5,}")

RUN_COLUMNS = ("run", "status", "user", "started", "input", "answer")


def unread_outcomes_hint(result: RunSearchResult) -> Hint:
    """How many runs are missing from a list of failed ones because their steps were not read; nothing where none is."""
    if not result.unread_outcomes:
        return as_hint("")
    return hint(
        "Whether steps of {count} older completed workflow runs failed was not read: a shorter time "
        "({since}, {until}) reads them.",
        count=f"{result.unread_outcomes:,}",
        since=Parameter("since"),
        until=Parameter("until"),
    )


def run_rows(runs: Sequence[RunSummary], user_id: str = "") -> list[tuple[object, ...]]:
    """Rows of RUN_COLUMNS. The user is left out where only runs of this one were asked for."""
    length = _short_length([run.ref.run for run in runs])
    return [
        (
            run_value(run.ref, short=run.ref.run[:length]),
            run.outcome,
            "" if user_id else run.user_id,
            time_value(run.started_at),
            run.input,
            run.answer,
        )
        for run in runs
    ]


def _short_length(run_ids: Sequence[str]) -> int:
    """How many characters of these ids tell them apart; 0 where nothing does, or a shell would need quotes."""
    if len(set(run_ids)) < len(run_ids) or not all(_PLAIN_ID.fullmatch(run_id) for run_id in run_ids):
        return 0
    longest = max(map(len, run_ids), default=0)
    for length in range(_MIN_SHORT_LENGTH, longest):
        if len({run_id[:length] for run_id in run_ids}) == len(run_ids):
            return length
    return longest
