"""What one tool call has at hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mcp.server.mcpserver import Context

from agentos_mcp.agentos.catalogue import Catalogue
from agentos_mcp.agentos.client import AgentOS, Limits
from agentos_mcp.agentos.engine import Engine
from agentos_mcp.agentos.features import Discovery
from agentos_mcp.agentos.live import LiveRuns, live_runs
from agentos_mcp.settings import Settings


@dataclass
class Backend:
    """The AgentOS behind a server, and what is shared by all calls to it."""

    settings: Settings
    agent_os: AgentOS
    discovery: Discovery
    catalogue: Catalogue
    engine: Engine
    live: LiveRuns
    leaving: bool = False
    """True once the client is gone or the server is stopping: a call that ends now was not cancelled."""
    cancelled: set[str | int] = field(default_factory=set)
    """The ids of calls that their client did cancel."""


@asynccontextmanager
async def open_backend(settings: Settings) -> AsyncIterator[Backend]:
    """Connect the parts for one AgentOS. Nothing is asked of it yet, so it may be down."""
    limits = Limits(read=settings.timeout)
    async with AgentOS(settings.url, token=settings.token, limits=limits) as agent_os:
        discovery, catalogue = Discovery(agent_os), Catalogue(agent_os)
        engine = Engine(agent_os, discovery, catalogue, durable=settings.durability == "background")
        async with live_runs(engine) as live:
            yield Backend(settings, agent_os, discovery, catalogue, engine, live)


@dataclass(frozen=True)
class Ctx:
    """The first parameter of every tool."""

    backend: Backend
    mcp: Context[Backend]

    @classmethod
    def of(cls, context: Context[Backend]) -> Ctx:
        return cls(context.request_context.lifespan_context, context)

    @property
    def agent_os(self) -> AgentOS:
        return self.backend.agent_os

    @property
    def catalogue(self) -> Catalogue:
        return self.backend.catalogue

    @property
    def engine(self) -> Engine:
        return self.backend.engine

    @property
    def live(self) -> LiveRuns:
        return self.backend.live

    @property
    def settings(self) -> Settings:
        return self.backend.settings

    @property
    def cancelled(self) -> bool:
        """Of a call that is being ended: whether its client cancelled it, rather than went away."""
        ours = self.mcp.request_context.request_id
        return not self.backend.leaving or (ours is not None and ours in self.backend.cancelled)

    @property
    def client_name(self) -> str:
        """The client's own name for itself, '' where it gives none."""
        params = self.mcp.request_context.session.client_params
        return params.client_info.name if params is not None else ""
