"""What a view shows, as values that end as JSON: facts, texts, bars, pairs, charts, cards. All text is cut and clean.

What a component wrote is bounded here, whatever its size: each text by MAX_TEXT, all of a view by MAX_CHARACTERS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agentos_mcp.agentos.formats import format_exact_time
from agentos_mcp.agentos.plain_text import as_json, one_line, strip_control_chars

View = Literal["run", "trace", "metrics", "inbox", "compare"]
TITLES: Mapping[View, str] = {
    "run": "Run",
    "trace": "Trace",
    "metrics": "Metrics",
    "inbox": "Waiting for an answer",
    "compare": "Two runs compared",
}
"""The title of each view's page, until it shows something."""

State = Literal["", "pending", "running", "completed", "failed", "paused", "cancelled"]

MAX_TEXT = 4_000
"""Characters of one text: an input, an output, an error."""
MAX_ANSWER = 100_000
MAX_CHARACTERS = 600_000
"""Characters of all texts of a view; those that come after are cut to MAX_SHORT_TEXT."""
MAX_SHORT_TEXT = 80
_SAME_BEFORE = 200
"""Characters of the same text that are shown before the place where two long texts begin to differ."""
MAX_NAME = 200
MAX_BARS = 2_000
MAX_CARDS = 200


@dataclass(frozen=True, slots=True)
class Block:
    """A text under a label, such as an output. `first`: above everything else, as a run's error is."""

    label: str
    text: str
    state: State = ""
    first: bool = False
    max_length: int = MAX_TEXT


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a timeline. `start` and `seconds` are relative to the whole; None where unknown."""

    name: str
    kind: str = ""
    depth: int = 0
    state: State = ""
    state_text: str = ""
    start: float | None = None
    seconds: float | None = None
    note: str = ""
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars under a title; `seconds` is what the whole width stands for."""

    title: str
    rows: Sequence[Bar]
    seconds: float
    left_out: int = 0
    """How many there are beyond these."""


@dataclass(frozen=True, slots=True)
class RunHead:
    """What stands above one of two runs."""

    title: str
    state: State = ""
    state_text: str = ""
    facts: Sequence[tuple[str, object]] = ()


@dataclass(frozen=True, slots=True)
class Half:
    """One run's side of a row. `start` and `seconds` are relative to its run; None where unknown."""

    state: State = ""
    state_text: str = ""
    start: float | None = None
    seconds: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class BlockPair:
    """The texts of both runs under one label, '' where a run has none. `start` is where they begin to differ."""

    label: str
    before: str
    after: str
    start: int = 0


@dataclass(frozen=True, slots=True)
class PairRow:
    """The same part of two runs; None where a run has none. `differs` says what differs, '' for nothing."""

    name: str
    before: Half | None
    after: Half | None
    kind: str = ""
    depth: int = 0
    differs: str = ""
    is_first: bool = False
    """Whether the runs part here."""
    blocks: tuple[BlockPair, ...] = ()


@dataclass(frozen=True, slots=True)
class Pairs:
    """Two runs side by side; `seconds` is what the whole width of each side stands for."""

    before: RunHead
    after: RunHead
    rows: Sequence[PairRow]
    seconds: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: stacked bars or lines, with one value of each series for each label."""

    title: str
    kind: Literal["bars", "lines"]
    labels: Sequence[str]
    series: Sequence[tuple[str, Sequence[int]]]


@dataclass(frozen=True, slots=True)
class Card:
    """Something that waits. `since` is in unix seconds, 0 where unknown."""

    title: str
    state: State = ""
    state_text: str = ""
    since: float = 0.0
    facts: Sequence[tuple[str, object]] = ()
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class ViewContent:
    """All that a view shows. `is_final`: nothing more will change, so nobody needs to ask again."""

    title: str
    state: State = ""
    state_text: str = ""
    progress_text: str = ""
    """What a screen reader is told when it changes; the state's text where it is ''."""
    facts: Sequence[tuple[str, object]] = ()
    """Those without a value are left out."""
    notices: Sequence[str] = ()
    blocks: tuple[Block, ...] = ()
    bars: Bars | None = None
    pairs: Pairs | None = None
    charts: Sequence[Chart] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[object]] = ()
    """A table under the charts."""
    cards: Sequence[Card] = ()
    empty: str = ""
    """What is said where there is nothing."""
    is_final: bool = True

    def to_data(self) -> dict[str, Any]:
        """As JSON takes it."""
        texts = _Texts()
        return {
            "title": _line(self.title),
            "state": self.state,
            "state_text": _line(self.state_text),
            "progress_text": _line(self.progress_text),
            "facts": _facts(self.facts),
            "notices": [_line(notice, 1_000) for notice in self.notices],
            "blocks": [texts.block(block) for block in self.blocks],
            "bars": _bars(self.bars, texts) if self.bars is not None else None,
            "pairs": _pairs(self.pairs, texts) if self.pairs is not None else None,
            "charts": [
                {
                    "title": chart.title,
                    "kind": chart.kind,
                    "labels": [_line(label) for label in chart.labels],
                    "series": [{"name": _line(name), "values": list(values)} for name, values in chart.series],
                }
                for chart in self.charts
            ],
            "table": {
                "columns": [_line(column) for column in self.columns],
                "rows": [[_cell(value) for value in row] for row in self.rows],
            }
            if self.rows
            else None,
            "cards": [_card(card, texts) for card in self.cards[:MAX_CARDS]],
            "empty": _line(self.empty, 1_000),
            "is_final": self.is_final,
        }


@dataclass
class _Texts:
    """Cuts the texts of one view, and counts what they may still have together."""

    remaining: int = MAX_CHARACTERS

    def block(self, block: Block) -> dict[str, Any]:
        length = block.max_length if self.remaining >= block.max_length else MAX_SHORT_TEXT
        text = strip_control_chars(block.text[:length])
        self.remaining -= len(text)
        return {
            "label": _line(block.label),
            "text": text,
            "left_out": max(0, len(block.text) - length),
            "state": block.state,
            "first": block.first,
        }

    def block_pair(self, pair: BlockPair) -> dict[str, Any]:
        is_same = pair.before == pair.after
        skipped = pair.start - _SAME_BEFORE if not is_same and pair.start > MAX_TEXT // 2 else 0
        texts = [self.block(Block("", text[skipped:])) for text in (pair.before, *(() if is_same else (pair.after,)))]
        return {
            "label": _line(pair.label),
            "is_same": is_same,
            "skipped": skipped,
            "texts": [{"text": text["text"], "left_out": text["left_out"]} for text in texts],
        }


def text_of(value: object) -> str:
    """A value as a text to read: JSON on several lines, unless it is text already."""
    return value if isinstance(value, str) else "" if value is None else as_json(value, indent=2)


def _pairs(pairs: Pairs, texts: _Texts) -> dict[str, Any]:
    return {
        "runs": [
            {
                "title": _line(head.title),
                "state": head.state,
                "state_text": _line(head.state_text),
                "facts": _facts(head.facts),
            }
            for head in (pairs.before, pairs.after)
        ],
        "seconds": round(pairs.seconds, 6),
        "left_out": max(0, len(pairs.rows) - MAX_BARS),
        "rows": [
            {
                "name": _line(row.name) or "unnamed",
                "kind": _line(row.kind),
                "depth": row.depth,
                "differs": _line(row.differs),
                "is_first": row.is_first,
                "halves": [_half(half) for half in (row.before, row.after)],
                "blocks": [texts.block_pair(block) for block in row.blocks if block.before or block.after],
            }
            for row in pairs.rows[:MAX_BARS]
        ],
    }


def _half(half: Half | None) -> dict[str, Any] | None:
    if half is None:
        return None
    return {"state": half.state, "state_text": _line(half.state_text), "note": _line(half.note), **_times(half)}


def _times(row: Bar | Half) -> dict[str, float | None]:
    return {
        "start": None if row.start is None else round(max(0.0, row.start), 6),
        "seconds": None if row.seconds is None else round(max(0.0, row.seconds), 6),
    }


def _bars(bars: Bars, texts: _Texts) -> dict[str, Any]:
    rows = bars.rows[:MAX_BARS]
    return {
        "title": bars.title,
        "seconds": round(bars.seconds, 6),
        "left_out": bars.left_out + len(bars.rows) - len(rows),
        "rows": [
            {
                "name": _line(row.name) or "unnamed",
                "kind": _line(row.kind),
                "depth": row.depth,
                "state": row.state,
                "state_text": _line(row.state_text, 300),
                **_times(row),
                "note": _line(row.note),
                "blocks": [texts.block(block) for block in row.blocks if block.text],
            }
            for row in rows
        ],
    }


def _card(card: Card, texts: _Texts) -> dict[str, Any]:
    return {
        "title": _line(card.title),
        "state": card.state,
        "state_text": _line(card.state_text),
        "since": card.since,
        "since_text": format_exact_time(card.since) if card.since else "",
        "facts": _facts(card.facts),
        "blocks": [texts.block(block) for block in card.blocks if block.text],
    }


def _facts(facts: Sequence[tuple[str, object]]) -> list[list[str]]:
    return [[_line(name), _line(str(value), 400)] for name, value in facts if value]


def _cell(value: object) -> str | int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return "" if value is None else _line(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def _line(text: str, max_length: int = MAX_NAME) -> str:
    return one_line(text, max_length=max_length)
