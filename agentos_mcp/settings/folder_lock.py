"""The lock of a folder, which one process at a time holds: of the folder itself, on Windows of a file in it."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

LOCK_FILE_NAME = ".lock"
"""The file whose first byte is locked on Windows, where a folder cannot be opened."""
_POLL_SECONDS = 0.02


@contextlib.contextmanager
def lock_folder(folder: Path, timeout_seconds: float) -> Iterator[None]:
    """Inside it no other process holds the folder's lock. Raises TimeoutError where one does for too long, and OSError.

    A process that ends gives its lock back. On a file system without locks nothing is locked.
    """
    descriptor = _open(folder)
    try:
        deadline = time.monotonic() + timeout_seconds
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        # Closing gives the lock back, on Windows "some time" later.
        with contextlib.suppress(OSError):
            _unlock(descriptor)
        os.close(descriptor)


def _open(folder: Path) -> int:
    if sys.platform == "win32":
        return os.open(folder / LOCK_FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_NOINHERIT, 0o600)
    else:  # noqa: RET505 - mypy looks at each branch for its own system
        return os.open(folder, os.O_RDONLY | os.O_CLOEXEC)


def _try_lock(descriptor: int) -> bool:
    if sys.platform == "win32":
        import msvcrt

        try:
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        except OSError:
            return True
    else:
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True
    return True


def _unlock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
