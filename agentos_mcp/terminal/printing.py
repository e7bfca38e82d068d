"""What commands print on standard output: text for people, one JSON document for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO, cast

from agentos_mcp.agentos.plain_text import escaped_json, strip_control_chars
from agentos_mcp.terminal.ansi import columns as columns_of
from agentos_mcp.terminal.ansi import fitted, padded, width_of
from agentos_mcp.terminal.command_wording import in_commands
from agentos_mcp.tooling.markdown import page_note
from agentos_mcp.tooling.results import Record, Table

WHOLE = 10**9
"""A budget of tokens: nothing is cut for a terminal."""

Shown = str | Table | Record

_NARROWEST = 16
_PROSE = 24
"""A column with a cell of words that is longer is prose."""


def print_text(*results: Shown) -> None:
    """Print results for people: as wide as their terminal, or whole where they are read by a program."""
    texts = [as_text(result, width_of(sys.stdout) if sys.stdout.isatty() else 0) for result in results]
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


def data_of(result: Shown) -> dict[str, Any]:
    """A result as data; what it says of the tools is said of the commands."""
    if isinstance(result, str):
        return {"text": result}
    data = result.data()
    return data | {key: in_commands(data[key]) for key in ("note", "next") if key in data}


def as_text(result: Shown, width: int = 0) -> str:
    """A result as text; 0 columns: as wide as it is."""
    if isinstance(result, Table):
        return aligned(result, width)
    if isinstance(result, Record):
        text = result.text(WHOLE)
        # Only its last line is ours, where there is one.
        return text.removesuffix(result.footer) + in_commands(result.footer)
    return result


def aligned(table: Table, width: int = 0) -> str:
    """A table in columns, without those that say nothing; prose gives way where a terminal is too narrow."""
    if not table.rows:
        return in_commands(table.empty)
    columns = [_Column(head, [_cell(row[at]) for row in table.rows]) for at, head in enumerate(table.columns)]
    columns = _narrowed([column for column in columns if any(column.cells)], width)
    lines = ["  ".join(column.line(at) for column in columns).rstrip() for at in range(-1, len(table.rows))]
    ours = [in_commands(note) for note in (page_note(table.meta, len(table.rows)), table.footer) if note]
    return "\n".join([*lines, *ours])


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
