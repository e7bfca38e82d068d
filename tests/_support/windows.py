"""What Windows has and this system does not, for the code that is for it: `msvcrt`, console functions."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest


class Msvcrt:
    """The module `msvcrt`: locks of a byte of a file, keys that wait at the console, handles."""

    LK_UNLCK, LK_NBLCK = 0, 2

    def __init__(self, keys: str = "") -> None:
        self.keys = list(keys)

    def locking(self, descriptor: int, mode: int, number_of_bytes: int) -> None:
        import fcntl

        assert (os.lseek(descriptor, 0, os.SEEK_CUR), number_of_bytes) == (0, 1), "the same byte for all"
        if mode == self.LK_UNLCK:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PermissionError(13, "Permission denied") from None

    def kbhit(self) -> bool:
        return bool(self.keys)

    def getwch(self) -> str:
        return self.keys.pop(0)

    def get_osfhandle(self, descriptor: int) -> int:
        return 1000 + descriptor


class Console:
    """`kernel32` with one console, whose mode is None where there is no console at all."""

    def __init__(self, mode: int | None, *, knows_escape_sequences: bool = True) -> None:
        self.mode = mode
        self._modes = 0x7 if knows_escape_sequences else 0x3

    def GetConsoleMode(self, handle: ctypes.c_void_p, mode: Any) -> int:  # noqa: N802 - Windows' name
        assert handle.value
        if self.mode is None:
            return 0
        mode._obj.value = self.mode
        return 1

    def SetConsoleMode(self, handle: ctypes.c_void_p, mode: int) -> int:  # noqa: N802 - Windows' name
        assert handle.value
        if mode & ~self._modes:
            return 0
        self.mode = mode
        return 1


@contextlib.contextmanager
def windows(*, keys: str = "", console: Console | None = None) -> Iterator[Msvcrt]:
    """Inside it the package takes this system for Windows; Python itself, and what it starts, is not fooled."""
    msvcrt = Msvcrt(keys)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "platform", "win32")
        patch.setitem(sys.modules, "msvcrt", msvcrt)
        patch.setattr(os, "O_NOINHERIT", 0, raising=False)
        patch.setattr(ctypes, "windll", SimpleNamespace(kernel32=console or Console(None)), raising=False)
        patch.delattr(os, "O_NOFOLLOW", raising=False)
        yield msvcrt
