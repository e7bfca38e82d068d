"""Traces: what AgentOS's parts did and how long each took."""

from __future__ import annotations

from agentos_mcp.bridge.toolset import DATABASE, Toolset

TOOLSET = Toolset(
    "traces",
    "A trace is one request through AgentOS as a tree of spans with times.",
    needs=DATABASE,
)
