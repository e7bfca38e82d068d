"""Several AgentOSes behind one server, by name: read from `AGENTOS_URL`, or from a file with a table for each.

    AGENTOS_URL="dev=http://localhost:7777 prod=https://agents.example.com"
    AGENTOS_TOKEN="prod=eyJhbGciOi..."

The file (`--config`) has the tables of the profiles' file (`profiles.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.agentos.runs.run import INSTANCE_NAME, KINDS
from agentos_mcp.settings.agentos_url import parse_url
from agentos_mcp.settings.home_folder import expand_home
from agentos_mcp.settings.profiles import ProfileFile
from agentos_mcp.settings.settings import SettingsError, Token, check_token

MAX_INSTANCES = 20
_PAIR = re.compile(rf"({INSTANCE_NAME.pattern})=(.*)", re.DOTALL)
_URLS = "AGENTOS_URL"
_TOKEN = "AGENTOS_TOKEN"  # noqa: S105 - the name of a variable
CONFIG_VARIABLE = "AGENTOS_MCP_CONFIG"
_SINGLE_FLAGS = {"url": "--url", "profile": "--profile", "token": "--token", "token_file": "--token-file"}


@dataclass(frozen=True)
class Instance:
    """One AgentOS of several, and what holds for it alone."""

    name: str
    url: str
    token: Token
    read_only: bool = False
    toolsets: tuple[str, ...] = ()
    identity: tuple[tuple[str, str], ...] = ()
    """What its table says of the identity of callers over HTTP."""


def read_instances(flags: Mapping[str, str | bool | None], environ: Mapping[str, str]) -> tuple[Instance, ...]:
    """The AgentOSes that are named here; () where none is, so that there is one without a name.

    They are looked for in `--config`, `--url`, `AGENTOS_MCP_CONFIG`, `AGENTOS_URL`. Raises SettingsError.
    """
    given = {name: flag for name, flag in _SINGLE_FLAGS.items() if flags.get(name)}
    if flags.get("config") and given:
        raise SettingsError(f"--config names the AgentOSes, and {', '.join(given.values())} one. Give one of the two.")
    url = str(flags.get("url") or "")
    if config := config_in_use(flags, environ):
        return _checked(_from_file(config, environ), config)
    url = url or ("" if flags.get("profile") else environ.get(_URLS, ""))
    if not names_instances(url):
        return ()
    if beside := [flag for name, flag in given.items() if name != "url"]:
        raise SettingsError(
            f"{_URLS} names its AgentOSes, and {beside[0]} is for one without a name. Keep the token of each in "
            f'{_TOKEN}="NAME=TOKEN ...", or use --config.'
        )
    return _checked(_from_pairs(url, environ), _URLS)


def config_in_use(flags: Mapping[str, str | bool | None], environ: Mapping[str, str]) -> str:
    """The file that names the AgentOSes, by `--config` or `AGENTOS_MCP_CONFIG`; '' where one is named by itself."""
    if any(flags.get(name) for name in _SINGLE_FLAGS):
        return str(flags.get("config") or "")
    return str(flags.get("config") or "") or environ.get(CONFIG_VARIABLE, "").strip()


def names_instances(url: str) -> bool:
    """Whether it is `NAME=URL`, or several of them, rather than a URL."""
    first = url.split(maxsplit=1)[:1]
    return bool(first) and _PAIR.fullmatch(first[0]) is not None


def _from_file(config: str, environ: Mapping[str, str]) -> list[Instance]:
    try:
        path = expand_home(config)
    except ValueError as error:
        name = one_line(config, max_length=200)
        raise SettingsError(f"The file {name} of --config or {CONFIG_VARIABLE} cannot be used: {error}.") from None
    if not path.is_file():
        name = one_line(str(path), max_length=200)
        raise SettingsError(f"There is no file {name}, which --config or {CONFIG_VARIABLE} names.")
    profiles = ProfileFile(path, is_private=False).read().by_name
    if not profiles:
        raise SettingsError(f"{path} names no AgentOS. Write a table [agentos.NAME] with its url.")
    return [
        Instance(
            profile.name,
            profile.url,
            profile.token(environ),
            profile.read_only,
            profile.toolsets,
            profile.identity,
        )
        for profile in profiles.values()
    ]


def _from_pairs(urls: str, environ: Mapping[str, str]) -> list[Instance]:
    pairs = _pairs(urls, _URLS, "URL")
    tokens = _tokens(environ)
    if unknown := [name for name in tokens if name not in dict(pairs)]:
        raise SettingsError(f"{_TOKEN} has a token for {unknown[0]}, which {_URLS} does not name.")
    instances = []
    for name, text in pairs:
        try:
            instances.append(Instance(name, parse_url(text), tokens.get(name, Token())))
        except ValueError as error:
            raise SettingsError(f"{_URLS}: the URL of {name} cannot be used: {error}.") from None
    return instances


def _tokens(environ: Mapping[str, str]) -> dict[str, Token]:
    """The token of each, by name. One without a name would go to all, so it goes to none."""
    text = environ.get(_TOKEN, "")
    if not text.strip() and any(environ.get(name) for name in ("OS_SECURITY_KEY", "AGENTOS_TOKEN_FILE")):
        raise SettingsError(
            f"OS_SECURITY_KEY or AGENTOS_TOKEN_FILE is set, but {_URLS} names its AgentOSes: say whose it is, as "
            f'{_TOKEN}="NAME=TOKEN ...", or with token_file in a file for --config.'
        )
    try:
        return {name: Token(check_token(token)) for name, token in _pairs(text, _TOKEN, "TOKEN")}
    except ValueError as error:
        raise SettingsError(f"{_TOKEN} cannot be used: {error}.") from None


def _pairs(text: str, variable: str, what: str) -> list[tuple[str, str]]:
    """ "dev=... prod=..." by name. The words themselves are not repeated: they may be secret."""
    pairs: list[tuple[str, str]] = []
    for number, word in enumerate(text.split(), 1):
        found = _PAIR.fullmatch(word)
        if found is None or not found[2]:
            raise SettingsError(f"{variable} cannot be used: its word {number} is not NAME={what}, as in dev={what}.")
        pairs.append((found[1], found[2]))
    return pairs


def _checked(instances: Sequence[Instance], source: str) -> tuple[Instance, ...]:
    """Raises SettingsError where there are too many, or where two could be taken for each other."""
    if len(instances) > MAX_INSTANCES:
        raise SettingsError(f"{source} names {len(instances)} AgentOSes; at most {MAX_INSTANCES} can be served.")
    names: set[str] = set()
    for instance in instances:
        name = instance.name.casefold()
        if name in {word for kind in KINDS for word in (kind, f"{kind}s")}:
            raise SettingsError(f"{source}: no AgentOS can be named {instance.name}, as components are called that.")
        if name in names:
            raise SettingsError(f"{source} has the name {instance.name} twice.")
        names.add(name)
    return tuple(instances)
