"""Agents, teams and workflows: lists, and each in detail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentos_mcp.agentos.catalog import display_id, to_show
from agentos_mcp.agentos.hints import Action, as_hint, hint
from agentos_mcp.agentos.inputs.component_inputs import input_lines
from agentos_mcp.agentos.json_values import mapping, objects, values
from agentos_mcp.agentos.plain_text import as_field, as_name
from agentos_mcp.agentos.runs.run import KINDS, Kind
from agentos_mcp.agentos.scopes import MAY_READ
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.markdown import one_line
from agentos_mcp.tooling.parameters import AnyKind, ComponentId
from agentos_mcp.tooling.results import Document, Table
from agentos_mcp.tooling.tool_spec import Toolset, read

_MAX_ARGUMENTS = 12


async def list_agents(ctx: ToolContext) -> Table:
    """Agents, and what each is for."""
    return await _list_components(ctx, "agent")


async def list_teams(ctx: ToolContext) -> Table:
    """Teams of agents, and what each does."""
    return await _list_components(ctx, "team")


async def list_workflows(ctx: ToolContext) -> Table:
    """Workflows (pipelines of steps) to start, and what each is for."""
    return await _list_components(ctx, "workflow")


async def get_component(ctx: ToolContext, id: ComponentId, kind: AnyKind = "") -> Document:
    """One agent, team or workflow in detail: what to fill in to start it, model, tools, members, steps."""
    component = await ctx.catalog.find_to_read(kind, id, to_show)
    page = await ctx.catalog.detail(component.kind, component.id)
    lines = [f"# {as_name(component.name)} ({component.kind} {display_id(component.id)})"]
    if component.description or page.get("description"):
        lines.append(f"About: {one_line(component.description or str(page['description']), max_length=600)}")
    lines += _part_lines("", page)
    if component.is_factory or page.get("is_factory"):
        lines.append("Built anew for every run by a factory.")
    lines += input_lines(page, ctx.surface)
    contents = {"kind": component.kind, "id": component.id, "name": component.name, **page}
    return Document("\n".join(lines), contents)


async def _list_components(ctx: ToolContext, kind: Kind) -> Table:
    first, second = (Action.of(f"list_{other}s") for other in KINDS if other != kind)
    return Table(
        ("id", "name", "description", "needs"),
        [
            (component.id, component.name, component.description, ", ".join(component.required_inputs))
            for component in await ctx.catalog.current_components(kind)
        ],
        empty=as_hint(f"This AgentOS has no {kind}s.") + hint("See {first} and {second}.", first=first, second=second),
    )


def _part_lines(indent: str, page: Mapping[str, Any]) -> list[str]:
    """What a component is made of, a line each."""
    lines = []
    model = page.get("model")
    if isinstance(model, Mapping) and model.get("model"):
        lines.append(
            f"{indent}Model: {as_name(model.get('model'))} ({as_name(model.get('provider') or 'unknown provider')})"
        )
    lines += [f"{indent}Tool {tool}" for tool in _tools_of(page)]
    for key, title in (("knowledge", "Knowledge"), ("memory", "Memory")):
        if page.get(key):
            lines.append(f"{indent}{title}: yes")
    for member in objects(page.get("members")):
        lines.append(f"{indent}Member {as_name(member.get('name') or member.get('id'))}")
        lines += _part_lines(indent + "  ", member)
    for number, step in enumerate(_steps_of(page), 1):
        lines.append(f"{indent}Step {number}: {_step_text(step)}")
        lines += [f"{indent}  {_step_text(inner)}" for inner in _steps_of(step)]
    return lines


def _steps_of(page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return objects(page.get("steps"))


def _step_text(step: Mapping[str, Any]) -> str:
    executor = next(
        (
            f"{kind} {as_name(component.get('name') or component.get('id'))}"
            for kind in ("agent", "team", "workflow")
            if isinstance(component := step.get(kind), Mapping)
        ),
        as_name(step.get("type") or "") if step.get("type") != "Step" else "function",
    )
    title = f"{as_name(step.get('name') or 'unnamed')} ({executor})"
    return f"{title}: {one_line(str(step['description']))}" if step.get("description") else title


def _tools_of(page: Mapping[str, Any]) -> list[str]:
    """Each tool with its arguments, "?" behind those that may be left out: `send(to, subject?): Sends a mail.`"""
    return [
        f"{as_name(tool['name'])}({_arguments_text(mapping(tool.get('parameters')))})"
        f": {one_line(str(tool.get('description') or ''), max_length=160)}".rstrip(": ")
        for tool in objects(mapping(page.get("tools")).get("tools"))
        if tool.get("name")
    ]


def _arguments_text(schema: Mapping[str, Any]) -> str:
    names, required = list(mapping(schema.get("properties"))), values(schema.get("required"))
    shown = [f"{as_field(name)}{'' if name in required else '?'}" for name in names[:_MAX_ARGUMENTS]]
    return ", ".join([*shown, f"{len(names) - len(shown)} more"] if len(names) > len(shown) else shown)


TOOLSET = Toolset(
    "catalog",
    hint(
        "{agents}, {teams} and {workflows} say what there is.",
        agents=Action.of("list_agents"),
        teams=Action.of("list_teams"),
        workflows=Action.of("list_workflows"),
    )
    + hint("{get} shows one in detail.", get=Action.of("get_component")),
    read(list_agents, default=True, scopes=("agents:read", "config:read")),
    read(list_teams, default=True, scopes=("teams:read", "config:read")),
    read(list_workflows, default=True, scopes=("workflows:read", "config:read")),
    read(get_component, default=True, scopes=(*MAY_READ, "config:read")),
)
