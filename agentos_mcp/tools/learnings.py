"""What agents have learned by themselves."""

from __future__ import annotations

from agentos_mcp.bridge.toolset import DATABASE, Toolset

TOOLSET = Toolset(
    "learnings",
    "Learnings are what agents noted by themselves, by type.",
    needs=DATABASE,
)
