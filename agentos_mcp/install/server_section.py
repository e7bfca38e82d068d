"""The section of a client's file that lists its servers. Every edit is checked to change one entry and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from agentos_mcp.install.errors import InvalidConfigError, UneditableConfigError


class ConfigFormat(Protocol):
    """Reads a text, and inserts, replaces and removes one entry of one section in it."""

    @property
    def title(self) -> str: ...

    def read(self, text: str) -> Any:
        """The text as data; an empty text is an empty mapping. Raises InvalidConfigError."""

    def put(self, text: str, section: str, name: str, entry: Mapping[str, Any]) -> str: ...

    def drop(self, text: str, section: str, name: str) -> str: ...

    def drop_section(self, text: str, section: str) -> str:
        """Remove a section that is empty."""


@runtime_checkable
class SettingFormat(Protocol):
    """A format in which a top-level setting can be added, and removed with every other byte as it was."""

    def put_setting(self, text: str, key: str, value: int) -> str:
        """Add a setting that is not there, marked as ours."""

    def drop_setting(self, text: str, key: str, value: int) -> str:
        """Remove it again, where it is still as it was added."""


@dataclass(frozen=True)
class ServerSection:
    """The section by its name, in a file of this format."""

    format: ConfigFormat
    name: str

    def entries(self, text: str) -> dict[str, Any] | None:
        """The servers by name; None where there is no section. Raises InvalidConfigError."""
        data = self.data(text)
        if self.name not in data:
            return None
        servers = data[self.name]
        if servers is None:
            return {}
        if not isinstance(servers, dict):
            raise InvalidConfigError(
                f"its {self.name!r} holds {_type_name(servers)} where servers by name are expected"
            )
        return servers

    def entry(self, text: str, name: str) -> dict[str, Any] | None:
        entry = (self.entries(text) or {}).get(name)
        if entry is not None and not isinstance(entry, dict):
            raise InvalidConfigError(f"its server {name!r} is {_type_name(entry)} where settings by name are expected")
        return entry

    def put(self, text: str, name: str, entry: Mapping[str, Any]) -> str:
        expected = self.data(text)
        expected[self.name] = {**(expected.get(self.name) or {}), name: dict(entry)}
        return self._checked(self.format.put(text, self.name, name, entry), expected)

    def drop(self, text: str, name: str) -> str:
        expected = self.data(text)
        del expected[self.name][name]
        return self._checked(self.format.drop(text, self.name, name), expected)

    def drop_section(self, text: str) -> str:
        expected = self.data(text)
        expected.pop(self.name, None)
        return self._checked(self.format.drop_section(text, self.name), expected)

    def put_setting(self, text: str, key: str, value: int) -> str:
        expected = {**self.data(text), key: value}
        return self._checked(self._settings_format.put_setting(text, key, value), expected)

    def drop_setting(self, text: str, key: str, value: int) -> str:
        without = self._settings_format.drop_setting(text, key, value)
        if without == text:
            return text
        expected = self.data(text)
        expected.pop(key, None)
        return self._checked(without, expected)

    @property
    def _settings_format(self) -> SettingFormat:
        if not isinstance(self.format, SettingFormat):
            raise UneditableConfigError(f"no setting can be added to this {self.format.title}")
        return self.format

    def data(self, text: str) -> dict[str, Any]:
        """All that the file holds. Raises InvalidConfigError."""
        data = self.format.read(text)
        if not isinstance(data, dict):
            raise InvalidConfigError(f"it holds {_type_name(data)} where settings by name are expected", 1)
        try:
            return copy.deepcopy(data)
        except RecursionError:
            raise InvalidConfigError("it is nested too deeply") from None

    def _checked(self, text: str, expected: dict[str, Any]) -> str:
        try:
            if _without_empty(self.format.read(text), self.name) == _without_empty(expected, self.name):
                return text
        except InvalidConfigError:
            pass
        raise UneditableConfigError(f"this {self.format.title} cannot be edited without changing more than the entry")


def _without_empty(data: dict[str, Any], section: str) -> dict[str, Any]:
    """An empty section counts as none: TOML has no section without an entry."""
    return {name: value for name, value in data.items() if name != section or value}


def _type_name(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "a boolean"
    return {str: "a string", list: "a list", int: "a number", float: "a number", dict: "a table"}.get(
        type(value), "another type"
    )
