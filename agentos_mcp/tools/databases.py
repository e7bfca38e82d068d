"""AgentOS as a whole, and its databases."""

from __future__ import annotations

from agentos_mcp.bridge.toolset import Toolset

TOOLSET = Toolset(
    "databases",
    "get_config says what this AgentOS is made of.",
)
