"""How long a call may wait for its run, by what is known of the clients that call.

A client drops a call that takes too long, and what it knew with it. So a call answers before its
client's limit, with where the run stands; another call keeps waiting.
"""

from __future__ import annotations

from agentos_mcp.tooling.context import ToolContext

DEFAULT_SECONDS = 45.0
MAX_SECONDS = 3600.0

# Their limits for one tool call, measured or documented: Claude Desktop 60 s, Codex 60 s (300 s in
# later versions), opencode 60 s, Claude Code moves calls to the background after 2 min, VS Code and
# Gemini CLI 10 min.
_BY_CLIENT = (
    ("claude-code", 100.0),
    ("claude-ai", DEFAULT_SECONDS),
    ("codex", DEFAULT_SECONDS),
    ("opencode", DEFAULT_SECONDS),
    ("visual studio code", 240.0),
    ("gemini-cli", 240.0),
)


def client_wait_seconds(client_name: str) -> float:
    """Seconds that a call of this client may wait for its run."""
    name = client_name.casefold()
    return next((seconds for part, seconds in _BY_CLIENT if part in name), DEFAULT_SECONDS)


def wait_seconds(ctx: ToolContext, requested: float) -> float:
    """Seconds for this call: what it asks for, else the setting, else what its client can bear."""
    if requested > 0:
        return min(requested, MAX_SECONDS)
    if ctx.settings.wait > 0:
        return ctx.settings.wait
    return client_wait_seconds(ctx.client_name)
