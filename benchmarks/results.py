"""The results of the benchmarks, and the table that they are printed as."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

Unit = Literal["s", "ms", "us", "MiB", "runs"]

COLUMNS = ("benchmark", "agentos-mcp", "other", "ratio", "limit", "ok")


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


_FORMATS: dict[Unit, Callable[[float], str]] = {
    "s": "{:.3f}".format,
    "ms": "{:.1f}".format,
    "us": "{:.0f}".format,
    "MiB": "{:.1f}".format,
    "runs": "{:.0f}".format,
}


def format_spread(samples: Sequence[float], format_value: Callable[[float], str], unit: str) -> str:
    """ "1.02 s (0.98-1.10)": the median, the smallest and the largest."""
    if not samples:
        return ""
    space = "" if unit == "x" else " "
    middle = f"{format_value(median(samples))}{space}{unit}"
    if len(samples) == 1:
        return middle
    return f"{middle} ({format_value(min(samples))}-{format_value(max(samples))})"


def format_table(rows: Sequence[Row]) -> str:
    lines = [COLUMNS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
