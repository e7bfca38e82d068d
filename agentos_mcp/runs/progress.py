"""Turns a run's states into MCP progress notifications for people.

Progress strictly increases, comes at most about five times a second, and at least every ten
seconds. Where the number of steps is known, `progress` is the steps that are done plus a share of
the one under way, and `total` their number.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable

import anyio

from agentos_mcp.agentos.formats import format_duration
from agentos_mcp.agentos.plain_text import one_line, shorten
from agentos_mcp.agentos.runs.run import RunState, Status

Send = Callable[[float, float | None, str], Awaitable[None]]
"""progress, total, message."""

log = logging.getLogger(__name__)

MIN_INTERVAL_SECONDS = 0.2
MIN_WORDS_INTERVAL_SECONDS = 0.5
"""Words alone are news only twice a second."""
HEARTBEAT_SECONDS = 8.0

_MAX_LAST_WORDS_LENGTH = 60
_MAX_MESSAGE_LENGTH = 400


class Progress:
    """Shows a run's states to who called a tool: it says which are worth sending, and when, and sends them.

    Without a receiver nothing is.
    """

    def __init__(self, send: Send | None, after: float = 0.0) -> None:
        self._send = send
        self._begun = anyio.current_time()
        self._last_sent = -math.inf
        self.value = after
        """The last progress value that was sent."""
        self._step = -1
        self._updates_in_step = 0
        self._shown: RunState | None = None
        self._shown_key: object = None

    def due_at(self, state: RunState) -> float:
        """When the state is to be sent: at once if it has news, words alone a little later; an old one in a while."""
        if self._send is None or state.status is Status.COMPLETED:
            return math.inf  # the end is `finish`'s to tell
        if not self._has_news(state):
            return max(self._begun, self._last_sent) + HEARTBEAT_SECONDS
        has_only_words = _key(state) == self._shown_key
        return self._last_sent + (MIN_WORDS_INTERVAL_SECONDS if has_only_words else MIN_INTERVAL_SECONDS)

    async def show(self, state: RunState) -> None:
        """Send it; how long the run has gone on is told where that is all that is new."""
        waited = "" if self._has_news(state) else f" ({format_duration(int(anyio.current_time() - self._begun))})"
        self._shown, self._shown_key = state, _key(state)
        await self._notify(state, one_line(describe(state), max_length=_MAX_MESSAGE_LENGTH) + waited)

    async def finish(self, state: RunState) -> None:
        """Say that the run is done, as its steps have it, if anything was said of it."""
        if state.status is Status.COMPLETED and self._last_sent > -math.inf:
            await self._notify(state, "done")

    def _has_news(self, state: RunState) -> bool:
        shown = self._shown
        if shown is None or state.events != shown.events or state != shown:
            return not _is_blank(state)
        return False

    async def _notify(self, state: RunState, message: str) -> None:
        if self._send is None:
            return
        self._last_sent = anyio.current_time()
        value, total = self._value(state)
        self.value = value
        try:
            await self._send(value, total, shorten(message, _MAX_MESSAGE_LENGTH))
        except Exception as error:  # a receiver that is gone must not end the run
            log.info("Progress cannot be sent any more: %r", error)
            self._send = None

    def _value(self, state: RunState) -> tuple[float, float | None]:
        """The next progress value, always larger than the last, and the total."""
        total = state.total_steps
        if not total or state.step_number > total:
            return math.floor(self.value) + 1.0, None
        if state.status is Status.COMPLETED:
            return float(total), float(total)
        current = max(state.step_number, 1)
        if current != self._step:
            self._step, self._updates_in_step = current, 0
        self._updates_in_step += 1
        value = current - 1 + 0.95 * self._updates_in_step / (self._updates_in_step + 8)
        if value <= self.value:
            value = math.nextafter(self.value, math.inf)
        return round(value, 4) if round(value, 4) > self.value else value, float(total)


def _is_blank(state: RunState) -> bool:
    """Before the first step, tool, speaker or word: what comes next is worth more than a bare "working"."""
    running = state.step_number or state.substep or state.actor or state.activity or state.last_words
    return state.status is Status.PENDING or (state.status is Status.RUNNING and not running)


def _key(state: RunState) -> object:
    """What is news at once; words are not."""
    return (state.status, state.step_number, state.substep, state.actor, state.activity)


def describe(state: RunState, *, with_words: bool = True) -> str:
    """Where a run stands, in one short line: "2/3 edit: calling search_knowledge"; with its last words."""
    if state.status is Status.PENDING:
        return state.activity or "starting"
    step = _step_head(state)
    speaker = state.actor if state.actor and not _is_named(state.actor, step) else ""
    words = last_words(state.last_words) if with_words else ""
    activity = state.activity or (f"…{words}" if words else "")
    if speaker:
        step = f"{step} · {speaker}" if step else speaker
    if step and activity:
        return f"{step}: {activity}"
    return step or activity or "working"


def _step_head(state: RunState) -> str:
    if not state.steps:
        return ""
    number = f"{state.step_number}/{state.total_steps}" if state.total_steps else f"step {state.step_number}"
    step = f"{number} {state.steps[-1].name}"
    return f"{step} · {state.substep}" if state.substep and state.substep != state.steps[-1].name else step


def _is_named(actor: str, step: str) -> bool:
    return actor.casefold() in step.casefold()


def last_words(words: str) -> str:
    """The end of a text, on one short line."""
    line = " ".join(words.split())
    if len(line) <= _MAX_LAST_WORDS_LENGTH:
        return line
    return line[-_MAX_LAST_WORDS_LENGTH:].partition(" ")[2] or line[-_MAX_LAST_WORDS_LENGTH:]
