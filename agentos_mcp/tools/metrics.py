"""AgentOS's figures: runs, sessions, tokens and users by day."""

from __future__ import annotations

from agentos_mcp.bridge.toolset import DATABASE, Toolset

TOOLSET = Toolset(
    "metrics",
    "Metrics are figures by day; refresh_metrics brings them up to date.",
    needs=DATABASE,
)
