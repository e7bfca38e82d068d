"""Our entries in a client's configuration: where they are, what they say, the command that writes them anew."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentos_mcp.doctor.fix_commands import own_command
from agentos_mcp.install.client_entry import belongs_to_us, command_line
from agentos_mcp.install.client_table import Client
from agentos_mcp.install.errors import Broken, Refused, reason
from agentos_mcp.install.files import File
from agentos_mcp.install.host_system import System
from agentos_mcp.install.installation import NAME
from agentos_mcp.install.launch_command import value_of
from agentos_mcp.settings import OPTIONS, Settings

_INSTALLABLE = re.compile(r"[a-z][a-z0-9_-]{0,19}")
_FLAGS = {option.flag: option for option in OPTIONS}
_FETCHERS = frozenset({"uv", "uvx", "pipx", "npx", "bunx"})
_ADDRESSES = ("url", "httpUrl", "serverUrl", "uri")
"""How clients call the address of a server that they don't start themselves."""


@dataclass(frozen=True)
class Entry:
    """One entry of ours in a client's file. `project` is the folder that it is for, where it is not for all."""

    client: Client
    name: str
    place: Path
    held: Mapping[str, Any]
    project: str = ""

    def __str__(self) -> str:
        return f"{self.name!r} (for {self.project})" if self.project else repr(self.name)

    @property
    def arguments(self) -> list[str]:
        return command_line(self.client, self.held)

    @property
    def is_off(self) -> bool:
        return self.held.get("enabled") is False or self.held.get("disabled") is True

    @property
    def variables(self) -> Mapping[str, Any]:
        held = self.held.get(self.client.variables)
        return held if isinstance(held, Mapping) else {}

    @property
    def fetches_by_name(self) -> bool:
        """Whether it has a package of our name fetched, rather than one from a place that it names."""
        program, *arguments = self.arguments or [""]
        if Path(program.replace("\\", "/")).stem not in _FETCHERS:
            return False
        source = value_of("--from", arguments) or value_of("--spec", arguments)
        return not ("/" in source or "\\" in source or source.startswith("."))

    @property
    def address(self) -> str:
        """Where it connects to; '' for an entry that starts something."""
        return next((held for key in _ADDRESSES if isinstance(held := self.held.get(key), str)), "")

    @property
    def url(self) -> str:
        """The AgentOS that it is for."""
        return value_of("--url", self.arguments) or str(self.variables.get("AGENTOS_URL") or Settings.url)

    def again(self, system: System, url: str = "") -> str:
        """The command that writes it anew, for the same AgentOS (or another) and with the same settings."""
        flags = ["--url", url or self.url, *self._flags()]
        if self.name != NAME and _INSTALLABLE.fullmatch(self.name):
            flags = ["--name", self.name, *flags]
        command = own_command(system, "install", self.client.key, *flags)
        if self.project:  # it would go before the one that is installed for all projects
            return f"In {self.project}: claude mcp remove {self.name} -s local; then: {command}"
        if self.name != NAME and "--name" not in flags:
            return f"Take {self.name!r} out of {self.place}, then: {command}"
        return command

    def _flags(self) -> list[str]:
        """The flags of `serve` that it gives, but for the address and the token."""
        kept: list[str] = []
        arguments = iter(self.arguments)
        for argument in arguments:
            flag, equals, value = argument.partition("=")
            option = _FLAGS.get(flag)
            if option is None:
                continue
            if option.switch:
                kept.append(flag)
                continue
            given = value if equals else next(arguments, "")
            if option.name not in {"url", "token"}:
                kept += [flag, given]
        return kept


def entries_of(client: Client, system: System) -> list[Entry]:
    """Our entries in a client's file. Raises Refused where the client cannot read it."""
    place = client.place(system)
    try:
        file = File(place, place.read_bytes() if place.exists() else None)
    except OSError as error:
        raise Refused(f"{place} cannot be read: {reason(error)}.", "See to its permissions.") from None
    try:
        held = client.section.entries(file.text) or {}
        projects = _of_projects(client, file.text)
    except Broken as error:
        where = f"{place}, line {error.line}" if error.line else str(place)
        raise Refused(f"{where}: {error.words}.", "Mend it in an editor, or move it away.") from None
    found = [Entry(client, name, place, entry) for name, entry in held.items() if isinstance(entry, dict)]
    found += [Entry(client, name, place, entry, project) for project, name, entry in projects]
    return [entry for entry in found if _is_ours(entry)]


def _of_projects(client: Client, text: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What `claude mcp add` writes where it is told nothing else: entries for one folder."""
    if client.key != "claude-code":
        return
    projects = client.section.format.read(text).get("projects")
    for folder, project in projects.items() if isinstance(projects, dict) else ():
        servers = project.get(client.section.name) if isinstance(project, dict) else None
        for name, entry in servers.items() if isinstance(servers, dict) else ():
            if isinstance(entry, dict) and Path(folder).is_dir():
                yield folder, name, entry


def _is_ours(entry: Entry) -> bool:
    """Whether it starts agentos-mcp, or connects somewhere by a name that says so."""
    return belongs_to_us(entry.client, entry.held) or bool(entry.address and NAME in entry.name.casefold())
