"""`agentos-mcp runs --watch`: the latest runs as they change, a table that is redrawn, or a line for each change."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol, TypeVar

import anyio

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.formats import format_exact_time
from agentos_mcp.agentos.plain_text import one_line, strip_control_chars
from agentos_mcp.agentos.timestamps import local_now
from agentos_mcp.terminal.exit_codes import INTERRUPTED
from agentos_mcp.terminal.interrupts import until_interrupt
from agentos_mcp.terminal.output import print_json_line
from agentos_mcp.terminal.table_layout import align_table
from agentos_mcp.terminal.terminal_features import can_redraw, colorize, terminal_width
from agentos_mcp.terminal.text_width import truncate
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.results import Table

ListRuns = Callable[[], Awaitable[Table]]
T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class WatchView(Protocol[T_contra]):
    """Shows what is found again and again."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was shown yet: then the first error ends the watching."""
        ...

    async def show(self, found: T_contra, /) -> None: ...

    def show_error(self, message: str) -> None: ...


MIN_INTERVAL_SECONDS = 2.0
MAX_INTERVAL_SECONDS = 30.0
_ANSWER_TIME_FACTOR = 4.0
"""An AgentOS that takes a second to answer is asked again after four."""
_CLEAR_BELOW = "\x1b[J"


async def watch_runs(ctx: ToolContext, options: argparse.Namespace, list_runs: ListRuns) -> int:
    """Show the runs that `list_runs` finds until Ctrl-C; the exit code. Raises what the first answer raises."""
    view = _Lines(ctx, as_json=options.json) if options.json or not can_redraw(sys.stdout) else _Screen(ctx)
    return await watch(list_runs, view)


async def watch(read: Callable[[], Awaitable[T]], view: WatchView[T]) -> int:
    """Show what `read` finds, again and again, until Ctrl-C; the exit code. Raises what the first answer raises."""
    await until_interrupt(partial(_watch, read, view))
    return INTERRUPTED


async def _watch(read: Callable[[], Awaitable[T]], view: WatchView[T]) -> None:
    failures = 0
    while True:
        asked_at = time.monotonic()
        try:
            await view.show(await read())
            failures = 0
        except AgentOSError as error:
            if view.is_empty:
                raise
            failures += 1
            view.show_error(error.message)
        await anyio.sleep(interval_seconds(time.monotonic() - asked_at, failures))


def interval_seconds(answer_seconds: float, failures: int) -> float:
    """How long to wait before AgentOS is asked again: longer where it is slow, and where it has failed."""
    wanted = max(MIN_INTERVAL_SECONDS, answer_seconds * _ANSWER_TIME_FACTOR) * 2.0 ** min(failures, 10)
    return min(wanted, MAX_INTERVAL_SECONDS)


class _Screen:
    """A table that is drawn over the one before."""

    def __init__(self, ctx: ToolContext) -> None:
        self._ctx = ctx
        self._table: Table | None = None
        self._height = 0
        """Lines on the screen that are ours."""

    @property
    def is_empty(self) -> bool:
        return self._table is None

    async def show(self, table: Table) -> None:
        self._table = table
        self._draw("")

    def show_error(self, message: str) -> None:
        self._draw(message)

    def _draw(self, error: str) -> None:
        table = self._table
        if table is None:
            return
        width, height = terminal_width(sys.stdout), _terminal_height()
        lines = strip_control_chars(align_table(table, self._ctx.surface, width)).split("\n")
        # The first lines of a screen that is too small would scroll away, and be drawn again and again.
        lines = [truncate(line, width) for line in lines[: height - 2]]
        status = error or f"{format_exact_time(local_now().isoformat())}; Ctrl-C ends"
        lines.append(colorize(truncate(one_line(status), width), "red" if error else "dim", sys.stdout))
        up = f"\x1b[{self._height}A" if self._height else ""
        sys.stdout.write(f"{up}\r{_CLEAR_BELOW}" + "\n".join(lines) + "\n")
        sys.stdout.flush()
        self._height = len(lines)


class LineView:
    """The part of a view that prints a line for what is new: an error, once for each failure that lasts."""

    def __init__(self) -> None:
        self.is_empty = True
        self._error = ""

    def begin(self) -> None:
        """Something was found: it is shown next."""
        self.is_empty = False
        self._error = ""

    def show_error(self, message: str) -> None:
        if message != self._error:
            self._error = message
            print(one_line(message, max_length=400), file=sys.stderr, flush=True)

    def print_line(self, *values: object) -> None:
        """The time and the values that are not empty."""
        shown = filter(None, (format_exact_time(local_now().isoformat()), *values))
        print("  ".join(one_line(str(value), max_length=400) for value in shown), flush=True)


class _Lines(LineView):
    """A line for each run that is new or has changed, oldest first; JSON documents with `as_json`."""

    def __init__(self, ctx: ToolContext, *, as_json: bool) -> None:
        super().__init__()
        self._ctx = ctx
        self._as_json = as_json
        self._statuses: dict[str, str] = {}

    async def show(self, table: Table) -> None:
        self.begin()
        for item in reversed(table.data(surface=self._ctx.surface)["items"]):
            run, status = str(item.get("run")), str(item.get("status"))
            if self._statuses.get(run) != status:
                self._statuses[run] = status
                self._print(item)
        # A run that left the list does not come back to it.
        listed = {str(row[0]) for row in table.rows}
        self._statuses = {run: status for run, status in self._statuses.items() if run in listed}

    def _print(self, item: dict[str, object]) -> None:
        if self._as_json:
            print_json_line(item, self._ctx.settings)
        else:
            self.print_line(item.get("status"), item.get("run"), item.get("input"))


def _terminal_height() -> int:
    try:
        return max(4, os.get_terminal_size(sys.stdout.fileno()).lines or 24)
    except (OSError, ValueError):
        return 24
