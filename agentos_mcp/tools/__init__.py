"""The toolsets, one file each. This tuple is the only list of them."""

from __future__ import annotations

from agentos_mcp.bridge.toolset import Toolset
from agentos_mcp.tools import (
    approvals,
    catalogue,
    components,
    databases,
    evals,
    filesystem,
    knowledge,
    learnings,
    memory,
    metrics,
    queue,
    runs,
    schedules,
    sessions,
    traces,
)

TOOLSETS: tuple[Toolset, ...] = (
    catalogue.TOOLSET,
    runs.TOOLSET,
    sessions.TOOLSET,
    memory.TOOLSET,
    knowledge.TOOLSET,
    traces.TOOLSET,
    metrics.TOOLSET,
    evals.TOOLSET,
    approvals.TOOLSET,
    schedules.TOOLSET,
    learnings.TOOLSET,
    filesystem.TOOLSET,
    components.TOOLSET,
    queue.TOOLSET,
    databases.TOOLSET,
)
