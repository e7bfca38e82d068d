"""What a server logs and audits while it is open, as JSON."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentos_mcp.agentos.log_format import JsonFormatter


class LoggedLines:
    """Lines of JSON, as they were written so far."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@contextmanager
def json_log(level: int = logging.DEBUG, secrets: tuple[str, ...] = ()) -> Iterator[LoggedLines]:
    """All that this process logs, of every library."""
    stream, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(secrets=lambda: secrets))
    before = root.level
    root.addHandler(handler)
    root.setLevel(level)
    try:
        yield LoggedLines(stream)
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


def audit_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
