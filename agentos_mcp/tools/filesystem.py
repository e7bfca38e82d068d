"""The files that agents keep."""

from __future__ import annotations

from agentos_mcp.bridge.toolset import Toolset

TOOLSET = Toolset(
    "filesystem",
    "Agents keep files in namespaces; these tools read them.",
)
