"""One client's entry: a launch -> what stands in the file, and what stands in the file -> what the client starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentos_mcp.install.client_table import Client
from agentos_mcp.install.errors import Refused
from agentos_mcp.install.launch_command import PATIENCE, TOKEN_VARIABLES, Launch, is_ours, value_of
from agentos_mcp.settings import Settings

_TOKEN = TOKEN_VARIABLES[0]


@dataclass(frozen=True)
class Start:
    """What a client starts. `missing` are variables that it would need and that are not set here."""

    command: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    missing: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[object, ...]:
        return self.command, self.arguments, tuple(sorted(self.environment.items()))


def entry_for(client: Client, name: str, launch: Launch, there: Mapping[str, Any] | None) -> dict[str, Any]:
    """The entry that starts this, in place of the one that is there.

    What a person added to that one stays, and so do its credentials while it is for the same
    AgentOS and no other is given.
    """
    entry = dict(there or {})
    variables = _variables(client, entry)
    forwarded = _texts(entry.get(client.forwarded)) if client.forwarded else []
    keeps = _keeps_credential(client, launch, entry)
    if not keeps:
        variables = {key: value for key, value in variables.items() if key not in TOKEN_VARIABLES}
        forwarded = [key for key in forwarded if key not in TOKEN_VARIABLES]
    arguments = list(launch.arguments)
    if keeps and (file := value_of("--token-file", command_line(client, entry))):
        at = arguments.index("--url") + 2
        arguments[at:at] = ["--token-file", file]
    entry |= {key: name if value == "NAME" else value for key, value in client.head.items()}
    if client.arguments:
        entry |= {client.command: launch.command, client.arguments: arguments}
    else:
        entry[client.command] = [launch.command, *arguments]
    if launch.token_variable and client.reference:
        variables[_TOKEN] = client.reference.to(launch.token_variable)
    elif launch.token_variable:
        forwarded.append(_forwardable(client, launch.token_variable))
    _keep(entry, client.variables, variables)
    if client.forwarded:
        _keep(entry, client.forwarded, forwarded)
    for key, made in client.timeouts.items():
        # A person's own value stays, unless calls are now told to wait for longer than usual.
        if key not in entry or launch.patience > PATIENCE:
            entry[key] = made(launch.patience)
    return entry


def drops_credential(client: Client, launch: Launch, there: Mapping[str, Any]) -> bool:
    """Whether the entry that is there has a credential that the new one will be without."""
    arguments = command_line(client, there)
    if launch.gives_credential:
        return False
    if value_of("--token", arguments):
        return True
    names = {*_variables(client, there), *(_texts(there.get(client.forwarded)) if client.forwarded else ())}
    has = not names.isdisjoint(TOKEN_VARIABLES) or bool(value_of("--token-file", arguments))
    return has and not _keeps_credential(client, launch, there)


def _keeps_credential(client: Client, launch: Launch, there: Mapping[str, Any]) -> bool:
    """Whether what credential there is goes on being used: a token is never shown to another AgentOS."""
    was = value_of("--url", command_line(client, there)) or _variables(client, there).get("AGENTOS_URL")
    same = (was or Settings.url).rstrip("/") == value_of("--url", list(launch.arguments))
    return same and not launch.gives_credential


def belongs_to_us(client: Client, entry: Mapping[str, Any]) -> bool:
    return is_ours(command_line(client, entry))


def start_of(client: Client, entry: Mapping[str, Any], environment: Mapping[str, str]) -> Start:
    """What the client makes of an entry, with its references resolved as far as they can be here."""

    def resolved(text: str) -> str:
        return client.reference.resolve(text, environment) if client.reference else text

    first, *rest = [resolved(part) for part in command_line(client, entry)] or [""]
    written = _variables(client, entry)
    variables = {key: resolved(value) for key, value in written.items()}
    names = _texts(entry.get(client.forwarded)) if client.forwarded else []
    variables |= {key: environment[key] for key in names if key in environment and key not in variables}
    missing = [key for key in names if key not in variables]
    if client.reference:
        missing += [
            key for value in written.values() for key in client.reference.names(value) if key not in environment
        ]
    return Start(first, tuple(rest), variables, tuple(missing))


def command_line(client: Client, entry: Mapping[str, Any]) -> list[str]:
    command = entry.get(client.command)
    parts = _texts(command) if isinstance(command, list) else [str(command or "")]
    return [*parts, *(_texts(entry.get(client.arguments)) if client.arguments else ())]


def telling(client: Client, name: str, launch: Launch) -> set[str]:
    """Every text of an entry of ours that may be shown: names, paths, flags, references."""
    entry = entry_for(client, name, launch, None)
    shown = {client.section.name, name, _TOKEN}
    waiting: list[Any] = [entry]
    while waiting:
        held = waiting.pop()
        if isinstance(held, Mapping):
            shown |= set(held)
            waiting += held.values()
        elif isinstance(held, list):
            waiting += held
        else:
            shown.add(str(held))
    return shown


def _forwardable(client: Client, variable: str) -> str:
    if not client.forwarded:
        raise Refused(
            f"{client.title} cannot take a token from an environment variable.",
            "Keep the token in a file that only you can read and give --token-file PATH.",
        )
    if variable not in TOKEN_VARIABLES:
        raise Refused(
            f"{client.title} hands a variable on only under its own name, and agentos-mcp reads "
            f"{' or '.join(TOKEN_VARIABLES)}.",
            f"Give --token-env {_TOKEN}, or --token-file PATH.",
        )
    return variable


def _variables(client: Client, entry: Mapping[str, Any]) -> dict[str, str]:
    held = entry.get(client.variables)
    return {str(key): str(value) for key, value in held.items()} if isinstance(held, Mapping) else {}


def _keep(entry: dict[str, Any], key: str, value: Any) -> None:
    """Set what there is; an empty one stays only where it was."""
    if value or key in entry:
        entry[key] = value


def _texts(value: object) -> list[str]:
    return [str(part) for part in value] if isinstance(value, list) else []
