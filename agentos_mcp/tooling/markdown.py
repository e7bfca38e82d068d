"""Values as short markdown: tables, fenced text, page notes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agentos_mcp.agentos.hints import Parameter, Surface
from agentos_mcp.agentos.plain_text import one_line, strip_control_chars

__all__ = [
    "cut_lines",
    "fenced",
    "one_line",
    "page_note",
    "table",
    "table_row",
    "without_nulls",
]


def cut_lines(text: str, max_length: int) -> str:
    """Lines that each say whose they are, cut at the end of one."""
    if len(text) <= max_length:
        return text
    head = text[:max_length].rpartition("\n")[0] or text[:max_length]
    return f"{head}\n({len(text) - len(head):,} more characters)"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A markdown table. Cells are one line each, without bars of their own; of a list, its items."""
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return "\n".join([*lines, *map(table_row, rows)])


MAX_CELL_LENGTH = 160
"""Characters of a cell; a longer one is cut."""


def table_row(row: Sequence[object]) -> str:
    return f"| {' | '.join(_cell(value) for value in row)} |"


def _cell(value: object) -> str:
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value[:MAX_CELL_LENGTH]))
    text = "" if value is None else str(value)
    return _BAR.sub(r"\1\1\\|", one_line(text, max_length=MAX_CELL_LENGTH))


_BAR = re.compile(r"(\\*)\|")
"""A bar, with the backslashes that would take its escape away."""


def fenced(text: str) -> str:
    """A component's words set apart; a fence that they cannot close themselves."""
    text = strip_control_chars(text)
    longest_fence = max(map(len, re.findall("`{3,}", text)), default=2)
    fence = "`" * (longest_fence + 1)
    return f"{fence}\n{text}\n{fence}"


def page_note(meta: object, row_count: int, surface: Surface) -> str:
    """ "20 of 143; page=2 has more" where there is more, else ''."""
    if not isinstance(meta, Mapping):
        return ""
    total, page, pages = (meta.get(key) for key in ("total_count", "page", "total_pages"))
    if not isinstance(total, int) or total <= row_count:
        return ""
    if isinstance(page, int) and isinstance(pages, int) and page < pages:
        return f"{row_count} of {total}; {surface.parameter(Parameter('page', page + 1))} has more"
    return f"{row_count} of {total}"


def without_nulls(value: Any) -> Any:
    """Data without the keys that say nothing."""
    if isinstance(value, Mapping):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(inner) for inner in value]
    return value
