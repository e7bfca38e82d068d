"""AgentOS's figures as charts, chosen by the shape of the data, with their table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal

from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.results import Table
from agentos_mcp.tools.metrics import get_metrics
from agentos_mcp.views.content import Chart, ViewContent

_TOTAL = "total"
_CHARTS = {
    "Runs by day": ("agent runs", "team runs", "workflow runs"),
    "Tokens by day": ("tokens in", "tokens out"),
}
_MAX_BARS = 31
"""Days; more are drawn as lines."""
_MAX_DAYS = 366


async def metrics_view(ctx: ToolContext, since: str, until: str, user_id: str, db_id: str) -> ViewContent:
    """What the view of the figures of some days shows."""
    table = await get_metrics(ctx, since, until, user_id, db_id)
    return figures_view(table, table.empty_text(ctx.surface))


def figures_view(table: Table, empty: str) -> ViewContent:
    """The figures of `get_metrics` as charts and a table; columns without any are left out."""
    shown = [at for at in range(len(table.columns)) if any(row[at] for row in table.rows)]
    total = next((row for row in table.rows if row[0] == _TOTAL), None)
    return ViewContent(
        "Metrics",
        facts=[
            (column, f"{value:,}")
            for column, value in zip(table.columns[1:], total[1:], strict=True)
            if isinstance(value, int)
        ]
        if total is not None
        else [],
        charts=_charts(table),
        columns=[table.columns[at] for at in shown],
        rows=[[row[at] for at in shown] for row in table.rows],
        empty="" if table.rows else empty,
    )


def _charts(table: Table) -> list[Chart]:
    """None for a single day, which its row tells; bars for some days, lines for many. Days without figures are 0."""
    by_day = {day: row for row in table.rows if (day := _day(row[0])) is not None}
    if len(by_day) < 2:
        return []
    last = max(by_day)
    first = max(min(by_day), date.fromordinal(max(last.toordinal() - _MAX_DAYS, 1)))
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    charts = []
    for title, names in _CHARTS.items():
        series = [(name, _values(table, name, days, by_day)) for name in names if name in table.columns]
        series = [(name, values) for name, values in series if any(values)]
        if series:
            kind: Literal["bars", "lines"] = "bars" if len(days) <= _MAX_BARS else "lines"
            charts.append(Chart(title, kind, [f"{day:%b %d}" for day in days], series))
    return charts


def _values(table: Table, name: str, days: Sequence[date], by_day: dict[date, Sequence[object]]) -> list[int]:
    at = table.columns.index(name)
    values = [by_day[day][at] if day in by_day else 0 for day in days]
    return [value if isinstance(value, int) else 0 for value in values]


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None
