"""The workers of an AgentOS, told apart by when they started: nothing else shows that there are several."""

from __future__ import annotations

import logging
from datetime import datetime

from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.json_values import mapping
from agentos_mcp.agentos.task_groups import unwrapped_task_group
from agentos_mcp.agentos.timestamps import parse_timestamp

log = logging.getLogger(__name__)

SAMPLES = 6
"""Requests, each on a connection of its own: a balancer that gives them to two workers at random shows one in 3 %."""


async def worker_start(agent_os: AgentOS, *, new_connection: bool = False) -> datetime | None:
    """When the worker that responds was started; None where that is not known."""
    try:
        health = mapping(await agent_os.get("/health", retry=False, new_connection=new_connection))
    except AgentOSError as error:
        log.info("When AgentOS was started is not known: %s", error)
        return None
    return parse_timestamp(health.get("instantiated_at"))


async def worker_starts(agent_os: AgentOS) -> frozenset[datetime]:
    """When each of the workers that respond was started: one moment for each worker."""
    starts: set[datetime] = set()

    async def sample() -> None:
        if (start := await worker_start(agent_os, new_connection=True)) is not None:
            starts.add(start)

    async with unwrapped_task_group() as tasks:
        for _ in range(SAMPLES):
            tasks.start_soon(sample)
    return frozenset(starts)
