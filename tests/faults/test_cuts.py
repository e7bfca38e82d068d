"""Hundreds of seeded runs whose connections break at random moments: none is lost, none is run twice."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from agentos_mcp.agentos.catalog import Catalog
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.features import Discovery
from agentos_mcp.agentos.runs.engine import Engine
from agentos_mcp.agentos.runs.run import Kind, RunRef, RunState
from agentos_mcp.agentos.runs.starter import RunRequest
from tests._support.fault_proxy import proxy_to
from tests._support.http_answers import http_raw
from tests._support.mcp_client import connector, reference
from tests._support.paused_runs import waiting
from tests._support.person import answers
from tests._support.stores import Store

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

RUNS = 200
QUEUED_RUNS = 16
AT_ONCE = 8
ANSWER = " ".join(f"w{number}" for number in range(40))


@pytest.mark.process
@pytest.mark.parametrize("seed", [20260728])
async def test_cut_connection_ends_with_the_answer_executed_once(store: Store, ledger: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    tag = f"tag-{store.name}{seed}"
    runs = QUEUED_RUNS if store.queued else RUNS
    cuts = 0

    def fault(request: bytes) -> int | None:
        nonlocal cuts
        if b"/runs" not in request or chance.random() < 0.3:
            return None
        cuts += 1
        # A start is cut once its stream has begun; whatever follows it at any moment.
        least = 700 if b"/runs HTTP" in request else 0
        return least + chance.choice((0, 1, chance.randrange(400), chance.randrange(6000), chance.randrange(30_000)))

    async with proxy_to(store.pausing) as proxy, connector("auto")(proxy.url, wait=60) as peer:
        await peer.text("run_agent", agent_id="counter", message="warm up tag-warm")
        proxy.fault = fault
        slots = anyio.CapacityLimiter(AT_ONCE)
        wrong: list[str] = []

        async def one(number: int) -> None:
            async with slots:
                kind = "workflow" if number % 4 == 0 else "agent"
                arguments = {"message": f"go, {tag}x{number}"}
                component = "counts" if kind == "workflow" else "counter"
                text = await peer.text(f"run_{kind}", **{f"{kind}_id": component}, **arguments)
                expected = f"last done {tag}x{number}" if kind == "workflow" else ANSWER
                if not text.startswith(expected) or "restarted" in text:
                    wrong.append(text)

        async with anyio.create_task_group() as tasks:
            for number in range(runs):
                tasks.start_soon(one, number)
    assert not wrong, wrong[:3]
    assert cuts > runs
    executed = (await anyio.Path(ledger).read_text()).splitlines()
    assert [executed.count(f"lookup {tag}x{number}") for number in range(runs)] == [1] * runs


async def test_start_whose_response_never_began_is_not_sent_again(pausing: str, ledger: Path) -> None:
    async with proxy_to(pausing) as proxy, connector("auto")(proxy.url) as peer:
        await peer.text("list_agents")
        proxy.fault = lambda request: 0 if b"/runs HTTP" in request else None
        result = await peer.call("run_agent", agent_id="counter", message="go, tag-never")
        assert proxy.asked("POST", "/runs HTTP") == 1
    executed = (await anyio.Path(ledger).read_text()).splitlines().count("lookup tag-never")
    assert executed == (0 if result.is_error else 1)


KINDS_CUT: tuple[tuple[Kind, str], ...] = (("agent", "counter"), ("workflow", "counts"))
CUTS = (0, 1, 17, 60, 120, 200, 260, 300, 400, 500, 600, 700, 900, 1200, 1500, 2000)


@pytest.mark.parametrize("host", ["queued_pausing", "queued_pausing_sqlite"])
async def test_queued_start_cut_anywhere_is_reported_truly_and_executed_once(
    request: pytest.FixtureRequest, ledger: Path, host: str
) -> None:
    url = request.getfixturevalue(host)
    tags = {cut: f"tag-{host}{cut}".replace("_", "") for cut in CUTS}
    message: dict[int, RunState] = {}

    async def one(cut: int, discovery: Discovery, catalog: Catalog) -> None:
        kind, component = KINDS_CUT[CUTS.index(cut) % 2]
        cuts = [cut, cut] if cut % 200 == 0 else [cut]  # some are cut twice
        async with proxy_to(url) as proxy, AgentOS(proxy.url) as client:
            proxy.fault = lambda request: cuts.pop() if cuts and b"/runs HTTP" in request else None
            engine = Engine(client, discovery, catalog)
            order = RunRequest(await catalog.find(kind, component), f"go, {tags[cut]}")
            message[cut] = await engine.run(order, engine.new_run(order), lambda _: None)

    async with AgentOS(url) as direct, anyio.create_task_group() as tasks:
        discovery, catalog = Discovery(direct), Catalog(direct)
        await discovery.features()
        for cut in CUTS:
            tasks.start_soon(one, cut, discovery, catalog)
    assert [cut for cut in CUTS if not message[cut].text.startswith((ANSWER, f"last done {tags[cut]}"))] == []
    assert [await times(ledger, "lookup", tags[cut]) for cut in CUTS] == [1] * len(CUTS)


@pytest.mark.parametrize("cut", [0, 1, 900])
@pytest.mark.parametrize("host", ["queued_pausing", "queued_pausing_sqlite"])
@pytest.mark.parametrize(
    ("kind", "component", "gated"), [("agent", "slow-deployer", "slow_deploy"), ("workflow", "gate-skip", "gate")]
)
async def test_queued_answers_whose_acceptance_is_lost_are_not_sent_again(
    request: pytest.FixtureRequest, ledger: Path, kind: str, component: str, gated: str, host: str, cut: int
) -> None:
    url, tag = request.getfixturevalue(host), f"tag-lost{cut}{kind}{host}".replace("_", "")
    async with proxy_to(url) as proxy, connector("auto")(proxy.url) as peer:
        paused = await peer.text(f"run_{kind}", **{f"{kind}_id": component}, message=f"do it, {tag}")
        arguments = answers(await waiting(url, RunRef.parse(reference(paused))), "approve")
        proxy.fault = lambda request: cut if b"/continue" in request else None
        result = await peer.text("continue_run", run=reference(paused), answers=arguments)
        assert proxy.asked("POST", "/continue") == 1
    assert "\ncompleted" in result
    assert await times(ledger, gated, tag) == 1


@pytest.mark.parametrize("cut", [0, 1, 900])
@pytest.mark.parametrize(
    ("kind", "component", "gated"),
    [
        ("agent", "slow-deployer", "slow_deploy"),
        ("team", "boss", "deploy"),
        ("workflow", "in-step-slow", "slow_deploy"),
    ],
)
async def test_answers_whose_acceptance_is_lost_are_not_sent_again(
    pausing: str, ledger: Path, kind: str, component: str, gated: str, cut: int
) -> None:
    tag = f"tag-lost{cut}{kind}"
    async with proxy_to(pausing) as proxy, connector("auto")(proxy.url) as peer:
        paused = await peer.text(f"run_{kind}", **{f"{kind}_id": component}, message=f"do it, {tag}")
        arguments = answers(await waiting(pausing, RunRef.parse(reference(paused))), "approve")
        proxy.fault = lambda request: cut if b"/continue" in request else None
        result = await peer.text("continue_run", run=reference(paused), answers=arguments)
        assert proxy.asked("POST", "/continue") == 1
        proxy.fault = lambda request: None
        if "\npaused: " in f"\n{result}":  # AgentOS never took them
            assert await times(ledger, gated, tag) == 0
            result = await peer.text("continue_run", run=reference(paused), answers=arguments)
    assert "\ncompleted" in result
    assert await times(ledger, gated, tag) == 1


BAD_GATEWAY = http_raw(b"<html>502 Bad Gateway</html>", 502, content_type="text/html")
PAGE = http_raw(b"<html>Sign in to the network</html>", content_type="text/html")
FOREIGN_ANSWERS = pytest.mark.parametrize("answer", [BAD_GATEWAY, PAGE], ids=["gateway", "page"])
"""Answers of a proxy: the connection to AgentOS broke, or whoever uses it has to sign in again."""


def one_answer(answer: bytes, part: bytes) -> Callable[[bytes], bytes | None]:
    """The first request with this in its first line is answered by a proxy."""
    left = [answer]
    return lambda request: left.pop() if left and part in request else None


@FOREIGN_ANSWERS
@pytest.mark.parametrize("arrives", [True, False])
async def test_queued_start_that_a_proxy_answers_is_sent_again_and_executed_once(
    queued_pausing: str, ledger: Path, answer: bytes, *, arrives: bool
) -> None:
    tag = f"tag-gateway{arrives}{len(answer)}"
    async with proxy_to(queued_pausing) as proxy, connector("auto")(proxy.url) as peer:
        await peer.text("list_agents")
        fault = one_answer(answer, b"/runs HTTP")
        proxy.answer, proxy.answer_after = (proxy.answer, fault) if arrives else (fault, proxy.answer_after)
        text = await peer.text("run_agent", agent_id="counter", message=f"go, {tag}")
    assert text.startswith(ANSWER)
    assert await times(ledger, "lookup", tag) == 1


@FOREIGN_ANSWERS
async def test_start_that_arrived_and_a_proxy_answers_is_followed(pausing: str, ledger: Path, answer: bytes) -> None:
    tag = f"tag-gatewayarrived{len(answer)}"
    async with proxy_to(pausing) as proxy, connector("auto")(proxy.url) as peer:
        await peer.text("list_agents")
        proxy.answer_after = one_answer(answer, b"/runs HTTP")
        text = await peer.text("run_agent", agent_id="counter", message=f"go, {tag}")
        assert proxy.asked("POST", "/runs HTTP") == 1
    assert text.startswith(ANSWER)
    assert await times(ledger, "lookup", tag) == 1


@FOREIGN_ANSWERS
async def test_start_that_never_arrived_and_a_proxy_answers_is_told_as_unknown(
    pausing: str, ledger: Path, answer: bytes
) -> None:
    async with proxy_to(pausing) as proxy, connector("auto")(proxy.url) as peer:
        await peer.text("list_agents")
        proxy.answer = one_answer(answer, b"/runs HTTP")
        text = await peer.error("run_agent", agent_id="counter", message="go, tag-gatewaynever")
        assert proxy.asked("POST", "/runs HTTP") == 1
    assert "It is not known whether it was done." in text
    assert "\nrun: agent/counter/" in text
    assert await times(ledger, "lookup", "tag-gatewaynever") == 0


@FOREIGN_ANSWERS
@pytest.mark.parametrize("queued", [True, False])
async def test_answers_that_arrived_and_a_proxy_answers_are_not_sent_again(
    request: pytest.FixtureRequest, ledger: Path, answer: bytes, *, queued: bool
) -> None:
    url: str = request.getfixturevalue("queued_pausing" if queued else "pausing")
    tag = f"tag-gatewayanswers{queued}{len(answer)}"
    async with proxy_to(url) as proxy, connector("auto")(proxy.url) as peer:
        paused = await peer.text("run_workflow", workflow_id="gate-skip", message=f"do it, {tag}")
        arguments = answers(await waiting(url, RunRef.parse(reference(paused))), "approve")
        proxy.answer_after = one_answer(answer, b"/continue")
        result = await peer.text("continue_run", run=reference(paused), answers=arguments)
        assert proxy.asked("POST", "/continue") == 1
    assert "\ncompleted" in result
    assert await times(ledger, "gate", tag) == 1


async def times(ledger: Path, subject: str, tag: str) -> int:
    return (await anyio.Path(ledger).read_text()).splitlines().count(f"{subject} {tag}")
