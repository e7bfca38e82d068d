"""Opens files that others may have put there, to be read: no pipe is waited for, bytes are read as they are."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def open_to_read(path: Path, *, follow_links: bool = True) -> int:
    """A descriptor of the file, which the caller closes. Raises OSError, with ELOOP for a link that is not followed.

    What was opened may be a pipe, a device or a folder: the caller checks.
    """
    flags = os.O_RDONLY
    for name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):  # each system has some of them
        flags |= getattr(os, name, 0)
    if follow_links:
        return os.open(path, flags)
    if no_links := getattr(os, "O_NOFOLLOW", 0):
        return os.open(path, flags | no_links)
    _refuse_link(path)
    descriptor = os.open(path, flags)
    try:
        _refuse_link(path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _refuse_link(path: Path) -> None:
    if stat.S_ISLNK(path.lstat().st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
