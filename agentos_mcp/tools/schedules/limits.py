"""What a schedule may reach that is made on a server for one user: AgentOS runs it for whom it likes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentos_mcp.agentos.hints import Parameter, hint
from agentos_mcp.agentos.ownership import without_owner
from agentos_mcp.tooling.context import ToolContext

_GIVE_COMPONENT = hint(
    "Give {kind}, {id} and {message}.", kind=Parameter("kind"), id=Parameter("id"), message=Parameter("message")
)
NO_OWNER = "AgentOS keeps a user with a schedule only where its token names one (a JWT or a service account)."


async def check_reach(ctx: ToolContext, endpoint: str, payload: Mapping[str, Any]) -> None:
    """Raises where a schedule would reach beyond the one user of this server."""
    if not ctx.ownership.user_id:
        return
    if endpoint:
        raise without_owner("An endpoint", "AgentOS calls it for nobody in particular.", _GIVE_COMPONENT)
    if beyond := sorted({"user_id", "run_id"} & set(payload)):
        raise without_owner(f"A payload with {beyond[0]}", "it could name another's.")
    if session_id := payload.get("session_id"):
        await ctx.ownership.require_own_session(str(session_id), may_be_new=True)
