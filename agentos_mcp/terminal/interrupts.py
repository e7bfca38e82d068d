"""Ctrl-C as something that is heard, rather than the end of the program."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import anyio


class Interrupts:
    """Counts Ctrl-C. Made by `heard_interrupts`."""

    def __init__(self) -> None:
        self.count = 0
        self._news = anyio.Event()

    async def wait_for(self, count: int) -> None:
        """Return once Ctrl-C was pressed so often."""
        while self.count < count:
            await self._news.wait()

    def tell(self) -> None:
        self.count += 1
        self._news.set()
        self._news = anyio.Event()


@contextmanager
def heard_interrupts() -> Iterator[Interrupts]:
    """Interrupts for as long as the context is open, on every system (which asyncio's own handlers are not)."""
    interrupts = Interrupts()
    loop = asyncio.get_running_loop()
    before = signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(interrupts.tell))
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)
