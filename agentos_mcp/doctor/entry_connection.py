"""The AgentOS that an entry is for, and the token read from its arguments and variables as `serve` does."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from agentos_mcp.install.client_entry import ResolvedCommand
from agentos_mcp.install.host_system import HostSystem
from agentos_mcp.install.launch_command import TOKEN_VARIABLES, flag_value
from agentos_mcp.settings import SettingsError, Token, load

_FILE_VARIABLE = "AGENTOS_TOKEN_FILE"


@dataclass(frozen=True)
class EntryConnection:
    url: str = ""
    """Empty where the entry's cannot be used."""
    url_problem: str = ""
    """Why it cannot be used: one line."""
    token: str = field(default="", repr=False)
    token_source: str = ""
    """Where the token is from, in words; empty where there is none."""
    token_file: Path | None = None
    token_problem: str = ""
    """Why the token cannot be used: one line."""

    def is_for(self, url: str) -> bool:
        return bool(self.url) and self.url.rstrip("/") == url.rstrip("/")


def read_connection(command: ResolvedCommand, system: HostSystem) -> EntryConnection:
    """What the server that this command starts connects to."""
    arguments, variables = command.arguments, command.environment
    try:
        url = load({"url": flag_value("--url", arguments) or variables.get("AGENTOS_URL") or None}, environ={}).url
    except SettingsError as error:
        return EntryConnection(url_problem=str(error))
    if token := flag_value("--token", arguments):
        return _with_token(url, token, "--token in its arguments")
    file = flag_value("--token-file", arguments)
    if not file:  # as in the settings, a file wins over a variable
        file = variables.get(_FILE_VARIABLE, "")
    if file:
        return _with_file(url, system.absolute(file))
    for name in TOKEN_VARIABLES:
        if token := variables.get(name, ""):
            return _with_token(url, token, f"its variable {name}")
    return EntryConnection(url)


def _with_token(url: str, token: str, source: str) -> EntryConnection:
    try:
        load({"token": token}, environ={})
    except SettingsError as error:
        return EntryConnection(url, token_source=source, token_problem=str(error))
    return EntryConnection(url, token=token.strip(), token_source=source)


def _with_file(url: str, path: Path) -> EntryConnection:
    try:
        token = Token(file=path)()
    except SettingsError as error:
        return EntryConnection(url, token_source=str(path), token_file=path, token_problem=str(error))
    return EntryConnection(url, token=token, token_source=str(path), token_file=path)


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
