"""The memory of a process, as the kernel counts it."""

from __future__ import annotations

from pathlib import Path


def resident_bytes(pid: int) -> int:
    """Resident memory now, in bytes."""
    return _status_bytes(pid, "VmRSS")


def peak_resident_bytes(pid: int) -> int:
    """The most resident memory that the process ever had, in bytes."""
    return _status_bytes(pid, "VmHWM")


def _status_bytes(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    raise LookupError(f"{name} of process {pid} is not known")
