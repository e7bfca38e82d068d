"""Every way in which AgentOS pauses a run, asked and answered on a live one, with what was really executed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_mcp.agentos.catalog import Catalog
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.features import Discovery
from agentos_mcp.agentos.pauses.requirements import (
    Field,
    Question,
    approval_ids,
    check_answers,
    continuation_form,
    questions,
    rejections,
    with_question_key,
)
from agentos_mcp.agentos.runs.engine import Engine
from agentos_mcp.agentos.runs.run import Kind, RunRef, RunState, Status
from agentos_mcp.agentos.runs.starter import RunRequest
from tests._support.stores import Store

Answer = Callable[[Question], Any]
LIMIT = 30.0


@dataclass
class Pausing:
    """Starts runs on the pausing AgentOS and continues them as a person would."""

    agent_os: AgentOS
    catalog: Catalog
    engine: Engine
    ledger: Path
    queued: bool

    async def start(self, kind: Kind, id: str) -> RunState:
        order = RunRequest(await self.catalog.find(kind, id), f"go, tag-{uuid4().hex[:8]}")
        with anyio.fail_after(LIMIT):
            state = await self.engine.run(order, self.engine.new_run(order), lambda _: None)
        assert (len(state.ref.run) > 10) is self.queued  # the queue's id, not ours
        self.tags[state.ref] = order.message.removeprefix("go, ")
        return await self.read(state.ref)

    async def read(self, ref: RunRef) -> RunState:
        with anyio.fail_after(LIMIT):
            return await self.engine.read(ref)

    async def post(self, ref: RunRef, form: Mapping[str, str]) -> RunState:
        if self.queued:  # it takes answers in another way, and on SQLite the run is called paused until its end
            state = await self.read(ref)
            with anyio.fail_after(LIMIT):
                assert not (await self.engine.continue_run(state, form, lambda _: None)).refusal_reason
            return await self.read(ref)
        path = f"/{ref.kind}s/{{component_id}}/runs/{{run_id}}/continue"
        ids = {"component_id": ref.component, "run_id": ref.run}
        with anyio.fail_after(LIMIT):
            await self.agent_os.request("POST", path, ids, form={**form, "stream": "false"})
        return await self.read(ref)

    async def answer(self, state: RunState, answers: Mapping[str, Any]) -> RunState:
        checked = check_answers(asked(state), answers)
        return await self.post(state.ref, continuation_form(state.ref, state.requirements, checked))

    async def reply(self, state: RunState, answer: Answer) -> RunState:
        """Answer each question with what `answer` says to it."""
        return await self.answer(state, {question.key: answer(question) for question in asked(state)})

    async def resolve(self, state: RunState, decision: str) -> dict[str, Any]:
        """An admin decides; AgentOS's records of it."""
        records = {}
        for approval_id in approval_ids(state.ref, state.requirements):
            path, ids = "/approvals/{id}", {"id": approval_id}
            await self.agent_os.request("POST", f"{path}/resolve", ids, json={"status": decision, "resolved_by": "ann"})
            records[approval_id] = await self.agent_os.get(path, ids)
        return records

    def executed(self, state: RunState) -> list[str]:
        """What was really done in that run, in order."""
        lines = [line.split() for line in self.ledger.read_text().splitlines()]
        return [subject for subject, tag in lines if tag == self.tags[state.ref]]

    def __post_init__(self) -> None:
        self.tags: dict[RunRef, str] = {}


@pytest.fixture
async def pausing(store: Store, ledger: Path) -> AsyncIterator[Pausing]:
    async with AgentOS(store.pausing) as agent_os:
        catalog = Catalog(agent_os)
        yield Pausing(agent_os, catalog, Engine(agent_os, Discovery(agent_os), catalog), ledger, store.queued)


def asked(state: RunState) -> tuple[Question, ...]:
    assert state.status is Status.PAUSED
    return questions(state.ref, state.requirements)


def example(field: Field) -> Any:
    if field.choices:
        return list(field.choices) if field.multiple else field.choices[-1]
    if field.structure:
        return {"list": ["a"], "dict": {"a": 1}}[field.structure]
    return {"string": "words", "integer": 7, "number": 1.5, "boolean": False}[field.type]


def yes(question: Question) -> Any:
    """The friendliest answer, in full."""
    return {
        field.name: True if field.name == "approve" else example(field) for field in question.fields if field.required
    }


def no(question: Question) -> Any:
    return rejections([question], "not today")[question.key]


Case = tuple[Kind, str, list[str], list[str]]

# What each does, in the ledger: approved, and declined.
CASES: list[Case] = [
    ("agent", "deployer", ["deploy"], []),
    ("agent", "mixed", ["lookup", "deploy", "wipe"], ["lookup"]),
    ("agent", "sender", ["send"], []),
    ("agent", "all-set", ["send"], []),
    ("agent", "interviewer", [], []),
    ("agent", "chooser", [], []),
    ("agent", "outsider", [], []),
    ("agent", "noter", ["note_down"], []),
    ("agent", "everything", ["deploy", "send"], []),
    ("team", "boss", ["deploy"], []),
    ("team", "crew", ["deploy"], []),
    ("team", "two-members", ["deploy"], []),
    ("workflow", "gate-skip", ["first", "gate", "last"], ["first", "last"]),
    ("workflow", "gate-cancel", ["first", "gate", "last"], ["first"]),
    ("workflow", "form", ["fill", "last"], ["last"]),
    ("workflow", "open-form", ["fill", "last"], ["last"]),
    ("workflow", "gate-and-form", ["fill", "last"], ["last"]),
    ("workflow", "route-one", ["wide", "last"], []),
    ("workflow", "route-many", ["quick", "deep", "wide", "last"], []),
    ("workflow", "route-gate", ["quick", "last"], ["last"]),
    ("workflow", "review-skip", ["draft", "last"], ["draft", "last"]),
    ("workflow", "review-cancel", ["draft", "last"], ["draft"]),
    ("workflow", "loop-gate", ["round", "round", "round", "last"], ["last"]),
    ("workflow", "branch", ["yes-way", "last"], ["other-way", "last"]),
    ("workflow", "group-gate", ["one", "two", "last"], ["last"]),
    ("workflow", "in-step", ["deploy", "last"], ["last"]),
    ("workflow", "in-mixed-step", ["lookup", "deploy", "wipe", "last"], ["lookup", "last"]),
    ("workflow", "in-step-everything", ["deploy", "send", "last"], ["last"]),
    ("workflow", "in-team-step", ["deploy", "last"], ["last"]),
    ("workflow", "in-boss-everything", ["deploy", "send", "last"], ["last"]),
    ("workflow", "in-crew-step", ["deploy", "last"], ["last"]),
    ("workflow", "in-crew-everything", ["deploy", "send", "last"], ["last"]),
]
CANCELLED_BY_A_NO = {"gate-cancel", "route-one", "route-many", "review-cancel"}


@pytest.mark.anyio
@pytest.mark.parametrize(("kind", "id", "after_yes", "after_no"), CASES, ids=[case[1] for case in CASES])
class TestEveryPause:
    async def test_approved_pause_is_executed_exactly_once(
        self, pausing: Pausing, kind: Kind, id: str, after_yes: list[str], after_no: list[str]
    ) -> None:
        state = await pausing.start(kind, id)
        assert len({question.key for question in asked(state)}) == len(asked(state))
        assert asked(await pausing.read(state.ref)) == asked(state)
        ended = await pausing.reply(state, yes)
        assert (ended.status, pausing.executed(state)) == (Status.COMPLETED, after_yes)

    async def test_declined_pause_is_not_executed(
        self, pausing: Pausing, kind: Kind, id: str, after_yes: list[str], after_no: list[str]
    ) -> None:
        state = await pausing.start(kind, id)
        ended = await pausing.reply(state, no)
        end = Status.CANCELLED if id in CANCELLED_BY_A_NO else Status.COMPLETED
        assert (ended.status, pausing.executed(state)) == (end, after_no)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("kind", "id"),
    [("agent", "twice"), ("team", "crew-twice"), ("workflow", "in-step-twice"), ("workflow", "two-reviews")],
)
async def test_repeated_question_has_another_key_and_refuses_the_old_answer(
    pausing: Pausing, kind: Kind, id: str
) -> None:
    first = await pausing.start(kind, id)
    (before,) = asked(first)
    second = await pausing.reply(first, yes)
    (after,) = asked(second)
    assert after.key != before.key
    with pytest.raises(InvalidRequest, match="is not answered"):
        check_answers(asked(second), {before.key: True})
    ended = await pausing.reply(second, yes)
    assert ended.status is Status.COMPLETED
    expected = ["draft", "final"] if id == "two-reviews" else ["deploy", "deploy"]
    assert pausing.executed(first)[:2] == expected


@pytest.mark.anyio
async def test_continued_run_never_repeats_an_earlier_pause(pausing: Pausing) -> None:
    first = await pausing.start("agent", "twice")
    second = await pausing.reply(first, yes)
    await pausing.reply(second, no)
    assert pausing.executed(first) == ["deploy"]


@pytest.mark.anyio
@pytest.mark.parametrize("id", ["boss-everything", "crew-everything"])
async def test_team_takes_approvals_and_rejections_together(pausing: Pausing, id: str) -> None:
    state = await pausing.start("team", id)
    kinds = {question.kind: question for question in asked(state)}
    assert not any(question.declinable for question in asked(state) if question.key.startswith("send"))
    ended = await pausing.reply(state, lambda question: no(question) if question.declinable else yes(question))
    assert (ended.status, pausing.executed(state)) == (Status.COMPLETED, ["send"])
    assert set(kinds) == {"confirmation", "input", "external", "feedback"}
    assert ended.text.count("declined by a person: not today") >= 3


@pytest.mark.anyio
@pytest.mark.parametrize("id", ["boss-everything", "crew-everything"])
async def test_team_that_is_answered_in_full_executes_everything_once(pausing: Pausing, id: str) -> None:
    state = await pausing.start("team", id)
    ended = await pausing.reply(state, yes)
    assert (ended.status, pausing.executed(state)) == (Status.COMPLETED, ["deploy", "send"])
    assert "sent 'words', 7 copies, urgent False" in ended.text


@pytest.mark.anyio
async def test_tool_whose_input_a_team_has_set_can_only_be_approved(pausing: Pausing) -> None:
    state = await pausing.start("team", "boss-all-set")
    (question,) = asked(state)
    assert (question.kind, question.declinable, rejections([question])) == ("confirmation", False, {})
    with pytest.raises(InvalidRequest, match="can't be declined"):
        check_answers([question], {question.key: False})
    with pytest.raises(InvalidRequest, match="can't be declined"):
        continuation_form(state.ref, state.requirements, {question.key: {"approve": False}})
    await pausing.answer(state, {question.key: True})
    assert pausing.executed(state) == ["send"]


@pytest.mark.anyio
@pytest.mark.parametrize("id", ["boss-everything", "crew-everything"])
async def test_decline_that_a_team_cannot_take_is_never_sent(pausing: Pausing, id: str) -> None:
    state = await pausing.start("team", id)
    answers: dict[str, Any] = {}
    for question in asked(state):
        answers |= {question.key: {"declined": True, "approve": False}}
    with pytest.raises(InvalidRequest, match=r"send-\w+ can't be declined"):
        check_answers(asked(state), answers)
    with pytest.raises(InvalidRequest, match="can't be declined"):
        continuation_form(state.ref, state.requirements, answers)
    assert pausing.executed(state) == []


@pytest.mark.anyio
async def test_answer_arrives_as_given(pausing: Pausing) -> None:
    state = await pausing.start("agent", "everything")
    by_name = {question.key.rpartition("-")[0]: question.key for question in asked(state)}
    ended = await pausing.answer(
        state,
        {
            by_name["deploy"]: "no",
            by_name["send"]: {"subject": "tea", "copies": "3", "urgent": "yes"},
            by_name["shell"]: "exit 0",
            by_name["get-user-input"]: {"city": "Oslo", "nights": 2},
            by_name["ask-user"]: {"color": "Red", "sizes": "large"},
        },
    )
    assert "sent 'tea', 3 copies, urgent True" in ended.text
    assert "exit 0" in ended.text
    assert '{"name": "city", "value": "Oslo"}, {"name": "nights", "value": 2}' in ended.text
    assert '"selected": ["red"]' in ended.text
    assert '"selected": ["large"]' in ended.text
    assert pausing.executed(state) == ["send"]


@pytest.mark.anyio
async def test_step_form_has_its_types_and_choices(pausing: Pausing) -> None:
    state = await pausing.start("workflow", "form")
    (question,) = asked(state)
    assert [(field.name, field.type, field.required) for field in question.fields] == [
        ("tone", "string", True),
        ("length", "integer", True),
        ("ratio", "number", False),
        ("rhyme", "boolean", False),
        ("topics", "string", False),
    ]
    assert question.fields[0].choices == ("dry", "warm")
    with pytest.raises(InvalidRequest) as refusal:
        check_answers([question], {question.key: {"tone": "loud", "length": 1.5, "ratio": "x", "mood": 1}, "other": 1})
    for words in ("tone is one of dry, warm", "length has to be a whole", "ratio has to be", "no 'mood'", "'other'"):
        assert words in str(refusal.value)
    ended = await pausing.answer(state, {question.key: {"tone": "WARM", "length": "4", "topics": '["tea"]'}})
    assert "{'tone': 'warm', 'length': 4, 'topics': ['tea']}" in ended.text


@pytest.mark.anyio
async def test_router_takes_one_or_several_choices(pausing: Pausing) -> None:
    item, many = await pausing.start("workflow", "route-one"), await pausing.start("workflow", "route-many")
    (single,), (several,) = asked(item), asked(many)
    assert (single.kind, several.kind) == ("route", "route")
    for wrong in (["quick", "deep"], "elsewhere", [], True):
        with pytest.raises(InvalidRequest, match="choice"):
            check_answers([single], {single.key: wrong})
    await pausing.answer(item, {single.key: "deep"})
    await pausing.answer(many, {several.key: ["wide", "quick"]})
    assert pausing.executed(item) == ["deep", "last"]
    assert pausing.executed(many) == ["wide", "quick", "last"]


@pytest.mark.anyio
async def test_edited_output_goes_to_the_next_step_only(pausing: Pausing) -> None:
    first = await pausing.start("workflow", "two-reviews")
    (question,) = asked(first)
    assert question.kind == "review"
    assert "draft done" in question.details
    second = await pausing.answer(first, {question.key: {"edited_output": "as I want it"}})
    (question,) = asked(second)
    assert "after 'as I want it'" in question.details
    ended = await pausing.answer(second, {question.key: True})
    assert "final done" in ended.text
    assert pausing.executed(first) == ["draft", "final", "last"]


@pytest.mark.anyio
async def test_declined_output_is_retried_up_to_its_limit(pausing: Pausing) -> None:
    state = await pausing.start("workflow", "review-retry")
    keys = set()
    for _ in range(3):
        (question,) = asked(state)
        keys.add(question.key)
        assert "it runs again with your note" in question.details
        state = await pausing.reply(state, no)
    (question,) = asked(state)
    assert "the run is cancelled" in question.details
    assert len(keys | {question.key}) == 4
    ended = await pausing.reply(state, no)
    assert (ended.status, pausing.executed(state)) == (Status.CANCELLED, ["draft"] * 4)


@pytest.mark.anyio
async def test_loop_round_is_reviewed_under_its_own_key(pausing: Pausing) -> None:
    first = await pausing.start("workflow", "rounds")
    (before,) = asked(first)
    assert "If approved: the loop ends" in before.details
    assert "another round" in before.details
    second = await pausing.answer(first, {before.key: {"approve": False, "note": "rounder"}})
    (after,) = asked(second)
    assert after.key != before.key
    assert "rounder" in after.details
    ended = await pausing.answer(second, {after.key: "yes"})
    assert (ended.status, pausing.executed(first)) == (Status.COMPLETED, ["round", "round", "last"])


@pytest.mark.anyio
async def test_router_whose_output_is_declined_asks_again(pausing: Pausing) -> None:
    first = await pausing.start("workflow", "route-review")
    second = await pausing.reply(first, no)
    (question,) = asked(second)
    assert question.kind == "route"
    third = await pausing.answer(second, {question.key: "deep"})
    ended = await pausing.reply(third, yes)
    assert (ended.status, pausing.executed(first)) == (Status.COMPLETED, ["quick", "deep", "last"])


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("id", "answer", "status", "executed"),
    [
        ("late-approve", yes, Status.COMPLETED, ["gate"]),
        ("late-approve", no, Status.COMPLETED, []),
        ("late-cancel", yes, Status.CANCELLED, []),
        ("late-skip", yes, Status.COMPLETED, ["last"]),
    ],
)
async def test_late_decline_stays_a_decline(
    pausing: Pausing, id: str, answer: Answer, status: Status, executed: list[str]
) -> None:
    state = await pausing.start("workflow", id)
    assert "once the run is continued" in asked(state)[0].details
    await anyio.sleep(1.2)
    ended = await pausing.reply(state, answer)
    assert (ended.status, pausing.executed(state)) == (status, executed)


APPROVALS: list[tuple[Kind, str, list[str]]] = [
    ("agent", "payer", []),
    ("agent", "pay-and-deploy", ["deploy"]),
    ("team", "boss-pay", []),
    ("team", "boss-pay-and-deploy", ["deploy"]),
    ("team", "crew-pay", []),
    ("workflow", "in-step-pay", ["last"]),
]


@pytest.mark.anyio
@pytest.mark.parametrize("decision", ["approved", "rejected"])
@pytest.mark.parametrize(("kind", "id", "besides"), APPROVALS, ids=[case[1] for case in APPROVALS])
async def test_admin_approval_is_executed_as_decided_and_never_before(
    pausing: Pausing, kind: Kind, id: str, besides: list[str], decision: str
) -> None:
    state = await pausing.start(kind, id)
    approval, *others = sorted(asked(state), key=lambda question: question.kind)
    assert (approval.kind, approval.fields, approval.declinable) == ("approval", (), False)
    (approval_id,) = approval_ids(state.ref, state.requirements)
    assert approval_id in approval.details
    assert "admin" in approval.title
    with pytest.raises(InvalidRequest, match="admin"):
        check_answers(asked(state), {approval.key: True})
    checked = check_answers(asked(state), {question.key: True for question in others})
    pending = {approval_id: await pausing.agent_os.get("/approvals/{id}", {"id": approval_id})}
    for records in (None, {}, pending):
        with pytest.raises(InvalidRequest, match="waits for an admin"):
            continuation_form(state.ref, state.requirements, checked, records)
    records = await pausing.resolve(state, decision)
    ended = await pausing.post(state.ref, continuation_form(state.ref, state.requirements, checked, records))
    assert ended.status is Status.COMPLETED
    assert pausing.executed(state) == ["pay"] * (decision == "approved") + besides


@pytest.mark.anyio
async def test_failed_step_that_waits_is_described_as_such(pausing: Pausing) -> None:
    state = await pausing.start("workflow", "fails-and-waits")
    (question,) = asked(state)
    assert (question.kind, question.fields) == ("failure", ())
    assert "this step cannot work" in question.details
    with pytest.raises(InvalidRequest, match="REST API cannot do"):
        continuation_form(state.ref, state.requirements, {})


@pytest.mark.anyio
async def test_question_keys_are_the_same_in_another_process(pausing: Pausing) -> None:
    state = await pausing.start("agent", "everything")
    program = (
        "import json, sys; from agentos_mcp.agentos.runs.run import RunRef\n"
        "from agentos_mcp.agentos.pauses.requirements import questions\n"
        "ref, needs = json.load(sys.stdin); print(*(q.key for q in questions(RunRef.parse(ref), needs)))"
    )
    again = await pausing.read(state.ref)
    message = await anyio.run_process(
        [sys.executable, "-c", program],
        input=json.dumps([str(state.ref), list(again.requirements)]).encode(),
        stderr=subprocess.STDOUT,
    )
    assert message.stdout.decode().split() == [question.key for question in asked(state)]


@pytest.mark.anyio
async def test_continuation_form_sends_agentos_own_arguments(pausing: Pausing) -> None:
    state = await pausing.start("agent", "sender")
    (question,) = asked(state)
    assert "tag" not in {field.name for field in question.fields}
    with pytest.raises(InvalidRequest, match="no 'tag'"):
        check_answers([question], {question.key: {**yes(question), "tag": "tag-mine"}})
    form = continuation_form(state.ref, state.requirements, {question.key: {**yes(question), "tag": "tag-mine"}})
    (sent,) = json.loads(form["tools"])
    (stored,) = state.requirements
    assert sent["tool_args"] == stored["tool_execution"]["tool_args"]
    assert "tag-mine" not in form["tools"]


@pytest.mark.anyio
async def test_continuation_form_needs_every_answer(pausing: Pausing) -> None:
    state = await pausing.start("agent", "mixed")
    first, second = asked(state)
    with pytest.raises(InvalidRequest, match=f"{second.key} is not answered"):
        check_answers(asked(state), {first.key: True})
    with pytest.raises(InvalidRequest, match=f"{second.key} is not answered"):
        continuation_form(state.ref, state.requirements, {first.key: {"approve": True}})


# Without an AgentOS

REF = RunRef("agent", "Publisher", "s", "r")


def tool(name: str = "publish", **more: Any) -> dict[str, Any]:
    execution = {"tool_call_id": "call_1", "tool_name": name, "tool_args": {"title": "Tea"}, **more}
    return {"id": "one", "tool_execution": execution}


def test_question_says_who_asks_what_and_how_to_answer() -> None:
    (question,) = questions(REF, [tool(requires_confirmation=True)])
    assert question.title == "Publisher wants to call publish."
    assert question.details == 'title: "Tea"'
    assert str(question.how).startswith(f'{{"{question.key}": true}}, or {{"{question.key}": {{"declined": true')


def test_question_key_is_safe_and_changes_with_the_question() -> None:
    need = tool("Öffne die Tür! {x}", requires_confirmation=True)
    (question,) = questions(REF, [need])
    assert question.key.startswith("ffne-die-t-r-x-")
    (other_arguments,) = questions(REF, [tool("Öffne die Tür! {x}", requires_confirmation=True, tool_args={})])
    (other_run,) = questions(RunRef("agent", "Publisher", "s", "q"), [need])
    (other_pause,) = questions(REF, [need | {"id": "two"}])
    assert len({item.key for item in (question, other_arguments, other_run, other_pause)}) == 4


def test_answered_requirement_is_not_asked_again() -> None:
    answered = [
        tool(requires_confirmation=True, confirmed=True),
        tool(requires_confirmation=True) | {"confirmation": False},
        tool(requires_user_input=True, answered=True),
        tool(external_execution_required=True, result="done"),
        tool(user_feedback_schema=[{"question": "?", "selected_options": []}]),
        tool(),
        {"id": "no tool"},
    ]
    assert questions(REF, answered) == ()


def test_fields_with_the_same_name_are_told_apart() -> None:
    fields = [{"name": name, "field_type": "str"} for name in ("city", "city", "declined")]
    need = tool("get_user_input", requires_user_input=True, user_input_schema=fields)
    (question,) = questions(REF, [need])
    assert [field.name for field in question.fields] == ["city", "city_2", "declined_2"]


@pytest.mark.parametrize(
    ("message", "matches"),
    [(True, True), (False, False), ("yes", True), (" No ", False), ("approved", True), ({"approve": "no"}, False)],
)
def test_short_answers_to_a_confirmation_are_understood(message: Any, matches: bool) -> None:
    (question,) = questions(REF, [tool(requires_confirmation=True)])
    assert check_answers([question], {question.key: message})[question.key]["approve"] is matches


@pytest.mark.parametrize(
    "message", ["sure", "maybe", 1, 0, [], {}, {"note": "fine"}, {"approve": None}, ["yes"], "", None]
)
def test_unclear_confirmation_is_refused(message: Any) -> None:
    (question,) = questions(REF, [tool(requires_confirmation=True)])
    with pytest.raises(InvalidRequest, match=question.key):
        check_answers([question], {question.key: message})


def test_answer_to_an_earlier_pause_is_told_from_a_wrong_key() -> None:
    (question,) = questions(REF, [tool(requires_confirmation=True)])
    with pytest.raises(InvalidRequest) as refusal:
        check_answers([question], {"publish-000000": True, "nonsense": True})
    assert f"publish-000000 is of an earlier pause; the run now asks: {question.key}" in str(refusal.value)
    assert f"'nonsense' is not asked; the run asks {question.key}" in str(refusal.value)
    assert f"{question.key} is not answered" in str(refusal.value)


def test_long_arguments_are_cut_and_say_so() -> None:
    (question,) = questions(REF, [tool(requires_confirmation=True, tool_args={"text": "x" * 10_000})])
    assert "(10,000 characters)" in question.details


EVERYTHING = [
    tool("deploy", requires_confirmation=True),
    tool(
        "send",
        requires_user_input=True,
        user_input_schema=[
            {"name": name, "field_type": name, "value": None}
            for name in ("str", "int", "float", "bool", "list", "dict")
        ],
    ),
    tool("shell", external_execution_required=True),
    tool(
        "ask_user",
        user_feedback_schema=[
            {"question": "Which?", "header": "h", "options": [{"label": "a"}, {"label": "b"}], "multi_select": True},
            {"question": "What?", "options": [{"label": "a"}]},
        ],
    ),
]
NAMES = st.sampled_from(
    ["approve", "note", "declined", "str", "int", "float", "list", "dict", "h", "result"]
) | st.text(max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)


@given(st.lists(JSON, min_size=4, max_size=4), st.dictionaries(st.text(max_size=6), JSON, max_size=2))
def test_any_answers_are_accepted_or_refused_with_our_errors(values: list[Any], others: dict[str, Any]) -> None:
    asks = questions(REF, EVERYTHING)
    answers = {question.key: value for question, value in zip(asks, values, strict=True)} | others
    try:
        checked = check_answers(asks, answers)
    except InvalidRequest:
        return
    form = continuation_form(REF, EVERYTHING, checked)
    json.loads(form["tools"], parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@given(JSON)
def test_only_a_clear_yes_approves(value: Any) -> None:
    asks = questions(REF, [tool(requires_confirmation=True)])
    try:
        checked = check_answers(asks, {asks[0].key: value})
    except InvalidRequest:
        return
    (sent,) = json.loads(continuation_form(REF, [tool(requires_confirmation=True)], checked)["tools"])
    clear = value.get("approve") if isinstance(value, dict) else value
    assert sent["confirmed"] is (clear is True or (isinstance(clear, str) and clear.strip().casefold() in ("yes", "y")))


@given(
    st.lists(st.dictionaries(st.text(max_size=12), JSON, max_size=4), max_size=3),
    st.sampled_from(["agent", "team", "workflow"]),
)
def test_requirements_of_any_shape_give_questions(needs: list[dict[str, Any]], kind: Kind) -> None:
    for question in questions(RunRef(kind, "c", "s", "r"), needs):
        assert question.key


def confirmation(number: int) -> dict[str, Any]:
    tool = {"tool_name": f"tool-{number}", "tool_call_id": str(number), "requires_confirmation": True}
    return {"id": str(number), "tool_execution": tool}


def test_bare_yes_or_no_is_for_the_only_confirmation_and_for_nothing_else() -> None:
    agent = RunRef("agent", "a", "s", "r")
    (only,) = one = questions(agent, [confirmation(1)])
    for bare in ({"approve": True}, {"approve": "no"}, {"declined": True, "note": "why"}):
        assert with_question_key(one, bare) == {only.key: bare}
    for other in ({}, {"note": "why"}, {"approve": True, "tool-1": True}, {only.key: True}, {"yes": True}):
        assert with_question_key(one, other) == other
    choice = {"step_name": "pick", "requires_route_selection": True, "available_choices": ["true", "yes"]}
    review = {"step_name": "draft", "requires_output_review": True}
    workflow = RunRef("workflow", "w", "s", "r")
    for several_or_other in (
        questions(agent, [confirmation(1), confirmation(2)]),
        questions(workflow, [choice]),
        questions(workflow, [review]),
        (),
    ):
        assert with_question_key(several_or_other, {"approve": True}) == {"approve": True}
