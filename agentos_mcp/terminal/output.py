"""What a command prints on standard output: text for people, one JSON document for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentos_mcp.agentos.hints import Surface
from agentos_mcp.agentos.http_errors import display_url
from agentos_mcp.agentos.plain_text import escaped_json, strip_control_chars
from agentos_mcp.settings import Settings
from agentos_mcp.terminal.table_layout import align_table
from agentos_mcp.terminal.terminal_features import colorize, terminal_width
from agentos_mcp.tooling.results import Document, Message, Record, Table

UNLIMITED_TOKENS = 10**9
"""A token budget that cuts nothing: results are printed whole."""

Printable = str | Table | Record | Document | Message


@dataclass(frozen=True)
class Drawing:
    """Lines that fit the terminal and hold nothing of others that it would obey; with colors of ours."""

    lines: tuple[str, ...]


def print_drawing(drawing: Drawing) -> None:
    print("\n".join(drawing.lines))


def print_text(*results: Printable, surface: Surface) -> None:
    """Print results for people: fitted to their terminal, or whole where standard output is no terminal."""
    width = terminal_width(sys.stdout) if sys.stdout.isatty() else 0
    texts = [_to_text(result, surface, width) for result in results]
    # Also in a pipe: its reader may show it on a terminal.
    print(strip_control_chars("\n\n".join(filter(None, texts))))


def print_json(data: Mapping[str, Any], settings: Settings | None = None) -> None:
    """Print the one JSON document of a command; with `settings` it names the AgentOS that the command spoke to."""
    print(_json_text(data, settings, indent=2))


def print_json_line(data: Mapping[str, Any], settings: Settings) -> None:
    """Print a JSON document of a command that prints several: each is one line."""
    print(_json_text(data, settings), flush=True)


def _json_text(data: Mapping[str, Any], settings: Settings | None, indent: int | None = None) -> str:
    if settings is not None:
        data = {"agentos": agentos_data(settings), **data}
    # A Windows pipe may have a code page that JSON's readers do not expect.
    is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return escaped_json(json.dumps(data, ensure_ascii=not is_utf8, indent=indent, default=str))


def print_agentos(settings: Settings, name: str = "") -> None:
    """Name the AgentOS that a command speaks to, on standard error: as the user calls it, else as it calls itself."""
    url = display_url(settings.url)
    known = settings.profile or name
    line = f"AgentOS: {known} at {url}" if known else f"AgentOS: {url}"
    print(colorize(line, "dim", sys.stderr), file=sys.stderr, flush=True)


def agentos_data(settings: Settings) -> dict[str, str | None]:
    """The AgentOS that a command speaks to: its name in the profiles, null for none, and its URL."""
    return {"profile": settings.profile or None, "url": display_url(settings.url)}


def to_data(result: Printable, surface: Surface) -> dict[str, Any]:
    """A result as data."""
    return {"text": result} if isinstance(result, str) else result.data(surface=surface)


def _to_text(result: Printable, surface: Surface, width: int) -> str:
    """A result as text, at most `width` columns wide; 0 for no limit."""
    if isinstance(result, str):
        return result
    if isinstance(result, Table):
        return align_table(result, surface, width)
    return result.text(UNLIMITED_TOKENS, surface)
