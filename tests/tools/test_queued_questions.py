"""People in the loop on an AgentOS with its durable queue: every pause, asked once and executed once."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.pauses.requirements import check_answers, continuation_form, questions
from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.runs import questions as questions_module
from tests._support.fault_proxy import Proxy, proxy_to
from tests._support.http_answers import http_answer
from tests._support.mcp_client import Connect, connector, reference, words
from tests._support.paused_runs import CASES, UNDECLINABLE, Case, done, run, submitted, tell, waiting
from tests._support.person import Decision, Person, answers

pytestmark = pytest.mark.anyio
ONE_ERA = True

ASKED = {"twice": 2, "mixed": 2, "gate-then-tool": 3}
"""How many questions each run asks; the others ask one."""


@pytest.fixture(autouse=True)
def retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """These people decide at once; elsewhere that counts as their client's doing."""
    monkeypatch.setattr(questions_module, "MIN_READING_SECONDS", -1.0)


@pytest.fixture
def tag() -> str:
    return f"tag-{uuid.uuid4().hex[:10]}"


def era_of(number: int) -> str:
    return ("legacy", "auto")[number % 2]


@pytest.mark.parametrize("decision", ["approve", "reject"])
@pytest.mark.parametrize(("number", "case"), [*enumerate(CASES)], ids=[case.id for case in CASES])
async def test_queued_pause_is_asked_once_and_done_once_or_not_at_all(
    queued_pausing: str, ledger: Path, tag: str, number: int, case: Case, decision: Decision
) -> None:
    person = Person(decision)
    async with connector(era_of(number + (decision == "approve")))(queued_pausing, person=person) as peer:
        result = await run(peer, case, tag)
    assert len(person.asked) == ASKED.get(case.id, 1)
    assert "paused" not in result
    assert done(ledger, case.gated, tag) == (case.approved if decision == "approve" else 0)


@pytest.mark.parametrize(("number", "case"), [*enumerate(UNDECLINABLE)], ids=[case.id for case in UNDECLINABLE])
async def test_queued_form_is_filled_in_once(
    queued_pausing: str, ledger: Path, tag: str, number: int, case: Case
) -> None:
    person = Person("approve")
    async with connector(era_of(number))(queued_pausing, person=person) as peer:
        result = await run(peer, case, tag)
    assert len(person.asked) == 1
    assert "\ncompleted" in result
    assert not case.gated or done(ledger, case.gated, tag) == 1


@pytest.mark.parametrize(
    "case",
    [
        Case("agent", "slow-deployer", "slow_deploy"),
        Case("team", "boss-slow", "slow_deploy"),
        Case("workflow", "in-step-slow", "slow_deploy"),
        Case("workflow", "gate-then-tool", "deploy"),
    ],
    ids=lambda case: case.id,
)
async def test_queued_pause_on_sqlite_is_asked_once_though_agentos_goes_on_calling_it_paused(
    connect: Connect, queued_pausing_sqlite: str, ledger: Path, tag: str, case: Case
) -> None:
    person = Person("approve")
    async with connect(queued_pausing_sqlite, person=person) as peer:
        result = await run(peer, case, tag)
    assert len(person.asked) == ASKED.get(case.id, 1)
    assert "\ncompleted" in result
    assert done(ledger, case.gated, tag) == 1


@pytest.mark.parametrize("store_of_runs", ["queued_pausing", "queued_pausing_sqlite"])
async def test_list_pending_has_queued_pauses_until_they_are_answered(
    connect: Connect, request: pytest.FixtureRequest, tag: str, store_of_runs: str
) -> None:
    cases = (Case("agent", "slow-deployer", ""), Case("team", "crew", ""), Case("workflow", "in-step", ""))
    async with connect(request.getfixturevalue(store_of_runs)) as peer:
        runs = [reference(await run(peer, case, tag)) for case in cases]
        listed = await peer.text("list_pending")
        for ref in runs:
            (row,) = [line for line in listed.splitlines() if line.startswith(f"| {ref} |")]
            assert f'tag="{tag}"' in row
            assert "| the user |" in row
        # AgentOS may go on calling a run paused for a while that has been answered.
        assert "Still running" in await peer.text("continue_run", run=runs[0], answers={"approve": True}, wait=0.1)
        with anyio.fail_after(20):
            while runs[0] in (listed := await peer.text("list_pending")):
                await peer.text("get_run", run=runs[0], wait=0.1)
        assert runs[1] in listed
        for ref in runs[1:]:
            await peer.text("cancel_run", run=ref)


async def test_run_that_somebody_submitted_without_streaming_is_continued(
    connect: Connect, queued_pausing: str, ledger: Path, tag: str
) -> None:
    run_ref = await submitted(queued_pausing, "gate-skip", tag)
    async with connect(queued_pausing) as peer:
        paused = await peer.text("get_run", run=str(run_ref))
        assert "\ncompleted" in await tell(peer, queued_pausing, paused, "approve")
    assert done(ledger, "gate", tag) == 1


async def test_run_that_never_rode_the_queue_is_continued_without_it(
    connect: Connect, queued_pausing: str, ledger: Path, tag: str
) -> None:
    async with connect(queued_pausing, durability="foreground", person=Person("approve")) as peer:
        result = await run(peer, Case("workflow", "gate-skip", "gate"), tag)
    assert "\ncompleted" in result
    assert done(ledger, "gate", tag) == 1


async def test_answers_that_agentos_refuses_are_reported_with_its_reason_and_asked_for_once(
    connect: Connect, queued_pausing: str, ledger: Path, tag: str
) -> None:
    person = Person("approve")
    reason = "Run is not continuable (ticket status: failed)"
    async with proxy_to(queued_pausing) as proxy, connect(proxy.url, person=person) as peer:
        refuse(proxy, 409, reason)
        result = await run(peer, Case("workflow", "gate-skip", "gate"), tag)
    assert len(person.asked) == 1
    assert f"AgentOS did not take the answers: {reason}." in result
    assert "call continue_run(run, answers)" in result
    assert done(ledger, "gate", tag) == 0
    assert proxy.asked("POST", "/continue") == 1


async def test_answers_are_sent_again_while_the_queue_settles(
    connect: Connect, queued_pausing: str, ledger: Path, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos_mcp.agentos.runs.continuer._SETTLING_SECONDS", 0.05)
    person = Person("approve")
    async with proxy_to(queued_pausing) as proxy, connect(proxy.url, person=person) as peer:
        refuse(proxy, 409, "Run is settling between execution legs; retry in a moment", times=2)
        result = await run(peer, Case("agent", "deployer", "deploy"), tag)
    assert "\ncompleted" in result
    assert len(person.asked) == done(ledger, "deploy", tag) == 1
    assert proxy.asked("POST", "/continue") == 3


async def test_queue_that_never_settles_is_waited_for_within_a_limit(
    connect: Connect, queued_pausing: str, ledger: Path, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos_mcp.agentos.runs.continuer._SETTLING_SECONDS", 0.01)
    monkeypatch.setattr("agentos_mcp.agentos.runs.continuer._QUEUED_PAUSE_SECONDS", 0.2)
    person = Person("approve")
    async with proxy_to(queued_pausing) as proxy, connect(proxy.url, person=person) as peer:
        refuse(proxy, 409, "Run is settling between execution legs; retry in a moment", times=1000)
        result = await run(peer, Case("agent", "deployer", "deploy"), tag)
    assert "AgentOS did not take the answers: Run is settling" in result
    assert len(person.asked) == 1
    assert done(ledger, "deploy", tag) == 0


async def test_answers_that_come_second_are_reported_as_unused(queued_pausing: str, ledger: Path, tag: str) -> None:
    async with proxy_to(queued_pausing) as proxy, connector("auto")(proxy.url) as peer:
        paused = await run(peer, Case("workflow", "gate-skip", "gate"), tag)
        ref = RunRef.parse(reference(paused))
        given = answers(await waiting(queued_pausing, ref), "approve")

        async def somebody_else() -> None:
            await continue_directly(queued_pausing, ref, given)

        proxy.first = (b"/continue", somebody_else)
        result = await peer.text("continue_run", run=str(ref), answers=given)
    assert "These answers were not used: run is already completed." in result
    assert done(ledger, "gate", tag) == 1


async def test_run_that_waits_in_the_queue_has_its_own_name_and_never_starts_once_cancelled(
    connect: Connect, queued_pausing: str, ledger: Path, tag: str
) -> None:
    """A paused run holds up the next of its session, which has no event until then."""
    session = uuid.uuid4().hex[:10]
    message = f"go, {tag}"
    async with connect(queued_pausing) as peer:
        paused = await peer.text("run_agent", agent_id="deployer", message=message, session_id=session)
        waits = await peer.text("run_agent", agent_id="deployer", message=message, session_id=session, wait=3)
        assert "Still running: waiting" in waits
        assert len(RunRef.parse(reference(waits)).run) > 10  # the queue's id, not ours
        async with connect(queued_pausing) as another:
            held = await another.text("get_run", run=reference(waits), wait=1)
        assert f"waiting for run {RunRef.parse(reference(paused)).run} of its session" in held
        with anyio.fail_after(20):
            assert (await peer.text("cancel_run", run=reference(waits))).startswith("Cancelled.\n")
            assert "\ncompleted" in await tell(peer, queued_pausing, paused, "approve")
            assert "cancelled" in await peer.text("get_run", run=reference(waits))
    assert done(ledger, "deploy", tag) == 1


async def test_call_that_is_cancelled_while_its_run_waits_in_the_queue_cancels_that_run(
    queued_pausing: str, ledger: Path, tag: str
) -> None:
    session = uuid.uuid4().hex[:10]
    message = f"go, {tag}"
    async with connector("auto")(queued_pausing) as peer:
        paused = await peer.text("run_agent", agent_id="deployer", message=message, session_id=session)
        with anyio.move_on_after(3):
            await peer.call("run_agent", agent_id="deployer", message=message, session_id=session)
        with anyio.fail_after(20):
            while "cancelled" not in await peer.text("list_runs", session_id=session):
                await anyio.lowlevel.checkpoint()
            assert "\ncompleted" in await tell(peer, queued_pausing, paused, "approve")
    assert done(ledger, "deploy", tag) == 1


async def test_paused_run_of_a_queue_is_cancelled_at_once(connect: Connect, queued_pausing: str, tag: str) -> None:
    async with connect(queued_pausing) as peer:
        paused = await run(peer, Case("workflow", "gate-skip", "gate"), tag)
        assert (await peer.text("cancel_run", run=reference(paused))).startswith("Cancelled.\n")


async def test_queued_run_is_followed_by_another_server(connect: Connect, queued_pausing: str, tag: str) -> None:
    async with connect(queued_pausing) as first:
        text = await first.text("run_agent", agent_id="counter", message=f"go, {tag}", wait=1)
    async with connect(queued_pausing) as second:
        assert "w39" in words(await second.call("get_run", run=reference(text)))


def refuse(proxy: Proxy, status: int, reason: str, *, times: int = 1) -> None:
    """Let the proxy answer continuations itself, with AgentOS's words."""
    left = [http_answer(status, json.dumps({"detail": reason}))] * times

    def answer(request: bytes) -> bytes | None:
        return left.pop() if left and b"/continue" in request else None

    proxy.answer = answer


async def continue_directly(url: str, ref: RunRef, given: Mapping[str, Any]) -> None:
    """Answer past our server, to the run's end."""
    async with AgentOS(url) as client:
        path, ids = f"/{ref.kind}s/{{id}}/runs/{{run}}", {"id": ref.component, "run": ref.run}
        stored = await client.get(path, ids, {"session_id": ref.session})
        needs = stored.get("requirements") or stored.get("step_requirements")
        form = continuation_form(ref, needs, check_answers(questions(ref, needs), given))
        form |= {"background": "true", "stream": "true"}
        async with client.stream(f"{path}/continue", ids, form, kept_alive=True) as events:
            async for _ in events:
                pass
