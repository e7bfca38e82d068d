"""A parser for JSON with comments and trailing commas (JSONC) that keeps the position of every value."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agentos_mcp.install.errors import InvalidConfigError, UneditableConfigError, line_number

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<comment>//[^\r\n]*|/\*.*?\*/)
      | (?P<string>"(?:[^"\\\x00-\x1f]|\\.)*")
      | (?P<word>[-+.\w]+)
      | (?P<mark>[{}\[\],:])""",
    re.VERBOSE | re.DOTALL,
)

MAX_TOKENS = 500_000
"""More would take many seconds, and hundreds of megabytes."""


@dataclass
class Member:
    """One `"key": value` of an object; `comma_end` is where the comma after it ends, 0 where there is none."""

    key: str
    start: int
    node: Node
    comma_end: int = 0


@dataclass
class Node:
    """A value and its span; an object has its members as well."""

    start: int
    end: int
    value: Any
    members: list[Member] = field(default_factory=list)

    def member(self, key: str, text: str) -> Member | None:
        matching = [member for member in self.members if member.key == key]
        if len(matching) > 1:
            raise UneditableConfigError(
                f"it has the key {json.dumps(key)} twice", line_number(text, matching[-1].start)
            )
        return matching[0] if matching else None


class ParsedJson:
    """A parsed text; `root` is None where it has no value. `strict`: plain JSON, no comments, no trailing commas.

    Raises InvalidConfigError, and UneditableConfigError for a key that an object has twice.
    """

    def __init__(self, text: str, *, strict: bool) -> None:
        self.text = text
        self._strict = strict
        self._ends: list[int] = []
        """Where every token ends, comments included, white space not."""
        self._tokens = self._tokenize()
        self._kind, self._start, self._end = next(self._tokens)
        try:
            self.root = self._read_value() if self._kind != "end" else None
        except RecursionError:
            raise InvalidConfigError("it is nested too deeply") from None
        if self._kind != "end":
            raise self._error("unexpected content after its end")

    def token_end_before(self, position: int) -> int:
        """Where the last token or comment before a position ends."""
        index = bisect_right(self._ends, position)
        return self._ends[index - 1] if index else 0

    def _tokenize(self) -> Iterator[tuple[str, int, int]]:
        end = 0
        while end < len(self.text):
            token = _TOKEN.match(self.text, end)
            if token is None:
                is_string = self.text[end] == '"'
                problem = "a string without a closing quote" if is_string else f"{self.text[end]!r} is not valid JSON"
                raise InvalidConfigError(problem, line_number(self.text, end))
            kind, start, end = str(token.lastgroup), end, token.end()
            if len(self._ends) > MAX_TOKENS:
                raise UneditableConfigError("it has too many values", line_number(self.text, start))
            if kind == "comment" and self._strict:
                raise InvalidConfigError("a comment, which this client does not support", line_number(self.text, start))
            if kind != "space":
                self._ends.append(end)
                if kind != "comment":
                    yield token.group() if kind == "mark" else kind, start, end
        yield "end", end, end

    def _advance(self) -> None:
        self._kind, self._start, self._end = next(self._tokens)

    def _read_value(self) -> Node:
        kind, start = self._kind, self._start
        if kind == "{":
            return self._read_object(start)
        if kind == "[":
            return self._read_array(start)
        if kind not in {"string", "word"}:
            raise self._error("a value is missing")
        node = Node(start, self._end, self._read_literal())
        self._advance()
        return node

    def _read_literal(self) -> Any:
        try:
            return json.loads(self.text[self._start : self._end], parse_constant=_refuse_constant)
        except ValueError:
            raise self._error("this is not a JSON value") from None

    def _read_object(self, start: int) -> Node:
        members: list[Member] = []
        self._advance()
        while self._kind != "}":
            if members and not members[-1].comma_end:
                raise self._error("a comma is missing")
            if self._kind != "string":
                raise self._error("a key in double quotes is missing")
            key, key_start = str(self._read_literal()), self._start
            self._advance()
            if self._kind != ":":
                raise self._error("a colon is missing")
            self._advance()
            members.append(Member(key, key_start, self._read_value()))
            members[-1].comma_end = self._read_comma("}")
        end = self._end
        self._advance()
        return Node(start, end, {member.key: member.node.value for member in members}, members)

    def _read_array(self, start: int) -> Node:
        values: list[Any] = []
        has_comma = True
        self._advance()
        while self._kind != "]":
            if not has_comma:
                raise self._error("a comma is missing")
            values.append(self._read_value().value)
            has_comma = bool(self._read_comma("]"))
        end = self._end
        self._advance()
        return Node(start, end, values)

    def _read_comma(self, closing: str) -> int:
        if self._kind != ",":
            return 0
        comma_end = self._end
        self._advance()
        if self._strict and self._kind == closing:
            raise InvalidConfigError(
                "a trailing comma, which this client does not support", line_number(self.text, comma_end - 1)
            )
        return comma_end

    def _error(self, problem: str) -> InvalidConfigError:
        position = "at its end" if self._kind == "end" else f"at {self.text[self._start : self._end][:1]!r}"
        return InvalidConfigError(f"{problem} {position}", line_number(self.text, self._start))


def _refuse_constant(word: str) -> None:
    """NaN and Infinity, which Python reads as numbers, are not JSON."""
    raise ValueError(word)
