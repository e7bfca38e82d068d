"""TOML files: an entry is a table of its own, `[section.name]`, put at the end and cut out again."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentos_mcp.install.errors import Broken, Uneditable

_PIECE = re.compile(
    r'''(?P<comment>\#[^\n]*)
      | (?P<space>[ \t\r]+)
      | (?P<newline>\n)
      | (?P<open>[\[{])
      | (?P<close>[\]}])
      | (?P<text>"""(?:\\.|[^\\])*?"""+|\'\'\'.*?\'\'\'+|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|[^\#\s\[\]{}"']+)''',
    re.VERBOSE | re.DOTALL,
)
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LINE = re.compile(r"line (\d+)")


@dataclass(frozen=True)
class TomlText:
    title: str = "TOML"

    def read(self, text: str) -> Any:
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            found = _LINE.search(str(error))
            words = str(error).partition(" (at ")[0]
            line = int(found[1]) if found else text.count("\n") + 1
            raise Broken(words[:1].lower() + words[1:], line) from None
        except RecursionError:
            raise Broken("it is nested too deeply") from None

    def put(self, text: str, section: str, name: str, entry: Mapping[str, Any]) -> str:
        newline = "\r\n" if "\r\n" in text else "\n"
        written = _table((section, name), entry).replace("\n", newline)
        mine = _tables_of(text, section, name)
        if mine:
            place = mine[0].start
            text = _without(text, [mine[0], *(_with_gap(text, table) for table in mine[1:])])
            return text[:place] + written + text[place:]
        missing = newline if text and not text.endswith("\n") else ""
        gap = newline if text.strip() else ""
        return f"{text}{missing}{gap}{written}"

    def drop(self, text: str, section: str, name: str) -> str:
        mine = _tables_of(text, section, name)
        return _without(text, [_with_gap(text, table) for table in mine])

    def drop_section(self, text: str, section: str) -> str:
        """A section without entries has left nothing behind."""
        return text


@dataclass(frozen=True)
class _Table:
    """A header and the lines below it, up to the last one that says something."""

    path: tuple[str, ...]
    start: int
    end: int


def _tables_of(text: str, section: str, name: str) -> list[_Table]:
    return [table for table in _tables(text) if table.path[:2] == (section, name)]


def _tables(text: str) -> list[_Table]:
    tables: list[_Table] = []
    at, depth, line_start, fresh = 0, 0, 0, True
    while at < len(text):
        found = _PIECE.match(text, at)
        if found is None:
            raise Broken("it cannot be read", text.count("\n", 0, at) + 1)
        kind = found.lastgroup
        if kind == "open" and fresh and depth == 0:
            end = _end_of_line(text, at)
            tables.append(_Table(_path(text[line_start:end]), line_start, end))
            at, fresh, line_start = end, True, end
            continue
        at = found.end()
        if kind == "newline":
            line_start, fresh = at, True
        elif kind not in {"space", "comment"}:
            depth += {"open": 1, "close": -1}.get(str(kind), 0)
            fresh = False
            if tables:
                tables[-1] = _Table(tables[-1].path, tables[-1].start, _end_of_line(text, at))
    return tables


def _end_of_line(text: str, at: int) -> int:
    """Behind the line's end. A header's own name may hold a bracket, never a line's end."""
    return text.find("\n", at) + 1 or len(text)


def _path(header: str) -> tuple[str, ...]:
    data, path = tomllib.loads(header), []
    while isinstance(data, dict) and data:
        key, data = next(iter(data.items()))
        path.append(key)
    return tuple(path)


def _with_gap(text: str, table: _Table) -> _Table:
    """The table with the empty line above it."""
    above = text[: table.start]
    gap = next((gap for gap in ("\r\n", "\n") if above.endswith(("\n" + gap, "\r\n" + gap)) or above == gap), "")
    return _Table(table.path, table.start - len(gap), table.end)


def _without(text: str, tables: list[_Table]) -> str:
    for table in reversed(tables):
        text = text[: table.start] + text[table.end :]
    return text


def _table(path: tuple[str, ...], entry: Mapping[str, Any]) -> str:
    lines = [f"[{'.'.join(map(_key, path))}]", *(f"{_key(key)} = {_value(value)}" for key, value in entry.items())]
    return "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _value(value: object) -> str:
    if isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(key)} = {_value(held)}' for key, held in value.items())} }}" if value else "{}"
    raise Uneditable(f"its entry holds a {type(value).__name__}, which cannot be written here")
