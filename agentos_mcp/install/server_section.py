"""How a client's file holds its servers. Every edit is checked: it changes our entry and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from agentos_mcp.install.errors import Broken, Uneditable


class Format(Protocol):
    """Reads a text, and splices one entry of one section in and out of it."""

    @property
    def title(self) -> str: ...

    def read(self, text: str) -> Any:
        """The text as data; an empty text is an empty mapping. Raises Broken."""

    def put(self, text: str, section: str, name: str, entry: Mapping[str, Any]) -> str: ...

    def drop(self, text: str, section: str, name: str) -> str: ...

    def drop_section(self, text: str, section: str) -> str:
        """Take out a section that is empty."""


@dataclass(frozen=True)
class Section:
    """One section of one file's format: the servers of a client."""

    format: Format
    name: str

    def entries(self, text: str) -> dict[str, Any] | None:
        """The servers there are; None where there is no section. Raises Broken."""
        data = self._data(text)
        if self.name not in data:
            return None
        held = data[self.name]
        if held is None:
            return {}
        if not isinstance(held, dict):
            raise Broken(f"its {self.name!r} holds {_kind(held)} where servers by name should be")
        return held

    def entry(self, text: str, name: str) -> dict[str, Any] | None:
        held = (self.entries(text) or {}).get(name)
        if held is not None and not isinstance(held, dict):
            raise Broken(f"its server {name!r} is {_kind(held)} where settings by name should be")
        return held

    def put(self, text: str, name: str, entry: Mapping[str, Any]) -> str:
        wanted = self._data(text)
        wanted[self.name] = {**(wanted.get(self.name) or {}), name: dict(entry)}
        return self._checked(self.format.put(text, self.name, name, entry), wanted)

    def drop(self, text: str, name: str) -> str:
        wanted = self._data(text)
        del wanted[self.name][name]
        return self._checked(self.format.drop(text, self.name, name), wanted)

    def drop_section(self, text: str) -> str:
        wanted = self._data(text)
        wanted.pop(self.name, None)
        return self._checked(self.format.drop_section(text, self.name), wanted)

    def is_empty(self, text: str) -> bool:
        return not any(value for value in self._data(text).values())

    def _data(self, text: str) -> dict[str, Any]:
        data = self.format.read(text)
        if not isinstance(data, dict):
            raise Broken(f"it holds {_kind(data)} where settings by name should be", 1)
        return copy.deepcopy(data)

    def _checked(self, text: str, wanted: dict[str, Any]) -> str:
        try:
            if _without_empty(self.format.read(text), self.name) == _without_empty(wanted, self.name):
                return text
        except Broken:
            pass
        raise Uneditable(f"its {self.format.title} is written in a way that cannot be edited here without harm")


def _without_empty(data: dict[str, Any], section: str) -> dict[str, Any]:
    """An empty section is as good as none: TOML has no section without an entry."""
    return {name: value for name, value in data.items() if name != section or value}


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "a boolean"
    return {str: "a text", list: "a list", int: "a number", float: "a number", dict: "a table"}.get(
        type(value), "something else"
    )
