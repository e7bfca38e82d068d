"""Runs one of the terminal's commands against the AgentOS that the settings name."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from functools import partial

import anyio

from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, NotFound, Unreachable
from agentos_mcp.agentos.hints import Action, hint
from agentos_mcp.settings import Settings
from agentos_mcp.terminal.argument_values import parent_folders, read_text
from agentos_mcp.terminal.chat import chat
from agentos_mcp.terminal.command_surface import CommandSurface
from agentos_mcp.terminal.error_output import print_error
from agentos_mcp.terminal.exit_codes import USAGE, exit_code_for_error
from agentos_mcp.terminal.inbox import show_inbox
from agentos_mcp.terminal.inbox_watch import watch_inbox
from agentos_mcp.terminal.lookup_commands import list_latest_runs, print_lookup
from agentos_mcp.terminal.output import UNLIMITED_TOKENS, print_agentos
from agentos_mcp.terminal.run_commands import cancel_run, continue_run, follow_run, run_component
from agentos_mcp.terminal.run_reference import meant_run
from agentos_mcp.terminal.run_watch import watch_runs
from agentos_mcp.terminal.terminal_features import escape_unencodable
from agentos_mcp.tooling.context import ToolContext, open_backend


def dispatch(options: argparse.Namespace, settings: Settings) -> int:
    """Run the command; its exit code, one of `exit_codes`."""
    escape_unencodable(sys.stdout)
    files = getattr(options, "file", None) or []
    try:
        folders = parent_folders([files] if isinstance(files, str) else files)
        _read_standard_input(options)
        _check_required_ids(options)
        settings = replace(settings, allow_files=folders, result_tokens=UNLIMITED_TOKENS)
        return anyio.run(_dispatch, options, settings)
    except AgentOSError as error:
        return report_error(error, options, settings)


def report_error(error: AgentOSError, options: argparse.Namespace, settings: Settings | None = None) -> int:
    """Print what went wrong and what to do; the exit code."""
    next_step, exit_code = _hint_for(error, options), exit_code_for_error(error)
    # Where the command line was refused, nothing was asked of the AgentOS.
    asked_agentos = settings if exit_code != USAGE else None
    print_error(error.message, next_step, as_json=options.json, settings=asked_agentos)
    return exit_code


async def _dispatch(options: argparse.Namespace, settings: Settings) -> int:
    if getattr(options, "user_id", ""):
        # Whoever is at the terminal chooses whose data they see; the setting is only their default.
        settings = replace(settings, user_id="")
    async with open_backend(settings) as backend:
        backend.surface = CommandSurface.of(options)
        if not options.json:
            backend.agent_os.on_name = partial(print_agentos, settings)
        try:
            return await _run_command(ToolContext.headless(backend), options)
        except AgentOSError:
            backend.agent_os.tell_name()
            raise


async def _run_command(ctx: ToolContext, options: argparse.Namespace) -> int:
    if hasattr(options, "run"):
        options.run = await meant_run(ctx, options)
    match options.command:
        case "run":
            return await run_component(ctx, options)
        case "continue":
            return await continue_run(ctx, options)
        case "cancel":
            return await cancel_run(ctx, options)
        case "chat":
            return await chat(ctx, options)
        case "inbox":
            return await (watch_inbox if options.watch else show_inbox)(ctx, options)
        case "view":
            from agentos_mcp.terminal.view_command import view

            return await view(ctx, options)
        case "runs" if options.watch:
            return await watch_runs(ctx, options, partial(list_latest_runs, ctx, options))
        case "runs" if options.follow:
            return await follow_run(ctx, options)
    await print_lookup(ctx, options)
    return 0


def _read_standard_input(options: argparse.Namespace) -> None:
    """Replace `-`, and the message that `run` was not given, by the text on standard input."""
    # Here Ctrl-C still ends the program; in the event loop it would not while this waits.
    if options.command == "run" and options.message is None:
        options.message = read_text("-")
        if not options.message.strip():
            raise InvalidRequest(
                "The message is missing.", "Give it after the component, with -m, or on standard input."
            )
        return
    for name in ("message", "text"):
        if text := getattr(options, name, ""):
            setattr(options, name, read_text(text))


def _check_required_ids(options: argparse.Namespace) -> None:
    """Refuse a flag about one trace where none is named, and one about all runs where one is."""
    if getattr(options, "watch", False) and getattr(options, "run", ""):
        usage = CommandSurface.of(options).command_line("runs", options.run, "--follow")
        raise InvalidRequest("--watch shows all runs.", f"Use `{usage}` for one of them.")
    if getattr(options, "span_id", "") and not options.id:
        usage = CommandSurface.of(options).command_line("traces", "ID", "--span-id", options.span_id)
        raise InvalidRequest("--span-id needs a trace id or a run reference.", f"Use `{usage}`.")


def _hint_for(error: AgentOSError, options: argparse.Namespace) -> str:
    surface = CommandSurface.of(options)
    if isinstance(error, NotFound) and error.status and options.command in {"runs", "continue", "cancel"}:
        return hint("{list} lists the latest runs.", list=Action.of("list_runs")).render(surface)
    text = error.hint.render(surface)
    if isinstance(error, Unreachable) and not error.was_sent:
        return f"{text} `{surface.command_line('doctor')}` finds out what is wrong."
    return text
