"""What a result may cost: texts, lists and data that are cut where they end to fit, and say how much is missing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

CHARACTERS_PER_TOKEN = 4
"""A rule of thumb for English and JSON; results are cut by characters."""

LARGEST = 200_000
"""Characters of one answer's piece, however large the budget: no message may pass a megabyte in any script."""

FACTS = 2_000
"""Characters that a result's facts have, however much of the budget its answer takes."""

LONGEST_REFERENCE = 8_000
"""Characters of a run reference: three ids of 200 characters, percent-encoded."""

_ERROR = 4_000
_DEEPEST = 100


def characters(tokens: int) -> int:
    """The budget in characters."""
    return min(tokens * CHARACTERS_PER_TOKEN, LARGEST)


def cut(text: str, max_length: int) -> str:
    """Words that fit, and how much is missing."""
    if len(text) <= max_length:
        return text
    return f"{text[:max_length]}\n[{len(text) - max_length:,} more characters]"


def cut_to_budget(words: str, tokens: int) -> str:
    """Words that fit. The run reference that ends them is kept, whatever else is not."""
    most = characters(tokens)
    before, _, last = words.rpartition("\n")
    if len(words) > most and last.startswith("run: ") and len(last) <= LONGEST_REFERENCE:
        return f"{cut(before, most)}\n{last}"
    return cut(words, most)


def cut_error(words: str) -> str:
    """An error that fits: what happened stands at its beginning, a reference at its end."""
    if len(words) <= _ERROR:
        return words
    half = _ERROR // 2
    return f"{words[:half]} [… {len(words) - 2 * half:,} characters …] {words[-half:]}"


def listed(lines: Iterable[str], total: int, what: str, room: int) -> list[str]:
    """As many lines as have room, and how many of `total` there are beside them: "and 9,950 more failed tools"."""
    shown: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        shown.append(line)
    if left := total - len(shown):
        more = "more " if shown else ""
        shown.append(f"{'and ' if shown else ''}{left:,} {more}{what}{'s' if left != 1 else ''}")
    return shown


def trimmed(value: Any, room: int) -> Any:
    """Data whose JSON has about `room` characters at most: long texts are cut, long lists and objects end early."""
    return _Trimmer(room).trim(value, 0)


class _Trimmer:
    def __init__(self, room: int) -> None:
        self._room = room

    def trim(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return self._object(value, depth)
        if isinstance(value, list | tuple):
            return self._list(value, depth)
        self._room -= len(str(value)) + 2
        return value

    def _text(self, text: str) -> str:
        most = max(self._room, 0)
        kept = text[:most]
        # Quotes, line ends and control characters take two to six characters in JSON.
        length = len(json.dumps(kept, ensure_ascii=False))
        if length > most + 2:
            kept = kept[: most * len(kept) // length]
            length = len(json.dumps(kept, ensure_ascii=False))
        self._room -= length + 2
        return kept if len(kept) == len(text) else f"{kept}…"

    def _object(self, value: Mapping[Any, Any], depth: int) -> Any:
        if depth > _DEEPEST:
            return self._text("…")
        self._room -= 2
        found = {}
        for name, inner in value.items():
            if self._room <= 0:
                break
            found[self._text(str(name)[:200])] = self.trim(inner, depth + 1)
        return found

    def _list(self, value: list[Any] | tuple[Any, ...], depth: int) -> Any:
        if depth > _DEEPEST:
            return self._text("…")
        self._room -= 2
        found = []
        for inner in value:
            if self._room <= 0:
                break
            found.append(self.trim(inner, depth + 1))
        return found
