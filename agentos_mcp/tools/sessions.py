"""Conversations: copy one to try another way, or shorten what of it is sent to the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from agentos_mcp.agentos.catalogue import Component, shown_id
from agentos_mcp.agentos.errors import InvalidRequest, ServerFailure
from agentos_mcp.bridge.context import Ctx
from agentos_mcp.bridge.parameters import UserId
from agentos_mcp.bridge.render import one_line
from agentos_mcp.bridge.toolset import Toolset, write


async def fork_session(ctx: Ctx, kind: Literal["agent", "team"], id: str, session_id: str, user_id: UserId = "") -> str:
    """Copy an agent's or team's conversation to a new session, to go on another way in it."""
    component, answer = await _of_session(ctx, kind, id, session_id, user_id, "fork")
    copy = answer.get("session_id")
    if not isinstance(copy, str) or not copy:
        raise ServerFailure("AgentOS gave the copy no session id.", "See its log.")
    return (
        f"Copied. The original stays as it is; go on in the copy with run_{component.kind}"
        f"({component.kind}_id='{shown_id(component.id)}', session_id='{shown_id(copy)}')."
    )


async def compact_session(ctx: Ctx, agent_id: str, session_id: str, user_id: UserId = "") -> str:
    """Fold an agent's older messages of a session into a summary; the record itself stays whole."""
    _, answer = await _of_session(ctx, "agent", agent_id, session_id, user_id, "compact")
    message = one_line(str(answer.get("message") or answer.get("status") or "No answer."))
    record = answer.get("record")
    if not answer.get("compacted") or not isinstance(record, Mapping):
        return f"Nothing was folded: {message}"
    counts = ", ".join(
        f"{name.replace('_', ' ')} {value:,}" for name, value in record.items() if isinstance(value, int) and value > 0
    )
    return f"Folded. {message}" + (f" ({one_line(counts)})" if counts else "")


async def _of_session(
    ctx: Ctx, kind: Literal["agent", "team"], asked: str, session_id: str, user_id: str, what: str
) -> tuple[Component, Mapping[str, object]]:
    if not session_id.strip():
        raise InvalidRequest("The session_id is empty.", "Take it from the session's run reference.")
    path = f"/{kind}s/{{{kind}_id}}/sessions/{{session_id}}/{what}"
    features = await ctx.backend.discovery.features()
    features.require("POST", path, f"{what} a session")
    component = await ctx.catalogue.find(kind, asked)
    answer = await ctx.agent_os.request(
        "POST",
        path,
        {f"{kind}_id": component.id, "session_id": session_id},
        query={"user_id": user_id} if user_id else None,
    )
    return component, answer if isinstance(answer, Mapping) else {}


TOOLSET = Toolset(
    "sessions",
    "A session is a conversation; its id is the third part of a run reference.",
    write(fork_session),
    write(compact_session, idempotent=True, open_world=True),
)
