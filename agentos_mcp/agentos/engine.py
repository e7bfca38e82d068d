"""Drives a run from its start to its end, whatever happens to the connection.

A run is started once. Where the stream breaks, the run is followed by `/resume` from the last
event that arrived, else read; nothing is started again to find out.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import anyio

from agentos_mcp.agentos.attachments import Part
from agentos_mcp.agentos.catalogue import Catalogue, Component
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, Forbidden, InvalidRequest, NotFound, Unreachable, Unsupported
from agentos_mcp.agentos.events import LARGEST_EVENT
from agentos_mcp.agentos.features import Discovery
from agentos_mcp.agentos.outputs import read_output
from agentos_mcp.agentos.ownership import Ownership
from agentos_mcp.agentos.pauses import questions
from agentos_mcp.agentos.queue_conflicts import Conflict, conflict_of
from agentos_mcp.agentos.reduction import reduce
from agentos_mcp.agentos.run import WAITING, RunRef, RunState, Status, new_id

log = logging.getLogger(__name__)

Report = Callable[[RunState], None]
Sleep = Callable[[float], Awaitable[None]]
"""Waits between two looks at a run, for so many seconds or as it sees fit."""

NOT_BACKGROUND = "AgentOS cannot run it in the background (it has no database), so it ends if the connection does."
UNANSWERABLE = (
    "It asks for an answer, but AgentOS keeps no runs (it has no database), so nobody can continue it. "
    "Give AgentOS a database and run it again."
)
_ANSWER_CUT = (
    f"This is only the beginning of the answer: it is larger than {LARGEST_EVENT // 1024 // 1024} MiB, and the stored "
    "run could not be read. AgentOS itself may still have the whole of it."
)
_TAKEN_UP = (
    "AgentOS was restarted during the run. Its durable queue takes the run up again, "
    "or ends it as failed, after about a minute."
)
_NOT_USED = "These answers were not used: "
_NO_SIGN = "The connection broke as the answers were sent, and AgentOS still calls the run paused"
_START_SECONDS = 5.0
_STORE_SECONDS = 1.0
_TAKEN_SECONDS = 0.5
_BYPASS_SECONDS = 0.5
_SILENT_SECONDS = 0.5
_RESTART_SECONDS = 1.0
_OUTAGE_SECONDS = 60.0
_DRAIN_SECONDS = 5.0
_SLOWEST_POLL = 2.0
_SETTLING_SECONDS = 1.0
_SETTLING_TRIES = 15
_QUEUE_SECONDS = 10.0
"""How long a queued run may be shown paused after somebody has continued it: on SQLite it is until its end."""
_CLAIM_SECONDS = 60.0
"""The same after a continuation that AgentOS has accepted: others may be before it in the queue."""
_UNQUEUED_FIELDS = frozenset({"images", "audio", "videos", "files", "input_files", "output_schema"})
"""What AgentOS runs without its queue, under our own run id."""


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
        """A run that has a reference and nothing else yet; on a durable queue it gets another one."""
        ref = RunRef(order.component.kind, order.component.id, order.session_id or new_id(), new_id())
        if order.user_id == self.ownership.user_id:
            self.ownership.started(ref, new_session=not order.session_id)
        return RunState(ref=ref, provisional=self._durable)

    async def run(self, order: RunOrder, state: RunState, report: Report, sleep: Sleep = anyio.sleep) -> RunState:
        """Start the run that `name` named and follow it to its end; `report` is called with every new state.

        Raises InvalidRequest, NotFound and the like where AgentOS refuses it, Unreachable where
        its fate cannot be learned. A run that fails, pauses, is cancelled or orphaned is a returned state.
        """
        kind = order.component.kind
        features = await self._discovery.features()
        state = replace(state, total_steps=await self._catalogue.step_count(order.component))
        report(state)
        background = self._durable and features.background(kind)
        try:
            if background and await self._has_queue():
                state = await self._start_queued(order, state, report, sleep)
            else:
                state = replace(state, provisional=False)
                report(state)
                state = await self._start(order, state, report, background=background)
        except InvalidRequest as refusal:
            if not (background and _wants_a_database(refusal)):
                raise
            state = replace(state, notes=(NOT_BACKGROUND,), provisional=False)
            state = await self._start(order, state, report, background=False)
        return await self._until_ended(state, report, sleep)

    async def follow(self, ref: RunRef, report: Report, sleep: Sleep = anyio.sleep) -> RunState:
        """Follow a run that is already there to its end, or read it where it has ended."""
        state = await self._read(RunState(ref=ref))
        if not state.ended:
            state = await self._with_steps(state)
        report(state)
        return await self._until_ended(state, report, sleep)

    async def continue_run(
        self, state: RunState, form: Mapping[str, str], report: Report, sleep: Sleep = anyio.sleep
    ) -> RunState:
        """Send the answers to a paused run, once, and follow it to its next end.

        The caller has read that it is paused: AgentOS would execute a finished run again. Where AgentOS
        does not take the answers, the state is still paused and `not_taken` says why.
        """
        asked = _question_keys(state)
        state = await self._with_steps(
            replace(
                state,
                status=Status.RUNNING,
                requirements=(),
                answer=None,
                activity="",
                last_index=-1,
                stored=False,
                not_taken="",
                notes=tuple(note for note in state.notes if not note.startswith(_NOT_USED)),
            )
        )
        report(state)
        refusal, refused, patience = "", False, _TAKEN_SECONDS
        try:
            state = await self._send_answers(state, form, report, asked)
            if state.queued:
                patience = _CLAIM_SECONDS
        except Unreachable as error:
            if not error.sent:
                raise
            log.info("%s (%s goes on)", error.message, state.ref)
            refusal = _NO_SIGN
            if state.queued:
                patience = _QUEUE_SECONDS
        except AgentOSError as error:
            conflict = conflict_of(error)
            if conflict is None:
                raise
            log.info("%s did not take the answers: %s", state.ref, error.message)
            refusal, refused = error.message.removeprefix("AgentOS refused the request: ").rstrip("."), True
            if conflict is Conflict.CONTINUED:
                patience = _QUEUE_SECONDS
        state = await self._past_pause(state, report, sleep, asked, patience)
        if _question_keys(state) == asked:
            return replace(state, not_taken=refusal or "it asks the same again")
        return replace(state, notes=(*state.notes, f"{_NOT_USED}{refusal}.")) if refused else state

    async def _send_answers(
        self, state: RunState, form: Mapping[str, str], report: Report, asked: frozenset[str]
    ) -> RunState:
        """Post the answers in the way that this run takes them; the state as far as the stream told it.

        A refusal that says which way is the right one has executed nothing. Raises what AgentOS
        refuses for good, and Unreachable where it is not known whether AgentOS took them.
        """
        features = await self._discovery.features()
        path = f"{_runs(state.ref)}/{{run_id}}/continue"
        workflow = state.ref.kind == "workflow"
        # A streamed continuation of a workflow ends with our connection, unless a queue executes it.
        background = state.queued or (self._durable and not workflow and features.background(state.ref.kind))
        streamed = background or not (workflow and self._durable)
        tries = 0
        while True:
            tries += 1
            try:
                if not streamed:
                    fields = {**form, "stream": "false"} | ({"background": "true"} if background else {})
                    await self._os.request("POST", path, _ids(state.ref), form=fields, endless=True)
                    return state
                fields = {**form, "stream": "true"} | ({"background": "true"} if background else {})
                opened = anyio.Event()
                state = await self._stream(state, report, path, fields, kept_alive=background, opened=opened)
                if not opened.is_set():
                    raise Unreachable(f"{_NO_SIGN}.")
                return state
            except AgentOSError as refusal:
                match conflict_of(refusal):
                    case Conflict.QUEUED if not background:
                        state, background, streamed = replace(state, queued=True), True, True
                    case Conflict.NOT_QUEUED if background:
                        state, background, streamed = replace(state, queued=False), False, not self._durable
                    case Conflict.NOT_STREAMED if streamed:
                        state, streamed = replace(state, queued=True), False
                    case Conflict.SETTLING if tries < _SETTLING_TRIES:
                        state = replace(state, queued=True)
                        await anyio.sleep(_SETTLING_SECONDS)
                        # What waits now may be something else, or nothing.
                        now = await self._read(RunState(ref=state.ref))
                        if _question_keys(now) != asked:
                            raise
                    case _:
                        raise

    async def _past_pause(
        self, state: RunState, report: Report, sleep: Sleep, asked: frozenset[str], patience: float
    ) -> RunState:
        """Follow a run that was continued. AgentOS may call it paused, with what was `asked`, for a while yet."""
        going = state

        def report_others(new: RunState) -> None:
            if not asked or _question_keys(new) != asked:
                report(new)

        until = anyio.current_time() + patience
        pause = 0.1
        while True:
            state = await self._until_ended(going, report_others, sleep)
            if not asked or _question_keys(state) != asked or anyio.current_time() > until:
                report(state)
                return state
            await anyio.sleep(pause)
            pause = min(pause * 1.6, _SLOWEST_POLL)

    async def read(self, ref: RunRef) -> RunState:
        """Where a run stands now. Raises NotFound where AgentOS does not know it."""
        features = await self._discovery.features()
        features.require("GET", f"/{ref.kind}s/{{{ref.kind}_id}}/runs/{{run_id}}", "show a run again")
        return await self._read(RunState(ref=ref))

    async def stored(self, ref: RunRef) -> Mapping[str, Any]:
        """The run as AgentOS has stored it (up to some hundred KB).

        Raises NotFound where it has not, and for a run of another user's where there is only one.
        """
        features = await self._discovery.features()
        features.require("GET", f"/{ref.kind}s/{{{ref.kind}_id}}/runs/{{run_id}}", "show a run again")
        try:
            output = await self._stored(ref)
        except NotFound as missing:
            if not self.ownership.user_id or self.ownership.has_started(ref):
                raise
            raise self.ownership.refusal(f"run {ref}", "list_runs shows this user's.") from missing
        await self.ownership.require_own_run(ref, output)
        return output

    async def cancel(self, ref: RunRef) -> None:
        """Ask AgentOS to cancel a run; it answers alike for runs that it does not know."""
        path = f"{_runs(ref)}/{{run_id}}/cancel"
        await self._os.request("POST", path, _ids(ref), query={"session_id": ref.session})

    async def _has_queue(self) -> bool:
        """Whether AgentOS's background runs ride its durable queue."""
        try:
            contents = self._catalogue.known or await self._catalogue.contents()
        except AgentOSError:
            return False
        return contents.durable_queue

    async def _start(
        self,
        order: RunOrder,
        state: RunState,
        report: Report,
        *,
        background: bool,
        key: str = "",
        opened: anyio.Event | None = None,
    ) -> RunState:
        """Send the start, once, and reduce its stream until it ends or breaks."""
        form = _start_form(order, state) | {"stream": "true"} | ({"background": "true"} if background else {})
        return await self._stream(
            state, report, _runs(state.ref), form, parts=order.parts, kept_alive=background, key=key, opened=opened
        )

    async def _start_queued(self, order: RunOrder, state: RunState, report: Report, sleep: Sleep) -> RunState:
        """Start a run on a durable queue, which chooses its id.

        A start that broke is sent again with the same key: the queue answers it with the run that is
        there, if it is. What does not ride the queue keeps our own id and is found by that.
        """
        key = f"agentos-mcp-{new_id()}{new_id()}"
        rides = not (order.parts or _UNQUEUED_FIELDS & order.fields.keys() or _is_list(order.fields))
        unnamed = state.ref
        state = replace(state, provisional=rides)
        report(state)
        trouble_since = math.inf
        pause = 0.2
        while True:
            opened = anyio.Event()
            try:
                state = await self._start_named(order, state, report, key, opened, rides=rides)
            except Unreachable as error:
                if trouble_since == math.inf:
                    raise  # the first try, and it never left
                log.info("%s (a start that is sent again)", error.message)
            if state.status is not Status.PENDING or state.ref != unnamed or not rides:
                return state
            if await self._bypassed(state):
                return replace(state, provisional=False)
            if opened.is_set() and (ref := await self._name_in_queue(order, state, key)) is not None:
                return replace(state, ref=ref, queued=True, provisional=False)
            trouble_since = min(trouble_since, anyio.current_time())
            if anyio.current_time() - trouble_since > _OUTAGE_SECONDS:
                raise Unreachable(
                    "The connection broke as the run was being started, and AgentOS does not answer any more.",
                    f"Its queue may have taken the run: look with list_runs(session_id='{state.ref.session}') "
                    "before you run it again.",
                )
            await sleep(pause)
            pause = min(pause * 1.6, _SLOWEST_POLL)

    async def _start_named(
        self, order: RunOrder, state: RunState, report: Report, key: str, opened: anyio.Event, *, rides: bool
    ) -> RunState:
        """Send the start; a run that waits in the queue has no events, so its name is asked for meanwhile."""
        named = state.ref
        told = False

        def report_named(new: RunState) -> None:
            nonlocal told
            told = told or new.events > state.events
            report(new)

        async def ask_for_name() -> None:
            nonlocal named
            await opened.wait()
            await anyio.sleep(_SILENT_SECONDS)
            if told or await self._bypassed(state):
                return
            ref = await self._name_in_queue(order, state, key)
            if ref is not None and not told:
                named = ref
                report(_in_queue(state, ref))

        failure: AgentOSError | None = None
        async with anyio.create_task_group() as tasks:
            if rides:
                tasks.start_soon(ask_for_name)
            try:
                state = await self._start(order, state, report_named, background=True, key=key, opened=opened)
            except AgentOSError as error:  # kept out of the task group, which would wrap it
                failure = error
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return _in_queue(state, named) if state.events == 0 and named != state.ref else state

    async def _name_in_queue(self, order: RunOrder, state: RunState, key: str) -> RunRef | None:
        """The reference of the run that the queue has taken under this key; None where AgentOS does not answer.

        Not streamed, AgentOS answers at once, whatever has become of the run.
        """
        form = _start_form(order, state) | {"stream": "false", "background": "true"}
        try:
            async with self._os.stream(
                _runs(state.ref), _ids(state.ref), form, kept_alive=True, idempotency_key=key
            ) as events:
                async for event in events:
                    if run := event.text("run_id"):
                        return replace(state.ref, run=run, session=event.text("session_id") or state.ref.session)
        except AgentOSError as error:
            log.info("The queue's name for %s is not known: %s", state.ref, error.message)
        return None

    async def _bypassed(self, state: RunState) -> bool:
        """Whether AgentOS runs it without its queue, under our own id."""
        until = anyio.current_time() + _BYPASS_SECONDS
        while True:
            try:
                await self._stored(state.ref)
            except NotFound:
                if anyio.current_time() > until:
                    return False
            except AgentOSError:
                return False
            else:
                return True
            await anyio.sleep(_BYPASS_SECONDS / 2)

    async def _resume(self, state: RunState, report: Report) -> RunState:
        """Go on from the last event that arrived; the state unchanged where AgentOS cannot."""
        form = {"session_id": state.ref.session}
        if state.numbered:
            form["last_event_index"] = str(state.last_index)
        # Without a number to go on from, all events come again.
        base = (
            state
            if state.numbered
            else RunState(
                ref=state.ref,
                total_steps=state.total_steps,
                notes=state.notes,
                queued=state.queued,
                stored=state.stored,
            )
        )
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
        key: str = "",
        opened: anyio.Event | None = None,
    ) -> RunState:
        """Reduce one stream until it ends or breaks; the state tells which. `opened` is set once AgentOS answers.

        After the run's last event the stream is read on for a moment: AgentOS is still storing the
        run, and takes a dropped foreground stream for a wish to cancel.
        """
        try:
            async with self._os.stream(
                path, _ids(state.ref), form, files=list(parts) or None, kept_alive=kept_alive, idempotency_key=key
            ) as events:
                if opened is not None:
                    opened.set()
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

    async def _until_ended(self, state: RunState, report: Report, sleep: Sleep = anyio.sleep) -> RunState:
        """Follow a run until it ends or is orphaned: resume its stream where that works, and read it."""
        features = await self._discovery.features()
        resumable = features.resume(state.ref.kind)
        unknown_since = trouble_since = math.inf
        pause = 0.1
        suspicious = True
        """Whether AgentOS may have been restarted since that was last asked."""
        while not state.ended:
            try:
                if resumable:
                    before = state.last_index
                    state = await self._resume(state, report)
                    # A run that is not streamed in the background has no numbered events to wait for.
                    resumable = state.last_index > before or (before >= 0 and not state.replayed)
                    suspicious |= not resumable
                if not state.ended:
                    output = await self._stored(state.ref)
                    state = read_output(state, output)
                    if not state.ended and suspicious and not resumable:
                        state = await self.judged(state, output)
                        suspicious = False
                    report(state)
                unknown_since = trouble_since = math.inf
            except NotFound:
                # A run is stored a moment after it starts, and later by a busy AgentOS.
                unknown_since = min(unknown_since, anyio.current_time())
                patience = _START_SECONDS if state.status is Status.PENDING else _STORE_SECONDS
                if anyio.current_time() - unknown_since > patience:
                    if state.activity == WAITING:
                        return _unanswerable(replace(state, status=Status.PAUSED))
                    raise _lost(state) from None
            except AgentOSError as error:
                if not error.passing:
                    raise
                suspicious = True
                trouble_since = min(trouble_since, anyio.current_time())
                if anyio.current_time() - trouble_since > _OUTAGE_SECONDS:
                    raise Unreachable(
                        error.message, f"The run may still be going on: its reference is {state.ref}."
                    ) from error
            if state.orphaned:
                return state
            if not state.ended:
                await sleep(pause)
                pause = min(pause * 1.6, _SLOWEST_POLL)
        state = replace(state, notes=tuple(note for note in state.notes if note != _TAKEN_UP))
        state = await self._with_whole_answer(state, report)
        return await self._with_requirements(state, report, sleep)

    async def _with_whole_answer(self, state: RunState, report: Report) -> RunState:
        """The answer as AgentOS has stored it, where the last event was too large to be read whole."""
        if not state.answer_cut:
            return state
        try:
            stored = read_output(state, await self._stored(state.ref))
            state = stored if stored.ended else replace(state, notes=(*state.notes, _ANSWER_CUT))
        except AgentOSError as error:
            log.info("The whole answer of %s could not be read: %s", state.ref, error)
            state = replace(state, notes=(*state.notes, _ANSWER_CUT))
        report(state)
        return state

    async def _with_requirements(self, state: RunState, report: Report, sleep: Sleep) -> RunState:
        """A pause as AgentOS has stored it: a stream may not tell all of it, or be of an earlier one."""
        if state.status is not Status.PAUSED:
            return state
        try:
            stored = read_output(state, await self._stored(state.ref))
        except AgentOSError as error:
            log.info("The pause of %s could not be read: %s", state.ref, error)
            return _unanswerable(state) if isinstance(error, NotFound) else state
        report(stored)
        return stored if stored.ended else await self._until_ended(stored, report, sleep)

    async def _read(self, state: RunState) -> RunState:
        output = await self._stored(state.ref)
        return await self.judged(read_output(state, output), output)

    async def judged(self, state: RunState, output: Mapping[str, Any]) -> RunState:
        """The state with whether the run is orphaned: AgentOS goes on calling it running after a restart."""
        if state.ended or not await self._restarted_since(state.ref, output):
            return state
        if not state.queued:
            return replace(state, orphaned=True)
        return state if _TAKEN_UP in state.notes else replace(state, notes=(*state.notes, _TAKEN_UP))

    async def _restarted_since(self, ref: RunRef, output: Mapping[str, Any]) -> bool:
        """Whether the AgentOS that answers began after the run did, and has stored nothing of its session since."""
        created = _moment(output.get("created_at"))
        if created is None:
            return False
        try:
            began = _began(await self._os.get("/health", patient=False))
        except AgentOSError as error:
            log.info("Whether AgentOS was restarted during %s is not known: %s", ref, error)
            return False
        if began is None or began - created <= _RESTART_SECONDS:
            return False
        # A run that was continued since the restart is at work again.
        try:
            session = await self._os.get(
                "/sessions/{session_id}", {"session_id": ref.session}, {"type": ref.kind}, patient=False
            )
        except (Forbidden, InvalidRequest, NotFound, Unsupported):
            return True  # no sign of anything since
        except AgentOSError:
            return False
        updated = _moment(session.get("updated_at")) if isinstance(session, Mapping) else None
        return updated is None or updated < began

    async def _stored(self, ref: RunRef) -> Mapping[str, Any]:
        output = await self._os.get(f"{_runs(ref)}/{{run_id}}", _ids(ref), {"session_id": ref.session})
        return output if isinstance(output, Mapping) else {}


def _in_queue(state: RunState, ref: RunRef) -> RunState:
    """A run that the queue has taken under its own name, and has not begun."""
    return replace(state, ref=ref, queued=True, stored=True, provisional=False, activity="waiting in AgentOS's queue")


def _start_form(order: RunOrder, state: RunState) -> dict[str, str]:
    return {
        "message": order.message,
        "session_id": state.ref.session,
        "run_id": state.ref.run,
        **({"user_id": order.user_id} if order.user_id else {}),
        **order.fields,
    }


def _runs(ref: RunRef) -> str:
    return f"/{ref.kind}s/{{component_id}}/runs"


def _ids(ref: RunRef) -> dict[str, str]:
    return {"component_id": ref.component, "run_id": ref.run}


def _is_list(fields: Mapping[str, str]) -> bool:
    """Whether the knowledge filters are conditions, which AgentOS makes objects of that its queue cannot keep."""
    return fields.get("knowledge_filters", "").lstrip().startswith("[")


def _question_keys(state: RunState) -> frozenset[str]:
    """What a paused run asks; nothing where it is not paused."""
    if state.status is not Status.PAUSED:
        return frozenset()
    return frozenset(question.key for question in questions(state.ref, state.requirements))


def _wants_a_database(refusal: InvalidRequest) -> bool:
    said = refusal.message.casefold()
    return refusal.status == 400 and "background" in said and ("database" in said or " db" in said)


def _unanswerable(state: RunState) -> RunState:
    """A pause that is gone with its stream, since AgentOS has nowhere to keep it."""
    return replace(
        state, requirements=(), notes=(*(note for note in state.notes if note != NOT_BACKGROUND), UNANSWERABLE)
    )


def _moment(value: object) -> float | None:
    """A moment of AgentOS's in seconds since 1970; None where it is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _began(health: object) -> float | None:
    return _moment(health.get("instantiated_at")) if isinstance(health, Mapping) else None


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
