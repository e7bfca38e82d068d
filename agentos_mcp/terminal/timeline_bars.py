"""A timeline as bars of text, a row each, cut to a width; without characters that the terminal does not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

from agentos_mcp.agentos.formats import format_duration, format_time
from agentos_mcp.runs.timeline import Timeline, TimelineRow, within
from agentos_mcp.terminal.terminal_features import can_encode, colorize
from agentos_mcp.terminal.text_width import display_width, pad, truncate

MAX_ROWS = 500
_MIN_BAR_WIDTH = 10
_MAX_LABEL_WIDTH = 48
_MIN_LABEL_WIDTH = 8
_SIGNS = {
    "completed": ("✔", "+", "green"),
    "failed": ("✘", "x", "red"),
    "paused": ("?", "?", "yellow"),
    "cancelled": ("-", "-", "dim"),
    "running": ("▸", ">", ""),
    "pending": ("·", ".", "dim"),
}
"""Of a row's status: its sign, the same in ASCII, and its color."""


def timeline_lines(timeline: Timeline, width: int, stream: TextIO, *, with_ids: bool = False) -> Iterator[str]:
    """The heading, a line for each row with its bar, and the reasons of failures: each at most `width` columns."""
    ascii_only = not can_encode("✔✘▸█…·", stream)
    timeline = within(timeline, MAX_ROWS)
    yield _cut(truncate(_plain(_heading(timeline), ascii_only), width), ascii_only)
    durations = [format_duration(row.seconds) if row.seconds else "" for row in timeline.rows]
    tokens = [f"{row.tokens:,} tokens" if row.tokens else "" for row in timeline.rows]
    ids = [row.id if with_ids else "" for row in timeline.rows]
    labels = [_plain(_label(row), ascii_only) for row in timeline.rows]
    label_width = min(max(map(display_width, labels), default=0), _MAX_LABEL_WIDTH, max(_MIN_LABEL_WIDTH, width // 3))
    columns = [durations, tokens, ids]
    widths = [max(map(len, column), default=0) for column in columns]
    # What does not fit beside a bar is left out, the last first.
    while widths and _bar_width(width, label_width, widths) < _MIN_BAR_WIDTH:
        widths.pop()
    bar_width = max(1, _bar_width(width, label_width, widths))
    for index, row in enumerate(timeline.rows):
        sign, ascii_sign, color = _SIGNS[row.status]
        cells = [column[index].rjust(wide) for column, wide in zip(columns, widths, strict=False) if wide]
        label = pad(truncate(labels[index], label_width), label_width)
        bar = colorize(_bar(row, timeline.seconds, bar_width, ascii_only=ascii_only), color, stream)
        shown_sign = colorize(ascii_sign if ascii_only else sign, color, stream)
        yield "  ".join([f"{shown_sign} {_cut(label, ascii_only)}", bar, *cells]).rstrip()
        if row.error:
            yield colorize(_cut(truncate(_plain(f"    {row.error}", ascii_only), width), ascii_only), "red", stream)
    if timeline.rows_left_out:
        yield truncate(f"and {timeline.rows_left_out:,} more", width)


def _bar_width(width: int, label_width: int, widths: list[int]) -> int:
    return width - 2 - label_width - 2 - sum(wide + 2 for wide in widths if wide)


def _heading(timeline: Timeline) -> str:
    facts = [
        timeline.status,
        format_duration(timeline.seconds) if timeline.seconds else "",
        f"{timeline.tokens:,} tokens" if timeline.tokens else "",
        format_time(timeline.started_at) if timeline.started_at else "",
    ]
    return " · ".join([timeline.title, *filter(None, facts)])


def _label(row: TimelineRow) -> str:
    kind = f"{row.kind} " if row.kind not in ("", "run") else ""
    return f"{'  ' * min(row.depth, 10)}{kind}{row.label}"


def _bar(row: TimelineRow, total: float, width: int, *, ascii_only: bool) -> str:
    """The bar in its place, at least one column wide, padded."""
    if total <= 0:
        return " " * width
    first = min(width - 1, int(row.start / total * width))
    last = min(width, max(first + 1, round(row.end / total * width)))
    block = "#" if ascii_only else "█"
    return " " * first + block * (last - first) + " " * (width - last)


def _plain(text: str, ascii_only: bool) -> str:
    """Text for a terminal with ASCII alone: what it lacks is a question mark."""
    return text.replace(" · ", " - ").encode("ascii", "replace").decode() if ascii_only else text


def _cut(text: str, ascii_only: bool) -> str:
    """The mark of what was cut, in ASCII."""
    return text.replace("…", "~") if ascii_only else text
