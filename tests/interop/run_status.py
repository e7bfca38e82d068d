"""What became of a run, as AgentOS itself has it."""

from __future__ import annotations

import httpx

from tests.interop.screen import wait_until


def run_status(agentos: str, session: str) -> str:
    """The status of the last run of the assistant's session; '' for none."""
    response = httpx.get(f"{agentos}/agents/assistant/runs", params={"session_id": session}, timeout=10)
    runs = response.json() if response.is_success else []
    return str(runs[-1]["status"]) if runs else ""


def wait_for_status(agentos: str, session: str, wanted: str, *, seconds: float) -> str:
    """The status once it is the wanted one, or when time is up."""
    wait_until(lambda: run_status(agentos, session) == wanted, seconds)
    return run_status(agentos, session)
