"""Runs at set times."""

from __future__ import annotations

from agentos_mcp.bridge.toolset import DATABASE, Toolset

TOOLSET = Toolset(
    "schedules",
    "A schedule calls an endpoint of AgentOS at set times.",
    needs=DATABASE,
)
