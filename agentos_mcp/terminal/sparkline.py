"""Numbers over time as a line of small bars: one character each, or for several of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"
_ASCII_BARS = "_.-=+*#@"


def sparkline(values: Sequence[float], width: int, *, ascii_only: bool = False) -> str:
    """The values from the first to the last, at most `width` columns: where there are more, neighbors are added up."""
    bars = _ASCII_BARS if ascii_only else _BARS
    values = _buckets(values, width)
    most = max(values, default=0)
    if most <= 0:
        return bars[0] * len(values)
    # What is not nothing is never drawn as nothing.
    return "".join(bars[max(value > 0, round(value / most * (len(bars) - 1)))] for value in values)


def _buckets(values: Sequence[float], width: int) -> list[float]:
    if len(values) <= width:
        return [max(0.0, value) for value in values]
    edges = [index * len(values) // width for index in range(width + 1)]
    return [sum(max(0.0, value) for value in values[first:last]) for first, last in itertools.pairwise(edges)]
