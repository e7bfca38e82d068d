"""The resources of a server that has several AgentOSes: lists are of all, an id begins with the name of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mcp_types import Resource, ResourceTemplate

from agentos_mcp.agentos.catalog import Inventory
from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.server.completions import Candidates, Completer, of_each
from agentos_mcp.server.resources import RUN_URI_PREFIX, Resources, ResourceSpec, resources_of, templates_of, text_of
from agentos_mcp.tooling.context import Backend, ToolContext
from agentos_mcp.tooling.instance_calls import call_each, find_component
from agentos_mcp.tooling.instances import Instances, instances_of
from agentos_mcp.tooling.tool_spec import Result


class InstanceResources(Resources):
    """agentos://agents is of all AgentOSes, agentos://agents/prod:echo is on one; a run's URI has its reference."""

    async def list_resources(self, ctx: ToolContext, listed_prompts: int) -> list[Resource]:
        """The resources without variables, then one for each component of each AgentOS, within the same limit."""
        inventories = await instances_of(ctx.mcp).inventories()
        of_components = [
            resource for name, inventory in inventories.items() for resource in self._of_components(inventory, name)
        ]
        return self._within_limit(resources_of(self._specs_of_any(ctx, inventories)), of_components, listed_prompts)

    async def list_templates(self, ctx: ToolContext) -> list[ResourceTemplate]:
        specs = self._specs_of_any(ctx, await instances_of(ctx.mcp).inventories())
        return templates_of(
            replace(spec, description=f"{spec.description} {{{spec.first_variable}}} begins with the AgentOS: NAME:...")
            for spec in specs
            if spec.is_template
        )

    async def read(self, ctx: ToolContext, uri: str) -> str:
        """The text of a resource, of all AgentOSes where it is a list. `ctx` is of the one that a run is on.

        Raises NotFound where there is none of that URI, InvalidRequest where it does not say which AgentOS is meant.
        """
        spec, variables = self._find(uri)
        if spec.template.startswith(RUN_URI_PREFIX):
            return await super().read(ctx, uri)
        instances = instances_of(ctx.mcp)
        if spec.is_template:
            backend, variables = await self._locate(instances, spec, variables)
            own = ToolContext(backend, ctx.mcp)
            return instances.mask(text_of(own, await self._read(own, spec, variables)))

        async def read_each(backend: Backend) -> Result:
            return await self._read(ToolContext(backend, ctx.mcp), spec, {})

        result = await call_each(
            instances, read_each, lambda backend: ToolContext(backend, ctx.mcp).surface, ctx.result_tokens
        )
        return instances.mask(text_of(ctx, result))

    def completer(self, template: str, variable: str, typed: str = "") -> Completer | None:
        """What completes a variable: the first of a template says which AgentOS it is, those behind it are of that."""
        completer = super().completer(template, variable)
        spec = next((spec for spec in self._specs if spec.template == template), None)
        if completer is None or spec is None:
            return None
        is_first = variable == spec.first_variable

        async def complete(ctx: ToolContext, arguments: Mapping[str, str]) -> Candidates:
            instances = instances_of(ctx.mcp)
            name, rest = instances.split(typed if is_first else arguments.get(spec.first_variable, ""))
            if not name:
                return await of_each(ctx, completer, arguments, instances, named=is_first)
            if not is_first:
                arguments = {**arguments, spec.first_variable: rest}
            candidates = await completer(ToolContext(instances.backends[name], ctx.mcp), arguments)
            return candidates.of_instance(name) if is_first else candidates

        return complete

    def _specs_of_any(self, ctx: ToolContext, inventories: Mapping[str, Inventory | None]) -> list[ResourceSpec]:
        """Those that any of these AgentOSes has, as far as that is known."""
        instances = instances_of(ctx.mcp)
        available = {
            spec.template
            for name, inventory in inventories.items()
            for spec in self._available_specs(ToolContext(instances.backends[name], ctx.mcp), inventory)
        }
        return [spec for spec in self._specs if spec.template in available]

    async def _locate(
        self, instances: Instances, spec: ResourceSpec, variables: Mapping[str, str]
    ) -> tuple[Backend, dict[str, str]]:
        """The AgentOS that a URI is of, and its variables without the name of that."""
        first = spec.first_variable
        name, rest = instances.split(variables[first])
        if name:
            return instances.backends[name], {**variables, first: rest}
        example = f"agentos://{spec.name}".replace(f"{{{first}}}", f"{instances.names[0]}:{{{first}}}")
        advice = f"Say which one in the URI, as in {example}. There are: {instances.listed_names}."
        if spec.kind is None:
            raise InvalidRequest("There are several AgentOSes, and this is of one of them.", advice)
        try:
            backend, _ = await find_component(instances, spec.kind, variables[first])
        except InvalidRequest as error:
            raise error.reworded(error.message, advice) from error
        return backend, dict(variables)
