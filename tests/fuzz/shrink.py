"""Makes an input that fails smaller, as long as it fails."""

from __future__ import annotations

import time
from collections.abc import Callable

_SECONDS = 10.0
_TRIES = 3_000


def shrunk(data: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """A part of `data`, in its order, that still fails; within some seconds."""
    deadline = time.monotonic() + _SECONDS
    tries = 0
    size = max(1, len(data) // 2)
    while size:
        start = 0
        while start < len(data):
            if tries >= _TRIES or time.monotonic() > deadline:
                return data
            tries += 1
            shorter = data[:start] + data[start + size :]
            if fails(shorter):
                data = shorter
            else:
                start += size
        size //= 2
    return data
