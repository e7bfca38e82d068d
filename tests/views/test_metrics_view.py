"""Figures as charts, chosen by their shape, with their table."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from agentos_mcp.tooling.results import Table
from agentos_mcp.views.metrics_view import figures_view

COLUMNS = ("day (UTC)", "agent runs", "team runs", "tokens in", "tokens out")


def view_of(*rows: tuple[object, ...]) -> dict[str, Any]:
    return figures_view(Table(COLUMNS, rows, empty="none"), "No figures.").to_data()


def days(count: int) -> list[tuple[object, ...]]:
    first = date(2026, 1, 1)
    return [(f"{first + timedelta(days=at)}", at + 1, None, 10, 5) for at in range(count)]


def test_single_day_has_a_table_alone() -> None:
    data = view_of(*days(1))
    assert (data["charts"], data["table"]["rows"]) == ([], [["2026-01-01", 1, 10, 5]])


def test_some_days_are_bars_and_many_are_lines() -> None:
    assert [chart["kind"] for chart in view_of(*days(7))["charts"]] == ["bars", "bars"]
    assert [chart["kind"] for chart in view_of(*days(60))["charts"]] == ["lines", "lines"]


def test_days_without_figures_count_as_zero_and_figures_without_values_are_left_out() -> None:
    (first, *_, last) = days(4)
    runs, _ = view_of(last, first)["charts"]
    assert runs["labels"] == ["Jan 01", "Jan 02", "Jan 03", "Jan 04"]
    assert runs["series"] == [{"name": "agent runs", "values": [1, 0, 0, 4]}]


def test_total_is_told_first() -> None:
    data = view_of(("total", 1_234, None, 20, 10), *days(2))
    assert data["facts"] == [["agent runs", "1,234"], ["tokens in", "20"], ["tokens out", "10"]]


def test_no_figures_say_so() -> None:
    data = view_of()
    assert (data["empty"], data["table"], data["charts"]) == ("No figures.", None, [])


def test_days_far_apart_are_bounded() -> None:
    (chart, _) = view_of(("2026-01-01", 1, 0, 1, 1), ("0001-01-01", 1, 0, 1, 1))["charts"]
    assert len(chart["labels"]) < 400


def test_days_at_the_beginning_of_the_calendar_are_shown() -> None:
    (chart, _) = view_of(("0001-01-02", 1, 0, 1, 1), ("0001-01-01", 1, 0, 1, 1))["charts"]
    assert chart["labels"] == ["Jan 01", "Jan 02"]
