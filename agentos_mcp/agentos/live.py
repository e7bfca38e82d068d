"""The runs that this process follows, each for any number of watchers.

A tool call watches a run for a while; the run is followed to its end whoever looks. So a call may
end long before its run, and a run in the foreground, which ends with its connection, outlives the
call that started it. Nothing here is needed to find a run again: AgentOS knows it by its reference.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup

from agentos_mcp.agentos.documents import rough_size
from agentos_mcp.agentos.engine import NOT_BACKGROUND, Engine, Report, RunOrder
from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.run import RunRef, RunState

log = logging.getLogger(__name__)

MOST_KEPT = 50
"""How many finished runs are kept that AgentOS itself does not store."""
MOST_CHARACTERS = 16 * 1024 * 1024
"""How many characters of answers and media they may have together."""
MOST_GOING = 1_000
"""How many runs are followed at once."""


class LiveRun:
    """One run that is being followed: its latest state, and how following it ended."""

    def __init__(self, state: RunState) -> None:
        self.state = state
        self.done = False
        self.error: AgentOSError | None = None
        self._news = anyio.Event()

    def report(self, state: RunState) -> None:
        self.state = state
        self._tell()

    def finish(self, error: AgentOSError | None = None) -> None:
        self.done = True
        self.error = error
        self._tell()

    async def watch(self, report: Report, seconds: float = math.inf) -> bool:
        """Report every state there is time for, until the run ends (True) or `seconds` are over.

        Raises what following the run raised.
        """
        with anyio.move_on_after(seconds):
            report(self.state)
            while not self.done:
                await self._news.wait()
                report(self.state)
        if self.error is not None:
            raise self.error
        return self.done

    def _tell(self) -> None:
        self._news.set()
        self._news = anyio.Event()


class LiveRuns:
    """Starts, joins and continues runs in tasks of their own. Made by `live_runs`."""

    def __init__(self, engine: Engine, tasks: TaskGroup) -> None:
        self._engine = engine
        self._tasks = tasks
        self._going: dict[str, LiveRun] = {}
        self._unstored: OrderedDict[str, tuple[LiveRun, int]] = OrderedDict()
        self._locks: dict[str, tuple[anyio.Lock, int]] = {}

    def start(self, order: RunOrder) -> LiveRun:
        """Start a run; its reference is known at once."""
        state = self._engine.name(order)
        return self._follow(state, lambda report: self._engine.run(order, state, report))

    def join(self, ref: RunRef) -> LiveRun:
        """The run, already followed or followed from now on."""
        return self.known(ref) or self._follow(RunState(ref=ref), lambda report: self._engine.follow(ref, report))

    def resume(self, state: RunState, form: Mapping[str, str]) -> LiveRun:
        """Continue a paused run with its answers and follow it."""
        return self._follow(state, lambda report: self._engine.continue_run(state, form, report))

    def known(self, ref: RunRef) -> LiveRun | None:
        """The run, if this process follows it, or keeps it because AgentOS does not."""
        kept, _ = self._unstored.get(str(ref), (None, 0))
        return self._going.get(str(ref)) or kept

    @asynccontextmanager
    async def alone(self, ref: RunRef) -> AsyncIterator[None]:
        """Only one at a time is here for a run: two answers to one pause must not both be sent."""
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

    def _follow(self, state: RunState, go: Callable[[Report], Awaitable[RunState]]) -> LiveRun:
        if len(self._going) >= MOST_GOING:
            going = len(self._going)
            raise AgentOSError(f"This server follows {going:,} runs already.", "Try again when some have ended.")
        run = LiveRun(state)
        self._going[str(state.ref)] = run
        self._tasks.start_soon(self._drive, run, go)
        return run

    async def _drive(self, run: LiveRun, go: Callable[[Report], Awaitable[RunState]]) -> None:
        first = str(run.state.ref)
        error: AgentOSError | None = None

        def report(state: RunState) -> None:
            # AgentOS may have chosen another run id than ours: both names lead here.
            self._going[str(state.ref)] = run
            run.report(state)

        try:
            run.report(await go(report))
        except AgentOSError as failure:
            error = failure
        except Exception as failure:
            log.exception("Following %s failed", first)
            error = AgentOSError(f"Following the run failed ({type(failure).__name__}).", "The server's log says more.")
        finally:
            for key in {first, str(run.state.ref)}:
                if self._going.get(key) is run:
                    del self._going[key]
            if run.state.ended and NOT_BACKGROUND in run.state.notes:
                self._keep(run)
            run.finish(error)

    def _keep(self, run: LiveRun) -> None:
        size = rough_size(
            (run.state.said, run.state.answer, run.state.media, run.state.requirements), most=MOST_CHARACTERS
        )
        self._unstored[str(run.state.ref)] = (run, size)
        while len(self._unstored) > MOST_KEPT or sum(size for _, size in self._unstored.values()) > MOST_CHARACTERS:
            self._unstored.popitem(last=False)


@asynccontextmanager
async def live_runs(engine: Engine) -> AsyncIterator[LiveRuns]:
    """LiveRuns for as long as the context is open; then following ends, background runs go on."""
    async with anyio.create_task_group() as tasks:
        yield LiveRuns(engine, tasks)
        tasks.cancel_scope.cancel()
