"""Days and times that arguments give."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.formats import format_exact_time, format_time
from agentos_mcp.tooling import time_arguments
from agentos_mcp.tooling.time_arguments import parse_day, parse_moment, parse_period

FRIDAY = datetime(2026, 11, 27, 14, 5, tzinfo=UTC)


@pytest.fixture
def friday(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is Friday, 2026-11-27, 14:05 in UTC."""
    monkeypatch.setattr(time_arguments, "local_now", FRIDAY.astimezone)


@given(st.dates())
def test_parse_day_reads_every_iso_day(day: date) -> None:
    assert parse_day(f"  {day.isoformat()} ", "since", now=FRIDAY) == day


@pytest.mark.parametrize("text", ["", "   "])
def test_parse_day_reads_nothing_as_none(text: str) -> None:
    assert parse_day(text, "since", now=FRIDAY) is None


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("today", "2026-11-27", "2026-11-27"),
        ("Yesterday", "2026-11-26", "2026-11-26"),
        ("tomorrow", "2026-11-28", "2026-11-28"),
        ("friday", "2026-11-27", "2026-11-27"),
        ("last Friday", "2026-11-20", "2026-11-20"),
        ("monday", "2026-11-23", "2026-11-23"),
        ("saturday", "2026-11-21", "2026-11-21"),
        ("this week", "2026-11-23", "2026-11-29"),
        ("last week", "2026-11-16", "2026-11-22"),
        ("this  month", "2026-11-01", "2026-11-27"),
        ("last month", "2026-10-01", "2026-10-31"),
        ("7 days", "2026-11-20", "2026-11-20"),
        ("last 7 days", "2026-11-20", "2026-11-20"),
        ("2w ago", "2026-11-13", "2026-11-13"),
        ("2h", "2026-11-27", "2026-11-27"),
    ],
)
def test_parse_day_reads_words(text: str, first: str, last: str) -> None:
    assert str(parse_day(text, "since", now=FRIDAY)) == first
    assert str(parse_day(text, "until", now=FRIDAY, last=True)) == last


@pytest.mark.parametrize("text", ["soon", "2026-02-30", "31.01.2026", "2026-13-01", "999999 weeks"])
def test_parse_day_names_the_argument_and_the_text_that_it_refuses(text: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse_day(text, "since", now=FRIDAY)
    assert refusal.value.message.startswith(f"since: '{text}' ")


def test_parse_day_quotes_only_the_beginning_of_a_long_text() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse_day("x" * 1000, "since", now=FRIDAY)
    assert len(refusal.value.message) < 100


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])))
def test_parse_moment_keeps_the_instant_in_utc(moment: datetime) -> None:
    read = parse_moment(moment.isoformat(), "since")
    assert read == moment
    assert read.utcoffset() == timedelta(0)


def iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment is not None else ""


@pytest.mark.parametrize(
    ("text", "end_of_day", "moment"),
    [
        ("", False, ""),
        ("2026-01-31", False, "2026-01-31T00:00:00+00:00"),
        ("2026-01-31", True, "2026-01-31T23:59:59.999999+00:00"),
        ("2026-01-31T12:00:00", True, "2026-01-31T12:00:00+00:00"),
        (" 2026-01-31T12:00:00+02:00 ", False, "2026-01-31T10:00:00+00:00"),
        ("2026-01-31T12:00:00Z", False, "2026-01-31T12:00:00+00:00"),
        ("2026-01-31 12:00 UTC", False, "2026-01-31T12:00:00+00:00"),
        ("2026-01-31 12:00 UTC+02:00", False, "2026-01-31T10:00:00+00:00"),
        ("2026-01-31 12:00 +02:00", False, "2026-01-31T10:00:00+00:00"),
    ],
)
def test_parse_moment_reads_days_and_times(text: str, end_of_day: bool, moment: str) -> None:
    assert iso(parse_moment(text, "since", end_of_day=end_of_day)) == moment


@pytest.mark.parametrize(
    ("text", "end_of_day", "moment"),
    [
        ("now", False, "2026-11-27T14:05:00+00:00"),
        ("2h", False, "2026-11-27T12:05:00+00:00"),
        ("30 minutes ago", True, "2026-11-27T13:35:00+00:00"),
        ("last 3 days", False, "2026-11-24T14:05:00+00:00"),
        ("today", False, "2026-11-26T23:00:00+00:00"),
        ("today", True, "2026-11-27T22:59:59.999999+00:00"),
        ("last week", False, "2026-11-15T23:00:00+00:00"),
        ("last week", True, "2026-11-22T22:59:59.999999+00:00"),
        ("2026-07-01", False, "2026-06-30T22:00:00+00:00"),
        ("2026-11-27T10:00", False, "2026-11-27T09:00:00+00:00"),
    ],
)
def test_parse_moment_reads_words_and_times_of_the_time_zone_of_this_machine(
    text: str, end_of_day: bool, moment: str, time_zone: Callable[[str], None], friday: None
) -> None:
    time_zone("Europe/Berlin")
    assert iso(parse_moment(text, "since", end_of_day=end_of_day)) == moment


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/St_Johns"])
@given(unix_seconds=st.integers(300_000_000, 4_000_000_000))
def test_parse_moment_reads_times_as_results_show_them(name: str, unix_seconds: int) -> None:
    moment = datetime.fromtimestamp(unix_seconds, UTC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", name)
        time.tzset()
        assert parse_moment(format_exact_time(unix_seconds), "since") == moment
        assert parse_moment(format_time(unix_seconds), "since") == moment.replace(second=0)
    time.tzset()


@pytest.mark.parametrize("text", ["soon", "12:00", "2026-01-31T25:00:00", "9" * 400, "999999 weeks", "0001-01-01"])
def test_parse_moment_names_the_argument_and_the_text_that_it_refuses(
    text: str, time_zone: Callable[[str], None]
) -> None:
    time_zone("Asia/Tokyo")
    with pytest.raises(InvalidRequest) as refusal:
        parse_moment(text, "until")
    assert refusal.value.message.startswith(f"until: '{text[:40]}' ")
    assert "(Asia/Tokyo, UTC+09:00)" in str(refusal.value)


def test_parse_period_of_one_day_is_that_day() -> None:
    period = parse_period("2026-01-31", "2026-01-31")
    assert period.contains("2026-01-31T00:00:00Z")
    assert period.contains("2026-01-31T23:59:59Z")
    assert not period.contains("2026-02-01T00:00:00Z")


def test_parse_period_refuses_an_end_before_its_beginning() -> None:
    with pytest.raises(InvalidRequest, match=r"since \(2026-02-02 00:00:00 UTC\) is after until"):
        parse_period("2026-02-02", "2026-02-01")
