"""Times, durations and sizes in words, the same in results, on the terminal and in errors."""

from __future__ import annotations

import math
from datetime import datetime

from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.agentos.timestamps import parse_timestamp, to_local

_MAX_TIME_LENGTH = 40
_UNITS = ("KiB", "MiB", "GiB")


def format_time(timestamp: object) -> str:
    """A time of AgentOS's to the minute, in this machine's time zone: "2026-11-21 05:48 UTC", "2026-11-21 06:48+01:00".

    '' for none, and other text as it is.
    """
    moment = parse_timestamp(timestamp)
    if moment is None:
        return one_line(timestamp, max_length=_MAX_TIME_LENGTH) if isinstance(timestamp, str) else ""
    return _local_text(moment, "minutes") if isinstance(timestamp, str) or moment.timestamp() > 0 else ""


def format_exact_time(timestamp: object) -> str:
    """The same to the second; '' for what is not a time."""
    moment = parse_timestamp(timestamp)
    return _local_text(moment, "seconds") if moment is not None else ""


def _local_text(moment: datetime, precision: str) -> str:
    text = to_local(moment).isoformat(" ", precision)
    return f"{text.removesuffix('+00:00')} UTC" if text.endswith("+00:00") else text


def format_interval(start: object, end: object) -> str:
    """How long it is from one time of AgentOS's to another; '' where one of them is missing."""
    first, last = parse_timestamp(start), parse_timestamp(end)
    return "" if first is None or last is None else format_duration((last - first).total_seconds())


def format_duration(seconds: float) -> str:
    """ "76 ms", "1.5 s", "34 s", "2 min 5 s", "1 h 5 min"."""
    if 0 < seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def format_size(byte_count: float) -> str:
    """ "27 bytes", "1.2 KiB", "10 MiB"."""
    if byte_count < 1024:
        return f"{byte_count:,.0f} bytes"
    exponent = min(int(math.log(byte_count, 1024)), len(_UNITS))
    amount = byte_count / 1024**exponent
    return f"{amount:,.0f} {_UNITS[exponent - 1]}" if amount >= 100 else f"{amount:.3g} {_UNITS[exponent - 1]}"
