"""What many runs have used goes back to the system."""

from __future__ import annotations

import os
import sys

import pytest

from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.server.free_memory import RUNS_PER_RELEASE, MemoryRelease, release_free_memory
from tests._support.process_memory import resident_bytes

REF = RunRef("agent", "a", "s", "r")


def test_memory_is_released_once_for_so_many_ended_runs() -> None:
    released = []
    observer = MemoryRelease(lambda: released.append(True))
    for number in range(1, 2 * RUNS_PER_RELEASE + 1):
        observer.run_ended(REF, "completed", 1.0)
        assert len(released) == number // RUNS_PER_RELEASE


@pytest.mark.skipif(sys.platform != "linux", reason="a process's memory is read from /proc")
def test_released_memory_is_no_longer_the_processs() -> None:
    blocks = [b"x" * 5_000 for _ in range(10_000)]
    in_use = blocks[::100]
    used = resident_bytes(os.getpid())
    del blocks
    release_free_memory()
    assert used - resident_bytes(os.getpid()) > 20_000_000
    assert len(in_use) == 100
