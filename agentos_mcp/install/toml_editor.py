"""Edits TOML files in place: an entry is a table of its own, `[section.name]`, added at the end and cut out again.

tomlkit keeps comments too, but does not give the file back byte for byte. An entry that is added lands between the
next table and the comment above it, an entry that is removed takes that comment along and leaves an empty line, and
new lines end with LF in a file with CRLF: the tests on TOML in tests/install/test_config_formats.py fail with it.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentos_mcp.install.errors import InvalidConfigError, UneditableConfigError

_TOKEN = re.compile(
    r'''(?P<comment>\#[^\n]*)
      | (?P<space>[ \t\r]+)
      | (?P<newline>\n)
      | (?P<open>[\[{])
      | (?P<close>[\]}])
      | (?P<text>"""(?:\\.|[^\\])*?"""+|\'\'\'.*?\'\'\'+|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|[^\#\s\[\]{}"']+)''',
    re.VERBOSE | re.DOTALL,
)
_MAX_CHARACTERS = 2_000_000
"""The parser is written in Python, and takes seconds for so many."""
_MARK = "# written by agentos-mcp install"
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LINE_IN_ERROR = re.compile(r"line (\d+)")


@dataclass(frozen=True)
class TomlFormat:
    title: str = "TOML"

    def read(self, text: str) -> Any:
        if len(text) > _MAX_CHARACTERS:
            raise UneditableConfigError(f"it has more than {_MAX_CHARACTERS:,} characters")
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            # Before Python 3.14 tomllib gives the line in its message only.
            match = _LINE_IN_ERROR.search(str(error))
            problem = str(error).partition(" (at ")[0]
            line = int(match[1]) if match else text.count("\n") + 1
            raise InvalidConfigError(problem[:1].lower() + problem[1:], line) from None
        except ValueError:  # Python reads no integer of more than some thousand digits
            raise InvalidConfigError("it holds a number that is too long to be read") from None
        except RecursionError:
            raise InvalidConfigError("it is nested too deeply") from None

    def put(self, text: str, section: str, name: str, entry: Mapping[str, Any]) -> str:
        newline = "\r\n" if "\r\n" in text else "\n"
        new_table = _render_table((section, name), entry).replace("\n", newline)
        tables = _entry_tables(text, section, name)
        if tables:
            start = tables[0].start
            text = _cut(text, [tables[0], *(_with_blank_line(text, table) for table in tables[1:])])
            return text[:start] + new_table + text[start:]
        line_end = newline if text and not text.endswith("\n") else ""
        blank_line = newline if text.strip() else ""
        return f"{text}{line_end}{blank_line}{new_table}"

    def drop(self, text: str, section: str, name: str) -> str:
        tables = _entry_tables(text, section, name)
        return _cut(text, [_with_blank_line(text, table) for table in tables])

    def drop_section(self, text: str, section: str) -> str:
        """Nothing to do: a section without entries has no header of its own."""
        return text

    def put_setting(self, text: str, key: str, value: int) -> str:
        newline = "\r\n" if "\r\n" in text else "\n"
        position = _end_of_top_level(text)
        return f"{text[:position]}{_setting_line(key, value)}{newline}{text[position:]}"

    def drop_setting(self, text: str, key: str, value: int) -> str:
        line = re.compile(rf"^{re.escape(_setting_line(key, value))}\r?\n", re.MULTILINE)
        return line.sub("", text, count=1)


def _setting_line(key: str, value: int) -> str:
    return f"{_render_key(key)} = {value}  {_MARK}"


def _end_of_top_level(text: str) -> int:
    """Where a line of the top level can be added: after its last line, at the beginning where it has none."""
    first_table = next((table.start for table in _find_tables(text)), len(text))
    tables = _find_tables(f"[top]\n{text[:first_table]}")
    end = tables[0].end - len("[top]\n")
    # A last line without an end would be changed by one that follows it.
    return end if text[:end].endswith("\n") else 0


@dataclass(frozen=True)
class _Table:
    """A header and the lines below it, up to the last one that is neither empty nor a comment."""

    path: tuple[str, ...]
    start: int
    end: int


def _entry_tables(text: str, section: str, name: str) -> list[_Table]:
    return [table for table in _find_tables(text) if table.path[:2] == (section, name)]


def _find_tables(text: str) -> list[_Table]:
    tables: list[_Table] = []
    position, depth, line_start, at_line_start = 0, 0, 0, True
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise InvalidConfigError("it cannot be parsed", text.count("\n", 0, position) + 1)
        kind = token.lastgroup
        if kind == "open" and at_line_start and depth == 0:
            end = _end_of_line(text, position)
            tables.append(_Table(_header_path(text[line_start:end]), line_start, end))
            position, at_line_start, line_start = end, True, end
            continue
        position = token.end()
        if kind == "newline":
            line_start, at_line_start = position, True
        elif kind not in {"space", "comment"}:
            depth += {"open": 1, "close": -1}.get(str(kind), 0)
            at_line_start = False
            if tables:
                tables[-1] = _Table(tables[-1].path, tables[-1].start, _end_of_line(text, position))
    return tables


def _end_of_line(text: str, position: int) -> int:
    """The position after the line. A header may have a bracket in a quoted name, but never a line end."""
    return text.find("\n", position) + 1 or len(text)


def _header_path(header: str) -> tuple[str, ...]:
    data, path = tomllib.loads(header), []
    while isinstance(data, dict) and data:
        key, data = next(iter(data.items()))
        path.append(key)
    return tuple(path)


def _with_blank_line(text: str, table: _Table) -> _Table:
    """The table together with the empty line above it."""
    above = text[: table.start]
    line_ends = ("\r\n", "\n")
    blank_line = next((end for end in line_ends if above.endswith(("\n" + end, "\r\n" + end)) or above == end), "")
    return _Table(table.path, table.start - len(blank_line), table.end)


def _cut(text: str, tables: list[_Table]) -> str:
    for table in reversed(tables):
        text = text[: table.start] + text[table.end :]
    return text


def _render_table(path: tuple[str, ...], entry: Mapping[str, Any]) -> str:
    lines = [
        f"[{'.'.join(map(_render_key, path))}]",
        *(f"{_render_key(key)} = {_render_value(value)}" for key, value in entry.items()),
    ]
    return "\n".join(lines) + "\n"


def _render_key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _render_value(value: object) -> str:
    if isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_render_value, value))}]"
    if isinstance(value, dict):
        return (
            f"{{ {', '.join(f'{_render_key(key)} = {_render_value(item)}' for key, item in value.items())} }}"
            if value
            else "{}"
        )
    raise UneditableConfigError(f"its entry has a value of type {type(value).__name__}, which cannot be written")
