"""The runs that this process follows, each in a task of its own, for any number of watchers.

A tool call watches a run for a while (`LiveRun.watch`); the run is followed to its end whether or not anybody
watches. So a call may end long before its run, and a foreground run, which ends with its connection, outlives the
call that started it. Nothing here is needed to find a run again: AgentOS knows it by its reference. So a run that
continues without us, that nobody watches and in which nothing changes, is released after a while.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, Protocol

import anyio
from anyio.abc import TaskGroup

from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, RateLimited, Unreachable
from agentos_mcp.agentos.json_limits import estimate_json_size
from agentos_mcp.agentos.observation import Following, Observers, note_run
from agentos_mcp.agentos.runs.engine import Engine, Report
from agentos_mcp.agentos.runs.run import Kind, RunNote, RunRef, RunState, Status
from agentos_mcp.agentos.runs.starter import RunRequest
from agentos_mcp.agentos.task_groups import unwrapped_task_group

log = logging.getLogger(__name__)

MAX_KEPT_RUNS = 50
"""How many finished runs are kept that AgentOS does not store, and output schemas of runs."""
MAX_KEPT_CHARACTERS = 16 * 1024 * 1024
"""How many characters of answers and media they may have together."""
MAX_FOLLOWED_RUNS = 1_000
"""How many runs are followed at once."""
RELEASE_SECONDS = 300.0
"""How long a run is followed that nobody watches and in which nothing changes."""
_MAX_REMEMBERED_RUNS = 10_000
"""Of so many runs it is known that they were continued here."""
_WATCHED_POLL_SECONDS = 5.0
_UNWATCHED_POLL_SECONDS = 30.0


class Display(Protocol):
    """What shows a run to somebody, as far as it is worth showing."""

    def due_at(self, state: RunState) -> float:
        """When it is to be shown that the run stands there, by anyio's clock; inf for never."""

    async def show(self, state: RunState) -> None:
        """Show it. The same state is due later then, or never."""


class LiveRun:
    """One run that is being followed: its latest state, and how following it ended.

    It is `done` once the run has ended or was released: then `state` is where it was seen last.
    """

    def __init__(
        self, state: RunState, schema: Mapping[str, Any] | None = None, release_seconds: float = RELEASE_SECONDS
    ) -> None:
        self.state = state
        self._release_seconds = release_seconds
        self.schema = schema
        """What the answer has to match, where that is known here."""
        self.done = False
        self.error: AgentOSError | None = None
        self.scope = anyio.CancelScope()
        """Cancelled when the run is released."""
        self._changed: anyio.Event | None = None
        """What watchers wait for, where there are any: most events come while nobody waits."""
        self._watcher_came: anyio.Event | None = None
        self._watchers = self._close_watchers = 0
        self.started_at = self.changed_at = anyio.current_time()
        self._left_at = self.changed_at
        """When the last watcher left."""

    def report(self, state: RunState) -> None:
        # Every event changes their number; all the rest is compared only where that is the same.
        if state.events != self.state.events or state != self.state:
            self.changed_at = anyio.current_time()
        self.state = state
        self._schedule_release()
        self._notify()

    def finish(self, error: AgentOSError | None = None) -> None:
        self.done = True
        self.error = error
        self._notify()

    async def watch(
        self,
        seconds: float = math.inf,
        *,
        report: Report = lambda _: None,
        closely: bool = True,
        until: Callable[[RunState], bool] = lambda _: False,
        display: Display | None = None,
    ) -> bool:
        """Report every state there is time for, until the run ends (True), `seconds` are over or a state is `until`.

        `closely`: changes are wanted as soon as there are any. `display` is told what is due for it, and waited for.
        Raises what following the run raised.
        """
        end = anyio.current_time() + seconds
        self._watchers += 1
        self._close_watchers += closely
        self._schedule_release()
        if closely and self._watcher_came is not None:
            self._watcher_came.set()
        try:
            report(self.state)
            while not self.done and not until(self.state) and (now := anyio.current_time()) < end:
                due = display.due_at(self.state) if display is not None else math.inf
                if display is not None and due <= now:
                    with anyio.CancelScope(deadline=end):
                        await display.show(self.state)
                    continue
                with anyio.CancelScope(deadline=min(end, due)) as scope:
                    while True:
                        await self._wait_for_change()
                        report(self.state)
                        if self.done or until(self.state):
                            break
                        # Most events change nothing of when something is due.
                        if display is not None and (due := display.due_at(self.state)) < scope.deadline:
                            scope.deadline = due
        finally:
            self._watchers -= 1
            self._close_watchers -= closely
            self._left_at = anyio.current_time()
            self._schedule_release()
        if self.error is not None:
            raise self.error
        return self.done

    async def wait_between_polls(self, seconds: float) -> None:
        """Wait between two reads: the longer nothing has changed, the longer; until somebody comes to watch."""
        unchanged_seconds = anyio.current_time() - self.changed_at
        if self._close_watchers:
            seconds = max(seconds, min(unchanged_seconds / 10, _WATCHED_POLL_SECONDS))
        else:
            seconds = max(seconds, min(unchanged_seconds / 2, _UNWATCHED_POLL_SECONDS))
        self._watcher_came = anyio.Event()
        with anyio.move_on_after(seconds):
            await self._watcher_came.wait()
        self._watcher_came = None

    def look_again(self) -> None:
        """Have those who watch look whether what they wait for is there."""
        self._notify()

    def _schedule_release(self) -> None:
        can_be_found_again = self.state.has_event_numbers or self.state.is_stored
        if self._watchers or not can_be_found_again:
            self.scope.deadline = math.inf
        else:
            self.scope.deadline = max(self.changed_at, self._left_at) + self._release_seconds

    async def _wait_for_change(self) -> None:
        if self._changed is None:
            self._changed = anyio.Event()
        await self._changed.wait()

    def _notify(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None


_Drive = Callable[[LiveRun, Report], Awaitable[RunState]]


class RunRegistry:
    """Starts, attaches to and continues runs in tasks of their own. Made by `open_run_registry`."""

    def __init__(
        self,
        engine: Engine,
        tasks: TaskGroup,
        release_seconds: float = RELEASE_SECONDS,
        observers: Observers = (),
    ) -> None:
        self._engine = engine
        self._observers = observers
        self.is_stopping = False
        """Nobody is to wait for a run any longer: calls answer with where it stands."""
        self._release_seconds = release_seconds
        self._tasks = tasks
        self._followed: dict[str, LiveRun] = {}
        self._unstored: OrderedDict[str, tuple[LiveRun, int]] = OrderedDict()
        self._schemas: OrderedDict[str, Mapping[str, Any]] = OrderedDict()
        """AgentOS does not say which schema a run was given, so it is kept for when the run is read again."""
        self._continued: OrderedDict[str, None] = OrderedDict()
        self._locks: dict[str, tuple[anyio.Lock, int]] = {}

    @property
    def is_following(self) -> bool:
        """Whether any run is followed."""
        return bool(self._followed)

    def start(self, request: RunRequest, schema: Mapping[str, Any] | None = None) -> LiveRun:
        """Start a run; its reference is known at once. `schema` is what its answer has to match."""
        state = self._engine.new_run(request)
        return self._follow(
            state,
            lambda run, report: self._engine.run(request, run.state, report, run.wait_between_polls),
            schema,
            is_own=True,
        )

    def attach(self, ref: RunRef) -> LiveRun:
        """The run, already followed or followed from now on."""
        return self.get(ref) or self._follow(
            RunState(ref=ref), lambda run, report: self._engine.follow(ref, report, run.wait_between_polls)
        )

    def resume(self, state: RunState, form: Mapping[str, str]) -> LiveRun:
        """Continue a paused run with its answers and follow it."""
        self._continued[str(state.ref)] = None
        while len(self._continued) > _MAX_REMEMBERED_RUNS:
            self._continued.popitem(last=False)
        # It must not be released while the answers are being sent.
        state = replace(state, is_stored=False, last_index=-1, events=0)
        return self._follow(
            state,
            lambda run, report: self._engine.continue_run(state, form, report, run.wait_between_polls),
            is_own=True,
        )

    def was_continued(self, ref: RunRef) -> bool:
        """Whether a pause of the run was answered here, so that it may ask something new by now."""
        return str(ref) in self._continued

    def repeat_cancellation(self, run: LiveRun) -> None:
        """Have the cancellation of a run that was asked to end repeated until it ends, for a while."""

        async def wait_for_end(seconds: float) -> bool:
            with suppress(AgentOSError):
                return await run.watch(seconds, closely=False)
            return True

        self._tasks.start_soon(self._engine.repeat_cancellation, run.state.ref, wait_for_end)

    def get(self, ref: RunRef) -> LiveRun | None:
        """The run, if this process follows it, or keeps it because AgentOS does not store it."""
        unstored, _ = self._unstored.get(str(ref), (None, 0))
        return self._followed.get(str(ref)) or unstored

    @property
    def followed_count(self) -> int:
        """How many runs are followed now."""
        return len(set(map(id, self._followed.copy().values())))

    def stop_waiting(self) -> None:
        """Have every call that waits for a run answer with where it stands, now and from now on."""
        self.is_stopping = True
        for run in list(self._followed.values()):
            run.look_again()

    def latest(self, component: str, kind: Kind) -> LiveRun | None:
        """The run of a component that this process has begun to follow last, and that has not ended."""
        for run in reversed(self._followed.values()):
            if (run.state.ref.kind, run.state.ref.component) == (kind, component) and not run.state.has_ended:
                return run
        return None

    @asynccontextmanager
    async def lock(self, ref: RunRef) -> AsyncIterator[None]:
        """Held by one task at a time for a run: two answers to one pause must not both be sent."""
        key = str(ref)
        lock, waiting = self._locks.get(key, (anyio.Lock(), 0))
        self._locks[key] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._locks.pop(key)
            if waiting > 1:
                self._locks[key] = (lock, waiting - 1)

    def _follow(
        self, state: RunState, drive: _Drive, schema: Mapping[str, Any] | None = None, *, is_own: bool = False
    ) -> LiveRun:
        """`is_own`: it is started or continued here, so that its end is this server's to tell."""
        if len(self._followed) >= MAX_FOLLOWED_RUNS:
            count = len(self._followed)
            raise AgentOSError(f"This server already follows {count:,} runs.", "Try again when some have ended.")
        run = LiveRun(state, schema or self._schemas.get(str(state.ref)), self._release_seconds)
        self._followed[str(state.ref)] = run
        note_run(lambda: run.state.ref)
        self._tasks.start_soon(self._drive, run, drive, is_own)
        return run

    async def _drive(self, run: LiveRun, drive: _Drive, is_own: bool) -> None:
        with Following(lambda: run.state.ref):
            await self._drive_to_end(run, drive)
        if is_own and (run.state.has_ended or run.error is not None):
            self._tell_end(run)

    def _tell_end(self, run: LiveRun) -> None:
        if run.error is not None and not run.error.run_reference:
            return  # it was never started
        outcome = run.state.status.lower() if run.state.has_ended else "lost"
        for observer in self._observers:
            observer.run_ended(run.state.ref, outcome, anyio.current_time() - run.started_at)

    async def _drive_to_end(self, run: LiveRun, drive: _Drive) -> None:
        first_key = str(run.state.ref)
        error: AgentOSError | None = None

        def report(state: RunState) -> None:
            # An event may tell that AgentOS has chosen another run id than ours: both references lead here.
            if state.ref is not run.state.ref:
                if str(state.ref) not in self._followed:
                    self._engine.ownership.started(state.ref)
                self._followed[str(state.ref)] = run
            run.report(state)

        try:
            with run.scope:
                run.report(await drive(run, report))
            if run.scope.cancelled_caught:
                log.info("%s was released: nobody watches it, and nothing changes", run.state.ref)
        except AgentOSError as failure:
            error = failure if _never_started(failure, run.state) else failure.with_run(str(run.state.ref))
        except Exception as failure:
            log.exception("Following %s failed", run.state.ref)
            error = AgentOSError(
                f"Following the run failed ({type(failure).__name__}).", "The server's log has the details."
            ).with_run(str(run.state.ref))
        finally:
            for key in {first_key, str(run.state.ref)}:
                if self._followed.get(key) is run:
                    del self._followed[key]
            if run.schema is not None:
                self._schemas[str(run.state.ref)] = run.schema
                self._schemas.move_to_end(str(run.state.ref))
                while len(self._schemas) > MAX_KEPT_RUNS:
                    self._schemas.popitem(last=False)
            if run.state.has_ended and {RunNote.NOT_BACKGROUND, RunNote.UNANSWERABLE} & set(run.state.notes):
                self._keep(run)
            run.finish(error)

    def _keep(self, run: LiveRun) -> None:
        size = estimate_json_size(
            (run.state.streamed_pieces, run.state.answer, run.state.media, run.state.requirements),
            limit=MAX_KEPT_CHARACTERS,
        )
        self._unstored[str(run.state.ref)] = (run, size)
        while (
            len(self._unstored) > MAX_KEPT_RUNS
            or sum(size for _, size in self._unstored.values()) > MAX_KEPT_CHARACTERS
        ):
            self._unstored.popitem(last=False)


def _never_started(error: AgentOSError, state: RunState) -> bool:
    """Whether AgentOS refused the start, or never got it: then there is no run to refer to."""
    if state.status is not Status.PENDING or state.events:
        return False
    if isinstance(error, Unreachable):
        return not error.was_sent
    return isinstance(error, RateLimited) or 400 <= error.status < 500 or isinstance(error, InvalidRequest)


@asynccontextmanager
async def open_run_registry(
    engine: Engine, *, release_seconds: float = RELEASE_SECONDS, observers: Observers = ()
) -> AsyncIterator[RunRegistry]:
    """A registry for as long as the context is open; then following ends, and background runs continue without us."""
    async with unwrapped_task_group() as tasks:
        yield RunRegistry(engine, tasks, release_seconds, observers)
        tasks.cancel_scope.cancel()
