"""Log lines as JSON that tell nothing of what clients send and AgentOS answers: only what is known to be harmless.

A message is the text of the program, with those of its values that are known to be none of a caller's: numbers, run
references, kinds of errors, and what is marked as `Loggable`. All others, and messages of other libraries, which may
hold anything, are left out. The plain format shows them.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.observation import current_run
from agentos_mcp.agentos.plain_text import as_json, strip_control_chars
from agentos_mcp.agentos.redaction import redact
from agentos_mcp.agentos.runs.run import RunRef

OWN_LOGGERS = "agentos_mcp"
HIDDEN = "…"
"""Stands for a value that is not shown."""
_MAX_FRAMES = 20
_MAX_MESSAGE_LENGTH = 2000


class Loggable(str):
    """Text that every log may show: it is ours or the operator's, not a caller's and not AgentOS's."""

    __slots__ = ()


class Abridged:
    """A value that the plain format shows whole, and JSON as far as it is known to be harmless."""

    def __init__(self, whole: str, harmless: str) -> None:
        self._whole = whole
        self.harmless = harmless

    def __str__(self) -> str:
        return self._whole


def abridged_error(error: AgentOSError) -> Abridged:
    """What happened; in JSON only its kind."""
    return Abridged(error.message, error_kind(error))


def error_kind(error: BaseException) -> Loggable:
    """ "ServerFailure (503)", "ValueError"."""
    status = error.status if isinstance(error, AgentOSError) else 0
    return Loggable(f"{type(error).__name__} ({status})" if status else type(error).__name__)


def current_trace() -> dict[str, str]:
    """The ids of the trace and the span that are going on; {} where there is none."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return {}
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, secrets: Callable[[], Iterable[str]] = tuple) -> None:
        super().__init__()
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(strip_control_chars(_message(record)), self._secrets())[:_MAX_MESSAGE_LENGTH],
            **current_trace(),
        }
        ref = next((value for value in _values(record) if isinstance(value, RunRef)), None) or current_run()
        if ref is not None:
            line["run"] = str(ref)
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            line["error"] = error_kind(error)
            line["stack"] = _frames(error)
        return as_json(line)


def json_line(logger: str, message: str) -> str:
    """A line of the same form for what is said without a log: that the server is ready."""
    record = logging.LogRecord(logger, logging.INFO, "", 0, "%s", (Loggable(message),), None)
    return JsonFormatter().format(record)


def _message(record: logging.LogRecord) -> str:
    if record.name.partition(".")[0] != OWN_LOGGERS:
        return f"{HIDDEN} ({record.module}.{record.funcName}, line {record.lineno})"
    template = str(record.msg)
    try:
        if isinstance(record.args, Mapping):
            # logging makes of one value that is a mapping the names of all.
            by_name = {name: _shown(value) for name, value in record.args.items()}
            return template % (by_name if "%(" in template else _shown(record.args))
        return template % tuple(map(_shown, record.args)) if record.args else template
    except (TypeError, ValueError, KeyError):
        return template


def _values(record: logging.LogRecord) -> tuple[Any, ...]:
    return tuple(record.args.values()) if isinstance(record.args, Mapping) else tuple(record.args or ())


def _shown(value: object) -> object:
    match value:
        case None | bool() | int() | float() | Loggable() | RunRef():
            return value
        case Enum():
            return Loggable(value.name)
        case Abridged():
            return Loggable(value.harmless)
        case BaseException():
            return error_kind(value)
        case _:
            return Loggable(HIDDEN)


def _frames(error: BaseException) -> list[str]:
    """Where an error was raised, without the values and the texts that a traceback shows."""
    frames = traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
