"""People in the loop: every pause, asked by a form or told in words, approved and rejected, in both eras.

What the gated tools and steps really did is counted: once when approved, not at all when rejected.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp_types import ElicitResult

from agentos_mcp.agentos.hints import PLAIN
from agentos_mcp.agentos.runs.run import RunRef, RunState, Status
from agentos_mcp.runs import questions as questions_module
from agentos_mcp.runs.result import run_result
from agentos_mcp.settings import Token
from tests._support.agentos.pausing import LETTER
from tests._support.mcp_client import Connect, Peer, connector, reference, words
from tests._support.paused_runs import CASES, UNDECLINABLE, Case, Choice, done, run, tell, waiting
from tests._support.person import Decision, Person, answers
from tests._support.stores import Store

pytestmark = pytest.mark.anyio


@pytest.fixture
def pausing(store: Store) -> str:
    return store.pausing


@pytest.fixture(autouse=True)
def retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """These people decide at once; elsewhere that counts as their client's doing."""
    monkeypatch.setattr(questions_module, "MIN_READING_SECONDS", -1.0)


@pytest.fixture
def tag() -> str:
    return f"tag-{uuid.uuid4().hex[:10]}"


@pytest.mark.without_queue(reason="test_queued_questions.py asks every question on a queue")
@pytest.mark.parametrize("decision", ["approve", "reject"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
class TestPause:
    async def test_question_is_asked_by_a_form_and_done_once_or_not_at_all(
        self, connect: Connect, pausing: str, ledger: Path, tag: str, case: Case, decision: Decision
    ) -> None:
        person = Person(decision)
        async with connect(pausing, person=person) as peer:
            result = await run(peer, case, tag)
        assert person.asked
        assert "paused" not in result
        assert done(ledger, case.gated, tag) == (case.approved if decision == "approve" else 0)

    async def test_question_is_shown_and_answered_by_continue_run(
        self, pausing: str, ledger: Path, tag: str, case: Case, decision: Choice
    ) -> None:
        async with connector("auto")(pausing) as peer:
            result = await tell(peer, pausing, await run(peer, case, tag), decision)
        assert "paused" not in result
        assert done(ledger, case.gated, tag) == (case.approved if decision == "approve" else 0)


@pytest.mark.without_queue(reason="test_queued_questions.py asks every question on a queue")
@pytest.mark.parametrize("case", UNDECLINABLE, ids=lambda case: case.id)
class TestInput:
    async def test_input_question_is_filled_in_by_a_form(
        self, connect: Connect, pausing: str, ledger: Path, tag: str, case: Case
    ) -> None:
        person = Person("approve")
        async with connect(pausing, person=person) as peer:
            result = await run(peer, case, tag)
        assert len(person.asked) == 1
        assert "\ncompleted" in result
        assert not case.gated or done(ledger, case.gated, tag) == 1

    async def test_input_question_is_shown_and_answered_by_continue_run(
        self, pausing: str, ledger: Path, tag: str, case: Case
    ) -> None:
        async with connector("auto")(pausing) as peer:
            result = await tell(peer, pausing, await run(peer, case, tag), "approve")
        assert "\ncompleted" in result
        assert not case.gated or done(ledger, case.gated, tag) == 1


async def test_decline_is_a_rejection(connect: Connect, pausing: str, ledger: Path, tag: str) -> None:
    async with connect(pausing, person=Person("decline")) as peer:
        result = await run(peer, CASES[0], tag)
    assert "completed" in result
    assert done(ledger, "deploy", tag) == 0


async def test_cancel_leaves_the_run_paused_and_says_how_to_answer(
    connect: Connect, pausing: str, ledger: Path, tag: str
) -> None:
    async with connect(pausing, person=Person("cancel")) as peer:
        result = await run(peer, CASES[0], tag)
        assert "paused: it waits for" in result
        assert done(ledger, "deploy", tag) == 0
        assert "completed" in await tell(peer, pausing, result, "approve")
    assert done(ledger, "deploy", tag) == 1


async def test_client_that_declines_by_itself_is_told_instead(
    connect: Connect, pausing: str, ledger: Path, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions_module, "MIN_READING_SECONDS", 30.0)
    person = Person("decline")
    async with connect(pausing, person=person) as peer:
        result = await run(peer, CASES[0], tag)
    assert len(person.asked) == 1
    assert "call continue_run(run, answers)" in result
    assert done(ledger, "deploy", tag) == 0


async def test_person_is_not_asked_where_the_setting_says_so(connect: Connect, pausing: str, tag: str) -> None:
    person = Person("approve")
    async with connect(pausing, person=person, ask=False) as peer:
        assert "call continue_run" in await run(peer, CASES[0], tag)
    assert not person.asked


async def test_form_shows_what_is_to_be_decided(connect: Connect, pausing: str, tag: str) -> None:
    person = Person("reject")
    async with connect(pausing, person=person) as peer:
        await run(peer, CASES[0], tag)
    (asked,) = person.asked
    assert "deployer wants to call deploy" in asked
    assert f'tag: "{tag}"' in asked


@pytest.mark.parametrize("client_name", ["claude-code", "codex-mcp-client", "another"])
async def test_confirmation_is_sent_with_one_choice_and_never_approved_by_default(
    connect: Connect, pausing: str, ledger: Path, tag: str, client_name: str
) -> None:
    forms: list[Mapping[str, Any]] = []

    async def sends_it_as_it_is(context: object, params: Any) -> ElicitResult:
        forms.append(params.requested_schema["properties"])
        return ElicitResult(action="accept", content={name: about["default"] for name, about in forms[-1].items()})

    async with connect(pausing, person=sends_it_as_it_is, client_name=client_name) as peer:
        result = await run(peer, Case("agent", "deployer", "deploy"), tag)
    assert [list(form) for form in forms] == [["approve"]]
    assert "paused" not in result
    assert done(ledger, "deploy", tag) == 0


async def test_form_that_codex_cannot_send_is_told_in_words(
    connect: Connect, pausing: str, ledger: Path, tag: str
) -> None:
    person = Person("approve")
    async with connect(pausing, person=person, client_name="codex-mcp-client") as peer:
        for case in (Case("workflow", "form", "fill"), Case("workflow", "route-many", "quick")):
            assert "Ask the user, then call continue_run(run, answers)" in await run(peer, case, tag)
        assert not person.asked
        assert "paused" not in await run(peer, Case("workflow", "review-cancel", "last"), tag)
    assert len(person.asked) == 1
    assert done(ledger, "last", tag) == 1


async def test_questions_are_asked_at_once_and_each_decided_by_itself(
    connect: Connect, pausing: str, ledger: Path, tag: str
) -> None:
    async def one_of_two(context: object, params: object) -> ElicitResult:
        return ElicitResult(action="accept", content={"approve": "wipe" in getattr(params, "message", "")})

    async with connect(pausing, person=one_of_two) as peer:
        assert "completed" in await run(peer, Case("agent", "mixed", "wipe"), tag)
    assert (done(ledger, "deploy", tag), done(ledger, "wipe", tag)) == (0, 1)


async def test_review_shows_the_output_with_its_line_breaks_and_keeps_those_of_the_edited_one(
    connect: Connect, pausing: str, tag: str
) -> None:
    marked = [f"> {line}" for line in LETTER.split("\n")]
    person = Person("cancel")
    async with connect(pausing, person=person) as peer:
        result = await run(peer, Case("workflow", "letter", "last"), tag)
        assert "\n".join(["  Output:", *(f"  {line}" for line in marked)]) in result
        assert result.count("\nrun: ") == 1
        key = result.partition("- ")[2].partition(":")[0]
        edited = LETTER.replace("two pens", "three pens")
        ended = await peer.text("continue_run", run=reference(result), answers={key: {"edited_output": edited}})
    assert "\n".join(["Output:", *marked]) in person.asked[0]
    assert f"after {edited!r}" in ended


def test_review_of_a_long_output_shows_it_whole() -> None:
    requirement = {
        "step_type": "Step",
        "step_name": "write",
        "requires_output_review": True,
        "step_output": {"content": "\n".join(f"line {number}" for number in range(400))},
    }
    state = RunState(RunRef("workflow", "w", "s", "r"), status=Status.PAUSED, requirements=(requirement,))
    assert "  > line 399\n" in run_result(state, tokens=5_000, surface=PLAIN)


async def test_review_of_data_shows_a_line_for_each_value(connect: Connect, pausing: str, tag: str) -> None:
    async with connect(pausing) as peer:
        result = await run(peer, Case("workflow", "order", "last"), tag)
    assert '  > {\n  >  "customer": "Ann",\n  >  "items": [\n  >   "book",' in result


async def test_confirmation_of_a_step_shows_what_it_works_on(connect: Connect, pausing: str, tag: str) -> None:
    person = Person("cancel")
    async with connect(pausing, person=person) as peer:
        result = await run(peer, Case("workflow", "gate-cancel", "gate"), tag)
    assert f"  Previous output:\n  > first done {tag}\n" in result
    assert f"Previous output:\n> first done {tag}\n" in person.asked[0]


async def test_choice_shows_all_choices_with_their_descriptions(connect: Connect, pausing: str, tag: str) -> None:
    person = Person("cancel")
    choices = "> - express: Tomorrow, for 12 euros.\n> - standard: In a week, for nothing."
    async with connect(pausing, person=person) as peer:
        result = await run(peer, Case("workflow", "route-described", "express"), tag)
        again = await peer.text("get_run", run=reference(result))
    for text in (result, again):
        assert choices in text.replace("\n  ", "\n")
    assert choices in person.asked[0]
    assert f"Input:\n> do it, {tag}" in person.asked[0]


async def test_input_is_described_where_no_form_shows_it(connect: Connect, pausing: str, tag: str) -> None:
    async with connect(pausing) as peer:
        form = await run(peer, Case("workflow", "form", "fill"), tag)
        sender = await run(peer, Case("agent", "sender", "send"), tag)
    assert "  > tone: How it sounds.\n  > - dry\n  > - warm\n  > length (a whole number): How long.\n" in form
    assert "  > topics (a list, optional)\n" in form
    assert f'  tag: "{tag}"\n  > subject: What it is about.\n' in sender


@pytest.mark.parametrize("decline", [{"declined": True, "note": "no"}, {"approve": False, "note": "no"}, False])
@pytest.mark.parametrize(
    "case",
    [Case("agent", "deployer", "deploy"), Case("workflow", "form", "fill"), Case("workflow", "review-cancel", "last")],
    ids=lambda case: case.id if isinstance(case, Case) else "",
)
async def test_everything_is_declined_in_the_same_way(
    connect: Connect, pausing: str, ledger: Path, tag: str, case: Case, decline: object
) -> None:
    async with connect(pausing) as peer:
        result = await run(peer, case, tag)
        key = result.partition("- ")[2].partition(":")[0]
        assert f'{{"{key}": {{"declined": true, "note": "why"}}}}' in result
        assert '"approve": false' not in result
        ended = words(await peer.call("continue_run", run=reference(result), answers={key: decline}))
    assert "paused" not in ended
    assert done(ledger, case.gated, tag) == 0


async def test_edited_output_goes_to_the_next_step(connect: Connect, pausing: str, tag: str) -> None:
    async def editor(context: object, params: object) -> ElicitResult:
        return ElicitResult(action="accept", content={"approve": True, "edited_output": "better words"})

    async with connect(pausing, person=editor) as peer:
        result = await run(peer, Case("workflow", "review-cancel", "last"), tag)
    assert "after 'better words'" in result


async def test_declined_review_is_done_again_with_its_note_until_it_is_approved(
    connect: Connect, pausing: str, ledger: Path, tag: str
) -> None:
    asked: list[str] = []

    async def strict(context: object, params: object) -> ElicitResult:
        asked.append(str(getattr(params, "message", "")))
        return ElicitResult(action="accept", content={"approve": len(asked) > 2, "note": "shorter"})

    async with connect(pausing, person=strict) as peer:
        assert "completed" in await run(peer, Case("workflow", "review-retry", "last"), tag)
    assert len(asked) == 3
    assert (done(ledger, "draft", tag), done(ledger, "last", tag)) == (3, 1)


async def test_form_that_was_filled_in_wrongly_says_what_is_wrong_and_leaves_the_run_paused(
    connect: Connect, pausing: str, ledger: Path, tag: str
) -> None:
    async def sloppy(context: object, params: object) -> ElicitResult:
        return ElicitResult(action="accept", content={"tone": "sour", "length": 3})

    async with connect(pausing, person=sloppy) as peer:
        result = await run(peer, Case("workflow", "form", "fill"), tag)
        assert "sour" in result
        assert "call continue_run(run, answers)" in result
    assert done(ledger, "fill", tag) == 0


async def test_loop_rounds_are_reviewed_one_by_one(connect: Connect, pausing: str, ledger: Path, tag: str) -> None:
    person = Person("approve")
    async with connect(pausing, person=person) as peer:
        assert "completed" in await run(peer, Case("workflow", "rounds", "last"), tag)
    assert len(person.asked) == done(ledger, "round", tag) == 1


async def test_external_execution_says_how_to_bring_its_result(connect: Connect, pausing: str, tag: str) -> None:
    person = Person("approve")
    async with connect(pausing, person=person) as peer:
        result = await run(peer, Case("agent", "outsider", ""), tag)
        assert not person.asked
        assert "outside of AgentOS" in result
        key = result.partition("- ")[2].partition(":")[0]
        assert "done by hand" in await peer.text("continue_run", run=reference(result), answers={key: "done by hand"})


async def test_admins_approval_is_never_given_by_us(connect: Connect, pausing: str, ledger: Path, tag: str) -> None:
    person = Person("approve")
    async with connect(pausing, person=person) as peer, httpx.AsyncClient(base_url=pausing) as admin:
        result = await run(peer, Case("agent", "payer", "pay"), tag)
        assert not person.asked
        assert "an admin" in result
        key = result.partition("- ")[2].partition(":")[0]
        assert "admin" in await peer.error("continue_run", run=reference(result), answers={key: True})
        assert "admin" in await peer.error("continue_run", run=reference(result))
        assert done(ledger, "pay", tag) == 0
        run_id = RunRef.parse(reference(result)).run
        pending = (await admin.get("/approvals", params={"run_id": run_id, "status": "pending"})).json()
        approval = pending["data"][0]["id"]
        resolved = {"status": "approved", "resolved_by": "admin"}
        (await admin.post(f"/approvals/{approval}/resolve", json=resolved)).raise_for_status()
        assert "completed" in await peer.text("continue_run", run=reference(result))
    assert done(ledger, "pay", tag) == 1


async def test_answers_are_all_checked_before_anything_is_sent(
    connect: Connect, pausing: str, ledger: Path, tag: str
) -> None:
    async with connect(pausing) as peer:
        result = await run(peer, Case("agent", "mixed", "wipe"), tag)
        first = (await waiting(pausing, RunRef.parse(reference(result))))[0].key
        error = await peer.error("continue_run", run=reference(result), answers={first: "perhaps", "other-1a2b": True})
        assert "Nothing was sent" in error
        assert first in error
        assert "other-1a2b" in error
        assert "is not answered" in error
        assert "paused" in await peer.text("get_run", run=reference(result))
    assert done(ledger, "wipe", tag) == 0


async def test_answer_to_an_earlier_pause_approves_nothing_new(
    connect: Connect, pausing: str, ledger: Path, tag: str
) -> None:
    async with connect(pausing) as peer:
        result = await run(peer, Case("agent", "twice", "deploy"), tag)
        given = answers(await waiting(pausing, RunRef.parse(reference(result))), "approve")
        second = await peer.text("continue_run", run=reference(result), answers=given)
        assert "paused" in second
        assert "earlier pause" in await peer.error("continue_run", run=reference(second), answers=given)
    assert done(ledger, "deploy", tag) == 1


@pytest.mark.parametrize("case", [Case("agent", "slow-deployer", ""), Case("team", "boss-slow", "")])
async def test_answers_of_two_clients_at_once_execute_once(pausing: str, ledger: Path, tag: str, case: Case) -> None:
    from mcp.client.client import Client

    from agentos_mcp.server.build import build_server
    from agentos_mcp.settings import Settings

    server = build_server(Settings(url=pausing))
    async with Client(server, mode="legacy") as client:
        peer = Peer(client)
        result = await run(peer, case, tag)
        given = answers(await waiting(pausing, RunRef.parse(reference(result))), "approve")
        ends: list[str] = []

        async def answer() -> None:
            ends.append(await peer.text("continue_run", run=reference(result), answers=given))

        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(answer)
    assert all("deployed slowly" in end for end in ends)
    assert done(ledger, "slow_deploy", tag) == 1


@pytest.mark.parametrize(
    "case",
    [Case("agent", "slow-deployer", ""), Case("team", "boss-slow", ""), Case("workflow", "in-step-slow", "")],
    ids=lambda case: case.id,
)
async def test_second_server_that_answers_later_gets_the_result(
    connect: Connect, pausing: str, ledger: Path, tag: str, case: Case
) -> None:
    async with connect(pausing) as first:
        result = await run(first, case, tag)
        given = answers(await waiting(pausing, RunRef.parse(reference(result))), "approve")
        assert "completed" in await first.text("continue_run", run=reference(result), answers=given)
    async with connect(pausing) as second:
        again = await second.text("continue_run", run=reference(result), answers=given)
    assert "completed" in again
    assert done(ledger, "slow_deploy", tag) == 1


async def test_paused_run_is_finished_by_another_server(connect: Connect, pausing: str, ledger: Path, tag: str) -> None:
    async with connect(pausing) as first:
        result = await run(first, Case("workflow", "in-step", "deploy"), tag)
    async with connect(pausing) as second:
        text = await second.text("get_run", run=reference(result))
        assert "- deploy-" in text
        assert "completed" in await tell(second, pausing, text, "approve")
    assert done(ledger, "deploy", tag) == 1


async def test_continue_run_shows_a_run_that_waits_for_nothing(connect: Connect, pausing: str, tag: str) -> None:
    async with connect(pausing) as peer:
        result = await tell(peer, pausing, await run(peer, CASES[0], tag), "approve")
        again = await peer.text("continue_run", run=reference(result), answers={"deploy-000000": True})
    assert "completed" in again


STORY = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
NO_OBJECT = "The answer does not fit the schema: the answer is not a JSON object"


async def test_run_is_held_to_its_output_schema_after_its_question_too(
    connect: Connect, era: str, pausing: str
) -> None:
    person = Person("approve")
    async with connect(pausing, person=person) as peer:
        text = await peer.text("run_agent", agent_id="deployer", message="go", output_schema=STORY)
    assert person.asked
    assert NO_OBJECT in text


async def test_run_that_is_continued_by_a_later_call_is_held_to_its_output_schema(
    connect: Connect, era: str, pausing: str
) -> None:
    async with connect(pausing, ask=False) as peer:
        paused = await peer.text("run_agent", agent_id="deployer", message="go", output_schema=STORY)
        assert NO_OBJECT not in paused
        text = await tell(peer, pausing, paused, "approve")
    assert NO_OBJECT in text


@pytest.mark.without_queue(reason="nothing in it depends on where runs are kept")
@pytest.mark.parametrize("bare", [True, "yes", {"approve": True}], ids=str)
async def test_bare_yes_answers_the_only_confirmation(pausing: str, ledger: Path, tag: str, bare: Any) -> None:
    async with connector("auto")(pausing) as peer:
        paused = reference(await run(peer, CASES[0], tag))
        assert "\ncompleted" in await peer.text("continue_run", run=paused, answers=bare)
    assert done(ledger, "deploy", tag) == 1


@pytest.mark.without_queue(reason="nothing in it depends on where runs are kept")
@pytest.mark.parametrize("bare", [False, "no", {"declined": True, "note": "why"}], ids=str)
async def test_bare_no_declines_the_only_confirmation(pausing: str, ledger: Path, tag: str, bare: Any) -> None:
    async with connector("auto")(pausing) as peer:
        paused = reference(await run(peer, CASES[0], tag))
        assert "\ncompleted" in await peer.text("continue_run", run=paused, answers=bare)
    assert done(ledger, "deploy", tag) == 0


@pytest.mark.without_queue(reason="nothing in it depends on where runs are kept")
async def test_bare_yes_approves_nothing_where_another_replica_may_have_continued_the_run(
    pausing: str, ledger: Path, tag: str
) -> None:
    async with connector("auto")(pausing, state_secret=Token("s" * 32)) as peer:
        paused = reference(await run(peer, CASES[0], tag))
        refused = await peer.error("continue_run", run=paused, answers={"approve": True})
    assert refused.startswith("Nothing was sent:\n- 'approve' is not asked; the run asks deploy-")
    assert done(ledger, "deploy", tag) == 0


@pytest.mark.without_queue(reason="nothing in it depends on where runs are kept")
async def test_bare_yes_approves_nothing_that_the_run_asks_after_it_was_continued(
    pausing: str, ledger: Path, tag: str
) -> None:
    """The same call sent twice must not approve what nobody has seen."""
    async with connector("auto")(pausing) as peer:
        paused = reference(await run(peer, CASES[1], tag))
        assert "paused" in await peer.text("continue_run", run=paused, answers={"approve": True})
        again = await peer.error("continue_run", run=paused, answers={"approve": True})
        assert again.startswith("Nothing was sent:\n- 'approve' is not asked; the run asks deploy-")
        assert done(ledger, "deploy", tag) == 1


@pytest.mark.without_queue(reason="nothing in it depends on where runs are kept")
async def test_bare_yes_approves_nothing_of_several_questions_or_of_a_choice(
    pausing: str, ledger: Path, tag: str
) -> None:
    async with connector("auto")(pausing) as peer:
        for case in (Case("agent", "everything", ""), Case("workflow", "route-one", "quick")):
            paused = reference(await run(peer, case, tag))
            for bare in (True, {"approve": True}):
                assert "Nothing was sent" in await peer.error("continue_run", run=paused, answers=bare)
    assert not done(ledger, "deploy", tag)


@pytest.mark.without_queue(reason="nothing in it depends on where runs are kept")
async def test_list_of_paused_runs_shows_the_keys_to_answer_with(pausing: str, ledger: Path, tag: str) -> None:
    async with connector("auto")(pausing) as peer:
        paused = RunRef.parse(reference(await run(peer, CASES[0], tag)))
        listed = await peer.text("list_runs", status="waiting", session_id=paused.session)
        assert f"waits for {(await waiting(pausing, paused))[0].key}: deployer wants to call deploy." in listed
        assert listed.endswith("Ask the user, then answer what waits with continue_run(run, answers).")
        given = {(await waiting(pausing, paused))[0].key: True}
        assert "\ncompleted" in await peer.text("continue_run", run=str(paused), answers=given)
