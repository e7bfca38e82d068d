"""`agentos-mcp view`: a run, a trace, the figures, what waits or two runs, as a page in a file or the browser."""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import webbrowser
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.terminal.argument_values import local_path
from agentos_mcp.terminal.cache_folder import cache_folder, make_private
from agentos_mcp.terminal.command_surface import CommandSurface
from agentos_mcp.terminal.output import print_json
from agentos_mcp.terminal.run_reference import LAST, meant_run, runs_or_components
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.views.page import build_page
from agentos_mcp.views.view_reader import ViewReader, ViewSubject, view_data

STANDARD_OUTPUT = "-"
MAX_KEPT_PAGES = 20
"""How many pages are kept that were written without --output: a browser may still show them."""
_COMPARE = "compare"
_TRACE_ID = re.compile(r"[0-9a-f]{32}")


async def view(ctx: ToolContext, options: argparse.Namespace) -> int:
    """Write the page to a file, or show it in the browser: live as long as the run is going."""
    if options.json and options.output == STANDARD_OUTPUT:
        raise InvalidRequest("--json and the page cannot both be on standard output.", "Give --output FILE.")
    subject, reader = await _subject(ctx, options), ViewReader()
    content = await reader.read(ctx, subject)
    if options.output or options.json or content.is_final:
        path = _write(subject, view_data(ctx, content), options.output or _private_file(subject.view))
        if options.json:
            document = {"view": subject.view, "title": content.title, "state": content.state, "file": path}
            print_json(document, ctx.settings)
        elif path != STANDARD_OUTPUT:
            print(path)
        if path != STANDARD_OUTPUT and (options.open or not (options.output or options.json)):
            _open(Path(path).as_uri())
        return 0
    from agentos_mcp.terminal.view_server import serve_view

    await serve_view(ctx, reader, subject, content, _announce, _note_outage)
    return 0


async def _subject(ctx: ToolContext, options: argparse.Namespace) -> ViewSubject:
    word = options.subject.strip()
    user_id = options.user_id or ctx.settings.user_id
    database = options.db_id or ctx.settings.db_id
    if word == _COMPARE:
        a, b = await runs_or_components(ctx, (options.run_a, options.run_b), options)
        return ViewSubject("compare", run_a=a, run_b=b)
    if options.run_a:
        line = CommandSurface.of(options).command_line("view", _COMPARE, word, options.run_a)
        raise InvalidRequest("A page shows one run, or two that are compared.", f"Use `{line}`.")
    if word in ("metrics", "inbox"):
        return ViewSubject(
            "metrics" if word == "metrics" else "inbox",
            since=options.since,
            until=options.until,
            user_id=user_id,
            db_id=database,
        )
    if _TRACE_ID.fullmatch(word):
        return ViewSubject("trace", word, db_id=database)
    options.run = word or LAST
    return ViewSubject("trace" if options.trace else "run", await meant_run(ctx, options), db_id=database)


def _write(subject: ViewSubject, content: Mapping[str, Any], output: str) -> str:
    page = build_page(subject.view, content)
    if output == STANDARD_OUTPUT:
        sys.stdout.write(page)
        return output
    path = local_path(output).absolute()
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or "it cannot be written"
        raise InvalidRequest(f"{one_line(str(path))}: {reason}.", "Give another file.") from None
    return str(path)


def _private_file(view_name: str) -> str:
    """A new file that only this user can read; of those before, the latest are left."""
    try:
        folder = cache_folder("pages")
        make_private(folder)
        handle, path = tempfile.mkstemp(prefix=f"{view_name}-", suffix=".html", dir=folder)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", "") or str(error)
        raise InvalidRequest(f"There is no place for the page: {one_line(reason)}.", "Give --output FILE.") from None
    os.close(handle)
    _remove_old_pages(folder)
    return path


def _remove_old_pages(folder: Path) -> None:
    with suppress(OSError):
        pages = sorted(folder.glob("*.html"), key=lambda page: page.lstat().st_mtime)
        for page in pages[:-MAX_KEPT_PAGES]:
            page.unlink()


def _announce(address: str) -> None:
    print("The page is live until the run ends; Ctrl-C ends it sooner.", file=sys.stderr)
    print(address, flush=True)
    _open(address)


def _note_outage(reason: str) -> None:
    print(f"No news: {reason} Trying again.", file=sys.stderr)


def _open(address: str) -> None:
    if not webbrowser.open(address):
        print("No browser could be opened here: open the address yourself.", file=sys.stderr)
