"""A list of runs as a table: whose they are, when they started, what became of them."""

from __future__ import annotations

from collections.abc import Sequence

from agentos_mcp.agentos.hints import Hint, Parameter, as_hint, hint
from agentos_mcp.agentos.runs.history import RunSearchResult, RunSummary
from agentos_mcp.tooling.typed_values import run_value, time_value

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
    return [
        (
            run_value(run.ref),
            run.outcome,
            "" if user_id else run.user_id,
            time_value(run.started_at),
            run.input,
            run.answer,
        )
        for run in runs
    ]
