"""The resources under agentos:// URIs."""

from __future__ import annotations

import inspect
import uuid
from urllib.parse import quote

import anyio
import httpx
import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, ResourceTemplateReference, TextResourceContents

from agentos_mcp.agentos.paths import percent_encode
from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.server.protocol_errors import translate_errors
from agentos_mcp.server.resources import RESOURCES, match_template
from agentos_mcp.tools import TOOLSETS
from tests._support.agentos.sample import HOSTILE_IDS
from tests._support.agentos_pool import AgentOSPool
from tests._support.mcp_client import Connect, Peer, reference
from tests._support.processes import DOWN
from tests._support.running_agentos import running_agentos
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
def many_components(agentoses: AgentOSPool) -> str:
    return agentoses.url("many_components")


@pytest.fixture(scope="module")
def two_databases(agentoses: AgentOSPool) -> str:
    return agentoses.url("several_databases")


async def list_uris(peer: Peer) -> list[str]:
    """The URIs of all pages."""
    uris: list[str] = []
    cursor: str | None = None
    while True:
        page = await peer.client.list_resources(cursor=cursor)
        uris += [resource.uri for resource in page.resources]
        if (cursor := page.next_cursor) is None:
            return uris


async def list_templates(peer: Peer) -> list[str]:
    return [template.uri_template for template in (await peer.client.list_resource_templates()).resource_templates]


async def read(peer: Peer, uri: str) -> str:
    [content] = (await peer.client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "text/markdown"
    assert content.uri == uri
    return content.text


async def read_error(peer: Peer, uri: str) -> MCPError:
    with pytest.raises(MCPError) as caught:
        await peer.client.read_resource(uri)
    assert caught.value.data == {"uri": uri}
    return caught.value


def test_resource_specs_use_only_tools_that_read() -> None:
    reading = {tool.name for toolset in TOOLSETS for tool in toolset.tools if tool.read_only}
    assert {spec.tool for spec in RESOURCES} <= reading


def test_resource_specs_pass_their_readers_valid_arguments() -> None:
    tools = {tool.name: tool.fn for toolset in TOOLSETS for tool in toolset.tools}
    for spec in RESOURCES:
        arguments = spec.arguments or dict.fromkeys(match_template(spec.template, spec.template) or {}, "")
        inspect.signature(spec.reader or tools[spec.tool]).bind(None, **arguments)


def test_resource_specs_have_a_completer_for_each_variable() -> None:
    for spec in RESOURCES:
        assert {part[1:-1] for part in spec.template.split("/") if part.startswith("{")} == set(spec.completers)


async def test_resources_are_listed_for_each_list_and_each_component(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        resources = (await peer.client.list_resources()).resources
    uris = [resource.uri for resource in resources]
    assert set(uris) >= LISTS
    assert {"agentos://agents/echo", "agentos://teams/pair", "agentos://workflows/launch"} < set(uris)
    assert all(resource.name and resource.title and resource.description for resource in resources)
    assert {resource.mime_type for resource in resources} == {"text/markdown"}
    assert len({resource.name for resource in resources}) == len(resources)
    [echo] = [resource for resource in resources if resource.uri == "agentos://agents/echo"]
    assert (echo.title, echo.description) == ("Echo", "Repeats what it is told. Second line.")


async def test_resources_are_listed_in_a_stable_order(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        first = await list_uris(peer)
        components = [uri for uri in first if uri not in LISTS]
        assert first == [*(uri for uri in first if uri in LISTS), *components], "components come last"
        agents = [uri for uri in components if uri.startswith("agentos://agents/")]
        assert components[: len(agents)] == agents
    async with connect(sample_agentos) as peer:
        assert await list_uris(peer) == first


async def test_resources_that_are_listed_can_be_read(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        for uri in await list_uris(peer):
            assert await read(peer, uri)


@pytest.mark.parametrize("id", HOSTILE_IDS)
async def test_component_with_any_id_has_a_uri(connect: Connect, sample_agentos: str, id: str) -> None:
    async with connect(sample_agentos) as peer:
        uri = f"agentos://agents/{percent_encode(id)}"
        assert uri in await list_uris(peer)
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
async def test_resource_text_is_the_result_of_its_tool(
    connect: Connect, sample_agentos: str, uri: str, tool: str, arguments: dict[str, str]
) -> None:
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        assert await read(peer, uri) == await peer.text(tool, **arguments)


async def test_session_and_its_run_are_read(connect: Connect, sample_agentos: str, era: str) -> None:
    session = f"read-{era}-{uuid.uuid4().hex[:8]}"
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        result = await peer.text("run_agent", agent_id="echo", message="to be read again", session_id=session)
        assert await read(peer, f"agentos://runs/{reference(result)}") == result
        assert session in await read(peer, "agentos://sessions")
        assert await read(peer, f"agentos://sessions/{session}") == await peer.text("get_session", session_id=session)


async def test_run_with_any_id_is_read(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        result = await peer.text("run_agent", agent_id="a?b#c", message="hi", session_id="s/1 ?")
        uri = f"agentos://runs/{reference(result)}"
        assert "a%3Fb%23c/s%2F1%20%3F/" in uri
        assert await read(peer, uri) == result


async def test_running_run_is_read_without_waiting(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        started = await peer.text("run_agent", agent_id="slow", message="60 6", wait=1)
        uri = f"agentos://runs/{reference(started)}"
        assert "Still running" in await read(peer, uri)
        await peer.text("cancel_run", run=reference(started))
        assert "cancelled" in await read(peer, uri)


async def test_run_that_is_not_stored_is_read(connect: Connect, bare_agentos: str) -> None:
    async with connect(bare_agentos) as peer:
        result = await peer.text("run_agent", agent_id="echo", message="never stored")
        assert await read(peer, f"agentos://runs/{reference(result)}") == result


async def test_memory_content_and_missing_trace_are_read(
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
        assert (await read_error(peer, "agentos://traces/no-such-trace")).code == INVALID_PARAMS


async def test_trace_is_read_by_its_id_and_by_its_run(connect: Connect, era: str) -> None:
    with running_agentos(build="tests._support.agentos.traces:build_named") as url:
        async with connect(url, toolsets=("all",)) as peer, httpx.AsyncClient(base_url=url, timeout=30) as rest:
            run = reference(await peer.text("run_agent", agent_id="look-up", message="honey"))
            trace = await stored_trace(rest, run)
            assert trace in await read(peer, "agentos://traces")
            text = await read(peer, f"agentos://traces/{trace}")
            assert "lookup" in text
            assert text == await peer.text("get_trace", id=trace)
            assert await read(peer, f"agentos://traces/{quote(run, safe='')}") == text
            ref = ResourceTemplateReference(uri="agentos://traces/{trace_id}")
            completed = await peer.client.complete(ref, {"name": "trace_id", "value": trace[:6]})
            assert completed.completion.values == [trace]


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("agentos://agents/nobody", "No agent 'nobody'"),
        ("agentos://agents/ECHO", "Did you mean 'echo'?"),
        ("agentos://workflows/echo", "It is an agent: use get_component(kind='agent', id='echo')."),
        ("agentos://runs/agent/echo/no/no", "Run not found"),
        ("agentos://runs/robot/echo/no/no", "is not a run reference"),
        ("agentos://sessions/no-such-session", "no-such-session"),
        ("agentos://memories/no-such-memory", "no-such-memory"),
        ("agentos://knowledge/no-such-content", "no-such-content"),
        ("agentos://nothing", "There is no resource agentos://nothing. List the resources"),
        ("agentos://agents/", "There is no resource"),
        ("agentos://agents/echo/more", "There is no resource"),
        ("agentos:agents", "There is no resource"),
    ],
)
async def test_missing_resource_is_an_invalid_parameter_with_a_hint(
    connect: Connect, sample_agentos: str, uri: str, message: str
) -> None:
    async with connect(sample_agentos) as peer:
        error = await read_error(peer, uri)
    assert error.code == INVALID_PARAMS
    assert message in error.message


async def test_uri_of_another_scheme_is_an_invalid_parameter(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        assert (await read_error(peer, "file:///etc/passwd")).code == INVALID_PARAMS


async def test_resource_reports_an_agentos_that_is_down(connect: Connect) -> None:
    async with connect(DOWN) as peer:
        assert set(await list_uris(peer)) == LISTS, "what it had before is not known"
        assert "agentos://agents/{agent_id}" in await list_templates(peer)
        for uri in ("agentos://agents", "agentos://agents/echo", "agentos://runs/agent/echo/a/b"):
            error = await read_error(peer, uri)
            assert error.code == INTERNAL_ERROR
            assert f"No AgentOS answers at {DOWN}" in error.message


async def test_resource_reports_a_missing_token(connect: Connect, locked_agentos: str) -> None:
    async with connect(locked_agentos) as peer:
        error = await read_error(peer, "agentos://agents")
    assert "--token-file PATH" in error.message
    assert KEY not in error.message


async def test_unexpected_exception_tells_only_its_type() -> None:
    with pytest.raises(MCPError) as caught, translate_errors("Reading x"):
        raise RuntimeError("a secret")
    assert caught.value.message == "Reading x failed (RuntimeError). The server's log says more."
    assert caught.value.code == INTERNAL_ERROR


async def test_resources_of_missing_databases_are_not_listed(connect: Connect, bare_agentos: str) -> None:
    async with connect(bare_agentos) as peer:
        uris = await list_uris(peer)
        assert set(uris) & LISTS == {
            "agentos://config",
            "agentos://agents",
            "agentos://teams",
            "agentos://workflows",
        }
        assert {"agentos://agents/echo", "agentos://workflows/short"} < set(uris)
        assert await list_templates(peer) == [
            "agentos://agents/{agent_id}",
            "agentos://teams/{team_id}",
            "agentos://workflows/{workflow_id}",
            "agentos://runs/{kind}/{component}/{session}/{run}",
        ]


async def test_resources_need_no_selected_tools(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        every_uri, every_template = await list_uris(peer), await list_templates(peer)
    async with connect(sample_agentos, read_only=True, toolsets=("catalog",)) as peer:
        assert (await list_uris(peer), await list_templates(peer)) == (every_uri, every_template)
        assert "| echo |" in await read(peer, "agentos://agents")


async def test_excluded_tool_removes_its_resources(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, exclude_tools=("list_memories", "get_component")) as peer:
        uris = await list_uris(peer)
        assert "agentos://memories" not in uris
        assert "agentos://agents/echo" not in uris
        assert "agentos://agents/{agent_id}" not in await list_templates(peer)
        for uri in ("agentos://memories", "agentos://agents/echo"):
            assert "There is no resource" in (await read_error(peer, uri)).message


async def test_fixed_user_reads_only_their_own_memories(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    other_fact = {"memory": f"Likes secrets, {era}", "user_id": f"other-{era}"}
    own_fact = {"memory": f"Likes plain words, {era}", "user_id": f"me-{era}"}
    ids = [(await rest.post("/memories", json=fact)).json()["memory_id"] for fact in (other_fact, own_fact)]
    async with connect(sample_agentos, user_id=f"me-{era}") as peer:
        assert own_fact["memory"] in (text := await read(peer, "agentos://memories"))
        assert other_fact["memory"] not in text
        assert (await read_error(peer, f"agentos://memories/{ids[0]}")).code == INVALID_PARAMS
        assert own_fact["memory"] in await read(peer, f"agentos://memories/{ids[1]}")


class TestSeveralDatabases:
    async def test_sessions_of_all_databases_are_read(self, connect: Connect, two_databases: str, era: str) -> None:
        async with connect(two_databases) as peer:
            for agent in ("one", "two"):
                session = f"{agent}-{era}"
                await peer.text("run_agent", agent_id=agent, message="hi", session_id=session)
                assert "hi" in await read(peer, f"agentos://sessions/{session}")
            text = await read(peer, "agentos://sessions")
        first, _, second = text.partition("## second-db\n")
        assert first.startswith("## first-db\n")
        assert f"one-{era}" in first
        assert f"two-{era}" in second
        assert f"two-{era}" not in first

    async def test_session_that_no_database_has_is_an_invalid_parameter(
        self, connect: Connect, two_databases: str
    ) -> None:
        async with connect(two_databases) as peer:
            assert (await read_error(peer, "agentos://sessions/nowhere")).code == INVALID_PARAMS

    async def test_fixed_database_is_the_only_one_read(self, connect: Connect, two_databases: str, era: str) -> None:
        async with connect(two_databases, db_id="second-db") as peer:
            for agent in ("one", "two"):
                await peer.text("run_agent", agent_id=agent, message="hi", session_id=f"fixed-{agent}-{era}")
            text = await read(peer, "agentos://sessions")
            assert f"fixed-two-{era}" in text
            assert f"fixed-one-{era}" not in text
            assert "##" not in text
            assert (await read_error(peer, f"agentos://sessions/fixed-one-{era}")).code == INVALID_PARAMS


class TestSeveralKnowledgeBases:
    async def test_content_is_read_from_its_knowledge_base(self, connect: Connect, many_components: str) -> None:
        async with connect(many_components) as peer:
            listed_templates = await list_templates(peer)
            assert "agentos://knowledge/{knowledge_id}/{content_id}" in listed_templates
            assert "agentos://knowledge/{content_id}" not in listed_templates
            bases = await knowledge_bases(many_components)
            text = await read(peer, "agentos://knowledge")
            trees, _, birds = text.partition(f"## {bases['Birds']}\n")
            assert "oak" in trees
            assert "owl" in birds
            assert "owl" not in trees
            owl = await first_content(many_components, bases["Birds"])
            assert "owl" in await read(peer, f"agentos://knowledge/{bases['Birds']}/{owl}")
            assert "owl" in await read(peer, f"agentos://knowledge/{owl}")

    async def test_fixed_knowledge_base_is_the_only_one_read(self, connect: Connect, many_components: str) -> None:
        bases = await knowledge_bases(many_components)
        owl = await first_content(many_components, bases["Birds"])
        async with connect(many_components, knowledge_id="Birds") as peer:
            assert "agentos://knowledge/{content_id}" in await list_templates(peer)
            text = await read(peer, "agentos://knowledge")
            assert "owl" in text
            assert "oak" not in text
            assert "owl" in await read(peer, f"agentos://knowledge/{owl}")
            error = await read_error(peer, f"agentos://knowledge/{bases['Trees']}/{owl}")
            assert "only for knowledge_id Birds" in error.message


class TestManyComponents:
    async def test_resource_pages_hold_each_component_once(self, connect: Connect, many_components: str) -> None:
        async with connect(many_components) as peer:
            first = await peer.client.list_resources()
            assert len(first.resources) == 100
            assert first.next_cursor
            uris = await list_uris(peer)
        assert len(uris) == len(set(uris)) > 150
        assert {f"agentos://agents/helper-{number:03}" for number in range(150)} < set(uris)

    async def test_components_have_no_resource_of_their_own_beside_many_tools(
        self, connect: Connect, many_components: str
    ) -> None:
        async with connect(many_components, toolsets=("all",)) as peer:
            uris = await list_uris(peer)
            assert uris
            assert set(uris) <= LISTS
            assert "helper-001" in await read(peer, "agentos://agents/helper-001")

    async def test_invalid_cursor_is_refused(self, connect: Connect, many_components: str) -> None:
        async with connect(many_components) as peer:
            with pytest.raises(MCPError, match="List from the beginning") as caught:
                await peer.client.list_resources(cursor="nonsense")
        assert caught.value.code == INVALID_PARAMS

    async def test_component_descriptions_are_one_line(self, connect: Connect, many_components: str) -> None:
        async with connect(many_components) as peer:
            resources = (await peer.client.list_resources()).resources
            resources += (await peer.client.list_resources(cursor=resources[-1].uri)).resources
        [orders] = [resource for resource in resources if resource.uri == "agentos://agents/orders"]
        assert "\n" not in f"{orders.title}{orders.description}"
        assert orders.title == "Orders have two lines"


async def test_resource_text_keeps_to_the_budget(connect: Connect, many_components: str) -> None:
    async with connect(many_components, result_tokens=200) as peer:
        text = await read(peer, "agentos://agents")
    assert len(text) < 1000
    assert "fit" in text


async def stored_trace(rest: httpx.AsyncClient, run: str) -> str:
    """The trace of a run, once AgentOS has stored it."""
    query = {"run_id": run.rpartition("/")[2]}
    with anyio.fail_after(30):
        while True:
            if uris := (await rest.get("/traces", params=query)).json()["data"]:
                return str(uris[0]["trace_id"])
            await anyio.sleep(0.1)


async def knowledge_bases(url: str) -> dict[str, str]:
    async with httpx.AsyncClient(base_url=url, timeout=30) as rest:
        config = (await rest.get("/config")).json()
    return {base["name"]: base["id"] for base in config["knowledge"]["knowledge_instances"]}


async def first_content(url: str, base: str) -> str:
    async with httpx.AsyncClient(base_url=url, timeout=30) as rest:
        contents = (await rest.get("/knowledge/content", params={"knowledge_id": base})).json()["data"]
    return str(contents[0]["id"])


def test_run_uri_parses_as_a_run_reference() -> None:
    ref = RunRef("workflow", "a b", "s/1", "ünï")
    assert RunRef.parse(f"agentos://runs/{ref}") == ref
