"""A run as a timeline: its steps, members and tool calls as bars, why it failed, what it waits for, its answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agentos_mcp.agentos.formats import format_duration
from agentos_mcp.agentos.hints import Action, Surface, hint
from agentos_mcp.agentos.pauses.requirements import questions
from agentos_mcp.agentos.runs.run import RunState, Status
from agentos_mcp.runs.result import ORPHANED, completed_outcome
from agentos_mcp.runs.run_parts import RunPart, RunParts, read_parts
from agentos_mcp.runs.timeline import TimelineRow, run_timeline
from agentos_mcp.tooling.typed_values import exact_time_value
from agentos_mcp.views.content import MAX_ANSWER, Bar, Bars, Block, State, ViewContent, text_of

_STATES: Mapping[Status, State] = {
    Status.PENDING: "pending",
    Status.RUNNING: "running",
    Status.PAUSED: "paused",
    Status.COMPLETED: "completed",
    Status.CANCELLED: "cancelled",
    Status.ERROR: "failed",
    Status.REGENERATED: "completed",
}
_STATE_TEXTS: Mapping[State, str] = {
    "pending": "queued",
    "running": "running",
    "paused": "waits for an answer",
    "completed": "completed",
    "cancelled": "cancelled",
    "failed": "failed",
}
_MAX_ACTIVITIES = 300
"""How many things that were done are kept of a run while it is followed."""


def run_view(state: RunState, output: Mapping[str, Any], surface: Surface) -> ViewContent:
    """What the view of a run shows that is stored as `output` (as `GET .../runs/{run_id}` answers)."""
    parts = read_parts(output, state)
    return replace(
        _content(state, parts.name),
        bars=_bars(parts),
        blocks=_blocks(state, parts.run.input, surface),
        facts=[("started", exact_time_value(parts.run.started_at or None)), *_facts(state)],
    )


def _content(state: RunState, name: str) -> ViewContent:
    kind = _STATES[state.status]
    text = completed_outcome(state) if kind == "completed" else _STATE_TEXTS[kind]
    return ViewContent(
        f"{state.ref.kind} {name or state.ref.component}",
        kind,
        text,
        notices=[*([ORPHANED] if state.is_orphaned else []), *map(str, state.notes)],
        is_final=state.has_ended or state.is_orphaned,
    )


def _facts(state: RunState) -> list[tuple[str, object]]:
    return [
        ("took", format_duration(state.seconds) if state.seconds else ""),
        ("tokens", f"{state.tokens:,}" if state.tokens else ""),
        ("run", state.ref),
    ]


def _blocks(state: RunState, message: str, surface: Surface) -> tuple[Block, ...]:
    blocks = []
    if state.status is Status.ERROR:
        blocks.append(Block("Why it failed", state.error or "AgentOS gave no reason", "failed", first=True))
    if state.status is Status.PAUSED:
        blocks += _question_blocks(state, surface)
    blocks += [Block("Message", message)] if message else []
    answer = "" if state.status in (Status.ERROR, Status.PAUSED) else state.text or text_of(state.answer)
    return (*blocks, *([Block("Answer", answer, max_length=MAX_ANSWER)] if answer else []))


def _question_blocks(state: RunState, surface: Surface) -> list[Block]:
    blocks = [
        Block(question.title, question.details_and_inputs or "-", "paused", first=True)
        for question in questions(state.ref, state.requirements, state.choices)
    ]
    answer = hint("{answer} answers it.", answer=Action.of("continue_run", run=str(state.ref))).render(surface)
    return [*blocks, *([Block("To answer", answer, first=True)] if answer else [])]


# The bars of a run that is stored


def _bars(parts: RunParts) -> Bars | None:
    timeline = run_timeline(parts)
    # The first row is the run itself, whose facts stand above.
    rows = [_bar(row, part) for row, part in zip(timeline.rows[1:], parts.parts[1:], strict=True)]
    return Bars("Timeline", rows, timeline.seconds, timeline.rows_left_out) if rows else None


def _bar(row: TimelineRow, part: RunPart) -> Bar:
    return Bar(
        row.label,
        part.kind if part.step_type in ("", "Step") else part.step_type.lower(),
        max(0, row.depth - 1),
        row.status,
        _part_text(part),
        row.start,
        row.seconds if part.seconds or row.is_exact else None,
        f"{part.tokens:,} tokens" if part.tokens else "",
        (
            Block("Error", part.error, "failed"),
            Block("Arguments", text_of(part.arguments) if part.arguments else ""),
            Block("Input", part.input),
            Block("Output", part.output),
            Block("Model", part.model),
        ),
    )


def _part_text(part: RunPart) -> str:
    if part.status == "failed":
        return f"failed: {part.error[:300]}" if part.error else "failed"
    return "" if part.status == "completed" else _STATE_TEXTS[part.status]


# The bars of a run that is going


@dataclass
class _Activity:
    name: str
    kind: str
    depth: int
    start: float
    end: float | None = None
    state: State = "running"
    error: str = ""


class LiveTimeline:
    """The timeline of a run that is followed, made of the states that were seen of it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begin = clock()
        self._state: RunState | None = None
        self._steps: list[_Activity] = []
        self._activities: list[tuple[int, _Activity]] = []
        """What was done, with the number of the step in which it was."""

    def report(self, state: RunState) -> None:
        """A state of the run, newer than the last one."""
        now, before = self._clock() - self._begin, self._state
        self._state = state
        for index, step in enumerate(state.steps):
            if index == len(self._steps):
                self._steps.append(_Activity(step.name, "step", 0, now))
            entry = self._steps[index]
            if step.name != entry.name:  # of very many steps only the last one is shown
                self._steps[index] = entry = _Activity(step.name, "step", 0, now)
            if step.outcome != "running" and entry.end is None:
                entry.end, entry.state, entry.error = now, step.outcome, step.error
        doing = self._doing(state)
        if before is not None and doing != self._doing(before) and self._activities:
            last = self._activities[-1][1]
            if last.end is None:
                last.end = now
                last.state = "failed" if len(state.failed_tools) > len(before.failed_tools) else "completed"
        if doing != ("", "") and (before is None or doing != self._doing(before)):
            activity, actor = doing
            depth = 1 if state.steps else 0
            if len(self._activities) < _MAX_ACTIVITIES:
                self._activities.append((len(state.steps), _Activity(activity, actor, depth, now)))

    def content(self, surface: Surface) -> ViewContent:
        """What the view shows now."""
        state = self._state
        if state is None:
            raise RuntimeError("content() comes after report()")
        now = self._clock() - self._begin
        rows = [self._row(activity) for step, activity in self._activities if step == 0]
        for number, entry in enumerate(self._steps, 1):
            rows.append(self._row(entry))
            rows += [self._row(activity) for in_step, activity in self._activities if in_step == number]
        content = _content(state, "")
        position = f"step {state.step_number}" + (f" of {state.total_steps}" if state.total_steps else "")
        return replace(
            content,
            progress_text=f"{content.state_text}, {position}: {state.steps[-1].name}" if state.steps else "",
            facts=_facts(state),
            blocks=_blocks(state, "", surface),
            bars=Bars("Timeline", rows, max(now, 0.1)) if rows else None,
        )

    def _row(self, activity: _Activity) -> Bar:
        seconds = activity.end - activity.start if activity.end is not None else None
        text = "" if activity.state == "completed" else _STATE_TEXTS[activity.state]
        blocks = (Block("Error", activity.error, "failed"),) if activity.error else ()
        return Bar(
            activity.name, activity.kind, activity.depth, activity.state, text, activity.start, seconds, "", blocks
        )

    @staticmethod
    def _doing(state: RunState) -> tuple[str, str]:
        return (state.activity, state.actor) if not state.has_ended else ("", "")
