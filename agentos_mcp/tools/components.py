"""Stored configurations of components, and what they can be built of."""

from __future__ import annotations

from agentos_mcp.bridge.toolset import Toolset

TOOLSET = Toolset(
    "components",
    "Stored components have versions; the registry lists what they are built of.",
)
