"""What was measured, and the table that it is printed as."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

Unit = Literal["s", "ms", "us", "MiB", "runs"]

COLUMNS = ("what", "ours", "other", "ratio", "bar", "ok")


@dataclass(frozen=True)
class Row:
    """One comparison: a sample a round on either side. Bars: the largest ratio, the largest or smallest value."""

    what: str
    ours: Sequence[float]
    other: Sequence[float] = ()
    unit: Unit = "s"
    most_ratio: float | None = None
    most: float | None = None
    least: float | None = None

    @property
    def ratios(self) -> list[float]:
        """Round by round: what disturbs a round disturbs both of its sides."""
        return [ours / other for ours, other in zip(self.ours, self.other, strict=True)] if self.other else []

    @property
    def ok(self) -> bool | None:
        """None where there is no bar."""
        if self.most_ratio is not None:
            return median(self.ratios) <= self.most_ratio
        if self.most is not None:
            return median(self.ours) <= self.most
        if self.least is not None:
            return min(self.ours) >= self.least
        return None

    @property
    def bar(self) -> str:
        if self.most_ratio is not None:
            return f"<= {self.most_ratio:g}x"
        if self.most is not None:
            return f"<= {self.most:g} {self.unit}"
        return f">= {self.least:g} {self.unit}" if self.least is not None else ""

    def cells(self) -> tuple[str, ...]:
        show = _SHOW[self.unit]
        return (
            self.what,
            spread(self.ours, show, self.unit),
            spread(self.other, show, self.unit),
            spread(self.ratios, "{:.2f}".format, "x"),
            self.bar,
            {True: "yes", False: "NO", None: ""}[self.ok],
        )


_SHOW: dict[Unit, Callable[[float], str]] = {
    "s": "{:.3f}".format,
    "ms": "{:.1f}".format,
    "us": "{:.0f}".format,
    "MiB": "{:.1f}".format,
    "runs": "{:.0f}".format,
}


def spread(samples: Sequence[float], show: Callable[[float], str], unit: str) -> str:
    """ "1.02 s (0.98-1.10)": the median, and from where to where."""
    if not samples:
        return ""
    gap = "" if unit == "x" else " "
    middle = f"{show(median(samples))}{gap}{unit}"
    return middle if len(samples) == 1 else f"{middle} ({show(min(samples))}-{show(max(samples))})"


def table(rows: Sequence[Row]) -> str:
    lines = [COLUMNS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
