"""What became of runs, as AgentOS itself has stored it."""

from __future__ import annotations

import anyio
import httpx


async def ends_as(rest: httpx.AsyncClient, component: str, session: str) -> str:
    """The status that the session's last run ends with, on AgentOS itself."""
    while True:
        answer = await rest.get(f"/{component}/runs", params={"session_id": session})
        # A foreground run, and its session, are stored when it ends.
        runs = answer.json() if answer.is_success else []
        if runs and runs[-1]["status"] not in {"PENDING", "RUNNING"}:
            return str(runs[-1]["status"])
        await anyio.sleep(0.05)
