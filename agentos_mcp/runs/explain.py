"""What happened in a run, in under 1,000 tokens: its steps, its tool calls, what failed and what to try next."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from agentos_mcp.agentos.formats import format_duration
from agentos_mcp.agentos.hints import Surface
from agentos_mcp.agentos.json_values import number as number_in
from agentos_mcp.agentos.json_values import objects
from agentos_mcp.agentos.plain_text import as_json, strip_control_chars
from agentos_mcp.agentos.runs.run import RunState, Status
from agentos_mcp.agentos.runs.stored_run import stored_error
from agentos_mcp.runs.next_steps import Failure, arguments, next_steps
from agentos_mcp.runs.result import ORPHANED
from agentos_mcp.tooling.markdown import fenced, one_line

_BUDGET = 2900
"""In characters of ASCII, at three to a token; others weigh more, as they do in tokens."""
_NON_ASCII = 4
_FULL_ERROR = 600
_SHORT_ERROR = 140
_MOST_FAILURES = 3
_DEEPEST = 4


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
    own = list(_calls(output, "", failures, depth=0))
    if own:
        body += [_Line("Tool calls:", _Rank.ALWAYS), *own]
    error = _run_error(output, state)
    if error and not any(error in failure.error for failure in failures):
        failures.insert(0, Failure("the run", error))
    if state.orphaned:
        body.insert(0, _Line(ORPHANED, _Rank.ALWAYS))
    if question := _question(output):
        body.insert(0, _Line(f"asked: {_line(question, 160)}", _Rank.ALWAYS))
    head = _Line(f"**{_headline(output, state, failures)}**{_measures(output, state)}", _Rank.ALWAYS)
    end = [_Line(text, _Rank.ALWAYS) for text in _ending(state, failures, surface)]
    return _fitted([head, *body, *end])


# Steps and tool calls


def _steps(
    steps: Sequence[Mapping[str, Any]],
    runs: Mapping[str, Mapping[str, Any]],
    names: Mapping[int, str],
    failures: list[Failure],
    depth: int = 0,
) -> Iterator[_Line]:
    indent = "   " * depth
    for number, step in enumerate(steps, 1):
        # A step that was skipped for its failure has a result without a name.
        known = names.get(number, "") if depth == 0 else ""
        name = _name(str(step.get("step_name") or known or f"step {number}"))
        where = name if name.startswith("step ") else f"step {name}"
        failed = step.get("success") is False
        error = str(step.get("error") or step.get("content") or "AgentOS gave no reason") if failed else ""
        if failed:
            failures.append(Failure(where, error))
        executor = step.get("executor_name")
        parts = [
            "failed" if failed else "paused" if step.get("is_paused") else "completed",
            _duration(_number(step.get("metrics"), "duration")),
            _line(error, _SHORT_ERROR),
        ]
        who = f" ({_name(str(executor))})" if executor else ""
        said = ", ".join(part for part in parts if part)
        yield _Line(f"{indent}{number}. {name}{who}: {said}", _rank(failed))
        run = runs.get(str(step.get("step_run_id")))
        if run is not None:
            yield from _calls(run, where, failures, depth=depth + 1)
        if depth < _DEEPEST:
            yield from _steps(objects(step.get("steps")), runs, names, failures, depth + 1)


def _step_names(output: Mapping[str, Any], state: RunState) -> dict[int, str]:
    """The names of the top-level steps by number, from 1, as the run's events tell them."""
    names = {number: step.name for number, step in enumerate(state.steps, 1) if step.name != "step"}
    for event in objects(output.get("events")):
        at, name = event.get("step_index"), event.get("step_name")
        if name and isinstance(at, int) and not event.get("parent_step_id") and not event.get("nested_depth"):
            names[at + 1] = str(name)
    return names


def _calls(run: Mapping[str, Any], where: str, failures: list[Failure], *, depth: int) -> Iterator[_Line]:
    """The tool calls of a run in order, those of a member under the call that sent it to work."""
    indent = "   " * depth
    members = {str(member.get("run_id")): member for member in objects(run.get("member_responses"))}
    for tool in objects(run.get("tools")):
        failed = bool(tool.get("tool_call_error"))
        name, args = _name(str(tool.get("tool_name") or "a tool")), arguments(tool.get("tool_args"))
        result = str(tool.get("result") or "")
        if failed:
            failures.append(Failure(where, result or "it gave no reason", tool=name, args=args))
        parts = [
            "failed" if failed else "ok" if tool.get("result") is not None else "not called yet",
            _duration(_number(tool.get("metrics"), "duration")),
            _line(result, _SHORT_ERROR) if failed else "",
        ]
        said = ", ".join(part for part in parts if part)
        yield _Line(f"{indent}- {name}({_line(args, 80)}): {said}", _rank(failed))
        member = members.pop(str(tool.get("child_run_id")), None)
        if member is not None:
            yield from _member(member, failures, depth=depth + 1)
    for member in members.values():
        yield from _member(member, failures, depth=depth)


def _member(member: Mapping[str, Any], failures: list[Failure], *, depth: int) -> Iterator[_Line]:
    name = _name(_who(member))
    failed = str(member.get("status")).upper() == Status.ERROR
    if failed:
        error = stored_error(member) or str(member.get("content") or "AgentOS gave no reason")
        failures.append(Failure(f"member {name}", error))
    seconds = _duration(_number(member.get("metrics"), "duration"))
    said = ", ".join(part for part in ("failed" if failed else "answered", seconds) if part)
    yield _Line(f"{'   ' * depth}- member {name}: {said}", _rank(failed))
    if depth <= _DEEPEST:
        yield from _calls(member, f"member {name}", failures, depth=depth + 1)


# The beginning and the end


def _headline(output: Mapping[str, Any], state: RunState, failures: Sequence[Failure]) -> str:
    who = _name(_who(output) or state.ref.component)
    steps = [failure for failure in failures if failure.where.startswith("step ") and not failure.tool]
    tools = [failure for failure in failures if failure.tool]
    match state.status:
        case Status.COMPLETED if steps or tools:
            what = [_count(len(steps), "failed step"), _count(len(tools), "failed tool call")]
            return f"{who}: completed, with {' and '.join(part for part in what if part)}"
        case Status.ERROR:
            return f"{who}: failed"
        case Status.PAUSED:
            return f"{who}: paused, it waits for an answer"
        case _:
            return f"{who}: {state.status.lower()}"


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


def _ending(state: RunState, failures: Sequence[Failure], surface: Surface) -> Iterator[str]:
    for number, failure in enumerate(failures[:_MOST_FAILURES]):
        full = number == 0
        what = f"{failure.tool}({_line(failure.args, 200 if full else 80)})" if failure.tool else failure.where
        where = f" in {failure.where}" if failure.tool and failure.where else ""
        most = _FULL_ERROR if full else _SHORT_ERROR * 2
        yield f"What failed: {what}{where}"
        yield fenced(_cut(strip_control_chars(failure.error).strip(), most))
    yield f"Next: {next_steps(state, failures).render(surface)}"
    yield f"run: {state.ref}"


# What failed


def _run_error(output: Mapping[str, Any], state: RunState) -> str:
    """Why the run ended; AgentOS stores an agent's last words in its place, and the reason only in its events."""
    if state.status is not Status.ERROR:
        return ""
    return stored_error(output) or state.error or str(output.get("content") or "AgentOS gave no reason")


# Pieces


def _fitted(lines: Sequence[_Line]) -> str:
    """As many lines as the budget takes: what must stay, then failures, then the rest from both ends."""
    ends = sorted(range(len(lines)), key=lambda at: min(at, len(lines) - 1 - at))
    order = sorted(ends, key=lambda at: lines[at].rank)
    kept: set[int] = set()
    left = _BUDGET
    for at in order:
        # A failure amid what is left out costs a mark, too.
        weight = _weight(lines[at].text) + (24 if lines[at].rank is _Rank.FAILED else 0)
        if lines[at].rank is _Rank.ALWAYS or weight <= left:
            kept.add(at)
            left -= weight
        elif lines[at].rank is _Rank.FINE:
            break
    shown: list[str] = []
    dropped = 0
    for at, line in enumerate(lines):
        if at in kept:
            if dropped:
                shown.append(f"… {_count(dropped, 'line')} left out")
            shown.append(line.text)
            dropped = 0
        else:
            dropped += 1
    return "\n".join(shown)


def _weight(text: str) -> int:
    if text.isascii():
        return len(text) + 1
    return len(text) + (_NON_ASCII - 1) * sum(not char.isascii() for char in text) + 1


def _rank(failed: bool) -> _Rank:
    return _Rank.FAILED if failed else _Rank.FINE


def _who(run: Mapping[str, Any]) -> str:
    keys = (f"{kind}_{what}" for kind in ("workflow", "team", "agent") for what in ("name", "id"))
    return next((str(run[key]) for key in keys if run.get(key)), "")


def _question(output: Mapping[str, Any]) -> str:
    given = output.get("input")
    content = given.get("input_content") if isinstance(given, Mapping) else given
    return content if isinstance(content, str) else as_json(content) if content else ""


def _name(name: str) -> str:
    return _line(name, 60)


def _number(values: object, key: str) -> float:
    return number_in(values.get(key)) if isinstance(values, Mapping) else 0.0


def _duration(seconds: float) -> str:
    return format_duration(seconds) if seconds else ""


def _line(words: str, most: int) -> str:
    """Words on one line, of at most this weight."""
    return one_line(words, max_length=_fitting(words, most))


def _cut(text: str, most: int) -> str:
    """The beginning and the end of a long text: a traceback says why in its last line."""
    if len(text) > 4 * most:
        text = f"{text[: 2 * most]}{text[-2 * most :]}"
    if _weight(text) <= most:
        return text
    end = _fitting(text[::-1], most // 2)
    return f"{text[: _fitting(text, most // 2)]}\n…\n{text[-end:]}"


def _fitting(text: str, most: int) -> int:
    """How many characters of a text weigh no more than that."""
    if text[:most].isascii():
        return min(len(text), most) or 1
    weights = itertools.accumulate(1 if char.isascii() else _NON_ASCII for char in text)
    return sum(1 for _ in itertools.takewhile(lambda weight: weight <= most, weights)) or 1


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}" if number else ""
