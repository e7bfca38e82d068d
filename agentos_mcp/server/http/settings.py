"""The settings of `serve --http`. Nothing heavy is imported here: every start of the program reads it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agentos_mcp.settings import Option, Settings, SettingsError, Token
from agentos_mcp.settings.home_folder import expand_home
from agentos_mcp.settings.settings import MASK, check_token

if TYPE_CHECKING:
    import argparse

DEFAULT_PORT = 7800
DEFAULT_CONNECTIONS = 1000
DEFAULT_GRACE_SECONDS = 5.0
TOKEN_VARIABLE = "AGENTOS_MCP_HTTP_TOKEN"  # noqa: S105 - its name
"""Holds the token itself. It has no flag: other users of a machine see the command lines of its processes."""
IDENTITIES = ("shared", "header", "mint", "exchange")
SIGNED_IN = ("mint", "exchange")
"""Those of callers whom an OAuth issuer has signed in."""
EXCHANGE_SECRET_VARIABLE = "AGENTOS_MCP_EXCHANGE_CLIENT_SECRET"  # noqa: S105 - its name
SECRET_VARIABLES = (TOKEN_VARIABLE, EXCHANGE_SECRET_VARIABLE)
"""Variables without a flag."""
GRANTS = ("token-exchange", "jwt-bearer")
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
    public_url: str = ""
    """The address of `/mcp` as clients know it; '': that of this machine."""
    oauth_issuer: str = ""
    """Who signs callers in, exactly as their tokens name it; '': nobody."""
    oauth_jwks_url: str = ""
    """Where the issuer's keys are; '': where its metadata says."""
    oauth_audience: str = ""
    """What access tokens have to be for; '': `resource_url`."""
    oauth_scopes: tuple[str, ...] = ()
    """What access tokens have to have."""
    scope_map: Path | None = None
    """A file that says which claims give which scopes of AgentOS (mint)."""
    mint_key_file: Path | None = None
    """The key that AgentOS trusts (mint)."""
    mint_key_id: str = ""
    mint_issuer: str = ""
    mint_audience: str = ""
    exchange_client_id: str = ""
    """As whom the issuer is asked (exchange)."""
    exchange_client_secret: Token | None = None
    exchange_grant: str = GRANTS[0]
    exchange_audience: str = ""
    exchange_resource: str = ""
    exchange_scope: str = ""
    grace_seconds: float = DEFAULT_GRACE_SECONDS
    """How long a server that is stopped waits for calls that have not answered."""
    of_instances: Mapping[str, HttpSettings] = field(default_factory=dict)
    """By the name of an AgentOS, where there are several: these settings with what holds for it alone."""

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect."""
        return _is_loopback(self.host)

    @property
    def resource_url(self) -> str:
        """What access tokens are for: the address of `/mcp`."""
        host = {"localhost": "127.0.0.1"}.get(self.host, self.host)
        return self.public_url or f"http://{f'[{host}]' if ':' in host else host}:{self.port}/mcp"

    @property
    def tells_callers_apart(self) -> bool:
        """Whether any AgentOS is shown a credential of the caller's own."""
        return any(own.identity != "shared" for own in (self.of_instances or {"": self}).values())

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


def http_settings(
    options: argparse.Namespace, environ: Mapping[str, str] | None = None, agentos: Settings | None = None
) -> HttpSettings:
    """The settings from the parsed flags, else the environment. Raises SettingsError for invalid ones.

    What `agentos`, the settings of the AgentOS or of several, says of the identity of callers wins over both.
    """
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
    if secret_file := values.pop("exchange_client_secret_file", None):
        values["exchange_client_secret"] = Token(file=secret_file)
        values["exchange_client_secret"]()
    elif text := environ.get(EXCHANGE_SECRET_VARIABLE):
        values["exchange_client_secret"] = Token(_parsed(check_token, text, EXCHANGE_SECRET_VARIABLE, shown=f"={MASK}"))
    if public_url := values.get("public_url"):
        values["allow_hosts"] = (*values.get("allow_hosts", ()), urlsplit(public_url).netloc.lower())
    settings = HttpSettings(**values)
    _check_admission(settings)
    settings = with_own_identities(settings, agentos or Settings())
    if no_auth and settings.token is not None:
        raise SettingsError("--no-http-auth cannot be used together with a token: use only one of them.")
    if not (settings.is_local or no_auth or settings.token is not None or settings.oauth_issuer):
        raise SettingsError(
            f"--host {settings.host} would let other machines run everything on your AgentOS. Set {TOKEN_VARIABLE}, or "
            "give --http-token-file PATH, with the token that clients have to send; or give --no-http-auth, where a "
            "proxy in front of this server checks who calls."
        )
    return settings


def with_own_identities(settings: HttpSettings, agentos: Settings) -> HttpSettings:
    """The settings with what the AgentOS, or each of several, says of the identity of callers in its table.

    Raises SettingsError for a value that cannot be used, and where two AgentOSes could be shown the same credential.
    """
    if not agentos.instances:
        own = _with_table(settings, agentos.profile, agentos.identity)
        _check_identity(own, f"--identity {own.identity}")
        return own
    of_instances: dict[str, HttpSettings] = {}
    for instance in agentos.instances:
        name = instance.instance
        table = dict(instance.identity)
        # Characters that proxies take out of the names of headers.
        table.setdefault("identity_header", f"{settings.identity_header}-{re.sub('[._]', '-', name)}")
        own = of_instances[name] = _with_table(settings, name, tuple(table.items()))
        _check_identity(own, f"--identity {own.identity} for {name}")
    _check_credentials_differ(of_instances)
    return replace(settings, of_instances=of_instances)


def _with_table(settings: HttpSettings, name: str, table: tuple[tuple[str, str], ...]) -> HttpSettings:
    options = {option.name: option for option in HTTP_OPTIONS}
    values = {key: _parsed(options[key].parse, text, f"agentos.{name}: {key}" if name else key) for key, text in table}
    if secret_file := values.pop("exchange_client_secret_file", None):
        values["exchange_client_secret"] = Token(file=secret_file)
        values["exchange_client_secret"]()
    return replace(settings, **values)


_CREDENTIAL_ADVICE = {
    "header": "an identity_header",
    "mint": "a mint_audience (the id of the AgentOS), or a mint_key_file,",
    "exchange": "an exchange_audience, an exchange_resource or an exchange_scope",
}
"""What keeps the credentials for two AgentOSes apart, by the identity."""


def _check_credentials_differ(of_instances: Mapping[str, HttpSettings]) -> None:
    """Raises SettingsError where whoever runs one AgentOS could show another what they were shown."""
    for (name, one), (other_name, other) in combinations(of_instances.items(), 2):
        if not _credentials_differ(one, other):
            raise SettingsError(
                f"{name} and {other_name} would be shown credentials that the other one accepts too. In the file for "
                f"--config, give each {_CREDENTIAL_ADVICE[one.identity]} of its own."
            )


def _credentials_differ(one: HttpSettings, other: HttpSettings) -> bool:
    if one.identity != other.identity:
        return True
    match one.identity:
        case "header":
            return one.identity_header.lower() != other.identity_header.lower()
        case "mint":
            # Without an audience it is the id that an AgentOS says of itself, and it can say another's.
            has_audiences = bool(one.mint_audience and other.mint_audience)
            return one.mint_key_file != other.mint_key_file or (
                has_audiences and one.mint_audience != other.mint_audience
            )
        case "exchange":
            return (one.exchange_audience, one.exchange_resource, one.exchange_scope) != (
                other.exchange_audience,
                other.exchange_resource,
                other.exchange_scope,
            )
        case _:
            return True


def _check_admission(settings: HttpSettings) -> None:
    """Raises SettingsError where what admits callers contradicts itself."""
    if settings.oauth_issuer:
        if settings.token is not None:
            raise SettingsError("--oauth-issuer cannot be used together with a token of the server's: use one of them.")
        if not settings.public_url and (not settings.is_local or settings.port == 0):
            raise SettingsError("--oauth-issuer needs --public-url: the address of /mcp that clients are told.")


def _check_identity(settings: HttpSettings, mode: str) -> None:
    """Raises SettingsError where something is missing for the mode, which is named `mode`."""
    if settings.identity in SIGNED_IN and not settings.oauth_issuer:
        raise SettingsError(f"{mode} needs --oauth-issuer URL: who signs callers in.")
    if settings.identity == "mint" and settings.mint_key_file is None:
        raise SettingsError(f"{mode} needs --mint-key-file PATH: the key that AgentOS trusts.")
    if settings.identity == "exchange" and not settings.exchange_client_id:
        raise SettingsError(f"{mode} needs --exchange-client-id ID: as whom the issuer is asked.")


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


def _grace_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 600:
        raise ValueError("use a number from 0 to 600")
    return seconds


def _http_token(text: str) -> str:
    value = check_token(text)
    if len(value) < MIN_TOKEN_LENGTH:
        raise ValueError(
            f"it has fewer than {MIN_TOKEN_LENGTH} characters. This makes a good one: "
            'python -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    return value


def _token_file(text: str) -> Path:
    path = expand_home(text)
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


def _secure_url(text: str) -> str:
    """An address that nobody on the way can change: https, or this machine's."""
    url = text.strip()
    parts = urlsplit(url)
    if not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc or not url.isprintable():
        raise ValueError("give a complete URL such as https://login.example.com")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_this_machine(parts.hostname)):
        raise ValueError("use https; http is for this machine alone")
    return url


def _is_this_machine(host: str) -> bool:
    try:
        return _is_loopback(host)
    except ValueError:
        return False


def _word(text: str) -> str:
    if not re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]{1,500}", text.strip()):
        raise ValueError("give one word, without quotes")
    return text.strip()


def _words(text: str) -> tuple[str, ...]:
    return tuple(map(_word, text.replace(",", " ").split()))


def _grant(text: str) -> str:
    if text.strip().casefold() not in GRANTS:
        raise ValueError(f"use one of {', '.join(GRANTS)}")
    return text.strip().casefold()


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
        "whose credential AgentOS is shown: shared (this server's, for everybody), header (each caller's own), mint "
        "(one that this server signs for whom an issuer signed in) or exchange (one that the issuer exchanges) "
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
    Option(
        "public_url",
        "--public-url",
        ("AGENTOS_MCP_PUBLIC_URL",),
        _secure_url,
        "the address of /mcp as clients know it, such as https://mcp.example.com/mcp",
        "URL",
    ),
    Option(
        "oauth_issuer",
        "--oauth-issuer",
        ("AGENTOS_MCP_OAUTH_ISSUER",),
        _secure_url,
        "the OAuth issuer whose access tokens admit callers, exactly as the tokens name it",
        "URL",
    ),
    Option(
        "oauth_jwks_url",
        "--oauth-jwks-url",
        ("AGENTOS_MCP_OAUTH_JWKS_URL",),
        _secure_url,
        "where the issuer's keys are (default: where its metadata says)",
        "URL",
    ),
    Option(
        "oauth_audience",
        "--oauth-audience",
        ("AGENTOS_MCP_OAUTH_AUDIENCE",),
        _word,
        "what access tokens have to be for (default: the address of /mcp)",
        "AUDIENCE",
    ),
    Option(
        "oauth_scopes",
        "--oauth-scopes",
        ("AGENTOS_MCP_OAUTH_SCOPES",),
        _words,
        "scopes that access tokens have to have, comma-separated; clients are told to ask for them",
        "SCOPES",
    ),
    Option(
        "scope_map",
        "--scope-map",
        ("AGENTOS_MCP_SCOPE_MAP",),
        _token_file,
        "mint: a JSON file that says which claims give which scopes of AgentOS (default: the token's own scopes)",
        "PATH",
    ),
    Option(
        "mint_key_file",
        "--mint-key-file",
        ("AGENTOS_MCP_MINT_KEY_FILE",),
        _token_file,
        "mint: the private key (PEM) or the secret whose tokens AgentOS trusts",
        "PATH",
    ),
    Option(
        "mint_key_id",
        "--mint-key-id",
        ("AGENTOS_MCP_MINT_KEY_ID",),
        _word,
        "mint: the key's id in AgentOS's JWKS file, if it has one",
        "ID",
    ),
    Option(
        "mint_issuer",
        "--mint-issuer",
        ("AGENTOS_MCP_MINT_ISSUER",),
        _word,
        "mint: the issuer that AgentOS's tokens name (default: the address of /mcp)",
        "ISSUER",
    ),
    Option(
        "mint_audience",
        "--mint-audience",
        ("AGENTOS_MCP_MINT_AUDIENCE",),
        _word,
        "mint: the audience that AgentOS's tokens name (default: the AgentOS's id)",
        "AUDIENCE",
    ),
    Option(
        "exchange_client_id",
        "--exchange-client-id",
        ("AGENTOS_MCP_EXCHANGE_CLIENT_ID",),
        _word,
        f"exchange: this server's id at the issuer; {EXCHANGE_SECRET_VARIABLE} holds its secret",
        "ID",
    ),
    Option(
        "exchange_client_secret_file",
        "--exchange-client-secret-file",
        ("AGENTOS_MCP_EXCHANGE_CLIENT_SECRET_FILE",),
        _token_file,
        "exchange: a file with that secret, read again whenever it changes",
        "PATH",
    ),
    Option(
        "exchange_grant",
        "--exchange-grant",
        ("AGENTOS_MCP_EXCHANGE_GRANT",),
        _grant,
        "exchange: token-exchange (RFC 8693) or jwt-bearer (Entra's on-behalf-of) (default: token-exchange)",
        "GRANT",
    ),
    Option(
        "exchange_audience",
        "--exchange-audience",
        ("AGENTOS_MCP_EXCHANGE_AUDIENCE",),
        _word,
        "exchange: the audience that is asked for, as the issuer calls AgentOS",
        "AUDIENCE",
    ),
    Option(
        "exchange_resource",
        "--exchange-resource",
        ("AGENTOS_MCP_EXCHANGE_RESOURCE",),
        _word,
        "exchange: the resource that is asked for, where the issuer goes by resources",
        "URL",
    ),
    Option(
        "exchange_scope",
        "--exchange-scope",
        ("AGENTOS_MCP_EXCHANGE_SCOPE",),
        lambda text: " ".join(_words(text)),
        "exchange: the scopes that are asked for",
        "SCOPES",
    ),
    Option(
        "grace_seconds",
        "--grace-seconds",
        ("AGENTOS_MCP_GRACE_SECONDS",),
        _grace_seconds,
        "seconds that a server waits, once it is stopped, for calls that have not answered "
        f"(default: {DEFAULT_GRACE_SECONDS:g})",
        "SECONDS",
    ),
)
_REPEATED = ("allow_hosts", "allow_origins")
