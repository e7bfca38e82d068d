"""The tools as clients are told of them, where nobody set anything."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from agentos_mcp.settings import Settings
from agentos_mcp.tooling.mcp_tool import mcp_tool
from agentos_mcp.tooling.tool_spec import Toolset, ToolSpec
from agentos_mcp.tools import TOOLSETS
from scripts.surface.tokens import compact, count_tokens


@dataclass(frozen=True)
class Listed:
    """A tool, what its model is told of it, and what that costs."""

    toolset: Toolset
    declared: ToolSpec
    description: str
    schema: dict[str, Any]
    tokens: int

    @property
    def name(self) -> str:
        return self.declared.name

    @property
    def hint(self) -> str:
        if self.declared.destructive:
            return "destructive"
        return "reads" if self.declared.read_only else "writes"

    def snapshot(self) -> dict[str, Any]:
        """Everything about it that a review should see change."""
        return {
            "name": self.name,
            "title": self.declared.title,
            "description": self.description,
            "input_schema": self.schema,
            "hints": {
                "read_only": self.declared.read_only,
                "destructive": self.declared.destructive,
                "idempotent": self.declared.idempotent,
                "open_world": self.declared.open_world,
            },
            "toolset": self.toolset.name,
            "endpoint": self.declared.endpoint,
            "default": self.declared.default,
            "tokens": self.tokens,
        }


@cache
def listed() -> tuple[Listed, ...]:
    """Every tool of every toolset, in their order."""
    found = [(toolset, declared, mcp_tool(declared, Settings())) for toolset in TOOLSETS for declared in toolset.tools]
    texts = [
        compact({"name": tool.name, "description": tool.description, "input_schema": tool.parameters})
        for _, _, tool in found
    ]
    return tuple(
        Listed(toolset, declared, tool.description, tool.parameters, tokens)
        for (toolset, declared, tool), tokens in zip(found, count_tokens(texts), strict=True)
    )


def total(*, default_only: bool) -> tuple[int, int]:
    """How many tools, and what they cost."""
    counted = [tool.tokens for tool in listed() if tool.declared.default or not default_only]
    return len(counted), sum(counted)
