"""A schedule in words, without a server."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, ServerFailure, Unsupported
from agentos_mcp.tools.schedules.format import (
    check_cron,
    describe_cron,
    error_of,
    failure_of,
    following,
    is_overdue,
    ran_by,
    run_of,
    standing,
    summary,
    target,
    times,
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
    assert ran_by(schedule(endpoint, method)) == component
    assert target(schedule(endpoint, method)) == words


def test_target_of_many_lines_is_one() -> None:
    assert "\n" not in target(schedule("/a\nb", "GET"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "0 9 * * * UTC"),
        ({"timezone": "Europe/Berlin"}, "0 9 * * * Europe/Berlin"),
        ({"cron_expr": None}, "only when triggered"),
    ],
)
def test_times_have_their_timezone(more: dict[str, Any], words: str) -> None:
    assert times(schedule(**more)) == words


@pytest.mark.parametrize(
    ("seconds_from_now", "enabled", "overdue"),
    [(-3600, True, True), (-30, True, False), (3600, True, False), (-3600, False, False)],
)
def test_overdue_schedule_should_have_fired_a_minute_ago(seconds_from_now: int, enabled: bool, overdue: bool) -> None:
    due = schedule(enabled=enabled, next_run_at=time.time() + seconds_from_now)
    assert is_overdue(due) is overdue
    assert following(due).endswith(", overdue") is overdue
    assert bool(following(due)) is enabled


@pytest.mark.parametrize("due", [None, "soon", []])
def test_overdue_needs_a_time(due: object) -> None:
    assert not is_overdue(schedule(next_run_at=due))


def test_standing_says_why_agentos_switched_it_off() -> None:
    assert standing(schedule()) == "on"
    assert standing(schedule(enabled=False)) == "off"
    assert standing(schedule(enabled=False, disabled_reason="5 failures")) == "off: 5 failures"


def test_summary_is_one_sentence() -> None:
    assert summary(schedule()) == "agent echo at 0 9 * * * UTC, on."
    words = summary(schedule(next_run_at=4_000_000_000))
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
    assert run_of(schedule(), run) == reference
    assert run_of(schedule("/metrics/refresh"), {"session_id": "s", "run_id": "r"}) == ""


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
    assert error_of(run) == words


def test_failure_of_a_schedule_has_the_run_where_there_is_one() -> None:
    failed = {"error": "Run failed", "output": {"content": "out of tokens"}, "status_code": 200}
    assert "out of tokens" in failure_of(schedule(), failed, "agent/echo/s/r").message
    assert failure_of(schedule(), failed, "agent/echo/s/r").run_reference == "agent/echo/s/r"
    assert "scheduler_base_url" in str(failure_of(schedule(), {}, "").hint)


@pytest.mark.parametrize("cron", ["0 9 * * 1-5", "* * * * *", "@daily", " @hourly "])
def test_cron_of_five_fields_or_a_name_is_taken(cron: str) -> None:
    check_cron(cron)


@pytest.mark.parametrize("cron", ["", "daily", "0 9 * *", "0 0 9 * * 1-5"])
def test_cron_of_other_than_five_fields_is_refused(cron: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^'{cron}'".replace("*", r"\*")):
        check_cron(cron)


@pytest.mark.parametrize(
    ("detail", "status", "refusal", "named"),
    [
        ("Invalid cron expression", 422, InvalidRequest, "'1 2 3 4 99'"),
        ("Invalid timezone: Mars", 422, InvalidRequest, "'Mars'"),
        ("CroniterBadDateError: failed", 500, InvalidRequest, "'1 2 3 4 99'"),
        ("Schedule 'a' already exists", 409, InvalidRequest, "Schedule 'a' already exists"),
        ("Scheduler is not running", 503, Unsupported, "AgentOS(scheduler=True)"),
        ("croniter is missing", 503, Unsupported, "croniter is missing"),
    ],
)
def test_refusal_of_a_schedule_says_what_to_change(
    detail: str, status: int, refusal: type[AgentOSError], named: str
) -> None:
    error = ServerFailure(detail, status=status)
    error.detail = detail
    with pytest.raises(refusal) as caught, describe_cron("1 2 3 4 99", "Mars"):
        raise error
    assert named in caught.value.message
    assert caught.value.hint


def test_refusal_for_another_reason_stays_as_it_is() -> None:
    error = ServerFailure("broken", status=500)
    with pytest.raises(ServerFailure) as caught, describe_cron():
        raise error
    assert caught.value is error
