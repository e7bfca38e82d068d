"""A table in aligned columns that fit a terminal: columns are cut, shortened or left out, the least important first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from agentos_mcp.agentos.hints import Surface
from agentos_mcp.agentos.plain_text import strip_control_chars
from agentos_mcp.terminal.text_width import display_width, pad, truncate
from agentos_mcp.tooling.results import Table
from agentos_mcp.tooling.typed_values import TypedValue

_MIN_WIDTH = 12
"""Columns that a text is not cut below."""
_MAX_LABEL_LENGTH = 24
"""A column with a cell of several words that is longer is prose."""
_NEVER_LEFT_OUT = ("status", "result", "state")


def align_table(table: Table, surface: Surface, width: int = 0) -> str:
    """A table in columns, empty ones left out; no row is wider than `width` (0: nothing is cut)."""
    if not table.rows:
        return table.empty_text(surface)
    columns = [_Column(heading, [row[index] for row in table.rows]) for index, heading in enumerate(table.columns)]
    columns = [column for column in columns if any(column.cells)]
    if width:
        columns = _fit(columns, width)
    lines = ["  ".join(column.line(row) for column in columns).rstrip() for row in range(-1, len(table.rows))]
    return "\n".join([*lines, *filter(None, table.notes(surface))])


class _Column:
    def __init__(self, heading: str, values: Sequence[object]) -> None:
        self.heading = heading.upper()
        self.cells = [_cell_text(value) for value in values]
        self._short_cells = [value.short if isinstance(value, TypedValue) else "" for value in values]
        self.is_prose = any(" " in cell and len(cell) > _MAX_LABEL_LENGTH for cell in self.cells)
        # Half a time or half a number says something else.
        self.is_text = all(isinstance(value, str | list | tuple | None) for value in values)
        self.never_left_out = heading in _NEVER_LEFT_OUT
        self.width = self.widest

    @property
    def widest(self) -> int:
        return max(map(display_width, [self.heading, *self.cells]))

    def shorten(self) -> bool:
        """Show the short forms of its values; False where they have none."""
        if not all(self._short_cells) or self.cells == self._short_cells:
            return False
        self.cells = self._short_cells
        return True

    def line(self, row: int) -> str:
        """Its cell in a row, cut and padded to its width; the heading for -1."""
        return pad(truncate(self.heading if row < 0 else self.cells[row], self.width), self.width)


def _fit(columns: list[_Column], width: int) -> list[_Column]:
    """The columns that fit, with their widths: texts are cut first, then references shortened, then columns left out.

    The first column says what to type to see more: it is cut only where it is wider than the terminal by itself.
    """
    while not _cut_texts(columns, width):
        shortened = [column for column in columns if column.shorten()]
        if shortened:
            continue
        if len(columns) == 1:
            columns[0].width = width
            break
        left_out = next((column for column in columns[:0:-1] if not column.never_left_out), columns[-1])
        columns = [column for column in columns if column is not left_out]
    return columns


def _cut_texts(columns: list[_Column], width: int) -> bool:
    """Make the columns as wide as they can be together, the widest text narrower first; False where they do not fit."""
    for column in columns:
        column.width = column.widest
    while sum(column.width + 2 for column in columns) - 2 > width:
        cuttable = [column for column in columns[1:] if column.is_text and column.width > _MIN_WIDTH]
        prose = [column for column in cuttable if column.is_prose]
        if not cuttable:
            return False
        widest = max(prose or cuttable, key=lambda column: column.width)
        widest.width -= 1
    return True


def _cell_text(value: object) -> str:
    items = cast("Sequence[object]", value) if isinstance(value, list | tuple) else None
    text = ", ".join(map(str, items)) if items is not None else "" if value is None else str(value)
    return " ".join(strip_control_chars(text).split())
