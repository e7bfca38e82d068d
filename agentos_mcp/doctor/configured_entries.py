"""The entries for agentos-mcp in a client's configuration: where they are, what they start, how to reinstall them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from agentos_mcp import DISTRIBUTION
from agentos_mcp.agentos.task_groups import gather
from agentos_mcp.doctor.entry_connection import EntryConnection, read_connection
from agentos_mcp.doctor.fixes import AgentOSMCPCommand, Fix, FixStep, InstallEntry, OtherCommand
from agentos_mcp.install import config_file
from agentos_mcp.install.client_entry import (
    ResolvedCommand,
    command_line,
    is_own_entry,
    project_entries,
    resolve_command,
)
from agentos_mcp.install.client_table import CLIENTS, Client
from agentos_mcp.install.config_file import ConfigFile
from agentos_mcp.install.errors import InvalidConfigError, UneditableConfigError, os_error_reason
from agentos_mcp.install.host_system import HostSystem
from agentos_mcp.install.installation import DEFAULT_ENTRY_NAME, is_entry_name
from agentos_mcp.install.launch_command import flag_value
from agentos_mcp.install.started_program import downloaded_package
from agentos_mcp.settings import OPTIONS, Settings
from agentos_mcp.settings.instances import CONFIG_VARIABLE, names_instances

_OPTIONS_BY_NAME = {option.name: option for option in OPTIONS}
_OPTIONS_BY_FLAG = {option.flag: option for option in OPTIONS}
_URL_KEYS = ("url", "httpUrl", "serverUrl", "uri")
"""The clients' names for the URL of a server that they don't start themselves."""
_HEADER_KEYS = ("headers", "http_headers")
_READ_SECONDS = 10.0
"""For the file of one client, and the files that its entries name."""
_NOTHING = ResolvedCommand("", (), {})


class UnreadableConfigError(Exception):
    """A client's file that cannot be read; `str()` is a clause that names the file."""


@dataclass(frozen=True)
class ConfiguredEntry:
    """One entry for agentos-mcp in a client's file. `project` is the folder that it is for; empty for all folders."""

    client: Client
    name: str
    config_path: Path
    fields: Mapping[str, Any]
    project: str = ""
    lacks_settings: bool = False
    """Whether the file lacks settings of the client's own that `install` writes."""
    command: ResolvedCommand = field(default=_NOTHING, repr=False)
    """What it starts, with the references to variables resolved."""
    connection: EntryConnection = field(default=EntryConnection(), repr=False)
    """What the server that it starts connects to."""

    def __str__(self) -> str:
        return f"{self.name!r} of {self.project}" if self.project else repr(self.name)

    @property
    def command_line(self) -> list[str]:
        return command_line(self.client, self.fields)

    @property
    def is_disabled(self) -> bool:
        return self.fields.get("enabled") is False or self.fields.get("disabled") is True

    @property
    def variables(self) -> Mapping[str, Any]:
        variables = self.fields.get(self.client.variables_key)
        return variables if isinstance(variables, Mapping) else {}

    @property
    def inputs(self) -> list[str]:
        """The names of the values that its client asks for: nobody else knows them."""
        reference = self.client.input_reference
        texts = [*self.command_line, *(value for value in self.variables.values() if isinstance(value, str))]
        return (
            list(dict.fromkeys(name for text in texts for name in reference.variable_names(text))) if reference else []
        )

    @property
    def downloads_foreign_package(self) -> bool:
        """Whether it downloads a package by a name that is not this project's: the program's own name is another's."""
        return downloaded_package(self.command_line) not in {"", DISTRIBUTION}

    @property
    def server_url(self) -> str:
        """The URL of the server that it connects to; '' for an entry that starts a program."""
        return next((value for key in _URL_KEYS if isinstance(value := self.fields.get(key), str)), "")

    def bearer_token(self, environment: Mapping[str, str]) -> str:
        """The token that it sends to a server that it does not start; '' for none, or one that is not known here."""
        if isinstance(variable := self.fields.get("bearer_token_env_var"), str):  # Codex
            return environment.get(variable, "")
        headers = next((value for key in _HEADER_KEYS if isinstance(value := self.fields.get(key), Mapping)), {})
        for name, value in headers.items():
            if str(name).casefold() == "authorization" and isinstance(value, str):
                reference = self.client.variable_reference
                scheme, _, token = (reference.resolve(value, environment) if reference else value).partition(" ")
                return token.strip() if scheme.casefold() == "bearer" else ""
        return ""

    @property
    def profile_url(self) -> str:
        """The AgentOS of the profile that it uses; empty where it says its own."""
        return self.connection.url if self.connection.profile else ""

    @property
    def agentos_url(self) -> str:
        """The AgentOS that it is for."""
        return self.profile_url or self._own_url or Settings.url

    @property
    def is_written_by_hand(self) -> bool:
        """Whether it names several AgentOSes, or their file: `install` writes no such entry."""
        config = flag_value("--config", self.command_line) or self.variables.get(CONFIG_VARIABLE)
        return bool(config) or names_instances(self._own_url)

    @property
    def _own_url(self) -> str:
        return flag_value("--url", self.command_line) or str(self.variables.get("AGENTOS_URL") or "")

    @property
    def has_token_file(self) -> bool:
        return bool(flag_value("--token-file", self.command_line))

    def install_again(self, instruction: str = "", *, url: str = "", token_file: bool = False) -> Fix:
        """The steps that install it again, for the same AgentOS (or another one) and with the same settings.

        `token_file` adds --token-file for a person to fill in, unless the entry has one.
        """
        has_own_name = self.name == DEFAULT_ENTRY_NAME or not is_entry_name(self.name)
        arguments = ["install", self.client.key, *([] if has_own_name else ["--name", self.name])]
        arguments += ["--url", url or self.agentos_url]
        for name, value in self.settings:
            arguments += [_OPTIONS_BY_NAME[name].flag] if value is True else [_OPTIONS_BY_NAME[name].flag, str(value)]
        if token_file and not self.has_token_file:
            arguments += ["--token-file", "PATH"]
        command = AgentOSMCPCommand(tuple(arguments))
        if self.is_written_by_hand:
            edit = f"Edit it in {self.config_path}: an entry that names its AgentOSes is written by hand"
            steps: Fix = (FixStep(edit),)
        elif self.project:  # it takes precedence over the one that is installed for all projects
            remove = OtherCommand(("claude", "mcp", "remove", self.name, "-s", "local"))
            steps = (FixStep(f"In {self.project}", remove), FixStep("Then", command))
        elif not is_entry_name(self.name):
            steps = (FixStep(f"Remove {self.name!r} from {self.config_path}, then", command),)
        else:
            return (FixStep(instruction, command),)
        return (FixStep(f"{instruction}:"), *steps) if instruction else steps

    def automatic_installation(self, *, url: str = "") -> InstallEntry | None:
        """What `install_again` says, to be done by `--fix`; None where it would change more than the entry's form.

        An entry for one project is the client's own to remove, one with an invalid name would get another, one that
        names its AgentOSes is not installed, and a token that stands in the arguments, or is that of a profile, would
        be lost.
        """
        has_own_token = bool(flag_value("--token", self.command_line)) or bool(self.profile_url)
        if self.project or self.is_written_by_hand or not is_entry_name(self.name) or has_own_token:
            return None
        return InstallEntry(self.client.key, self.name, (("url", url or self.agentos_url), *self.settings))

    @property
    def settings(self) -> tuple[tuple[str, str | bool], ...]:
        """The values of its flags of `serve` by option name, except the URL and the token."""
        values: list[tuple[str, str | bool]] = []
        arguments = iter(self.command_line)
        for argument in arguments:
            flag, equals, value = argument.partition("=")
            option = _OPTIONS_BY_FLAG.get(flag)
            if option is None:
                continue
            if option.switch:
                values.append((option.name, True))
                continue
            value = value if equals else next(arguments, "")
            if option.name not in {"url", "token", "profile", "config"}:
                values.append((option.name, value))
        return tuple(values)


@dataclass(frozen=True)
class ClientConfiguration:
    """What is in the file of a client that is installed here."""

    client: Client
    entries: tuple[ConfiguredEntry, ...] = ()
    error: str = ""
    """Why it cannot be read: a clause that names the file; empty where it can."""


async def read_configurations(system: HostSystem) -> list[ClientConfiguration]:
    """The configurations of all clients that are installed here, each read within a few seconds."""
    found = await gather([partial(_read_within_seconds, client, system) for client in CLIENTS])
    return [configuration for configuration in found if configuration is not None]


async def _read_within_seconds(client: Client, system: HostSystem) -> ClientConfiguration | None:
    try:
        # In a thread that may be left behind: the patterns and parsers of a format cannot be stopped.
        with anyio.fail_after(_READ_SECONDS):
            return await anyio.to_thread.run_sync(_read_configuration, client, system, abandon_on_cancel=True)
    except TimeoutError:
        path = client.config_path(system)
        return ClientConfiguration(client, error=f"{path} cannot be read within {_READ_SECONDS:g} s")


def _read_configuration(client: Client, system: HostSystem) -> ClientConfiguration | None:
    if client.is_shared and not _is_there(client.config_path(system)):
        return None  # a project's file exists only where somebody made it
    if not client.is_installed(system):
        return None
    try:
        return ClientConfiguration(client, tuple(_resolved(entry, system) for entry in read_entries(client, system)))
    except UnreadableConfigError as error:
        return ClientConfiguration(client, error=str(error))


def _resolved(entry: ConfiguredEntry, system: HostSystem) -> ConfiguredEntry:
    command = resolve_command(entry.client, entry.fields, system.environment)
    return replace(entry, command=command, connection=read_connection(command, system))


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except OSError:
        return False
    return True


def read_entries(client: Client, system: HostSystem) -> list[ConfiguredEntry]:
    """The entries for agentos-mcp in a client's file. Raises UnreadableConfigError."""
    path = client.config_path(system)
    try:
        file = ConfigFile(path, config_file.read_bounded(path))
    except FileNotFoundError:
        file = ConfigFile(path, None)
    except OSError as error:
        reason = os_error_reason(error)
        raise UnreadableConfigError(f"{path} cannot be read: {reason}; {client.title} cannot read it either") from None
    except ValueError as error:
        raise UnreadableConfigError(f"{path} {error}") from None
    try:
        servers = client.section.entries(file.text) or {}
        project_servers = list(project_entries(client, file.text))
    except UneditableConfigError as error:
        raise UnreadableConfigError(error.located_in(path)) from None
    except InvalidConfigError as error:
        raise UnreadableConfigError(f"{error.located_in(path)}; {client.title} cannot read it either") from None
    entries = [
        ConfiguredEntry(client, name, path, fields, lacks_settings=bool(client.missing_settings(file.text, fields)))
        for name, fields in servers.items()
        if isinstance(fields, dict)
    ]
    entries += [ConfiguredEntry(client, name, path, fields, project) for project, name, fields in project_servers]
    return [entry for entry in entries if _is_own(entry)]


def _is_own(entry: ConfiguredEntry) -> bool:
    """Whether it starts agentos-mcp, or connects to a server under a name that has `agentos` in it."""
    has_our_name = DEFAULT_ENTRY_NAME in entry.name.casefold()
    return is_own_entry(entry.client, entry.fields) or bool(entry.server_url and has_our_name)
