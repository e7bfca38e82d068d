"""Searches the stored runs for a call: in the database of the settings, and as this version of AgentOS needs it."""

from __future__ import annotations

from typing import Literal

from agentos_mcp.agentos.catalog import Component
from agentos_mcp.agentos.runs.history import RunSearchResult, list_runs
from agentos_mcp.agentos.runs.run import KINDS, Kind
from agentos_mcp.agentos.sessions import one_kind_at_a_time
from agentos_mcp.agentos.timestamps import ANY_TIME, Period
from agentos_mcp.tooling.context import ToolContext


async def search_runs(
    ctx: ToolContext,
    *,
    user_id: str,
    kind: Kind | Literal[""] = "",
    component: Component | None = None,
    session_id: str = "",
    status: str = "",
    period: Period = ANY_TIME,
    limit: int,
) -> RunSearchResult:
    """The newest runs, as `list_runs` of `agentos/runs/history.py` finds them; it says what raises."""
    features = await ctx.backend.discovery.features()
    return await list_runs(
        ctx.agent_os,
        ctx.catalog,
        kind=component.kind if component is not None else kind,
        component=component,
        session_id=session_id,
        database=await ctx.database("session", ctx.settings.db_id) if ctx.settings.db_id else "",
        status=status,
        user_id=user_id,
        period=period,
        types=KINDS if one_kind_at_a_time(features) else ("",),
        limit=limit,
    )
