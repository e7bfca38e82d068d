"""Periods, and the time zone of this machine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from agentos_mcp.agentos.timestamps import ANY_TIME, Period, time_after, time_zone_name, time_zone_text

MORNING = datetime(2026, 11, 27, 8, tzinfo=UTC)
EVENING = datetime(2026, 11, 27, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "timestamp", "expected"),
    [
        (ANY_TIME, None, True),
        (Period(MORNING, EVENING), "2026-11-27T08:00:00Z", True),
        (Period(MORNING, EVENING), EVENING.timestamp(), True),
        (Period(MORNING, EVENING), EVENING.timestamp() + 1, False),
        (Period(MORNING), "2026-11-27T07:59:59", False),
        (Period(MORNING), "2030-01-01", True),
        (Period(until=EVENING), "1999-01-01", True),
        (Period(until=EVENING), None, False),
        (Period(MORNING), "soon", False),
    ],
)
def test_period_contains_what_lies_between_its_ends(period: Period, timestamp: Any, expected: bool) -> None:
    assert period.contains(timestamp) is expected


@pytest.mark.parametrize(
    ("timestamp", "seconds", "expected"),
    [
        ("2026-11-27T08:00:00Z", 43_200.0, EVENING),
        (MORNING.timestamp(), 43_200.0, EVENING),
        ("soon", 1.0, None),
        (2, 1e38, None),
        (2, float("inf"), None),
        (2, float("nan"), None),
        ("9999-12-31T23:59:59Z", 1.0, None),
    ],
)
def test_time_after_another_is_none_beyond_the_calendar(
    timestamp: Any, seconds: float, expected: datetime | None
) -> None:
    assert time_after(timestamp, seconds) == expected


@pytest.mark.parametrize(
    ("variable", "name", "text"),
    [
        ("Europe/Berlin", "Europe/Berlin", "Europe/Berlin, UTC+01:00"),
        (":America/New_York", "America/New_York", "America/New_York, UTC-05:00"),
        ("UTC", "UTC", "UTC"),
        ("Etc/UTC", "UTC", "UTC"),
        ("Africa/Abidjan", "Africa/Abidjan", "Africa/Abidjan, UTC"),
        ("CET-1CEST", "", "UTC+01:00"),
    ],
)
def test_time_zone_is_named_with_its_offset(
    variable: str, name: str, text: str, time_zone: Callable[[str], None]
) -> None:
    time_zone(variable)
    assert time_zone_name() == name
    assert time_zone_text(MORNING) == text
