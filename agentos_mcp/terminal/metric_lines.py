"""The figures of `metrics` over time: a line for each with a sparkline, its total and its highest day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TextIO

from agentos_mcp.terminal.sparkline import sparkline
from agentos_mcp.terminal.terminal_features import can_encode
from agentos_mcp.tooling.results import Table

_TOTAL = "total"
_MAX_DAYS = 3_660
_FIGURES = ("agent runs", "team runs", "workflow runs", "sessions", "tokens in", "tokens out", "users")
_MIN_WIDTH = 5


def metric_lines(table: Table, width: int, stream: TextIO) -> Iterator[str]:
    """A line for each figure that is not always 0; days without figures count as 0."""
    ascii_only = not can_encode("▁█", stream)
    by_day = {day: row for row in table.rows if row[0] != _TOTAL and (day := _day(row[0])) is not None}
    if not by_day:
        return
    first, last = min(by_day), max(by_day)
    days = [first + timedelta(days=offset) for offset in range(min((last - first).days, _MAX_DAYS) + 1)]
    series = {
        name: [_number(by_day[day][table.columns.index(name)]) if day in by_day else 0 for day in days]
        for name in _FIGURES
        if name in table.columns
    }
    series = {name: values for name, values in series.items() if any(values)}
    label_width = max(map(len, series), default=0)
    yield f"{'':<{label_width}}  {first} to {last}"
    for name, values in series.items():
        most = max(values)
        total = "" if name == "users" else f"{sum(values):,} in all, "
        words = f"{total}most {most:,} on {days[values.index(most)]}"
        bars = sparkline(values, max(_MIN_WIDTH, width - label_width - len(words) - 4), ascii_only=ascii_only)
        yield f"{name:<{label_width}}  {bars}  {words}"


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
