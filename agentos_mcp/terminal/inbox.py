"""`agentos-mcp inbox`: what waits for an answer or an approval, listed, and answered here one after another."""

from __future__ import annotations

import argparse
import sys

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.formats import format_time
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.runs.pending import PendingItem, read_pending
from agentos_mcp.runs.pending_table import answered_by, pending_table
from agentos_mcp.terminal.exit_codes import INTERRUPTED
from agentos_mcp.terminal.interrupts import read_line_until_interrupt
from agentos_mcp.terminal.output import print_json, print_text, to_data
from agentos_mcp.terminal.question_prompts import can_prompt
from agentos_mcp.terminal.run_commands import continue_run
from agentos_mcp.terminal.terminal_features import colorize
from agentos_mcp.tooling.context import ToolContext

_ANSWER = "[a]nswer, [s]kip, [q]uit: "
_DECIDE = "As an admin: [y]es, [n]o, [s]kip, [q]uit: "
_SKIP = "[s]kip, [q]uit: "
_CHOICES = {
    "a": "answer",
    "answer": "answer",
    "y": "approved",
    "yes": "approved",
    "n": "rejected",
    "no": "rejected",
    "s": "skip",
    "skip": "skip",
    "q": "quit",
    "quit": "quit",
}


async def show_inbox(ctx: ToolContext, options: argparse.Namespace) -> int:
    """List what waits, and at a terminal answer it; the exit code."""
    user_id = options.user_id or ctx.settings.user_id
    pending = await read_pending(ctx, user_id)
    table = pending_table(pending, user_id)
    if options.json:
        print_json(to_data(table, ctx.surface), ctx.settings)
        return 0
    print_text(table, surface=ctx.surface)
    if options.list or not can_prompt():
        return 0
    items = [item for item in pending.items if item.run is not None]
    for number, item in enumerate(items, 1):
        exit_code = await _offer(ctx, options, item, f"{number} of {len(items)}")
        if exit_code is not None:
            return exit_code
    return 0


async def _offer(ctx: ToolContext, options: argparse.Namespace, item: PendingItem, position: str) -> int | None:
    """Let the person answer a run, skip it or quit; the exit code where that ends the command."""
    _print_item(item, position)
    while True:
        choice = await _read_choice(item)
        match choice:
            case None:
                print(file=sys.stderr)
                return INTERRUPTED
            case "quit":
                return 0
            case "skip":
                return None
            case "answer" | "approved" | "rejected":
                try:
                    return await _answer(ctx, options, item, choice)
                except AgentOSError as error:
                    # The others can still be answered.
                    text = f"{error.message} {error.hint.render(ctx.surface)}".rstrip()
                    print(colorize(one_line(text, max_length=2000), "red", sys.stderr), file=sys.stderr)
                    return None
            case _:
                continue


async def _read_choice(item: PendingItem) -> str | None:
    """What the person wants, '' for a word that means nothing here; None for Ctrl-C, "quit" for Ctrl-D."""
    prompt = _ANSWER if item.can_be_answered else _DECIDE if item.approval_ids else _SKIP
    try:
        line = await read_line_until_interrupt(prompt)
    except EOFError:
        print(file=sys.stderr)
        return "quit"
    if line is None:
        return None
    choice = _CHOICES.get(line.strip().casefold(), "")
    if choice == "answer":
        return choice if item.can_be_answered else ""
    if choice in ("approved", "rejected"):
        return choice if item.approval_ids and not item.can_be_answered else ""
    return choice


async def _answer(ctx: ToolContext, options: argparse.Namespace, item: PendingItem, choice: str) -> int | None:
    """Answer a run and follow it; the exit code where Ctrl-C ended that."""
    from agentos_mcp.tools.approvals import resolve_approval

    if choice != "answer":
        for approval_id in item.approval_ids:
            await resolve_approval(ctx, approval_id, "approved" if choice == "approved" else "rejected")
    # An approval that is decided leaves nothing to ask.
    answers = "" if choice == "answer" else "{}"
    of_run = argparse.Namespace(**{**vars(options), "run": str(item.run), "answers": answers})
    exit_code = await continue_run(ctx, of_run)
    return exit_code if exit_code == INTERRUPTED else None


def _print_item(item: PendingItem, position: str) -> None:
    facts = [format_time(item.since) if item.since else "", one_line(item.user_id, max_length=100), answered_by(item)]
    head = " · ".join(filter(None, [position, *facts]))
    print(f"\n{colorize(head, 'bold', sys.stderr)}", file=sys.stderr)
    for line in item.ask_lines:
        print(f"  {one_line(line)}", file=sys.stderr)
    print(colorize(f"  run: {item.run}", "dim", sys.stderr), file=sys.stderr)
