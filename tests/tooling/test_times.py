"""Days and moments that people write, and durations that they read."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.tooling.times import day_of, lasted, moment_of, second_of, seconds_in_words


@given(st.dates())
def test_day_of_reads_every_iso_day(day: date) -> None:
    assert day_of(f"  {day.isoformat()} ", "since") == day


@pytest.mark.parametrize("text", ["", "   "])
def test_day_of_reads_nothing_as_none(text: str) -> None:
    assert day_of(text, "since") is None


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "31.01.2026", "2026-13-01"])
def test_day_of_names_the_argument_and_the_text_that_it_refuses(text: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        day_of(text, "since")
    assert refusal.value.message.startswith(f"since: '{text}' ")


def test_day_of_quotes_only_the_beginning_of_a_long_text() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        day_of("x" * 1000, "since")
    assert len(refusal.value.message) < 100


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])))
def test_moment_of_keeps_the_instant_in_utc(moment: datetime) -> None:
    read = datetime.fromisoformat(moment_of(moment.isoformat(), "since"))
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
def test_moment_of_reads_days_and_times(text: str, end_of_day: bool, moment: str) -> None:
    assert moment_of(text, "since", end_of_day=end_of_day) == moment


@pytest.mark.parametrize("text", ["soon", "12:00", "2026-01-31T25:00:00"])
def test_moment_of_names_the_argument_and_the_text_that_it_refuses(text: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        moment_of(text, "until")
    assert refusal.value.message.startswith(f"until: '{text}' ")


@pytest.mark.parametrize(
    ("moment", "second"),
    [
        ("2026-11-21T05:48:31.999999Z", "2026-11-21 05:48:31"),
        ("2026-11-21T05:48:31+02:00", "2026-11-21 03:48:31"),
        ("2026-11-21T05:48:31", "2026-11-21 05:48:31"),
        ("0001-01-01T00:00:00+10:00", ""),
        ("never", ""),
        (None, ""),
        (1_700_000_000, ""),
    ],
)
def test_second_of_is_utc_and_empty_for_what_is_no_moment(moment: object, second: str) -> None:
    assert second_of(moment) == second


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2026-11-21T05:48:31.000Z", "2026-11-21T05:48:31.076Z", "76 ms"),
        ("2026-11-21T05:48:31Z", "2026-11-21T07:48:32.500+02:00", "1.50 s"),
        ("2026-11-21T05:48:31Z", None, ""),
        ("?", "2026-11-21T05:48:31Z", ""),
    ],
)
def test_lasted_is_empty_where_a_moment_is_missing(start: object, end: object, words: str) -> None:
    assert lasted(start, end) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (0.0004, "0 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (59.99, "59.99 s"),
        (60, "1 min 0 s"),
        (125.4, "2 min 5 s"),
        (3600, "60 min 0 s"),
    ],
)
def test_seconds_in_words_has_a_unit_for_every_size(seconds: float, words: str) -> None:
    assert seconds_in_words(seconds) == words
