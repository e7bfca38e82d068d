"""Two runs side by side: their steps, members and tool calls in pairs, what differs, and where they first part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from agentos_mcp.agentos.formats import format_duration
from agentos_mcp.agentos.hints import Surface
from agentos_mcp.runs.comparison import (
    ComparedRun,
    Difference,
    PartPair,
    RunComparison,
    first_change,
    pair_differences,
)
from agentos_mcp.runs.comparison_text import ASPECT_LABELS, cause_label, difference_text, headline, next_step
from agentos_mcp.runs.run_parts import RunPart, RunParts
from agentos_mcp.runs.timeline import run_timeline
from agentos_mcp.tooling.typed_values import exact_time_value
from agentos_mcp.views.content import Block, BlockPair, Half, PairRow, Pairs, RunHead, ViewContent, text_of

_GIVEN = ("component", "version", "input", "model")
"""Aspects of a run that hold before it begins."""
_FIRST_TOKENS = 120
_TEXTS: tuple[tuple[str, Callable[[RunPart], str]], ...] = (
    ("Error", lambda part: part.error),
    ("Arguments", lambda part: text_of(part.arguments) if part.arguments else ""),
    ("Input", lambda part: part.input),
    ("Output", lambda part: part.output),
    ("Model", lambda part: part.model),
)
"""What unfolds of a part, by label."""


def comparison_view(comparison: RunComparison, before: RunParts, after: RunParts, surface: Surface) -> ViewContent:
    """What the view of two runs shows; `before` and `after` are the parts that were compared."""
    cause, first = comparison.cause, comparison.first_divergence
    halves, seconds = _halves(before, after)
    rows = [
        _given_row(comparison, before, after),
        *(_part_row(pair, halves) for pair in comparison.pairs),
        _outcome_row(comparison, before.run, after.run),
    ]
    notices = [f"First difference: {difference_text(first, _FIRST_TOKENS)}"] if first is not None else []
    if comparison.parts_left_out:
        notices.append(f"{comparison.parts_left_out:,} steps and tool calls were not compared.")
    blocks = []
    if cause is not None:
        blocks.append(Block(cause_label(cause), cause.reason or "AgentOS gave no reason", "failed", first=True))
        if explanation := next_step(comparison).render(surface):
            notices.append(explanation)
    return ViewContent(
        headline(comparison),
        facts=[("the same", ", ".join(comparison.same))],
        notices=notices,
        blocks=tuple(blocks),
        pairs=Pairs(_head("A", comparison.before), _head("B", comparison.after), _marked(rows, first), seconds),
        empty="" if comparison.differences else "Nothing differs.",
    )


_Row = tuple[PairRow, Sequence[Difference]]


def _marked(rows: Sequence[_Row], first: Difference | None) -> list[PairRow]:
    """The rows, with what differs in each in words; the row with the first difference is marked."""
    shown: list[PairRow] = []
    for row, differences in rows:
        is_first = first is not None and first in differences
        if is_first:
            first = None
        labels = dict.fromkeys(ASPECT_LABELS[difference.aspect] for difference in differences)
        words = ", ".join(labels)
        shown.append(
            PairRow(
                row.name,
                row.before,
                row.after,
                row.kind,
                row.depth,
                words if not words or row.before is None or row.after is None else f"differs: {words}",
                is_first,
                row.blocks,
            )
        )
    return shown


def _head(label: str, run: ComparedRun) -> RunHead:
    failed = f", {run.failed_parts} part{'s' if run.failed_parts != 1 else ''} failed" if run.failed_parts else ""
    return RunHead(
        f"{label}: {run.ref.kind} {run.name}",
        run.status,
        f"{run.status}{failed if run.status != 'failed' else ''}",
        [
            ("started", exact_time_value(run.started_at or None)),
            ("took", format_duration(run.seconds) if run.seconds else ""),
            ("tokens", f"{run.tokens:,}" if run.tokens else ""),
            ("run", run.ref),
        ],
    )


def _halves(before: RunParts, after: RunParts) -> tuple[Mapping[int, Half], float]:
    """The side of each part, by the part's identity, and how long the longer run took."""
    halves: dict[int, Half] = {}
    longest = 0.0
    for parts in (before, after):
        timeline = run_timeline(parts)
        longest = max(longest, timeline.seconds)
        for row, part in zip(timeline.rows, parts.parts, strict=True):
            seconds = row.seconds if part.seconds or row.is_exact else None
            halves[id(part)] = Half(part.status, _state_text(part), row.start, seconds, _tokens(part))
    return halves, longest


def _state_text(part: RunPart) -> str:
    return "" if part.status == "completed" else part.status


def _tokens(part: RunPart) -> str:
    return f"{part.tokens:,} tokens" if part.tokens else ""


def _given_row(comparison: RunComparison, before: RunParts, after: RunParts) -> _Row:
    """What the two runs were given."""
    components = [f"{run.ref.kind} {run.ref.component}" for run in (comparison.before, comparison.after)]
    versions = [str(parts.version or "") for parts in (before, after)]
    row = PairRow(
        "what it was given",
        Half(),
        Half(),
        "run",
        blocks=(
            _block("Component", *components),
            _block("Version", *versions),
            _block("Model", before.run.model, after.run.model),
            _block("Message", before.run.input, after.run.input),
        ),
    )
    return row, [each for each in comparison.differences if each.kind == "run" and each.aspect in _GIVEN]


def _outcome_row(comparison: RunComparison, before: RunPart, after: RunPart) -> _Row:
    """What came out of the two runs."""
    row = PairRow(
        "what came of it",
        _outcome(before),
        _outcome(after),
        "run",
        blocks=(_block("Error", before.error, after.error), _block("Answer", before.output, after.output)),
    )
    return row, [each for each in comparison.differences if each.kind == "run" and each.aspect not in _GIVEN]


def _outcome(run: RunPart) -> Half:
    return Half(run.status, run.status, 0.0, run.seconds or None, _tokens(run))


def _part_row(pair: PartPair, halves: Mapping[int, Half]) -> _Row:
    part = pair.after or pair.before
    if part is None:
        raise RuntimeError("a pair has a part")
    before, after = pair.before, pair.after
    names = dict.fromkeys(name for each in (before, after) if each is not None for name in _name(each))
    row = PairRow(
        " / ".join(names),
        halves.get(id(before)),
        halves.get(id(after)),
        part.kind if part.step_type in ("", "Step") else part.step_type.lower(),
        max(0, part.depth - 1),
        blocks=tuple(
            _block(label, *("" if each is None else text(each) for each in (before, after))) for label, text in _TEXTS
        ),
    )
    return row, pair_differences(pair)


def _name(part: RunPart) -> list[str]:
    return [part.name if not part.executor or part.executor == part.name else f"{part.name} ({part.executor})"]


def _block(label: str, before: str, after: str) -> BlockPair:
    return BlockPair(label, before, after, first_change(before, after))
