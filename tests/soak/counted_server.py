"""`agentos-mcp` as a command that writes what it holds into a file whenever it gets SIGUSR1."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from agentos_mcp.cli import main
from tests._support.process_memory import resident_bytes

COUNTS_VARIABLE = "SOAK_COUNTS"
"""Names the file."""


@dataclass(frozen=True)
class Counts:
    """What a process holds."""

    memory_bytes: int
    tasks: int
    sockets: int
    descriptors: int
    threads: int


def write_counts(*_: object) -> None:
    gc.collect()
    descriptors = [_target(name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208 - a path may be gone by now
    counts = Counts(
        memory_bytes=resident_bytes(os.getpid()),
        tasks=len(asyncio.all_tasks()),
        sockets=sum(target.startswith("socket:") for target in descriptors),
        # The folder was open while it was read.
        descriptors=sum(not target.startswith("/proc/") for target in descriptors),
        threads=threading.active_count(),
    )
    path = Path(os.environ[COUNTS_VARIABLE])
    part = path.with_suffix(".part")
    part.write_text(json.dumps(asdict(counts)))
    part.replace(path)


def _target(name: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115 - what it names is no path
    except OSError:
        return "/proc/"


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, write_counts)
    sys.exit(main())
