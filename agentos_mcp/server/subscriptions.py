"""Notifies clients of changes: of runs that they subscribed to, and of the lists of tools, prompts and resources.

A legacy client subscribes on its connection, a modern one listens on a stream of its own. A run is
followed while anybody is subscribed to it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ToolsListChanged,
)
from mcp_types import SubscriptionsListenRequestParams, SubscriptionsListenResult

from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest
from agentos_mcp.agentos.runs.run import RunRef, RunState, Status
from agentos_mcp.agentos.task_groups import BackgroundTasks
from agentos_mcp.server.client_limits import (
    MAX_BUFFERED_EVENTS,
    MAX_LISTEN_STREAMS,
    MAX_SUBSCRIPTIONS,
    MAX_SUBSCRIPTIONS_PER_CLIENT,
)
from agentos_mcp.server.resources import RUN_URI_PREFIX
from agentos_mcp.tooling.context import Backend

log = logging.getLogger(__name__)

MAX_FOLLOWED_RUNS = 100
"""So many runs are followed at once for those who subscribed to them."""
UPDATE_INTERVAL_SECONDS = 1.0
"""Between two notifications of one run, at least."""
_RETRY_SECONDS = 30.0
_STUCK_RUN_SECONDS = 60.0
_REGISTRY_POLL_SECONDS = 0.1
_PAUSED_RUN_POLL_SECONDS = 10.0
"""How often AgentOS is asked for a paused run: somebody else may continue it."""
_SEND_TIMEOUT_SECONDS = 5.0
_COMPONENT_URIS = ("agentos://config", "agentos://agents", "agentos://teams", "agentos://workflows")


class _Subscription:
    """A URI that somebody is subscribed to, and the task that follows its run."""

    def __init__(self) -> None:
        self.subscribers = 0
        self.task: anyio.CancelScope | None = None


@dataclass
class SubscriptionTotals:
    """How much a whole server serves, whoever subscribed to it."""

    subscriptions: int = 0
    followed_runs: int = 0
    streams: int = 0


class SubscriptionHub:
    """The subscriptions of all clients of one caller, and what is sent to them."""

    def __init__(self, totals: SubscriptionTotals | None = None) -> None:
        """`totals` are shared by all hubs of a server."""
        self.bus = InMemorySubscriptionBus()
        self._totals = totals or SubscriptionTotals()
        self._streams = ListenHandler(self.bus, max_buffered_events=MAX_BUFFERED_EVENTS)
        self._clients: dict[Connection, set[str]] = {}
        """Legacy connections, and the URIs that each is subscribed to."""
        self._subscriptions: dict[str, _Subscription] = {}
        self._open_streams = 0
        self._backend_of_run: Callable[[RunRef], Backend] | None = None
        self._tasks = BackgroundTasks()

    @property
    def uris(self) -> tuple[str, ...]:
        """The URIs that anybody is subscribed to."""
        return tuple(self._subscriptions)

    @property
    def has_clients(self) -> bool:
        """Whether anybody is connected who is to be notified of changes."""
        return bool(self._clients or self._open_streams)

    @asynccontextmanager
    async def follow_runs(self, backend_of_run: Callable[[RunRef], Backend]) -> AsyncIterator[None]:
        """While it is open, runs that somebody subscribes to are followed, each on the AgentOS that it is on."""
        self._backend_of_run = backend_of_run
        async with self._tasks.opened():
            try:
                yield
            finally:
                self._backend_of_run = None

    async def publish_components_changed(self) -> None:
        """Notify every client that tools, prompts and resources are others than before."""
        for event in (ToolsListChanged(), PromptsListChanged(), ResourcesListChanged()):
            await self.bus.publish(event)
        async with anyio.create_task_group() as tasks:
            for client in list(self._clients):
                if client.initialized.is_set():
                    for send in (
                        client.send_tool_list_changed,
                        client.send_prompt_list_changed,
                        client.send_resource_list_changed,
                    ):
                        tasks.start_soon(_send, send)
        for uri in self.uris:
            if uri.startswith(_COMPONENT_URIS):
                await self._publish_update(uri)

    def close_streams(self) -> None:
        """End the streams of those who listen, so that each knows that it was no accident."""
        self._streams.close()

    def add_client(self, client: Connection) -> None:
        """Notify a legacy client until its connection ends."""
        if client not in self._clients:
            self._clients[client] = set()
            client.exit_stack.callback(self._remove_client, client)

    def subscribe(self, client: Connection, uri: str) -> None:
        """Notify a legacy client of changes of a resource. Raises InvalidRequest where it has too many already."""
        self.add_client(client)
        if uri not in self._clients[client]:
            _check_count(len(self._clients[client]) + 1)
            self._add_subscriber(uri)
            self._clients[client].add(uri)

    def unsubscribe(self, client: Connection, uri: str) -> None:
        if uri in self._clients.get(client, ()):
            self._clients[client].remove(uri)
            self._remove_subscriber(uri)

    async def listen(
        self, ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Serve a modern client's stream. Raises InvalidRequest where it listens to too much."""
        added: list[str] = []
        uris = dict.fromkeys(params.notifications.resource_subscriptions or ())
        _check_count(len(uris))
        if self._totals.streams >= MAX_LISTEN_STREAMS:
            raise InvalidRequest(f"{MAX_LISTEN_STREAMS} clients listen already.", "Try again later.")
        self._open_streams += 1
        self._totals.streams += 1
        try:
            for uri in uris:
                self._add_subscriber(uri)
                added.append(uri)
            return await self._streams(ctx, params)
        finally:
            self._open_streams -= 1
            self._totals.streams -= 1
            for uri in added:
                self._remove_subscriber(uri)

    def _remove_client(self, client: Connection) -> None:
        for uri in self._clients.pop(client, ()):
            self._remove_subscriber(uri)

    def _add_subscriber(self, uri: str) -> None:
        if self._totals.subscriptions >= MAX_SUBSCRIPTIONS:
            raise InvalidRequest(
                f"The clients of this server have {MAX_SUBSCRIPTIONS} subscriptions, which is the most that it serves.",
                "Try again later.",
            )
        ref = run_of(uri)
        subscription = self._subscriptions.get(uri) or _Subscription()
        if ref is not None and subscription.task is None and self._tasks.is_open:
            if self._totals.followed_runs >= MAX_FOLLOWED_RUNS:
                raise InvalidRequest(
                    f"{MAX_FOLLOWED_RUNS} runs are followed already, which is the most that this server follows.",
                    "Unsubscribe from some of them.",
                )
            scope = subscription.task = anyio.CancelScope()
            self._totals.followed_runs += 1
            self._tasks.start_soon(self._follow, ref, uri, subscription, scope)
        subscription.subscribers += 1
        self._totals.subscriptions += 1
        self._subscriptions[uri] = subscription

    def _remove_subscriber(self, uri: str) -> None:
        subscription = self._subscriptions[uri]
        subscription.subscribers -= 1
        self._totals.subscriptions -= 1
        if not subscription.subscribers:
            del self._subscriptions[uri]
            if subscription.task is not None:
                subscription.task.cancel()

    async def _follow(self, ref: RunRef, uri: str, subscription: _Subscription, scope: anyio.CancelScope) -> None:
        try:
            with scope:
                await self._publish_updates(ref, uri)
        finally:
            self._totals.followed_runs -= 1
            subscription.task = None

    async def _publish_updates(self, ref: RunRef, uri: str) -> None:
        """Publish updates of a run until nothing more can happen to it."""
        while True:
            try:
                status = await self._follow_until_halted(ref, uri)
                if status is Status.PAUSED:
                    await self._wait_until_continued(ref)
                elif status.has_ended:
                    break
                else:  # AgentOS calls it running, and nothing is known to be at work on it
                    await anyio.sleep(_STUCK_RUN_SECONDS)
            except AgentOSError as error:
                log.info("Not following %s: %s", ref, error)
                if not error.is_transient:
                    break
                await anyio.sleep(_RETRY_SECONDS)
            except Exception:
                # One run must not end the server with it.
                log.exception("Following %s failed; it is tried again in %.0f s", ref, _RETRY_SECONDS)
                await anyio.sleep(_RETRY_SECONDS)

    async def _follow_until_halted(self, ref: RunRef, uri: str) -> Status:
        """Publish updates until the run ends or pauses; its status then."""
        run = self._backend_with(ref).run_registry.attach(ref)
        published = _visible_state(run.state)
        ended = False
        while not ended:
            try:
                ended = await run.watch(UPDATE_INTERVAL_SECONDS, closely=False)
            except AgentOSError as error:
                # A run that was never heard of has not ended either.
                if not error.is_transient and run.state != RunState(ref=run.state.ref):
                    await self._publish_update(uri)
                raise
            if ended or _visible_state(run.state) != published:
                published = _visible_state(run.state)
                await self._publish_update(uri)
        return run.state.status

    async def _wait_until_continued(self, ref: RunRef) -> None:
        """Return once a paused run is continued, by this server or anything else."""
        backend = self._backend_with(ref)
        while True:
            with anyio.move_on_after(_PAUSED_RUN_POLL_SECONDS):
                while (run := backend.run_registry.get(ref)) is None or run.done:  # noqa: ASYNC110 - nothing tells of it
                    await anyio.sleep(_REGISTRY_POLL_SECONDS)
                return
            if (await backend.engine.read(ref)).status is not Status.PAUSED:
                return

    async def _publish_update(self, uri: str) -> None:
        await self.bus.publish(ResourceUpdated(uri))
        async with anyio.create_task_group() as tasks:
            for client in [client for client, uris in self._clients.items() if uri in uris]:
                tasks.start_soon(_send, client.send_resource_updated, uri)

    def _backend_with(self, ref: RunRef) -> Backend:
        if self._backend_of_run is None:
            raise RuntimeError("nothing is followed outside of `follow_runs`")
        return self._backend_of_run(ref)


def _check_count(subscriptions: int) -> None:
    if subscriptions > MAX_SUBSCRIPTIONS_PER_CLIENT:
        raise InvalidRequest(
            f"A client can subscribe to {MAX_SUBSCRIPTIONS_PER_CLIENT} resources at once.",
            "Unsubscribe from some of them.",
        )


async def require_own_runs(backend_of_run: Callable[[RunRef], Backend], uris: Iterable[str]) -> None:
    """Raises InvalidRequest where a URI is of a run on an AgentOS that is none of this server's.

    On a server for one user, raises NotFound where a URI is of another user's run.
    """
    refs = [ref for uri in dict.fromkeys(uris) if (ref := run_of(uri)) is not None]
    backends = {ref: backend_of_run(ref) for ref in refs}
    if not any(backend.engine.ownership.user_id for backend in backends.values()):
        return
    if len(refs) > MAX_FOLLOWED_RUNS:
        raise InvalidRequest(f"{len(refs)} runs are more than can be followed at once ({MAX_FOLLOWED_RUNS}).")
    for ref in refs:
        if not backends[ref].engine.ownership.knows(ref):
            await backends[ref].engine.read(ref)


async def _send(send: Callable[..., Awaitable[None]], *arguments: str) -> None:
    """Send a notification; a client that does not read keeps nobody waiting for long."""
    with anyio.move_on_after(_SEND_TIMEOUT_SECONDS):
        try:
            await send(*arguments)
        except Exception as error:  # the other clients are notified even if one is gone
            log.info("A client could not be notified of a change: %r", error)


def run_of(uri: str) -> RunRef | None:
    """The run that a resource's URI names, None where it names none."""
    if not uri.startswith(RUN_URI_PREFIX):
        return None
    try:
        return RunRef.parse(uri)
    except InvalidRequest:
        return None


def _visible_state(state: RunState) -> tuple[object, ...]:
    """What has to differ for a change to be worth a notification."""
    return state.status, tuple((step.name, step.outcome) for step in state.steps), state.substep, state.activity
