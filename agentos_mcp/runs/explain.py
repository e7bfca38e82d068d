"""Explains a run in under 1,000 tokens: its steps, its tool calls, what failed and what to try next."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from agentos_mcp.agentos.formats import format_duration
from agentos_mcp.agentos.hints import Surface
from agentos_mcp.agentos.json_values import number as as_number
from agentos_mcp.agentos.json_values import objects
from agentos_mcp.agentos.plain_text import strip_control_chars
from agentos_mcp.agentos.runs.run import RunState, Status
from agentos_mcp.agentos.runs.stored_run import stored_error
from agentos_mcp.runs.next_steps import Failure, arguments, next_steps
from agentos_mcp.runs.result import ORPHANED, page_line
from agentos_mcp.runs.run_parts import RunPart, component_name, inner_parts, input_text, unnamed_step
from agentos_mcp.tooling.markdown import fenced, one_line

_MAX_WEIGHT = 2900
"""In characters of ASCII, at three to a token; others weigh more, as they do in tokens."""
_NON_ASCII_WEIGHT = 4
_MAX_FIRST_ERROR = 600
_MAX_ERROR = 140
_MAX_FAILURES = 3


class _Rank(IntEnum):
    """What has to stay when there is too much."""

    ALWAYS = 0
    FAILED = 1
    FINE = 2


@dataclass(frozen=True)
class _Line:
    text: str
    rank: _Rank = _Rank.FINE


def explain(output: Mapping[str, Any], state: RunState, surface: Surface) -> str:
    """A stored run (as `GET .../runs/{run_id}` answers) told as markdown."""
    failures: list[Failure] = []
    body: list[_Line] = []
    if state.steps and not objects(output.get("step_results")):
        body.append(_Line("Steps:", _Rank.ALWAYS))
        body += [
            _Line(f"{number}. {_name(step.name)}: {step.outcome}", _rank(step.outcome == "failed"))
            for number, step in enumerate(state.steps, 1)
        ]
    body += _part_lines(inner_parts(output, state), failures)
    error = _run_error(output, state)
    if error and not any(error in failure.error for failure in failures):
        failures.insert(0, Failure("the run", error))
    if state.is_orphaned:
        body.insert(0, _Line(ORPHANED, _Rank.ALWAYS))
    if question := input_text(output):
        body.insert(0, _Line(f"asked: {_line(question, 160)}", _Rank.ALWAYS))
    head = _Line(f"**{_headline(output, state, failures)}**{_measures(output, state)}", _Rank.ALWAYS)
    end = [_Line(text, _Rank.ALWAYS) for text in _last_lines(state, failures, surface)]
    return _fit([head, *body, *end])


# Steps and tool calls


def _part_lines(parts: Iterable[RunPart], failures: list[Failure]) -> Iterator[_Line]:
    """A line for each step, member and tool call. What failed is added to `failures`."""
    heading = ""
    locations: list[str] = []
    """Of the parts that the next one may lie in: the nearest step or member, in words."""
    step_numbers: list[int] = []
    """How many steps there were so far, at each depth."""
    for part in parts:
        level = part.depth - 1
        if level == 0 and (title := "Steps:" if part.kind == "step" else "Tool calls:") != heading:
            heading = title
            yield _Line(title, _Rank.ALWAYS)
        del locations[level:], step_numbers[part.depth :]
        step_numbers += [0] * (part.depth - len(step_numbers))
        around = locations[-1] if locations else ""
        match part.kind:
            case "step":
                step_numbers[level] += 1
                text, own_location = _step_text(part, step_numbers[level])
                failure = Failure(own_location, part.error, is_step=True)
            case "member":
                name = _name(part.name)
                own_location = f"member {name}"
                text = f"- {own_location}: {_details('failed' if _has_failed(part) else 'answered', part)}"
                failure = Failure(own_location, part.error)
            case _:
                name, args = _name(part.name), arguments(part.arguments)
                outcome = {"failed": "failed", "completed": "ok"}.get(part.status, "not called yet")
                text, own_location = f"- {name}({_line(args, 80)}): {_details(outcome, part)}", around
                failure = Failure(around, part.error, tool=name, tool_arguments=args)
        locations.append(own_location)
        if _has_failed(part):
            failures.append(failure)
        yield _Line(f"{'   ' * level}{text}", _rank(_has_failed(part)))


def _step_text(part: RunPart, number: int) -> tuple[str, str]:
    """Its line, and what it is called as the place of something else."""
    name = _name(part.name)
    executor = f" ({_name(part.executor)})" if part.executor else ""
    outcome = part.status if part.status in ("failed", "paused") else "completed"
    location = name if part.name == unnamed_step(number) else f"step {name}"
    return f"{number}. {name}{executor}: {_details(outcome, part)}", location


def _details(outcome: str, part: RunPart) -> str:
    error = "" if part.kind == "member" else _line(part.error, _MAX_ERROR)
    return ", ".join(detail for detail in (outcome, _duration(part.seconds), error) if detail)


def _has_failed(part: RunPart) -> bool:
    return part.status == "failed"


# The beginning and the end


def _headline(output: Mapping[str, Any], state: RunState, failures: Sequence[Failure]) -> str:
    name_words = _name(component_name(output) or state.ref.component)
    steps = [failure for failure in failures if failure.is_step]
    tools = [failure for failure in failures if failure.tool]
    match state.status:
        case Status.COMPLETED if steps or tools:
            subject = [_count(len(steps), "failed step"), _count(len(tools), "failed tool call")]
            return f"{name_words}: completed, with {' and '.join(part for part in subject if part)}"
        case Status.ERROR:
            return f"{name_words}: failed"
        case Status.PAUSED:
            return f"{name_words}: paused, it waits for an answer"
        case _:
            return f"{name_words}: {state.status.lower()}"


def _measures(output: Mapping[str, Any], state: RunState) -> str:
    metrics = output.get("metrics")
    steps = metrics.get("steps") if isinstance(metrics, Mapping) else None
    parts = list(steps.values()) if isinstance(steps, Mapping) else []
    cost = _number(metrics, "cost") + sum(_number(step.get("metrics"), "cost") for step in objects(parts))
    measures = [
        _duration(_number(metrics, "duration") or state.seconds),
        f"{state.tokens:,} tokens" if state.tokens else "",
        f"${cost:.4f}" if cost else "",
    ]
    return "".join(f" · {measure}" for measure in measures if measure)


def _last_lines(state: RunState, failures: Sequence[Failure], surface: Surface) -> Iterator[str]:
    for number, failure in enumerate(failures[:_MAX_FAILURES]):
        is_first = number == 0
        subject = (
            f"{failure.tool}({_line(failure.tool_arguments, 200 if is_first else 80)})"
            if failure.tool
            else failure.location
        )
        where = f" in {failure.location}" if failure.tool and failure.location else ""
        max_weight = _MAX_FIRST_ERROR if is_first else _MAX_ERROR * 2
        yield f"What failed: {subject}{where}"
        yield fenced(_cut(strip_control_chars(failure.error).strip(), max_weight))
    yield f"Next: {next_steps(state, failures).render(surface)}"
    if page := page_line(state.ref, surface):
        yield page
    yield f"run: {state.ref}"


# What failed


def _run_error(output: Mapping[str, Any], state: RunState) -> str:
    """Why the run ended; AgentOS stores an agent's last words in its place, and the reason only in its events."""
    if state.status is not Status.ERROR:
        return ""
    return stored_error(output) or state.error or str(output.get("content") or "AgentOS gave no reason")


# Pieces


def _fit(lines: Sequence[_Line]) -> str:
    """As many lines as the budget takes: what must stay, then failures, then the rest from both ends."""
    ends = sorted(range(len(lines)), key=lambda index: min(index, len(lines) - 1 - index))
    order = sorted(ends, key=lambda index: lines[index].rank)
    kept_indexes: set[int] = set()
    left = _MAX_WEIGHT
    for index in order:
        # A failure amid what is left out costs a mark, too.
        weight = _weigh(lines[index].text) + (24 if lines[index].rank is _Rank.FAILED else 0)
        if lines[index].rank is _Rank.ALWAYS or weight <= left:
            kept_indexes.add(index)
            left -= weight
        elif lines[index].rank is _Rank.FINE:
            break
    fitted: list[str] = []
    dropped = 0
    for index, line in enumerate(lines):
        if index in kept_indexes:
            if dropped:
                fitted.append(f"… {_count(dropped, 'line')} left out")
            fitted.append(line.text)
            dropped = 0
        else:
            dropped += 1
    return "\n".join(fitted)


def _weigh(text: str) -> int:
    if text.isascii():
        return len(text) + 1
    return len(text) + (_NON_ASCII_WEIGHT - 1) * sum(not char.isascii() for char in text) + 1


def _rank(failed: bool) -> _Rank:
    return _Rank.FAILED if failed else _Rank.FINE


def _name(name: str) -> str:
    return _line(name, 60)


def _number(values: object, key: str) -> float:
    return as_number(values.get(key)) if isinstance(values, Mapping) else 0.0


def _duration(seconds: float) -> str:
    return format_duration(seconds) if seconds else ""


def _line(words: str, max_weight: int) -> str:
    """Words on one line, of at most this weight."""
    return one_line(words, max_length=_count_fitting(words, max_weight))


def _cut(text: str, max_weight: int) -> str:
    """The beginning and the end of a long text: a traceback says why in its last line."""
    if len(text) > 4 * max_weight:
        text = f"{text[: 2 * max_weight]}{text[-2 * max_weight :]}"
    if _weigh(text) <= max_weight:
        return text
    end = _count_fitting(text[::-1], max_weight // 2)
    return f"{text[: _count_fitting(text, max_weight // 2)]}\n…\n{text[-end:]}"


def _count_fitting(text: str, max_weight: int) -> int:
    """How many characters of a text weigh no more than that."""
    if text[:max_weight].isascii():
        return min(len(text), max_weight) or 1
    weights = itertools.accumulate(1 if char.isascii() else _NON_ASCII_WEIGHT for char in text)
    return sum(1 for _ in itertools.takewhile(lambda weight: weight <= max_weight, weights)) or 1


def _count(number: int, subject: str) -> str:
    return f"{number} {subject}{'s' if number != 1 else ''}" if number else ""
