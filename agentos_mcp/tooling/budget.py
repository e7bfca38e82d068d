"""What a result may cost: cuts texts, lists and data to a budget, and says how much is missing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

CHARACTERS_PER_TOKEN = 4
"""A rule of thumb for English and JSON; results are cut by characters."""

MAX_PIECE_CHARACTERS = 200_000
"""Characters of one answer's piece, however large the budget: no message may pass a megabyte in any script."""

FACTS_CHARACTERS = 2_000
"""Characters that a result's facts have, however much of the budget its answer takes."""

MAX_REFERENCE_LENGTH = 8_000
"""Characters of a run reference: three ids of 200 characters, percent-encoded."""

_MAX_ERROR_LENGTH = 4_000
_MIN_TOKENS = 50
_MAX_DEPTH = 100

_WORD = re.compile(r"(?<![A-Za-z0-9])(?=[A-Za-z]{0,4}[AEIOUaeiouy])[A-Z]?[a-z]{1,14}(?![A-Za-z0-9])")
_TOKENS_PER_LETTER = 0.3
"""Of what looks like words, of which most are one token."""
_TOKENS_PER_CHARACTER = 0.75
"""Of everything else in ASCII: ids, hashes, marks."""
_TOKENS_PER_OTHER_CHARACTER = 2.2
_TOKENS_PER_RARE_CHARACTER = 3.8
"""Of emoji and rare scripts, up to a token a byte."""
_TOKENS_PER_SPACE = 0.15

T = TypeVar("T")


def estimated_tokens(text: str) -> float:
    """About how many tokens a text costs, rather too many: for results with a limit that others' texts cannot break."""
    words = _WORD.findall(text)
    letters = sum(map(len, words))
    spaces = text.count(" ")
    others = [] if text.isascii() else [char for char in text if not char.isascii()]
    rare = sum(char > "\uffff" for char in others)
    return (
        sum(max(1.0, len(word) * _TOKENS_PER_LETTER) for word in words)
        + spaces * _TOKENS_PER_SPACE
        + (len(text) - len(others) - letters - spaces) * _TOKENS_PER_CHARACTER
        + (len(others) - rare) * _TOKENS_PER_OTHER_CHARACTER
        + rare * _TOKENS_PER_RARE_CHARACTER
    )


def cut_to_tokens(line: str, tokens: float) -> str:
    """A line of about that many tokens at most, cut with an ellipsis."""
    if estimated_tokens(line) <= tokens:
        return line
    low, high = 0, len(line)
    while low < high:
        middle = (low + high + 1) // 2
        if estimated_tokens(line[:middle]) <= tokens - 1:
            low = middle
        else:
            high = middle - 1
    return f"{line[:low]}…"


def characters(tokens: int) -> int:
    """The budget in characters."""
    return min(tokens * CHARACTERS_PER_TOKEN, MAX_PIECE_CHARACTERS)


def cut(text: str, max_length: int) -> str:
    """Text that fits, and how much is missing."""
    if len(text) <= max_length:
        return text
    return f"{text[:max_length]}\n[{len(text) - max_length:,} more characters]"


def cut_to_budget(text: str, tokens: int) -> str:
    """Text that fits. A run reference in its last line is always kept."""
    max_length = characters(tokens)
    before, _, last = text.rpartition("\n")
    if len(text) > max_length and last.startswith("run: ") and len(last) <= MAX_REFERENCE_LENGTH:
        return f"{cut(before, max_length)}\n{last}"
    return cut(text, max_length)


def cut_error(text: str) -> str:
    """An error that fits: what happened stands at its beginning, a reference at its end."""
    if len(text) <= _MAX_ERROR_LENGTH:
        return text
    half = _MAX_ERROR_LENGTH // 2
    return f"{text[:half]} [… {len(text) - 2 * half:,} characters …] {text[-half:]}"


def fit_lines(lines: Iterable[str], total: int, noun: str, max_length: int) -> list[str]:
    """As many lines as have room, and how many of `total` there are beside them: "and 9,950 more failed tools"."""
    fitting: list[str] = []
    for line in lines:
        max_length -= len(line) + 1
        if max_length < 0:
            break
        fitting.append(line)
    if left_out := total - len(fitting):
        more = "more " if fitting else ""
        fitting.append(f"{'and ' if fitting else ''}{left_out:,} {more}{noun}{'s' if left_out != 1 else ''}")
    return fitting


def fit_bytes(make: Callable[[int], T], tokens: int, max_bytes: int) -> T:
    """What `make` makes of the most tokens, up to these, with which its text or JSON keeps within `max_bytes`.

    0 bytes is no limit. What is left of 50 tokens is taken as it is.
    """
    result = make(tokens)
    while max_bytes and tokens > _MIN_TOKENS and (size := _size_bytes(result)) > max_bytes:
        tokens = max(_MIN_TOKENS, min(tokens - 1, tokens * max_bytes // size))
        result = make(tokens)
    return result


def _size_bytes(value: object) -> int:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return len(text.encode("utf-8", "replace"))


def trim(value: Any, max_length: int) -> Any:
    """Data whose JSON has about `room` characters at most: long texts are cut, long lists and objects end early."""
    return _Trimmer(max_length).trim(value, 0)


class _Trimmer:
    def __init__(self, max_length: int) -> None:
        self._remaining = max_length

    def trim(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return self._object(value, depth)
        if isinstance(value, list | tuple):
            return self._list(value, depth)
        self._remaining -= len(str(value)) + 2
        return value

    def _text(self, text: str) -> str:
        max_length = max(self._remaining, 0)
        head = text[:max_length]
        # Quotes, line ends and control characters take two to six characters in JSON.
        length = len(json.dumps(head, ensure_ascii=False))
        if length > max_length + 2:
            head = head[: max_length * len(head) // length]
            length = len(json.dumps(head, ensure_ascii=False))
        self._remaining -= length + 2
        return head if len(head) == len(text) else f"{head}…"

    def _object(self, value: Mapping[Any, Any], depth: int) -> Any:
        if depth > _MAX_DEPTH:
            return self._text("…")
        self._remaining -= 2
        trimmed = {}
        for name, inner in value.items():
            if self._remaining <= 0:
                break
            trimmed[self._text(str(name)[:200])] = self.trim(inner, depth + 1)
        return trimmed

    def _list(self, value: list[Any] | tuple[Any, ...], depth: int) -> Any:
        if depth > _MAX_DEPTH:
            return self._text("…")
        self._remaining -= 2
        trimmed = []
        for inner in value:
            if self._remaining <= 0:
                break
            trimmed.append(self.trim(inner, depth + 1))
        return trimmed
