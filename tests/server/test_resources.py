"""What is read under agentos:// URIs."""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Iterator
from urllib.parse import quote

import anyio
import httpx
import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, ResourceTemplateReference, TextResourceContents

from agentos_mcp.agentos.paths import quoted
from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.demo.host_process import demo_agentos
from agentos_mcp.server.resources import RESOURCES, variables
from agentos_mcp.server.sdk_compat import translate_errors
from agentos_mcp.tools import TOOLSETS
from tests._support.agentos.sample import HOSTILE_IDS
from tests._support.mcp_client import Connect, Peer, reference
from tests._support.processes import DOWN
from tests.conftest import KEY

pytestmark = pytest.mark.anyio

LISTS = {
    "agentos://config",
    "agentos://agents",
    "agentos://teams",
    "agentos://workflows",
    "agentos://sessions",
    "agentos://memories",
    "agentos://knowledge",
    "agentos://traces",
}


@pytest.fixture(scope="module")
def crowd() -> Iterator[str]:
    with demo_agentos(build="tests._support.agentos.many_components:build") as url:
        yield url


@pytest.fixture(scope="module")
def two_databases() -> Iterator[str]:
    with demo_agentos(build="tests._support.agentos.several_databases:build") as url:
        yield url


async def listed(peer: Peer) -> list[str]:
    """The URIs of all pages."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await peer.client.list_resources(cursor=cursor)
        found += [resource.uri for resource in page.resources]
        if (cursor := page.next_cursor) is None:
            return found


async def templates(peer: Peer) -> list[str]:
    return [one.uri_template for one in (await peer.client.list_resource_templates()).resource_templates]


async def read(peer: Peer, uri: str) -> str:
    [content] = (await peer.client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "text/markdown"
    assert content.uri == uri
    return content.text


async def refusal(peer: Peer, uri: str) -> MCPError:
    with pytest.raises(MCPError) as caught:
        await peer.client.read_resource(uri)
    assert caught.value.data == {"uri": uri}
    return caught.value


def test_every_resource_is_made_by_a_tool_that_only_reads() -> None:
    reading = {tool.name for toolset in TOOLSETS for tool in toolset.tools if tool.read_only}
    assert {one.tool for one in RESOURCES} <= reading


def test_every_resource_gives_what_reads_it_what_it_takes() -> None:
    tools = {tool.name: tool.fn for toolset in TOOLSETS for tool in toolset.tools}
    for one in RESOURCES:
        arguments = one.arguments or dict.fromkeys(variables(one.template, one.template) or {}, "")
        inspect.signature(one.read or tools[one.tool]).bind(None, **arguments)


def test_every_variable_can_be_completed() -> None:
    for one in RESOURCES:
        assert {part[1:-1] for part in one.template.split("/") if part.startswith("{")} == set(one.completes)


async def test_there_is_one_for_each_list_and_each_component(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        resources = (await peer.client.list_resources()).resources
    uris = [one.uri for one in resources]
    assert set(uris) >= LISTS
    assert {"agentos://agents/echo", "agentos://teams/pair", "agentos://workflows/launch"} < set(uris)
    assert all(one.name and one.title and one.description and one.mime_type == "text/markdown" for one in resources)
    assert len({one.name for one in resources}) == len(resources)
    [echo] = [one for one in resources if one.uri == "agentos://agents/echo"]
    assert (echo.title, echo.description) == ("Echo", "Repeats what it is told. Second line.")


async def test_the_order_stays_the_same(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        first = await listed(peer)
        components = [uri for uri in first if uri not in LISTS]
        assert first == [*(uri for uri in first if uri in LISTS), *components], "components come last"
        agents = [uri for uri in components if uri.startswith("agentos://agents/")]
        assert components[: len(agents)] == agents
    async with connect(sample_agentos) as peer:
        assert await listed(peer) == first


async def test_every_resource_that_is_listed_can_be_read(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        for uri in await listed(peer):
            assert await read(peer, uri)


@pytest.mark.parametrize("id", HOSTILE_IDS)
async def test_any_id_has_a_uri(connect: Connect, sample_agentos: str, id: str) -> None:
    async with connect(sample_agentos) as peer:
        uri = f"agentos://agents/{quoted(id)}"
        assert uri in await listed(peer)
        assert await read(peer, uri) == await peer.text("get_component", kind="agent", id=id)


@pytest.mark.parametrize(
    ("uri", "tool", "arguments"),
    [
        ("agentos://agents", "list_agents", {}),
        ("agentos://teams", "list_teams", {}),
        ("agentos://workflows", "list_workflows", {}),
        ("agentos://knowledge", "list_knowledge", {}),
        ("agentos://config", "get_config", {}),
        ("agentos://agents/facts", "get_component", {"kind": "agent", "id": "facts"}),
        ("agentos://teams/pair", "get_component", {"kind": "team", "id": "pair"}),
        ("agentos://workflows/three-steps", "get_component", {"kind": "workflow", "id": "three-steps"}),
    ],
)
async def test_it_says_what_the_tool_says(
    connect: Connect, sample_agentos: str, uri: str, tool: str, arguments: dict[str, str]
) -> None:
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        assert await read(peer, uri) == await peer.text(tool, **arguments)


async def test_a_session_and_its_run_are_read(connect: Connect, sample_agentos: str, era: str) -> None:
    session = f"read-{era}-{uuid.uuid4().hex[:8]}"
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        result = await peer.text("run_agent", agent_id="echo", message="to be read again", session_id=session)
        assert await read(peer, f"agentos://runs/{reference(result)}") == result
        assert session in await read(peer, "agentos://sessions")
        assert await read(peer, f"agentos://sessions/{session}") == await peer.text("get_session", session_id=session)


async def test_a_run_of_any_id_is_read(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        result = await peer.text("run_agent", agent_id="a?b#c", message="hi", session_id="s/1 ?")
        uri = f"agentos://runs/{reference(result)}"
        assert "a%3Fb%23c/s%2F1%20%3F/" in uri
        assert await read(peer, uri) == result


async def test_a_run_that_goes_on_is_read_at_once(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        begun = await peer.text("run_agent", agent_id="slow", message="60 6", wait=1)
        uri = f"agentos://runs/{reference(begun)}"
        assert "Still going" in await read(peer, uri)
        await peer.text("cancel_run", run=reference(begun))
        assert "cancelled" in await read(peer, uri)


async def test_a_run_that_only_this_server_knows_is_read(connect: Connect, bare_agentos: str) -> None:
    async with connect(bare_agentos) as peer:
        result = await peer.text("run_agent", agent_id="echo", message="never stored")
        assert await read(peer, f"agentos://runs/{reference(result)}") == result


async def test_a_memory_a_content_and_a_trace_are_read(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    fact = {"memory": f"Reads resources in the {era} era", "user_id": f"reader-{era}"}
    memory = (await rest.post("/memories", json=fact)).json()["memory_id"]
    content = (await rest.get("/knowledge/content")).json()["data"][0]
    async with connect(sample_agentos) as peer:
        assert fact["memory"] in await read(peer, f"agentos://memories/{memory}")
        assert fact["memory"] in await read(peer, "agentos://memories")
        assert content["name"] in await read(peer, f"agentos://knowledge/{content['id']}")
        assert content["name"] in await read(peer, "agentos://knowledge")
        assert (await refusal(peer, "agentos://traces/no-such-trace")).code == INVALID_PARAMS


async def test_a_trace_is_read_by_its_id_and_by_its_run(connect: Connect, era: str) -> None:
    with demo_agentos(build="tests._support.agentos.traces:build_named") as url:
        async with connect(url, toolsets=("all",)) as peer, httpx.AsyncClient(base_url=url, timeout=30) as rest:
            run = reference(await peer.text("run_agent", agent_id="look-up", message="honey"))
            trace = await trace_of(rest, run)
            assert trace in await read(peer, "agentos://traces")
            words = await read(peer, f"agentos://traces/{trace}")
            assert "lookup" in words
            assert words == await peer.text("get_trace", id=trace)
            assert await read(peer, f"agentos://traces/{quote(run, safe='')}") == words
            ref = ResourceTemplateReference(uri="agentos://traces/{trace_id}")
            completed = await peer.client.complete(ref, {"name": "trace_id", "value": trace[:6]})
            assert completed.completion.values == [trace]


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("agentos://agents/nobody", "No agent 'nobody'"),
        ("agentos://agents/ECHO", "Did you mean 'echo'?"),
        ("agentos://workflows/echo", "It is an agent: use run_agent."),
        ("agentos://runs/agent/echo/no/no", "Run not found"),
        ("agentos://runs/robot/echo/no/no", "is no run reference"),
        ("agentos://sessions/no-such-session", "no-such-session"),
        ("agentos://memories/no-such-memory", "no-such-memory"),
        ("agentos://knowledge/no-such-content", "no-such-content"),
        ("agentos://nothing", "There is no resource agentos://nothing. List the resources"),
        ("agentos://agents/", "There is no resource"),
        ("agentos://agents/echo/more", "There is no resource"),
        ("agentos:agents", "There is no resource"),
    ],
)
async def test_what_is_not_there_is_an_invalid_parameter_in_our_words(
    connect: Connect, sample_agentos: str, uri: str, said: str
) -> None:
    async with connect(sample_agentos) as peer:
        error = await refusal(peer, uri)
    assert error.code == INVALID_PARAMS
    assert said in error.message


async def test_another_scheme_is_no_resource_of_ours(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        assert (await refusal(peer, "file:///etc/passwd")).code == INVALID_PARAMS


async def test_an_agentos_that_is_down_is_said_to_be_down(connect: Connect) -> None:
    async with connect(DOWN) as peer:
        assert set(await listed(peer)) == LISTS, "what it had before is not known"
        assert "agentos://agents/{agent_id}" in await templates(peer)
        for uri in ("agentos://agents", "agentos://agents/echo", "agentos://runs/agent/echo/a/b"):
            error = await refusal(peer, uri)
            assert error.code == INTERNAL_ERROR
            assert f"No AgentOS answers at {DOWN}" in error.message


async def test_a_token_that_is_missing_is_said(connect: Connect, locked_agentos: str) -> None:
    async with connect(locked_agentos) as peer:
        error = await refusal(peer, "agentos://agents")
    assert "Set AGENTOS_TOKEN" in error.message
    assert KEY not in error.message


async def test_a_fault_of_ours_tells_nothing_but_its_kind() -> None:
    with pytest.raises(MCPError) as caught, translate_errors("Reading x"):
        raise RuntimeError("a secret")
    assert caught.value.message == "Reading x failed (RuntimeError). The server's log says more."
    assert caught.value.code == INTERNAL_ERROR


async def test_what_an_agentos_does_not_keep_is_not_listed(connect: Connect, bare_agentos: str) -> None:
    async with connect(bare_agentos) as peer:
        found = await listed(peer)
        assert set(found) & LISTS == {
            "agentos://config",
            "agentos://agents",
            "agentos://teams",
            "agentos://workflows",
        }
        assert {"agentos://agents/echo", "agentos://workflows/short"} < set(found)
        assert await templates(peer) == [
            "agentos://agents/{agent_id}",
            "agentos://teams/{team_id}",
            "agentos://workflows/{workflow_id}",
            "agentos://runs/{kind}/{component}/{session}/{run}",
        ]


async def test_reading_is_all_that_it_takes(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        everything, all_templates = await listed(peer), await templates(peer)
    async with connect(sample_agentos, read_only=True, toolsets=("catalog",)) as peer:
        assert (await listed(peer), await templates(peer)) == (everything, all_templates)
        assert "| echo |" in await read(peer, "agentos://agents")


async def test_a_tool_that_is_excluded_takes_its_resources_along(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, exclude_tools=("list_memories", "get_component")) as peer:
        found = await listed(peer)
        assert "agentos://memories" not in found
        assert "agentos://agents/echo" not in found
        assert "agentos://agents/{agent_id}" not in await templates(peer)
        for uri in ("agentos://memories", "agentos://agents/echo"):
            assert "There is no resource" in (await refusal(peer, uri)).message


async def test_only_the_memories_of_the_fixed_user_are_read(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    theirs = {"memory": f"Likes secrets, {era}", "user_id": f"other-{era}"}
    ours = {"memory": f"Likes plain words, {era}", "user_id": f"me-{era}"}
    ids = [(await rest.post("/memories", json=fact)).json()["memory_id"] for fact in (theirs, ours)]
    async with connect(sample_agentos, user_id=f"me-{era}") as peer:
        assert ours["memory"] in (said := await read(peer, "agentos://memories"))
        assert theirs["memory"] not in said
        assert (await refusal(peer, f"agentos://memories/{ids[0]}")).code == INVALID_PARAMS
        assert ours["memory"] in await read(peer, f"agentos://memories/{ids[1]}")


class TestSeveralDatabases:
    async def test_all_of_them_are_read(self, connect: Connect, two_databases: str, era: str) -> None:
        async with connect(two_databases) as peer:
            for agent in ("one", "two"):
                session = f"{agent}-{era}"
                await peer.text("run_agent", agent_id=agent, message="hi", session_id=session)
                assert "hi" in await read(peer, f"agentos://sessions/{session}")
            said = await read(peer, "agentos://sessions")
        first, _, second = said.partition("## second-db\n")
        assert first.startswith("## first-db\n")
        assert f"one-{era}" in first
        assert f"two-{era}" in second
        assert f"two-{era}" not in first

    async def test_what_none_of_them_has_is_not_there(self, connect: Connect, two_databases: str) -> None:
        async with connect(two_databases) as peer:
            assert (await refusal(peer, "agentos://sessions/nowhere")).code == INVALID_PARAMS

    async def test_only_the_fixed_one_is_read(self, connect: Connect, two_databases: str, era: str) -> None:
        async with connect(two_databases, db_id="second-db") as peer:
            for agent in ("one", "two"):
                await peer.text("run_agent", agent_id=agent, message="hi", session_id=f"fixed-{agent}-{era}")
            said = await read(peer, "agentos://sessions")
            assert f"fixed-two-{era}" in said
            assert f"fixed-one-{era}" not in said
            assert "##" not in said
            assert (await refusal(peer, f"agentos://sessions/fixed-one-{era}")).code == INVALID_PARAMS


class TestSeveralKnowledgeBases:
    async def test_a_content_is_found_in_its_own(self, connect: Connect, crowd: str) -> None:
        async with connect(crowd) as peer:
            there = await templates(peer)
            assert "agentos://knowledge/{knowledge_id}/{content_id}" in there
            assert "agentos://knowledge/{content_id}" not in there
            bases = await bases_of(crowd)
            said = await read(peer, "agentos://knowledge")
            trees, _, birds = said.partition(f"## {bases['Birds']}\n")
            assert "oak" in trees
            assert "owl" in birds
            assert "owl" not in trees
            owl = await content_of(crowd, bases["Birds"])
            assert "owl" in await read(peer, f"agentos://knowledge/{bases['Birds']}/{owl}")
            error = await refusal(peer, f"agentos://knowledge/{owl}")
            assert "There are several knowledge bases" in error.message

    async def test_the_fixed_one_is_the_only_one(self, connect: Connect, crowd: str) -> None:
        bases = await bases_of(crowd)
        owl = await content_of(crowd, bases["Birds"])
        async with connect(crowd, knowledge_id="Birds") as peer:
            assert "agentos://knowledge/{content_id}" in await templates(peer)
            said = await read(peer, "agentos://knowledge")
            assert "owl" in said
            assert "oak" not in said
            assert "owl" in await read(peer, f"agentos://knowledge/{owl}")
            error = await refusal(peer, f"agentos://knowledge/{bases['Trees']}/{owl}")
            assert "only for knowledge_id Birds" in error.message


class TestManyComponents:
    async def test_pages_hold_each_of_them_once(self, connect: Connect, crowd: str) -> None:
        async with connect(crowd) as peer:
            first = await peer.client.list_resources()
            assert len(first.resources) == 100
            assert first.next_cursor
            found = await listed(peer)
        assert len(found) == len(set(found)) > 150
        assert {f"agentos://agents/helper-{number:03}" for number in range(150)} < set(found)

    async def test_a_cursor_that_is_none_is_refused(self, connect: Connect, crowd: str) -> None:
        async with connect(crowd) as peer:
            with pytest.raises(MCPError, match="List from the beginning") as caught:
                await peer.client.list_resources(cursor="nonsense")
        assert caught.value.code == INVALID_PARAMS

    async def test_words_of_components_are_one_line(self, connect: Connect, crowd: str) -> None:
        async with connect(crowd) as peer:
            resources = (await peer.client.list_resources()).resources
            resources += (await peer.client.list_resources(cursor=resources[-1].uri)).resources
        [orders] = [one for one in resources if one.uri == "agentos://agents/orders"]
        assert "\n" not in f"{orders.title}{orders.description}"
        assert orders.title == "Orders have two lines"


async def test_the_budget_holds_for_resources_too(connect: Connect, crowd: str) -> None:
    async with connect(crowd, result_tokens=200) as peer:
        said = await read(peer, "agentos://agents")
    assert len(said) < 1000
    assert "fit" in said


async def trace_of(rest: httpx.AsyncClient, run: str) -> str:
    """The trace of a run, once AgentOS has stored it."""
    query = {"run_id": run.rpartition("/")[2]}
    with anyio.fail_after(30):
        while True:
            if found := (await rest.get("/traces", params=query)).json()["data"]:
                return str(found[0]["trace_id"])
            await anyio.sleep(0.1)


async def bases_of(url: str) -> dict[str, str]:
    async with httpx.AsyncClient(base_url=url, timeout=30) as rest:
        config = (await rest.get("/config")).json()
    return {base["name"]: base["id"] for base in config["knowledge"]["knowledge_instances"]}


async def content_of(url: str, base: str) -> str:
    async with httpx.AsyncClient(base_url=url, timeout=30) as rest:
        contents = (await rest.get("/knowledge/content", params={"knowledge_id": base})).json()["data"]
    return str(contents[0]["id"])


def test_the_reference_of_a_run_is_the_tail_of_its_uri() -> None:
    ref = RunRef("workflow", "a b", "s/1", "ünï")
    assert RunRef.parse(f"agentos://runs/{ref}") == ref
