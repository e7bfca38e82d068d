"""Keeps what clients were told true while AgentOS changes: they are told to ask again."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.server.mcp_server import AgentOSServer
from agentos_mcp.tooling.context import Backend

log = logging.getLogger(__name__)

POLL_SECONDS = 20.0
"""How often an AgentOS is asked for its components where each has a tool of its own."""


@asynccontextmanager
async def notify_changes(server: AgentOSServer, backend: Backend) -> AsyncIterator[None]:
    """While it is open, clients are told whenever tools, prompts or resources have become others.

    Components are seen to change by whoever asks for them; they are polled only where they are exposed
    as tools. What AgentOS can do is learned once somebody has asked for the tools.
    """
    changed = anyio.Event()

    def note() -> None:
        changed.set()

    async def pass_on() -> None:
        nonlocal changed
        while True:
            await changed.wait()
            changed = anyio.Event()
            await server.component_tools.refresh(backend)
            await server.changes.components_changed()

    async def learn() -> None:
        await server.listed.wait()
        told = {tool.name for tool in server.offer.tools if not server.offer.unavailable_reason(tool.name, backend)}
        while backend.discovery.known is None:
            try:
                await backend.discovery.features()
            except AgentOSError as error:
                log.info("What this AgentOS can do is not known yet: %s", error)
                await anyio.sleep(POLL_SECONDS)
        if any(server.offer.unavailable_reason(name, backend) for name in told):
            note()

    async def poll() -> None:
        while True:
            await anyio.sleep(POLL_SECONDS)
            try:
                await backend.catalog.inventory(fresh=True)
            except AgentOSError as error:
                log.info("AgentOS could not be asked for its components: %s", error)

    backend.catalog.changed = note
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_kept_going, pass_on)
        tasks.start_soon(_kept_going, learn)
        if server.component_tools.on:
            tasks.start_soon(_kept_going, poll)
        yield
        tasks.cancel_scope.cancel()


async def _kept_going(task: Callable[[], Awaitable[None]]) -> None:
    """Run a task in the background; where it fails, again after a while: the server does not end with it."""
    while True:
        try:
            return await task()
        except Exception:
            log.exception("Watching for changes (%s) failed; it is tried again in %.0f s", task.__name__, POLL_SECONDS)
        await anyio.sleep(POLL_SECONDS)
