"""Every setting, with its flag, its variables and its default: the generated part of docs/configuration.md."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator

from agentos_mcp.cli import COMMANDS
from agentos_mcp.server.http.settings import EXCHANGE_SECRET_VARIABLE, HTTP_OPTIONS, TOKEN_VARIABLE
from agentos_mcp.settings import OPTIONS, Option
from scripts.surface.markdown_table import table

Row = tuple[str, str, str, str]

GROUPS = {
    "Which AgentOS": ("url", "config", "profile", "token", "token_file", "timeout"),
    "Which tools": ("toolsets", "tools", "exclude_tools", "read_only", "expose"),
    "The same value for every call": ("user_id", "db_id", "knowledge_id"),
    "Runs and questions": ("wait", "durability", "on_cancel", "ask", "state_secret", "allow_files"),
    "Results": ("result_tokens", "structured_output"),
    "Logs, metrics and traces": (
        "log_level",
        "log_format",
        "audit_log",
        "metrics_address",
        "opentelemetry",
        "propagate_trace_context",
    ),
}
"""What goes together; a setting that is in none of them, or in two, is an error."""
OVER_HTTP = "Over HTTP"
_COLUMNS = ("flag", "variable", "default", "meaning")
_DEFAULT = re.compile(r" \(default: (.*)\)$")


def settings() -> str:
    """A heading and a table for each group."""
    named = {option.name: option for option in OPTIONS}
    grouped = [name for names in GROUPS.values() for name in names]
    if sorted(grouped) != sorted(named):
        raise ValueError(f"GROUPS and OPTIONS differ: {set(grouped) ^ set(named) or 'one is there twice'}")
    parts = [(title, [row(named[name]) for name in names]) for title, names in GROUPS.items()]
    parts.append((OVER_HTTP, list(_over_http())))
    return "\n\n".join(f"### {title}\n\n{table(_COLUMNS, rows)}" for title, rows in parts)


def flags_of(command: str) -> str:
    """The flags that a command has beside the settings."""
    rows = [(cell, default, meaning) for cell, _, default, meaning in _own(command)]
    return table(("flag", "default", "meaning"), rows)


def row(option: Option) -> Row:
    flag = option.flag if option.switch else f"{option.flag} {option.metavar}"
    variables = ", else ".join(f"`{name}`" for name in option.variables)
    return (f"`{flag}`", variables, *_told(option.description, switch=option.switch))


def _over_http() -> Iterator[Row]:
    yield from (own for own in _own("serve") if own[0] == "`--http`")
    for option in HTTP_OPTIONS:
        yield row(option)
        if option.name == "http_token_file":
            yield "", f"`{TOKEN_VARIABLE}`", "", "the token itself; it has no flag: command lines can be seen by others"
        if option.name == "exchange_client_secret_file":
            yield "", f"`{EXCHANGE_SECRET_VARIABLE}`", "", "the secret itself; it has no flag either"
    yield from (own for own in _own("serve") if own[0] not in {"`--http`", "`--demo`"})


def _own(command: str) -> Iterator[Row]:
    """The flags of a command that are no settings."""
    known = {option.flag for option in (*OPTIONS, *HTTP_OPTIONS)}
    for action in COMMANDS[command].parser(command)._actions:
        flag = next(iter(action.option_strings[::-1]), "")
        if flag and flag not in known and not isinstance(action, argparse._HelpAction):
            shown = flag if action.nargs == 0 else f"{flag} {action.metavar or action.dest.upper()}"
            yield f"`{shown}`", "", *_told(str(action.help), switch=action.nargs == 0)


def _told(description: str, *, switch: bool) -> tuple[str, str]:
    """The default and the meaning."""
    meaning = description.replace(repr(os.pathsep), "`:` (on Windows `;`)")
    found = _DEFAULT.search(meaning)
    default = found[1] if found else "off" if switch else ""
    if "://" in default or re.fullmatch(r"[\w.]+", default):
        default = f"`{default}`" if default not in {"off", "none"} else default
    return default, _DEFAULT.sub("", meaning)
