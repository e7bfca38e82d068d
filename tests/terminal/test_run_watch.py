"""`agentos-mcp runs --watch`: lines or documents in a pipe, a table that is redrawn at a terminal."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agentos_mcp.terminal.run_watch import MAX_INTERVAL_SECONDS, MIN_INTERVAL_SECONDS, interval_seconds
from tests._support.processes import DOWN, PATIENCE
from tests._support.terminal_calls import invoke, invoke_ok, start_command

if sys.platform == "win32":
    pytest.skip("pseudo-terminals as POSIX has them", allow_module_level=True)

from tests._support.pseudo_terminal import CTRL_C, open_terminal


def test_agentos_is_asked_at_most_every_two_seconds_and_less_where_it_is_slow_or_failing() -> None:
    assert interval_seconds(0.01, 0) == MIN_INTERVAL_SECONDS == 2.0
    assert interval_seconds(3, 0) == 12
    assert [interval_seconds(0, failures) for failures in (1, 2, 3)] == [4, 8, 16]
    assert interval_seconds(0, 1_000_000) == interval_seconds(600, 0) == MAX_INTERVAL_SECONDS


def test_watch_in_a_pipe_prints_a_line_for_each_change_and_ends_with_ctrl_c(sample_agentos: str, session: str) -> None:
    first = invoke_ok(sample_agentos, "run", "echo", "first", "--session-id", session).reference
    with _watching(sample_agentos, "runs", "--watch", "--session-id", session) as watching:
        assert watching.stdout is not None
        line = watching.stdout.readline().decode()
        assert f"completed  {first}  first\n" in line
        second = invoke_ok(sample_agentos, "run", "echo", "second", "--session-id", session).reference
        assert f"completed  {second}  second\n" in watching.stdout.readline().decode()
        watching.send_signal(signal.SIGINT)
        exit_code, more, errors = _end(watching)
        assert (exit_code, more) == (130, b"")
        assert b"Traceback" not in errors


def test_watch_as_json_prints_a_document_a_line(sample_agentos: str, session: str) -> None:
    run = invoke_ok(sample_agentos, "run", "echo", "first", "--session-id", session).reference
    with _watching(sample_agentos, "runs", "-w", "--json", "--session-id", session) as watching:
        assert watching.stdout is not None
        document = json.loads(watching.stdout.readline())
        assert (document["run"], document["status"]) == (run, "completed")
        watching.send_signal(signal.SIGINT)
        assert _end(watching)[0] == 130


def test_watch_whose_reader_is_gone_ends(sample_agentos: str, session: str) -> None:
    invoke_ok(sample_agentos, "run", "echo", "first", "--session-id", session)
    with _watching(sample_agentos, "runs", "--watch", "--session-id", session) as watching:
        assert watching.stdout is not None
        watching.stdout.close()
        assert watching.wait(PATIENCE) == 141


def test_watch_at_a_terminal_redraws_its_table(sample_agentos: str, session: str) -> None:
    invoke_ok(sample_agentos, "run", "echo", "first", "--session-id", session)
    with open_terminal(sample_agentos, "runs", "--watch", "--session-id", session, columns=60) as terminal:
        terminal.wait_for("first")
        terminal.wait_for("Ctrl-C ends")
        invoke_ok(sample_agentos, "run", "echo", "second", "--session-id", session)
        terminal.wait_for("\x1b[3A\r\x1b[J")
        terminal.wait_for("second")
        terminal.type(CTRL_C)
        assert terminal.exit_code() == 130
    assert "Traceback" not in terminal.raw


def test_watch_of_an_agentos_that_is_down_or_of_one_run_is_refused(sample_agentos: str) -> None:
    assert invoke(DOWN, "runs", "--watch").exit_code == 1
    refused = invoke(sample_agentos, "runs", "agent/echo/s/r", "--watch")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "Use `agentos-mcp runs agent/echo/s/r --follow` for one of them." in refused.stderr


@contextmanager
def _watching(url: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command that goes on until it is ended, at the latest here."""
    with start_command(url, *arguments) as process:
        try:
            yield process
        finally:
            process.terminate()


def _end(process: subprocess.Popen[bytes]) -> tuple[int, bytes, bytes]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err
