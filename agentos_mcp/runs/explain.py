"""Explains a run in under 1,000 tokens: its steps, its tool calls, what failed and what to try next."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from agentos_mcp.agentos.formats import format_duration
from agentos_mcp.agentos.hints import Surface
from agentos_mcp.agentos.json_values import number as as_number
from agentos_mcp.agentos.json_values import objects
from agentos_mcp.agentos.plain_text import strip_control_chars
from agentos_mcp.agentos.runs.payload import tool_error
from agentos_mcp.agentos.runs.run import RunState, Status
from agentos_mcp.agentos.runs.stored_run import stored_error
from agentos_mcp.runs.next_steps import Failure, arguments, next_steps
from agentos_mcp.runs.result import ORPHANED
from agentos_mcp.runs.run_parts import component_name, input_text, step_names
from agentos_mcp.tooling.markdown import fenced, one_line

_MAX_WEIGHT = 2900
"""In characters of ASCII, at three to a token; others weigh more, as they do in tokens."""
_NON_ASCII_WEIGHT = 4
_MAX_FIRST_ERROR = 600
_MAX_ERROR = 140
_MAX_FAILURES = 3
_MAX_DEPTH = 4


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
    if steps := objects(output.get("step_results")):
        body.append(_Line("Steps:", _Rank.ALWAYS))
        runs = {str(run.get("run_id")): run for run in objects(output.get("step_executor_runs"))}
        body += _steps(steps, runs, _step_names(output, state), failures)
    elif state.steps:
        body.append(_Line("Steps:", _Rank.ALWAYS))
        body += [
            _Line(f"{number}. {_name(step.name)}: {step.outcome}", _rank(step.outcome == "failed"))
            for number, step in enumerate(state.steps, 1)
        ]
    calls = list(_calls(output, "", failures, depth=0))
    if calls:
        body += [_Line("Tool calls:", _Rank.ALWAYS), *calls]
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


def _steps(
    steps: Sequence[Mapping[str, Any]],
    runs: dict[str, Mapping[str, Any]],
    names: Mapping[int, str],
    failures: list[Failure],
    depth: int = 0,
) -> Iterator[_Line]:
    indent = "   " * depth
    for number, step in enumerate(steps, 1):
        # A step that was skipped for its failure has a result without a name.
        known_name = names.get(number, "") if depth == 0 else ""
        step_name = str(step.get("step_name") or known_name)
        name = _name(step_name or f"step {number}")
        location = f"step {name}" if step_name else name
        failed = step.get("success") is False
        error = str(step.get("error") or step.get("content") or "AgentOS gave no reason") if failed else ""
        if failed:
            failures.append(Failure(location, error, is_step=True))
        executor = step.get("executor_name")
        parts = [
            "failed" if failed else "paused" if step.get("is_paused") else "completed",
            _duration(_number(step.get("metrics"), "duration")),
            _line(error, _MAX_ERROR),
        ]
        name_words = f" ({_name(str(executor))})" if executor else ""
        details = ", ".join(part for part in parts if part)
        yield _Line(f"{indent}{number}. {name}{name_words}: {details}", _rank(failed))
        # A run belongs to one step: many that name the same one would multiply its lines.
        run = runs.pop(str(step.get("step_run_id")), None)
        if run is not None:
            yield from _calls(run, location, failures, depth=depth + 1)
        if depth < _MAX_DEPTH:
            yield from _steps(objects(step.get("steps")), runs, names, failures, depth + 1)


def _step_names(output: Mapping[str, Any], state: RunState) -> dict[int, str]:
    """The names of the top-level steps by number, from 1, as the run's events tell them."""
    names = {number: step.name for number, step in enumerate(state.steps, 1) if step.name != "step"}
    return names | step_names(output)


def _calls(run: Mapping[str, Any], location: str, failures: list[Failure], *, depth: int) -> Iterator[_Line]:
    """The tool calls of a run in order, those of a member under the call that sent it to work."""
    indent = "   " * depth
    members = {str(member.get("run_id")): member for member in objects(run.get("member_responses"))}
    for tool in objects(run.get("tools")):
        error = tool_error(tool)
        failed = bool(error)
        name, args = _name(str(tool.get("tool_name") or "a tool")), arguments(tool.get("tool_args"))
        if failed:
            failures.append(Failure(location, error, tool=name, tool_arguments=args))
        parts = [
            "failed" if failed else "ok" if tool.get("result") is not None else "not called yet",
            _duration(_number(tool.get("metrics"), "duration")),
            _line(error, _MAX_ERROR),
        ]
        details = ", ".join(part for part in parts if part)
        yield _Line(f"{indent}- {name}({_line(args, 80)}): {details}", _rank(failed))
        member = members.pop(str(tool.get("child_run_id")), None)
        if member is not None:
            yield from _member(member, failures, depth=depth + 1)
    for member in members.values():
        yield from _member(member, failures, depth=depth)


def _member(member: Mapping[str, Any], failures: list[Failure], *, depth: int) -> Iterator[_Line]:
    name = _name(component_name(member))
    failed = str(member.get("status")).upper() == Status.ERROR
    if failed:
        error = stored_error(member) or str(member.get("content") or "AgentOS gave no reason")
        failures.append(Failure(f"member {name}", error))
    seconds = _duration(_number(member.get("metrics"), "duration"))
    details = ", ".join(part for part in ("failed" if failed else "answered", seconds) if part)
    yield _Line(f"{'   ' * depth}- member {name}: {details}", _rank(failed))
    if depth <= _MAX_DEPTH:
        yield from _calls(member, f"member {name}", failures, depth=depth + 1)


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
