"""Cancels runs, also where AgentOS has several workers.

AgentOS keeps in a worker's memory which runs are to be cancelled, unless its workers share a Redis: then a
cancellation has an effect only if it reaches the worker that works on the run. A balancer before the workers gives a
new connection to any of them, so a cancellation is sent again, each time on a new one, until the run has ended.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable

from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.runs.follower import run_ids, runs_path
from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.agentos.workers import worker_starts

log = logging.getLogger(__name__)

_WAIT_SECONDS = (0.3, 0.3, 0.4, 0.5, 0.5, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 5.0, 5.0)
"""Before each time that it is sent again; 27 s in all."""


class RunCanceller:
    """Sends cancellations to one AgentOS."""

    def __init__(self, agent_os: AgentOS) -> None:
        self._agent_os = agent_os

    async def cancel(self, ref: RunRef, *, new_connection: bool = False) -> None:
        """Ask AgentOS once; its response is the same for runs that it does not know, and for any worker."""
        path = f"{runs_path(ref)}/{{run_id}}/cancel"
        await self._agent_os.request(
            "POST", path, run_ids(ref), query={"session_id": ref.session}, retry=True, new_connection=new_connection
        )

    async def cancel_on_all_workers(self, ref: RunRef) -> int:
        """Ask as often as reaches, most likely, each worker; how many workers are seen. One is not asked again."""
        workers = len(await worker_starts(self._agent_os))
        if workers > 1:
            await self._cancel_on(workers, ref)
        return workers

    async def repeat(self, ref: RunRef, wait_for_end: Callable[[float], Awaitable[bool]]) -> None:
        """Cancel a run that was asked to end again and again, until it has ended or time is over.

        `wait_for_end(seconds)` waits for its end at most so long, and tells whether it has come. A request
        that fails is no failure: the next one may reach the worker.
        """
        workers = 0
        for seconds in _WAIT_SECONDS:
            # Other requests of ours must not make a balancer that takes turns give all of these to one worker.
            if await wait_for_end(seconds * random.uniform(0.7, 1.3)):  # noqa: S311 - jitter is no secret
                return
            try:
                workers = max(workers, len(await worker_starts(self._agent_os)))
                await self._cancel_on(workers, ref)
            except AgentOSError as error:
                log.info("The cancellation of %s could not be sent again: %s", ref, error.message)

    async def _cancel_on(self, workers: int, ref: RunRef) -> None:
        for _ in range(2 * workers if workers > 1 else 1):
            await self.cancel(ref, new_connection=True)
