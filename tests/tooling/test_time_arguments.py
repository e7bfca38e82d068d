"""Days and times that arguments give."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.tooling.time_arguments import parse_day, parse_moment


@given(st.dates())
def test_parse_day_reads_every_iso_day(day: date) -> None:
    assert parse_day(f"  {day.isoformat()} ", "since") == day


@pytest.mark.parametrize("text", ["", "   "])
def test_parse_day_reads_nothing_as_none(text: str) -> None:
    assert parse_day(text, "since") is None


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "31.01.2026", "2026-13-01"])
def test_parse_day_names_the_argument_and_the_text_that_it_refuses(text: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse_day(text, "since")
    assert refusal.value.message.startswith(f"since: '{text}' ")


def test_parse_day_quotes_only_the_beginning_of_a_long_text() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse_day("x" * 1000, "since")
    assert len(refusal.value.message) < 100


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])))
def test_parse_moment_keeps_the_instant_in_utc(moment: datetime) -> None:
    read = datetime.fromisoformat(parse_moment(moment.isoformat(), "since"))
    assert read == moment
    assert read.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("text", "end_of_day", "moment"),
    [
        ("", False, ""),
        ("2026-01-31", False, "2026-01-31T00:00:00+00:00"),
        ("2026-01-31", True, "2026-01-31T23:59:59.999999+00:00"),
        ("2026-01-31T12:00:00", True, "2026-01-31T12:00:00+00:00"),
        (" 2026-01-31T12:00:00+02:00 ", False, "2026-01-31T10:00:00+00:00"),
        ("2026-01-31T12:00:00Z", False, "2026-01-31T12:00:00+00:00"),
    ],
)
def test_parse_moment_reads_days_and_times(text: str, end_of_day: bool, moment: str) -> None:
    assert parse_moment(text, "since", end_of_day=end_of_day) == moment


@pytest.mark.parametrize("text", ["soon", "12:00", "2026-01-31T25:00:00"])
def test_parse_moment_names_the_argument_and_the_text_that_it_refuses(text: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse_moment(text, "until")
    assert refusal.value.message.startswith(f"until: '{text}' ")
