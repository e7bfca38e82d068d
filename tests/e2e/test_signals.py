"""How the process ends, and what becomes of a run that is running then."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable

import anyio
import pytest

from tests._support.process_clients import ends_as
from tests._support.processes import PATIENCE, RawServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")

Stop = Callable[[RawServer], None]
STOPS = [
    pytest.param(lambda server: server.signal(signal.SIGTERM), 143, id="SIGTERM"),
    pytest.param(lambda server: server.signal(signal.SIGINT), 130, id="SIGINT"),
    pytest.param(RawServer.close_stdin, 0, id="closed stdin"),
]


@pytest.mark.parametrize(("stop", "exit_code"), STOPS)
def test_idle_server_ends_promptly_and_silently(sample_agentos: str, stop: Stop, exit_code: int) -> None:
    with RawServer("serve", "--url", sample_agentos) as server:
        server.shake_hands()
        server.tool_names()
        stop(server)
        assert server.exit_code() == exit_code
        assert server.everything == ""


@pytest.mark.parametrize(("stop", "exit_code"), STOPS)
def test_server_ends_promptly_without_ending_its_run(
    sample_agentos: str, session: str, stop: Stop, exit_code: int
) -> None:
    with RawServer("serve", "--url", sample_agentos) as server:
        server.shake_hands()
        server.begin("run_agent", agent_id="slow", message="10 1", session_id=session)
        stop(server)
        assert server.exit_code() == exit_code
        assert server.everything == ""
    assert anyio.run(ends_as, sample_agentos, "agents/slow", session) == "COMPLETED"


def test_client_that_dies_leaves_its_run_running(sample_agentos: str, session: str) -> None:
    with RawServer("serve", "--url", sample_agentos) as server:
        server.shake_hands()
        server.begin("run_workflow", workflow_id="slow-steps", message="go", session_id=session)
        server.die_as_a_client_does()
        server.exit_code()
        assert "Traceback" not in server.everything
    assert anyio.run(ends_as, sample_agentos, "workflows/slow-steps", session) == "COMPLETED"


def test_cancellation_ends_only_one_of_two_runs(sample_agentos: str, session: str) -> None:
    with RawServer("serve", "--url", sample_agentos) as server:
        server.shake_hands()
        cancelled = server.begin("run_agent", agent_id="slow", message="20 2", session_id=session)
        server.begin("run_agent", agent_id="slow", message="10 1", session_id=f"{session}-kept")
        server.notify("notifications/cancelled", requestId=cancelled)
        assert server.call("run_agent", agent_id="echo", message="hi")[0].startswith("echo: hi")
        assert anyio.run(ends_as, sample_agentos, "agents/slow", session) == "CANCELLED"
        server.close_stdin()
        assert server.exit_code() == 0
        assert cancelled not in [message.get("id") for message in server.messages()], "cancelled calls get no answer"
    assert anyio.run(ends_as, sample_agentos, "agents/slow", f"{session}-kept") == "COMPLETED"


def test_calls_cancelled_just_before_stdin_closes_are_cancelled(sample_agentos: str, session: str) -> None:
    with RawServer("serve", "--url", sample_agentos) as server:
        server.shake_hands()
        sessions = [f"{session}-{number}" for number in range(6)]
        calls = [
            server.begin("run_agent", agent_id="slow", message="20 2", session_id=session_id) for session_id in sessions
        ]
        for call in calls:
            server.notify("notifications/cancelled", requestId=call)
        server.close_stdin()
        assert server.exit_code() == 0
    assert [anyio.run(ends_as, sample_agentos, "agents/slow", session_id) for session_id in sessions] == [
        "CANCELLED"
    ] * 6


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_call_cancelled_just_after_a_signal_is_cancelled(
    sample_agentos: str, session: str, number: signal.Signals
) -> None:
    with RawServer("serve", "--url", sample_agentos) as server:
        server.shake_hands()
        cancelled = server.begin("run_agent", agent_id="slow", message="100 10", session_id=session)
        server.begin("run_agent", agent_id="slow", message="10 1", session_id=f"{session}-kept")
        server.signal(number)
        time.sleep(0.012)  # as Claude Code does
        server.notify("notifications/cancelled", requestId=cancelled)
        assert server.exit_code() == 128 + number
        assert server.everything == ""
    assert anyio.run(ends_as, sample_agentos, "agents/slow", session) == "CANCELLED"
    assert anyio.run(ends_as, sample_agentos, "agents/slow", f"{session}-kept") == "COMPLETED"


def test_foreground_run_is_cancelled_with_its_call(bare_agentos: str) -> None:
    with RawServer("serve", "--url", bare_agentos) as server:
        server.shake_hands()
        server.begin("run_agent", agent_id="slow", message="200 20")
        server.signal(signal.SIGTERM)
        assert server.exit_code() == 143
        assert "Traceback" not in server.everything


@pytest.mark.parametrize(("stop", "exit_code"), STOPS[:2])
def test_signal_ends_a_server_that_is_starting(stop: Stop, exit_code: int) -> None:
    with RawServer("serve", "--log-level", "debug") as server:
        server.err.wait_for(lambda line: "Initializing server" in line, PATIENCE)
        stop(server)
        assert server.exit_code() == exit_code
        assert "Traceback" not in server.everything
