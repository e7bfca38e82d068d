"""Evaluations of agents and teams."""

from __future__ import annotations

from agentos_mcp.bridge.toolset import DATABASE, Toolset

TOOLSET = Toolset(
    "evals",
    "An eval runs an agent or team and judges its answer.",
    needs=DATABASE,
)
