"""Days and moments as people write them, checked before they are sent; durations as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from agentos_mcp.agentos.errors import InvalidRequest


def day_of(text: str, name: str) -> date | None:
    """The day that an argument names, None for ''. Raises InvalidRequest where it is none."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidRequest(f"{name}: '{text[:40]}' is no day.", "Write it as YYYY-MM-DD, e.g. 2026-01-31.") from None


def moment_of(text: str, name: str, *, end_of_day: bool = False) -> str:
    """The moment that an argument names, as AgentOS takes it (ISO 8601 in UTC); '' for ''.

    A day alone is its first moment, or its last one. Raises InvalidRequest where it is no time.
    """
    written = text.strip()
    if not written:
        return ""
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise InvalidRequest(
            f"{name}: '{text[:40]}' is no time.", "Write it as YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS (UTC)."
        ) from None
    if end_of_day and len(written) <= len("2026-01-31"):
        moment = datetime.combine(moment.date(), time.max)
    return (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def second_of(moment: object) -> str:
    """A moment to the second, "2026-11-21 05:48:31"; '' for none."""
    if (read := _read(moment)) is None:
        return ""
    return read.strftime("%Y-%m-%d %H:%M:%S")


def lasted(start: object, end: object) -> str:
    """The time between two moments of AgentOS's: "76 ms", "1.50 s", "2 min 5 s"; '' where one is missing."""
    first, last = _read(start), _read(end)
    return "" if first is None or last is None else seconds_in_words((last - first).total_seconds())


def seconds_in_words(seconds: float) -> str:
    """A duration: "76 ms", "1.50 s", "2 min 5 s"."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def _read(moment: object) -> datetime | None:
    if not isinstance(moment, str):
        return None
    try:
        read = datetime.fromisoformat(moment)
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
