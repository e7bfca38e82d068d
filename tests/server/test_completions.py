"""What the beginning of an id is completed to."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import httpx
import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, Completion, PromptReference, ResourceTemplateReference

from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.demo.host_process import demo_agentos
from agentos_mcp.server.completions import Candidates, completion
from tests._support.agentos.many_components import HELPERS, QUICK_PROMPTS
from tests._support.mcp_client import Connect, Peer, reference
from tests._support.processes import DOWN

pytestmark = pytest.mark.anyio

RUN = "agentos://runs/{kind}/{component}/{session}/{run}"


@pytest.fixture(scope="module")
def crowd() -> Iterator[str]:
    with demo_agentos(build="tests._support.agentos.many_components:build") as url:
        yield url


@pytest.fixture(scope="module")
def two_databases() -> Iterator[str]:
    with demo_agentos(build="tests._support.agentos.several_databases:build") as url:
        yield url


async def completed(peer: Peer, template: str, variable: str, typed: str = "", **given: str) -> Completion:
    ref = ResourceTemplateReference(uri=template)
    return (await peer.client.complete(ref, {"name": variable, "value": typed}, given or None)).completion


async def argued(peer: Peer, prompt: str, argument: str, typed: str = "", **given: str) -> Completion:
    ref = PromptReference(name=prompt)
    return (await peer.client.complete(ref, {"name": argument, "value": typed}, given or None)).completion


class TestFitting:
    def test_what_begins_like_that_comes_first_then_what_contains_it(self) -> None:
        candidates = Candidates((("b-a", "x"), ("abc", "y"), ("c", "Another"), ("d", "say A"), ("e", "e")))
        assert completion(candidates, "A").values == ["abc", "c", "b-a", "d"]

    def test_everything_fits_nothing(self) -> None:
        fits = completion(Candidates((("a", ""), ("b", ""), ("a", ""))), "")
        assert (fits.values, fits.total, fits.has_more) == (["a", "b"], 2, False)

    def test_at_most_a_hundred_are_given_and_all_are_counted(self) -> None:
        fits = completion(Candidates(tuple((f"n{number}", "") for number in range(120))), "n")
        assert (len(fits.values), fits.total, fits.has_more) == (100, 120, True)

    def test_what_was_not_looked_at_is_counted_where_it_would_fit_for_certain(self) -> None:
        candidates = Candidates((("a", ""),), unseen=300)
        assert (completion(candidates, "").total, completion(candidates, "").has_more) == (301, True)
        assert (completion(candidates, "a").total, completion(candidates, "a").has_more) == (None, True)
        no_timeout = completion(Candidates((("a", ""),), unseen=None), "")
        assert (no_timeout.values, no_timeout.total, no_timeout.has_more) == (["a"], None, True)


@pytest.mark.parametrize(
    ("template", "variable", "typed", "values"),
    [
        ("agentos://agents/{agent_id}", "agent_id", "twin", ["twin-one", "twin-two"]),
        ("agentos://agents/{agent_id}", "agent_id", "Twin Agent", ["twin-one", "twin-two"]),
        ("agentos://agents/{agent_id}", "agent_id", "writer", ["story-writer-agent"]),
        ("agentos://agents/{agent_id}", "agent_id", "日", ["日本"]),
        ("agentos://agents/{agent_id}", "agent_id", "zzz", []),
        ("agentos://teams/{team_id}", "team_id", "pair", ["pair", "sad-pair"]),
        ("agentos://workflows/{workflow_id}", "workflow_id", "three", ["three-steps"]),
        (RUN, "kind", "", ["agent", "team", "workflow"]),
        (RUN, "kind", "w", ["workflow"]),
    ],
)
async def test_ids_are_found_by_id_and_name(
    connect: Connect, sample_agentos: str, template: str, variable: str, typed: str, values: list[str]
) -> None:
    async with connect(sample_agentos) as peer:
        found = await completed(peer, template, variable, typed)
    assert (found.values, found.total, found.has_more) == (values, len(values), False)


async def test_many_are_counted(connect: Connect, crowd: str) -> None:
    async with connect(crowd) as peer:
        found = await completed(peer, "agentos://agents/{agent_id}", "agent_id", "helper-")
        assert (len(found.values), found.total, found.has_more) == (100, HELPERS, True)
        found = await completed(peer, "agentos://agents/{agent_id}", "agent_id", "helper-14")
        assert found.values == [f"helper-14{digit}" for digit in range(10)]


async def test_the_parts_of_a_run_depend_on_each_other(connect: Connect, sample_agentos: str, era: str) -> None:
    session = f"completed-{era}-{uuid.uuid4().hex[:8]}"
    async with connect(sample_agentos) as peer:
        ran = await peer.text("run_agent", agent_id="echo", message="first of all", session_id=session)
        ref = RunRef.parse(reference(ran))
        agents = await completed(peer, RUN, "component", kind="agent")
        assert "echo" in agents.values
        assert not set(agents.values) & {"pair", "three-steps"}
        assert {"echo", "pair", "three-steps"} <= set((await completed(peer, RUN, "component")).values)

        given = {"kind": "agent", "component": "echo"}
        assert session in (await completed(peer, RUN, "session", **given)).values
        assert (await completed(peer, RUN, "session", session, **given)).values == [session]
        assert session in (await completed(peer, RUN, "session", session)).values
        assert (await completed(peer, RUN, "session", session, kind="agent", component="slow")).values == []

        runs = await completed(peer, RUN, "run", session=session, **given)
        assert (runs.values, runs.total, runs.has_more) == ([ref.run], 1, False)
        assert (await completed(peer, RUN, "run", "First", session=session, **given)).values == [ref.run]
        assert (await completed(peer, RUN, "run", session=session, kind="agent", component="slow")).values == []
        assert (await completed(peer, RUN, "run", **given)).values == []
        assert (await completed(peer, RUN, "run", session="no-such-session", **given)).values == []


async def test_sessions_memories_and_contents_are_found(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    tag = uuid.uuid4().hex[:10]
    fact = {"memory": f"Collects {tag}", "user_id": f"completing-{era}"}
    memory = (await rest.post("/memories", json=fact)).json()["memory_id"]
    contents = {one["name"]: one["id"] for one in (await rest.get("/knowledge/content")).json()["data"]}
    async with connect(sample_agentos) as peer:
        await peer.text("run_agent", agent_id="echo", message=f"About {tag}", session_id=f"session-{tag}")
        assert (await completed(peer, "agentos://sessions/{session_id}", "session_id", tag)).values == [
            f"session-{tag}"
        ]
        assert (await completed(peer, "agentos://memories/{memory_id}", "memory_id", tag)).values == [memory]
        assert (await completed(peer, "agentos://memories/{memory_id}", "memory_id", memory)).values == [memory]
        giraffe = await completed(peer, "agentos://knowledge/{content_id}", "content_id", "gira")
        assert giraffe.values == [contents["giraffe"]]
        assert (await completed(peer, "agentos://traces/{trace_id}", "trace_id", "no-such-trace")).values == []


async def test_a_fixed_user_sees_only_their_own(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    tag = uuid.uuid4().hex[:10]
    ids = [
        (await rest.post("/memories", json={"memory": f"Keeps {tag}", "user_id": f"{who}-{era}"})).json()["memory_id"]
        for who in ("mine", "theirs")
    ]
    async with connect(sample_agentos, user_id=f"mine-{era}") as peer:
        assert (await completed(peer, "agentos://memories/{memory_id}", "memory_id", tag)).values == [ids[0]]


async def test_all_databases_are_looked_through(connect: Connect, two_databases: str) -> None:
    tag = uuid.uuid4().hex[:10]
    async with connect(two_databases) as peer:
        for agent in ("one", "two"):
            await peer.text("run_agent", agent_id=agent, message="hi", session_id=f"{agent}-{tag}")
        found = await completed(peer, "agentos://sessions/{session_id}", "session_id", tag)
        assert sorted(found.values) == [f"one-{tag}", f"two-{tag}"]
    async with connect(two_databases, db_id="first-db") as peer:
        found = await completed(peer, "agentos://sessions/{session_id}", "session_id", tag)
        assert found.values == [f"one-{tag}"]


async def test_a_content_is_looked_for_in_its_knowledge_base(connect: Connect, crowd: str) -> None:
    template = "agentos://knowledge/{knowledge_id}/{content_id}"
    async with connect(crowd) as peer:
        [birds] = (await completed(peer, template, "knowledge_id", "bird")).values
        [owl] = (await completed(peer, template, "content_id", knowledge_id=birds)).values
        assert (await completed(peer, template, "content_id", "owl", knowledge_id=birds)).values == [owl]
        assert (await completed(peer, template, "content_id", "oak", knowledge_id=birds)).values == []
        assert (await completed(peer, template, "content_id")).values == []


async def test_arguments_of_prompts_are_completed(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        assert (await argued(peer, "compare_agents", "first", "twin")).values == ["twin-one", "twin-two"]
        assert (await argued(peer, "compare_agents", "second", "twin", first="twin-one")).values == ["twin-two"]
        assert (await argued(peer, "compare_agents", "task", "x")).values == []
        failed = reference(await peer.error("run_agent", agent_id="broken", message="to be completed"))
        fine = reference(await peer.text("run_agent", agent_id="echo", message="to be completed"))
        runs = (await argued(peer, "investigate_failed_run", "run")).values
        assert failed in runs
        assert fine not in runs
        assert (await argued(peer, "investigate_failed_run", "run", failed[:-2])).values == [failed]


async def test_a_message_is_completed_to_what_the_agentos_proposes(connect: Connect, crowd: str) -> None:
    async with connect(crowd) as peer:
        assert (await argued(peer, "speaker", "message")).values == QUICK_PROMPTS
        assert (await argued(peer, "speaker", "message", "good")).values == QUICK_PROMPTS[:2]
        assert (await argued(peer, "helper-001", "message")).values == []


async def test_what_is_not_known_is_completed_to_nothing(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        for found in (
            await argued(peer, "nope", "message", "x"),
            await argued(peer, "echo", "nope", "x"),
            await completed(peer, "agentos://nope/{x}", "x", "y"),
            await completed(peer, "agentos://agents/{agent_id}", "nope", "y"),
            await completed(peer, "agentos://agents", "agent_id", "y"),
        ):
            assert (found.values, found.total, found.has_more) == ([], 0, False)


async def test_an_agentos_without_a_database_has_nothing_to_complete(connect: Connect, bare_agentos: str) -> None:
    async with connect(bare_agentos) as peer:
        assert (await completed(peer, "agentos://sessions/{session_id}", "session_id")).values == []
        assert (await completed(peer, RUN, "component", kind="agent")).values == ["echo", "slow", "asks"]


async def test_an_agentos_that_is_down_is_said_to_be_down(connect: Connect) -> None:
    async with connect(DOWN) as peer:
        with pytest.raises(MCPError, match="No AgentOS answers") as caught:
            await completed(peer, "agentos://agents/{agent_id}", "agent_id", "e")
    assert caught.value.code == INTERNAL_ERROR
