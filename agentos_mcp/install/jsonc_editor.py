"""JSON files, edited by splices: comments, order, indentation and line ends of everything else stay as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentos_mcp.install.errors import Broken
from agentos_mcp.install.jsonc_parser import Member, Node, Syntax

_COMMENTS_ON_THIS_LINE = re.compile(r"(?:[ \t]*(?://[^\r\n]*|/\*[^\r\n]*?\*/))*")


@dataclass(frozen=True)
class JsonText:
    """`strict` for clients that read plain JSON; else comments and trailing commas are theirs to use."""

    strict: bool = False
    title: str = "JSON"

    def read(self, text: str) -> Any:
        root = self._parse(text).root
        return {} if root is None else root.value

    def put(self, text: str, section: str, name: str, entry: Mapping[str, Any]) -> str:
        syntax = self._parse(text)
        editor = _Editor(syntax)
        if syntax.root is None:
            return editor.begin({section: {name: entry}})
        held = syntax.root.member(section, text)
        if held is None:
            return editor.insert(syntax.root, section, {name: entry})
        if held.node.value is None:
            return editor.replace(held, {name: entry})
        mine = held.node.member(name, text)
        return editor.replace(mine, entry) if mine else editor.insert(held.node, name, entry)

    def drop(self, text: str, section: str, name: str) -> str:
        syntax = self._parse(text)
        held = syntax.root.member(section, text) if syntax.root else None
        mine = held.node.member(name, text) if held else None
        if held is None or mine is None:
            raise Broken(f"there is no {name!r}")
        return _Editor(syntax).remove(held.node, mine)

    def drop_section(self, text: str, section: str) -> str:
        syntax = self._parse(text)
        held = syntax.root.member(section, text) if syntax.root else None
        return _Editor(syntax).remove(syntax.root, held) if syntax.root and held else text

    def _parse(self, text: str) -> Syntax:
        return Syntax(text, strict=self.strict)


class _Editor:
    """Splices in the text's own manner of writing."""

    def __init__(self, syntax: Syntax) -> None:
        self._syntax = syntax
        self._text = syntax.text
        self._newline = "\r\n" if "\r\n" in self._text else "\n"
        self._unit = self._indentation()

    def begin(self, value: Mapping[str, Any]) -> str:
        """A text without any value gets one; comments that are there stay above it."""
        above = self._text.rstrip()
        return f"{above}{self._newline if above else ''}{self._block(value, '')}{self._newline}"

    def insert(self, node: Node, key: str, value: Mapping[str, Any]) -> str:
        return self._insert_after(node.members[-1], key, value) if node.members else self._fill(node, key, value)

    def replace(self, member: Member, value: Mapping[str, Any]) -> str:
        node = member.node
        own = self._text[self._line_start(member.start) : member.start]
        written = self._text[node.start : node.end]
        in_line = bool(own.strip()) or (bool(node.members) and "\n" not in written)
        new = self._in_line(value) if in_line else self._block(value, own)
        return self._splice((node.start, node.end, new))

    def remove(self, node: Node, member: Member) -> str:
        start = self._syntax.token_before(member.start)
        if member.comma:
            changed = self._splice((start, member.comma, ""))
        elif len(node.members) > 1:
            comma = node.members[-2].comma
            changed = self._splice((start, member.node.end, ""), (comma - 1, comma, ""))
        else:
            changed = self._splice((start, member.node.end, ""))
        if len(node.members) > 1:
            return changed
        end = node.end - (len(self._text) - len(changed))
        inside = changed[node.start + 1 : end - 1]
        return changed if inside.strip() else changed[: node.start + 1] + changed[end - 1 :]

    def _insert_after(self, last: Member, key: str, value: Mapping[str, Any]) -> str:
        own = self._text[self._line_start(last.start) : last.start]
        end = last.comma or last.node.end
        if own.strip():
            line = self._one_line(key, value)
            return self._splice((end, end, f" {line}," if last.comma else f",{self._gap}{line}"))
        after = _COMMENTS_ON_THIS_LINE.match(self._text, end)
        place = after.end() if after else end
        line = f"{self._newline}{own}{json.dumps(key)}: {self._block(value, own)}"
        if last.comma:
            return self._splice((place, place, f"{line},"))
        return self._splice((place, place, line), (end, end, ","))

    def _fill(self, node: Node, key: str, value: Mapping[str, Any]) -> str:
        """The first member of an empty object."""
        inside = self._text[node.start + 1 : node.end - 1]
        if "\n" not in self._text and self._text.strip() != self._text[node.start : node.end]:
            at = node.start + 1
            return self._splice((at, node.end - 1, self._one_line(key, value)))
        line = self._text[self._line_start(node.start) : node.start]
        base = line[: len(line) - len(line.lstrip())]
        own = base + self._unit
        place = node.start + 1 + len(inside.rstrip())
        rest = self._text[place : node.end - 1]
        closing = rest if "\n" in rest else self._newline + base
        new = f"{self._newline}{own}{json.dumps(key)}: {self._block(value, own)}{closing}"
        return self._splice((place, node.end - 1, new))

    def _block(self, value: Mapping[str, Any], own: str) -> str:
        written = json.dumps(value, ensure_ascii=False, indent=self._unit)
        return written.replace("\n", self._newline + own)

    @property
    def _gap(self) -> str:
        return "" if '":' in self._text and '": ' not in self._text else " "

    def _one_line(self, key: str, value: Mapping[str, Any]) -> str:
        return f"{json.dumps(key)}:{self._gap}{self._in_line(value)}"

    def _in_line(self, value: Mapping[str, Any]) -> str:
        return json.dumps(value, ensure_ascii=False, separators=(f",{self._gap}", f":{self._gap}"))

    def _indentation(self) -> str:
        root = self._syntax.root
        if root and root.members:
            own = self._text[self._line_start(root.members[0].start) : root.members[0].start]
            if own and not own.strip():
                return own
        return "\t" if "\n\t" in self._text else "  "

    def _line_start(self, at: int) -> int:
        return self._text.rfind("\n", 0, at) + 1

    def _splice(self, *changes: tuple[int, int, str]) -> str:
        text = self._text
        for start, end, new in sorted(changes, key=lambda change: change[:2], reverse=True):
            text = text[:start] + new + text[end:]
        return text
