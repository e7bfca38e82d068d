"""`agentos-mcp inbox --watch`: a line and a desktop notification for each run that pauses, fails or ends."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.agentos.runs.history import RunSummary, read_outcomes
from agentos_mcp.agentos.runs.run import RunRef, Status
from agentos_mcp.runs.pending import read_asks
from agentos_mcp.runs.run_search import search_runs
from agentos_mcp.runs.run_table import RUN_COLUMNS, run_rows
from agentos_mcp.terminal.desktop_notification import notify
from agentos_mcp.terminal.output import print_json_line
from agentos_mcp.terminal.run_watch import LineView, watch
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.results import Table

WATCHED_RUNS = 50
"""How many of the latest runs are looked at each time."""
MAX_NOTIFICATIONS = 3
"""Of what changed between two looks; the others are counted in one more."""
_NEWS = frozenset({Status.PAUSED, Status.COMPLETED, Status.ERROR, Status.CANCELLED})


async def watch_inbox(ctx: ToolContext, options: argparse.Namespace) -> int:
    """Tell of runs that pause, fail or end until Ctrl-C; the exit code."""
    watcher = InboxWatcher(ctx, options.user_id or ctx.settings.user_id)
    return await watch(watcher.read, _View(ctx, watcher, as_json=options.json))


class InboxWatcher:
    """Finds which runs have paused, failed or ended since it looked last."""

    def __init__(self, ctx: ToolContext, user_id: str) -> None:
        self._ctx = ctx
        self._user_id = user_id
        self._statuses: dict[RunRef, str] | None = None
        """Of the runs that were seen last; None before the first look."""

    async def read(self) -> list[RunSummary]:
        """The runs that are news, oldest first, with what became of their steps. Nothing is, at the first look."""
        runs = (await search_runs(self._ctx, user_id=self._user_id, limit=WATCHED_RUNS)).runs
        known, self._statuses = self._statuses, {run.ref: run.status for run in runs}
        if known is None:
            return []
        news = [run for run in runs if run.status in _NEWS and known.get(run.ref) != run.status]
        return list(reversed(await read_outcomes(self._ctx.agent_os, news)))

    async def asks(self, run: RunSummary) -> str:
        """What a paused run asks, on a line; '' where that cannot be read."""
        if run.status != Status.PAUSED:
            return ""
        try:
            return "; ".join(await read_asks(self._ctx, run.ref))
        except AgentOSError:
            return ""


class _View(LineView):
    """A line, or with `as_json` a document, and a notification for each run."""

    def __init__(self, ctx: ToolContext, watcher: InboxWatcher, *, as_json: bool) -> None:
        super().__init__()
        self._ctx = ctx
        self._watcher = watcher
        self._as_json = as_json

    async def show(self, runs: Sequence[RunSummary]) -> None:
        if self.is_empty and not self._as_json:
            print("Watching runs; Ctrl-C ends it.", file=sys.stderr, flush=True)
        self.begin()
        for number, run in enumerate(runs):
            asks = await self._watcher.asks(run) if number < MAX_NOTIFICATIONS else ""
            if number < MAX_NOTIFICATIONS:
                await notify(*notification(run, asks))
            self._print(run, asks)
        if len(runs) > MAX_NOTIFICATIONS:
            await notify(
                "AgentOS: more runs", f"And {len(runs) - MAX_NOTIFICATIONS} more runs paused, failed or ended."
            )

    def _print(self, run: RunSummary, asks: str) -> None:
        if self._as_json:
            (item,) = Table(RUN_COLUMNS, run_rows([run]), empty="").data(surface=self._ctx.surface)["items"]
            print_json_line(item | ({"asks": asks} if asks else {}), self._ctx.settings)
        else:
            self.print_line(run.outcome, run.ref, asks or run.input)


def notification(run: RunSummary, asks: str) -> tuple[str, str]:
    """Its title and its text. Both begin with words of ours."""
    title = f"AgentOS: {one_line(run.name, max_length=50)} {run.outcome.partition(',')[0]}"
    if run.status == Status.PAUSED:
        return title, f"It asks: {asks}" if asks else "It waits for an answer."
    words = run.answer or run.input
    return title, f"It says: {words}" if run.answer else f"Its input: {words}" if words else "It has ended."
