"""Logs as JSON: one object a line, with nothing that callers send or AgentOS answers."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from agentos_mcp.agentos.errors import ServerFailure
from agentos_mcp.agentos.log_format import HIDDEN, JsonFormatter, Loggable, abridged_error, json_line
from agentos_mcp.agentos.runs.run import RunRef, Status
from agentos_mcp.server.http.log_limit import RepeatedMessageFilter

MARK = "Xylophone-7f3a9"
REF = RunRef("agent", "writer", "s1", "r1")


def line(
    message: str, *args: object, logger: str = "agentos_mcp.x", error: BaseException | None = None
) -> dict[str, Any]:
    exc_info = (type(error), error, error.__traceback__) if error is not None else None
    record = logging.LogRecord(logger, logging.WARNING, "/x/module.py", 7, message, args, exc_info, func="function")
    text = JsonFormatter(secrets=lambda: ("OSK_123456",)).format(record)
    assert "\n" not in text
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (MARK, HIDDEN),
        ({MARK: MARK}, HIDDEN),
        (Loggable("GET"), "GET"),
        (3, "3"),
        (REF, "agent/writer/s1/r1"),
        (Status.PAUSED, "PAUSED"),
        (ValueError(MARK), "ValueError"),
        (ServerFailure(MARK, status=503), "ServerFailure (503)"),
        (abridged_error(ServerFailure(MARK, status=503)), "ServerFailure (503)"),
        (None, "None"),
    ],
)
def test_value_is_shown_only_where_it_is_known_to_be_harmless(value: object, shown: str) -> None:
    found = line("It is %s.", value)
    assert found["message"] == f"It is {shown}."
    assert MARK not in json.dumps(found)


def test_line_has_its_fields() -> None:
    found = line("%s was released", REF)
    assert found.keys() == {"time", "level", "logger", "message", "run"}
    assert (found["level"], found["logger"], found["run"]) == ("warning", "agentos_mcp.x", "agent/writer/s1/r1")
    assert found["time"].endswith("+00:00")


@pytest.mark.parametrize("logger", ["mcp.server.lowlevel.server", "uvicorn.error", "agentos_mcpx", "root"])
def test_message_of_another_library_is_not_shown(logger: str) -> None:
    found = line(f"Received {MARK}", logger=logger)
    assert found["message"] == f"{HIDDEN} (module.function, line 7)"


def test_error_is_its_kind_and_where_it_was_raised() -> None:
    try:
        raise ValueError(MARK)
    except ValueError as error:
        found = line("It failed", error=error)
    assert found["error"] == "ValueError"
    assert found["stack"][-1].endswith("test_error_is_its_kind_and_where_it_was_raised")
    assert MARK not in json.dumps(found)


@pytest.mark.parametrize("arguments", [(), (MARK, MARK, MARK), ({"other": MARK},)])
def test_message_whose_values_do_not_fit_is_shown_without_them(arguments: tuple[object, ...]) -> None:
    assert line("%d of %d", *arguments)["message"] == "%d of %d"


def test_secret_and_control_characters_are_not_shown() -> None:
    found = line("A token: OSK_123456\x1b[2J\nforged\u2028")
    assert found["message"] == "A token: ********\nforged\n"


def test_repeated_message_keeps_its_values_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    repeated = RepeatedMessageFilter(max_messages=1, period_seconds=0.0)
    records = [logging.LogRecord("agentos_mcp.x", 30, "/x/m.py", 7, "100%% of %s", (MARK,), None) for _ in range(3)]
    times = iter([0.0, 0.0, 1.0])
    monkeypatch.setattr("agentos_mcp.server.http.log_limit.time.monotonic", lambda: next(times))
    assert [repeated.filter(record) for record in records] == [True, False, True]
    found = json.loads(JsonFormatter().format(records[-1]))
    assert found["message"] == f"100% of {HIDDEN} (1 more like it were not logged)"
    assert records[-1].getMessage() == f"100% of {MARK} (1 more like it were not logged)"


def test_announcement_is_a_line_of_the_same_form() -> None:
    found = json.loads(json_line("agentos_mcp", "Serving MCP at http://127.0.0.1:7800/mcp"))
    assert (found["level"], found["message"]) == ("info", "Serving MCP at http://127.0.0.1:7800/mcp")


def test_formatter_needs_no_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "opentelemetry.trace", raising=False)
    assert "trace_id" not in line("x")
