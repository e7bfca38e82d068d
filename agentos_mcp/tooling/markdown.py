"""Values as short markdown: tables, fences, times."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agentos_mcp.agentos.hints import Parameter, Surface
from agentos_mcp.agentos.json_values import number
from agentos_mcp.agentos.plain_text import one_line, strip_control_chars

__all__ = [
    "cut_lines",
    "fenced",
    "one_line",
    "page_note",
    "table",
    "table_row",
    "when",
    "without_nulls",
]


def cut_lines(text: str, most: int) -> str:
    """Lines that each say whose they are, cut at the end of one."""
    if len(text) <= most:
        return text
    kept = text[:most].rpartition("\n")[0] or text[:most]
    return f"{kept}\n({len(text) - len(kept):,} more characters)"


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
    return _BAR.sub(r"\1\1\\|", one_line(words, most=_CELL))


_BAR = re.compile(r"(\\*)\|")
"""A bar, with the backslashes that would take its escape away."""


def when(moment: object) -> str:
    """A moment as people read it: seconds since 1970, or ISO 8601, -> "2026-11-21 05:48 UTC"; '' for none."""
    if isinstance(moment, str):
        try:
            return _read(datetime.fromisoformat(moment))
        except (ValueError, OverflowError):
            return one_line(moment, most=40)
    seconds = number(moment)
    try:
        return _read(datetime.fromtimestamp(seconds, UTC)) if seconds > 0 else ""
    except (ValueError, OverflowError, OSError):
        return ""


def _read(moment: datetime) -> str:
    # AgentOS's own times are in UTC where they do not say.
    return (moment.astimezone(UTC) if moment.tzinfo else moment).strftime("%Y-%m-%d %H:%M UTC")


def fenced(words: str) -> str:
    """A component's words set apart; a fence that they cannot close themselves."""
    words = strip_control_chars(words)
    longest = max(map(len, re.findall("`{3,}", words)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}\n{words}\n{fence}"


def page_note(meta: object, shown: int, surface: Surface) -> str:
    """ "20 of 143; page=2 has more" where there is more, else ''."""
    if not isinstance(meta, Mapping):
        return ""
    total, page, pages = (meta.get(key) for key in ("total_count", "page", "total_pages"))
    if not isinstance(total, int) or total <= shown:
        return ""
    if isinstance(page, int) and isinstance(pages, int) and page < pages:
        return f"{shown} of {total}; {surface.parameter(Parameter('page', page + 1))} has more"
    return f"{shown} of {total}"


def without_nulls(value: Any) -> Any:
    """Data without the keys that say nothing."""
    if isinstance(value, Mapping):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(inner) for inner in value]
    return value
