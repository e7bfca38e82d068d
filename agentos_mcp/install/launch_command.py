"""The command line that a client's entry has to start: `agentos-mcp serve` with the settings used here, no secrets."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentos_mcp.install.errors import os_error_reason
from agentos_mcp.install.host_system import HostSystem
from agentos_mcp.install.own_package import install_command
from agentos_mcp.settings import OPTIONS, Option, SettingsError, load
from agentos_mcp.settings.instances import CONFIG_VARIABLE, config_in_use
from agentos_mcp.settings.options import TOKEN_VARIABLES
from agentos_mcp.settings.profiles import Profile

TOKEN_FILE = "--token-file PATH"  # noqa: S105 - a flag
CALL_TIMEOUT_SECONDS = 600
"""For one tool call, where an entry of a client can set its limit."""

Flags = Mapping[str, str | bool | None]


@dataclass(frozen=True)
class LaunchCommand:
    """A command for a client's configuration. It holds no secret."""

    command: str
    arguments: tuple[str, ...]
    token_variable: str = ""
    """The environment variable in which the client finds the token; empty for none."""
    call_timeout_seconds: int = CALL_TIMEOUT_SECONDS
    notes: tuple[str, ...] = ()

    @property
    def has_credential(self) -> bool:
        return bool(self.token_variable) or "--token-file" in self.arguments


def build_launch_command(flags: Flags, token_variable: str, system: HostSystem) -> LaunchCommand:
    """The command for these flags of `serve`. Raises SettingsError for one that cannot be used."""
    if flags.get("token"):
        raise SettingsError(
            "install would write the token in clear into the clients' files: keep it in a file that only you can "
            f"read and give {TOKEN_FILE}"
        )
    if config_in_use(flags, system.environment):
        source = "" if flags.get("config") else f"{CONFIG_VARIABLE} is set here and names a file of AgentOSes, but "
        raise SettingsError(
            f"{source}install writes an entry for one AgentOS: give its --url. An entry with --config is written by "
            "hand"
        )
    values = {
        option.name: value
        for option in OPTIONS
        if option.name not in {"token", "profile", "config"} and (value := _value_in_use(option, flags, system))
    }
    for name in ("token_file", "allow_files"):
        if name in values:
            values[name] = _absolute_paths(str(values[name]), system)
    settings = load(values, environ={})
    values["url"] = settings.url
    program, *arguments = [*server_command(system), "serve"]
    for option in OPTIONS:
        if value := values.get(option.name):
            arguments += [option.flag] if option.switch else [option.flag, str(value)]
    return LaunchCommand(
        program,
        tuple(arguments),
        token_variable,
        max(CALL_TIMEOUT_SECONDS, int(settings.wait) + 60),
        tuple(_notes(values, token_variable, system)),
    )


def with_profile(flags: Flags, token_variable: str, profile: Profile) -> tuple[dict[str, str | bool | None], str]:
    """The flags and the variable of the token for the AgentOS of a profile: a client's entry names no profile."""
    values = {**flags, "url": profile.url}
    if not (values.get("token") or values.get("token_file") or token_variable):
        if profile.token_file is not None:
            values["token_file"] = str(profile.token_file)
        token_variable = profile.token_env
    if profile.read_only:
        values["read_only"] = True
    if profile.toolsets and values.get("toolsets") is None:
        values["toolsets"] = ",".join(profile.toolsets)
    return values, token_variable


def server_command(system: HostSystem | None = None) -> list[str]:
    """How to start agentos-mcp from anywhere: by its absolute path, since clients don't see the shell's PATH."""
    system = system or HostSystem.current()
    script_name = "agentos-mcp.exe" if system.platform == "win32" else "agentos-mcp"
    # Not resolved: a virtual environment's python is a link to one that does not have its packages.
    script = system.python.absolute().with_name(script_name)
    return [str(script)] if script.is_file() else [str(system.python.absolute()), "-m", "agentos_mcp"]


def flag_value(flag: str, arguments: Sequence[str]) -> str:
    """The value of a flag in a command line; empty where it is absent."""
    for index, argument in enumerate(arguments):
        if argument == flag:
            return arguments[index + 1] if index + 1 < len(arguments) else ""
        if argument.startswith(flag + "="):
            return argument.partition("=")[2]
    return ""


def _absolute_paths(text: str, system: HostSystem) -> str:
    """Paths as they mean the same wherever the server is started. Raises SettingsError."""
    try:
        return os.pathsep.join(str(system.absolute(path)) for path in text.split(os.pathsep) if path.strip())
    except ValueError as error:
        raise SettingsError(f"the path {text!r} cannot be used: {error}") from None


def _value_in_use(option: Option, flags: Flags, system: HostSystem) -> str | bool | None:
    """The value that `serve` would use here: the flag, else the environment, which clients don't see."""
    value = flags.get(option.name)
    if value is None or value is False:
        value = next((system.environment[name] for name in option.variables if system.environment.get(name)), None)
        if option.switch and value is not None:
            return bool(getattr(load({option.name: value}, environ={}), option.name))
    return value


def _notes(values: Mapping[str, object], token_variable: str, system: HostSystem) -> list[str]:
    notes = []
    if system.runs_from_uv_cache:
        notes.append(
            "This agentos-mcp runs from uv's cache, which uv may clear. To install it permanently: "
            f"{install_command(system=system)}; then run this again with that one."
        )
    if "token_file" in values:
        try:
            if system.platform != "win32" and Path(str(values["token_file"])).stat().st_mode & 0o077:
                notes.append(f"Others on this machine can read {values['token_file']}: chmod 600 fixes that.")
        except OSError as error:
            raise SettingsError(f"--token-file cannot be read: {os_error_reason(error)}") from None
    elif not token_variable:
        variable = next((name for name in TOKEN_VARIABLES if system.environment.get(name)), "")
        if variable:
            notes.append(
                f"{variable} is set here, but clients that are not started from this shell don't see it: if AgentOS "
                f"requires a token, give {TOKEN_FILE}."
            )
    return notes
