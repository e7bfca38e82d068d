"""Runs components of an AgentOS: the path of a run, from its start to its end, whatever happens to the connection.

    Engine.new_run        a reference for the run, before anything is sent
    Engine.run           starter.py sends it, once, and reads its stream
      reducer.py         each event -> the next RunState
      follower.py        until it has ended: its stream resumed (`/resume`), else the stored run read
        stored_run.py    the stored run -> RunState
        restarts.py      whether AgentOS was restarted under it, so that it may never end
    Engine.continue_run  continuer.py sends the answers to a pause, once, then follower.py follows it again
    Engine.cancel          canceller.py

Nothing is ever sent again to find out what became of it: a run whose stream breaks is followed by its reference.
`registry.py` keeps the runs that this process follows, for any number of callers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import anyio

from agentos_mcp.agentos.agentos_messages import needs_background_database
from agentos_mcp.agentos.catalog import Catalog
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, Forbidden, InvalidRequest, NotFound
from agentos_mcp.agentos.features import Discovery
from agentos_mcp.agentos.observation import note_run
from agentos_mcp.agentos.ownership import OWN_RUNS, Ownership
from agentos_mcp.agentos.runs.canceller import RunCanceller
from agentos_mcp.agentos.runs.continuer import RunContinuer
from agentos_mcp.agentos.runs.follower import (
    OUTAGE_SECONDS,
    Report,
    RunFollower,
    Sleep,
)
from agentos_mcp.agentos.runs.run import RunNote, RunRef, RunState, new_id
from agentos_mcp.agentos.runs.starter import RunRequest, RunStarter
from agentos_mcp.agentos.runs.stored_run import read_stored_run

__all__ = ["Engine", "Report", "Sleep"]


class Engine:
    """Runs, follows, reads, continues and cancels the runs of one AgentOS. It keeps nothing between calls.

    `durable` runs continue in the background of AgentOS, where it has a database; others end with their
    connection, and cost a busy AgentOS less.
    """

    def __init__(
        self,
        agent_os: AgentOS,
        discovery: Discovery,
        catalog: Catalog,
        *,
        durable: bool = True,
        ownership: Ownership | None = None,
        outage_seconds: float = OUTAGE_SECONDS,
    ) -> None:
        self._agent_os = agent_os
        self._discovery = discovery
        self._catalog = catalog
        self._durable = durable
        self.ownership = ownership or Ownership(agent_os, catalog)
        self._follower = RunFollower(agent_os, discovery, catalog, outage_seconds)
        self._starter = RunStarter(agent_os, self._follower)
        self._canceller = RunCanceller(agent_os)
        self._continuer = RunContinuer(agent_os, discovery, self._follower, durable=durable)

    def new_run(self, request: RunRequest) -> RunState:
        """A run that has a reference and nothing else yet; a durable queue gives it another one."""
        component = request.component
        session_id = request.session_id or new_id()
        ref = RunRef(component.kind, component.id, session_id, new_id(), self._agent_os.instance)
        if request.user_id == self.ownership.user_id:
            self.ownership.started(ref, new_session=not request.session_id)
        return RunState(ref=ref, is_provisional=self._durable)

    async def run(self, request: RunRequest, state: RunState, report: Report, sleep: Sleep = anyio.sleep) -> RunState:
        """Start the run that `new_run` made and follow it to its end; `report` is called with every new state.

        Raises InvalidRequest, NotFound and the like where AgentOS refuses it, Unreachable where
        it is not known what became of it. A run that fails, pauses, is cancelled or orphaned is a returned state.
        """
        kind = request.component.kind
        features = await self._discovery.features()
        state = replace(state, total_steps=await self._catalog.step_count(request.component))
        report(state)
        background = self._durable and features.background(kind)
        try:
            if background and await self._has_durable_queue():
                state = await self._starter.start_queued(request, state, report, sleep)
            else:
                state = replace(state, is_provisional=False)
                report(state)
                state = await self._starter.start(request, state, report, background=background)
        except InvalidRequest as error:
            if not (background and needs_background_database(error)):
                raise
            state = replace(state, notes=(RunNote.NOT_BACKGROUND,), is_provisional=False)
            state = await self._starter.start(request, state, report, background=False)
        return await self._follower.follow_until_ended(state, report, sleep)

    async def follow(self, ref: RunRef, report: Report, sleep: Sleep = anyio.sleep) -> RunState:
        """Follow a run that was started before to its end, or read it where it has ended."""
        state = await self.read(ref)
        if not state.has_ended:
            state = await self._follower.with_total_steps(state)
        report(state)
        return await self._follower.follow_until_ended(state, report, sleep)

    async def continue_run(
        self, state: RunState, form: Mapping[str, str], report: Report, sleep: Sleep = anyio.sleep
    ) -> RunState:
        """Send the answers to a paused run, once, and follow it to its next end.

        The caller has read that it is paused: AgentOS would execute a finished run again. Where AgentOS
        does not take the answers, the state is still paused and `refusal_reason` says why.
        """
        return await self._continuer.continue_run(state, form, report, sleep)

    async def read(self, ref: RunRef) -> RunState:
        """Read where a run stands. Raises NotFound where AgentOS does not know it."""
        state, _ = await self.read_stored(ref)
        return await self._follower.with_choices(state)

    async def read_stored(self, ref: RunRef) -> tuple[RunState, Mapping[str, Any]]:
        """Where a run stands, and all that is stored of it; raises what `get_stored` raises.

        It is marked as orphaned where AgentOS was restarted under it, and still reports it as running.
        """
        output = await self.get_stored(ref)
        return await self._follower.check_orphaned(read_stored_run(RunState(ref=ref), output), output), output

    async def get_stored(self, ref: RunRef) -> Mapping[str, Any]:
        """The run as AgentOS has stored it (up to some hundred KB).

        Raises NotFound where it has not, and for a run of another user on a server for one user.
        """
        ref = ref.on_instance(self._agent_os.instance)
        features = await self._discovery.features()
        features.require("GET", f"/{ref.kind}s/{{{ref.kind}_id}}/runs/{{run_id}}", "show a run again")
        try:
            output = await self._follower.get_stored(ref)
        except NotFound as error:
            if not self.ownership.user_id or self.ownership.knows(ref):
                raise
            raise self.ownership.refusal(f"run {ref}", OWN_RUNS) from error
        await self.ownership.require_own_run(ref, output)
        return output

    async def cancel(self, ref: RunRef) -> None:
        """Ask AgentOS to cancel a run; its response is the same for runs that it does not know.

        Raises NotFound for a run of another user on a server for one user.
        """
        ref = ref.on_instance(self._agent_os.instance)
        note_run(lambda: ref)
        if self.ownership.user_id and not self.ownership.knows(ref):
            try:
                await self.get_stored(ref)
            except Forbidden:
                # A token may cancel what it may not read.
                if self.ownership.decides:
                    raise
        await self._canceller.cancel(ref)

    async def repeat_cancellation(self, ref: RunRef, wait_for_end: Callable[[float], Awaitable[bool]]) -> None:
        """After `cancel`: send it again until the run has ended, since AgentOS may have several workers.

        `wait_for_end(seconds)` waits for the run's end at most so long, and tells whether it has come.
        """
        await self._canceller.repeat(ref, wait_for_end)

    async def cancel_on_all_workers(self, ref: RunRef) -> int:
        """After `cancel`, for a run that does not end by that: tell each worker; how many there are."""
        return await self._canceller.cancel_on_all_workers(ref)

    async def _has_durable_queue(self) -> bool:
        """Whether AgentOS's background runs go through its durable queue."""
        try:
            inventory = self._catalog.known or await self._catalog.inventory()
        except AgentOSError:
            return False
        return inventory.durable_queue
