"""Bars of a timeline, and sparklines, as text: within the width, in any encoding, with and without colors."""

from __future__ import annotations

import io
import re

import pytest

from agentos_mcp.runs.timeline import Timeline, TimelineRow
from agentos_mcp.terminal.metric_lines import metric_lines
from agentos_mcp.terminal.sparkline import sparkline
from agentos_mcp.terminal.text_width import display_width
from agentos_mcp.terminal.timeline_bars import MAX_ROWS, timeline_lines
from agentos_mcp.tooling.results import Table

ROWS = (
    TimelineRow("run", "Report", 0, "completed", 0.0, 4.0, tokens=1200),
    TimelineRow("step", "fetch (Analyst)", 1, "completed", 0.0, 1.0, tokens=200),
    TimelineRow("tool", "fetch_sales", 2, "failed", 0.5, 0.6, error="the table of north is locked"),
    TimelineRow("step", "write", 1, "paused", 1.0, 4.0, id="0123456789abcdef"),
)
TIMELINE = Timeline("Report", "completed", ROWS, 1_795_797_399, 4.0, 1200)
_COLOR = re.compile(r"\x1b\[\d+m")


class Stream(io.StringIO):
    def __init__(self, *, encoding: str = "utf-8", terminal: bool = False) -> None:
        super().__init__()
        self._encoding, self._terminal = encoding, terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a StringIO has none
        return self._encoding

    def isatty(self) -> bool:
        return self._terminal


def lines(timeline: Timeline = TIMELINE, width: int = 80, stream: Stream | None = None) -> list[str]:
    return list(timeline_lines(timeline, width, stream or Stream(), with_ids=True))


def test_bars_stand_where_their_parts_ran() -> None:
    heading, run, fetch, call, reason, write = lines()
    assert heading == "Report · completed · 4 s · 1,200 tokens · 2026-11-27 16:36 UTC"
    bars = [line.index("█") for line in (run, fetch, call, write)]
    assert bars[0] == bars[1] < bars[2] < bars[3]
    assert run.count("█") > write.count("█") > fetch.count("█") > call.count("█") >= 1
    assert "fetch_sales" in call
    assert reason.strip() == "the table of north is locked"
    assert write.endswith("0123456789abcdef")


@pytest.mark.parametrize("width", [20, 32, 40, 60, 79, 200])
def test_bars_fit_every_width(width: int) -> None:
    for line in lines(width=width):
        assert display_width(line) <= width, line


def test_bars_in_ascii_have_nothing_else() -> None:
    for width in (20, 40, 80):
        text = "\n".join(lines(width=width, stream=Stream(encoding="ascii")))
        assert text.isascii()
    assert "####" in text


def test_bars_are_colored_at_a_terminal_unless_no_color_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    colored = "\n".join(lines(stream=Stream(terminal=True)))
    assert "\x1b[31m✘\x1b[0m" in colored
    assert _COLOR.sub("", colored) == "\n".join(lines())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in "\n".join(lines(stream=Stream(terminal=True)))


def test_bars_of_a_huge_timeline_are_bounded() -> None:
    rows = [TimelineRow("tool", "漢" * 200, 30, "failed", 0.0, 1.0, error="e" * 500)] * 2_000
    shown = lines(Timeline("t", "failed", tuple(rows), 0.0, 1.0), 60)
    assert len(shown) <= 2 * MAX_ROWS + 2
    assert shown[-1] == "and 1,500 more"
    assert max(map(display_width, shown)) <= 60


def test_bars_of_an_empty_timeline_are_a_heading() -> None:
    assert lines(Timeline("t", "running", ())) == ["t · running"]
    assert len(lines(Timeline("t", "running", (TimelineRow("run", "t", 0, "running", 0.0, 0.0),)))) == 2


def test_sparkline_has_a_bar_for_each_value_and_none_of_them_is_lost() -> None:
    assert sparkline([0, 1, 50, 100], 10) == "▁▂▅█"
    assert sparkline([0, 0], 10) == "▁▁"
    assert sparkline([], 10) == ""
    assert sparkline([0, 100], 10, ascii_only=True) == "_@"
    assert len(sparkline(list(range(365)), 40)) == 40
    assert sparkline([-5, 1], 10) == "▁█"


def test_metric_lines_fill_days_without_figures_and_leave_out_empty_figures() -> None:
    table = Table(
        ("day (UTC)", "agent runs", "team runs", "users"),
        [("total", 12, None, None), ("2026-11-04", 8, None, 3), ("2026-11-01", 4, None, 1)],
        empty="",
    )
    heading, runs, users = metric_lines(table, 80, Stream())
    assert heading.strip() == "2026-11-01 to 2026-11-04"
    assert runs == "agent runs  ▅▁▁█  12 in all, most 8 on 2026-11-04"
    assert users.endswith("▃▁▁█  most 3 on 2026-11-04")
    hostile = Table(
        ("day (UTC)", "agent runs"), [("\x1b[31m", "9" * 99), ("0001-01-01", 1), ("9999-12-31", 1)], empty=""
    )
    shown = list(metric_lines(hostile, 80, Stream(encoding="ascii")))
    assert all(line.isascii() and len(line) <= 80 for line in shown)
