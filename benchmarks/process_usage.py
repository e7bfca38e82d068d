"""CPU time and memory of other processes, read from Linux's /proc."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters

from benchmarks.harness import BenchmarkError, connect

_PROC = Path("/proc")


@asynccontextmanager
async def connect_with_pid(
    server: StdioServerParameters, mode: str = "auto", *, is_quiet: bool = False
) -> AsyncIterator[tuple[Client, int]]:
    """A client of a server that is spawned for it, and the server's process id. What a quiet one logs is dropped."""
    before = _children()
    async with connect(server, mode, is_quiet=is_quiet) as client:
        spawned = _children() - before
        if len(spawned) != 1:
            raise BenchmarkError(f"{len(spawned)} processes were spawned where one was expected.")
        yield client, spawned.pop()


def _children() -> set[int]:
    if not _PROC.is_dir():
        raise BenchmarkError("CPU time and memory of other processes are read from /proc, which only Linux has.")
    children = set()
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and _parent(entry) == os.getpid():
            children.add(int(entry.name))
    return children


def _parent(entry: Path) -> int:
    try:
        # After the command's closing bracket: state, parent.
        return int((entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def cpu_seconds(pid: int) -> float:
    """CPU seconds of all threads of a process."""
    # The id of a process's CPU clock is made of its process id.
    return time.clock_gettime((~pid << 3) | 2)


def resident_mib(pid: int) -> float:
    """Resident memory in MiB."""
    return _status_mib(pid, "VmRSS:")


def peak_resident_mib(pid: int) -> float:
    """The most resident memory since `reset_peak`, in MiB."""
    return _status_mib(pid, "VmHWM:")


def reset_peak(pid: int) -> None:
    """From now on the peak is of what comes."""
    (_PROC / str(pid) / "clear_refs").write_text("5", encoding="ascii")


def _status_mib(pid: int, name: str) -> float:
    for line in (_PROC / str(pid) / "status").read_text(encoding="utf-8").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise BenchmarkError(f"Process {pid} has no {name.rstrip(':')}.")
