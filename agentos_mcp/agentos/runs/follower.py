"""Follows a run to its end, whatever happens to the connection.

A stream is read until it ends or breaks. A run that has not ended then is resumed (`/resume`) from its last
numbered event where AgentOS can, and read again and again where it cannot.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import anyio

from agentos_mcp.agentos.catalog import Catalog
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, NotFound, Unreachable
from agentos_mcp.agentos.features import Discovery
from agentos_mcp.agentos.hints import Action, hint
from agentos_mcp.agentos.inputs.attachments import MultipartPart
from agentos_mcp.agentos.json_values import mapping, text, texts
from agentos_mcp.agentos.log_format import abridged_error
from agentos_mcp.agentos.runs.payload import choice_descriptions
from agentos_mcp.agentos.runs.reducer import reduce
from agentos_mcp.agentos.runs.restarts import Restart, restarted_since
from agentos_mcp.agentos.runs.run import WAITING, RunNote, RunRef, RunState, Status
from agentos_mcp.agentos.runs.stored_run import read_stored_run

log = logging.getLogger(__name__)

Report = Callable[[RunState], None]
Sleep = Callable[[float], Awaitable[None]]
"""Waits between two reads of a run: for so many seconds, or as the caller sees fit."""

MAX_POLL_SECONDS = 2.0
OUTAGE_SECONDS = 60.0
_START_GRACE_SECONDS = 5.0
_STORE_GRACE_SECONDS = 1.0
_DRAIN_SECONDS = 5.0
_RESTART_CHECK_SECONDS = 30.0
"""How often it is checked whether AgentOS was restarted: with several workers nothing else shows that one was."""
_RESTART_NOTES = frozenset({RunNote.QUEUE_TAKES_OVER, RunNote.WORKER_RESTARTED})


class RunFollower:
    """Reads and follows the runs of one AgentOS. It keeps nothing between calls."""

    def __init__(
        self, agent_os: AgentOS, discovery: Discovery, catalog: Catalog, outage_seconds: float = OUTAGE_SECONDS
    ) -> None:
        self.outage_seconds = outage_seconds
        """How long AgentOS may be unreachable before a run is given up."""
        self._agent_os = agent_os
        self._discovery = discovery
        self._catalog = catalog

    async def stream(
        self,
        state: RunState,
        report: Report,
        path: str,
        form: Mapping[str, str],
        *,
        files: tuple[MultipartPart, ...] = (),
        kept_alive: bool,
        idempotency_key: str = "",
        opened: anyio.Event | None = None,
    ) -> RunState:
        """Reduce one stream until it ends or breaks; the state tells which. `opened` is set once AgentOS responds.

        After the run's last event the stream is read on for a moment: AgentOS is still storing the
        run, and takes a dropped foreground stream for a wish to cancel.
        """
        try:
            async with self._agent_os.stream(
                path,
                run_ids(state.ref),
                form,
                files=list(files) or None,
                kept_alive=kept_alive,
                idempotency_key=idempotency_key,
            ) as events:
                if opened is not None:
                    opened.set()
                with anyio.CancelScope() as drain:
                    async for event in events:
                        state = reduce(state, event)
                        report(state)
                        if not state.has_ended:
                            drain.deadline = math.inf
                        elif drain.deadline == math.inf:
                            drain.deadline = anyio.current_time() + _DRAIN_SECONDS
        except Unreachable as error:
            if not error.was_sent:
                raise
            log.info("%s (%s, after %d events)", abridged_error(error), state.ref, state.events)
        return state

    async def _resume(self, state: RunState, report: Report) -> RunState:
        """Resume the stream after the last event that arrived; the same state where AgentOS cannot."""
        form = {"session_id": state.ref.session}
        if state.has_event_numbers:
            form["last_event_index"] = str(state.last_index)
        # Without the number of the last event, all events come again.
        base = (
            state
            if state.has_event_numbers
            else RunState(
                ref=state.ref,
                total_steps=state.total_steps,
                notes=state.notes,
                is_queued=state.is_queued,
                is_stored=state.is_stored,
            )
        )
        path = f"{runs_path(state.ref)}/{{run_id}}/resume"
        resumed = await self.stream(
            base, lambda new: report(new) if new.has_event_numbers else None, path, form, kept_alive=True
        )
        return resumed if resumed.has_event_numbers else state

    async def follow_until_ended(self, state: RunState, report: Report, sleep: Sleep = anyio.sleep) -> RunState:
        """Follow a run until it ends or is orphaned: resume its stream where that works, and read it."""
        features = await self._discovery.features()
        resumable = features.resume(state.ref.kind)
        not_found_since = failing_since = math.inf
        poll_seconds = 0.1
        may_be_restarted = True
        """Whether AgentOS may have been restarted since that was last checked."""
        checked_at = -math.inf
        while not state.has_ended:
            try:
                if resumable:
                    previous_index = state.last_index
                    state = await self._resume(state, report)
                    # A run that is not streamed in the background has no numbered events to wait for.
                    resumable = state.last_index > previous_index or (previous_index >= 0 and not state.is_replayed)
                    may_be_restarted |= not resumable
                if not state.has_ended:
                    output = await self.get_stored(state.ref)
                    state = read_stored_run(state, output)
                    may_be_restarted |= anyio.current_time() - checked_at > _RESTART_CHECK_SECONDS
                    if not state.has_ended and may_be_restarted and not resumable:
                        state = await self.check_orphaned(state, output)
                        may_be_restarted, checked_at = False, anyio.current_time()
                    report(state)
                not_found_since = failing_since = math.inf
            except NotFound:
                # A run is stored a moment after it starts, and later by a busy AgentOS.
                not_found_since = min(not_found_since, anyio.current_time())
                grace_seconds = _START_GRACE_SECONDS if state.status is Status.PENDING else _STORE_GRACE_SECONDS
                if anyio.current_time() - not_found_since > grace_seconds:
                    if state.activity == WAITING:
                        return _as_unanswerable(replace(state, status=Status.PAUSED))
                    raise _lost_error(state) from None
            except AgentOSError as error:
                if not error.is_transient:
                    raise
                may_be_restarted = True
                failing_since = min(failing_since, anyio.current_time())
                if anyio.current_time() - failing_since > self.outage_seconds:
                    raise Unreachable(
                        error.message, f"The run may still be running: its reference is {state.ref}."
                    ) from error
            if state.is_orphaned:
                return state
            if not state.has_ended:
                await sleep(poll_seconds)
                poll_seconds = min(poll_seconds * 1.6, MAX_POLL_SECONDS)
        state = replace(state, notes=tuple(note for note in state.notes if note not in _RESTART_NOTES))
        state = await self._with_whole_answer(state, report)
        return await self._with_stored_pause(state, report, sleep)

    async def _with_whole_answer(self, state: RunState, report: Report) -> RunState:
        """Read the answer from the stored run, where the last event was too large to be read whole."""
        if not state.answer_cut:
            return state
        try:
            stored = read_stored_run(state, await self.get_stored(state.ref))
            state = stored if stored.has_ended else replace(state, notes=(*state.notes, RunNote.ANSWER_CUT))
        except AgentOSError as error:
            log.info("The whole answer of %s could not be read: %s", state.ref, error)
            state = replace(state, notes=(*state.notes, RunNote.ANSWER_CUT))
        report(state)
        return state

    async def _with_stored_pause(self, state: RunState, report: Report, sleep: Sleep) -> RunState:
        """Read the pause from the stored run: a stream may not have all of it, or be of an earlier pause."""
        if state.status is not Status.PAUSED:
            return state
        try:
            stored = read_stored_run(state, await self.get_stored(state.ref))
        except AgentOSError as error:
            log.info("The pause of %s could not be read: %s", state.ref, error)
            return _as_unanswerable(state) if isinstance(error, NotFound) else state
        stored = await self.with_choices(stored)
        report(stored)
        return stored if stored.has_ended else await self.follow_until_ended(stored, report, sleep)

    async def with_choices(self, state: RunState) -> RunState:
        """Add what the workflow says of the choices that a paused router offers; the pause has their names alone."""
        router = mapping(state.requirements[-1]) if state.requirements else {}
        if state.status is not Status.PAUSED or not router.get("requires_route_selection"):
            return state
        try:
            page = await self._catalog.detail(state.ref.kind, state.ref.component)
        except AgentOSError as error:
            log.info("The choices of %s are not described: %s", state.ref, error)
            return state
        names = frozenset(texts(router.get("available_choices")))
        return replace(state, choices=choice_descriptions(page, text(router.get("step_name")), names))

    async def read(self, state: RunState) -> RunState:
        output = await self.get_stored(state.ref)
        return await self.check_orphaned(read_stored_run(state, output), output)

    async def check_orphaned(self, state: RunState, output: Mapping[str, Any]) -> RunState:
        """Mark the run as orphaned where AgentOS was restarted under it, and still reports it as running."""
        restart = Restart.NOTHING if state.has_ended else await restarted_since(self._agent_os, state.ref, output)
        match restart:
            case Restart.EVERYTHING if not state.is_queued:
                return replace(state, is_orphaned=True)
            case Restart.EVERYTHING:
                note = RunNote.QUEUE_TAKES_OVER
            case Restart.ONE_WORKER if not state.is_queued:
                note = RunNote.WORKER_RESTARTED
            case _:
                return state
        return state if note in state.notes else replace(state, notes=(*state.notes, note))

    async def get_stored(self, ref: RunRef) -> Mapping[str, Any]:
        return mapping(
            await self._agent_os.get(f"{runs_path(ref)}/{{run_id}}", run_ids(ref), {"session_id": ref.session})
        )

    async def with_total_steps(self, state: RunState) -> RunState:
        """Add the number of its steps, where that can be known."""
        if state.ref.kind != "workflow" or state.total_steps:
            return state
        try:
            component = await self._catalog.find("workflow", state.ref.component)
        except AgentOSError:
            return state
        return replace(state, total_steps=await self._catalog.step_count(component))


def runs_path(ref: RunRef) -> str:
    return f"/{ref.kind}s/{{component_id}}/runs"


def run_ids(ref: RunRef) -> dict[str, str]:
    return {"component_id": ref.component, "run_id": ref.run}


def _as_unanswerable(state: RunState) -> RunState:
    """A pause that AgentOS has not stored, since it has no database."""
    return replace(
        state,
        requirements=(),
        notes=(*(note for note in state.notes if note != RunNote.NOT_BACKGROUND), RunNote.UNANSWERABLE),
    )


def _lost_error(state: RunState) -> AgentOSError:
    if state.status is Status.PENDING:
        return Unreachable(
            f"The connection broke while the run was being started, and AgentOS does not know it ({state.ref}).",
            hint(
                "Most likely nothing was started; check with {look} before you run it again.",
                look=Action.of("get_run", run=str(state.ref)),
                otherwise="Most likely nothing was started; check before you run it again.",
            ),
        )
    return NotFound(
        f"The connection broke during the run, and AgentOS has not stored it ({state.ref}).",
        "Its component may have no database: then a run ends with its connection. Run it again.",
    )
