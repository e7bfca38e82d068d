"""Drives a run from its start to its end, whatever happens to the connection.

A run is started once. Where the stream breaks, the run is followed by `/resume` from the last
event that arrived, else read; nothing is started again to find out.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import anyio

from agentos_mcp.agentos.attachments import Part
from agentos_mcp.agentos.catalogue import Catalogue, Component
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, NotFound, Unreachable
from agentos_mcp.agentos.features import Discovery
from agentos_mcp.agentos.outputs import read_output
from agentos_mcp.agentos.ownership import Ownership
from agentos_mcp.agentos.reduction import reduce
from agentos_mcp.agentos.run import RunRef, RunState, Status, new_id

log = logging.getLogger(__name__)

Report = Callable[[RunState], None]

NOT_BACKGROUND = "AgentOS cannot run it in the background (it has no database), so it ends if the connection does."
_RESTARTED = (
    "AgentOS has lost the run's events: it seems to have been restarted, and then the run will never end. "
    "Run it again unless you know better."
)
_START_SECONDS = 5.0
_STORE_SECONDS = 1.0
_TAKEN_SECONDS = 0.5
_FORGOTTEN_SECONDS = 600.0
_OUTAGE_SECONDS = 60.0
_DRAIN_SECONDS = 5.0
_SLOWEST_POLL = 2.0


@dataclass(frozen=True)
class RunOrder:
    """What to run. `fields` are further form fields, already as AgentOS takes them."""

    component: Component
    message: str
    session_id: str = ""
    user_id: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[Part, ...] = field(default=(), repr=False)
    """Files, as parts of a multipart form; agents and teams only."""


class Engine:
    """Runs, follows, reads, continues and cancels the runs of one AgentOS. It keeps nothing between calls.

    `durable` runs go on in the background of AgentOS where it can; others end with their connection
    and cost a crowded AgentOS less.
    """

    def __init__(
        self,
        agent_os: AgentOS,
        discovery: Discovery,
        catalogue: Catalogue,
        *,
        durable: bool = True,
        ownership: Ownership | None = None,
    ) -> None:
        self._os = agent_os
        self._discovery = discovery
        self._catalogue = catalogue
        self._durable = durable
        self.ownership = ownership or Ownership(agent_os, catalogue)

    def name(self, order: RunOrder) -> RunState:
        """A run that has a reference and nothing else yet."""
        ref = RunRef(order.component.kind, order.component.id, order.session_id or new_id(), new_id())
        if order.user_id == self.ownership.user_id:
            self.ownership.started(ref, new_session=not order.session_id)
        return RunState(ref=ref)

    async def run(self, order: RunOrder, state: RunState, report: Report) -> RunState:
        """Start the run that `name` named and follow it to its end; `report` is called with every new state.

        Raises InvalidRequest, NotFound and the like where AgentOS refuses it, Unreachable where
        its fate cannot be learned. A run that fails, pauses or is cancelled is a returned state.
        """
        kind = order.component.kind
        features = await self._discovery.features()
        state = replace(state, total_steps=await self._catalogue.step_count(order.component))
        report(state)
        background = self._durable and features.background(kind)
        try:
            state = await self._start(order, state, report, background=background)
        except InvalidRequest as refusal:
            if not (background and _wants_a_database(refusal)):
                raise
            state = replace(state, notes=(NOT_BACKGROUND,))
            state = await self._start(order, state, report, background=False)
        return await self._until_ended(state, report)

    async def follow(self, ref: RunRef, report: Report) -> RunState:
        """Follow a run that is already there to its end, or read it where it has ended."""
        state = await self.read(ref)
        if not state.ended:
            state = await self._with_steps(state)
        report(state)
        return await self._until_ended(state, report)

    async def continue_run(self, state: RunState, form: Mapping[str, str], report: Report) -> RunState:
        """Send the answers to a paused run, once, and follow it to its next end.

        The caller has read that it is paused: AgentOS would execute a finished run again.
        """
        features = await self._discovery.features()
        path = f"{_runs(state.ref)}/{{run_id}}/continue"
        state = await self._with_steps(
            replace(state, status=Status.RUNNING, requirements=(), answer=None, activity="", last_index=-1)
        )
        report(state)
        before, taken = state.events, False
        try:
            if state.ref.kind == "workflow" and self._durable:
                # A streamed continuation of a workflow would end with our connection; this one does not.
                await self._os.request("POST", path, _ids(state.ref), form={**form, "stream": "false"}, endless=True)
                taken = True
            else:
                background = self._durable and features.background(state.ref.kind)
                fields = {**form, "stream": "true"} | ({"background": "true"} if background else {})
                state = await self._stream(state, report, path, fields, kept_alive=background)
        except Unreachable as error:
            if not error.sent:
                raise
            log.info("%s (%s goes on)", error.message, state.ref)
        except InvalidRequest as refusal:
            if refusal.status != 409:
                raise
            log.info("%s was continued by somebody else: %s", state.ref, refusal.message)
        if not taken and state.events == before:
            # AgentOS calls a run paused for a moment after it took the answers.
            await anyio.sleep(_TAKEN_SECONDS)
        return await self._until_ended(state, report)

    async def read(self, ref: RunRef) -> RunState:
        """Where a run stands now. Raises NotFound where AgentOS does not know it."""
        return read_output(RunState(ref=ref), await self.stored(ref))

    async def stored(self, ref: RunRef) -> Mapping[str, Any]:
        """The run as AgentOS has stored it (up to some hundred KB).

        Raises NotFound where it has not, and for a run of another user's where there is only one.
        """
        features = await self._discovery.features()
        features.require("GET", f"/{ref.kind}s/{{{ref.kind}_id}}/runs/{{run_id}}", "show a run again")
        try:
            output = await self._stored(ref)
        except NotFound as missing:
            if not self.ownership.user_id or self.ownership.knows(ref):
                raise
            raise self.ownership.refusal(f"run {ref}", "list_runs shows this user's.") from missing
        await self.ownership.require_own_run(ref, output)
        return output

    async def cancel(self, ref: RunRef) -> None:
        """Ask AgentOS to cancel a run; it answers alike for runs that it does not know.

        Raises NotFound for a run of another user's where there is only one.
        """
        if self.ownership.user_id and not self.ownership.knows(ref):
            await self.stored(ref)
        path = f"{_runs(ref)}/{{run_id}}/cancel"
        await self._os.request("POST", path, _ids(ref), query={"session_id": ref.session})

    async def _start(self, order: RunOrder, state: RunState, report: Report, *, background: bool) -> RunState:
        """Send the start, once, and reduce its stream until it ends or breaks."""
        form = {
            "message": order.message,
            "stream": "true",
            **({"background": "true"} if background else {}),
            "session_id": state.ref.session,
            "run_id": state.ref.run,
            **({"user_id": order.user_id} if order.user_id else {}),
            **order.fields,
        }
        return await self._stream(state, report, _runs(state.ref), form, parts=order.parts, kept_alive=background)

    async def _resume(self, state: RunState, report: Report) -> RunState:
        """Go on from the last event that arrived; the state unchanged where AgentOS cannot."""
        form = {"session_id": state.ref.session}
        if state.numbered:
            form["last_event_index"] = str(state.last_index)
        # Without a number to go on from, all events come again.
        base = state if state.numbered else RunState(ref=state.ref, total_steps=state.total_steps, notes=state.notes)
        path = f"{_runs(state.ref)}/{{run_id}}/resume"
        resumed = await self._stream(
            base, lambda new: report(new) if new.numbered else None, path, form, kept_alive=True
        )
        return resumed if resumed.numbered else state

    async def _stream(
        self,
        state: RunState,
        report: Report,
        path: str,
        form: Mapping[str, str],
        *,
        parts: tuple[Part, ...] = (),
        kept_alive: bool,
    ) -> RunState:
        """Reduce one stream until it ends or breaks; the state tells which.

        After the run's last event the stream is read on for a moment: AgentOS is still storing the
        run, and takes a dropped foreground stream for a wish to cancel.
        """
        try:
            async with self._os.stream(
                path, _ids(state.ref), form, files=list(parts) or None, kept_alive=kept_alive
            ) as events:
                with anyio.CancelScope() as drain:
                    async for event in events:
                        state = reduce(state, event)
                        report(state)
                        if not state.ended:
                            drain.deadline = math.inf
                        elif drain.deadline == math.inf:
                            drain.deadline = anyio.current_time() + _DRAIN_SECONDS
        except Unreachable as error:
            if not error.sent:
                raise
            log.info("%s (%s, after %d events)", error.message, state.ref, state.events)
        return state

    async def _with_steps(self, state: RunState) -> RunState:
        """With the number of its steps, where that can be known."""
        if state.ref.kind != "workflow" or state.total_steps:
            return state
        try:
            component = await self._catalogue.find("workflow", state.ref.component)
        except AgentOSError:
            return state
        return replace(state, total_steps=await self._catalogue.step_count(component))

    async def _until_ended(self, state: RunState, report: Report) -> RunState:
        """Follow a run that has not ended: resume its stream where that works, and read it."""
        features = await self._discovery.features()
        resumable = features.resume(state.ref.kind)
        unknown_since = trouble_since = forgotten_since = math.inf
        pause = 0.1
        while not state.ended:
            try:
                if resumable:
                    before = state.last_index
                    state = await self._resume(state, report)
                    # A run that is not streamed in the background has no numbered events to wait for.
                    resumable = state.last_index > before or (before >= 0 and not state.replayed)
                    if before >= 0 and not resumable:
                        forgotten_since = anyio.current_time()
                if not state.ended:
                    state = read_output(state, await self._stored(state.ref))
                    if not state.ended and forgotten_since < math.inf:
                        state = _forgotten(state, anyio.current_time() - forgotten_since)
                    report(state)
                unknown_since = trouble_since = math.inf
            except NotFound:
                # A run is stored a moment after it starts, and later by a busy AgentOS.
                unknown_since = min(unknown_since, anyio.current_time())
                patience = _START_SECONDS if state.status is Status.PENDING else _STORE_SECONDS
                if anyio.current_time() - unknown_since > patience:
                    raise _lost(state) from None
            except AgentOSError as error:
                if not error.passing:
                    raise
                trouble_since = min(trouble_since, anyio.current_time())
                if anyio.current_time() - trouble_since > _OUTAGE_SECONDS:
                    raise Unreachable(
                        error.message, f"The run may still be going on: its reference is {state.ref}."
                    ) from error
            if not state.ended:
                await anyio.sleep(pause)
                pause = min(pause * 1.6, _SLOWEST_POLL)
        state = replace(state, notes=tuple(note for note in state.notes if note != _RESTARTED))
        return await self._with_requirements(state, report)

    async def _with_requirements(self, state: RunState, report: Report) -> RunState:
        """A pause as AgentOS has stored it: a stream may not tell all of it, or be of an earlier one."""
        if state.status is not Status.PAUSED:
            return state
        try:
            stored = read_output(state, await self._stored(state.ref))
        except AgentOSError as error:
            log.info("The pause of %s could not be read: %s", state.ref, error)
            return state
        report(stored)
        return stored if stored.ended else await self._until_ended(stored, report)

    async def _stored(self, ref: RunRef) -> Mapping[str, Any]:
        output = await self._os.get(f"{_runs(ref)}/{{run_id}}", _ids(ref), {"session_id": ref.session})
        return output if isinstance(output, Mapping) else {}


def _runs(ref: RunRef) -> str:
    return f"/{ref.kind}s/{{component_id}}/runs"


def _ids(ref: RunRef) -> dict[str, str]:
    return {"component_id": ref.component, "run_id": ref.run}


def _wants_a_database(refusal: InvalidRequest) -> bool:
    said = refusal.message.casefold()
    return refusal.status == 400 and "background" in said and ("database" in said or " db" in said)


def _forgotten(state: RunState, seconds: float) -> RunState:
    """The state of a run whose stream AgentOS does not know any more, though it calls the run running.

    Another of its processes may be at it; but if it was restarted, the run is called running for ever.
    """
    if seconds > _FORGOTTEN_SECONDS:
        raise Unreachable(
            f"AgentOS calls {state.ref} running, but seems to have been restarted in the middle of it.",
            "Look again with get_run, or run it again.",
        )
    return state if _RESTARTED in state.notes else replace(state, notes=(*state.notes, _RESTARTED))


def _lost(state: RunState) -> AgentOSError:
    if state.status is Status.PENDING:
        return Unreachable(
            "The connection broke as the run was being started, and AgentOS knows no such run.",
            f"Most likely nothing was started; look with get_run at {state.ref} before you run it again.",
        )
    return NotFound(
        f"The connection broke during the run, and AgentOS has not stored it ({state.ref}).",
        "Its component may have no database; then a run ends with its connection. Run it again.",
    )
