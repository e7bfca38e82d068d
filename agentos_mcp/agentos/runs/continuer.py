"""Continues paused runs: sends the answers once, in the way that the run takes them, and follows the run again.

How a run is continued (streamed or not, in the background or not) depends on how it was started, which only
AgentOS's refusals tell (`agentos_messages.continuation_conflict`); none of those has executed anything.
AgentOS may report the run as paused for a while after it took the answers.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

import anyio

from agentos_mcp.agentos.agentos_messages import Conflict, continuation_conflict
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, Unreachable
from agentos_mcp.agentos.features import Discovery
from agentos_mcp.agentos.http_errors import may_have_been_done
from agentos_mcp.agentos.log_format import abridged_error
from agentos_mcp.agentos.pauses.requirements import questions
from agentos_mcp.agentos.runs.follower import MAX_POLL_SECONDS, Report, RunFollower, Sleep, run_ids, runs_path
from agentos_mcp.agentos.runs.run import RunState, Status

log = logging.getLogger(__name__)

_UNCONFIRMED = "The connection broke while the answers were sent, and AgentOS still reports the run as paused"
_ACCEPTANCE_SECONDS = 0.5
_SETTLING_SECONDS = 1.0
_MAX_SETTLING_ATTEMPTS = 15
_QUEUED_PAUSE_SECONDS = 10.0
"""How long a queued run may be reported as paused after it was continued: on SQLite it is until its end."""
_ACCEPTED_PAUSE_SECONDS = 60.0
"""The same once AgentOS has accepted the answers: others may be before it in the queue."""


class RunContinuer:
    """Sends the answers to paused runs to one AgentOS."""

    def __init__(self, agent_os: AgentOS, discovery: Discovery, follower: RunFollower, *, durable: bool) -> None:
        self._agent_os = agent_os
        self._discovery = discovery
        self._follower = follower
        self._durable = durable

    async def continue_run(
        self, state: RunState, form: Mapping[str, str], report: Report, sleep: Sleep = anyio.sleep
    ) -> RunState:
        """Send the answers to a paused run, once, and follow it to its next end.

        The caller has read that it is paused: AgentOS would execute a finished run again. Where AgentOS
        does not take the answers, the state is still paused and `refusal_reason` says why.
        """
        answered_keys = _question_keys(state)
        state = await self._follower.with_total_steps(
            replace(
                state,
                status=Status.RUNNING,
                requirements=(),
                answer=None,
                activity="",
                last_index=-1,
                is_stored=False,
                refusal_reason="",
                unused_answers_reason="",
            )
        )
        report(state)
        reason, is_refused, pause_seconds = "", False, _ACCEPTANCE_SECONDS
        try:
            state = await self._send_answers(state, form, report, answered_keys)
            if state.is_queued:
                pause_seconds = _ACCEPTED_PAUSE_SECONDS
        except AgentOSError as error:
            conflict = continuation_conflict(error)
            if may_have_been_done(error):
                log.info("%s (%s is followed)", abridged_error(error), state.ref)
                reason = _UNCONFIRMED
            elif conflict is not None:
                log.info("%s did not take the answers: %s", state.ref, abridged_error(error))
                reason, is_refused = (error.detail or error.message).rstrip("."), True
            else:
                raise
            if conflict is Conflict.CONTINUED or (conflict is None and state.is_queued):
                pause_seconds = _QUEUED_PAUSE_SECONDS
        state = await self._follow_past_pause(state, report, sleep, answered_keys, pause_seconds)
        if _question_keys(state) == answered_keys:
            return replace(state, refusal_reason=reason or "it asks the same again")
        return replace(state, unused_answers_reason=reason) if is_refused else state

    async def _send_answers(
        self, state: RunState, form: Mapping[str, str], report: Report, answered_keys: frozenset[str]
    ) -> RunState:
        """Post the answers in the way that this run takes them; the state as far as its stream tells.

        A refusal that names another way is followed. Raises any other refusal, and Unreachable where it is
        not known whether AgentOS took the answers.
        """
        features = await self._discovery.features()
        path = f"{runs_path(state.ref)}/{{run_id}}/continue"
        is_workflow = state.ref.kind == "workflow"
        # A streamed continuation of a workflow ends with our connection, unless a queue executes it.
        in_background = state.is_queued or (self._durable and not is_workflow and features.background(state.ref.kind))
        is_streamed = in_background or not (is_workflow and self._durable)
        attempts = 0
        while True:
            attempts += 1
            try:
                if not is_streamed:
                    fields = {**form, "stream": "false"} | ({"background": "true"} if in_background else {})
                    await self._agent_os.request("POST", path, run_ids(state.ref), form=fields, no_timeout=True)
                    return state
                fields = {**form, "stream": "true"} | ({"background": "true"} if in_background else {})
                opened = anyio.Event()
                state = await self._follower.stream(
                    state, report, path, fields, kept_alive=in_background, opened=opened
                )
                if not opened.is_set():
                    raise Unreachable(f"{_UNCONFIRMED}.")
                return state
            except AgentOSError as reason:
                match continuation_conflict(reason):
                    case Conflict.QUEUED if not in_background:
                        state, in_background, is_streamed = replace(state, is_queued=True), True, True
                    case Conflict.NOT_QUEUED if in_background:
                        state, in_background, is_streamed = replace(state, is_queued=False), False, not self._durable
                    case Conflict.NOT_STREAMED if is_streamed:
                        state, is_streamed = replace(state, is_queued=True), False
                    case Conflict.SETTLING if attempts < _MAX_SETTLING_ATTEMPTS:
                        state = replace(state, is_queued=True)
                        await anyio.sleep(_SETTLING_SECONDS)
                        # It may ask something else by now, or nothing.
                        current = await self._follower.read(RunState(ref=state.ref))
                        if _question_keys(current) != answered_keys:
                            raise
                    case _:
                        raise

    async def _follow_past_pause(
        self, state: RunState, report: Report, sleep: Sleep, answered_keys: frozenset[str], pause_seconds: float
    ) -> RunState:
        """Follow a continued run. AgentOS may report the pause that was answered for `pause_seconds` more."""
        running = state

        def report_unless_same_pause(new: RunState) -> None:
            if not answered_keys or _question_keys(new) != answered_keys:
                report(new)

        deadline = anyio.current_time() + pause_seconds
        poll_seconds = 0.1
        while True:
            state = await self._follower.follow_until_ended(running, report_unless_same_pause, sleep)
            if not answered_keys or _question_keys(state) != answered_keys or anyio.current_time() > deadline:
                report(state)
                return state
            await anyio.sleep(poll_seconds)
            poll_seconds = min(poll_seconds * 1.6, MAX_POLL_SECONDS)


def _question_keys(state: RunState) -> frozenset[str]:
    """The keys of what a paused run asks; none where it is not paused."""
    if state.status is not Status.PAUSED:
        return frozenset()
    return frozenset(question.key for question in questions(state.ref, state.requirements))
