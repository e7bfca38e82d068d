"""Starts runs, each exactly once.

Without a durable queue the start is sent once, under our own run id, by which the run is found if the connection
breaks. A durable queue chooses the run id itself; it recognizes a start that is sent again by its idempotency key.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import anyio

from agentos_mcp.agentos.catalog import Component
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, NotFound, Unreachable
from agentos_mcp.agentos.hints import Action, hint
from agentos_mcp.agentos.http_errors import may_have_been_done, outcome_unknown
from agentos_mcp.agentos.inputs.attachments import MultipartPart
from agentos_mcp.agentos.log_format import abridged_error
from agentos_mcp.agentos.runs.follower import MAX_POLL_SECONDS, Report, RunFollower, Sleep, run_ids, runs_path
from agentos_mcp.agentos.runs.run import RunRef, RunState, Status, new_id
from agentos_mcp.agentos.task_groups import unwrapped_task_group

log = logging.getLogger(__name__)

_LOOKUP_SECONDS = 0.5
_SILENT_SECONDS = 0.5
_UNQUEUED_FIELDS = frozenset({"images", "audio", "videos", "files", "input_files", "output_schema"})
"""With these fields AgentOS bypasses its queue and keeps our run id."""


@dataclass(frozen=True)
class RunRequest:
    """What to run. `fields` are further form fields, as AgentOS takes them."""

    component: Component
    message: str
    session_id: str = ""
    user_id: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    files: tuple[MultipartPart, ...] = field(default=(), repr=False)
    """Files, as parts of a multipart form; agents and teams only."""


class RunStarter:
    """Sends the starts of runs to one AgentOS."""

    def __init__(self, agent_os: AgentOS, follower: RunFollower) -> None:
        self._agent_os = agent_os
        self._follower = follower

    async def start(
        self,
        request: RunRequest,
        state: RunState,
        report: Report,
        *,
        background: bool,
        idempotency_key: str = "",
        opened: anyio.Event | None = None,
    ) -> RunState:
        """Send the start, once, and reduce its stream until it ends or breaks.

        Where something else answers for AgentOS, the run is looked up; an error says where that does not find it.
        """
        try:
            return await self._send(
                request, state, report, background=background, idempotency_key=idempotency_key, opened=opened
            )
        except AgentOSError as error:
            if not may_have_been_done(error):
                raise
            log.info("%s (%s is looked up)", abridged_error(error), state.ref)
            if await self._is_stored(state):
                return state
            raise outcome_unknown(error) from error

    async def _send(
        self,
        request: RunRequest,
        state: RunState,
        report: Report,
        *,
        background: bool,
        idempotency_key: str = "",
        opened: anyio.Event | None = None,
    ) -> RunState:
        form = _start_form(request, state) | {"stream": "true"} | ({"background": "true"} if background else {})
        return await self._follower.stream(
            state,
            report,
            runs_path(state.ref),
            form,
            files=request.files,
            kept_alive=background,
            idempotency_key=idempotency_key,
            opened=opened,
        )

    async def start_queued(self, request: RunRequest, state: RunState, report: Report, sleep: Sleep) -> RunState:
        """Start a run on a durable queue, which chooses its id.

        A start that broke is sent again with the same key: the queue responds with the run of the first
        one, if that arrived. What bypasses the queue keeps our own id and is found by that.
        """
        idempotency_key = f"agentos-mcp-{new_id()}{new_id()}"
        is_queued = not (request.files or _UNQUEUED_FIELDS & request.fields.keys() or _has_filter_list(request.fields))
        first_ref = state.ref
        state = replace(state, is_provisional=is_queued)
        report(state)
        if not is_queued:
            return await self.start(request, state, report, background=True, idempotency_key=idempotency_key)
        failing_since = math.inf
        poll_seconds = 0.2
        while True:
            opened = anyio.Event()
            try:
                state = await self._start_and_find_ref(request, state, report, idempotency_key, opened)
            except AgentOSError as error:
                is_first_and_never_left = isinstance(error, Unreachable) and failing_since == math.inf
                if is_first_and_never_left or not (error.is_transient or may_have_been_done(error)):
                    raise
                log.info("%s (a start that is sent again)", abridged_error(error))
            if state.status is not Status.PENDING or state.ref != first_ref:
                return state
            if await self._is_stored(state):
                return replace(state, is_provisional=False)
            if opened.is_set() and (ref := await self._ref_in_queue(request, state, idempotency_key)) is not None:
                return replace(state, ref=ref, is_queued=True, is_provisional=False)
            failing_since = min(failing_since, anyio.current_time())
            if anyio.current_time() - failing_since > self._follower.outage_seconds:
                raise Unreachable(
                    "The connection broke while the run was being started, and AgentOS no longer responds.",
                    hint(
                        "Its queue may have taken the run: check with {list} before you run it again.",
                        list=Action.of("list_runs", session_id=state.ref.session),
                        otherwise="Its queue may have taken the run: check before you run it again.",
                    ),
                )
            await sleep(poll_seconds)
            poll_seconds = min(poll_seconds * 1.6, MAX_POLL_SECONDS)

    async def _start_and_find_ref(
        self,
        request: RunRequest,
        state: RunState,
        report: Report,
        idempotency_key: str,
        opened: anyio.Event,
    ) -> RunState:
        """Send the start; a run that waits in the queue has no events, so its reference is requested meanwhile."""
        ref_in_queue = state.ref
        has_events = False

        def report_named(new: RunState) -> None:
            nonlocal has_events
            has_events = has_events or new.events > state.events
            report(new)

        async def find_ref_in_queue() -> None:
            nonlocal ref_in_queue
            await opened.wait()
            await anyio.sleep(_SILENT_SECONDS)
            if has_events or await self._is_stored(state):
                return
            ref = await self._ref_in_queue(request, state, idempotency_key)
            if ref is not None and not has_events:
                ref_in_queue = ref
                report(_in_queue(state, ref))

        async with unwrapped_task_group() as tasks:
            tasks.start_soon(find_ref_in_queue)
            state = await self._send(
                request, state, report_named, background=True, idempotency_key=idempotency_key, opened=opened
            )
            tasks.cancel_scope.cancel()
        return _in_queue(state, ref_in_queue) if state.events == 0 and ref_in_queue != state.ref else state

    async def _ref_in_queue(self, request: RunRequest, state: RunState, idempotency_key: str) -> RunRef | None:
        """The reference of the run that the queue has taken under this key; None where AgentOS does not respond.

        Without a stream AgentOS responds at once, whatever the run's state.
        """
        form = _start_form(request, state) | {"stream": "false", "background": "true"}
        try:
            async with self._agent_os.stream(
                runs_path(state.ref), run_ids(state.ref), form, kept_alive=True, idempotency_key=idempotency_key
            ) as events:
                async for event in events:
                    if run := event.text("run_id"):
                        return replace(state.ref, run=run, session=event.text("session_id") or state.ref.session)
        except AgentOSError as error:
            log.info("The queue's name for %s is not known: %s", state.ref, abridged_error(error))
        return None

    async def _is_stored(self, state: RunState) -> bool:
        """Whether AgentOS knows the run under our own id: for one that was queued, whether it bypasses the queue."""
        deadline = anyio.current_time() + _LOOKUP_SECONDS
        while True:
            try:
                await self._follower.get_stored(state.ref)
            except NotFound:
                if anyio.current_time() > deadline:
                    return False
            except AgentOSError:
                return False
            else:
                return True
            await anyio.sleep(_LOOKUP_SECONDS / 2)


def _start_form(request: RunRequest, state: RunState) -> dict[str, str]:
    return {
        "message": request.message,
        "session_id": state.ref.session,
        "run_id": state.ref.run,
        **({"user_id": request.user_id} if request.user_id else {}),
        **request.fields,
    }


def _in_queue(state: RunState, ref: RunRef) -> RunState:
    """A run that the queue has taken under an id of its own, and has not started."""
    return replace(
        state, ref=ref, is_queued=True, is_stored=True, is_provisional=False, activity="waiting in AgentOS's queue"
    )


def _has_filter_list(fields: Mapping[str, str]) -> bool:
    """Whether the knowledge filters are a list, of which AgentOS makes objects that its queue cannot store."""
    return fields.get("knowledge_filters", "").lstrip().startswith("[")
