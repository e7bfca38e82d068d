"""Settings -> the MCP server."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from mcp.server.mcpserver import MCPServer, RequestStateSecurity

from agentos_mcp import REPOSITORY_URL, __version__
from agentos_mcp.agentos.access_policy import AccessPolicyReader
from agentos_mcp.agentos.config_prefetch import Prefetch
from agentos_mcp.agentos.observation import Observers
from agentos_mcp.server.caller_state import CallerState
from agentos_mcp.server.callers import Caller, Callers
from agentos_mcp.server.change_notifier import notify_clients_of_changes
from agentos_mcp.server.introduction import INTRODUCTION_SECONDS
from agentos_mcp.server.mcp_server import AgentOSServer
from agentos_mcp.server.telemetry.telemetry import Telemetry
from agentos_mcp.server.tool_surface import ToolSurface
from agentos_mcp.settings import Settings, Token
from agentos_mcp.tooling.context import Backend, open_backend
from agentos_mcp.tooling.instances import Instances

if TYPE_CHECKING:
    from agentos_mcp.server.http.identity import Identity

STATE_TTL_SECONDS = 7 * 24 * 3600.0
"""How long a person may think about a question."""


def build_server(
    settings: Settings,
    prefetch: Prefetch | None = None,
    *,
    identity: Identity | None = None,
    introduction_seconds: float = INTRODUCTION_SECONDS,
) -> AgentOSServer:
    """The server for one AgentOS, which it asks for its components as soon as it serves, whether or not it answers.

    `prefetch` has asked already; a client's first request waits for the answer for `introduction_seconds`. With an
    `identity` AgentOS is asked with the credential of each caller, and with none but theirs.
    """
    if identity is not None and settings.instances:
        raise ValueError("a caller's credential is for one AgentOS, and with several it is not known for which")
    if identity is not None:
        settings = replace(settings, token=Token(), caller_is_user=True)

    telemetry = Telemetry(settings)

    @asynccontextmanager
    async def lifespan(_: MCPServer[CallerState]) -> AsyncIterator[CallerState]:
        async with (
            telemetry.serving(server),
            open_backends(settings, prefetch, telemetry.observers) as (backend, instances),
        ):
            state = CallerState(backend, server.component_tools, server.subscriptions, instances=instances)
            server.shared_state = state
            serving = (
                serving_caller(server, state)
                if identity is None
                else serving_callers(server, backend, identity, telemetry.observers)
            )
            try:
                async with serving:
                    yield state
            finally:
                server.shared_state = None

    server = AgentOSServer(
        "agentos-mcp",
        title="AgentOS",
        version=__version__,
        website_url=REPOSITORY_URL or None,
        agentos_settings=settings,
        introduction_seconds=introduction_seconds,
        telemetry=telemetry,
        lifespan=lifespan,
        request_state_security=request_state_security(settings, identity),
    )
    return server


@asynccontextmanager
async def open_backends(
    settings: Settings, prefetch: Prefetch | None, observers: Observers
) -> AsyncIterator[tuple[Backend, Instances | None]]:
    """Connect the parts for the AgentOS; for each where there are several, and the first is also apart."""
    async with AsyncExitStack() as stack:
        if not settings.instances:
            yield await stack.enter_async_context(open_backend(settings, prefetch, observers=observers)), None
            return
        backends: dict[str, Backend] = {}
        for own in settings.instances:
            backends[own.instance] = await stack.enter_async_context(open_backend(own, observers=observers))
        instances = Instances(backends)
        await stack.enter_async_context(instances.watched())
        yield next(iter(backends.values())), instances


@asynccontextmanager
async def serving_callers(
    server: AgentOSServer, public: Backend, identity: Identity, observers: Observers = ()
) -> AsyncIterator[None]:
    """While it is open, each caller is served with a backend of their own.

    `public`, the server's own, has no credential: it reads what AgentOS tells everybody.
    """
    from agentos_mcp.server.http.identity import CallersOfRequests

    policies = AccessPolicyReader(public.agent_os)

    @asynccontextmanager
    async def open_state(caller: Callable[[], Caller]) -> AsyncIterator[CallerState]:
        first = caller()
        async with open_backend(
            replace(public.settings, user_id=first.boundary),
            token=identity.credentials_for(caller, policies),
            discovery=public.discovery,
            isolated=first.is_isolated,
            observers=observers,
            scopes=first.scopes if identity.knows_scopes else None,
        ) as backend:
            backend.credential_advice = identity.credential_advice
            state = server.new_state(backend)
            async with serving_caller(server, state):
                yield state

    callers = Callers(CallersOfRequests(identity, policies), open_state)
    server.serve_each_caller(callers)
    async with callers.kept():
        yield


@asynccontextmanager
async def serving_caller(server: AgentOSServer, state: CallerState) -> AsyncIterator[None]:
    """While it is open, a caller's calls are answered, their runs followed, and their clients told of changes."""
    selection = server.tool_selection
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(state.subscriptions.follow_runs(state.backend_of_run))
        for backend in state.backends:
            backend.call_end_of = server.end_of_call
            backend.surface = ToolSurface(selection, backend)
            backend.refusal_of = partial(selection.refusal_of, backend=backend)
            await stack.enter_async_context(notify_clients_of_changes(selection, state, backend))
        try:
            yield
        finally:
            for backend in state.backends:
                backend.shutting_down = True


def request_state_security(settings: Settings, identity: Identity | None = None) -> RequestStateSecurity:
    """Seals what a client carries between two rounds of a question.

    The key is random and never leaves the process, unless replicas share a secret of their own: one made from
    anything that others know, or could guess, would let them write what they like. The SDK binds it to the tool,
    its arguments and its age; we add for whom the server is, as servers for others may share the secret, and the caller
    where callers are told apart.
    """
    parts = ["agentos-mcp", settings.url, settings.user_id, settings.db_id, settings.knowledge_id]
    audience = json.dumps([*parts, *(f"{own.instance}={own.url}" for own in settings.instances)])
    key = settings.state_secret().encode() if settings.state_secret else secrets.token_bytes(32)
    principal_of = identity.principal_of if identity is not None else None
    return RequestStateSecurity(keys=[key], ttl=STATE_TTL_SECONDS, audience=audience, bind_principal=principal_of)
