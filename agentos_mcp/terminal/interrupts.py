"""Ctrl-C while a run is followed: the first one cancels the run, the second leaves it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import anyio

from agentos_mcp.agentos.task_groups import unwrapped_task_group
from agentos_mcp.terminal.line_reader import line_reader
from agentos_mcp.terminal.run_display import RunDisplay

T = TypeVar("T")


class Interrupts:
    """Counts Ctrl-C. Made by `catch_interrupts`."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = anyio.Event()

    async def wait_for(self, count: int) -> None:
        """Return once Ctrl-C was pressed this many times."""
        while self.count < count:
            await self._changed.wait()

    def add(self) -> None:
        self.count += 1
        self._changed.set()
        self._changed = anyio.Event()


@contextmanager
def catch_interrupts() -> Iterator[Interrupts]:
    """Counts Ctrl-C instead of raising KeyboardInterrupt, on every system (asyncio's handlers are POSIX only)."""
    interrupts = Interrupts()
    loop = asyncio.get_running_loop()
    previous_handler = signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(interrupts.add))
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, previous_handler)


async def read_line_until_interrupt(prompt: str = "") -> str | None:
    """The next line of standard input, None where Ctrl-C was pressed instead. Raises EOFError at the input's end."""
    return await until_interrupt(partial(line_reader.read, prompt))


async def until_interrupt(work: Callable[[], Awaitable[T]]) -> T | None:
    """What the work returns, None where Ctrl-C was pressed instead: that cancels it. Raises what it raises."""
    result: T | None = None
    with catch_interrupts() as interrupts:
        async with unwrapped_task_group() as tasks:

            async def stop() -> None:
                await interrupts.wait_for(1)
                tasks.cancel_scope.cancel()

            tasks.start_soon(stop)
            result = await work()
            tasks.cancel_scope.cancel()
    return result


async def stop_on_interrupt(
    interrupts: Interrupts,
    following: anyio.CancelScope,
    display: RunDisplay,
    *,
    should_cancel_run: Callable[[], bool],
    cancel_run: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    """Cancel the run at the first Ctrl-C and stop following it at the second.

    Where the run should not be cancelled (a question waits for its answer, or somebody else started it),
    the first Ctrl-C only stops following it.
    """
    await interrupts.wait_for(1)
    if not should_cancel_run():
        display.print_line("")
        following.cancel()
        return
    display.print_line("Cancelling the run (Ctrl-C again: leave without waiting for it)", "yellow")
    async with unwrapped_task_group() as tasks:
        tasks.start_soon(cancel_run)
        await interrupts.wait_for(2)
        following.cancel()
