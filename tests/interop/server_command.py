"""How our server is started for clients that are not installed into, and the tools that it has to offer."""

from __future__ import annotations

import sys

from scripts.surface.tool_list import listed
from tests.interop.conversation import WAIT_SECONDS

DEFAULT_TOOLS = sorted(tool.name for tool in listed() if tool.declared.default)


def serve_command(agentos: str, *arguments: str) -> list[str]:
    """The words that start it for this AgentOS."""
    return [sys.executable, "-m", "agentos_mcp", "serve", "--url", agentos, "--wait", str(WAIT_SECONDS), *arguments]
