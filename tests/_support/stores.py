"""The AgentOSes that tests of runs run on: without and with a durable queue."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from agentos_mcp.agentos.runs.run import Kind, RunRef
from tests._support.agentos.pausing import LEDGER_VARIABLE
from tests._support.agentos.storage import IN_MEMORY, QUEUE_VARIABLE
from tests._support.agentos_pool import AgentOSPool

PLAIN, QUEUED = STORES = ("plain", "queued")


@dataclass(frozen=True)
class Store:
    """Where an AgentOS keeps its runs, and the addresses of those that keep them there."""

    name: str
    agentoses: AgentOSPool
    ledger: Path

    @property
    def queued(self) -> bool:
        """Whether a durable queue executes the runs. It chooses their ids."""
        return self.name == QUEUED

    @property
    def sample_agentos(self) -> str:
        return self._url("sample") if self.queued else self.agentoses.sample()

    @property
    def media(self) -> str:
        return self._url("media")

    @property
    def pausing(self) -> str:
        return self._url("pausing", **{LEDGER_VARIABLE: str(self.ledger)})

    def _url(self, module: str, **environment: str) -> str:
        queue = {QUEUE_VARIABLE: IN_MEMORY} if self.queued else {}
        return self.agentoses.url(module, environment=environment | queue)


def is_queued(item: pytest.Item) -> bool:
    """Whether a collected test runs on a durable queue."""
    callspec = getattr(item, "callspec", None)
    return callspec is not None and callspec.params.get("store") == QUEUED


async def start_elsewhere(rest: httpx.AsyncClient, kind: Kind, id: str, message: str, name: str) -> RunRef:
    """Start a background run as another client would: session NAME, id NAME-run, which a queue replaces."""
    form = {"message": message, "background": "true", "stream": "false", "session_id": name, "run_id": f"{name}-run"}
    response = await rest.post(f"/{kind}s/{id}/runs", data=form)
    assert response.status_code == httpx.codes.ACCEPTED
    return RunRef(kind, id, name, response.json()["run_id"])
