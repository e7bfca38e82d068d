"""Runs one of the terminal's commands against the AgentOS that the settings name."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace

import anyio

from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, NotFound, Unreachable
from agentos_mcp.agentos.hints import Surface
from agentos_mcp.agentos.plain_text import strip_control_chars
from agentos_mcp.settings import Settings
from agentos_mcp.terminal.argparse_errors import USAGE
from agentos_mcp.terminal.argument_values import folders_of, text_of
from agentos_mcp.terminal.command_surface import CommandSurface, LookupSurface
from agentos_mcp.terminal.list_commands import show
from agentos_mcp.terminal.printing import WHOLE, never_fail, print_json
from agentos_mcp.terminal.run_commands import cancel, follow, go_on, run
from agentos_mcp.terminal.run_outcome import FAILED
from agentos_mcp.tooling.context import ToolContext, open_backend

_NO_READER = 141
"""What a shell has for a program whose output nobody reads any more."""


def do(options: argparse.Namespace, settings: Settings) -> int:
    """Run the command; its exit code: 0 done, 1 failed, 2 given wrongly, 3 paused, 130 interrupted."""
    never_fail(sys.stdout)
    files = getattr(options, "file", None) or []
    allowed = folders_of([files] if isinstance(files, str) else files)
    try:
        _read_input(options)
        code = anyio.run(_do, options, replace(settings, allow_files=allowed, result_tokens=WHOLE))
        sys.stdout.flush()
    except AgentOSError as error:
        hint = _hint(error, options)
        if options.json:
            print_json({"error": error.message, "next": hint})
        print(strip_control_chars(f"agentos-mcp: {error.message} {hint}".rstrip()), file=sys.stderr)
        # Refused before anything was sent: it was given wrongly.
        return USAGE if isinstance(error, InvalidRequest) and not error.status else FAILED
    except BrokenPipeError:
        return _unread()
    return code


async def _do(options: argparse.Namespace, settings: Settings) -> int:
    if getattr(options, "user_id", ""):
        # Whoever is at the terminal chooses whose things they look at; the setting only spares them saying it.
        settings = replace(settings, user_id="")
    async with open_backend(settings) as backend:
        backend.surface = _surface(options)
        return await _command(ToolContext.headless(backend), options)


async def _command(ctx: ToolContext, options: argparse.Namespace) -> int:
    match options.command:
        case "run":
            return await run(ctx, options)
        case "continue":
            return await go_on(ctx, options)
        case "cancel":
            return await cancel(ctx, options)
        case "runs" if options.follow:
            return await follow(ctx, options)
    await show(ctx, options)
    return 0


def _read_input(options: argparse.Namespace) -> None:
    """Read what `-` stands for, and check what cannot be without asking AgentOS."""
    # Here Ctrl-C still ends the program; in the event loop it would not while this waits.
    for name in ("message", "text"):
        if text := getattr(options, name, ""):
            setattr(options, name, text_of(text))
    for name in ("follow", "explain", "span_id"):
        if getattr(options, name, None) and not getattr(options, "run" if name != "span_id" else "id"):
            raise InvalidRequest(f"--{name.replace('_', '-')} of which?", "Give its reference or id, too.")


def _hint(error: AgentOSError, options: argparse.Namespace) -> str:
    if isinstance(error, NotFound) and error.status and options.command in {"runs", "continue", "cancel"}:
        return "`agentos-mcp runs` lists the latest ones."
    words = error.hint.render(_surface(options))
    if isinstance(error, Unreachable) and not error.was_sent:
        return f"{words} `agentos-mcp doctor` looks for what is wrong."
    return words


def _surface(options: argparse.Namespace) -> Surface:
    return LookupSurface() if options.command in {"agents", "teams", "workflows"} else CommandSurface()


def _unread() -> int:
    # Else Python would complain as it flushes at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _NO_READER
