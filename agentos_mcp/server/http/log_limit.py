"""What clients over HTTP may have this server log."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

log = logging.getLogger(__name__)


class RepeatedMessageFilter(logging.Filter):
    """Lets each kind of warning or error through a few times a minute, then says how many more there were."""

    def __init__(self, max_messages: int = 5, period_seconds: float = 60.0) -> None:
        super().__init__()
        self._max_messages = max_messages
        self._period_seconds = period_seconds
        self._counts: dict[tuple[str, int, str], tuple[float, int]] = {}
        """By kind: when its period began, and how many messages it had since."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        # Some loggers put values into the message itself.
        kind = (record.name, record.lineno, str(record.msg)[:20])
        now = time.monotonic()
        since, count = self._counts.get(kind, (now, 0))
        if now - since > self._period_seconds:
            if (more := count - self._max_messages) > 0:
                _add_count(record, more)
            since, count = now, 0
        if len(self._counts) > 1000:
            self._counts.clear()
        self._counts[kind] = (since, count + 1)
        return count < self._max_messages


def _add_count(record: logging.LogRecord, more: int) -> None:
    """Say how many were left out, and keep the message apart from its values."""
    values = record.args if isinstance(record.args, tuple) else ()
    message = str(record.msg) if values else record.getMessage().replace("%", "%%")
    record.msg, record.args = f"{message} (%d more like it were not logged)", (*values, more)


def log_accept_errors(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An event loop's exception handler: one line where a connection cannot be accepted. asyncio tries again."""
    if str(context.get("message", "")).startswith("socket.accept() out of system resource"):
        log.error("No connection can be accepted for a second: %s (ulimit -n).", context.get("exception"))
    else:
        loop.default_exception_handler(context)
