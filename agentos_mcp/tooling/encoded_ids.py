"""Takes ids that come percent-encoded, as our own sentences show them, for what AgentOS calls them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from agentos_mcp.agentos.catalog import display_id
from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.tooling.context import ToolContext


def decoded_id(value: str) -> str:
    """What an id stands for that is written as our sentences write it; any other one is itself."""
    decoded = unquote(value)
    return decoded if decoded != value and display_id(decoded) == value else value


async def decode_ids(ctx: ToolContext, arguments: Mapping[str, Any]) -> dict[str, str]:
    """The arguments that name a user or a session and have to be decoded; none where nothing is encoded.

    A session of exactly the given id is the one that is meant. Users cannot be looked up.
    """
    changes = {
        name: decoded
        for name in ("user_id", "session_id")
        if isinstance(value := arguments.get(name), str) and (decoded := decoded_id(value)) != value
    }
    if "session_id" in changes:
        try:
            exists = await ctx.ownership.session_exists(str(arguments["session_id"]))
        except AgentOSError:
            exists = False
        if exists:
            del changes["session_id"]
    return changes
