"""Notices that AgentOS has changed, and has clients list tools, prompts and resources again."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.log_format import Loggable
from agentos_mcp.agentos.task_groups import unwrapped_task_group
from agentos_mcp.server.caller_state import CallerState
from agentos_mcp.server.tool_selection import ToolSelection
from agentos_mcp.tooling.context import Backend

log = logging.getLogger(__name__)

POLL_SECONDS = 20.0
"""How often an AgentOS is asked for its components where each has a tool of its own."""


@asynccontextmanager
async def notify_clients_of_changes(
    selection: ToolSelection, state: CallerState, backend: Backend
) -> AsyncIterator[None]:
    """While it is open, a caller's clients are notified whenever tools, prompts or resources of an AgentOS change.

    AgentOS is asked for its components at once, and again until it answers; clients that were introduced before are
    told. A change of them is noticed by whoever asks for them; they are polled only where they are exposed as tools.
    What AgentOS can do is learned once there is a client (`CallerState.has_client`): an AgentOS that has just started
    takes most of a second to describe itself, and answers nothing meanwhile. Neither the introduction should wait for
    that nor the first run; and of several, the one that does would be left out of the first list.
    """
    changed = anyio.Event()

    def mark_changed() -> None:
        changed.set()

    async def publish_changes() -> None:
        nonlocal changed
        while True:
            await changed.wait()
            changed = anyio.Event()
            await state.component_tools.refresh(backend)
            await state.subscriptions.publish_components_changed()

    async def discover_features() -> None:
        await state.has_client.wait()
        listed_names = [tool.name for tool in selection.tools if not selection.unavailable_reason(tool.name, backend)]
        while backend.discovery.known is None:
            try:
                await backend.discovery.features()
            except AgentOSError as error:
                log.info("What this AgentOS can do is not known yet: %s", error)
                await anyio.sleep(POLL_SECONDS)
        if any(selection.unavailable_reason(name, backend) for name in listed_names):
            mark_changed()

    async def learn_components() -> None:
        while backend.catalog.known is None:
            try:
                await backend.catalog.inventory(retry=False)
            except AgentOSError as error:
                log.info("What AgentOS has is not known yet: %s", error)
                await anyio.sleep(POLL_SECONDS)

    async def publish_first_components() -> None:
        await backend.catalog.first_read.wait()
        if state.introduced_early:
            mark_changed()

    async def poll_components() -> None:
        while True:
            await anyio.sleep(POLL_SECONDS)
            try:
                await backend.catalog.inventory(fresh=True)
            except AgentOSError as error:
                log.info("AgentOS could not be asked for its components: %s", error)

    backend.catalog.changed = mark_changed
    async with unwrapped_task_group() as tasks:
        tasks.start_soon(_run_until_done, publish_changes)
        tasks.start_soon(_run_until_done, discover_features)
        tasks.start_soon(_run_until_done, learn_components)
        tasks.start_soon(_run_until_done, publish_first_components)
        if state.component_tools.is_enabled:
            tasks.start_soon(_run_until_done, poll_components)
        yield
        tasks.cancel_scope.cancel()


async def _run_until_done(task: Callable[[], Awaitable[None]]) -> None:
    """Run a task; where it raises, again after a while: the server does not end with it."""
    while True:
        try:
            return await task()
        except Exception:
            log.exception(
                "Watching for changes (%s) failed; it is tried again in %.0f s", Loggable(task.__name__), POLL_SECONDS
            )
        await anyio.sleep(POLL_SECONDS)
