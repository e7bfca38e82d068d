"""YAML files, edited by whole lines; a parser says where they are. Entries are written in YAML's JSON manner."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from agentos_mcp.install.errors import Broken, Uneditable

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class YamlText:
    title: str = "YAML"

    def read(self, text: str) -> Any:
        try:
            data = YAML(typ="safe", pure=True).load(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise Broken(
                " ".join(str(error.problem or "it cannot be read").split()), mark.line + 1 if mark else 0
            ) from None
        except (YAMLError, ValueError, RecursionError) as error:
            raise Broken(" ".join(str(error).split())[:200] or "it cannot be read") from None
        return {} if data is None else data

    def put(self, text: str, section: str, name: str, entry: Mapping[str, Any]) -> str:
        page = _Page(text)
        held = page.find(page.root, section) if page.root else None
        if held is None:
            return page.begin(section, name, entry)
        key, node = held
        if not isinstance(node, MappingNode):  # `extensions:` with nothing behind it
            return page.below(key, page.block(name, entry, "  "))
        mine = page.find(node, name)
        if node.flow_style:
            return page.put_inline(node, mine, name, entry)
        if mine is None:
            return page.below(key, page.block(name, entry, " " * node.start_mark.column))
        return page.replace(mine, page.block(name, entry, " " * mine[0].start_mark.column))

    def drop(self, text: str, section: str, name: str) -> str:
        page = _Page(text)
        held = page.find(page.root, section) if page.root else None
        node = held[1] if held else None
        mine = page.find(node, name) if isinstance(node, MappingNode) else None
        if held is None or mine is None or not isinstance(node, MappingNode):
            raise Broken(f"there is no {name!r}")
        if node.flow_style:
            return page.drop_inline(node, mine)
        if len(node.value) == 1:
            return page.empty(held[0], mine)
        return page.replace(mine, "")

    def drop_section(self, text: str, section: str) -> str:
        page = _Page(text)
        held = page.find(page.root, section) if page.root else None
        if page.root is None or held is None:
            return text
        return page.drop_inline(page.root, held) if page.root.flow_style else page.replace(held, "")


Pair = tuple[Node, Node]


class _Page:
    """A text, where its nodes stand in it, and splices."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]
        root = YAML(typ="safe", pure=True).compose(text)
        if root is not None and not isinstance(root, MappingNode) and not _is_nothing(root):
            raise Broken("its root is no mapping", 1)
        self.root = root if isinstance(root, MappingNode) else None

    def find(self, mapping: MappingNode, name: str) -> Pair | None:
        for key, value in mapping.value:
            if isinstance(key, ScalarNode) and key.value == name:
                if value.start_mark.index < key.start_mark.index:
                    raise Uneditable(f"{name!r} is an alias of another part", key.start_mark.line + 1)
                return key, value
        return None

    def begin(self, section: str, name: str, entry: Mapping[str, Any]) -> str:
        if self.root is not None and self.root.flow_style:
            return self.put_inline(self.root, None, section, {name: entry})
        missing = self._newline if self._text and not self._text.endswith("\n") else ""
        return f"{self._text}{missing}{section}:{self._newline}{self.block(name, entry, '  ')}"

    def below(self, key: Node, block: str) -> str:
        at = self._line(key.end_mark.line + 1)
        missing = self._newline if not self._text[:at].endswith("\n") else ""
        return self._text[:at] + missing + block + self._text[at:]

    def replace(self, pair: Pair, block: str) -> str:
        start, end = self._span(pair)
        return self._text[:start] + block + self._text[end:]

    def empty(self, section: Node, mine: Pair) -> str:
        """Take out the only entry. The section stays, and stays a mapping."""
        start, end = self._span(mine)
        colon = self._text.index(":", section.end_mark.index) + 1
        return self._text[:colon] + " {}" + self._text[colon:start] + self._text[end:]

    def put_inline(self, node: MappingNode, mine: Pair | None, name: str, entry: Mapping[str, Any]) -> str:
        if mine is not None:
            start, end = mine[1].start_mark.index, mine[1].end_mark.index
            return self._text[:start] + json.dumps(entry, ensure_ascii=False) + self._text[end:]
        at = node.start_mark.index + 1
        more = ", " if node.value else ""
        return f"{self._text[:at]}{json.dumps({name: entry}, ensure_ascii=False)[1:-1]}{more}{self._text[at:]}"

    def drop_inline(self, node: MappingNode, mine: Pair) -> str:
        start, end = mine[0].start_mark.index, mine[1].end_mark.index
        after = re.compile(r"\s*,[ \t]*").match(self._text, end)
        if after:
            end = after.end()
        elif len(node.value) > 1:
            start = self._text.rindex(",", 0, start)
        return self._text[:start] + self._text[end:]

    def block(self, name: str, entry: Mapping[str, Any], own: str) -> str:
        lines = [f"{own}{_key(name)}:"]
        lines += [f"{own}  {_key(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items()]
        return "".join(line + self._newline for line in lines)

    def _span(self, pair: Pair) -> tuple[int, int]:
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


def _is_nothing(node: Node) -> bool:
    return isinstance(node, ScalarNode) and str(node.tag).endswith(":null")


def _key(key: str) -> str:
    return key if _PLAIN.fullmatch(key) else json.dumps(key, ensure_ascii=False)
