"""A run or a trace as a timeline: rows with start, end, depth, kind, status, label and tokens. Pure data.

The terminal draws it as bars. A page that shows it needs nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.runs.run_parts import PartStatus, RunPart, RunParts
from agentos_mcp.tooling.markdown import without_nulls
from agentos_mcp.tooling.typed_values import time_value

MAX_LABEL_LENGTH = 200
MAX_ERROR_LENGTH = 500


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """A bar. `start` and `end` are seconds since the timeline's start; `label` and `error` are clean, a line each."""

    kind: str
    """Of a run: "run", "step", "member", "tool"; of a trace: AgentOS's type of the span ("agent", "llm", ...)."""
    label: str
    depth: int
    """0 for the outermost; a row lies in the nearest one above it with a smaller depth."""
    status: PartStatus
    start: float
    end: float
    tokens: int = 0
    error: str = ""
    is_exact: bool = False
    """Whether AgentOS tells when it started and ended; else that is reckoned from durations and the order."""
    id: str = ""
    """Of a trace's span."""

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Timeline:
    """Rows in the order in which they are drawn. `started_at` is in unix seconds, 0 where it is not known."""

    title: str
    status: PartStatus
    rows: tuple[TimelineRow, ...]
    started_at: float = 0.0
    seconds: float = 0.0
    """How long all of it took, or has taken so far."""
    tokens: int = 0
    rows_left_out: int = 0

    def data(self) -> dict[str, Any]:
        """As a JSON document; times of rows in seconds since the start."""
        started = time_value(self.started_at)
        data: dict[str, Any] = without_nulls(
            {
                "title": self.title,
                "status": self.status,
                "started": started.data if started else None,
                "duration": round(self.seconds, 6),
                "tokens": self.tokens or None,
                "rows": [_row_data(row) for row in self.rows],
                "rows_left_out": self.rows_left_out,
            }
        )
        return data


def _row_data(row: TimelineRow) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "label": row.label,
        "depth": row.depth,
        "status": row.status,
        "start": round(row.start, 6),
        "end": round(row.end, 6),
        "exact": row.is_exact,
        "tokens": row.tokens or None,
        "error": row.error or None,
        "id": row.id or None,
    }


@dataclass(slots=True)
class _Node:
    part: RunPart
    children: list[_Node] = field(default_factory=list)
    start: float = 0.0
    end: float = 0.0

    @property
    def is_exact(self) -> bool:
        return self.part.kind == "tool" and self.part.started_at > 0 and self.part.ended_at > 0

    def walk(self) -> Iterator[_Node]:
        yield self
        for child in self.children:
            yield from child.walk()


def run_timeline(parts: RunParts, *, now: float = 0.0) -> Timeline:
    """A stored run as a timeline. `now` (unix seconds) is where the bars of a run that goes on end.

    AgentOS tells exactly when tool calls began and ended, and how long steps and members took; when those began is
    reckoned: one after the other, or at once where they run in parallel, around the calls that they made.
    """
    root = _tree(parts.parts)
    origin = _origin(root)
    run = parts.run
    goes_on = run.status in ("running", "pending")
    root.end = run.seconds or (max(0.0, now - origin) if goes_on else 0.0)
    _place_children(root, origin)
    total = max([root.end, *(node.end for node in root.walk())])
    root.start, root.end = 0.0, total
    rows = tuple(_row(node, total, goes_on=goes_on) for node in root.walk())
    return Timeline(
        _clean(parts.name or run.name), run.status, rows, origin, total, run.tokens, rows_left_out=parts.left_out
    )


def _tree(parts: Sequence[RunPart]) -> _Node:
    root = _Node(parts[0])
    above = [root]
    for part in parts[1:]:
        del above[max(1, part.depth) :]
        node = _Node(part)
        above[-1].children.append(node)
        above.append(node)
    return root


def _origin(root: _Node) -> float:
    """When the run began, in unix seconds: AgentOS tells the second, exact calls narrow it."""
    exact = [node.part for node in root.walk() if node.is_exact]
    started_at = root.part.started_at
    if not exact:
        return started_at
    first, last = min(part.started_at for part in exact), max(part.ended_at for part in exact)
    return min(first, max(started_at, last - root.part.seconds)) if started_at else first


def _place_children(parent: _Node, origin: float) -> None:
    cursor = parent.start
    at_once = parent.part.step_type == "Parallel"
    for child in parent.children:
        earliest = parent.start if at_once else cursor
        if child.part.status == "pending":
            # It waits for what comes after all that has been done.
            earliest = max(earliest, parent.end)
        _place(child, origin, earliest, is_inside_call=parent.is_exact)
        cursor = max(cursor, child.end)
    if parent.children:
        # A call that sends a member to work is timed when the member is done.
        parent.start = min(parent.start, *(child.start for child in parent.children))
        parent.end = max(parent.end, *(child.end for child in parent.children))


def _place(node: _Node, origin: float, earliest: float, *, is_inside_call: bool) -> None:
    part = node.part
    if node.is_exact:
        node.start, node.end = part.started_at - origin, part.ended_at - origin
    else:
        node.start = _start(node, origin, earliest, is_inside_call=is_inside_call)
        node.end = node.start + part.seconds
    node.start, node.end = max(0.0, node.start), max(0.0, node.start, node.end)
    _place_children(node, origin)


def _start(node: _Node, origin: float, earliest: float, *, is_inside_call: bool) -> float:
    """When a step or a member began: not after its first call, and not more than a second before AgentOS says."""
    start = max(0.0, earliest - node.part.seconds) if is_inside_call else earliest
    reported_start = node.part.started_at - origin if node.part.started_at else 0.0
    if reported_start - 1 > start:
        start = reported_start
    calls = [inner.part for inner in node.walk() if inner.is_exact]
    if calls:
        start = min(start, min(part.started_at for part in calls) - origin)
        start = max(start, max(part.ended_at for part in calls) - origin - node.part.seconds)
        start = min(start, min(part.started_at for part in calls) - origin)
    return start


def _row(node: _Node, total: float, *, goes_on: bool) -> TimelineRow:
    part = node.part
    is_open = goes_on and part.status in ("running", "pending")
    label = part.name if not part.executor or part.executor == part.name else f"{part.name} ({part.executor})"
    return TimelineRow(
        part.kind,
        _clean(label),
        part.depth,
        part.status,
        node.start,
        total if is_open else node.end,
        part.tokens,
        one_line(part.error, max_length=MAX_ERROR_LENGTH),
        is_exact=node.is_exact,
    )


def _clean(label: str) -> str:
    return one_line(label, max_length=MAX_LABEL_LENGTH)


def within(timeline: Timeline, max_rows: int) -> Timeline:
    """The timeline with its first rows, and those that failed, at most that many; the others are counted."""
    if len(timeline.rows) <= max_rows:
        return timeline
    failed = [index for index, row in enumerate(timeline.rows) if row.status == "failed"]
    others = [index for index in failed if index >= max_rows][: max_rows // 2]
    shown = sorted({*range(max_rows - len(others)), *others})
    return replace(
        timeline,
        rows=tuple(timeline.rows[index] for index in shown),
        rows_left_out=timeline.rows_left_out + len(timeline.rows) - len(shown),
    )
