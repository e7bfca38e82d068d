"""The values that a shell completes: components, runs, sessions, statuses, profiles, asked of AgentOS and kept shortly.

A person waits for every one of these answers, so they are late or wrong rather than slow, and silent about what fails.
What AgentOS says goes into a shell: only words that no shell gives a meaning to are offered.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shlex
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from agentos_mcp.settings import Settings, SettingsError
from agentos_mcp.terminal.cache_folder import cache_folder, make_private
from agentos_mcp.terminal.command_flags import STATUSES, add_connection_flags
from agentos_mcp.terminal.run_words import KINDS, singular
from agentos_mcp.terminal.usage_errors import Parser, UsageError

COMMAND = "__complete"
"""`agentos-mcp __complete SOURCE WORD...` prints what may stand after these words, a line each."""

_TIMEOUT_SECONDS = 0.9
_KEPT_SECONDS = 30.0
_FAILURE_KEPT_SECONDS = 5.0
"""An AgentOS that does not answer is not asked again at every key."""
_MAX_VALUES = 200
_MAX_CACHE_BYTES = 256 * 1024
_SAFE_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+%/-]{0,299}")

LoadSettings = Callable[[argparse.Namespace], Settings]


def print_values(
    arguments: Sequence[str], parsers: Mapping[str, Callable[[], Parser]], load_settings: LoadSettings
) -> int:
    """Print what may stand after the words; nothing where that is not known. Always 0."""
    # ValueError: this user has no home.
    with suppress(UsageError, SettingsError, SystemExit, OSError, ValueError):
        source, *raw_words = arguments or [""]
        words = [word for word in _unquoted(raw_words) if word not in {"-h", "--help"}]
        # A flag at the end waits for the value that is completed.
        options = _options(words[:-1] if words and words[-1].startswith("-") else words, parsers)
        for value in _safe(_values(source, words, options, load_settings)):
            print(value)
    return 0


def _values(
    source: str, words: Sequence[str], options: argparse.Namespace, load_settings: LoadSettings
) -> Iterable[str]:
    match source:
        case "statuses":
            return STATUSES
        case "profiles":
            from agentos_mcp.settings.profiles import ProfileFile

            return list(ProfileFile().read().by_name)
        case "run_words":
            before = list(getattr(options, "words", []))
            kind = singular(before[0]) if before else ""
            if not before:
                return [*KINDS, *_of_agentos("components", options, load_settings)]
            return _of_agentos(f"{kind}s", options, load_settings) if kind in KINDS and len(before) == 1 else []
        case "components":
            return _of_agentos(words[0] if words else "", options, load_settings)
        case "runs":
            return ["last", *_of_agentos("runs", options, load_settings)]
        case "sessions":
            return _of_agentos("sessions", options, load_settings)
    return []


def _safe(values: Iterable[str]) -> list[str]:
    """The values that are words in every shell, each once: the others need quotes, in each shell its own."""
    return [value for value in dict.fromkeys(values) if _SAFE_WORD.fullmatch(value)][:_MAX_VALUES]


def _unquoted(raw_words: Sequence[str]) -> list[str]:
    """The words as a program would get them: bash gives them with their quotes, and splits them at `:` and `=`."""
    joined: list[str] = []
    glue = False
    for word in raw_words:
        if joined and (glue or word in {":", "="}):
            joined[-1] += word
            glue = word in {":", "="}
        else:
            joined.append(word)
    words = []
    for word in joined:
        try:
            parts = shlex.split(word)
        except ValueError:
            parts = [word]
        words.append(parts[0] if len(parts) == 1 else word)
    return words


def _options(words: Sequence[str], parsers: Mapping[str, Callable[[], Parser]]) -> argparse.Namespace:
    """What the words before the cursor say; of an incomplete command line at least which AgentOS it is for."""
    if words and words[0] in parsers:
        parser = parsers[words[0]]()
        with suppress(UsageError, TypeError):
            options: argparse.Namespace = parser.parse_known_intermixed_args(list(words[1:]))[0]
            return options
    connection = Parser(add_help=False)
    add_connection_flags(connection)
    known: argparse.Namespace = connection.parse_known_args(list(words[1:]))[0]
    return known


def _of_agentos(source: str, options: argparse.Namespace, load_settings: LoadSettings) -> list[str]:
    settings = load_settings(options)
    cache = _cache_file(source, settings)
    if (cached := _read_cache(cache)) is not None:
        return cached
    import anyio

    values = None
    with suppress(Exception):
        values = anyio.run(_ask, source, settings)
    _write_cache(cache, values)
    return values or []


async def _ask(source: str, settings: Settings) -> list[str]:
    """Ask AgentOS. Raises whatever fails, TimeoutError included."""
    import anyio

    from agentos_mcp.tooling.context import ToolContext, open_backend

    with anyio.fail_after(_TIMEOUT_SECONDS):
        async with open_backend(replace(settings, timeout=_TIMEOUT_SECONDS)) as backend:
            ctx = ToolContext.headless(backend)
            if source == "runs":
                from agentos_mcp.runs.run_search import search_runs

                return [str(run.ref) for run in (await search_runs(ctx, user_id=settings.user_id, limit=20)).runs]
            if source == "sessions":
                from agentos_mcp.tools.sessions import list_sessions

                sessions = await list_sessions(ctx, user_id=settings.user_id, db_id=settings.db_id, limit=30)
                return [str(row[0]) for row in sessions.rows]
            inventory = await ctx.catalog.inventory()
            return [
                component.id for component in inventory.components if source in {"components", f"{component.kind}s"}
            ]


def _cache_file(source: str, settings: Settings) -> Path:
    # Without the token: a file's name can be read by others, and a token might be guessed from its hash.
    key = json.dumps([source, settings.url, settings.profile, settings.user_id, settings.db_id])
    name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return cache_folder("completion") / f"{name}.json"


def _read_cache(file: Path) -> list[str] | None:
    """What was asked a moment ago; None where that is too old, or not readable."""
    try:
        age = time.time() - file.stat().st_mtime
        with file.open("rb") as opened:
            document: Any = json.loads(opened.read(_MAX_CACHE_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, list) or not all(isinstance(value, str) for value in document):
        return None
    return document if 0 <= age < (_KEPT_SECONDS if document else _FAILURE_KEPT_SECONDS) else None


def _write_cache(file: Path, values: Sequence[str] | None) -> None:
    with suppress(OSError):
        make_private(file.parent)
        new = file.with_suffix(f".{os.getpid()}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            json.dump(_safe(values or []), opened)
        new.replace(file)
