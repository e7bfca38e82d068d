"""Settings -> the MCP server."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from mcp.server.mcpserver import MCPServer, RequestStateSecurity

from agentos_mcp import REPOSITORY_URL, __version__
from agentos_mcp.agentos.access_policy import AccessPolicyReader
from agentos_mcp.agentos.config_prefetch import Prefetch
from agentos_mcp.agentos.observation import Observers
from agentos_mcp.agentos.task_groups import unwrapped_task_group
from agentos_mcp.server.caller_state import CallerState
from agentos_mcp.server.callers import Caller, Callers
from agentos_mcp.server.change_notifier import notify_clients_of_changes
from agentos_mcp.server.free_memory import MemoryRelease
from agentos_mcp.server.introduction import INTRODUCTION_SECONDS
from agentos_mcp.server.mcp_server import AgentOSServer
from agentos_mcp.server.telemetry.telemetry import Telemetry
from agentos_mcp.server.tool_surface import ToolSurface
from agentos_mcp.settings import Settings, Token
from agentos_mcp.tooling.context import Backend, open_backend
from agentos_mcp.tooling.instances import AbsentInstances, Instances

if TYPE_CHECKING:
    from agentos_mcp.server.http.identity import Identity
    from agentos_mcp.server.http.instance_identities import Identities

STATE_TTL_SECONDS = 7 * 24 * 3600.0
"""How long a person may think about a question."""


def build_server(
    settings: Settings,
    prefetch: Prefetch | None = None,
    *,
    identities: Identities | None = None,
    introduction_seconds: float = INTRODUCTION_SECONDS,
) -> AgentOSServer:
    """The server for one AgentOS, which it asks for its components as soon as it serves, whether or not it answers.

    `prefetch` has asked already; a client's first request waits for the answer for `introduction_seconds`. With an
    `identities` AgentOS is asked with the credential of each caller, and with none but theirs.
    """
    if identities is not None:
        settings = _for_callers(settings, identities)
    telemetry = Telemetry(settings)
    observers = [*telemetry.observers, MemoryRelease()]

    @asynccontextmanager
    async def lifespan(_: MCPServer[CallerState]) -> AsyncIterator[CallerState]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(telemetry.serving(server))
            backends = [
                await stack.enter_async_context(open_backend(own, prefetch, observers=observers))
                for own in settings.instances or (settings,)
            ]
            instances = _instances_of(backends)
            if instances is not None:
                await stack.enter_async_context(instances.absent.watched())
            state = CallerState(backends[0], server.component_tools, server.subscriptions, instances=instances)
            server.shared_state = state
            serving = (
                serving_caller(server, state)
                if identities is None
                else serving_callers(server, state, identities, observers)
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
        request_state_security=request_state_security(settings, tells_callers_apart=identities is not None),
    )
    return server


def _for_callers(settings: Settings, identities: Identities) -> Settings:
    """The settings without the credential of the server's own for an AgentOS that is shown those of callers."""
    if not settings.instances:
        return replace(settings, token=Token(), caller_is_user=True)
    instances = tuple(
        own if identities.on(own.instance) is None else replace(own, token=Token(), caller_is_user=True)
        for own in settings.instances
    )
    return replace(settings, instances=instances, caller_is_user=all(own.caller_is_user for own in instances))


def _instances_of(backends: Sequence[Backend], absent: AbsentInstances | None = None) -> Instances | None:
    """The AgentOSes by name where there are several; None where there is one."""
    by_name = {backend.instance: backend for backend in backends}
    return Instances(by_name, absent) if len(backends) > 1 else None


@asynccontextmanager
async def serving_callers(
    server: AgentOSServer, shared: CallerState, identities: Identities, observers: Observers = ()
) -> AsyncIterator[None]:
    """While it is open, each caller is served with backends of their own, one for each AgentOS.

    Those of `shared` have no credential where callers are told apart: they read what AgentOS tells everybody.
    """
    public = shared.backends
    absent = shared.instances.absent if shared.instances is not None else None
    from agentos_mcp.server.http.caller_gate import CallersOfRequests

    policies = {
        backend.instance: AccessPolicyReader(backend.agent_os)
        for backend in public
        if identities.on(backend.instance) is not None
    }

    def open_own(backend: Backend, caller: Callable[[], Caller]) -> AbstractAsyncContextManager[Backend]:
        identity = identities.on(backend.instance)
        if identity is None:
            return open_backend(backend.settings, discovery=backend.discovery, observers=observers)
        return open_backend_of_caller(
            backend, identity, policies[backend.instance], lambda: caller().on(backend.instance), observers
        )

    @asynccontextmanager
    async def open_state(caller: Callable[[], Caller]) -> AsyncIterator[CallerState]:
        async with AsyncExitStack() as stack:
            backends = [await stack.enter_async_context(open_own(backend, caller)) for backend in public]
            state = server.new_state(backends[0], _instances_of(backends, absent))
            await stack.enter_async_context(serving_caller(server, state))
            yield state

    callers = Callers(CallersOfRequests(identities, policies), open_state)
    server.serve_each_caller(callers)
    async with unwrapped_task_group() as tasks:
        if len(public) > 1:
            # One AgentOS that is slow to say it holds up no request for another.
            for reader in policies.values():
                tasks.start_soon(reader.keep_current)
        async with callers.kept():
            yield
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def open_backend_of_caller(
    public: Backend,
    identity: Identity,
    policies: AccessPolicyReader,
    caller: Callable[[], Caller],
    observers: Observers = (),
) -> AsyncIterator[Backend]:
    """A backend with the credential of a caller; `caller` says who they are now, on this AgentOS."""
    first = caller()

    def refuse() -> str:
        raise first.refusal or AssertionError("this caller is refused nothing")

    async with open_backend(
        replace(public.settings, user_id=first.boundary),
        token=identity.credentials_for(caller, policies) if first.refusal is None else refuse,
        discovery=public.discovery,
        isolated=first.is_isolated,
        observers=observers,
        scopes=first.scopes if identity.knows_scopes else None,
    ) as backend:
        backend.credential_advice = identity.credential_advice
        backend.is_refused = first.refusal is not None
        yield backend


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
            if not backend.is_refused:
                await stack.enter_async_context(notify_clients_of_changes(selection, state, backend))
        try:
            yield
        finally:
            for backend in state.backends:
                backend.shutting_down = True


def request_state_security(settings: Settings, *, tells_callers_apart: bool = False) -> RequestStateSecurity:
    """Seals what a client carries between two rounds of a question.

    The key is random and never leaves the process, unless replicas share a secret of their own: one made from
    anything that others know, or could guess, would let them write what they like. The SDK binds it to the tool,
    its arguments and its age; we add for whom the server is, as servers for others may share the secret, and the caller
    where callers are told apart.
    """
    parts = ["agentos-mcp", settings.url, settings.user_id, settings.db_id, settings.knowledge_id]
    audience = json.dumps([*parts, *(f"{own.instance}={own.url}" for own in settings.instances)])
    key = settings.state_secret().encode() if settings.state_secret else secrets.token_bytes(32)
    if not tells_callers_apart:
        return RequestStateSecurity(keys=[key], ttl=STATE_TTL_SECONDS, audience=audience)
    from agentos_mcp.server.http.caller_gate import principal_of

    return RequestStateSecurity(keys=[key], ttl=STATE_TTL_SECONDS, audience=audience, bind_principal=principal_of)
