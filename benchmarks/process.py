"""What other processes use, as Linux tells it."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters

from benchmarks.stage import Failed, connected

_PROC = Path("/proc")


@asynccontextmanager
async def watched(server: StdioServerParameters) -> AsyncIterator[tuple[Client, int]]:
    """A client of a server that is spawned for it, and the server's process id."""
    before = _children()
    async with connected(server) as client:
        spawned = _children() - before
        if len(spawned) != 1:
            raise Failed(f"{len(spawned)} processes were spawned where one was expected.")
        yield client, spawned.pop()


def _children() -> set[int]:
    if not _PROC.is_dir():
        raise Failed("Processor time and memory of other processes are read from /proc, which only Linux has.")
    mine = set()
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and _parent(entry) == os.getpid():
            mine.add(int(entry.name))
    return mine


def _parent(entry: Path) -> int:
    try:
        # After the command's closing bracket: state, parent.
        return int((entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def cpu_seconds(pid: int) -> float:
    """Processor time of a process, all its threads, to the nanosecond: its clock's number is made of its id."""
    return time.clock_gettime((~pid << 3) | 2)


def resident_mib(pid: int) -> float:
    """Resident memory."""
    for line in (_PROC / str(pid) / "status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise Failed(f"Process {pid} has no resident memory.")
