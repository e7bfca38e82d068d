"""Every setting as people write it, from the command line's flags and the environment.

A flag wins over its environment variable. `OPTIONS` is the only list of them: flags, variables,
checks and their descriptions are all made from it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentos_mcp.settings.agentos_url import is_same_url, parse_url
from agentos_mcp.settings.home_folder import expand_home
from agentos_mcp.settings.secret_file import read_secret
from agentos_mcp.settings.settings import (
    ALL,
    DEFAULT,
    DURABILITIES,
    EXPOSED,
    LOG_FORMATS,
    LOG_LEVELS,
    MASK,
    ON_CANCEL,
    TOOLSETS,
    Settings,
    SettingsError,
    Token,
    check_token,
)

if TYPE_CHECKING:
    from agentos_mcp.settings.instances import Instance
    from agentos_mcp.settings.profiles import Profile, ProfileFile

TOKEN_SETTINGS = ("token", "token_file")
TOKEN_VARIABLES = ("AGENTOS_TOKEN", "OS_SECURITY_KEY")
"""The environment variables that a token is read from."""


@dataclass(frozen=True)
class Option:
    """One setting as people write it: `--flag VALUE` or `VARIABLE=value`."""

    name: str
    flag: str
    variables: tuple[str, ...]
    parse: Callable[[str], Any]
    description: str
    metavar: str = "VALUE"
    switch: bool = False


def load_instances(
    flags: Mapping[str, str | bool | None],
    environ: Mapping[str, str] | None = None,
    profiles: ProfileFile | None = None,
) -> Settings:
    """`load` for a server, which can have several AgentOSes (`instances`). Raises SettingsError."""
    environ = os.environ if environ is None else environ
    places = (flags.get("config"), flags.get("url"), environ.get("AGENTOS_MCP_CONFIG"), environ.get("AGENTOS_URL"))
    if not (places[0] or places[2] or any("=" in str(url or "") for url in places)):
        return load(flags, environ, profiles)
    from agentos_mcp.settings.instances import read_instances

    instances = read_instances(flags, environ)
    if not instances:
        return load(flags, environ, profiles)
    base = load(*without_address(flags, environ))
    each = tuple(_settings_of(instance, base) for instance in instances)
    if len(each) == 1:
        return replace(each[0], instance="")
    if base.expose:
        raise SettingsError("--expose is for one AgentOS; leave it out where there are several.")
    return replace(
        base,
        url=each[0].url,
        read_only=all(settings.read_only for settings in each),
        instances=each,
    )


def without_address(
    flags: Mapping[str, str | bool | None], environ: Mapping[str, str]
) -> tuple[dict[str, str | bool | None], dict[str, str]]:
    """The flags and the variables without those that say which AgentOS it is."""
    own = {"url", "profile", "config", *TOKEN_SETTINGS}
    variables = {name for option in OPTIONS if option.name in own for name in option.variables}
    return (
        {name: value for name, value in flags.items() if name not in own},
        {name: value for name, value in environ.items() if name not in variables},
    )


def _settings_of(instance: Instance, base: Settings) -> Settings:
    """The settings of one AgentOS: what it says itself, within what holds for all."""
    toolsets = base.toolsets
    if instance.toolsets and not (base.toolsets or base.tools):
        toolsets = _toolsets_of(instance, instance.name)
    return replace(
        base,
        instance=instance.name,
        url=instance.url,
        token=instance.token,
        read_only=base.read_only or instance.read_only,
        toolsets=toolsets,
        identity=instance.identity,
    )


def load(
    flags: Mapping[str, str | bool | None],
    environ: Mapping[str, str] | None = None,
    profiles: ProfileFile | None = None,
) -> Settings:
    """The settings from parsed flags (by option name, None where not given), the environment and a profile.

    Without `profiles` no profile is used. Raises SettingsError for the first value that cannot be used.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for option in OPTIONS:
        source, text = option.flag, flags.get(option.name)
        if text is None or text is False:
            source, text = next(((name, environ[name]) for name in option.variables if environ.get(name)), ("", None))
        if text is None:
            continue
        try:
            values[option.name] = option.parse("true" if text is True else text)
        except ValueError as error:
            raise SettingsError(f"{source}={_display_value(option.name, text)} cannot be used: {error}") from None
    values.pop("profile", "")
    values.pop("config", "")
    profile = profile_in_use(flags, environ, profiles) if profiles is not None else None
    if profile is not None:
        _use_profile(profile, values, flags, environ)
    token_file = values.pop("token_file", None)
    if token_file is not None and flags.get("token") is None:
        values["token"] = Token(file=token_file)
        values["token"]()
    return Settings(**values)


def profile_in_use(
    flags: Mapping[str, str | bool | None], environ: Mapping[str, str], profiles: ProfileFile
) -> Profile | None:
    """The profile whose AgentOS it is; None where an address that was given is not that of the profile.

    An address is looked for in `--url`, `--profile`, `AGENTOS_URL`, `AGENTOS_PROFILE`, the current profile. Raises
    SettingsError for a profile that is not there, and where no other address is known for a file that cannot be used.
    """
    name = str(flags.get("profile") or environ.get("AGENTOS_PROFILE") or "").strip()
    given_url = str(flags.get("url") or ("" if flags.get("profile") else environ.get("AGENTOS_URL")) or "")
    try:
        profile = profiles.read().choose(name)
    except SettingsError:
        if given_url and not name:
            return None
        raise
    if profile is None or not given_url:
        return profile
    try:
        return profile if is_same_url(parse_url(given_url), profile.url) else None
    except ValueError:
        return None


def _use_profile(
    profile: Profile, values: dict[str, Any], flags: Mapping[str, str | bool | None], environ: Mapping[str, str]
) -> None:
    """Fill in what the profile says. A token goes to the address that it was given for, and to no other."""
    has_token_flag = any(flags.get(name) for name in TOKEN_SETTINGS)
    environment_url = values.get("url", "") if not flags.get("url") else ""
    is_other_url = bool(environment_url) and not is_same_url(environment_url, profile.url)
    is_for_environment = bool(environment_url) and not is_other_url and not flags.get("profile")
    has_environment_token = not has_token_flag and any(name in values for name in TOKEN_SETTINGS)
    if has_environment_token and (is_other_url or (profile.has_token and not is_for_environment)):
        # It was set for the address in the environment, or for whatever this shell speaks to otherwise.
        for name in TOKEN_SETTINGS:
            values.pop(name, None)
        has_environment_token = False
    if profile.has_token and not has_token_flag and not has_environment_token:
        values["token"] = profile.token(environ)
    values["url"], values["profile"], values["identity"] = profile.url, profile.name, profile.identity
    if profile.read_only:
        values.setdefault("read_only", True)
    if profile.toolsets:
        values.setdefault("toolsets", _toolsets_of(profile, f"the profile {profile.name}"))


def _toolsets_of(table: Profile | Instance, name: str) -> tuple[str, ...]:
    """The toolsets that a table of a file names. Raises SettingsError for a word that names none."""
    try:
        return _toolsets(",".join(table.toolsets))
    except ValueError as error:
        raise SettingsError(f"The toolsets of {name} cannot be used: {error}.") from None


def _display_value(name: str, text: str | bool) -> str:
    """A value as it may be shown: a URL may hold a password or a key."""
    if name == "token":
        return MASK
    return re.sub(r"(?<=://)[^/@]*@|\?.*(?=')", MASK, repr(text)) if name == "url" else repr(text)


def _token(text: str) -> Token:
    return Token(check_token(text))


def _token_file(text: str) -> Path:
    path = expand_home(text)
    if not path.is_file():
        raise ValueError("there is no such file")
    return path


def _folders(text: str) -> tuple[Path, ...]:
    folders = tuple(expand_home(part).resolve() for part in text.split(os.pathsep) if part.strip())
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a folder")
    return folders


def _one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        word = text.strip().casefold()
        if word not in words:
            raise ValueError(f"use one of {', '.join(words)}")
        return word

    return parse


def _names(text: str) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not words:
        raise ValueError("give at least one name, separated by commas")
    return words


def _toolsets(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(word.casefold() for word in _names(text)))
    for word in names:
        if word not in {*TOOLSETS, DEFAULT, ALL}:
            raise ValueError(f"'{word}' is not a toolset; use default, {', '.join(TOOLSETS)}, or all")
    return names


def _components(text: str) -> tuple[tuple[str, str], ...]:
    names = []
    for word in _names(text):
        kind, _, component = word.partition(":")
        if kind.strip().casefold() not in EXPOSED:
            raise ValueError(f"'{word}' is neither agents, teams, workflows nor one of them, such as agents:writer")
        names.append((kind.strip().casefold(), component.strip()))
    return tuple(names)


def _id(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty")
    return text.strip()


def _audit_log(text: str) -> str:
    if text.strip() == "-":
        return "-"
    path = expand_home(text.strip())
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent}")
    if path.is_dir():
        raise ValueError("it is a folder")
    return str(path.resolve())


def _metrics_address(text: str) -> tuple[str, int]:
    import ipaddress

    host, separator, port = text.strip().lower().rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if separator and host else "127.0.0.1"
    try:
        host = "127.0.0.1" if host == "localhost" else str(ipaddress.ip_address(host))
    except ValueError:
        raise ValueError("give HOST:PORT with an address of this machine, such as 127.0.0.1:9464") from None
    if not re.fullmatch(r"\d{1,5}", port) or int(port) > 65535:
        raise ValueError("use a port from 1 to 65535, or 0 for a free one")
    return host, int(port)


def _boolean(text: str) -> bool:
    word = text.strip().casefold()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise ValueError("use true or false")


def _number(minimum: float, maximum: float, kind: Callable[[str], float] = float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = float("nan")
        if not minimum <= number <= maximum:
            raise ValueError(f"use a number from {minimum:g} to {maximum:g}")
        return number

    return parse


OPTIONS = (
    Option("url", "--url", ("AGENTOS_URL",), parse_url, "where AgentOS runs (default: http://localhost:7777)", "URL"),
    Option(
        "config",
        "--config",
        ("AGENTOS_MCP_CONFIG",),
        _id,
        "a file that names several AgentOSes to serve, with a table [agentos.NAME] for each",
        "PATH",
    ),
    Option(
        "profile",
        "--profile",
        ("AGENTOS_PROFILE",),
        _id,
        "the profile to use: an AgentOS and its token, by name (default: the current one)",
        "NAME",
    ),
    Option(
        "token",
        "--token",
        TOKEN_VARIABLES,
        _token,
        "AgentOS's security key, a JWT or a service account token; the environment keeps it out of process lists",
        "TOKEN",
    ),
    Option(
        "token_file",
        "--token-file",
        ("AGENTOS_TOKEN_FILE",),
        _token_file,
        "a file with the token, read again whenever it changes",
        "PATH",
    ),
    Option(
        "toolsets",
        "--toolsets",
        ("AGENTOS_MCP_TOOLSETS",),
        _toolsets,
        f"toolsets to offer, comma-separated: default, {', '.join(TOOLSETS)}, or all (default: default)",
        "NAMES",
    ),
    Option(
        "tools",
        "--tools",
        ("AGENTOS_MCP_TOOLS",),
        _names,
        "single tools to offer, comma-separated: in addition to --toolsets, or alone without it",
        "NAMES",
    ),
    Option(
        "exclude_tools",
        "--exclude-tools",
        ("AGENTOS_MCP_EXCLUDE_TOOLS",),
        _names,
        "tools not to offer, comma-separated",
        "NAMES",
    ),
    Option(
        "read_only",
        "--read-only",
        ("AGENTOS_MCP_READ_ONLY",),
        _boolean,
        "offer only tools that change nothing, and send no request that could; overrides every other setting",
        switch=True,
    ),
    Option(
        "expose",
        "--expose",
        ("AGENTOS_MCP_EXPOSE",),
        _components,
        "components that get their own tool, comma-separated: agents, teams, workflows, or one, such as agents:writer",
        "COMPONENTS",
    ),
    Option(
        "user_id",
        "--user-id",
        ("AGENTOS_MCP_USER_ID",),
        _id,
        "the user that every call is for; then no tool has that parameter",
        "ID",
    ),
    Option(
        "db_id",
        "--db-id",
        ("AGENTOS_MCP_DB_ID",),
        _id,
        "the database that every call uses; then no tool has that parameter",
        "ID",
    ),
    Option(
        "knowledge_id",
        "--knowledge-id",
        ("AGENTOS_MCP_KNOWLEDGE_ID",),
        _id,
        "the knowledge base, by id or name, that every call uses; then no tool has that parameter",
        "ID",
    ),
    Option(
        "structured_output",
        "--structured-output",
        ("AGENTOS_MCP_STRUCTURED_OUTPUT",),
        _boolean,
        "add output schemas and structured content to results",
        switch=True,
    ),
    Option(
        "timeout",
        "--timeout",
        ("AGENTOS_MCP_TIMEOUT",),
        _number(1, 3600),
        "seconds to wait for a response of AgentOS other than a run's (default: 30)",
        "SECONDS",
    ),
    Option(
        "result_tokens",
        "--result-tokens",
        ("AGENTOS_MCP_RESULT_TOKENS",),
        _number(200, 50_000, int),
        "about how many tokens a result may cost (default: 6000)",
        "NUMBER",
    ),
    Option(
        "wait",
        "--wait",
        ("AGENTOS_MCP_WAIT",),
        _number(1, 3600),
        "seconds that a call waits for its run before it reports where it stands (default: by client, 45 or more)",
        "SECONDS",
    ),
    Option(
        "durability",
        "--durability",
        ("AGENTOS_MCP_DURABILITY",),
        _one_of(DURABILITIES),
        "background: runs survive a lost connection; foreground: they end with it, and cost AgentOS less "
        "(default: background)",
        "MODE",
    ),
    Option(
        "on_cancel",
        "--on-cancel",
        ("AGENTOS_MCP_ON_CANCEL",),
        _one_of(ON_CANCEL),
        "what ends a run with its call: cancel (a cancelled call, or a closed HTTP stream where that is how clients "
        "cancel), explicit (a cancelled call alone) or detach (nothing) (default: cancel)",
        "ACTION",
    ),
    Option(
        "allow_files",
        "--allow-files",
        ("AGENTOS_MCP_ALLOW_FILES",),
        _folders,
        f"folders whose files runs and knowledge may use, separated by {os.pathsep!r} (default: none)",
        "FOLDERS",
    ),
    Option(
        "ask",
        "--ask",
        ("AGENTOS_MCP_ASK",),
        _boolean,
        "whether people are asked by forms of their client (elicitation): true or false (default: true)",
        "BOOLEAN",
    ),
    Option(
        "state_secret",
        "--state-secret-file",
        ("AGENTOS_MCP_STATE_SECRET_FILE",),
        read_secret,
        "a file with a secret of 32 or more characters, the same for all replicas: then a question of one of them "
        "can be answered to another, or after a restart (default: a random key in each process)",
        "PATH",
    ),
    Option(
        "log_level",
        "--log-level",
        ("AGENTOS_MCP_LOG_LEVEL",),
        _one_of(LOG_LEVELS),
        f"what to log on stderr: {', '.join(LOG_LEVELS)} (default: warning)",
        "LEVEL",
    ),
    Option(
        "log_format",
        "--log-format",
        ("AGENTOS_MCP_LOG_FORMAT",),
        _one_of(LOG_FORMATS),
        "how to log: text, or json for one object a line, without anything that callers send or AgentOS answers "
        "(default: text)",
        "FORMAT",
    ),
    Option(
        "audit_log",
        "--audit-log",
        ("AGENTOS_MCP_AUDIT_LOG",),
        _audit_log,
        "a file to add a line of JSON to for every call that can change something, or - for stderr (default: none)",
        "FILE",
    ),
    Option(
        "metrics_address",
        "--metrics-address",
        ("AGENTOS_MCP_METRICS_ADDRESS",),
        _metrics_address,
        "where to serve metrics for Prometheus, at /metrics: HOST:PORT, or PORT on this machine alone; takes the extra "
        "'operation' (default: nowhere)",
        "ADDRESS",
    ),
    Option(
        "opentelemetry",
        "--opentelemetry",
        ("AGENTOS_MCP_OPENTELEMETRY",),
        _boolean,
        "send traces and metrics to a collector, over OTLP as the OTEL_EXPORTER_OTLP_* variables say; takes the extra "
        "'operation'",
        switch=True,
    ),
    Option(
        "propagate_trace_context",
        "--propagate-trace-context",
        ("AGENTOS_MCP_PROPAGATE_TRACE_CONTEXT",),
        _boolean,
        "tell AgentOS of the trace that a request belongs to (the header traceparent)",
        switch=True,
    ),
)
