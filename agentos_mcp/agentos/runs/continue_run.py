"""Continues paused runs with their answers: sent once, and in the way that each run takes them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

import anyio

from agentos_mcp.agentos.agentos_messages import Conflict, continuation_conflict
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, Unreachable
from agentos_mcp.agentos.features import Discovery
from agentos_mcp.agentos.pauses.requirements import questions
from agentos_mcp.agentos.runs.follower import SLOWEST_POLL, Report, RunFollower, Sleep, run_ids, runs_path
from agentos_mcp.agentos.runs.run import RunState, Status

log = logging.getLogger(__name__)

_NO_SIGN = "The connection broke as the answers were sent, and AgentOS still calls the run paused"
_TAKEN_SECONDS = 0.5
_SETTLING_SECONDS = 1.0
_SETTLING_TRIES = 15
_QUEUE_SECONDS = 10.0
"""How long a queued run may be shown paused after somebody has continued it: on SQLite it is until its end."""
_CLAIM_SECONDS = 60.0
"""The same after a continuation that AgentOS has accepted: others may be before it in the queue."""


class RunContinuer:
    """Sends the answers to paused runs to one AgentOS."""

    def __init__(self, agent_os: AgentOS, discovery: Discovery, follower: RunFollower, *, durable: bool) -> None:
        self._os = agent_os
        self._discovery = discovery
        self._follower = follower
        self._durable = durable

    async def continue_run(
        self, state: RunState, form: Mapping[str, str], report: Report, sleep: Sleep = anyio.sleep
    ) -> RunState:
        """Send the answers to a paused run, once, and follow it to its next end.

        The caller has read that it is paused: AgentOS would execute a finished run again. Where AgentOS
        does not take the answers, the state is still paused and `not_taken` says why.
        """
        asked = _question_keys(state)
        state = await self._follower.with_steps(
            replace(
                state,
                status=Status.RUNNING,
                requirements=(),
                answer=None,
                activity="",
                last_index=-1,
                stored=False,
                not_taken="",
                unused_answers="",
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
            conflict = continuation_conflict(error)
            if conflict is None:
                raise
            log.info("%s did not take the answers: %s", state.ref, error.message)
            refusal, refused = (error.detail or error.message).rstrip("."), True
            if conflict is Conflict.CONTINUED:
                patience = _QUEUE_SECONDS
        state = await self._past_pause(state, report, sleep, asked, patience)
        if _question_keys(state) == asked:
            return replace(state, not_taken=refusal or "it asks the same again")
        return replace(state, unused_answers=refusal) if refused else state

    async def _send_answers(
        self, state: RunState, form: Mapping[str, str], report: Report, asked: frozenset[str]
    ) -> RunState:
        """Post the answers in the way that this run takes them; the state as far as the stream told it.

        A refusal that says which way is the right one has executed nothing. Raises what AgentOS
        refuses for good, and Unreachable where it is not known whether AgentOS took them.
        """
        features = await self._discovery.features()
        path = f"{runs_path(state.ref)}/{{run_id}}/continue"
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
                    await self._os.request("POST", path, run_ids(state.ref), form=fields, no_timeout=True)
                    return state
                fields = {**form, "stream": "true"} | ({"background": "true"} if background else {})
                opened = anyio.Event()
                state = await self._follower.stream(state, report, path, fields, kept_alive=background, opened=opened)
                if not opened.is_set():
                    raise Unreachable(f"{_NO_SIGN}.")
                return state
            except AgentOSError as refusal:
                match continuation_conflict(refusal):
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
                        now = await self._follower.read(RunState(ref=state.ref))
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
            state = await self._follower.until_ended(going, report_others, sleep)
            if not asked or _question_keys(state) != asked or anyio.current_time() > until:
                report(state)
                return state
            await anyio.sleep(pause)
            pause = min(pause * 1.6, SLOWEST_POLL)


def _question_keys(state: RunState) -> frozenset[str]:
    """What a paused run asks; nothing where it is not paused."""
    if state.status is not Status.PAUSED:
        return frozenset()
    return frozenset(question.key for question in questions(state.ref, state.requirements))
