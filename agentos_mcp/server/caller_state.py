"""What a server keeps for one caller: AgentOS with their credential, its components' tools, their subscriptions."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio

from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.server.component_tools import ComponentTools
from agentos_mcp.server.subscriptions import SubscriptionHub
from agentos_mcp.tooling.context import Backend
from agentos_mcp.tooling.instances import Instances


@dataclass
class CallerState:
    """The lifespan context of a caller's requests. Without identities all callers are one."""

    backend: Backend
    """The AgentOS; the first, where there are several."""
    component_tools: ComponentTools
    subscriptions: SubscriptionHub
    has_client: anyio.Event = field(default_factory=anyio.Event)
    """Set once a client was introduced; where there are several AgentOSes, once one has asked for the tools."""
    introduced_early: bool = False
    """Whether a client was introduced before AgentOS had answered."""
    instances: Instances | None = None
    """The AgentOSes by name, where there are several."""

    @property
    def backends(self) -> tuple[Backend, ...]:
        """All AgentOSes."""
        return tuple(self.instances.backends.values()) if self.instances is not None else (self.backend,)

    def backend_of_run(self, ref: RunRef) -> Backend:
        """The AgentOS that a run is on. Raises InvalidRequest where its reference does not say which, or another."""
        if self.instances is None:
            return self.backend
        if not ref.instance:
            raise self.instances.ask_which("The run's reference does not say which AgentOS it is on.")
        return self.instances.named(ref.instance)

    @property
    def is_busy(self) -> bool:
        """Whether runs are followed, or somebody is connected who is to be notified."""
        return any(backend.run_registry.is_following for backend in self.backends) or self.subscriptions.has_clients

    def begin_shutdown(self) -> None:
        """Calls that end from now on end because the client or the server goes, not because they were cancelled."""
        for backend in self.backends:
            backend.shutting_down = True
        self.subscriptions.close_streams()
