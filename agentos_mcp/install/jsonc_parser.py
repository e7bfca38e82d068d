"""JSON, with comments and trailing commas where a client reads them: a text -> its values and where each stands."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agentos_mcp.install.errors import Broken, Uneditable, line_of

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<comment>//[^\r\n]*|/\*.*?\*/)
      | (?P<string>"(?:[^"\\\x00-\x1f]|\\.)*")
      | (?P<word>[-+.\w]+)
      | (?P<mark>[{}\[\],:])""",
    re.VERBOSE | re.DOTALL,
)


@dataclass
class Member:
    """One `"key": value` of an object; `comma` is where the comma after it ends, 0 where there is none."""

    key: str
    start: int
    node: Node
    comma: int = 0


@dataclass
class Node:
    """A value and its span; an object has its members as well."""

    start: int
    end: int
    value: Any
    members: list[Member] = field(default_factory=list)

    def member(self, key: str, text: str) -> Member | None:
        found = [member for member in self.members if member.key == key]
        if len(found) > 1:
            raise Uneditable(f"{json.dumps(key)} stands in it twice", line_of(text, found[-1].start))
        return found[0] if found else None


class Syntax:
    """A parsed text; `root` is None where it has no value. `strict` is plain JSON: no comments, no trailing commas."""

    def __init__(self, text: str, *, strict: bool) -> None:
        self.text = text
        self._strict = strict
        self._ends: list[int] = []
        """Where every token that is no white space ends, comments too."""
        self._tokens = self._scan()
        self._kind, self._start, self._end = next(self._tokens)
        try:
            self.root = self._value() if self._kind != "end" else None
        except RecursionError:
            raise Broken("it is nested too deeply") from None
        if self._kind != "end":
            raise self._wrong("something follows after its end")

    def token_before(self, at: int) -> int:
        """Where the last token, or comment, before a place ends."""
        index = bisect_right(self._ends, at)
        return self._ends[index - 1] if index else 0

    def _scan(self) -> Iterator[tuple[str, int, int]]:
        at = 0
        while at < len(self.text):
            found = _TOKEN.match(self.text, at)
            if found is None:
                what = "a text in quotes that does not end" if self.text[at] == '"' else repr(self.text[at])
                raise Broken(f"{what} is no JSON", line_of(self.text, at))
            kind, start, at = str(found.lastgroup), at, found.end()
            if kind == "comment" and self._strict:
                raise Broken("a comment, which this client's JSON cannot have", line_of(self.text, start))
            if kind != "space":
                self._ends.append(at)
                if kind != "comment":
                    yield found.group() if kind == "mark" else kind, start, at
        yield "end", at, at

    def _next(self) -> None:
        self._kind, self._start, self._end = next(self._tokens)

    def _value(self) -> Node:
        kind, start = self._kind, self._start
        if kind == "{":
            return self._object(start)
        if kind == "[":
            return self._array(start)
        if kind not in {"string", "word"}:
            raise self._wrong("a value is missing")
        node = Node(start, self._end, self._literal())
        self._next()
        return node

    def _literal(self) -> Any:
        try:
            return json.loads(self.text[self._start : self._end], parse_constant=_no_number)
        except ValueError:
            raise self._wrong("this is no JSON value") from None

    def _object(self, start: int) -> Node:
        members: list[Member] = []
        self._next()
        while self._kind != "}":
            if members and not members[-1].comma:
                raise self._wrong("a comma is missing")
            if self._kind != "string":
                raise self._wrong("a name in double quotes is missing")
            key, at = str(self._literal()), self._start
            self._next()
            if self._kind != ":":
                raise self._wrong("a colon is missing")
            self._next()
            members.append(Member(key, at, self._value()))
            members[-1].comma = self._comma("}")
        end = self._end
        self._next()
        return Node(start, end, {member.key: member.node.value for member in members}, members)

    def _array(self, start: int) -> Node:
        values: list[Any] = []
        comma = 1
        self._next()
        while self._kind != "]":
            if not comma:
                raise self._wrong("a comma is missing")
            values.append(self._value().value)
            comma = self._comma("]")
        end = self._end
        self._next()
        return Node(start, end, values)

    def _comma(self, closing: str) -> int:
        if self._kind != ",":
            return 0
        comma = self._end
        self._next()
        if self._strict and self._kind == closing:
            raise Broken("a comma too many, which this client's JSON cannot have", line_of(self.text, comma - 1))
        return comma

    def _wrong(self, words: str) -> Broken:
        place = "at its end" if self._kind == "end" else f"at {self.text[self._start : self._end][:1]!r}"
        return Broken(f"{words} {place}", line_of(self.text, self._start))


def _no_number(word: str) -> None:
    """Python would take NaN and Infinity for numbers."""
    raise ValueError(word)
