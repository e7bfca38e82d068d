"""The prompts of a server that has several AgentOSes: one to run each component of each, and those that span them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mcp_types import GetPromptResult
from mcp_types import Prompt as ListedPrompt

from agentos_mcp.agentos.catalog import Inventory
from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, NotFound
from agentos_mcp.agentos.runs.history import RunSummary
from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.server import completions
from agentos_mcp.server.completions import Candidates, Completer, of_each
from agentos_mcp.server.prompts import (
    COMPARE,
    INVESTIGATE,
    Prompt,
    Prompts,
    comparison_text,
    investigation_text,
    latest_failed_run,
    own_run,
    prompts_of_components,
    rendered,
    weekly_report,
)
from agentos_mcp.tooling.argument_limits import check_argument
from agentos_mcp.tooling.context import Backend, ToolContext
from agentos_mcp.tooling.instance_calls import find_component
from agentos_mcp.tooling.instances import Instances, instances_of
from agentos_mcp.tooling.markdown import one_line


class InstancePrompts(Prompts):
    """`prod:echo` runs a component of one AgentOS; a name without one is enough where only one has it."""

    async def list_prompts(self, ctx: ToolContext) -> list[ListedPrompt]:
        instances = instances_of(ctx.mcp)
        of_components = [
            prompt.listed()
            for name, inventory in (await instances.inventories()).items()
            for prompt in self._of_instance(instances.backends[name], inventory).values()
        ]
        return [*of_components, *(prompt.listed() for prompt in self._spanning(instances).values())]

    async def get(self, ctx: ToolContext, name: str, arguments: Mapping[str, str]) -> GetPromptResult:
        """A prompt's text. Raises NotFound for an unknown prompt, InvalidRequest for invalid arguments.

        InvalidRequest, too, for a name that several AgentOSes have.
        """
        check_argument("name", name)
        prompt, backend = await self._locate(instances_of(ctx.mcp), name)
        return await rendered(prompt, ToolContext(backend, ctx.mcp) if backend is not None else ctx, arguments)

    async def completer(self, ctx: ToolContext, name: str, argument: str) -> Completer | None:
        try:
            prompt, backend = await self._locate(instances_of(ctx.mcp), name)
        except (NotFound, InvalidRequest):
            return None
        completer = prompt.completes.get(argument)
        if completer is None or backend is None:
            return completer
        own, complete_own = ToolContext(backend, ctx.mcp), completer
        return lambda _, arguments: complete_own(own, arguments)

    async def _locate(self, instances: Instances, name: str) -> tuple[Prompt, Backend | None]:
        """A prompt and the AgentOS that it is of, None where it spans them."""
        if (prompt := self._spanning(instances).get(name)) is not None:
            return prompt, None
        instance, rest = instances.split(name)
        if instance:
            backend = instances.backends[instance]
            for fresh in (False, True):
                prompts = self._of_instance(backend, await backend.catalog.inventory(fresh=fresh))
                if (prompt := prompts.get(f"{instance}:{rest}")) is not None:
                    return prompt, backend
        else:
            found = [
                (prompt, instances.backends[instance])
                for instance, inventory in (await instances.inventories()).items()
                if (prompt := self._of_instance(instances.backends[instance], inventory).get(f"{instance}:{name}"))
            ]
            if len(found) > 1:
                names = ", ".join(prompt.name for prompt, _ in found)
                raise InvalidRequest(
                    f"Several AgentOSes have {one_line(name, max_length=80)}.", f"Take one of: {names}."
                )
            if found:
                return found[0]
        raise NotFound(f"Unknown prompt: {one_line(name, max_length=80)}.", "List the prompts there are.")

    def _of_instance(self, backend: Backend, inventory: Inventory | None) -> dict[str, Prompt]:
        """Those of one AgentOS's components whose tool is available there, by name."""
        available_tools = {tool.name for tool in self._selection.listed_tools(backend)}
        return {
            f"{backend.instance}:{prompt.name}": replace(
                prompt, name=f"{backend.instance}:{prompt.name}", title=f"{prompt.title} ({backend.instance})"
            )
            for prompt in prompts_of_components(inventory)
            if available_tools.issuperset(prompt.tools)
        }

    def _spanning(self, instances: Instances) -> dict[str, Prompt]:
        """Those that are not of one component, by name."""
        available_tools = {tool.name for tool in self._selection.listed_tools(*instances.backends.values())}
        prompts = (weekly_report(available_tools, instances.listed_names), _INVESTIGATE, _COMPARE)
        return {prompt.name: prompt for prompt in prompts if available_tools.issuperset(prompt.tools)}


async def _investigate(ctx: ToolContext, arguments: Mapping[str, str]) -> str:
    instances = instances_of(ctx.mcp)
    if reference := arguments.get("run", ""):
        if not (instance := RunRef.parse(reference).instance):
            raise instances.ask_which("The run's reference does not say which AgentOS it is on.")
        return investigation_text(await own_run(ToolContext(instances.named(instance), ctx.mcp), reference))
    answers = await instances.ask_each(lambda backend: latest_failed_run(ToolContext(backend, ctx.mcp)))
    errors = [answer for answer in answers.values() if isinstance(answer, AgentOSError)]
    if len(errors) == len(answers):
        raise errors[0]
    failed_runs = [answer for answer in answers.values() if isinstance(answer, RunSummary)]
    latest = max(failed_runs, key=lambda run: run.started_at, default=None)
    return investigation_text(latest.ref if latest is not None else None)


async def _compare(ctx: ToolContext, arguments: Mapping[str, str]) -> str:
    instances = instances_of(ctx.mcp)
    agents = []
    for name in ("first", "second"):
        try:
            backend, agent = await find_component(instances, "agent", arguments[name])
        except InvalidRequest as error:
            example = f"{instances.names[0]}:{one_line(arguments[name], max_length=80)}"
            raise error.reworded(error.message, f"Say which one in '{name}', as in {example}.") from error
        agents.append((agent, backend.instance))
    return comparison_text(agents, arguments["task"])


def _of_all(completer: Completer, *, named: bool) -> Completer:
    """A completer of an argument that may be of any AgentOS. What another argument has already is left out."""

    async def complete(ctx: ToolContext, arguments: Mapping[str, str]) -> Candidates:
        found = await of_each(ctx, completer, {}, instances_of(ctx.mcp), named=named)
        return replace(found, values=tuple(value for value in found.values if value[0] not in arguments.values()))

    return complete


_INVESTIGATE = replace(
    INVESTIGATE, render=_investigate, completes={"run": _of_all(completions.failed_runs, named=False)}
)
_COMPARE = replace(
    COMPARE,
    render=_compare,
    completes=dict.fromkeys(("first", "second"), _of_all(completions.components("agent"), named=True)),
)
