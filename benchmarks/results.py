"""The results of the benchmarks: rows against one other side, comparisons of all contenders, and who is ahead."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

from benchmarks.contenders import CONTENDERS, Contender

Unit = Literal["s", "ms", "us", "MiB", "KiB", "runs", "tokens", "bytes", "tools"]

COLUMNS = ("benchmark", "agentos-mcp", "other", "ratio", "limit", "ok")
LEVEL_RATIO = 1.02
"""Up to so many times another's median counts as level with it."""


@dataclass(frozen=True)
class Row:
    """One comparison: a sample a round on either side, and a limit for the ratio or for the value."""

    name: str
    own: Sequence[float]
    other: Sequence[float] = ()
    unit: Unit = "s"
    max_ratio: float | None = None
    max_value: float | None = None
    min_value: float | None = None
    reason: str = ""
    """Why the limit may be missed, or why the other side is ahead."""

    @property
    def ratios(self) -> list[float]:
        """Round by round: a disturbance in a round affects both of its sides."""
        return [own / other for own, other in zip(self.own, self.other, strict=True)] if self.other else []

    @property
    def ok(self) -> bool | None:
        """Whether the limit is kept; None where there is none."""
        if self.max_ratio is not None:
            return median(self.ratios) <= self.max_ratio
        if self.max_value is not None:
            return median(self.own) <= self.max_value
        if self.min_value is not None:
            return min(self.own) >= self.min_value
        return None

    @property
    def limit(self) -> str:
        if self.max_ratio is not None:
            return f"<= {self.max_ratio:g}x"
        if self.max_value is not None:
            return f"<= {self.max_value:g} {self.unit}"
        return f">= {self.min_value:g} {self.unit}" if self.min_value is not None else ""

    def cells(self) -> tuple[str, ...]:
        format_value = _FORMATS[self.unit]
        return (
            self.name,
            format_spread(self.own, format_value, self.unit),
            format_spread(self.other, format_value, self.unit),
            format_spread(self.ratios, "{:.2f}".format, "x"),
            self.limit,
            {True: "yes", False: "NO", None: ""}[self.ok],
        )


@dataclass(frozen=True)
class Comparison:
    """One row of all contenders: a sample a round for each of them, less being better."""

    section: str
    name: str
    unit: Unit
    samples: Mapping[str, Sequence[float]]
    """By the keys of contenders. One that is not there has no figure."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why a peer may be ahead, by its key."""
    is_in_chart: bool = False

    def median_of(self, key: str) -> float:
        """NaN where the contender has no figure."""
        return median(self.samples[key]) if self.samples.get(key) else math.nan

    @property
    def peers_ahead(self) -> list[Contender]:
        """The peers whose median is better than ours, where theirs and ours are measured over the same transport."""
        return [
            contender
            for key in self.samples
            if (contender := CONTENDERS[key]).role == "peer"
            and (own := self._own_beside(contender)) is not None
            and self.median_of(own) > LEVEL_RATIO * self.median_of(key)
        ]

    def _own_beside(self, peer: Contender) -> str | None:
        """The key of ours that a peer is held against: over the same transport where there is one."""
        own = [key for key in self.samples if CONTENDERS[key].role == "own"]
        same = [key for key in own if CONTENDERS[key].transport == peer.transport]
        return next(iter([*same, *own]), None)

    def cell(self, key: str) -> str:
        """ "1.02 s (0.98-1.10)", or '' where the contender has no figure."""
        return format_spread(self.samples.get(key, ()), _FORMATS[self.unit], self.unit)


Result = Row | Comparison

_FORMATS: dict[Unit, Callable[[float], str]] = {
    "s": "{:.3f}".format,
    "ms": "{:.1f}".format,
    "us": "{:.0f}".format,
    "MiB": "{:.1f}".format,
    "KiB": "{:.0f}".format,
    "runs": "{:.0f}".format,
    "tokens": "{:,.0f}".format,
    "bytes": "{:,.0f}".format,
    "tools": "{:.0f}".format,
}


def format_value(value: float, unit: Unit) -> str:
    return f"{_FORMATS[unit](value)} {unit}"


def format_spread(samples: Sequence[float], format_sample: Callable[[float], str], unit: str) -> str:
    """ "1.02 s (0.98-1.10)": the median, the smallest and the largest."""
    if not samples:
        return ""
    space = "" if unit == "x" else " "
    middle = f"{format_sample(median(samples))}{space}{unit}"
    if len(set(samples)) == 1:
        return middle
    return f"{middle} ({format_sample(min(samples))}-{format_sample(max(samples))})"


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that so large a share of all does not exceed: `percentile(samples, 0.99)`."""
    return sorted(samples)[max(math.ceil(share * len(samples)) - 1, 0)]


def format_table(rows: Sequence[Row]) -> str:
    lines = [COLUMNS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
