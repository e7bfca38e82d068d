"""Times, durations and sizes in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agentos_mcp.agentos.formats import format_duration, format_exact_time, format_interval, format_size, format_time


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.0764, "76 ms"),
        (0.9996, "1 s"),
        (1.5, "1.5 s"),
        (2, "2 s"),
        (34.61, "34.6 s"),
        (59.96, "1 min 0 s"),
        (119.7, "2 min 0 s"),
        (125, "2 min 5 s"),
        (3_900, "1 h 5 min"),
    ],
)
def test_format_duration_chooses_the_unit(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words


@pytest.mark.parametrize(
    ("byte_count", "words"),
    [
        (0, "0 bytes"),
        (9, "9 bytes"),
        (1_023, "1,023 bytes"),
        (1_024, "1 KiB"),
        (1_234, "1.21 KiB"),
        (1_000 * 1_024, "1,000 KiB"),
        (10 * 1_024**2, "10 MiB"),
        (5 * 1_024**3, "5 GiB"),
        (5_000 * 1_024**3, "5,000 GiB"),
    ],
)
def test_format_size_chooses_the_unit(byte_count: float, words: str) -> None:
    assert format_size(byte_count) == words


@pytest.mark.parametrize(
    ("timestamp", "time", "exact_time"),
    [
        (1_795_240_111, "2026-11-21 05:48 UTC", "2026-11-21 05:48:31 UTC"),
        ("2026-11-21T05:48:31", "2026-11-21 05:48 UTC", "2026-11-21 05:48:31 UTC"),
        ("2026-11-21T07:48:31+02:00", "2026-11-21 05:48 UTC", "2026-11-21 05:48:31 UTC"),
        ("2026-11-21T05:48:31Z", "2026-11-21 05:48 UTC", "2026-11-21 05:48:31 UTC"),
        ("soon", "soon", ""),
        (0, "", "1970-01-01 00:00:00 UTC"),
        (10**30, "", ""),
        (True, "", ""),
        (None, "", ""),
    ],
)
def test_format_time_reads_every_timestamp_of_agentos(timestamp: Any, time: str, exact_time: str) -> None:
    assert (format_time(timestamp), format_exact_time(timestamp)) == (time, exact_time)


@pytest.mark.parametrize(
    ("timestamp", "time", "exact_time"),
    [
        (1_795_240_111, "2026-11-21 06:48+01:00", "2026-11-21 06:48:31+01:00"),
        ("2026-07-21T05:48:31", "2026-07-21 07:48+02:00", "2026-07-21 07:48:31+02:00"),
        ("0001-01-01T00:00:00", "0001-01-01 00:00 UTC", "0001-01-01 00:00:00 UTC"),
    ],
)
def test_format_time_is_of_the_time_zone_of_this_machine(
    timestamp: Any, time: str, exact_time: str, time_zone: Callable[[str], None]
) -> None:
    time_zone("Europe/Berlin" if str(timestamp) > "0002" else "America/New_York")
    assert (format_time(timestamp), format_exact_time(timestamp)) == (time, exact_time)


def test_format_interval_needs_both_times() -> None:
    assert format_interval("2026-11-21T05:48:31", "2026-11-21T05:50:36") == "2 min 5 s"
    assert format_interval("2026-11-21T05:48:31", None) == ""
