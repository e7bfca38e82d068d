"""Days and times as arguments give them, checked before they are sent.

They are those of this machine's time zone, which the introduction names, where they name no other.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.formats import format_exact_time
from agentos_mcp.agentos.timestamps import Period, local_now, time_zone_text

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO = re.compile(
    r"(?:last |past )?(\d{1,6}) ?"
    r"(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)(?: ago)?"
)
_ZONE = re.compile(r" ?(?:UTC)?(?=[+-]\d\d:?\d\d$)")
"""What may stand between a time and its offset."""
_WORDS = '"today", "yesterday", a weekday, "this week", "last month" or "2h" (two hours ago)'


def parse_day(text: str, name: str, *, now: datetime, last: bool = False) -> date | None:
    """The day in the argument `name`, None for ''; of several days ("last week") the first one, or the `last`.

    `now` is what "today" and "2 days ago" count from. Raises InvalidRequest where it is not a day.
    """
    words = _plain(text)
    if not words:
        return None
    try:
        if (days := _days_of(words, now.date())) is not None:
            return days[last]
        if (age := _age_of(words)) is not None:
            return (now - age).date()
        return date.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise InvalidRequest(
            f"{name}: '{text[:40]}' is not a valid day.", f"Write it as YYYY-MM-DD, {_WORDS}."
        ) from None


def parse_moment(text: str, name: str, *, end_of_day: bool = False) -> datetime | None:
    """The time in the argument `name`, in UTC; None for ''.

    A day alone is its beginning, or its end with `end_of_day`. Raises InvalidRequest where it is not a time.
    """
    words = _plain(text)
    if not words:
        return None
    now = local_now()
    try:
        if words == "now":
            return now.astimezone(UTC)
        if (age := _age_of(words)) is not None:
            return now.astimezone(UTC) - age
        day = days[end_of_day] if (days := _days_of(words, now.date())) is not None else _iso_day(text.strip())
        if day is not None:
            # A day begins and ends by the clocks of its place, which may have been changed since.
            return datetime.combine(day, time.max if end_of_day else time.min).astimezone(UTC)
        return datetime.fromisoformat(_ZONE.sub("", re.sub(r" ?UTC$", "+00:00", text.strip()))).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise InvalidRequest(
            f"{name}: '{text[:40]}' is not a valid time.",
            f"Write it as YYYY-MM-DD, YYYY-MM-DDTHH:MM ({time_zone_text()}), {_WORDS}.",
        ) from None


def parse_period(since: str, until: str) -> Period:
    """The period that the arguments `since` and `until` name. Raises InvalidRequest where they name none."""
    period = Period(parse_moment(since, "since"), parse_moment(until, "until", end_of_day=True))
    if period.since is not None and period.is_after(period.since):
        beginning, end = (format_exact_time(moment.isoformat()) for moment in (period.since, period.until) if moment)
        raise InvalidRequest(f"since ({beginning}) is after until ({end}).", "Swap them.")
    return period


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _days_of(words: str, today: date) -> tuple[date, date] | None:
    """The first and the last day that words name; None where they name none."""
    word = words.removeprefix("this ").removeprefix("last ")
    if words in {"today", "yesterday", "tomorrow"}:
        day = today + timedelta(days=("yesterday", "today", "tomorrow").index(words) - 1)
        return day, day
    if word in _WEEKDAYS:
        # The latest one: today, unless it is the last one that is meant.
        days_ago = (today.weekday() - _WEEKDAYS.index(word)) % 7
        day = today - timedelta(days=days_ago or (7 if words.startswith("last ") else 0))
        return day, day
    first_of_month = today.replace(day=1)
    match words:
        case "this week" | "last week":
            monday = today - timedelta(days=today.weekday() + (7 if words == "last week" else 0))
            return monday, monday + timedelta(days=6)
        case "this month":
            return first_of_month, today
        case "last month":
            last_day = first_of_month - timedelta(days=1)
            return last_day.replace(day=1), last_day
    return None


def _age_of(words: str) -> timedelta | None:
    """How long ago words such as "2h", "30 min" or "3 days ago" mean; None for others."""
    match = _AGO.fullmatch(words)
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2][0]]) if match else None


def _iso_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
