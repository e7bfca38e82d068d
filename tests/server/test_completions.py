"""Completions of the arguments of prompts and the variables of resource templates."""

from __future__ import annotations

import uuid

import httpx
import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, Completion, PromptReference, ResourceTemplateReference

from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.server.completions import Candidates, complete_value
from tests._support.agentos.many_components import HELPERS, QUICK_PROMPTS
from tests._support.agentos_pool import AgentOSPool
from tests._support.mcp_client import Connect, Peer, reference
from tests._support.processes import DOWN

pytestmark = pytest.mark.anyio

RUN = "agentos://runs/{kind}/{component}/{session}/{run}"


@pytest.fixture(scope="module")
def many_components(agentoses: AgentOSPool) -> str:
    return agentoses.url("many_components")


@pytest.fixture(scope="module")
def two_databases(agentoses: AgentOSPool) -> str:
    return agentoses.url("several_databases")


async def complete_variable(peer: Peer, template: str, variable: str, typed: str = "", **arguments: str) -> Completion:
    ref = ResourceTemplateReference(uri=template)
    return (await peer.client.complete(ref, {"name": variable, "value": typed}, arguments or None)).completion


async def complete_argument(peer: Peer, prompt: str, argument: str, typed: str = "", **arguments: str) -> Completion:
    ref = PromptReference(name=prompt)
    return (await peer.client.complete(ref, {"name": argument, "value": typed}, arguments or None)).completion


class TestCompleteValue:
    def test_values_that_begin_with_the_text_come_before_those_that_contain_it(self) -> None:
        candidates = Candidates((("b-a", "x"), ("abc", "y"), ("c", "Another"), ("d", "say A"), ("e", "e")))
        assert complete_value(candidates, "A").values == ["abc", "c", "b-a", "d"]

    def test_empty_text_matches_everything(self) -> None:
        completion = complete_value(Candidates((("a", ""), ("b", ""), ("a", ""))), "")
        assert (completion.values, completion.total, completion.has_more) == (["a", "b"], 2, False)

    def test_values_are_at_most_a_hundred_and_all_are_counted(self) -> None:
        completion = complete_value(Candidates(tuple((f"n{number}", "") for number in range(120))), "n")
        assert (len(completion.values), completion.total, completion.has_more) == (100, 120, True)

    def test_unread_values_are_counted_where_they_match_for_certain(self) -> None:
        candidates = Candidates((("a", ""),), unread=300)
        assert (complete_value(candidates, "").total, complete_value(candidates, "").has_more) == (301, True)
        assert (complete_value(candidates, "a").total, complete_value(candidates, "a").has_more) == (None, True)
        unbounded = complete_value(Candidates((("a", ""),), unread=None), "")
        assert (unbounded.values, unbounded.total, unbounded.has_more) == (["a"], None, True)


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
async def test_component_ids_are_completed_by_id_and_name(
    connect: Connect, sample_agentos: str, template: str, variable: str, typed: str, values: list[str]
) -> None:
    async with connect(sample_agentos) as peer:
        completion = await complete_variable(peer, template, variable, typed)
    assert (completion.values, completion.total, completion.has_more) == (values, len(values), False)


async def test_component_ids_beyond_a_hundred_are_counted(connect: Connect, many_components: str) -> None:
    async with connect(many_components) as peer:
        completion = await complete_variable(peer, "agentos://agents/{agent_id}", "agent_id", "helper-")
        assert (len(completion.values), completion.total, completion.has_more) == (100, HELPERS, True)
        completion = await complete_variable(peer, "agentos://agents/{agent_id}", "agent_id", "helper-14")
        assert completion.values == [f"helper-14{digit}" for digit in range(10)]


async def test_run_uri_variables_depend_on_each_other(connect: Connect, sample_agentos: str, era: str) -> None:
    session = f"completed-{era}-{uuid.uuid4().hex[:8]}"
    async with connect(sample_agentos) as peer:
        result = await peer.text("run_agent", agent_id="echo", message="first of all", session_id=session)
        ref = RunRef.parse(reference(result))
        agents = await complete_variable(peer, RUN, "component", kind="agent")
        assert "echo" in agents.values
        assert not set(agents.values) & {"pair", "three-steps"}
        assert {"echo", "pair", "three-steps"} <= set((await complete_variable(peer, RUN, "component")).values)

        arguments = {"kind": "agent", "component": "echo"}
        assert session in (await complete_variable(peer, RUN, "session", **arguments)).values
        assert (await complete_variable(peer, RUN, "session", session, **arguments)).values == [session]
        assert session in (await complete_variable(peer, RUN, "session", session)).values
        assert (await complete_variable(peer, RUN, "session", session, kind="agent", component="slow")).values == []

        runs = await complete_variable(peer, RUN, "run", session=session, **arguments)
        assert (runs.values, runs.total, runs.has_more) == ([ref.run], 1, False)
        assert (await complete_variable(peer, RUN, "run", "First", session=session, **arguments)).values == [ref.run]
        assert (await complete_variable(peer, RUN, "run", session=session, kind="agent", component="slow")).values == []
        assert (await complete_variable(peer, RUN, "run", **arguments)).values == []
        assert (await complete_variable(peer, RUN, "run", session="no-such-session", **arguments)).values == []


async def test_sessions_memories_and_contents_are_completed(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    tag = uuid.uuid4().hex[:10]
    fact = {"memory": f"Collects {tag}", "user_id": f"completing-{era}"}
    memory = (await rest.post("/memories", json=fact)).json()["memory_id"]
    contents = {content["name"]: content["id"] for content in (await rest.get("/knowledge/content")).json()["data"]}
    async with connect(sample_agentos) as peer:
        await peer.text("run_agent", agent_id="echo", message=f"About {tag}", session_id=f"session-{tag}")
        assert (await complete_variable(peer, "agentos://sessions/{session_id}", "session_id", tag)).values == [
            f"session-{tag}"
        ]
        assert (await complete_variable(peer, "agentos://memories/{memory_id}", "memory_id", tag)).values == [memory]
        assert (await complete_variable(peer, "agentos://memories/{memory_id}", "memory_id", memory)).values == [memory]
        giraffe = await complete_variable(peer, "agentos://knowledge/{content_id}", "content_id", "gira")
        assert giraffe.values == [contents["giraffe"]]
        assert (await complete_variable(peer, "agentos://traces/{trace_id}", "trace_id", "no-such-trace")).values == []


async def test_fixed_user_is_offered_only_their_own_memories(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    tag = uuid.uuid4().hex[:10]
    ids = [
        (await rest.post("/memories", json={"memory": f"Keeps {tag}", "user_id": f"{user}-{era}"})).json()["memory_id"]
        for user in ("mine", "theirs")
    ]
    async with connect(sample_agentos, user_id=f"mine-{era}") as peer:
        assert (await complete_variable(peer, "agentos://memories/{memory_id}", "memory_id", tag)).values == [ids[0]]


async def test_sessions_of_all_databases_are_completed(connect: Connect, two_databases: str) -> None:
    tag = uuid.uuid4().hex[:10]
    async with connect(two_databases) as peer:
        for agent in ("one", "two"):
            await peer.text("run_agent", agent_id=agent, message="hi", session_id=f"{agent}-{tag}")
        completion = await complete_variable(peer, "agentos://sessions/{session_id}", "session_id", tag)
        assert sorted(completion.values) == [f"one-{tag}", f"two-{tag}"]
    async with connect(two_databases, db_id="first-db") as peer:
        completion = await complete_variable(peer, "agentos://sessions/{session_id}", "session_id", tag)
        assert completion.values == [f"one-{tag}"]


async def test_content_is_completed_from_the_chosen_knowledge_base(connect: Connect, many_components: str) -> None:
    template = "agentos://knowledge/{knowledge_id}/{content_id}"
    async with connect(many_components) as peer:
        [birds] = (await complete_variable(peer, template, "knowledge_id", "bird")).values
        [owl] = (await complete_variable(peer, template, "content_id", knowledge_id=birds)).values
        assert (await complete_variable(peer, template, "content_id", "owl", knowledge_id=birds)).values == [owl]
        assert (await complete_variable(peer, template, "content_id", "oak", knowledge_id=birds)).values == []
        assert (await complete_variable(peer, template, "content_id")).values == []


async def test_prompt_arguments_are_completed(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        assert (await complete_argument(peer, "compare_agents", "first", "twin")).values == ["twin-one", "twin-two"]
        assert (await complete_argument(peer, "compare_agents", "second", "twin", first="twin-one")).values == [
            "twin-two"
        ]
        assert (await complete_argument(peer, "compare_agents", "task", "x")).values == []
        failed = reference(await peer.error("run_agent", agent_id="broken", message="to be completed"))
        fine = reference(await peer.text("run_agent", agent_id="echo", message="to be completed"))
        runs = (await complete_argument(peer, "investigate_failed_run", "run")).values
        assert failed in runs
        assert fine not in runs
        assert (await complete_argument(peer, "investigate_failed_run", "run", failed[:-2])).values == [failed]


async def test_message_argument_is_completed_with_quick_prompts(connect: Connect, many_components: str) -> None:
    async with connect(many_components) as peer:
        assert (await complete_argument(peer, "speaker", "message")).values == QUICK_PROMPTS
        assert (await complete_argument(peer, "speaker", "message", "good")).values == QUICK_PROMPTS[:2]
        assert (await complete_argument(peer, "helper-001", "message")).values == []


async def test_unknown_references_are_completed_with_nothing(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        for completion in (
            await complete_argument(peer, "nope", "message", "x"),
            await complete_argument(peer, "echo", "nope", "x"),
            await complete_variable(peer, "agentos://nope/{x}", "x", "y"),
            await complete_variable(peer, "agentos://agents/{agent_id}", "nope", "y"),
            await complete_variable(peer, "agentos://agents", "agent_id", "y"),
        ):
            assert (completion.values, completion.total, completion.has_more) == ([], 0, False)


async def test_agentos_without_a_database_has_no_sessions_to_complete(connect: Connect, bare_agentos: str) -> None:
    async with connect(bare_agentos) as peer:
        assert (await complete_variable(peer, "agentos://sessions/{session_id}", "session_id")).values == []
        assert (await complete_variable(peer, RUN, "component", kind="agent")).values == ["echo", "slow", "asks"]


async def test_completion_reports_an_agentos_that_is_down(connect: Connect) -> None:
    async with connect(DOWN) as peer:
        with pytest.raises(MCPError, match="No AgentOS answers") as caught:
            await complete_variable(peer, "agentos://agents/{agent_id}", "agent_id", "e")
    assert caught.value.code == INTERNAL_ERROR
