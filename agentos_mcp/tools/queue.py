"""AgentOS's durable job queue."""

from __future__ import annotations

from agentos_mcp.bridge.toolset import Toolset

TOOLSET = Toolset(
    "queue",
    "The queue holds runs that wait for a worker.",
)
