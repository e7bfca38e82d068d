"""What commands print on standard output: text for people, one JSON document for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO, cast

from agentos_mcp.agentos.hints import Surface
from agentos_mcp.agentos.plain_text import escaped_json, strip_control_chars
from agentos_mcp.terminal.ansi import columns as columns_of
from agentos_mcp.terminal.ansi import fitted, padded, width_of
from agentos_mcp.tooling.results import Message, Record, Table

WHOLE = 10**9
"""A budget of tokens: nothing is cut for a terminal."""

Printable = str | Message | Table | Record

_NARROWEST = 16
_PROSE = 24
"""A column with a cell of words that is longer is prose."""


def print_text(*results: Printable, surface: Surface) -> None:
    """Print results for people: as wide as their terminal, or whole where they are read by a program."""
    width = width_of(sys.stdout) if sys.stdout.isatty() else 0
    texts = [as_text(result, surface, width) for result in results]
    # Also where it is piped: what is read there is shown in the end.
    print(strip_control_chars("\n\n".join(filter(None, texts))))


def print_json(data: Mapping[str, Any]) -> None:
    """Print the one JSON document of a command."""
    # A Windows pipe may have a code page that JSON's readers do not expect.
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(escaped_json(json.dumps(data, ensure_ascii=not unicode, indent=2, default=str)))


def never_fail(stream: TextIO) -> None:
    """Let a stream write what its encoding does not have as an escape, instead of failing."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def data_of(result: Printable, surface: Surface) -> dict[str, Any]:
    """A result as data."""
    return {"text": result} if isinstance(result, str) else result.data(surface=surface)


def as_text(result: Printable, surface: Surface, width: int = 0) -> str:
    """A result as text; 0 columns: as wide as it is."""
    if isinstance(result, str):
        return result
    return aligned(result, surface, width) if isinstance(result, Table) else result.text(WHOLE, surface)


def aligned(table: Table, surface: Surface, width: int = 0) -> str:
    """A table in columns, without those that say nothing; prose gives way where a terminal is too narrow."""
    if not table.rows:
        return table.empty_text(surface)
    columns = [_Column(head, [_cell(row[at]) for row in table.rows]) for at, head in enumerate(table.columns)]
    columns = _narrowed([column for column in columns if any(column.cells)], width)
    lines = ["  ".join(column.line(at) for column in columns).rstrip() for at in range(-1, len(table.rows))]
    return "\n".join([*lines, *filter(None, table.notes(surface))])


class _Column:
    def __init__(self, head: str, cells: list[str]) -> None:
        self.head = head.upper()
        self.cells = cells
        self.width = max(map(columns_of, [head, *cells]))
        self.is_prose = any(" " in cell and len(cell) > _PROSE for cell in cells)

    def line(self, at: int) -> str:
        """Its part of a row; of the head at -1."""
        return padded(fitted(self.head if at < 0 else self.cells[at], self.width), self.width)


def _narrowed(columns: list[_Column], width: int) -> list[_Column]:
    """The columns as they fit: prose narrower and narrower, then without it. Ids and dates are never cut."""
    while width and sum(column.width + 2 for column in columns) - 2 > width:
        prose = [column for column in columns if column.is_prose]
        if not prose or len(columns) == 1:
            break
        widest = max(prose, key=lambda column: column.width)
        if widest.width > _NARROWEST:
            widest.width -= 1
        else:
            columns = [column for column in columns if column is not prose[-1]]
    return columns


def _cell(value: object) -> str:
    several = cast("Sequence[object]", value) if isinstance(value, list | tuple) else None
    words = ", ".join(map(str, several)) if several is not None else "" if value is None else str(value)
    return " ".join(strip_control_chars(words).split())
