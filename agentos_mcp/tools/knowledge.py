"""AgentOS's knowledge bases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from agentos_mcp.agentos.errors import InvalidRequest, NotFound
from agentos_mcp.bridge.context import Ctx
from agentos_mcp.bridge.parameters import JsonObject
from agentos_mcp.bridge.render import CHARACTERS_PER_TOKEN, fenced
from agentos_mcp.bridge.toolset import Toolset, read


async def search_knowledge(
    ctx: Ctx,
    query: str,
    knowledge_id: Annotated[str, Field(description="Needed only where there are several")] = "",
    max_results: Annotated[int, Field(ge=1, le=50)] = 5,
    filters: JsonObject = None,
) -> str:
    """Search a knowledge base; returns the passages that fit best."""
    if not query.strip():
        raise InvalidRequest("The query is empty.", "Say what to look for.")
    body: dict[str, Any] = {
        "query": query,
        "knowledge_id": await _base(ctx, knowledge_id),
        "max_results": max_results,
        "meta": {"limit": max_results, "page": 1},
    }
    if filters:
        body["filters"] = filters
    answer = await ctx.agent_os.request("POST", "/knowledge/search", json=body, retry=True)
    found = answer.get("data") if isinstance(answer, Mapping) else None
    passages = [passage for passage in found or () if isinstance(passage, Mapping)]
    if not passages:
        return f"Nothing found for '{query}'. Try other words."
    share = ctx.settings.result_tokens * CHARACTERS_PER_TOKEN // len(passages)
    return "\n".join(_passage(number, passage, share) for number, passage in enumerate(passages, 1))


def _passage(number: int, passage: Mapping[str, Any], most: int) -> str:
    words = str(passage.get("content") or "")
    cut = f"{words[:most]}…" if len(words) > most else words
    return f"{number}. {passage.get('name') or 'unnamed'}\n{fenced(cut)}"


async def _base(ctx: Ctx, asked: str) -> str:
    """The knowledge base that is meant: the only one, or the one of that id or name."""
    bases = (await ctx.catalogue.contents()).knowledge
    if not bases:
        raise NotFound("This AgentOS has no knowledge base.", "Give it one (AgentOS(knowledge=[...])).")
    if not asked and len(bases) == 1:
        return bases[0].id
    for base in bases:
        if asked and (asked == base.id or asked.casefold() == base.name.casefold()):
            return base.id
    listed = ", ".join(f"{base.id} ({base.name})" for base in bases)
    raise NotFound(
        f"No knowledge base '{asked}'." if asked else "There are several knowledge bases.",
        f"Use knowledge_id with one of: {listed}.",
    )


TOOLSET = Toolset(
    "knowledge",
    "search_knowledge looks things up in AgentOS's own documents.",
    read(search_knowledge, default=True),
)
