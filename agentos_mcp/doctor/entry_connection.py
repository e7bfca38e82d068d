"""The AgentOS that an entry is for, or several, and the token read from its arguments and variables as `serve` does."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from agentos_mcp.install.client_entry import ResolvedCommand
from agentos_mcp.install.host_system import HostSystem
from agentos_mcp.install.launch_command import flag_value
from agentos_mcp.settings import OPTIONS, Settings, SettingsError, load, load_instances
from agentos_mcp.settings.agentos_url import is_same_url
from agentos_mcp.settings.instances import CONFIG_VARIABLE, config_in_use
from agentos_mcp.settings.options import TOKEN_VARIABLES
from agentos_mcp.settings.profiles import ProfileFile, profiles_path

_FLAGS = {
    "url": "--url",
    "token": "--token",
    "token_file": "--token-file",
    "profile": "--profile",
    "config": "--config",
}
_ADDRESS_VARIABLES = {"AGENTOS_URL", "AGENTOS_PROFILE", CONFIG_VARIABLE}
_OTHER_VARIABLES = {variable for option in OPTIONS if option.name not in _FLAGS for variable in option.variables}
"""Of settings that say nothing of where it connects to."""


@dataclass(frozen=True)
class EntryConnection:
    url: str = ""
    """Empty where the entry's cannot be used, or it is for several AgentOSes."""
    profile: str = ""
    """The profile that the URL is from; empty where the entry says its own."""
    url_problem: str = ""
    """Why it cannot be used: one line."""
    token: str = field(default="", repr=False)
    token_source: str = ""
    """Where the token is from, in words; empty where there is none."""
    token_file: Path | None = None
    token_problem: str = ""
    """Why it cannot be used, though the URL can: one line."""
    instances: tuple[Settings, ...] = field(default=(), repr=False)
    """Each AgentOS, where it is for several."""

    @property
    def each(self) -> tuple[EntryConnection, ...]:
        """The connection to each AgentOS, those left out whose token cannot be read; itself where there is one."""
        if not self.instances:
            return (self,)
        connections = []
        for settings in self.instances:
            with contextlib.suppress(SettingsError):
                token, source = settings.token(), f"what it says of {settings.instance}"
                connections.append(EntryConnection(settings.url, token=token, token_source=source if token else ""))
        return tuple(connections)

    def is_for(self, url: str) -> bool:
        return bool(self.url) and is_same_url(self.url, url)


def read_connection(command: ResolvedCommand, system: HostSystem) -> EntryConnection:
    """What the server that this command starts connects to."""
    arguments = command.arguments
    variables = {name: value for name, value in command.environment.items() if name not in _OTHER_VARIABLES}
    flags = {name: flag_value(flag, arguments) or None for name, flag in _FLAGS.items()}
    config = config_in_use(flags, variables)
    is_url_given = bool(config or flags["url"] or variables.get("AGENTOS_URL")) and not flags["profile"]
    profiles = None
    if not is_url_given:
        profiles = ProfileFile(profiles_path(system.environment, system.platform, system.home))
    try:
        settings = load_instances(flags, variables, profiles)
        token = settings.token()
    except SettingsError as error:
        return _broken_connection(flags, variables, profiles, str(error))
    if settings.instances:
        return EntryConnection(instances=settings.instances)
    if not token:
        return EntryConnection(settings.url, settings.profile)
    if config:
        return EntryConnection(settings.url, token=token, token_source=config)
    if flags["token"]:
        return EntryConnection(settings.url, settings.profile, token=token, token_source="--token in its arguments")  # noqa: S106
    if file := flags["token_file"]:
        return _from_file(settings, token, Path(file).expanduser())
    if settings.profile and profiles and (profile := profiles.read().choose(settings.profile)) and profile.has_token:
        if profile.token_file:
            return _from_file(settings, token, profile.token_file)
        return EntryConnection(
            settings.url, settings.profile, token=token, token_source=f"its profile {settings.profile}"
        )
    if file := variables.get("AGENTOS_TOKEN_FILE"):
        return _from_file(settings, token, Path(file).expanduser())
    name = next((name for name in TOKEN_VARIABLES if variables.get(name)), TOKEN_VARIABLES[0])
    return EntryConnection(settings.url, settings.profile, token=token, token_source=f"its variable {name}")


def _from_file(settings: Settings, token: str, path: Path) -> EntryConnection:
    return EntryConnection(settings.url, settings.profile, token=token, token_source=str(path), token_file=path)


def _broken_connection(
    flags: Mapping[str, str | None], variables: Mapping[str, str], profiles: ProfileFile | None, problem: str
) -> EntryConnection:
    """The connection of a server that refuses to start: its URL where that is not the reason."""
    address = {name: value for name, value in variables.items() if name in _ADDRESS_VARIABLES}
    try:
        settings = load_instances({name: flags[name] for name in ("url", "profile", "config")}, address, profiles)
    except SettingsError:
        return EntryConnection(url_problem=problem)
    if settings.instances:
        return EntryConnection(instances=settings.instances, token_problem=problem)
    return EntryConnection(settings.url, token_problem=problem)


def corrected_url(text: str) -> str:
    """The same address in the form that the settings take: `localhost:7777` -> `http://localhost:7777`.

    '' where it has no such form, or has a credential in it.
    """
    address = text.strip().strip("'\"<>")
    if not re.match(r"[a-z][a-z0-9+.-]*://", address, re.IGNORECASE):
        address = f"http://{address.removeprefix('//')}"
    try:
        parts = urlsplit(address)
        if parts.username or parts.password or not parts.hostname:
            return ""
        corrected = load({"url": f"{parts.scheme}://{parts.netloc}{parts.path}"}, environ={}).url
    except (ValueError, SettingsError):
        return ""
    return corrected if re.fullmatch(r"[\w.:\[\]/%~-]+", corrected) else ""
