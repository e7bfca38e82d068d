"""The settings of `serve --http`. Nothing heavy is imported here: every start of the program reads it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agentos_mcp.settings import Option, SettingsError, Token
from agentos_mcp.settings.settings import MASK, check_token

if TYPE_CHECKING:
    import argparse

DEFAULT_PORT = 7800
DEFAULT_CONNECTIONS = 1000
TOKEN_VARIABLE = "AGENTOS_MCP_HTTP_TOKEN"  # noqa: S105 - its name
"""Holds the token itself. It has no flag: other users of a machine see the command lines of its processes."""
IDENTITIES = ("shared", "header")
DEFAULT_IDENTITY_HEADER = "X-AgentOS-Token"
MIN_TOKEN_LENGTH = 16
"""Characters; a shorter one could be guessed."""
_ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
_HEADER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_TAKEN_HEADERS = frozenset({"authorization", "host", "origin", "cookie", "content-type", "content-length", "accept"})
_MAX_CLAIM_LENGTH = 200
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9._-]*[a-z0-9])?)(:\d{1,5})?")


@dataclass(frozen=True)
class HttpSettings:
    """Where HTTP is served, and to whom."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    token: Token | None = None
    """What clients have to send; None: they need none."""
    allow_hosts: tuple[str, ...] = ()
    """Names by which clients reach this server, besides this machine's own."""
    allow_origins: tuple[str, ...] = ()
    """Origins of web pages that may call, besides this machine's own."""
    max_connections: int = DEFAULT_CONNECTIONS
    """Connections at once; half as many from one address."""
    identity: str = "shared"
    """How callers are told apart, one of IDENTITIES."""
    identity_header: str = DEFAULT_IDENTITY_HEADER
    """Where a caller's own credential of AgentOS is (header)."""
    user_claim: str = "sub"
    """The claim of a caller's JWT that says which user of AgentOS they are."""

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect."""
        return _is_loopback(self.host)

    @property
    def listens_everywhere(self) -> bool:
        """Whether it listens on every address of this machine."""
        return self.host in _ANY_ADDRESS


def add_http_options(serve: argparse.ArgumentParser) -> None:
    """Add `--http` and its options to the parser of `serve`."""
    group = serve.add_argument_group("over HTTP")
    group.add_argument("--http", action="store_true", help="serve streamable HTTP at /mcp instead of stdio")
    for option in HTTP_OPTIONS:
        help_text = f"{option.description} [{', '.join(option.variables)}]" if option.variables else option.description
        if option.switch:
            group.add_argument(option.flag, dest=option.name, action="store_true", default=None, help=help_text)
        else:
            action = "append" if option.name in _REPEATED else "store"
            group.add_argument(option.flag, dest=option.name, action=action, metavar=option.metavar, help=help_text)


def http_settings(options: argparse.Namespace, environ: Mapping[str, str] | None = None) -> HttpSettings:
    """The settings from the parsed flags, else the environment. Raises SettingsError for invalid ones."""
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for option in HTTP_OPTIONS:
        value = getattr(options, option.name, None)
        source, text = option.flag, ",".join(value) if isinstance(value, list) else value
        if text is None or text is False:
            source, text = next(((name, environ[name]) for name in option.variables if environ.get(name)), ("", None))
        if text is not None:
            values[option.name] = _parsed(option.parse, "true" if text is True else text, source)
    file, no_auth = values.pop("http_token_file", None), values.pop("no_http_auth", False)
    if file is not None:
        values["token"] = Token(file=file, check=_http_token)
        values["token"]()
    elif text := environ.get(TOKEN_VARIABLE):
        values["token"] = Token(_parsed(_http_token, text, TOKEN_VARIABLE, shown=f"={MASK}"))
    settings = HttpSettings(**values)
    if no_auth and settings.token is not None:
        raise SettingsError("--no-http-auth cannot be used together with a token: use only one of them.")
    if not (settings.is_local or no_auth or settings.token is not None):
        raise SettingsError(
            f"--host {settings.host} would let other machines run everything on your AgentOS. Set {TOKEN_VARIABLE}, or "
            "give --http-token-file PATH, with the token that clients have to send; or give --no-http-auth, where a "
            "proxy in front of this server checks who calls."
        )
    return settings


def _parsed(parse: Any, text: str, source: str, shown: str | None = None) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        shown = f"={text!r}" if shown is None else shown
        raise SettingsError(f"{source}{shown} cannot be used: {error}") from None


def _is_loopback(host: str) -> bool:
    import ipaddress

    return host == "localhost" or ipaddress.ip_address(host).is_loopback


def _address(text: str) -> str:
    import ipaddress

    host = text.strip().lower().removeprefix("[").removesuffix("]")
    if host == "localhost":
        return host
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        raise ValueError(
            "give an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them; "
            "names that clients use go to --allow-host"
        ) from None


def _port(text: str) -> int:
    if not re.fullmatch(r"\d{1,5}", text.strip()) or int(text) > 65535:
        raise ValueError("use a number from 1 to 65535, or 0 for a free one")
    return int(text)


def _connections(text: str) -> int:
    if not re.fullmatch(r"\d{1,6}", text.strip()) or not 10 <= int(text) <= 100_000:
        raise ValueError("use a number from 10 to 100000")
    return int(text)


def _http_token(text: str) -> str:
    value = check_token(text)
    if len(value) < MIN_TOKEN_LENGTH:
        raise ValueError(
            f"it has fewer than {MIN_TOKEN_LENGTH} characters. This makes a good one: "
            'python -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    return value


def _token_file(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_file():
        raise ValueError("there is no such file")
    return path


def _identity(text: str) -> str:
    word = text.strip().casefold()
    if word not in IDENTITIES:
        raise ValueError(f"use one of {', '.join(IDENTITIES)}")
    return word


def _header_name(text: str) -> str:
    name = text.strip()
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError("give the name of a header, such as X-AgentOS-Token")
    if name.lower() in _TAKEN_HEADERS or name.lower().startswith("mcp-"):
        raise ValueError("this header has another meaning; take one of your own")
    return name


def _claim(text: str) -> str:
    if not text.strip() or len(text) > _MAX_CLAIM_LENGTH:
        raise ValueError("give the name of a claim, such as sub")
    return text.strip()


def _split(text: str) -> list[str]:
    return [word.strip().lower() for word in text.split(",") if word.strip()]


def _hosts(text: str) -> tuple[str, ...]:
    for host in _split(text):
        if not _HOST.fullmatch(host):
            raise ValueError("give the name alone, such as mcp.example.com, or with a port to allow only that port")
    return tuple(_split(text))


def _origins(text: str) -> tuple[str, ...]:
    origins = [origin.removesuffix("/") for origin in _split(text)]
    for origin in origins:
        parts = urlsplit(origin)
        if not parts.scheme or not parts.netloc or "@" in origin or origin != f"{parts.scheme}://{parts.netloc}":
            raise ValueError("give an origin, such as https://app.example.com")
    return tuple(origins)


HTTP_OPTIONS = (
    Option("host", "--host", (), _address, "address to listen on, 0.0.0.0 for all (default: 127.0.0.1)", "ADDRESS"),
    Option("port", "--port", (), _port, f"port to listen on, 0 for a free one (default: {DEFAULT_PORT})", "PORT"),
    Option(
        "http_token_file",
        "--http-token-file",
        ("AGENTOS_MCP_HTTP_TOKEN_FILE",),
        _token_file,
        f"a file with the bearer token that clients have to send, read again whenever it changes; {TOKEN_VARIABLE} "
        "holds the token itself",
        "PATH",
    ),
    Option(
        "no_http_auth",
        "--no-http-auth",
        (),
        bool,
        "serve other machines without a token: only where a proxy in front checks who calls",
        switch=True,
    ),
    Option(
        "allow_hosts",
        "--allow-host",
        ("AGENTOS_MCP_ALLOW_HOSTS",),
        _hosts,
        "a name by which clients reach this server, besides localhost; repeat it, or separate names by commas",
        "NAME",
    ),
    Option(
        "allow_origins",
        "--allow-origin",
        ("AGENTOS_MCP_ALLOW_ORIGINS",),
        _origins,
        "the origin of web pages that may call; repeat it, or separate origins by commas",
        "ORIGIN",
    ),
    Option(
        "max_connections",
        "--max-connections",
        ("AGENTOS_MCP_MAX_CONNECTIONS",),
        _connections,
        f"how many connections may be open at once, half of them from one address (default: {DEFAULT_CONNECTIONS})",
        "NUMBER",
    ),
    Option(
        "identity",
        "--identity",
        ("AGENTOS_MCP_IDENTITY",),
        _identity,
        "whose credential AgentOS is shown: shared (this server's, for everybody) or header (each caller's own) "
        "(default: shared)",
        "MODE",
    ),
    Option(
        "identity_header",
        "--identity-header",
        ("AGENTOS_MCP_IDENTITY_HEADER",),
        _header_name,
        f"the header with a caller's own credential of AgentOS (default: {DEFAULT_IDENTITY_HEADER})",
        "NAME",
    ),
    Option(
        "user_claim",
        "--user-claim",
        ("AGENTOS_MCP_USER_CLAIM",),
        _claim,
        "the claim of a caller's JWT that names the user of AgentOS (default: sub)",
        "NAME",
    ),
)
_REPEATED = ("allow_hosts", "allow_origins")
