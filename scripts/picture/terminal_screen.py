"""A terminal's screen, as far as our own programs use one: what stood in which row, and from when until when.

Rows are counted from the first line that was ever written; nothing scrolls away.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from itertools import groupby

from rich.cells import cell_len

PLAIN = ""
"""The style of text without any: a style is what stands in its escape sequence (`32`, `38;5;197`)."""

_PART = re.compile(r"\x1b\[(?P<what>[0-9;?]*)(?P<final>[A-Za-z])|\r|\n|[^\x1b\r\n]+")
_UNFINISHED = re.compile(r"\x1b(\[[0-9;?]*)?$")
_CURSOR_SHOWN_OR_HIDDEN = {"?25h", "?25l"}


class UnknownSequence(Exception):
    """Something that this screen does not know."""


@dataclass(frozen=True)
class Stretch:
    """Text of one style within a row, from its column on."""

    column: int
    text: str
    style: str


Row = tuple[Stretch, ...]


@dataclass(frozen=True)
class VisibleRow:
    """What a row showed for a while; `until` is None for what stays."""

    row: int
    content: Row
    since: float
    until: float | None

    @property
    def text(self) -> str:
        return words(self.content)


def words(row: Row) -> str:
    """A row without its styles."""
    text = ""
    for stretch in row:
        text = text.ljust(stretch.column) + stretch.text
    return text


class Screen:
    """Takes what a program writes, with the time at which it did."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._rows: list[list[tuple[str, str]]] = [[]]
        self._row = self._column = 0
        self._style = PLAIN
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._rest = ""
        self._standing: dict[int, tuple[float, Row]] = {}
        self._gone: list[VisibleRow] = []

    def write(self, data: bytes, at: float) -> None:
        text = self._rest + self._decoder.decode(data)
        unfinished = _UNFINISHED.search(text)
        self._rest = unfinished.group() if unfinished else ""
        text = text.removesuffix(self._rest)
        while text:
            part = _PART.match(text)
            if part is None:
                raise UnknownSequence(repr(text[:20]))
            self._take(part)
            text = text[part.end() :]
        self._note(at)

    @property
    def shown(self) -> list[VisibleRow]:
        """Everything that was shown, in the order in which it came."""
        staying = [VisibleRow(row, content, since, None) for row, (since, content) in self._standing.items()]
        return sorted((*self._gone, *staying), key=lambda shown: (shown.since, shown.row))

    @property
    def text(self) -> str:
        """What stands there now."""
        return "\n".join(words(_row(cells)) for cells in self._rows)

    def _take(self, part: re.Match[str]) -> None:
        whole, what = part.group(), part["what"]
        if whole == "\r":
            self._column = 0
        elif whole == "\n":
            self._down()
        elif part["final"] == "m":
            self._style = what.removeprefix("0;") if what not in {"", "0"} else PLAIN
        elif part["final"] == "K" and what == "2":
            self._rows[self._row] = []
        elif part["final"] == "A":
            self._row = max(self._row - int(what or 1), 0)
        elif part["final"] is None:
            for character in whole:
                self._put(character)
        elif what + part["final"] not in _CURSOR_SHOWN_OR_HIDDEN:
            raise UnknownSequence(repr(whole))

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self._rows):
            self._rows.append([])

    def _put(self, character: str) -> None:
        if cell_len(character) != 1:
            raise UnknownSequence(f"{character!r} is not one column wide")
        if self._column == self._columns:
            self._column = 0
            self._down()
        cells = self._rows[self._row]
        cells += [(" ", PLAIN)] * (self._column - len(cells))
        cells[self._column : self._column + 1] = [(character, self._style)]
        self._column += 1

    def _note(self, at: float) -> None:
        for number, cells in enumerate(self._rows):
            content = _row(cells)
            since, was = self._standing.get(number, (at, ()))
            if content == was:
                continue
            if was and since < at:
                self._gone.append(VisibleRow(number, was, since, at))
            self._standing.pop(number, None)
            if content:
                self._standing[number] = (at, content)


def _row(cells: list[tuple[str, str]]) -> Row:
    row: list[Stretch] = []
    column = 0
    for style, alike in groupby(cells, key=lambda cell: cell[1]):
        text = "".join(character for character, _ in alike)
        if text.strip():
            start = len(text) - len(text.lstrip())
            row.append(Stretch(column + start, text.strip(), style))
        column += len(text)
    return tuple(row)
