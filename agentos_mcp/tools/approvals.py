"""What waits for an admin's yes or no."""

from __future__ import annotations

from agentos_mcp.bridge.toolset import DATABASE, Toolset

TOOLSET = Toolset(
    "approvals",
    "An approval is an admin's yes or no that a paused run waits for.",
    needs=DATABASE,
)
