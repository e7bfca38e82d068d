"""Edits YAML files in place, by whole lines, which a parser locates. Values are written as JSON, which is YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from agentos_mcp.install.errors import InvalidConfigError, UneditableConfigError

_MAX_CHARACTERS = 500_000
"""The parser is written in Python, and takes seconds for so many."""
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class YamlFormat:
    title: str = "YAML"

    def read(self, text: str) -> Any:
        if len(text) > _MAX_CHARACTERS:
            raise UneditableConfigError(f"it has more than {_MAX_CHARACTERS:,} characters")
        try:
            data = YAML(typ="safe", pure=True).load(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise InvalidConfigError(
                " ".join(str(error.problem or "it cannot be parsed").split()), mark.line + 1 if mark else 0
            ) from None
        except (YAMLError, ValueError, RecursionError) as error:
            raise InvalidConfigError(" ".join(str(error).split())[:200] or "it cannot be parsed") from None
        except (LookupError, AttributeError, TypeError):
            # The parser reads what has a tag (`!!bool x`) without a check of it.
            raise InvalidConfigError("a value is not what its tag says") from None
        return {} if data is None else data

    def put(self, text: str, section: str, name: str, entry: Mapping[str, Any]) -> str:
        document = _YamlText(text)
        section_pair = document.find(document.root, section) if document.root else None
        if section_pair is None:
            return document.create_section(section, name, entry)
        key, node = section_pair
        if not isinstance(node, MappingNode):  # `extensions:` without a value
            return document.insert_below(key, document.render_entry(name, entry, "  "))
        entry_pair = document.find(node, name)
        if node.flow_style:
            return document.put_inline(node, entry_pair, name, entry)
        if entry_pair is None:
            return document.insert_below(key, document.render_entry(name, entry, " " * node.start_mark.column))
        return document.replace(entry_pair, document.render_entry(name, entry, " " * entry_pair[0].start_mark.column))

    def drop(self, text: str, section: str, name: str) -> str:
        document = _YamlText(text)
        section_pair = document.find(document.root, section) if document.root else None
        node = section_pair[1] if section_pair else None
        entry_pair = document.find(node, name) if isinstance(node, MappingNode) else None
        if section_pair is None or entry_pair is None or not isinstance(node, MappingNode):
            raise InvalidConfigError(f"it has no server {name!r}")
        if node.flow_style:
            return document.drop_inline(node, entry_pair)
        if len(node.value) == 1:
            return document.make_empty(section_pair[0], entry_pair)
        return document.replace(entry_pair, "")

    def drop_section(self, text: str, section: str) -> str:
        document = _YamlText(text)
        section_pair = document.find(document.root, section) if document.root else None
        if document.root is None or section_pair is None:
            return text
        return (
            document.drop_inline(document.root, section_pair)
            if document.root.flow_style
            else document.replace(section_pair, "")
        )


KeyAndValue = tuple[Node, Node]


class _YamlText:
    """A text with the positions of its nodes, and edits of it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        root = YAML(typ="safe", pure=True).compose(text)
        if root is not None and not isinstance(root, MappingNode) and not _is_null(root):
            raise InvalidConfigError("its root is not a mapping", 1)
        self.root = root if isinstance(root, MappingNode) else None

    def find(self, mapping: MappingNode, name: str) -> KeyAndValue | None:
        for key, value in mapping.value:
            if isinstance(key, ScalarNode) and key.value == name:
                if value.start_mark.index < key.start_mark.index:
                    raise UneditableConfigError(f"{name!r} is an alias of another node", key.start_mark.line + 1)
                return key, value
        return None

    def create_section(self, section: str, name: str, entry: Mapping[str, Any]) -> str:
        if self.root is not None and self.root.flow_style:
            return self.put_inline(self.root, None, section, {name: entry})
        line_end = self._newline if self._text and not self._text.endswith("\n") else ""
        return f"{self._text}{line_end}{section}:{self._newline}{self.render_entry(name, entry, '  ')}"

    def insert_below(self, key: Node, block: str) -> str:
        position = self._line(key.end_mark.line + 1)
        line_end = self._newline if not self._text[:position].endswith("\n") else ""
        return self._text[:position] + line_end + block + self._text[position:]

    def replace(self, pair: KeyAndValue, block: str) -> str:
        start, end = self._span(pair)
        return self._text[:start] + block + self._text[end:]

    def make_empty(self, section: Node, pair: KeyAndValue) -> str:
        """Remove the only entry. The section stays, and stays a mapping."""
        start, end = self._span(pair)
        colon = self._text.index(":", section.end_mark.index) + 1
        return self._text[:colon] + " {}" + self._text[colon:start] + self._text[end:]

    def put_inline(self, node: MappingNode, pair: KeyAndValue | None, name: str, entry: Mapping[str, Any]) -> str:
        if pair is not None:
            start, end = pair[1].start_mark.index, pair[1].end_mark.index
            return self._text[:start] + json.dumps(entry, ensure_ascii=False) + self._text[end:]
        position = node.start_mark.index + 1
        separator = ", " if node.value else ""
        member = json.dumps({name: entry}, ensure_ascii=False)[1:-1]
        return f"{self._text[:position]}{member}{separator}{self._text[position:]}"

    def drop_inline(self, node: MappingNode, pair: KeyAndValue) -> str:
        start, end = pair[0].start_mark.index, pair[1].end_mark.index
        comma = re.compile(r"\s*,[ \t]*").match(self._text, end)
        if comma:
            end = comma.end()
        elif len(node.value) > 1:
            start = self._text.rindex(",", 0, start)
        return self._text[:start] + self._text[end:]

    def render_entry(self, name: str, entry: Mapping[str, Any], indent: str) -> str:
        lines = [f"{indent}{_render_key(name)}:"]
        lines += [
            f"{indent}  {_render_key(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items()
        ]
        return "".join(line + self._newline for line in lines)

    def _span(self, pair: KeyAndValue) -> tuple[int, int]:
        """The lines of a key and its value; comments behind them belong to what follows."""
        return self._line(pair[0].start_mark.line), self._line(max(_end_line(pair[0]), _end_line(pair[1])))

    def _line(self, number: int) -> int:
        return self._lines[number] if number < len(self._lines) else len(self._text)


def _end_line(node: Node) -> int:
    """The line after the node's last one."""
    if isinstance(node, ScalarNode) and node.style in ("|", ">"):
        return int(node.end_mark.line + (node.end_mark.column > 0))
    if isinstance(node, CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return max(map(_end_line, last)) if isinstance(last, tuple) else _end_line(last)
    return int(node.end_mark.line + 1)


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and str(node.tag).endswith(":null")


def _render_key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=False)
