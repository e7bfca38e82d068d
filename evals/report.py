"""What the evals found: a row a request, totals, and whether the bars are kept."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from evals.requests import Toolsets
from evals.runner import PlayedRequest
from scripts.surface.tokens import count_tokens

BARS_FILE = Path(__file__).with_name("bars.toml")
FirstTool = Literal["best", "acceptable", "wrong"]
PlayerKind = Literal["scripted", "chat"]


@dataclass(frozen=True)
class Row:
    """A request that was played."""

    id: str
    toolsets: Toolsets
    first_tool: str
    """'' where the request was answered without a tool."""
    best_tool: str
    first_tool_is: FirstTool
    acceptable_rank: int | None
    """Where the first acceptable tool stands, from 1, where the player ranks them; None where it does not."""
    calls: int
    errors: int
    """How many of the calls returned an error."""
    result_tokens: int
    """What the results of the calls cost, by o200k."""
    problems: tuple[str, ...]

    @property
    def right(self) -> bool:
        return not self.problems


@dataclass(frozen=True)
class Bars:
    """What has to be reached: shares of the requests, and calls a request."""

    first_tool_acceptable: float
    outcome_right: float
    calls_default: float
    calls_all: float


@dataclass(frozen=True)
class Report:
    player: str
    rows: tuple[Row, ...]
    bars: Bars

    def total(self, toolsets: Toolsets | None = None) -> dict[str, Any]:
        """Sums and means of all rows, or of those with these toolsets."""
        rows = [row for row in self.rows if toolsets in (None, row.toolsets)]
        number = len(rows)
        return {
            "requests": number,
            "first_tool_best": sum(row.first_tool_is == "best" for row in rows),
            "first_tool_acceptable": sum(row.first_tool_is != "wrong" for row in rows),
            "found_in_first_five": _found_in_first_five(rows),
            "outcome_right": sum(row.right for row in rows),
            "errors": sum(row.errors for row in rows),
            "calls_per_request": round(sum(row.calls for row in rows) / number, 2) if number else 0.0,
            "tokens_per_request": round(sum(row.result_tokens for row in rows) / number) if number else 0,
        }

    def missed_bars(self) -> list[str]:
        """The bars that are not reached, each with what was."""
        everything, number = self.total(), len(self.rows)
        missed = [
            f"{name}: {everything[name]} of {number}, at least {bar:.0%} required"
            for name, bar in (
                ("first_tool_acceptable", self.bars.first_tool_acceptable),
                ("outcome_right", self.bars.outcome_right),
            )
            if everything[name] < bar * number
        ]
        call_bars: tuple[tuple[Toolsets, float], ...] = (
            ("default", self.bars.calls_default),
            ("all", self.bars.calls_all),
        )
        for toolsets, bar in call_bars:
            calls = self.total(toolsets)["calls_per_request"]
            if calls > bar:
                missed.append(f"calls a request ({toolsets} tools): {calls}, at most {bar:g} required")
        return missed

    def to_json(self) -> dict[str, Any]:
        return {
            "player": self.player,
            "total": self.total(),
            "default_tools": self.total("default"),
            "all_tools": self.total("all"),
            "bars": asdict(self.bars),
            "missed_bars": self.missed_bars(),
            "requests": [asdict(row) | {"right": row.right} for row in self.rows],
        }

    def to_markdown(self) -> str:
        lines = [
            f"# Evals, played by {self.player}",
            "",
            "| request | tools | first tool | best | calls | errors | tokens | outcome |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for row in self.rows:
            rank = f", a right one is number {row.acceptable_rank}" if (row.acceptable_rank or 1) > 1 else ""
            first = f"{row.first_tool or 'none'} ({row.first_tool_is}{rank})"
            outcome = "right" if row.right else "; ".join(row.problems)
            cells = (row.id, row.toolsets, first, row.best_tool, row.calls, row.errors, row.result_tokens, outcome)
            lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
        totals = [("default", self.total("default")), ("all", self.total("all")), ("together", self.total())]
        names = [name for name, value in self.total().items() if value is not None]
        lines += ["", f"| tools | {' | '.join(name.replace('_', ' ') for name in names)} |"]
        lines.append(f"| --- | {' | '.join('---' for _ in names)} |")
        lines += [f"| {tools} | {' | '.join(_cell(total[name]) for name in names)} |" for tools, total in totals]
        lines += ["", *(f"Below the bar: {missed}." for missed in self.missed_bars())]
        return "\n".join(lines).rstrip() + "\n"


def read_bars(kind: PlayerKind) -> Bars:
    """The bars for one kind of player, from bars.toml."""
    return Bars(**tomllib.loads(BARS_FILE.read_text(encoding="utf-8"))[kind])


def make_report(player: str, kind: PlayerKind, played_requests: Sequence[PlayedRequest]) -> Report:
    """Count what was played. Starts a node process, which counts the tokens."""
    tokens = count_tokens([call.text for played_request in played_requests for call in played_request.transcript.calls])
    remaining = iter(tokens)
    rows = tuple(
        _row(played_request, sum(next(remaining) for _ in played_request.transcript.calls))
        for played_request in played_requests
    )
    return Report(player, rows, read_bars(kind))


def _row(played_request: PlayedRequest, result_tokens: int) -> Row:
    request, transcript = played_request.request, played_request.transcript
    return Row(
        id=request.id,
        toolsets=request.toolsets,
        first_tool=transcript.first_tool,
        best_tool=request.best,
        first_tool_is=_first_tool_is(played_request),
        acceptable_rank=_acceptable_rank(played_request),
        calls=len(transcript.calls),
        errors=sum(call.is_error for call in transcript.calls),
        result_tokens=result_tokens,
        problems=played_request.problems,
    )


def _first_tool_is(played_request: PlayedRequest) -> FirstTool:
    first = played_request.transcript.first_tool
    if first == played_request.request.best:
        return "best"
    return "acceptable" if first in played_request.request.acceptable else "wrong"


def _acceptable_rank(played_request: PlayedRequest) -> int | None:
    acceptable, ranking = played_request.request.acceptable, played_request.transcript.ranking
    ranks = (rank for rank, tool in enumerate(ranking, 1) if tool in acceptable)
    return next(ranks, None)


def _found_in_first_five(rows: Sequence[Row]) -> int | None:
    """How often a client that searches for tools, and lists the five that fit best, would list a right one."""
    ranks = [row.acceptable_rank for row in rows]
    return sum(rank <= 5 for rank in ranks if rank is not None) if any(ranks) else None


def _cell(value: object) -> str:
    return "" if value is None else " ".join(str(value).replace("|", "\\|").split())
