"""How long a call may wait for its run.

A client drops a call that takes too long, and what it knew with it. So a call answers before its
client's limit, with where the run stands; another call keeps waiting.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentos_mcp.agentos.formats import format_duration
from agentos_mcp.tooling.context import ToolContext


@dataclass(frozen=True)
class Wait:
    """For one call. 0 seconds: until AgentOS has taken the run."""

    seconds: float
    note: str = ""
    """Why it is shorter than what was asked for; '' where it is not."""


def call_wait(ctx: ToolContext, requested_seconds: float | None = None) -> Wait:
    """What the call asks for, as far as its client bears it; else the setting, else the client's default.

    The setting is the word of the person who also sets the client's own limit, so it counts for that.
    """
    quirks, setting = ctx.client_quirks, ctx.settings.wait
    if requested_seconds is None:
        return Wait(setting or quirks.default_wait_seconds)
    limit = max(quirks.max_wait_seconds, setting)
    if requested_seconds <= limit:
        return Wait(requested_seconds)
    reason = "this client ends longer calls" if quirks.call_limit_seconds else "no call waits longer"
    return Wait(limit, f"The wait was cut to {format_duration(limit)}: {reason}.")
