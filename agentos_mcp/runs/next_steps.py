"""What to try after a run, by how it ended and what failed in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agentos_mcp.agentos.plain_text import as_json, as_name
from agentos_mcp.agentos.runs.run import RunState, Status
from agentos_mcp.tooling.markdown import ORPHANED_NEXT, one_line


@dataclass(frozen=True)
class Failure:
    """`where` is the step, the member or the run; `tool` is '' where no tool failed."""

    where: str
    error: str
    tool: str = ""
    args: str = ""


def next_steps(state: RunState, failures: Sequence[Failure]) -> str:
    """One or two sentences, by the first of the failures."""
    match state.status:
        case Status.PENDING | Status.RUNNING if state.orphaned:
            return ORPHANED_NEXT
        case Status.PENDING | Status.RUNNING:
            return "get_run follows it to its end; cancel_run stops it."
        case Status.PAUSED:
            waiting = ", ".join(dict.fromkeys(_waits_for(state.requirements)))
            return f"continue_run answers it{f' (it asks about {one_line(waiting)})' if waiting else ''}."
        case Status.CANCELLED:
            return "Run it again with the same message if it is still wanted."
    if not failures:
        return "Nothing failed; get_run has the whole answer."
    first = failures[0]
    if first.tool:
        return (
            f"Look at the arguments of {as_name(first.tool)}: if they are wrong, say in the message what they should "
            "be; if they are right, the tool itself or what it reaches is broken."
        )
    if move := _provider_move(first.error):
        return move
    if state.status is Status.COMPLETED:
        return f"The answer was made without {first.where}: mend what its error names and run it again."
    return "Mend what the error names and run it again; the AgentOS's own log has the traceback."


def arguments(args: object) -> str:
    """A tool's arguments as they are written in a call: `city="Rome", days=2`."""
    if not isinstance(args, Mapping):
        return ""
    return ", ".join(f"{name}={as_json(value)}" for name, value in args.items())


_PROVIDER_MOVES: tuple[tuple[str, str], ...] = (
    (
        r"credit|billing|insufficient_quota|exceeded your current quota|payment",
        "The model's provider wants money: add credit there, or let the component use another model.",
    ),
    (
        r"rate.?limit|too many requests|overloaded|unavailable|\b(429|502|503|529)\b",
        "The model's provider is limiting or overloaded: wait a minute and run it again.",
    ),
    (
        r"api.?key|unauthorized|authentication|\b401\b",
        "The AgentOS has no valid key for its model's provider: set it in the AgentOS's environment and restart it.",
    ),
    (
        r"context.length|maximum context|too many tokens|prompt is too long",
        "The conversation is too long for the model: shorten the message, or leave session_id out.",
    ),
    (r"timed out|timeout", "Something did not answer in time: run it again."),
)


def _provider_move(error: str) -> str:
    return next((move for signs, move in _PROVIDER_MOVES if re.search(signs, error, re.IGNORECASE)), "")


def _waits_for(requirements: Iterable[object]) -> Iterator[str]:
    for need in requirements:
        if not isinstance(need, Mapping):
            continue
        inner, tool = need.get("executor_requirements"), need.get("tool_execution")
        if isinstance(inner, list) and inner:
            yield from _waits_for(inner)
        elif isinstance(tool, Mapping):
            yield f"{tool.get('tool_name') or 'a tool'}({arguments(tool.get('tool_args'))})"
        elif need.get("step_name"):
            yield f"step {need['step_name']}"
