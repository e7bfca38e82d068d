"""Tells clients what has changed: runs that they subscribed to, and what there is to call, prompt and read.

A legacy client subscribes on its connection, a modern one listens on a stream of its own. A run is
followed while anybody is subscribed to it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.abc import TaskGroup
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
from agentos_mcp.server.client_limits import LISTENERS, SUBSCRIPTIONS, SUBSCRIPTIONS_OF_CLIENT, WAITING_EVENTS
from agentos_mcp.server.resources import RUNS
from agentos_mcp.tooling.context import Backend, ToolContext

log = logging.getLogger(__name__)

MOST_RUNS = 100
"""So many runs are followed at once for those who subscribed to them."""
OFTEN = 1.0
"""Seconds between two updates of one run."""
_RETRY_SECONDS = 30.0
_STUCK_SECONDS = 60.0
_GLANCE_SECONDS = 0.1
_LOOK_SECONDS = 10.0
"""How often AgentOS is asked for a paused run: somebody else may continue it."""
_SEND_SECONDS = 5.0
_OF_COMPONENTS = ("agentos://config", "agentos://agents", "agentos://teams", "agentos://workflows")


class _Subscribed:
    """A URI that somebody is subscribed to, and the task that follows its run."""

    def __init__(self) -> None:
        self.readers = 0
        self.task: anyio.CancelScope | None = None


class SubscriptionHub:
    """What connected clients are told of their own accord; one for each server."""

    def __init__(self) -> None:
        self.bus = InMemorySubscriptionBus()
        self._streams = ListenHandler(self.bus, max_subscriptions=LISTENERS, max_buffered_events=WAITING_EVENTS)
        self._clients: dict[Connection, set[str]] = {}
        """Legacy connections, and the URIs that each is subscribed to."""
        self._subscribed: dict[str, _Subscribed] = {}
        self._backend: Backend | None = None
        self._tasks: TaskGroup | None = None

    @property
    def subscribed(self) -> tuple[str, ...]:
        """The URIs that anybody is subscribed to."""
        return tuple(self._subscribed)

    @asynccontextmanager
    async def following(self, backend: Backend) -> AsyncIterator[None]:
        """While it is open, runs that somebody subscribes to are followed."""
        async with anyio.create_task_group() as tasks:
            self._backend, self._tasks = backend, tasks
            try:
                yield
            finally:
                self._backend = self._tasks = None
                tasks.cancel_scope.cancel()

    async def components_changed(self) -> None:
        """Tell every client that tools, prompts and resources are others than before."""
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
        for uri in self.subscribed:
            if uri.startswith(_OF_COMPONENTS):
                await self._updated(uri)

    def close_streams(self) -> None:
        """End the streams of those who listen, so that each knows that it was no accident."""
        self._streams.close()

    def joined(self, client: Connection) -> None:
        """A legacy client is there, until its connection ends."""
        if client not in self._clients:
            self._clients[client] = set()
            client.exit_stack.callback(self._left, client)

    def subscribe(self, client: Connection, uri: str) -> None:
        """Tell a legacy client of changes of a resource. Raises InvalidRequest where that are too many."""
        self.joined(client)
        if uri not in self._clients[client]:
            _check_number(len(self._clients[client]) + 1)
            self._enter(uri)
            self._clients[client].add(uri)

    def unsubscribe(self, client: Connection, uri: str) -> None:
        if uri in self._clients.get(client, ()):
            self._clients[client].remove(uri)
            self._leave(uri)

    async def listen(
        self, ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Serve a modern client's stream. Raises InvalidRequest where it listens to too much."""
        entered: list[str] = []
        uris = dict.fromkeys(params.notifications.resource_subscriptions or ())
        _check_number(len(uris))
        try:
            for uri in uris:
                self._enter(uri)
                entered.append(uri)
            return await self._streams(ctx, params)
        finally:
            for uri in entered:
                self._leave(uri)

    def _left(self, client: Connection) -> None:
        for uri in self._clients.pop(client, ()):
            self._leave(uri)

    def _enter(self, uri: str) -> None:
        if sum(one.readers for one in self._subscribed.values()) >= SUBSCRIPTIONS:
            raise InvalidRequest(
                f"Clients have {SUBSCRIPTIONS} subscriptions here, which is as many as there can be.",
                "Try again later.",
            )
        ref = _run_of(uri)
        subscribed = self._subscribed.get(uri) or _Subscribed()
        if ref is not None and subscribed.task is None and self._tasks is not None:
            if sum(one.task is not None for one in self._subscribed.values()) >= MOST_RUNS:
                raise InvalidRequest(
                    f"{MOST_RUNS} runs are followed already, which is as many as there can be.",
                    "Unsubscribe from some of them.",
                )
            scope = subscribed.task = anyio.CancelScope()
            self._tasks.start_soon(self._follow, ref, uri, subscribed, scope)
        subscribed.readers += 1
        self._subscribed[uri] = subscribed

    def _leave(self, uri: str) -> None:
        subscribed = self._subscribed[uri]
        subscribed.readers -= 1
        if not subscribed.readers:
            del self._subscribed[uri]
            if subscribed.task is not None:
                subscribed.task.cancel()

    async def _follow(self, ref: RunRef, uri: str, subscribed: _Subscribed, scope: anyio.CancelScope) -> None:
        """Tell of a run until nothing more can happen to it."""
        with scope:
            while True:
                try:
                    status = await self._told_to_the_end(ref, uri)
                    if status is Status.PAUSED:
                        await self._continued(ref)
                    elif status.ended:
                        break
                    else:  # AgentOS calls it running, and nothing is known to be at work on it
                        await anyio.sleep(_STUCK_SECONDS)
                except AgentOSError as error:
                    log.info("Not following %s: %s", ref, error)
                    if not error.is_transient:
                        break
                    await anyio.sleep(_RETRY_SECONDS)
                except Exception:
                    # One run must not end the server with it.
                    log.exception("Following %s failed; it is tried again in %.0f s", ref, _RETRY_SECONDS)
                    await anyio.sleep(_RETRY_SECONDS)
        subscribed.task = None

    async def _told_to_the_end(self, ref: RunRef, uri: str) -> Status:
        run = self._open.run_registry.attach(ref)
        told = _mark(run.state)
        ended = False
        while not ended:
            try:
                ended = await run.watch(_no_report, OFTEN, closely=False)
            except AgentOSError as error:
                # A run that was never heard of has not ended either.
                if not error.is_transient and run.state != RunState(ref=run.state.ref):
                    await self._updated(uri)
                raise
            if ended or _mark(run.state) != told:
                told = _mark(run.state)
                await self._updated(uri)
        return run.state.status

    async def _continued(self, ref: RunRef) -> None:
        """Wait until a paused run goes on, here or anywhere."""
        backend = self._open
        while True:
            with anyio.move_on_after(_LOOK_SECONDS):
                while (run := backend.run_registry.get(ref)) is None or run.done:  # noqa: ASYNC110 - nothing tells of it
                    await anyio.sleep(_GLANCE_SECONDS)
                return
            if (await backend.engine.read(ref)).status is not Status.PAUSED:
                return

    async def _updated(self, uri: str) -> None:
        await self.bus.publish(ResourceUpdated(uri))
        async with anyio.create_task_group() as tasks:
            for client in [client for client, uris in self._clients.items() if uri in uris]:
                tasks.start_soon(_send, client.send_resource_updated, uri)

    @property
    def _open(self) -> Backend:
        if self._backend is None:
            raise RuntimeError("nothing is followed outside of `following`")
        return self._backend


def _check_number(subscriptions: int) -> None:
    if subscriptions > SUBSCRIPTIONS_OF_CLIENT:
        raise InvalidRequest(
            f"A client can subscribe to {SUBSCRIPTIONS_OF_CLIENT} resources at once.", "Unsubscribe from some of them."
        )


async def require_own_uris(ctx: ToolContext, uris: Iterable[str]) -> None:
    """Raises NotFound where one is of a run of another user's, on a server for one user."""
    if not ctx.ownership.user_id:
        return
    refs = [ref for uri in dict.fromkeys(uris) if (ref := _run_of(uri)) is not None]
    if len(refs) > MOST_RUNS:
        raise InvalidRequest(f"{len(refs)} runs are more than can be followed at once ({MOST_RUNS}).")
    for ref in refs:
        if not ctx.ownership.knows(ref):
            await ctx.engine.read(ref)


async def _send(send: Callable[..., Awaitable[None]], *arguments: str) -> None:
    """Send a notification; a client that does not read keeps nobody waiting for long."""
    with anyio.move_on_after(_SEND_SECONDS):
        try:
            await send(*arguments)
        except Exception as error:  # a client that is gone must not keep the others from hearing of it
            log.info("A client could not be told of a change: %r", error)


def _run_of(uri: str) -> RunRef | None:
    if not uri.startswith(RUNS):
        return None
    try:
        return RunRef.parse(uri)
    except InvalidRequest:
        return None


def _mark(state: RunState) -> tuple[object, ...]:
    """What has to differ for a change to be worth telling."""
    return state.status, tuple((step.name, step.outcome) for step in state.steps), state.part, state.activity


def _no_report(state: RunState) -> None:
    """Only the latest state counts."""
