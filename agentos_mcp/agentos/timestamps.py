"""Times: AgentOS's (seconds since 1970 in some documents, ISO 8601 in others), and this machine's time zone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_LOCAL_TIME_FILE = "/etc/localtime"
_ZONE_FOLDER = "zoneinfo/"


def parse_timestamp(value: object) -> datetime | None:
    """The time in UTC, which is what AgentOS means where it names no time zone; None for anything else."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def time_after(timestamp: object, seconds: float) -> datetime | None:
    """The time so long after one of AgentOS's; None where that is none, or would lie beyond the calendar."""
    moment = parse_timestamp(timestamp)
    try:
        return moment + timedelta(seconds=seconds) if moment is not None else None
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class Period:
    """The time from `since` to `until`, both included; None leaves that side open."""

    since: datetime | None = None
    until: datetime | None = None

    def __bool__(self) -> bool:
        return self.since is not None or self.until is not None

    def contains(self, timestamp: object) -> bool:
        """Whether a time of AgentOS's lies in it; one that is missing lies only in an open period."""
        if not self:
            return True
        moment = parse_timestamp(timestamp)
        return moment is not None and not self.is_before(moment) and not self.is_after(moment)

    def is_before(self, moment: datetime) -> bool:
        """Whether the moment comes before the period."""
        return self.since is not None and moment < self.since

    def is_after(self, moment: datetime) -> bool:
        """Whether the moment comes after the period."""
        return self.until is not None and moment > self.until


ANY_TIME = Period()


def local_now() -> datetime:
    """The time now, in this machine's time zone."""
    return datetime.now().astimezone()


def to_local(moment: datetime) -> datetime:
    """The same moment in this machine's time zone; at the ends of the calendar, where there is none, as it is."""
    try:
        return moment.astimezone()
    except (ValueError, OverflowError, OSError):
        return moment


def time_zone_name() -> str:
    """The name of this machine's time zone ("Europe/Berlin", "UTC"), '' where the machine does not tell it."""
    name = os.environ.get("TZ", "").lstrip(":")
    if not name:
        _, folder, name = os.path.realpath(_LOCAL_TIME_FILE).rpartition(_ZONE_FOLDER)
        name = name if folder else ""
    try:
        key = ZoneInfo(name).key if name else ""
    except (OSError, ValueError, KeyError):
        # Not a zone's name (a rule such as CET-1CEST, a file), or this Python has no zones.
        return "UTC" if name == "UTC" else ""
    return "UTC" if key in {"Etc/UTC", "Etc/UCT", "Etc/Zulu", "UCT", "Zulu", "Universal"} else key


def time_zone_text(moment: datetime | None = None) -> str:
    """This machine's time zone in words, at a moment (now): "Europe/Berlin, UTC+01:00", "UTC"."""
    name, offset = time_zone_name(), to_local(moment or local_now()).isoformat()[-6:]
    if name == "UTC":
        return name
    return ", ".join(filter(None, (name, "UTC" if offset == "+00:00" else f"UTC{offset}")))
