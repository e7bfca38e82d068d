"""What a server keeps for one caller: AgentOS with their credential, its components' tools, their subscriptions."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio

from agentos_mcp.server.component_tools import ComponentTools
from agentos_mcp.server.subscriptions import SubscriptionHub
from agentos_mcp.tooling.context import Backend


@dataclass
class CallerState:
    """The lifespan context of a caller's requests. Without identities all callers are one."""

    backend: Backend
    component_tools: ComponentTools
    subscriptions: SubscriptionHub
    tools_listed: anyio.Event = field(default_factory=anyio.Event)
    """Set once the tools were asked for."""
    introduced_early: bool = False
    """Whether a client was introduced before AgentOS had answered."""

    @property
    def is_busy(self) -> bool:
        """Whether runs are followed, or somebody is connected who is to be notified."""
        return self.backend.run_registry.is_following or self.subscriptions.has_clients

    def begin_shutdown(self) -> None:
        """Calls that end from now on end because the client or the server goes, not because they were cancelled."""
        self.backend.shutting_down = True
        self.subscriptions.close_streams()
