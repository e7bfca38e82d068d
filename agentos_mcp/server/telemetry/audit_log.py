"""The audit log: a line of JSON for every call of a tool that can change something, without its arguments."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from datetime import UTC, datetime
from io import TextIOWrapper

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.log_format import Loggable, current_trace
from agentos_mcp.agentos.plain_text import as_json
from agentos_mcp.server.telemetry.tool_calls import Outcome, ToolCall
from agentos_mcp.settings import SettingsError

LOGGER_NAME = "agentos_mcp.audit"
STANDARD_ERROR = "-"
_MAX_REFERENCE_LENGTH = 500
_COMPONENT_KINDS = ("agent", "team", "workflow")

log = logging.getLogger(__name__)


class AuditLog:
    """Writes a line for each call that it is told of, of a tool that can change something."""

    def __init__(self, destination: str) -> None:
        """`destination`: a file, or STANDARD_ERROR. Raises SettingsError where the file cannot be written."""
        self._logger = logging.getLogger(LOGGER_NAME)
        self._handler = _handler(destination)
        self._handler.setFormatter(logging.Formatter("%(message)s"))

    def open(self) -> None:
        """Lines are written from now on, whatever else is logged, and nowhere else."""
        self._logger.addHandler(self._handler)
        self._logger.setLevel(logging.INFO)
        self._logger.propagate = False

    def close(self) -> None:
        self._logger.removeHandler(self._handler)
        self._handler.close()

    def __call__(self, call: ToolCall) -> None:
        if not call.may_write:
            return
        outcome = audit_outcome(call)
        if outcome:
            self._logger.info("%s", as_json(audit_line(call, outcome)))


def audit_outcome(call: ToolCall) -> str:
    """What became of a call, as far as AgentOS is concerned; '' where the call that brings the answer will tell."""
    was_sent = bool(call.operation.writes)
    match call.outcome:
        case Outcome.OK:
            return "done" if was_sent else "nothing done"
        case Outcome.ERROR:
            return "failed" if was_sent else "refused"
        case Outcome.ASKED:
            return "waiting" if was_sent else ""
        case Outcome.CANCELLED:
            return "cancelled"
        case Outcome.REFUSED:
            return "refused"


def audit_line(call: ToolCall, outcome: str) -> dict[str, str]:
    """One line's fields; '' where there is nothing to say."""
    run = call.operation.run
    reference = str(run) if run is not None else ""
    component = f"{run.kind}/{run.component}" if run is not None else ""
    for write in call.operation.writes:
        if not reference:
            try:
                path = write.path
            except AgentOSError:
                path = write.route
            # As the reference of a run on one of several AgentOSes begins.
            reference = f"{write.instance}:{path}" if write.instance else path
        kind = next((kind for kind in _COMPONENT_KINDS if write.route.startswith(f"/{kind}s/")), "")
        if not component and kind:
            component = f"{kind}/{next(iter(write.values.values()), '')}"
    return {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "caller": call.caller,
        "client": call.client,
        "tool": call.name,
        "component": component[:_MAX_REFERENCE_LENGTH],
        "reference": reference[:_MAX_REFERENCE_LENGTH],
        "outcome": outcome,
        **current_trace(),
    }


class _AuditFile(logging.handlers.WatchedFileHandler):
    """A file for its owner alone, opened anew where it was moved away."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _FLAGS, 0o600)
        return os.fdopen(descriptor, "a", encoding="utf-8")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        log.error("The audit log cannot be written (%s).", Loggable(str(sys.exc_info()[1])))


_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
"""A pipe that nobody reads must not hold the server up."""


def _handler(destination: str) -> logging.Handler:
    if destination == STANDARD_ERROR:
        return logging.StreamHandler(sys.stderr)
    try:
        return _AuditFile(destination, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"--audit-log {destination} cannot be written: {error.strerror}.") from None
