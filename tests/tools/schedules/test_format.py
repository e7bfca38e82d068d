"""A schedule in words, without a server."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, ServerFailure, Unsupported
from agentos_mcp.agentos.http_errors import error_for_response
from agentos_mcp.tools.schedules.format import (
    check_cron,
    component_of,
    error_text,
    is_overdue,
    next_time,
    run_failure,
    schedule_summary,
    started_run,
    state_text,
    target_text,
    times_text,
    translate_cron_errors,
)


def schedule(endpoint: str = "/agents/echo/runs", method: str = "POST", **more: Any) -> dict[str, Any]:
    return {"method": method, "endpoint": endpoint, "cron_expr": "0 9 * * *", "enabled": True, **more}


@pytest.mark.parametrize(
    ("endpoint", "method", "component", "words"),
    [
        ("/agents/echo/runs", "POST", ("agent", "echo"), "agent echo"),
        ("/teams/a%20b/runs/", "post", ("team", "a b"), "team a%20b"),
        ("/workflows/w/runs", "POST", ("workflow", "w"), "workflow w"),
        ("/agents/echo/runs", "GET", None, "GET /agents/echo/runs"),
        ("/agents/echo/runs/7/cancel", "POST", None, "POST /agents/echo/runs/7/cancel"),
        ("/metrics/refresh", "POST", None, "POST /metrics/refresh"),
        ("/models/m/runs", "POST", None, "POST /models/m/runs"),
    ],
)
def test_target_is_the_component_or_the_endpoint(
    endpoint: str, method: str, component: tuple[str, str] | None, words: str
) -> None:
    assert component_of(schedule(endpoint, method)) == component
    assert target_text(schedule(endpoint, method)) == words


def test_target_of_many_lines_is_one() -> None:
    assert "\n" not in target_text(schedule("/a\nb", "GET"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "0 9 * * * UTC"),
        ({"timezone": "Europe/Berlin"}, "0 9 * * * Europe/Berlin"),
        ({"cron_expr": None}, "only when triggered"),
    ],
)
def test_times_have_their_timezone(more: dict[str, Any], words: str) -> None:
    assert times_text(schedule(**more)) == words


@pytest.mark.parametrize(
    ("seconds_from_now", "enabled", "overdue"),
    [(-3600, True, True), (-30, True, False), (3600, True, False), (-3600, False, False)],
)
def test_overdue_schedule_should_have_fired_a_minute_ago(seconds_from_now: int, enabled: bool, overdue: bool) -> None:
    due = schedule(enabled=enabled, next_run_at=time.time() + seconds_from_now)
    assert is_overdue(due) is overdue
    assert str(next_time(due)).endswith(", overdue") is overdue
    assert bool(next_time(due)) is enabled


@pytest.mark.parametrize("due", [None, "soon", []])
def test_overdue_needs_a_time(due: object) -> None:
    assert not is_overdue(schedule(next_run_at=due))


def test_standing_says_why_agentos_switched_it_off() -> None:
    assert state_text(schedule()) == "on"
    assert state_text(schedule(enabled=False)) == "off"
    assert state_text(schedule(enabled=False, disabled_reason="5 failures")) == "off: 5 failures"


def test_summary_is_one_sentence() -> None:
    assert schedule_summary(schedule()) == "agent echo at 0 9 * * * UTC, on."
    words = schedule_summary(schedule(next_run_at=4_000_000_000))
    assert words.startswith("agent echo at 0 9 * * * UTC, on, next at 2096-10-02")
    assert words.endswith(".")


@pytest.mark.parametrize(
    ("run", "reference"),
    [
        ({"session_id": "s", "run_id": "r"}, "agent/echo/s/r"),
        ({"session_id": "s"}, ""),
        ({"run_id": "r"}, ""),
        ({}, ""),
    ],
)
def test_reference_of_a_scheduled_run_is_whole_or_empty(run: dict[str, str], reference: str) -> None:
    assert str(started_run(schedule(), run) or "") == reference
    assert started_run(schedule("/metrics/refresh"), {"session_id": "s", "run_id": "r"}) is None


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({"error": "Run failed", "output": {"content": "out of\ntokens"}}, "out of tokens"),
        ({"error": "Run failed"}, "Run failed"),
        ({"error": json.dumps({"detail": "no such agent"}), "status_code": 404}, "404: no such agent"),
        ({"error": "refused", "status_code": 200}, "refused"),
        ({}, "no reason given"),
    ],
)
def test_error_of_a_scheduled_run_is_agentoss_own(run: dict[str, Any], words: str) -> None:
    assert error_text(run) == words


def test_failure_of_a_schedule_has_the_run_where_there_is_one() -> None:
    failed = {"error": "Run failed", "output": {"content": "out of tokens"}, "status_code": 200}
    assert "out of tokens" in run_failure(schedule(), failed, "agent/echo/s/r").message
    assert run_failure(schedule(), failed, "agent/echo/s/r").run_reference == "agent/echo/s/r"
    assert "scheduler_base_url" in str(run_failure(schedule(), {}, "").hint)


@pytest.mark.parametrize("cron", ["0 9 * * 1-5", "* * * * *", "@daily", " @hourly "])
def test_cron_of_five_fields_or_a_name_is_taken(cron: str) -> None:
    check_cron(cron)


@pytest.mark.parametrize("cron", ["", "daily", "0 9 * *", "0 0 9 * * 1-5"])
def test_cron_of_other_than_five_fields_is_refused(cron: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^'{cron}'".replace("*", r"\*")):
        check_cron(cron)


def agentos_error(status: int, detail: str) -> AgentOSError:
    """The error for an answer of AgentOS's."""
    body = json.dumps({"detail": detail}).encode()
    return error_for_response(
        "POST", "/schedules", status=status, headers={}, body=body, url="http://agentos", with_token=False
    )


@pytest.mark.parametrize(
    ("status", "detail", "refusal", "message"),
    [
        (422, "Invalid cron expression: 1 2 3 4 99", InvalidRequest, "'1 2 3 4 99'"),
        (422, "Invalid timezone: Mars", InvalidRequest, "'Mars'"),
        (500, "CroniterBadDateError: failed", InvalidRequest, "'1 2 3 4 99'"),
        (409, "Schedule 'a' already exists", InvalidRequest, "Schedule 'a' already exists"),
        (503, "Scheduler is not running", Unsupported, "AgentOS(scheduler=True)"),
        (503, "croniter is missing", Unsupported, "croniter is missing"),
    ],
)
def test_schedule_refusal_says_what_to_change(
    status: int, detail: str, refusal: type[AgentOSError], message: str
) -> None:
    with pytest.raises(refusal) as caught, translate_cron_errors("1 2 3 4 99", "Mars"):
        raise agentos_error(status, detail)
    assert message in caught.value.message
    assert caught.value.hint


def test_schedule_refusal_for_another_reason_stays_as_it_is() -> None:
    error = ServerFailure("broken", status=500)
    with pytest.raises(ServerFailure) as caught, translate_cron_errors():
        raise error
    assert caught.value is error
