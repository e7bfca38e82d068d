"""Reads a stored run into its parts in order: steps, members and tool calls, with status, input, output and times.

`comparison.py`, `timeline.py` and `explain.py` are made of them. Parts are data of AgentOS's: names and texts are as
they came, and cleaned where they are shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from agentos_mcp.agentos.json_values import integer, mapping, number, objects, text
from agentos_mcp.agentos.plain_text import as_json
from agentos_mcp.agentos.runs.payload import read_metrics, tool_error
from agentos_mcp.agentos.runs.run import RunState, Status
from agentos_mcp.agentos.runs.stored_run import stored_error
from agentos_mcp.agentos.timestamps import parse_timestamp

PartKind = Literal["run", "step", "member", "tool"]
PartStatus = Literal["completed", "failed", "paused", "cancelled", "running", "pending"]

MAX_PARTS = 1_000
_MAX_DEPTH = 8
_VERSION_KEY = "agno_component_version"
_STATUSES: Mapping[str, PartStatus] = {
    Status.COMPLETED: "completed",
    Status.REGENERATED: "completed",
    Status.ERROR: "failed",
    Status.PAUSED: "paused",
    Status.CANCELLED: "cancelled",
    Status.PENDING: "pending",
    Status.RUNNING: "running",
}


@dataclass(frozen=True, slots=True)
class RunPart:
    """A part of a run. Times are in unix seconds, 0 where AgentOS does not say; `seconds` is 0 where unknown."""

    kind: PartKind
    name: str
    depth: int
    """0 for the run itself; a part lies in the nearest part before it with a smaller depth."""
    status: PartStatus
    executor: str = ""
    """Who executed a step, by name."""
    model: str = ""
    input: str = field(default="", repr=False)
    """What the run or the member was asked."""
    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Of a tool call."""
    output: str = field(default="", repr=False)
    error: str = field(default="", repr=False)
    started_at: float = 0.0
    ended_at: float = 0.0
    seconds: float = 0.0
    tokens: int = 0
    step_type: str = ""
    """AgentOS's word for a step: "Step", "Parallel", "Loop"; '' for what is no step."""


@dataclass(frozen=True, slots=True)
class RunParts:
    """A run and its parts, the run first. `left_out` is how many parts there are beyond MAX_PARTS."""

    parts: tuple[RunPart, ...]
    left_out: int = 0
    version: int = 0
    """Of the component, where the run was started with one; 0 where it was not."""
    name: str = ""
    """The component's."""

    @property
    def run(self) -> RunPart:
        return self.parts[0]


def read_parts(output: Mapping[str, Any], state: RunState) -> RunParts:
    """The parts of a stored run (as `GET .../runs/{run_id}` answers); `state` is the same run's."""
    parts: list[RunPart] = [_run_part(output, state)]
    left_out = 0
    for part in inner_parts(output, state):
        if len(parts) < MAX_PARTS:
            parts.append(part)
        else:
            left_out += 1
    version = mapping(output.get("metadata")).get(_VERSION_KEY)
    return RunParts(
        tuple(parts), left_out, int(text(version)) if text(version)[:9].isdecimal() else 0, component_name(output)
    )


def component_name(run: Mapping[str, Any]) -> str:
    """The name, else the id, of the component that a stored run or member is of; '' where it does not say."""
    keys = (f"{kind}_{subject}" for kind in ("workflow", "team", "agent") for subject in ("name", "id"))
    return next((str(run[key]) for key in keys if run.get(key)), "")


def input_text(output: Mapping[str, Any]) -> str:
    """What a stored run was asked."""
    run_input = output.get("input")
    content = run_input.get("input_content") if isinstance(run_input, Mapping) else run_input
    return content if isinstance(content, str) else as_json(content) if content else ""


def unnamed_step(number: int) -> str:
    """What a step is called of which no name is known, by its number, from 1."""
    return f"step {number}"


def _step_names(output: Mapping[str, Any], state: RunState) -> dict[int, str]:
    """The names of the top-level steps by number, from 1: a step that was skipped has a result without its name."""
    names = {number: step.name for number, step in enumerate(state.steps, 1) if step.name != "step"}
    events = {number: text(event.get("step_name")) for number, event in _step_starts(output)}
    return names | {number: name for number, name in events.items() if name}


def _step_starts(output: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The events of top-level steps, with the steps' numbers."""
    for event in objects(output.get("events")):
        index = event.get("step_index")
        is_top = isinstance(index, int) and not event.get("parent_step_id") and not event.get("nested_depth")
        if isinstance(index, int) and is_top:
            yield index + 1, event


def _run_part(output: Mapping[str, Any], state: RunState) -> RunPart:
    error = ""
    if state.status is Status.ERROR:
        error = stored_error(output) or state.error or _content(output.get("content"))
    return RunPart(
        "run",
        component_name(output) or state.ref.component,
        0,
        _STATUSES.get(state.status, "running"),
        model=text(output.get("model")),
        input=input_text(output),
        output="" if error else _content(output.get("content")),
        error=error,
        started_at=_unix_seconds(output.get("created_at")),
        seconds=state.seconds,
        tokens=state.tokens,
    )


def inner_parts(output: Mapping[str, Any], state: RunState) -> Iterator[RunPart]:
    """All parts of a stored run but the run itself, which are not counted; those at the top have depth 1."""
    runs = {str(run.get("run_id")): run for run in objects(output.get("step_executor_runs"))}
    names = _step_names(output, state)
    starts: dict[int, float] = {}
    for number_, event in _step_starts(output):
        starts.setdefault(number_, _unix_seconds(event.get("created_at")))
    for number_, step in enumerate(objects(output.get("step_results")), 1):
        yield from _step_parts(step, runs, names.get(number_, ""), number_, starts.get(number_, 0.0), depth=1)
    yield from _call_parts(output, depth=1)


def _step_parts(
    step: Mapping[str, Any],
    runs: dict[str, Mapping[str, Any]],
    known_name: str,
    position: int,
    started_at: float,
    *,
    depth: int,
) -> Iterator[RunPart]:
    failed = step.get("success") is False
    # A run belongs to one step: many that name the same one would multiply its parts.
    run = runs.pop(str(step.get("step_run_id")), {})
    content = _content(step.get("content"))
    yield RunPart(
        "step",
        text(step.get("step_name")) or known_name or unnamed_step(position),
        depth,
        "failed" if failed else "paused" if step.get("is_paused") else "completed",
        executor=text(step.get("executor_name")),
        model=text(run.get("model")),
        output="" if failed else content,
        error=(text(step.get("error")) or content or "AgentOS gave no reason") if failed else "",
        started_at=started_at or _unix_seconds(run.get("created_at")),
        **_measures(step.get("metrics")),
        step_type=text(step.get("step_type")) or "Step",
    )
    if depth < _MAX_DEPTH:
        yield from _call_parts(run, depth=depth + 1)
        for number_, inner in enumerate(objects(step.get("steps")), 1):
            yield from _step_parts(inner, runs, "", number_, 0.0, depth=depth + 1)


def _call_parts(run: Mapping[str, Any], *, depth: int) -> Iterator[RunPart]:
    """The tool calls of a run in order, those of a member under the call that sent it to work."""
    members = {str(member.get("run_id")): member for member in objects(run.get("member_responses"))}
    for tool in objects(run.get("tools")):
        yield _tool_part(tool, depth)
        member = members.pop(str(tool.get("child_run_id")), None)
        if member is not None and depth < _MAX_DEPTH:
            yield from _member_parts(member, depth=depth + 1)
    for member in members.values():
        yield from _member_parts(member, depth=depth)


def _tool_part(tool: Mapping[str, Any], depth: int) -> RunPart:
    error = tool_error(tool)
    failed = bool(error)
    result = _content(tool.get("result"))
    metrics = mapping(tool.get("metrics"))
    started_at, ended_at = number(metrics.get("start_time")), number(metrics.get("end_time"))
    return RunPart(
        "tool",
        text(tool.get("tool_name")) or "a tool",
        depth,
        "failed" if failed else "completed" if tool.get("result") is not None else "pending",
        arguments=mapping(tool.get("tool_args")),
        output="" if failed else result,
        error=error,
        started_at=started_at,
        ended_at=ended_at,
        seconds=number(metrics.get("duration")) or max(0.0, ended_at - started_at),
    )


def _member_parts(member: Mapping[str, Any], *, depth: int) -> Iterator[RunPart]:
    status = _STATUSES.get(text(member.get("status")).upper(), "completed")
    content = _content(member.get("content"))
    yield RunPart(
        "member",
        component_name(member) or "a member",
        depth,
        status,
        model=text(member.get("model")),
        input=input_text(member),
        output="" if status == "failed" else content,
        error=(stored_error(member) or content or "AgentOS gave no reason") if status == "failed" else "",
        started_at=_unix_seconds(member.get("created_at")),
        **_measures(member.get("metrics")),
    )
    if depth < _MAX_DEPTH:
        yield from _call_parts(member, depth=depth + 1)


def _measures(metrics: object) -> dict[str, Any]:
    measures = read_metrics(metrics)
    return {"seconds": measures.get("seconds", 0.0), "tokens": integer(measures.get("tokens"))}


def _content(content: object) -> str:
    return content if isinstance(content, str) else "" if content is None else as_json(content)


def _unix_seconds(timestamp: object) -> float:
    moment = parse_timestamp(timestamp)
    return moment.timestamp() if moment is not None else 0.0
