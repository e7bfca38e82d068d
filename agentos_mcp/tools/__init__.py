"""The toolsets, one file each. This tuple is the only list of them."""

from __future__ import annotations

from agentos_mcp.tooling.tool_spec import Toolset
from agentos_mcp.tools import (
    approvals,
    components,
    databases,
    filesystem,
    learnings,
    memory,
    metrics,
    queue,
    runs,
    sessions,
)
from agentos_mcp.tools import catalog as catalog
from agentos_mcp.tools.evals import tools as evals
from agentos_mcp.tools.knowledge import tools as knowledge
from agentos_mcp.tools.schedules import tools as schedules
from agentos_mcp.tools.traces import tools as traces

TOOLSETS: tuple[Toolset, ...] = (
    catalog.TOOLSET,
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
