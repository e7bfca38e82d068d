"""The toolsets, one file each. This tuple is the only list of them."""

from __future__ import annotations

from agentos_mcp.bridge.toolset import Toolset
from agentos_mcp.tools import catalogue, knowledge, memory, runs, sessions

TOOLSETS: tuple[Toolset, ...] = (catalogue.TOOLSET, runs.TOOLSET, sessions.TOOLSET, memory.TOOLSET, knowledge.TOOLSET)
