"""Turns a run's states into MCP progress notifications for people.

Progress strictly increases, comes at most about five times a second, and at least every ten
seconds. Where the number of steps is known, `progress` is the steps that are done plus a share of
the one under way, and `total` their number.
"""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

from agentos_mcp.agentos.formats import format_duration
from agentos_mcp.agentos.plain_text import one_line, shorten
from agentos_mcp.agentos.runs.run import RunState, Status
from agentos_mcp.agentos.task_groups import unwrapped_task_group

Send = Callable[[float, float | None, str], Awaitable[None]]
"""progress, total, message."""

log = logging.getLogger(__name__)

MIN_INTERVAL_SECONDS = 0.2
MIN_WORDS_INTERVAL_SECONDS = 0.5
"""Words alone are news only twice a second."""
HEARTBEAT_SECONDS = 8.0

_MAX_LAST_WORDS_LENGTH = 60
_LONGEST = 300
_LONGEST = 400


class Progress:
    """Takes every state of a run (`report` costs next to nothing) and sends what is worth sending."""

    def __init__(self, send: Send, after: float = 0.0) -> None:
        self._send = send
        self._state: RunState | None = None
        self._changed = anyio.Event()
        self._begun = self._last_sent = -math.inf
        self.value = after
        """The last progress value that was sent."""
        self._step = -1
        self._updates_in_step = 0
        self._sent_key: object = None
        self._words_can_wait = False
        """Whether it is too early to show more words, so that other news alone is waited for."""

    def report(self, state: RunState) -> None:
        self._state = state
        if not self._words_can_wait or _key(state) != self._sent_key:
            self._changed.set()

    async def pump(self) -> None:
        """Send until cancelled."""
        self._begun = anyio.current_time()
        while True:
            with anyio.move_on_after(HEARTBEAT_SECONDS) as silence:
                await self._wait_for_news()
            state = self._state
            if state is None or state.status is Status.COMPLETED:
                continue  # the end is `finish`'s to tell
            if _has_no_news(state) and not silence.cancelled_caught:
                continue
            self._sent_key = _key(state)
            waited = anyio.current_time() - self._begun
            elapsed = f" ({format_duration(int(waited))})" if silence.cancelled_caught else ""
            await self._notify(state, one_line(describe(state), max_length=_LONGEST) + elapsed)

    async def finish(self) -> None:
        """Say that the run is done, as its steps have it."""
        if self._state is not None and self._state.status is Status.COMPLETED and self._last_sent > -math.inf:
            await self._notify(self._state, "done")

    async def _wait_for_news(self) -> None:
        """Return when there is something to show and it is time to show it."""
        while True:
            await self._changed.wait()
            self._changed = anyio.Event()
            if self._state is None:
                continue
            if _key(self._state) != self._sent_key or await self._other_news_than_words():
                await anyio.sleep(self._seconds_until(MIN_INTERVAL_SECONDS))
            self._changed = anyio.Event()
            return

    async def _other_news_than_words(self) -> bool:
        """Whether there are some before it is time to show more words. Each word would wake who waits here."""
        self._words_can_wait = True
        try:
            with anyio.move_on_after(self._seconds_until(MIN_WORDS_INTERVAL_SECONDS)) as time_for_words:
                await self._changed.wait()
            return not time_for_words.cancelled_caught
        finally:
            self._words_can_wait = False

    def _seconds_until(self, interval: float) -> float:
        """How long it takes until so much time is over since the last notification."""
        return max(0.0, self._last_sent + interval - anyio.current_time())

    async def _notify(self, state: RunState, message: str) -> None:
        self._last_sent = anyio.current_time()
        value, total = self._value(state)
        self.value = value
        try:
            await self._send(value, total, shorten(message, _LONGEST))
        except Exception as error:  # a receiver that is gone must not end the run
            log.info("Progress cannot be sent any more: %r", error)
            self._send = _discard

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


async def _discard(progress: float, total: float | None, message: str) -> None:
    return None


def _has_no_news(state: RunState) -> bool:
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


@asynccontextmanager
async def live_progress(send: Send | None, *, after: float = 0.0) -> AsyncIterator[Progress]:
    """Progress that is sent while the context is open, with values above `after`.

    Without a receiver nothing is sent and no task runs.
    """
    progress = Progress(send or _discard, after)
    if send is None:
        yield progress
        return
    async with unwrapped_task_group() as tasks:
        tasks.start_soon(progress.pump)
        yield progress
        tasks.cancel_scope.cancel()
    await progress.finish()
