"""Tells the error of a stream that nobody reads any more from others, as each system says it."""

from __future__ import annotations

import errno
import sys
from typing import TextIO


def is_broken_pipe(error: BaseException, stream: TextIO | None) -> bool:
    """Whether it says that nobody reads this stream any more."""
    if isinstance(error, BrokenPipeError):
        return True
    if sys.platform == "win32" and isinstance(error, OSError) and error.errno == errno.EINVAL and stream is not None:
        # So Windows says where the reader ended before: what is still in the buffer then fails again.
        try:
            stream.flush()
        except OSError:
            return True
    return False
