"""Gives memory that many runs have used and freed back to the system, which glibc keeps otherwise."""

from __future__ import annotations

import platform
from collections.abc import Callable

from agentos_mcp.agentos.observation import Observer
from agentos_mcp.agentos.runs.run import RunRef

RUNS_PER_RELEASE = 100
"""It takes a few milliseconds, in which nothing else is done."""


class MemoryRelease(Observer):
    """Releases memory once for so many runs that have ended: each leaves gaps behind in which nothing large fits."""

    def __init__(self, release: Callable[[], None] | None = None) -> None:
        self._release = release or release_free_memory
        self._ended = 0

    def run_ended(self, ref: RunRef, outcome: str, seconds: float) -> None:
        self._ended += 1
        if self._ended % RUNS_PER_RELEASE == 0:
            self._release()


def release_free_memory() -> None:
    """Give the pages back in which nothing is; other systems and C libraries do that by themselves, or not at all."""
    if platform.system() != "Linux":
        return
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
