"""Asks for `/config` in a thread of its own, while the main one imports for a second what serving takes.

A client's first request then finds the answer, also of an AgentOS that is far away.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import anyio
import anyio.lowlevel

from agentos_mcp.agentos.client import AgentOS, Limits
from agentos_mcp.agentos.errors import AgentOSError

Prefetch = Future[Any]
"""The document, or the AgentOSError that reading it raised."""


def prefetch_config(url: str, token: Callable[[], str], limits: Limits) -> Prefetch:
    """Begin to read `/config`, once. The thread ends with its answer, and does not keep the process alive.

    Not to be called where an event loop runs.
    """
    prefetch: Prefetch = Future()
    try:
        client = AgentOS(url, token=token, limits=limits, read_only=True)
    except AgentOSError as error:
        prefetch.set_exception(error)
        return prefetch
    imported = threading.Event()

    async def read() -> Any:
        async with client:
            return await client.get("/config", retry=False)

    def run() -> None:
        try:
            # A first loop imports what loops take. The main thread waits for that: while two threads import, Python may
            # hand out modules that are not complete. It does not do it itself: Ctrl-C could break a loop in the making.
            anyio.run(anyio.lowlevel.checkpoint)
            imported.set()
            prefetch.set_result(anyio.run(read))
        except Exception as error:
            prefetch.set_exception(error)
        finally:
            imported.set()

    threading.Thread(target=run, name="prefetch-config", daemon=True).start()
    imported.wait()
    return prefetch


async def prefetched(prefetch: Prefetch) -> Any:
    """What the thread has read, once it has. Raises what it raised."""
    if not prefetch.done():
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def tell(_: Prefetch) -> None:
            # The loop may be closed: nobody waits any more.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(done.set)

        # Not in a thread that waits: the process could not end before it.
        prefetch.add_done_callback(tell)
        await done.wait()
    return prefetch.result()
