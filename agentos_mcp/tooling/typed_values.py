"""Values of results that are words for people and typed data for programs: times, durations, sizes, references."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agentos_mcp.agentos.formats import format_duration, format_exact_time, format_size, format_time
from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.agentos.timestamps import parse_timestamp


@dataclass(frozen=True, slots=True)
class TypedValue:
    """A cell of a table or a fact of a record. False where there are no words; left out of data where `data` is None.

    `short` is what a narrow terminal shows instead of the words, and takes as well.
    """

    words: str
    data: Any
    short: str = ""

    def __str__(self) -> str:
        return self.words

    def __bool__(self) -> bool:
        return bool(self.words)


def time_value(timestamp: object) -> TypedValue:
    """A time of AgentOS's: to the minute in words, ISO 8601 in UTC as data."""
    return TypedValue(format_time(timestamp), _iso_time(timestamp))


def exact_time_value(timestamp: object) -> TypedValue:
    """The same, to the second in words."""
    return TypedValue(format_exact_time(timestamp), _iso_time(timestamp))


def interval_value(start: object, end: object) -> TypedValue:
    """How long it is from one time of AgentOS's to another: seconds as data."""
    first, last = parse_timestamp(start), parse_timestamp(end)
    if first is None or last is None:
        return TypedValue("", None)
    seconds = (last - first).total_seconds()
    return TypedValue(format_duration(seconds), round(seconds, 6))


def size_value(byte_count: float) -> TypedValue:
    """A size: bytes as data. Nothing where it is less than one."""
    return TypedValue(format_size(byte_count), int(byte_count)) if byte_count >= 1 else TypedValue("", None)


def boolean_value(value: object) -> TypedValue:
    """ "yes" or "no"; nothing for what is not a boolean."""
    return TypedValue("yes" if value else "no", value) if isinstance(value, bool) else TypedValue("", None)


def list_value(items: list[str]) -> TypedValue:
    """Texts, with commas in words."""
    return TypedValue(", ".join(items), items)


def run_value(ref: RunRef, *, short: str = "") -> TypedValue:
    """A run's reference; `short` is as much of the run's id as tells it apart."""
    return TypedValue(str(ref), str(ref), short)


def _iso_time(timestamp: object) -> str | None:
    moment = parse_timestamp(timestamp)
    if moment is None or not format_time(timestamp):
        return None
    return iso_time(moment)


def iso_time(moment: datetime) -> str:
    """A time in UTC as data: "2026-11-21T05:48:00Z", with milliseconds where it has some."""
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")
