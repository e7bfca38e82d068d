"""What a client has to start: made from the settings that `serve` would use here, secrets aside."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from agentos_mcp.install.errors import reason
from agentos_mcp.install.host_system import System
from agentos_mcp.install.server_command import server_command
from agentos_mcp.settings import OPTIONS, Option, SettingsError, load

TOKEN_VARIABLES = ("AGENTOS_TOKEN", "OS_SECURITY_KEY")
"""What the server reads a token from."""
PATIENCE = 600
"""Seconds for one tool call, where a client lets an entry say so."""

Flags = Mapping[str, str | bool | None]


@dataclass(frozen=True)
class Launch:
    """A command for a client's configuration. It holds no secret."""

    command: str
    arguments: tuple[str, ...]
    token_variable: str = ""
    """The environment variable in which the client finds the token; empty for none."""
    patience: int = PATIENCE
    notes: tuple[str, ...] = ()

    @property
    def gives_credential(self) -> bool:
        return bool(self.token_variable) or "--token-file" in self.arguments


def launch_for(flags: Flags, token_variable: str, system: System) -> Launch:
    """The launch for these flags of `serve`. Raises SettingsError for one that cannot be used."""
    if flags.get("token"):
        raise SettingsError(
            "a token given to install would stand in clear in the clients' files: keep it in a file that only you can "
            "read and give --token-file PATH, or name the variable that holds it with --token-env VARIABLE"
        )
    chosen = {
        option.name: value for option in OPTIONS if option.name != "token" and (value := _given(option, flags, system))
    }
    if "token_file" in chosen:
        chosen["token_file"] = str(system.absolute(str(chosen["token_file"])))
    if "allow_files" in chosen:
        folders = str(chosen["allow_files"]).split(os.pathsep)
        chosen["allow_files"] = os.pathsep.join(str(system.absolute(folder)) for folder in folders if folder.strip())
    settings = load(chosen, environ={})
    chosen["url"] = settings.url
    first, *rest = server_command(system)
    arguments = [*rest, "serve"]
    for option in OPTIONS:
        if value := chosen.get(option.name):
            arguments += [option.flag] if option.switch else [option.flag, str(value)]
    return Launch(
        first,
        tuple(arguments),
        token_variable,
        max(PATIENCE, int(settings.wait) + 60),
        tuple(_notes(chosen, token_variable, system)),
    )


def is_ours(parts: list[str]) -> bool:
    """Whether a command line of some entry starts agentos-mcp."""
    return any(part == "agentos_mcp" or _program(part).startswith("agentos-mcp") for part in parts)


def value_of(flag: str, arguments: list[str]) -> str:
    """What a flag of a command line says; empty where it is not there."""
    for at, argument in enumerate(arguments):
        if argument == flag:
            return arguments[at + 1] if at + 1 < len(arguments) else ""
        if argument.startswith(flag + "="):
            return argument.partition("=")[2]
    return ""


def _program(part: str) -> str:
    return PurePath(part.replace("\\", "/")).name


def _given(option: Option, flags: Flags, system: System) -> str | bool | None:
    """What `serve` would take here: the flag, else the environment, which clients don't see."""
    value = flags.get(option.name)
    if value is None or value is False:
        value = next((system.environment[name] for name in option.variables if system.environment.get(name)), None)
        if option.switch and value is not None:
            return bool(getattr(load({option.name: value}, environ={}), option.name))
    return value


def _notes(chosen: Mapping[str, object], token_variable: str, system: System) -> list[str]:
    notes = []
    if system.runs_from_uv_cache:
        notes.append(
            "This agentos-mcp runs from uv's cache, which uv may clear: `uv tool install .` in its source gives "
            "it a place to stay; then install again from there."
        )
    if "token_file" in chosen:
        try:
            if system.platform != "win32" and Path(str(chosen["token_file"])).stat().st_mode & 0o077:
                notes.append(f"Others on this machine can read {chosen['token_file']}: chmod 600 mends that.")
        except OSError as error:
            raise SettingsError(f"--token-file cannot be read: {reason(error)}") from None
    elif not token_variable:
        seen = next((name for name in TOKEN_VARIABLES if system.environment.get(name)), "")
        if seen:
            notes.append(
                f"{seen} is set here, but clients that are not started from this shell don't see it: if AgentOS wants "
                f"a token, give --token-file PATH or --token-env {seen}."
            )
    return notes
