"""A list of runs as a table: whose they are, when they started, what became of them."""

from __future__ import annotations

from collections.abc import Sequence

from agentos_mcp.agentos.formats import format_time
from agentos_mcp.agentos.runs.history import RunSummary

RUN_COLUMNS = ("run", "status", "user", "started", "input", "answer")


def run_rows(runs: Sequence[RunSummary], user_id: str = "") -> list[tuple[object, ...]]:
    """Rows of RUN_COLUMNS. The user is left out where only runs of this one were asked for."""
    return [
        (
            str(run.ref),
            run.outcome,
            "" if user_id else run.user_id,
            format_time(run.started_at),
            run.input,
            run.answer,
        )
        for run in runs
    ]
