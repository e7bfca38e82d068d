"""Edits JSON files in place: comments, order, indentation and line ends of everything else stay as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentos_mcp.install.errors import InvalidConfigError
from agentos_mcp.install.jsonc_parser import Member, Node, ParsedJson

_TRAILING_COMMENTS = re.compile(r"(?:[ \t]*(?://[^\r\n]*|/\*[^\r\n]*?\*/))*")


@dataclass(frozen=True)
class JsonFormat:
    """`strict` for clients that read plain JSON; others read comments and trailing commas, too."""

    strict: bool = False
    title: str = "JSON"

    def read(self, text: str) -> Any:
        root = self._parse(text).root
        return {} if root is None else root.value

    def put(self, text: str, section: str, name: str, entry: Mapping[str, Any]) -> str:
        document = self._parse(text)
        editor = _Editor(document)
        if document.root is None:
            return editor.create({section: {name: entry}})
        section_member = document.root.member(section, text)
        if section_member is None:
            return editor.insert(document.root, section, {name: entry})
        if section_member.node.value is None:
            return editor.replace(section_member, {name: entry})
        entry_member = section_member.node.member(name, text)
        return editor.replace(entry_member, entry) if entry_member else editor.insert(section_member.node, name, entry)

    def drop(self, text: str, section: str, name: str) -> str:
        document = self._parse(text)
        section_member = document.root.member(section, text) if document.root else None
        entry_member = section_member.node.member(name, text) if section_member else None
        if section_member is None or entry_member is None:
            raise InvalidConfigError(f"it has no server {name!r}")
        return _Editor(document).remove(section_member.node, entry_member)

    def drop_section(self, text: str, section: str) -> str:
        document = self._parse(text)
        section_member = document.root.member(section, text) if document.root else None
        return _Editor(document).remove(document.root, section_member) if document.root and section_member else text

    def _parse(self, text: str) -> ParsedJson:
        return ParsedJson(text, strict=self.strict)


class _Editor:
    """Inserts, replaces and removes members in the style of the text: its indentation, spacing and line ends."""

    def __init__(self, document: ParsedJson) -> None:
        self._document = document
        self._text = document.text
        self._newline = "\r\n" if "\r\n" in self._text else "\n"
        self._indent = self._detect_indent()

    def create(self, value: Mapping[str, Any]) -> str:
        """A text without a value gets one, below its comments."""
        above = self._text.rstrip()
        return f"{above}{self._newline if above else ''}{self._multi_line(value, '')}{self._newline}"

    def insert(self, node: Node, key: str, value: Mapping[str, Any]) -> str:
        return self._insert_after(node.members[-1], key, value) if node.members else self._fill(node, key, value)

    def replace(self, member: Member, value: Mapping[str, Any]) -> str:
        node = member.node
        prefix = self._text[self._line_start(member.start) : member.start]
        written = self._text[node.start : node.end]
        is_single_line = bool(prefix.strip()) or (bool(node.members) and "\n" not in written)
        new = self._single_line(value) if is_single_line else self._multi_line(value, prefix)
        return self._splice((node.start, node.end, new))

    def remove(self, node: Node, member: Member) -> str:
        start = self._document.token_end_before(member.start)
        if member.comma_end:
            changed = self._splice((start, member.comma_end, ""))
        elif len(node.members) > 1:
            comma_end = node.members[-2].comma_end
            changed = self._splice((start, member.node.end, ""), (comma_end - 1, comma_end, ""))
        else:
            changed = self._splice((start, member.node.end, ""))
        if len(node.members) > 1:
            return changed
        end = node.end - (len(self._text) - len(changed))
        inside = changed[node.start + 1 : end - 1]
        return changed if inside.strip() else changed[: node.start + 1] + changed[end - 1 :]

    def _insert_after(self, last: Member, key: str, value: Mapping[str, Any]) -> str:
        prefix = self._text[self._line_start(last.start) : last.start]
        end = last.comma_end or last.node.end
        if prefix.strip():
            line = self._single_line_member(key, value)
            return self._splice((end, end, f" {line}," if last.comma_end else f",{self._space}{line}"))
        comments = _TRAILING_COMMENTS.match(self._text, end)
        position = comments.end() if comments else end
        line = f"{self._newline}{prefix}{json.dumps(key)}: {self._multi_line(value, prefix)}"
        if last.comma_end:
            return self._splice((position, position, f"{line},"))
        return self._splice((position, position, line), (end, end, ","))

    def _fill(self, node: Node, key: str, value: Mapping[str, Any]) -> str:
        """The first member of an empty object."""
        inside = self._text[node.start + 1 : node.end - 1]
        if "\n" not in self._text and self._text.strip() != self._text[node.start : node.end]:
            start = node.start + 1
            return self._splice((start, node.end - 1, self._single_line_member(key, value)))
        line = self._text[self._line_start(node.start) : node.start]
        outer_indent = line[: len(line) - len(line.lstrip())]
        prefix = outer_indent + self._indent
        position = node.start + 1 + len(inside.rstrip())
        rest = self._text[position : node.end - 1]
        closing = rest if "\n" in rest else self._newline + outer_indent
        new = f"{self._newline}{prefix}{json.dumps(key)}: {self._multi_line(value, prefix)}{closing}"
        return self._splice((position, node.end - 1, new))

    def _multi_line(self, value: Mapping[str, Any], indent: str) -> str:
        written = json.dumps(value, ensure_ascii=False, indent=self._indent)
        return written.replace("\n", self._newline + indent)

    @property
    def _space(self) -> str:
        return "" if '":' in self._text and '": ' not in self._text else " "

    def _single_line_member(self, key: str, value: Mapping[str, Any]) -> str:
        return f"{json.dumps(key)}:{self._space}{self._single_line(value)}"

    def _single_line(self, value: Mapping[str, Any]) -> str:
        return json.dumps(value, ensure_ascii=False, separators=(f",{self._space}", f":{self._space}"))

    def _detect_indent(self) -> str:
        root = self._document.root
        if root and root.members:
            prefix = self._text[self._line_start(root.members[0].start) : root.members[0].start]
            if prefix and not prefix.strip():
                return prefix
        return "\t" if "\n\t" in self._text else "  "

    def _line_start(self, index: int) -> int:
        return self._text.rfind("\n", 0, index) + 1

    def _splice(self, *edits: tuple[int, int, str]) -> str:
        text = self._text
        for start, end, new in sorted(edits, key=lambda edit: edit[:2], reverse=True):
            text = text[:start] + new + text[end:]
        return text
