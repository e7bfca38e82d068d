"""Days and times as arguments give them, checked before they are sent."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from agentos_mcp.agentos.errors import InvalidRequest


def parse_day(text: str, name: str) -> date | None:
    """The day in the argument `name`, None for ''. Raises InvalidRequest where it is not a day."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidRequest(
            f"{name}: '{text[:40]}' is not a valid day.", "Write it as YYYY-MM-DD, e.g. 2026-01-31."
        ) from None


def parse_moment(text: str, name: str, *, end_of_day: bool = False) -> str:
    """The time in the argument `name`, as AgentOS takes it (ISO 8601 in UTC); '' for ''.

    A day alone is its beginning, or its end with `end_of_day`. Raises InvalidRequest where it is not a time.
    """
    value = text.strip()
    if not value:
        return ""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise InvalidRequest(
            f"{name}: '{text[:40]}' is not a valid time.", "Write it as YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS (UTC)."
        ) from None
    if end_of_day and len(value) <= len("2026-01-31"):
        moment = datetime.combine(moment.date(), time.max)
    return (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
