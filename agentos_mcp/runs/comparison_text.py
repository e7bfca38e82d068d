"""Words a comparison of two runs in at most 400 tokens: the cause, the first difference, the others in short."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentos_mcp.agentos.formats import format_duration, format_time
from agentos_mcp.agentos.hints import Action, Hint, Surface, as_hint, hint
from agentos_mcp.agentos.json_values import number
from agentos_mcp.agentos.plain_text import as_json, as_name, one_line
from agentos_mcp.runs.comparison import ComparedRun, Difference, RunComparison
from agentos_mcp.tooling.budget import cut_to_tokens, estimated_tokens
from agentos_mcp.tooling.markdown import without_nulls
from agentos_mcp.tooling.typed_values import time_value

MAX_TOKENS = 380
"""By an estimate that counts rather too many."""
_MAX_REFERENCE_TOKENS = 85
_MAX_CAUSE_TOKENS = 60
_MAX_FIRST_TOKENS = 60
_MAX_DIFFERENCE_TOKENS = 40
_MAX_NAME_TOKENS = 12
_CONTEXT_CHARACTERS = 12
"""Of the same text before the place where two texts part."""
_MAX_DATA_CHARACTERS = 500
_MAX_DATA_DIFFERENCES = 50

ASPECT_LABELS: Mapping[str, str] = {
    "component": "component",
    "input": "input",
    "version": "version",
    "model": "model",
    "status": "status",
    "error": "error",
    "output": "output",
    "missing": "only in A",
    "added": "only in B",
    "arguments": "arguments",
    "executor": "executed by",
    "duration": "duration",
    "tokens": "tokens",
}


def comparison_text(comparison: RunComparison, surface: Surface) -> str:
    """The comparison for a reader with little room; `A` and `B` are the two runs."""
    lines = [
        f"**{headline(comparison)}**",
        _run_line("A", comparison.before),
        _run_line("B", comparison.after),
    ]
    cause, first = comparison.cause, comparison.first_divergence
    if cause is not None:
        lines.append(f"{cause_label(cause)}: {_shown(cause.reason, _MAX_CAUSE_TOKENS)}")
    if first is not None and first is not cause:
        lines.append(f"First difference: {difference_text(first, _MAX_FIRST_TOKENS)}")
    if not comparison.differences:
        lines.append("Nothing differs.")
    end = [*_notes(comparison), *filter(None, [next_step(comparison).render(surface)])]
    room = MAX_TOKENS - sum(estimated_tokens(line) + 1 for line in [*lines, *end])
    others = [difference for difference in comparison.differences if difference not in (cause, first)]
    # What a run did comes before how long it took.
    others.sort(key=lambda difference: difference.is_measure and difference.kind != "run")
    shown = 0
    for difference in others:
        line = f"- {difference_text(difference, _MAX_DIFFERENCE_TOKENS)}"
        room -= estimated_tokens(line) + 1
        if room < 10:
            break
        lines.append(line)
        shown += 1
    if left_out := len(others) - shown + comparison.differences_left_out:
        lines.append(f"and {left_out:,} more differences")
    return "\n".join([*lines, *end])


def comparison_data(comparison: RunComparison) -> dict[str, Any]:
    """The comparison as data, its texts cut."""
    index = {id(difference): number for number, difference in enumerate(comparison.differences)}
    shown = comparison.differences[:_MAX_DATA_DIFFERENCES]
    return {
        "a": _run_data(comparison.before),
        "b": _run_data(comparison.after),
        "cause": _position(index, comparison.cause),
        "first_divergence": _position(index, comparison.first_divergence),
        "differences": [_difference_data(difference) for difference in shown],
        "differences_left_out": len(comparison.differences) - len(shown) + comparison.differences_left_out,
        "parts_left_out": comparison.parts_left_out,
        "same": list(comparison.same),
    }


def _position(index: Mapping[int, int], difference: Difference | None) -> int | None:
    """Where a difference stands among those that are shown."""
    position = index.get(id(difference)) if difference is not None else None
    return position if position is not None and position < _MAX_DATA_DIFFERENCES else None


def _run_data(run: ComparedRun) -> dict[str, Any]:
    started = time_value(run.started_at)
    data: dict[str, Any] = without_nulls(
        {
            "run": str(run.ref),
            "name": one_line(run.name, max_length=200),
            "status": run.status,
            "failed_parts": run.failed_parts,
            "started": started.data if started else None,
            "duration": run.seconds or None,
            "tokens": run.tokens or None,
            "parts": run.parts,
        }
    )
    return data


def _difference_data(difference: Difference) -> dict[str, Any]:
    before, after = _around_change(difference)
    values: tuple[object, object] = (before[:_MAX_DATA_CHARACTERS], after[:_MAX_DATA_CHARACTERS])
    if difference.is_measure:
        values = (float(difference.before), float(difference.after))
    return {
        "aspect": difference.aspect,
        "kind": difference.kind,
        "subject": one_line(difference.subject, max_length=200),
        "location": one_line(difference.location, max_length=200),
        "a": values[0],
        "b": values[1],
    }


def cause_label(cause: Difference) -> str:
    """ "Why B failed: step edit"."""
    return f"Why {'B' if cause.failed_in == 'after' else 'A'} failed: {subject_text(cause)}"


def headline(comparison: RunComparison) -> str:
    """Whose runs they are, and how each went."""
    before, after = comparison.before, comparison.after
    names = _name(before.name) if before.name == after.name else f"{_name(before.name)} and {_name(after.name)}"
    return f"{names}: A {_outcome(before)}, B {_outcome(after)}"


def _outcome(run: ComparedRun) -> str:
    if run.status == "completed" and run.failed_parts:
        return f"completed with {run.failed_parts} failed part{'s' if run.failed_parts != 1 else ''}"
    return run.status


def _run_line(label: str, run: ComparedRun) -> str:
    measures = [
        format_time(run.started_at) if run.started_at else "",
        format_duration(run.seconds) if run.seconds else "",
        f"{run.tokens:,} tokens" if run.tokens else "",
    ]
    reference = str(run.ref)
    # Half a reference would be of no use.
    shown = reference if estimated_tokens(reference) <= _MAX_REFERENCE_TOKENS else "(its reference is long)"
    return " · ".join([f"{label}: {shown}", *filter(None, measures)])


def difference_text(difference: Difference, tokens: float) -> str:
    """A difference on a line, of about that many tokens."""
    label = ASPECT_LABELS[difference.aspect]
    if difference.aspect in ("missing", "added"):
        return f"{label}: {subject_text(difference)}: {_shown(difference.before or difference.after, tokens)}"
    before, after = _around_change(difference)
    match difference.aspect:
        case "duration":
            change = " → ".join(format_duration(number(float(value))) for value in (before, after))
        case "tokens":
            change = f"{int(float(before)):,} → {int(float(after)):,}"
        case _:
            change = f"{_shown(before, tokens / 2)} → {_shown(after, tokens / 2)}"
    return f"{f'{subject_text(difference)}: ' if difference.subject else ''}{label}: {change}"


def _around_change(difference: Difference) -> tuple[str, str]:
    """The two texts from shortly before the place where they part."""
    start = difference.start - _CONTEXT_CHARACTERS
    if start <= _CONTEXT_CHARACTERS:
        return difference.before, difference.after
    before, after = (f"…{text[start:]}" if text else "" for text in (difference.before, difference.after))
    return before, after


def _shown(text: str, tokens: float) -> str:
    """Text of others as a quoted line of about that many tokens; a number or a single word bare."""
    if not text:
        return "nothing"
    line = one_line(text, max_length=int(tokens * 8))
    return line if line.isalnum() and line.isascii() and len(line) < 24 else as_json(cut_to_tokens(line, tokens - 1))


def subject_text(difference: Difference) -> str:
    """What differs: "step edit", "tool search in research"; the run where it is the run itself."""
    if difference.kind == "run":
        return "the run"
    location = f" in {_name(difference.location)}" if difference.location else ""
    return f"{difference.kind} {_name(difference.subject)}{location}"


def _name(name: str) -> str:
    return as_name(cut_to_tokens(one_line(name, max_length=60), _MAX_NAME_TOKENS))


def _notes(comparison: RunComparison) -> Iterator[str]:
    if comparison.same:
        yield f"The same: {', '.join(comparison.same)}"
    if comparison.parts_left_out:
        yield f"{comparison.parts_left_out:,} steps and tool calls were not compared."


def next_step(comparison: RunComparison) -> Hint:
    """What tells more of the run that failed."""
    if comparison.cause is None:
        return as_hint("")
    failed = comparison.after if comparison.cause.failed_in == "after" else comparison.before
    side = "B" if failed is comparison.after else "A"
    return hint(f"{{explain}} tells more of {side}.", explain=Action.of("explain_run", run=str(failed.ref)))
