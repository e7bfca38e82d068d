"""Asks the person what a paused run waits for, by elicitation; else the model is told.

One tool body serves both eras: it returns an `InputRequiredResult`; a modern client calls again
with the answers, for a legacy one `server/mcp_server.py` asks and calls again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mcp_types import (
    ElicitResult,
    InputRequest,
    InputRequiredResult,
)

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.pauses.requirements import (
    approval_ids,
    check_answers,
    continuation_form,
    questions,
    rejections,
    with_question_key,
)
from agentos_mcp.agentos.runs.run import RunRef, RunState
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.elicitation import MIN_READING_SECONDS, can_elicit, question_form

_ASKABLE = frozenset({"confirmation", "input", "feedback", "route", "review"})
_MAX_FORMS = 20
"""More are shown as text: nobody fills in so many, and AgentOS accepts no answer before it has all."""
_MAX_FORMS_LENGTH = 100_000
"""Characters of JSON of all forms together."""
_MAX_ROUNDS = 9
"""How often a person is asked within one call: clients give up a call at the tenth. `continue_run` continues."""


@dataclass(frozen=True)
class Reply:
    """What came back for a question that an earlier round of this call asked."""

    ref: RunRef
    answers: Mapping[str, Any] | None
    """By the question's key; None where no person gave an answer, so the run stays paused."""
    outdated: bool = False
    """The question was of an earlier pause of the run: nothing of the answer is for what it asks now."""


def ask_person(ctx: ToolContext, state: RunState, progress: float) -> InputRequiredResult | None:
    """The forms for all that a paused run asks, or None where the person cannot be asked, or was already.

    A question that comes back in the same call has an answer that AgentOS did not take: to ask it again
    by ourselves would ask it forever.
    """
    pending = questions(state.ref, state.requirements, state.choices)
    if not pending or not can_elicit(ctx) or any(question.kind not in _ASKABLE for question in pending):
        return None
    earlier = _earlier_keys(ctx)
    if (
        state.refusal_reason
        or len(earlier) >= _MAX_ROUNDS
        or any(question.key in keys for keys in earlier for question in pending)
    ):
        return None
    if len(pending) + state.requirements_left_out > _MAX_FORMS:
        return None
    forms: dict[str, InputRequest] = {}
    for question in pending:
        shown = replace(question, title=f"{state.ref.instance}: {question.title}") if state.ref.instance else question
        if (form := question_form(shown, ctx.client_quirks)) is None:
            return None
        forms[question.key] = form
    if sum(len(form.model_dump_json()) for form in forms.values()) > _MAX_FORMS_LENGTH:
        return None
    request_state = {"run": str(state.ref), "asked": [*earlier, list(forms)], "at": time.time(), "progress": progress}
    return InputRequiredResult(input_requests=forms, request_state=json.dumps(request_state))


def read_answer(ctx: ToolContext, state: RunState) -> Reply | None:
    """The answers that came with this round of the call, None in its first round.

    A decline is a rejection; a cancel, or a decline that no person can have made, is no answer.
    """
    request_state = _request_state(ctx)
    if request_state is None:
        return None
    responses = ctx.mcp.input_responses or {}
    pending = questions(state.ref, state.requirements)
    if [question.key for question in pending] != _earlier_keys(ctx)[-1]:
        return Reply(state.ref, None, outdated=True)
    is_too_fast = time.time() - float(request_state["at"]) < MIN_READING_SECONDS
    answers: dict[str, Any] = {}
    for question in pending:
        response = responses.get(question.key)
        if not isinstance(response, ElicitResult) or response.action == "cancel":
            return Reply(state.ref, None)
        if response.action == "decline":
            if is_too_fast or not question.declinable:
                return Reply(state.ref, None)
            answers |= rejections([question])
        else:
            answers[question.key] = {k: v for k, v in (response.content or {}).items() if v is not None and v != ""}
    return Reply(state.ref, answers)


async def answer_form(ctx: ToolContext, state: RunState, answers: Mapping[str, Any]) -> dict[str, str]:
    """The form that continues a paused run with these answers.

    Raises InvalidRequest where one is missing or cannot be, or an admin has yet to approve.
    """
    if state.requirements_left_out:
        total = len(state.requirements) + state.requirements_left_out
        raise InvalidRequest(
            f"The run waits for {total:,} things; more than {len(state.requirements):,} can't be answered here.",
            "Answer it in AgentOS, or cancel the run.",
        )
    pending = questions(state.ref, state.requirements)
    # A yes without its key is for what the run asked first: later it may be meant for a pause that is over,
    # and where there are replicas, another one may have continued the run.
    needs_key = ctx.settings.state_secret is not None or ctx.run_registry.was_continued(state.ref)
    keyed = answers if needs_key else with_question_key(pending, answers)
    checked = check_answers(pending, keyed)
    approvals = {
        approval: await ctx.agent_os.get("/approvals/{approval_id}", {"approval_id": approval})
        for approval in approval_ids(state.ref, state.requirements)
        if approval
    }
    return continuation_form(state.ref, state.requirements, checked, approvals)


def question_run(ctx: ToolContext) -> RunRef | None:
    """The run whose question this round answers, None in the first round of a call."""
    request_state = _request_state(ctx)
    return ctx.run_ref(str(request_state["run"])) if request_state else None


def earlier_progress(ctx: ToolContext) -> float:
    """The last progress value that an earlier round of this call sent."""
    request_state = _request_state(ctx)
    return float(request_state["progress"]) if request_state else 0.0


def _earlier_keys(ctx: ToolContext) -> list[list[str]]:
    """What each earlier round of this call asked."""
    request_state = _request_state(ctx)
    return list(request_state.get("asked") or ()) if request_state else []


def _request_state(ctx: ToolContext) -> Mapping[str, Any] | None:
    state = ctx.mcp.request_state
    if not state:
        return None
    request_state: Mapping[str, Any] = json.loads(state)
    if "run" not in request_state:
        raise InvalidRequest("This answer is to another question.", "Call the tool again without it.")
    return request_state
