"""Prompts: one to run each component, and a few for common questions about an AgentOS."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import quote

from mcp_types import GetPromptResult, PromptArgument, PromptMessage, TextContent
from mcp_types import Prompt as ListedPrompt

from agentos_mcp.agentos.catalog import Component, Inventory, display_id
from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, NotFound
from agentos_mcp.agentos.hints import Action, as_hint, hint
from agentos_mcp.agentos.inputs.component_inputs import input_lines
from agentos_mcp.agentos.plain_text import as_json
from agentos_mcp.agentos.runs.history import MAX_SESSIONS, RunSummary
from agentos_mcp.agentos.runs.history import list_runs as list_stored_runs
from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.agentos.timestamps import local_now
from agentos_mcp.server import completions
from agentos_mcp.server.completions import Completer
from agentos_mcp.server.tool_selection import ToolSelection
from agentos_mcp.tooling.argument_limits import MAX_NAME_LENGTH, MAX_PATH_LENGTH, MAX_TEXT_LENGTH, check_argument
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.markdown import fenced, one_line

_REPORT_DAYS = 7
_MAX_LENGTHS = {"message": MAX_TEXT_LENGTH, "task": MAX_TEXT_LENGTH, "run": MAX_PATH_LENGTH}
"""Characters of an argument, where it may be longer than a name."""
_PLACEHOLDER = re.compile(r"\$(\d{1,2}|ARGUMENTS)")
"""What stands for words that come later: opencode asks with `$1`, `$2` to make a command of a prompt."""
_RUN_INSTRUCTIONS = (
    as_hint("Show me its progress.")
    + hint(
        "When it asks for something, ask me, and give it my answer with {answer}; never answer for me.",
        answer=Action.of("continue_run"),
        otherwise="When it asks for something, tell me; never answer for me.",
    )
    + hint("If it takes longer than the call, continue with {get}.", get=Action.of("get_run"))
    + "Then show me its answer."
)


@dataclass(frozen=True)
class Prompt:
    """A prompt and its text. `tools` are those that the text asks to call: without them it is not listed."""

    name: str
    title: str
    description: str
    render: Callable[[ToolContext, Mapping[str, str]], Awaitable[str]]
    tools: tuple[str, ...]
    arguments: tuple[PromptArgument, ...] = ()
    completes: Mapping[str, Completer] = field(default_factory=dict)
    open_text: Callable[[Mapping[str, str]], str] | None = None
    """The text where an argument is a placeholder, which nothing can be looked up by; None: as any other."""

    def listed(self) -> ListedPrompt:
        """As clients are shown it."""
        return ListedPrompt(
            name=self.name, title=self.title, description=self.description, arguments=list(self.arguments)
        )

    def describe_arguments(self) -> str:
        names = [f"{argument.name} (required)" if argument.required else argument.name for argument in self.arguments]
        return f"{self.name} takes {', '.join(names)}." if names else f"{self.name} takes no arguments."


def _argument(name: str, description: str, *, required: bool = True) -> PromptArgument:
    return PromptArgument(name=name, description=description, required=required)


async def _investigate(ctx: ToolContext, arguments: Mapping[str, str]) -> str:
    if reference := arguments.get("run", ""):
        return investigation_text(await own_run(ctx, reference))
    latest = await latest_failed_run(ctx)
    return investigation_text(latest.ref if latest is not None else None)


async def own_run(ctx: ToolContext, reference: str) -> RunRef:
    """The run that a reference names. Raises NotFound where it is another user's."""
    ref = ctx.run_ref(reference)
    if ctx.ownership.user_id:
        await ctx.engine.read(ref)
    return ref


async def latest_failed_run(ctx: ToolContext) -> RunSummary | None:
    found = await list_stored_runs(ctx.agent_os, ctx.catalog, user_id=ctx.ownership.user_id, status="failed", limit=1)
    return found.runs[0] if found.runs else None


def investigation_text(ref: RunRef | None) -> str:
    """What to do about a run that failed; None: there is none."""
    if ref is None:
        return (
            f"No run failed in the {MAX_SESSIONS} latest sessions of this AgentOS. Tell me so, and ask me for "
            "the reference of the run that I mean (run: ... at the end of its result)."
        )
    return _investigation(str(ref))


def _open_investigation(arguments: Mapping[str, str]) -> str:
    return _investigation(
        f"{arguments['run']} (if no reference stands here, the latest run that failed: find it first)"
    )


def _investigation(run: str) -> str:
    return (
        f"Find out why this run failed: {run}\n"
        "Call explain_run with it. Say in plain words what happened, in which step or tool, and why; then what to "
        "change so that it works. Do not run anything again before I have agreed."
    )


async def _compare(ctx: ToolContext, arguments: Mapping[str, str]) -> str:
    first, second = [await ctx.catalog.find("agent", arguments[name]) for name in ("first", "second")]
    return comparison_text(((first, ""), (second, "")), arguments["task"])


def comparison_text(agents: Sequence[tuple[Component, str]], task: str) -> str:
    """How two agents are compared, each with the name of its AgentOS, where there are several.

    Raises InvalidRequest where both are the same.
    """
    if len({(agent.id, instance) for agent, instance in agents}) < len(agents):
        raise InvalidRequest(f"Both are the agent '{display_id(agents[0][0].id)}'.", "Name two agents.")
    return _comparison([_call("agent", agent.id, task, instance) for agent, instance in agents])


def _open_comparison(arguments: Mapping[str, str]) -> str:
    return _comparison([_call("agent", arguments[name], arguments["task"]) for name in ("first", "second")])


def _comparison(calls: Sequence[str]) -> str:
    return (
        "Compare two agents of AgentOS on the same task: call run_agent once for each, with these arguments.\n"
        + "\n".join(calls)
        + "\nThen compare their answers: what is right, what is missing, how long each took and how many tokens it "
        "used. Say which one you would take for such tasks, and why. If one asks for something, ask me."
    )


_REPORT_STEPS = (
    ("list_runs", "list_runs(since={since}, limit=100) for what ran, by component and status"),
    ("refresh_metrics", "refresh_metrics, so that the next is up to date"),
    ("get_metrics", "get_metrics(since={since}) for runs, users and tokens by day"),
    ("explain_run", "explain_run for each run that failed (the latest five at most)"),
    ("list_schedules", "list_schedules for what will run by itself"),
)


def weekly_report(available_tools: Collection[str], instance_names: str = "") -> Prompt:
    """It asks only for calls of tools that are available. `instance_names` are those of several AgentOSes."""
    where = f"the AgentOSes {instance_names}" if instance_names else "this AgentOS"
    # It writes, and what writes is for one of them.
    once_each = f"Call refresh_metrics once for each, with its name as instance: {instance_names}.\n"
    needs_each = bool(instance_names) and "refresh_metrics" in available_tools

    async def render(ctx: ToolContext, arguments: Mapping[str, str]) -> str:
        today = local_now().date()
        since = today - timedelta(days=_REPORT_DAYS)
        steps = "\n".join(f"- {step.format(since=since)}" for tool, step in _REPORT_STEPS if tool in available_tools)
        return (
            f"Write a report of what ran on {where} from {since} to {today}. Call:\n{steps}\n"
            f"{once_each if needs_each else ''}"
            "Report on one page: how many runs there were, of which components, how many failed and why, what they "
            "cost in tokens (and money, if you are told), and what I should look at. Say what you could not find out."
        )

    return Prompt(
        "weekly_report",
        "Weekly report",
        "What ran in the last 7 days: runs, failures, cost.",
        render,
        ("list_runs",),
    )


INVESTIGATE = Prompt(
    "investigate_failed_run",
    "Investigate a failed run",
    "Why a run failed, and what to change: the latest failed one, or the one you name.",
    _investigate,
    ("explain_run",),
    (_argument("run", "Run reference; the latest failed run if empty", required=False),),
    {"run": completions.failed_runs},
    _open_investigation,
)
COMPARE = Prompt(
    "compare_agents",
    "Compare two agents",
    "Give two agents the same task and compare their answers.",
    _compare,
    ("run_agent",),
    (
        _argument("first", "An agent, by id or name"),
        _argument("second", "Another agent"),
        _argument("task", "What both should do"),
    ),
    {"first": completions.components("agent"), "second": completions.other_agents},
    _open_comparison,
)


class Prompts:
    """The prompts of one server: those whose tools are available."""

    def __init__(self, selection: ToolSelection) -> None:
        self._selection = selection

    async def list_prompts(self, ctx: ToolContext) -> list[ListedPrompt]:
        prompts = self._prompts(ctx, await ctx.catalog.inventory_or_last_known())
        return [prompt.listed() for prompt in prompts.values()]

    async def get(self, ctx: ToolContext, name: str, arguments: Mapping[str, str]) -> GetPromptResult:
        """A prompt's text. Raises NotFound for an unknown prompt, InvalidRequest for invalid arguments."""
        check_argument("name", name)
        return await rendered(await self._find(ctx, name), ctx, arguments)

    async def completer(self, ctx: ToolContext, name: str, argument: str) -> Completer | None:
        try:
            return (await self._find(ctx, name)).completes.get(argument)
        except NotFound:
            return None

    async def _find(self, ctx: ToolContext, name: str) -> Prompt:
        if (prompt := self._prompts(ctx, None).get(name)) is not None:
            return prompt
        for fresh in (False, True):
            if (prompt := self._prompts(ctx, await ctx.catalog.inventory(fresh=fresh)).get(name)) is not None:
                return prompt
        raise NotFound(f"Unknown prompt: {one_line(name, max_length=80)}.", "List the prompts there are.")

    def _prompts(self, ctx: ToolContext, inventory: Inventory | None) -> dict[str, Prompt]:
        """All prompts whose tools are available, by name; those of components only where the inventory is known."""
        available_tools = {tool.name for tool in self._selection.listed_tools(ctx.backend)}
        fixed = [weekly_report(available_tools), INVESTIGATE, COMPARE]
        of_components = prompts_of_components(inventory, {prompt.name for prompt in fixed})
        return {prompt.name: prompt for prompt in (*of_components, *fixed) if available_tools.issuperset(prompt.tools)}


async def rendered(prompt: Prompt, ctx: ToolContext, arguments: Mapping[str, str]) -> GetPromptResult:
    """A prompt's text. Raises InvalidRequest for invalid arguments."""
    known = {argument.name for argument in prompt.arguments}
    if unknown := [argument for argument in arguments if argument not in known]:
        raise InvalidRequest(
            f"There is no argument '{one_line(unknown[0], max_length=80)}'.", prompt.describe_arguments()
        )
    for key, value in arguments.items():
        check_argument(key, value, _MAX_LENGTHS.get(key, MAX_NAME_LENGTH))
    for argument in prompt.arguments:
        if argument.required and not arguments.get(argument.name, "").strip():
            raise InvalidRequest(f"'{argument.name}' is missing.", prompt.describe_arguments())
    is_open = any(_PLACEHOLDER.fullmatch(value.strip()) for value in arguments.values())
    text = prompt.open_text(arguments) if is_open and prompt.open_text else await prompt.render(ctx, arguments)
    return GetPromptResult(
        description=prompt.description,
        messages=[PromptMessage(role="user", content=TextContent(type="text", text=text))],
    )


def prompts_of_components(inventory: Inventory | None, taken_names: Collection[str] = ()) -> list[Prompt]:
    """A prompt for each component, by its id; with its kind before that where the id is another's too."""
    if inventory is None:
        return []
    components = inventory.sorted_components()
    id_counts = Counter(component.id for component in components)
    prompts: dict[str, Prompt] = {}
    suffixes: Counter[str] = Counter()
    for component in components:
        # A name that people type after a slash: ASCII alone.
        base = quote(component.id, safe="-._~@+:", errors="surrogatepass")
        if id_counts[component.id] > 1 or base in taken_names:
            base = f"{component.kind}-{base}"
        name = base
        while name in prompts or name in taken_names:
            suffixes[base] += 1
            name = f"{base}-{suffixes[base]}"
        prompts[name] = _of_component(name, component)
    return list(prompts.values())


def _of_component(name: str, component: Component) -> Prompt:
    async def render(ctx: ToolContext, arguments: Mapping[str, str]) -> str:
        tool = f"run_{component.kind}"
        lines = [
            f"Run the {component.kind} {display_id(component.id)} of AgentOS: call {tool} with these arguments.",
            _call(component.kind, component.id, arguments["message"], ctx.backend.instance),
            _RUN_INSTRUCTIONS.render(ctx.surface),
        ]
        if component.is_factory:
            lines.insert(2, f"It is built for each run. {await _inputs_text(ctx, component)}".strip())
        return "\n".join(lines)

    return Prompt(
        name,
        one_line(component.name, max_length=60),
        one_line(component.description) or f"Run the {component.kind} {display_id(component.id)}.",
        render,
        (f"run_{component.kind}",),
        (_argument("message", "The input, in your words"),),
        {"message": completions.quick_prompts(component)},
    )


async def _inputs_text(ctx: ToolContext, component: Component) -> str:
    """What a component takes beside the message, as far as the token may read that."""
    try:
        detail = await ctx.catalog.detail(component.kind, component.id)
    except AgentOSError:
        return ""
    return "\n".join(input_lines(detail, ctx.surface))


def _call(kind: str, component_id: str, message: str, instance: str = "") -> str:
    """A call's arguments, fenced: neither the id nor the message can pass for instructions of this server."""
    arguments = {f"{kind}_id": component_id, "message": message}
    return fenced(as_json(arguments | ({"instance": instance} if instance else {})))
