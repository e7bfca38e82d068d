"""Times, durations and sizes in words, the same in results, on the terminal and in errors."""

from __future__ import annotations

import math

from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.agentos.timestamps import parse_timestamp

_MAX_TIME_LENGTH = 40
_UNITS = ("KiB", "MiB", "GiB")


def format_time(timestamp: object) -> str:
    """A time of AgentOS's to the minute, "2026-11-21 05:48 UTC"; '' for none, and other text as it is."""
    moment = parse_timestamp(timestamp)
    if moment is None:
        return one_line(timestamp, max_length=_MAX_TIME_LENGTH) if isinstance(timestamp, str) else ""
    return moment.strftime("%Y-%m-%d %H:%M UTC") if isinstance(timestamp, str) or moment.timestamp() > 0 else ""


def format_exact_time(timestamp: object) -> str:
    """A time of AgentOS's to the second, in UTC: "2026-11-21 05:48:31"; '' for none."""
    moment = parse_timestamp(timestamp)
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment is not None else ""


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
