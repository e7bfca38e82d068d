"""Whether AgentOS was restarted under a run: it goes on calling such a run running, for ever."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, Forbidden, InvalidRequest, NotFound, Unsupported
from agentos_mcp.agentos.runs.run import RunRef

log = logging.getLogger(__name__)

_MARGIN_SECONDS = 1.0
"""AgentOS tells the beginning of a run in whole seconds."""


async def restarted_since(agent_os: AgentOS, ref: RunRef, output: Mapping[str, Any]) -> bool:
    """Whether the AgentOS that answers began after the run did, and has stored nothing of its session since."""
    created = _moment(output.get("created_at"))
    if created is None:
        return False
    try:
        began = _began(await agent_os.get("/health", retry=False))
    except AgentOSError as error:
        log.info("Whether AgentOS was restarted during %s is not known: %s", ref, error)
        return False
    if began is None or began - created <= _MARGIN_SECONDS:
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
    updated = _moment(session.get("updated_at")) if isinstance(session, Mapping) else None
    return updated is None or updated < began


def _moment(value: object) -> float | None:
    """A moment of AgentOS's in seconds since 1970; None where it is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _began(health: object) -> float | None:
    return _moment(health.get("instantiated_at")) if isinstance(health, Mapping) else None
