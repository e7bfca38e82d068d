"""How hints name actions to a model: by the tools that this server lists, and by no others."""

from __future__ import annotations

from dataclasses import replace

from agentos_mcp.agentos.hints import PLAIN, Action, Parameter
from agentos_mcp.server.tool_selection import ToolSelection
from agentos_mcp.tooling.context import Backend


class ToolSurface:
    """Names a tool where it is listed; an action without one is left out of a hint."""

    def __init__(self, selection: ToolSelection, backend: Backend | None) -> None:
        self._selection = selection
        self._tool_names = frozenset(tool.name for tool in selection.tools)
        self._backend = backend

    def action(self, action: Action) -> str:
        if action.name not in self._tool_names or self._selection.unavailable_reason(action.name, self._backend):
            return ""
        # A result that is about a run ends with its reference: it is not repeated.
        left_out = {"run", *(self._backend.settings.hidden_parameters if self._backend is not None else ())}
        arguments = {name: value for name, value in action.arguments.items() if name not in left_out}
        return PLAIN.action(replace(action, arguments=arguments))

    def parameter(self, parameter: Parameter) -> str:
        return PLAIN.parameter(parameter)
