"""Compares two runs as values: what differs, where they first part, and what most likely made the second one fail.

`compare` takes the parts of two stored runs and gives data; `comparison_text.py` words it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Literal

from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.runs.next_steps import arguments
from agentos_mcp.runs.run_parts import PartStatus, RunPart, RunParts

Aspect = Literal[
    "component",
    "input",
    "version",
    "model",
    "status",
    "error",
    "output",
    "missing",
    "added",
    "arguments",
    "executor",
    "duration",
    "tokens",
]
"""What differs: of a part that both runs have, or ("missing", "added") that only the first or the second one has."""

MAX_DIFFERENCES = 200
_SLOWER_FACTOR = 2.0
_MIN_SECONDS = 0.5
"""Durations and tokens differ in every run: only what is twice as much, and more than a trifle, is a difference."""
_MIN_TOKENS = 100
_MAX_ALIGNED = 300
"""Parts between the beginning and the end that two runs have in common: aligning them takes cubic time at worst."""

Side = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs. `before` and `after` are the values as texts, '' where a run has none.

    `subject` is the part, '' for the run itself; `location` the step or member that it lies in, '' for none.
    """

    aspect: Aspect
    before: str
    after: str
    kind: Literal["run", "step", "member", "tool"] = "run"
    subject: str = ""
    location: str = ""
    start: int = 0
    """Where the two texts begin to differ."""
    failed_in: Side | None = None
    """The run in which the part failed, where it did so in this one alone."""
    reason: str = ""
    """Why it failed there."""

    @property
    def is_measure(self) -> bool:
        return self.aspect in ("duration", "tokens")


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """What a comparison says of one of the two runs."""

    ref: RunRef
    name: str
    status: PartStatus
    failed_parts: int
    started_at: float
    seconds: float
    tokens: int
    parts: int
    parts_left_out: int

    @property
    def has_failed(self) -> bool:
        return self.status == "failed" or self.failed_parts > 0


@dataclass(frozen=True, slots=True)
class PartPair:
    """The same part of two runs; None where a run has none. `location` is what it lies in, by name."""

    before: RunPart | None
    after: RunPart | None
    location: str


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Two runs side by side. `first_divergence` and `cause` are among `differences`, None where there is none.

    `first_divergence` is the first in the order of the runs, times and tokens apart: what was given comes before what
    was done. `cause` is the innermost failure that only one of the runs has: of the second one, where both have one.
    """

    before: ComparedRun
    after: ComparedRun
    differences: tuple[Difference, ...]
    first_divergence: Difference | None = None
    cause: Difference | None = None
    differences_left_out: int = 0
    parts_left_out: int = 0
    """How many parts of the two runs were not compared."""
    same: tuple[str, ...] = ()
    """Of input, version, models, steps, tool calls: what both have, and the same."""
    pairs: tuple[PartPair, ...] = field(default=(), repr=False)
    """All parts side by side, in the order of the runs; the runs themselves are not among them."""


def compare(before_ref: RunRef, before: RunParts, after_ref: RunRef, after: RunParts) -> RunComparison:
    """What differs between two runs, in the order of the runs."""
    alignment = _align(before.parts[1:], after.parts[1:])
    differences = [
        *_given_differences(before_ref, before, after_ref, after),
        *_part_differences(alignment.pairs),
        *_changed("status", before.run.status, after.run.status),
        *_run_error(before.run, after.run),
        *_changed("output", before.run.output, after.run.output),
        *_measures(before.run, after.run, ""),
    ]
    behavior = [difference for difference in differences if not difference.is_measure]
    return RunComparison(
        _compared_run(before_ref, before),
        _compared_run(after_ref, after),
        tuple(differences[:MAX_DIFFERENCES]),
        behavior[0] if behavior else None,
        _cause(behavior),
        max(0, len(differences) - MAX_DIFFERENCES),
        alignment.left_out + before.left_out + after.left_out,
        tuple(_same(before, after, behavior)),
        alignment.pairs,
    )


def _compared_run(ref: RunRef, parts: RunParts) -> ComparedRun:
    run = parts.run
    return ComparedRun(
        ref,
        parts.name or ref.component,
        run.status,
        sum(part.status == "failed" for part in parts.parts[1:]),
        run.started_at,
        run.seconds,
        run.tokens,
        len(parts.parts) - 1,
        parts.left_out,
    )


def _given_differences(
    before_ref: RunRef, before: RunParts, after_ref: RunRef, after: RunParts
) -> Iterator[Difference]:
    """Of what the runs were given: component, version, input, model."""
    components = [f"{ref.kind} {ref.component}" for ref in (before_ref, after_ref)]
    if components[0] != components[1]:
        yield Difference("component", components[0], components[1])
    if before.version != after.version:
        yield Difference("version", str(before.version or ""), str(after.version or ""))
    yield from _changed("input", before.run.input, after.run.input)
    yield from _changed("model", before.run.model, after.run.model)


@dataclass(frozen=True, slots=True)
class _Alignment:
    pairs: tuple[PartPair, ...]
    left_out: int


def _align(before: Sequence[RunPart], after: Sequence[RunPart]) -> _Alignment:
    """The parts of two runs side by side: those of the same kind, name and place belong together."""
    before_places, after_places = _places(before), _places(after)
    shorter = min(len(before), len(after))
    head = next((index for index in range(shorter) if before_places[index] != after_places[index]), shorter)
    tail = next(
        (index for index in range(shorter - head) if before_places[-1 - index] != after_places[-1 - index]),
        shorter - head,
    )
    middle = slice(head, len(before) - tail), slice(head, len(after) - tail)
    pairs = [PartPair(before[index], after[index], after_places[index][-1]) for index in range(head)]
    first_places, second_places = (
        places[part][:_MAX_ALIGNED] for places, part in zip((before_places, after_places), middle, strict=True)
    )
    for tag, first, last, other_first, other_last in SequenceMatcher(
        None, first_places, second_places, autojunk=False
    ).get_opcodes():
        if tag == "equal":
            pairs += [
                PartPair(
                    before[head + first + offset], after[head + other_first + offset], first_places[first + offset][-1]
                )
                for offset in range(last - first)
            ]
            continue
        pairs += [PartPair(before[head + index], None, first_places[index][-1]) for index in range(first, last)]
        pairs += [
            PartPair(None, after[head + index], second_places[index][-1]) for index in range(other_first, other_last)
        ]
    for index in range(tail, 0, -1):
        pairs.append(PartPair(before[-index], after[-index], after_places[-index][-1]))
    sizes = (len(before) - tail - head, len(after) - tail - head)
    return _Alignment(tuple(pairs), sum(max(0, size - _MAX_ALIGNED) for size in sizes))


def _part_differences(pairs: Sequence[PartPair]) -> Iterator[Difference]:
    """In the order in which things happened: what came out of a part stands behind the parts in it."""
    unfinished: list[tuple[int, Iterator[Difference]]] = []
    for pair in pairs:
        part = pair.after or pair.before
        if part is None:
            continue
        while unfinished and unfinished[-1][0] >= part.depth:
            yield from unfinished.pop()[1]
        if pair.before is None or pair.after is None:
            yield from _alone(pair)
        else:
            yield from _changes_at_start(pair.before, pair.after, pair.location)
            unfinished.append((part.depth, _changes_at_end(pair.before, pair.after, pair.location)))
    while unfinished:
        yield from unfinished.pop()[1]


def pair_differences(pair: PartPair) -> list[Difference]:
    """What differs between the two parts of a pair."""
    if pair.before is None or pair.after is None:
        return list(_alone(pair))
    changes = (_changes_at_start, _changes_at_end)
    return [difference for change in changes for difference in change(pair.before, pair.after, pair.location)]


def _places(parts: Sequence[RunPart]) -> list[tuple[str, str, str]]:
    """Each part's kind, name, and the name of what it lies in."""
    above: list[str] = []
    places: list[tuple[str, str, str]] = []
    for part in parts:
        del above[max(0, part.depth - 1) :]
        places.append((part.kind, part.name, above[-1] if above else ""))
        above.append(part.name)
    return places


def _changes_at_start(before: RunPart, after: RunPart, location: str) -> Iterator[Difference]:
    """What the part is, and what it was given."""
    # A step that failed does not say who executed it.
    if before.executor and after.executor:
        yield from _changed("executor", before.executor, after.executor, after, location)
    yield from _changed("model", before.model, after.model, after, location)
    if after.kind == "member":
        yield from _changed("input", before.input, after.input, after, location)
    yield from _changed("arguments", call_arguments(before), call_arguments(after), after, location)


def _changes_at_end(before: RunPart, after: RunPart, location: str) -> Iterator[Difference]:
    """What came out of it, and what that took."""
    if before.status == after.status:
        yield from _changed("error", before.error, after.error, after, location)
        yield from _changed("output", before.output, after.output, after, location)
    else:
        # Its reason is what counts: why it failed this time, or had failed that time.
        yield Difference(
            "status",
            _status_text(before),
            _status_text(after),
            after.kind,
            after.name,
            location,
            failed_in="after" if after.status == "failed" else "before" if before.status == "failed" else None,
            reason=after.error or before.error,
        )
    yield from _measures(before, after, location)


def _status_text(part: RunPart) -> str:
    return f"{part.status}: {part.error}" if part.error else part.status


def _alone(pair: PartPair) -> Iterator[Difference]:
    """A part that only one of the runs has."""
    side: Side = "after" if pair.before is None else "before"
    part = pair.after or pair.before
    if part is None:
        return
    call = f"{part.name}({call_arguments(part)}): " if part.kind == "tool" else ""
    words = f"{call}{_status_text(part)}"
    yield Difference(
        "added" if side == "after" else "missing",
        words if side == "before" else "",
        words if side == "after" else "",
        part.kind,
        part.name,
        pair.location,
        failed_in=side if part.status == "failed" else None,
        reason=part.error,
    )


def call_arguments(part: RunPart) -> str:
    """A tool call's arguments as they are written in one."""
    return arguments(part.arguments)


def _changed(
    aspect: Aspect, before: str, after: str, part: RunPart | None = None, location: str = ""
) -> Iterator[Difference]:
    if before == after:
        return
    kind, name = (part.kind, part.name) if part is not None else ("run", "")
    yield Difference(aspect, before, after, kind, name, location, first_change(before, after))


def _run_error(before: RunPart, after: RunPart) -> Iterator[Difference]:
    if before.error != after.error:
        failed_in: Side | None = "after" if not before.error else "before" if not after.error else None
        yield Difference(
            "error",
            before.error,
            after.error,
            start=first_change(before.error, after.error),
            failed_in=failed_in,
            reason=after.error or before.error,
        )


def first_change(before: str, after: str) -> int:
    """Where two texts begin to differ; found by halves, since texts may have a megabyte."""
    low, high = 0, min(len(before), len(after))
    while low < high:
        middle = (low + high + 1) // 2
        if before[low:middle] == after[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _measures(before: RunPart, after: RunPart, location: str) -> Iterator[Difference]:
    subject = "" if after.kind == "run" else after.name
    if _differs(before.seconds, after.seconds, _MIN_SECONDS):
        yield Difference("duration", str(before.seconds), str(after.seconds), after.kind, subject, location)
    if _differs(before.tokens, after.tokens, _MIN_TOKENS):
        yield Difference("tokens", str(before.tokens), str(after.tokens), after.kind, subject, location)


def _differs(before: float, after: float, at_least: float) -> bool:
    less, more = sorted((before, after))
    return more - less >= at_least and more >= less * _SLOWER_FACTOR


def _cause(behavior: Sequence[Difference]) -> Difference | None:
    """The failure that one of the runs has alone, of the second one where both have one.

    A step that failed says more than the run, and a tool that failed in it more than the step.
    """
    for side in ("after", "before"):
        failures = [difference for difference in behavior if difference.failed_in == side]
        step = next((failure for failure in failures if failure.kind == "step"), None)
        if step is not None:
            inner = (failure for failure in failures if failure.kind != "step" and failure.location == step.subject)
            return next(inner, step)
        run = next((failure for failure in failures if failure.kind == "run"), None)
        if failures:
            return run or failures[0]
    return None


def _same(before: RunParts, after: RunParts, behavior: Sequence[Difference]) -> Iterator[str]:
    changed = {(difference.kind, difference.aspect) for difference in behavior}
    aspects = {aspect for _, aspect in changed}
    if ("run", "input") not in changed:
        yield "input"
    if before.version and before.version == after.version:
        yield "version"
    if "model" not in aspects and any(part.model for part in before.parts):
        yield "models"
    for kind, label in (("step", "steps"), ("tool", "tool calls")):
        if any(part.kind == kind for part in before.parts) and not any(of == kind for of, _ in changed):
            yield label
