"""What to try after a run, by how it ended and what failed in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agentos_mcp.agentos.agentos_messages import ProviderProblem, provider_problem
from agentos_mcp.agentos.hints import Action, Hint, as_hint, hint
from agentos_mcp.agentos.plain_text import as_json, as_name
from agentos_mcp.agentos.runs.run import RunState, Status
from agentos_mcp.runs.result import ORPHANED_NEXT
from agentos_mcp.tooling.markdown import one_line


@dataclass(frozen=True)
class Failure:
    """What failed in a run: a step or a member of it, a tool that one of them called, or the run itself."""

    location: str
    """The step, the member or the run, in words: "step edit"; '' for the component itself."""
    error: str
    tool: str = ""
    """The tool that failed, '' where none did."""
    tool_arguments: str = ""
    is_step: bool = False


def next_steps(state: RunState, failures: Sequence[Failure]) -> Hint:
    """One or two sentences, by the first of the failures."""
    run = {"run": str(state.ref)}
    match state.status:
        case Status.PENDING | Status.RUNNING if state.is_orphaned:
            return ORPHANED_NEXT
        case Status.PENDING | Status.RUNNING:
            return hint(
                "{follow} follows it to its end; {cancel} stops it.",
                follow=Action.of("get_run", **run),
                cancel=Action.of("cancel_run", **run),
                otherwise="It continues by itself.",
            )
        case Status.PAUSED:
            names = ", ".join(dict.fromkeys(_waits_for(state.requirements)))
            return hint(
                "{answer} answers it{about}.",
                answer=Action.of("continue_run", **run),
                about=f" (it asks about {one_line(names)})" if names else "",
            )
        case Status.CANCELLED:
            return as_hint("Run it again with the same message if it is still wanted.")
    if not failures:
        return hint(
            "Nothing failed; {read} has the whole answer.",
            read=Action.of("get_run", **run),
            otherwise="Nothing failed.",
        )
    first = failures[0]
    if first.tool:
        return as_hint(
            f"Look at the arguments of {as_name(first.tool)}: if they are wrong, say in the message what they should "
            "be; if they are right, the tool itself or what it reaches is broken."
        )
    if (problem := provider_problem(first.error)) is not None:
        return as_hint(_PROVIDER_ADVICE[problem])
    if state.status is Status.COMPLETED:
        return as_hint(f"The answer was made without {first.location}: fix what its error names, then run it again.")
    return as_hint("Fix what the error names and run it again; AgentOS's own log has the traceback.")


def arguments(args: object) -> str:
    """A tool's arguments as they are written in a call: `city="Rome", days=2`."""
    if not isinstance(args, Mapping):
        return ""
    return ", ".join(f"{name}={as_json(value)}" for name, value in args.items())


_PROVIDER_ADVICE = {
    ProviderProblem.PAYMENT: "The model's provider requires payment: add credit there, or let the component use "
    "another model.",
    ProviderProblem.OVERLOADED: "The model's provider is limiting or overloaded: wait a minute and run it again.",
    ProviderProblem.CREDENTIALS: "The AgentOS has no valid key for its model's provider: set it in the AgentOS's "
    "environment and restart it.",
    ProviderProblem.CONTEXT_TOO_LONG: "The conversation is too long for the model: shorten the message, or leave "
    "session_id out.",
    ProviderProblem.TIMEOUT: "Something did not answer in time: run it again.",
}


def _waits_for(requirements: Iterable[object]) -> Iterator[str]:
    for requirement in requirements:
        if not isinstance(requirement, Mapping):
            continue
        inner, tool = requirement.get("executor_requirements"), requirement.get("tool_execution")
        if isinstance(inner, list) and inner:
            yield from _waits_for(inner)
        elif isinstance(tool, Mapping):
            yield f"{tool.get('tool_name') or 'a tool'}({arguments(tool.get('tool_args'))})"
        elif requirement.get("step_name"):
            yield f"step {requirement['step_name']}"
