"""What a tool returns: a table, a record or words. Each is text by itself, and data by itself.

The text is what a model reads; the data joins it with `--structured-output`. Neither needs the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from agentos_mcp.agentos.plain_text import as_json
from agentos_mcp.bridge.render import (
    CHARACTERS_PER_TOKEN,
    LARGEST,
    fenced,
    one_line,
    page_note,
    table,
    table_row,
    without_nulls,
)

_STRING = {"type": "string"}
_LONGEST_NOTE = 1000


@dataclass(frozen=True)
class Table:
    """A list of things, a row each.

    `meta` is AgentOS's {page, total_pages, total_count}; `empty` says what having no rows means;
    `then` is the next move, a line.
    """

    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    empty: str
    meta: Mapping[str, Any] = field(default_factory=dict)
    then: str = ""

    schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {"items": {"type": "array", "items": {"type": "object"}}, "note": _STRING},
        "required": ["items"],
    }

    def text(self, tokens: int) -> str:
        """As many rows as fit, without columns that say nothing, and where the others are."""
        if not self.rows:
            return one_line(self._nothing, most=_LONGEST_NOTE)
        columns, rows = self._telling()
        left = _characters(tokens)
        fitting: list[Sequence[object]] = []
        for row in rows:
            left -= len(table_row(row)) + 1
            if left < 0 and fitting:
                break
            fitting.append(row)
        lines = [table(columns, fitting)]
        if len(fitting) < len(rows):
            lines.append(f"Only {len(fitting)} of these {len(rows)} fit: ask for less.")
        lines += [one_line(note, most=_LONGEST_NOTE) for note in (page_note(self.meta, len(rows)), self.then) if note]
        return "\n".join(lines)

    def data(self) -> dict[str, Any]:
        items = [
            {name: _plain(value) for name, value in zip(self.columns, row, strict=True) if not _says_nothing(value)}
            for row in self.rows
        ]
        notes = [page_note(self.meta, len(self.rows)), self.then] if self.rows else [self._nothing]
        note = " ".join(filter(None, notes))
        return {"items": items} | ({"note": note} if note else {})

    @property
    def _nothing(self) -> str:
        """What having no rows means: nothing at all, or no more of them."""
        page, pages = self.meta.get("page"), self.meta.get("total_pages")
        if not isinstance(page, int) or page < 2:
            return self.empty
        # AgentOS counts nothing past the end of some lists.
        return f"There is nothing on page {page}{f': the last one is {pages}' if pages else ''}."

    def _telling(self) -> tuple[list[str], list[Sequence[object]]]:
        kept = [at for at in range(len(self.columns)) if not all(_says_nothing(row[at]) for row in self.rows)]
        return [self.columns[at] for at in kept], [[row[at] for at in kept] for row in self.rows]


@dataclass(frozen=True)
class Record:
    """One thing: its facts, a line each, then longer texts of its own, set apart from our words."""

    title: str
    facts: Mapping[str, object]
    texts: Mapping[str, str] = field(default_factory=dict)
    then: str = ""

    schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {"title": _STRING, "facts": {"type": "object"}, "texts": {"type": "object"}, "next": _STRING},
        "required": ["title", "facts"],
    }

    def text(self, tokens: int) -> str:
        """Facts are always whole; the texts share what is left of the budget."""
        lines = [f"# {one_line(self.title)}"] if self.title else []
        lines += [
            f"{_named(name)}: {one_line(str(value), most=1000)}"
            for name, value in self.facts.items()
            if not _says_nothing(value)
        ]
        texts = {name: words for name, words in self.texts.items() if words.strip()}
        left = _characters(tokens) - sum(len(line) + 1 for line in lines)
        for number, (name, words) in enumerate(texts.items()):
            share = max(200, left // (len(texts) - number))
            whole = words.strip("\n")
            part = whole[:share]
            # Said before the fence: in it, anybody could say so.
            beginning = f" (the first {len(part):,} of {len(whole):,} characters)" if len(part) < len(whole) else ""
            lines += [f"{_named(name)}{beginning}:", fenced(part)]
            left -= len(part)
        return "\n".join([*lines, one_line(self.then, most=_LONGEST_NOTE)] if self.then else lines)

    def data(self) -> dict[str, Any]:
        facts = {name: _plain(value) for name, value in self.facts.items() if not _says_nothing(value)}
        data: dict[str, Any] = {"title": self.title, "facts": facts}
        texts = {name: words for name, words in self.texts.items() if words.strip()}
        return data | ({"texts": texts} if texts else {}) | ({"next": self.then} if self.then else {})


WORDS_SCHEMA: Mapping[str, Any] = {"type": "object", "properties": {"text": _STRING}, "required": ["text"]}
"""The data of a tool that returns words."""


RUN_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "run": {"type": "string", "description": "Run reference"},
        "status": _STRING,
        "answer": {"description": "Text, or data where an output schema was given"},
        "facts": {"type": "array", "items": _STRING},
        "text": _STRING,
    },
}
"""The data of a tool that shows a run; `text` where there is no run to show."""


def cut(words: str, characters: int) -> str:
    """Words that fit, and how much is missing."""
    if len(words) <= characters:
        return words
    return f"{words[:characters]}\n[{len(words) - characters:,} more characters]"


def cut_to_budget(words: str, tokens: int) -> str:
    return cut(words, _characters(tokens))


def _characters(tokens: int) -> int:
    return min(tokens * CHARACTERS_PER_TOKEN, LARGEST)


def _named(name: str) -> str:
    """A fact's or a text's name; one of others that begins like a fence or a table is quoted."""
    line = one_line(name, most=80)
    return line if line[:1].isalnum() else as_json(line)


def _says_nothing(value: object) -> bool:
    return value is None or (isinstance(value, str | list | tuple | dict) and not value)


def _plain(value: object) -> Any:
    """A value as JSON takes it."""
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping | list | tuple):
        return without_nulls(list(value) if isinstance(value, tuple) else value)
    return str(value)
