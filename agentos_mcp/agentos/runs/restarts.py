"""Finds out whether AgentOS was restarted during a run: it reports such a run as running forever."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, Forbidden, InvalidRequest, NotFound, Unsupported
from agentos_mcp.agentos.json_values import mapping
from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.agentos.timestamps import parse_timestamp

log = logging.getLogger(__name__)

_MARGIN_SECONDS = 1.0
"""AgentOS stores the start of a run in whole seconds."""


async def restarted_since(agent_os: AgentOS, ref: RunRef, output: Mapping[str, Any]) -> bool:
    """Whether AgentOS started after the run did, and has stored nothing of its session since."""
    created = parse_timestamp(output.get("created_at"))
    if created is None:
        return False
    try:
        health = mapping(await agent_os.get("/health", retry=False))
    except AgentOSError as error:
        log.info("Whether AgentOS was restarted during %s is not known: %s", ref, error)
        return False
    started = parse_timestamp(health.get("instantiated_at"))
    if started is None or (started - created).total_seconds() <= _MARGIN_SECONDS:
        return False
    # A run that was continued since the restart is at work again.
    try:
        session = await agent_os.get(
            "/sessions/{session_id}", {"session_id": ref.session}, {"type": ref.kind}, retry=False
        )
    except (Forbidden, InvalidRequest, NotFound, Unsupported):
        return True  # no sign of anything since
    except AgentOSError:
        return False
    updated = parse_timestamp(mapping(session).get("updated_at"))
    return updated is None or updated < started
