"""What a tool returns: a table, a record, a document or a message. Each is text by itself, and data by itself.

The text is what a model reads; the data joins it with `--structured-output`. Neither needs the other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from agentos_mcp.agentos.hints import PLAIN, Hint, Surface, as_hint
from agentos_mcp.agentos.plain_text import as_json
from agentos_mcp.tooling.budget import characters, cut, cut_to_budget, fit_lines, trim
from agentos_mcp.tooling.markdown import fenced, one_line, page_note, table, table_row, without_nulls
from agentos_mcp.tooling.typed_values import TypedValue

_STRING = {"type": "string"}
_MAX_NOTE = 1000
_MAX_ITEM_LENGTH = 4_000
"""Characters of JSON that one row of a list may have."""
_MIN_FACTS_CHARACTERS = 1_000
_FENCE_CHARACTERS = 10


@dataclass(frozen=True)
class Table:
    """A list, a row for each item.

    `meta` is AgentOS's {page, total_pages, total_count}; `empty` says what having no rows means;
    `footer` is what to do next, a line.
    """

    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    empty: Hint | str
    meta: Mapping[str, Any] = field(default_factory=dict)
    footer: Hint | str = ""

    schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {"items": {"type": "array", "items": {"type": "object"}}, "note": _STRING},
        "required": ["items"],
    }

    def text(self, tokens: int, surface: Surface = PLAIN) -> str:
        """As many rows as fit, without empty columns, and where the others are."""
        if not self.rows:
            return one_line(self.empty_text(surface), max_length=_MAX_NOTE)
        columns, rows = self._columns_with_values()
        remaining = characters(tokens)
        fitting: list[Sequence[object]] = []
        for row in rows:
            remaining -= len(table_row(row)) + 1
            if remaining < 0 and fitting:
                break
            fitting.append(row)
        lines = [table(columns, fitting)]
        if len(fitting) < len(rows):
            lines.append(f"Only {len(fitting)} of these {len(rows)} fit: ask for less.")
        lines += [one_line(note, max_length=_MAX_NOTE) for note in self.notes(surface) if note]
        return "\n".join(lines)

    def data(self, tokens: int | None = None, surface: Surface = PLAIN) -> dict[str, Any]:
        """The rows as objects: all of them, or as many as fit."""
        remaining = math.inf if tokens is None else characters(tokens)
        items: list[dict[str, Any]] = []
        for row in self.rows:
            named = zip(self.columns, row, strict=True)
            item = {name: _as_json_value(value) for name, value in named if _has_data(value)}
            if tokens is not None:
                item = trim(item, _MAX_ITEM_LENGTH)
                remaining -= len(json.dumps(item, ensure_ascii=False)) + 2
            if remaining < 0 and items:
                break
            items.append(item)
        missing = (
            f"Only {len(items)} of these {len(self.rows)} fit: ask for less." if len(items) < len(self.rows) else ""
        )
        notes = [missing, *self.notes(surface)] if self.rows else [self.empty_text(surface)]
        note = cut(" ".join(filter(None, notes)), _MAX_NOTE)
        return {"items": items} | ({"note": note} if note else {})

    def notes(self, surface: Surface) -> list[str]:
        """Where the other rows are, and what to do next."""
        return [page_note(self.meta, len(self.rows), surface), as_hint(self.footer).render(surface)]

    def empty_text(self, surface: Surface) -> str:
        """What to say without rows: that there is nothing at all, or nothing on this page."""
        page, pages = self.meta.get("page"), self.meta.get("total_pages")
        if not isinstance(page, int) or page < 2:
            return as_hint(self.empty).render(surface)
        # AgentOS counts nothing past the end of some lists.
        return f"There is nothing on page {page}{f': the last one is {pages}' if pages else ''}."

    def _columns_with_values(self) -> tuple[list[str], list[Sequence[object]]]:
        indexes = [index for index in range(len(self.columns)) if not all(_is_empty(row[index]) for row in self.rows)]
        return [self.columns[index] for index in indexes], [[row[index] for index in indexes] for row in self.rows]


@dataclass(frozen=True)
class Record:
    """One item: its facts, a line each, then its longer texts, fenced off from our words."""

    title: str
    facts: Mapping[str, object]
    texts: Mapping[str, str] = field(default_factory=dict)
    footer: Hint | str = ""

    schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {"title": _STRING, "facts": {"type": "object"}, "texts": {"type": "object"}, "next": _STRING},
        "required": ["title", "facts"],
    }

    def text(self, tokens: int, surface: Surface = PLAIN) -> str:
        """Facts come first; the texts share what they leave of the budget."""
        facts = {name: value for name, value in self.facts.items() if not _is_empty(value)}
        fact_lines = (f"{_label(name)}: {one_line(str(value), max_length=1000)}" for name, value in facts.items())
        lines = [f"# {one_line(self.title)}"] if self.title else []
        lines += fit_lines(fact_lines, len(facts), "fact", max(_MIN_FACTS_CHARACTERS, characters(tokens)))
        texts = {name: words for name, words in self.texts.items() if words.strip()}
        remaining = characters(tokens) - sum(len(line) + 1 for line in lines)
        for number, (name, words) in enumerate(texts.items()):
            if number and remaining <= 0:
                lines.append(f"and {len(texts) - number:,} more texts")
                break
            share = max(200, remaining // (len(texts) - number))
            whole = words.strip("\n")
            part = whole[:share]
            # Said before the fence: in it, anybody could say so.
            beginning = f" (the first {len(part):,} of {len(whole):,} characters)" if len(part) < len(whole) else ""
            lines += [f"{_label(name)}{beginning}:", fenced(part)]
            remaining -= len(part) + len(lines[-2]) + _FENCE_CHARACTERS
        footer = one_line(as_hint(self.footer).render(surface), max_length=_MAX_NOTE)
        return "\n".join([*lines, footer] if footer else lines)

    def data(self, tokens: int | None = None, surface: Surface = PLAIN) -> dict[str, Any]:
        """All of it, or what fits."""
        facts = {name: _as_json_value(value) for name, value in self.facts.items() if _has_data(value)}
        texts = {name: words for name, words in self.texts.items() if words.strip()}
        title = self.title
        if tokens is not None:
            title = one_line(title)
            room = characters(tokens)
            facts = trim(facts, max(room // 2, room - len(json.dumps(texts, ensure_ascii=False))))
            texts = trim(texts, room - len(json.dumps(facts, ensure_ascii=False)))
        data: dict[str, Any] = {"title": title, "facts": facts}
        footer = cut(as_hint(self.footer).render(surface), _MAX_NOTE)
        return data | ({"texts": texts} if texts else {}) | ({"next": footer} if footer else {})


@dataclass(frozen=True)
class Document:
    """What has a shape of its own: its text as it was composed, and the data that it was composed of."""

    words: str
    contents: Mapping[str, Any]

    schema: ClassVar[Mapping[str, Any]] = {"type": "object"}

    def text(self, tokens: int, surface: Surface = PLAIN) -> str:
        return cut_to_budget(self.words, tokens)

    def data(self, tokens: int | None = None, surface: Surface = PLAIN) -> dict[str, Any]:
        """All of it, or what fits."""
        contents: dict[str, Any] = without_nulls(self.contents)
        return contents if tokens is None else trim(contents, characters(tokens))


@dataclass(frozen=True)
class Message:
    """What was done, what to do next, and the reference of the run that it is about."""

    message: str
    hint: Hint | str = ""
    run: str = ""

    schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {"text": _STRING, "next": _STRING, "run": _STRING},
        "required": ["text"],
    }

    def text(self, tokens: int, surface: Surface = PLAIN) -> str:
        between = "\n" if "\n" in self.message else " "
        words = cut(f"{self.message}{between}{as_hint(self.hint).render(surface)}".strip(), characters(tokens))
        return f"{words}\nrun: {self.run}" if self.run else words

    def data(self, tokens: int | None = None, surface: Surface = PLAIN) -> dict[str, Any]:
        message = self.message if tokens is None else cut(self.message, characters(tokens))
        footer = as_hint(self.hint).render(surface)
        return {"text": message} | ({"next": footer} if footer else {}) | ({"run": self.run} if self.run else {})


TEXT_SCHEMA: Mapping[str, Any] = {"type": "object", "properties": {"text": _STRING}, "required": ["text"]}
"""The data of a tool that returns words."""


RUN_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "run": {"type": "string", "description": "Run reference"},
        "status": _STRING,
        "answer": {"type": "string", "description": "Text; JSON where an output schema was given"},
        "data": {"type": "object", "description": "The answer, where it is an object"},
        "so_far": {"type": "string", "description": "Words of an unfinished run"},
        "facts": {"type": "array", "items": _STRING},
        "text": _STRING,
    },
}
"""The data of a tool that shows a run; `text` where there is no run to show."""


def _label(name: str) -> str:
    """A fact's or a text's name; one of others that begins like a fence or a table is quoted."""
    line = one_line(name, max_length=80)
    return line if line[:1].isalnum() and ":" not in line else as_json(line)


def _is_empty(value: object) -> bool:
    if isinstance(value, TypedValue):
        return not value
    return value is None or (isinstance(value, str | list | tuple | dict) and not value)


def _has_data(value: object) -> bool:
    return not _is_empty(value) and not (isinstance(value, TypedValue) and value.data is None)


def _as_json_value(value: object) -> Any:
    """A value as JSON takes it."""
    if isinstance(value, TypedValue):
        value = value.data
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping | list | tuple):
        return without_nulls(list(value) if isinstance(value, tuple) else value)
    return str(value)
