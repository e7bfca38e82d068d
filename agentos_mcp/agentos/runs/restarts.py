"""Finds out whether AgentOS was restarted during a run: it reports such a run as running forever."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum, auto
from typing import Any

from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, Forbidden, InvalidRequest, NotFound, Unsupported
from agentos_mcp.agentos.json_values import mapping
from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.agentos.timestamps import parse_timestamp
from agentos_mcp.agentos.workers import worker_start, worker_starts

_MARGIN_SECONDS = 1.0
"""AgentOS stores the start of a run in whole seconds."""


class Restart(Enum):
    """What was restarted during a run."""

    NOTHING = auto()
    """As far as is known."""
    ONE_WORKER = auto()
    """Some of AgentOS's workers; nothing tells which of them works on the run."""
    EVERYTHING = auto()


async def restarted_since(agent_os: AgentOS, ref: RunRef, output: Mapping[str, Any]) -> Restart:
    """What of AgentOS started after the run did, where nothing of its session was stored since."""
    created = parse_timestamp(output.get("created_at"))
    if created is None:
        return Restart.NOTHING
    start = await worker_start(agent_os)
    if start is None or not _is_later(start, created):
        return Restart.NOTHING
    # Another worker may be older, and work on it.
    starts = await worker_starts(agent_os) | {start}
    if not await _is_stale(agent_os, ref, start):
        return Restart.NOTHING
    return Restart.EVERYTHING if all(_is_later(worker, created) for worker in starts) else Restart.ONE_WORKER


def _is_later(start: datetime, created: datetime) -> bool:
    return (start - created).total_seconds() > _MARGIN_SECONDS


async def _is_stale(agent_os: AgentOS, ref: RunRef, start: datetime) -> bool:
    """Whether nothing of the run's session was stored since: a run that was continued is at work again."""
    try:
        session = await agent_os.get(
            "/sessions/{session_id}", {"session_id": ref.session}, {"type": ref.kind}, retry=False
        )
    except (Forbidden, InvalidRequest, NotFound, Unsupported):
        return True  # no sign of anything since
    except AgentOSError:
        return False
    updated = parse_timestamp(mapping(session).get("updated_at"))
    return updated is None or updated < start
