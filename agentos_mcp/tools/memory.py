"""What AgentOS remembers of its users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.bridge.context import Ctx
from agentos_mcp.bridge.parameters import Limit, Page, UserId, Words
from agentos_mcp.bridge.render import page_note, table
from agentos_mcp.bridge.toolset import Toolset, read, write


async def list_memories(
    ctx: Ctx,
    user_id: UserId = "",
    search: str = "",
    topics: Words = None,
    limit: Limit = 20,
    page: Page = 1,
) -> str:
    """User memories, newest first."""
    query: dict[str, str | int | float | bool | list[str]] = {"limit": limit, "page": page}
    query |= {key: value for key, value in (("user_id", user_id), ("search_content", search)) if value}
    if topics:
        query["topics"] = topics
    answer = await ctx.agent_os.get("/memories", query=query)
    memories = answer.get("data") if isinstance(answer, Mapping) else None
    if not memories:
        return "No memories" + (f" of user '{user_id}'." if user_id else ". create_memory adds one.")
    rows = (
        (m.get("memory_id"), m.get("memory"), ", ".join(m.get("topics") or ()), m.get("user_id"))
        for m in memories
        if isinstance(m, Mapping)
    )
    listed = table(("id", "memory", "topics", "user"), rows)
    note = page_note(answer.get("meta"), len(memories))
    return f"{listed}\n{note}" if note else listed


async def create_memory(
    ctx: Ctx,
    memory: Annotated[str, Field(description="One fact, in a sentence")],
    user_id: UserId,
    topics: Words = None,
) -> str:
    """Remember a fact about a user for AgentOS's agents."""
    if not memory.strip():
        raise InvalidRequest("The memory is empty.", "Say what to remember.")
    body = {"memory": memory, "user_id": user_id, "topics": topics or []}
    created = await ctx.agent_os.request("POST", "/memories", json=body)
    memory_id = created.get("memory_id") if isinstance(created, Mapping) else ""
    return f"Remembered for user '{user_id}' (memory {memory_id})."


TOOLSET = Toolset(
    "memory",
    "Memories are facts about a user that agents see in every session.",
    read(list_memories, default=True),
    write(create_memory, default=True),
)
