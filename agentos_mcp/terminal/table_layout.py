"""A table in aligned columns, cut to a terminal's width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from agentos_mcp.agentos.hints import Surface
from agentos_mcp.agentos.plain_text import strip_control_chars
from agentos_mcp.terminal.text_width import display_width, pad, truncate
from agentos_mcp.tooling.results import Table

_MIN_PROSE_WIDTH = 16
_MAX_LABEL_LENGTH = 24
"""A column with a cell of several words that is longer is prose."""


def align_table(table: Table, surface: Surface, width: int = 0) -> str:
    """A table in columns, empty ones left out; prose is cut to fit `width` columns (0: nothing is cut)."""
    if not table.rows:
        return table.empty_text(surface)
    columns = [
        _Column(heading, [_cell_text(row[index]) for row in table.rows]) for index, heading in enumerate(table.columns)
    ]
    columns = _fit([column for column in columns if any(column.cells)], width)
    lines = ["  ".join(column.line(row) for column in columns).rstrip() for row in range(-1, len(table.rows))]
    return "\n".join([*lines, *filter(None, table.notes(surface))])


class _Column:
    def __init__(self, heading: str, cells: list[str]) -> None:
        self.heading = heading.upper()
        self.cells = cells
        self.width = max(map(display_width, [heading, *cells]))
        self.is_prose = any(" " in cell and len(cell) > _MAX_LABEL_LENGTH for cell in cells)

    def line(self, row: int) -> str:
        """Its cell in a row, cut and padded to its width; the heading for -1."""
        return pad(truncate(self.heading if row < 0 else self.cells[row], self.width), self.width)


def _fit(columns: list[_Column], width: int) -> list[_Column]:
    """The columns as they fit: prose is cut, then left out. Ids and dates are never cut."""
    while width and sum(column.width + 2 for column in columns) - 2 > width:
        prose = [column for column in columns if column.is_prose]
        if not prose or len(columns) == 1:
            break
        widest = max(prose, key=lambda column: column.width)
        if widest.width > _MIN_PROSE_WIDTH:
            widest.width -= 1
        else:
            columns = [column for column in columns if column is not prose[-1]]
    return columns


def _cell_text(value: object) -> str:
    items = cast("Sequence[object]", value) if isinstance(value, list | tuple) else None
    text = ", ".join(map(str, items)) if items is not None else "" if value is None else str(value)
    return " ".join(strip_control_chars(text).split())
