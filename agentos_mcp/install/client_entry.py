"""One client's entry for agentos-mcp: written from a launch command, and read back as what the client starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentos_mcp.install.client_table import Client
from agentos_mcp.install.errors import InstallError
from agentos_mcp.install.launch_command import (
    CALL_TIMEOUT_SECONDS,
    TOKEN_FILE,
    LaunchCommand,
    flag_value,
)
from agentos_mcp.install.started_program import is_agentos_mcp_command
from agentos_mcp.settings import Settings
from agentos_mcp.settings.options import TOKEN_VARIABLES

_TOKEN = TOKEN_VARIABLES[0]


@dataclass(frozen=True)
class ResolvedCommand:
    """What a client starts. `missing` are environment variables that it needs and that are not set here."""

    program: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    missing: tuple[str, ...] = ()

    @property
    def command_line(self) -> list[str]:
        return [self.program, *self.arguments]

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for commands that start the same."""
        return self.program, self.arguments, tuple(sorted(self.environment.items()))


def build_entry(client: Client, name: str, launch: LaunchCommand, current: Mapping[str, Any] | None) -> dict[str, Any]:
    """The entry that starts this command, in place of the current one.

    What a person added to the current one stays, and so do its credentials while it is for the same
    AgentOS and no other credential is given. Raises InstallError where the client cannot take the token.
    """
    entry = dict(current or {})
    variables = _variables(client, entry)
    forwarded = _strings(entry.get(client.forwarded_key)) if client.forwarded_key else []
    keeps_credential = _keeps_credential(client, launch, entry)
    if not keeps_credential:
        variables = {key: value for key, value in variables.items() if key not in TOKEN_VARIABLES}
        forwarded = [key for key in forwarded if key not in TOKEN_VARIABLES]
    arguments = list(launch.arguments)
    if keeps_credential and (token_file := flag_value("--token-file", command_line(client, entry))):
        index = arguments.index("--url") + 2
        arguments[index:index] = ["--token-file", token_file]
    entry |= {key: name if value == "NAME" else value for key, value in client.fixed_fields.items()}
    if client.arguments_key:
        entry |= {client.command_key: launch.command, client.arguments_key: arguments}
    else:
        entry[client.command_key] = [launch.command, *arguments]
    if launch.token_variable and client.variable_reference:
        variables[_TOKEN] = client.variable_reference.render(launch.token_variable)
    elif launch.token_variable:
        forwarded.append(_forwardable(client, launch.token_variable))
    _set_unless_empty(entry, client.variables_key, variables)
    if client.forwarded_key:
        _set_unless_empty(entry, client.forwarded_key, forwarded)
    for key, in_client_unit in client.timeouts.items():
        # A person's own value stays, unless calls are now told to wait for longer than usual.
        if key not in entry or launch.call_timeout_seconds > CALL_TIMEOUT_SECONDS:
            entry[key] = in_client_unit(launch.call_timeout_seconds)
    return entry


def drops_credential(client: Client, launch: LaunchCommand, current: Mapping[str, Any]) -> bool:
    """Whether the current entry has a credential that the new one will not have."""
    arguments = command_line(client, current)
    if launch.has_credential:
        return False
    if flag_value("--token", arguments):
        return True
    forwarded = _strings(current.get(client.forwarded_key)) if client.forwarded_key else []
    names = {*_variables(client, current), *forwarded}
    has_credential = not names.isdisjoint(TOKEN_VARIABLES) or bool(flag_value("--token-file", arguments))
    return has_credential and not _keeps_credential(client, launch, current)


def _keeps_credential(client: Client, launch: LaunchCommand, current: Mapping[str, Any]) -> bool:
    """Whether the current credential stays in use: a token is never sent to another AgentOS."""
    current_url = flag_value("--url", command_line(client, current)) or _variables(client, current).get("AGENTOS_URL")
    is_same_url = (current_url or Settings.url).rstrip("/") == flag_value("--url", launch.arguments)
    return is_same_url and not launch.has_credential


def is_own_entry(client: Client, entry: Mapping[str, Any]) -> bool:
    return is_agentos_mcp_command(command_line(client, entry))


def project_entries(client: Client, text: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Folder, name and entry of the servers for one folder, which `claude mcp add` writes without a scope.

    Raises InvalidConfigError.
    """
    if client.key != "claude-code":
        return
    projects = client.section.data(text).get("projects")
    for folder, project in projects.items() if isinstance(projects, dict) else ():
        servers = project.get(client.section.name) if isinstance(project, dict) else None
        for name, fields in servers.items() if isinstance(servers, dict) else ():
            if isinstance(fields, dict) and Path(folder).is_dir():
                yield folder, name, fields


def resolve_command(client: Client, entry: Mapping[str, Any], environment: Mapping[str, str]) -> ResolvedCommand:
    """What the client starts for an entry, with its references to variables resolved as far as they are set here."""

    def resolve(text: str) -> str:
        return client.variable_reference.resolve(text, environment) if client.variable_reference else text

    program, *arguments = [resolve(part) for part in command_line(client, entry)] or [""]
    written = _variables(client, entry)
    variables = {key: resolve(value) for key, value in written.items()}
    forwarded = _strings(entry.get(client.forwarded_key)) if client.forwarded_key else []
    variables |= {key: environment[key] for key in forwarded if key in environment and key not in variables}
    missing = [key for key in forwarded if key not in variables]
    if client.variable_reference:
        referenced = [key for value in written.values() for key in client.variable_reference.variable_names(value)]
        missing += [key for key in referenced if key not in environment]
    return ResolvedCommand(program, tuple(arguments), variables, tuple(dict.fromkeys(missing)))


def command_line(client: Client, entry: Mapping[str, Any]) -> list[str]:
    """The program and its arguments as the entry has them."""
    command = entry.get(client.command_key)
    parts = _strings(command) if isinstance(command, list) else [str(command or "")]
    return [*parts, *(_strings(entry.get(client.arguments_key)) if client.arguments_key else ())]


def printable_texts(client: Client, name: str, launch: LaunchCommand) -> set[str]:
    """Every text of a new entry, which may be printed: names, paths, flags, references."""
    texts = {client.section.name, name, _TOKEN}
    values: list[Any] = [build_entry(client, name, launch, None)]
    while values:
        value = values.pop()
        if isinstance(value, Mapping):
            texts |= set(value)
            values += value.values()
        elif isinstance(value, list):
            values += value
        else:
            texts.add(str(value))
    return texts


def _forwardable(client: Client, variable: str) -> str:
    if not client.forwarded_key:
        raise InstallError(
            f"{client.title} cannot take a token from an environment variable.",
            f"Keep the token in a file that only you can read and give {TOKEN_FILE}.",
        )
    if variable not in TOKEN_VARIABLES:
        raise InstallError(
            f"{client.title} passes a variable on only under its own name, and agentos-mcp reads "
            f"{' or '.join(TOKEN_VARIABLES)}.",
            f"Keep the token in a file that only you can read and give {TOKEN_FILE}.",
        )
    return variable


def _variables(client: Client, entry: Mapping[str, Any]) -> dict[str, str]:
    variables = entry.get(client.variables_key)
    return {str(key): str(value) for key, value in variables.items()} if isinstance(variables, Mapping) else {}


def _set_unless_empty(entry: dict[str, Any], key: str, value: Any) -> None:
    """Set a value; an empty one only where the key was there."""
    if value or key in entry:
        entry[key] = value


def _strings(value: object) -> list[str]:
    return [str(part) for part in value] if isinstance(value, list) else []
