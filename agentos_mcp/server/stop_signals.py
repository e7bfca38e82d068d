"""Waits for what asks this process to stop: SIGTERM or SIGINT, on Windows Ctrl-C, Ctrl-Break or a closed window."""

from __future__ import annotations

import asyncio
import signal
import sys
from types import FrameType

import anyio


async def wait_for_stop_signal(*, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> int:
    """The number of the first signal that asks this process to stop, which is held back. For the main thread alone."""
    if sys.platform == "win32":
        # Its event loops have no handlers of signals; Windows calls SIGBREAK what a closed console window sends.
        loop = asyncio.get_running_loop()
        received: asyncio.Future[int] = loop.create_future()

        def receive(number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(lambda: None if received.done() else received.set_result(number))

        previous = {number: signal.signal(number, receive) for number in (signal.SIGINT, signal.SIGBREAK)}
        try:
            task_status.started()
            return await received
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
    else:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            task_status.started()
            return await anext(aiter(signals))
