"""How long a call may wait for its run, by what is known of the clients that call.

A client drops a call that takes too long, and what it knew with it. So a call answers before its
client's limit, with where the run stands; another call goes on waiting.
"""

from __future__ import annotations

from agentos_mcp.tooling.context import ToolContext

DEFAULT = 45.0
LONGEST = 3600.0

# Their limits for one tool call, measured or documented: Claude Desktop 60 s, Codex 60 s (300 s in
# later versions), opencode 60 s, Claude Code moves calls to the background after 2 min, VS Code and
# Gemini CLI 10 min.
_BY_CLIENT = (
    ("claude-code", 100.0),
    ("claude-ai", DEFAULT),
    ("codex", DEFAULT),
    ("opencode", DEFAULT),
    ("visual studio code", 240.0),
    ("gemini-cli", 240.0),
)


def wait_seconds(ctx: ToolContext, asked: float) -> float:
    """Seconds for this call: what it asks for, else the setting, else what its client can bear."""
    if asked > 0:
        return min(asked, LONGEST)
    if ctx.settings.wait > 0:
        return ctx.settings.wait
    name = ctx.client_name.casefold()
    return next((seconds for part, seconds in _BY_CLIENT if part in name), DEFAULT)
