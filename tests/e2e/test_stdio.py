"""The server as clients start it: a process that speaks over its pipes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest

from tests._support.mcp_client import Peer, reference, words
from tests._support.process_clients import Clock, cancelled_midway, ends_as, over_stdio
from tests._support.processes import DOWN, PATIENCE, RawServer
from tests.conftest import ERAS

SECRET = "a-secret"

MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.fixture(scope="module", params=ERAS)
async def peer(request: pytest.FixtureRequest, sample_agentos: str) -> AsyncIterator[Peer]:
    """A client of a server for the sample AgentOS in each protocol era, shared by many tests."""
    async with over_stdio(str(request.param), "serve", "--url", sample_agentos) as connected:
        yield connected


@pytest.mark.anyio
async def test_client_lists_the_tools_and_reads_the_instructions(peer: Peer) -> None:
    names = [tool.name for tool in (await peer.client.list_tools()).tools]
    assert names[0] == "list_agents"
    assert {"run_agent", "run_team", "run_workflow", "get_run", "cancel_run"} < set(names)
    assert "slow-steps" in (peer.client.instructions or "")
    assert "| slow-steps | Slow Steps |" in await peer.text("list_workflows")


@pytest.mark.anyio
async def test_progress_over_stdio_arrives_while_the_workflow_runs(peer: Peer) -> None:
    progress = Clock()
    started_at = anyio.current_time()
    result = await peer.client.call_tool(
        "run_workflow", {"workflow_id": "my slow steps", "message": "go"}, progress_callback=progress
    )
    ended_at = anyio.current_time()
    assert words(result).startswith("i j k l m n o p\n--- agentos-mcp\ncompleted · ")
    assert progress.increases()
    assert progress.values[-1] == 2.0
    assert {total for _, _, total, _ in progress.heard} == {2.0}
    first_times = [
        next(when for when, _, _, message in progress.heard if message.startswith(step))
        for step in ("1/2 one", "2/2 two")
    ]
    assert started_at < first_times[0] < (started_at + ended_at) / 2, "the first step is seen in the first half"
    assert first_times[0] < first_times[1] < ended_at


@pytest.mark.anyio
async def test_cancelled_call_over_stdio_cancels_the_run_alone(peer: Peer, sample_agentos: str, session: str) -> None:
    await cancelled_midway(peer, "run_agent", agent_id="slow", message="200 20", session_id=session)
    assert (await peer.text("run_agent", agent_id="echo", message="still there?")).startswith("echo: still there?")
    assert await ends_as(sample_agentos, "agents/slow", session) == "CANCELLED"
    assert (await peer.text("run_agent", agent_id="echo", message="and now?")).startswith("echo: and now?")


@pytest.mark.anyio
async def test_call_cancelled_just_before_the_client_disconnects_is_cancelled(
    era: str, sample_agentos: str, session: str
) -> None:
    async with over_stdio(era, "serve", "--url", sample_agentos) as peer:
        await cancelled_midway(peer, "run_agent", agent_id="slow", message="20 2", session_id=session)
    assert await ends_as(sample_agentos, "agents/slow", session) == "CANCELLED"


@pytest.mark.anyio
async def test_tool_errors_over_stdio_are_results_and_keep_the_connection(peer: Peer) -> None:
    assert "Did you mean run_workflow?" in await peer.error("run_workflows")
    assert "'message' is missing." in await peer.error("run_agent", agent_id="echo")
    assert "use run_workflow" in await peer.error("run_agent", agent_id="three-steps", message="x")
    assert "the provider is out of tokens" in await peer.error("run_agent", agent_id="broken", message="x")
    assert "Run not found" in await peer.error("get_run", run="agent/echo/no/no")
    assert (await peer.text("run_agent", agent_id="echo", message="hi")).startswith("echo: hi")


@pytest.mark.anyio
async def test_concurrent_runs_each_get_their_own_answer(peer: Peer) -> None:
    results: dict[int, str] = {}
    progress_by_count = {count: Clock() for count in range(1, 21)}

    async def call(count: int) -> None:
        result = await peer.client.call_tool(
            "run_agent", {"agent_id": "slow", "message": f"{count} 0.6"}, progress_callback=progress_by_count[count]
        )
        results[count] = words(result)

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            for count in progress_by_count:
                tasks.start_soon(call, count)
    for count, result in results.items():
        assert result.partition("\n--- agentos-mcp\n")[0].split() == [f"w{i}" for i in range(count)], result
    assert len(results) == 20
    assert len({reference(result) for result in results.values()}) == 20
    assert all(progress.increases() for progress in progress_by_count.values())


@pytest.mark.parametrize("is_up", [True, False], ids=["up", "down"])
def test_stdout_carries_only_messages_and_never_the_token(sample_agentos: str, is_up: bool) -> None:
    url = sample_agentos if is_up else DOWN
    with RawServer("serve", "--url", url, "--log-level", "debug", given={"AGENTOS_TOKEN": SECRET}) as server:
        server.shake_hands()
        assert "run_agent" in server.tool_names()
        text, is_error = server.call("run_agent", agent_id="echo", message="hi")
        assert is_error is not is_up
        assert ("echo: hi" if is_up else "No AgentOS answers") in text
        if is_up:
            server.begin("run_workflow", workflow_id="three-steps", message="go")
        server.write("this is no JSON")
        server.write('{"jsonrpc": "2.0"}')
        assert "error" in server.answer(server.ask("no/such/method"))
        server.notify("notifications/no-such-thing")
        assert server.call("no_such_tool")[1]
        server.close_stdin()
        assert server.exit_code() == 0
        logged = server.everything
        assert server.messages()
    assert SECRET not in logged
    assert SECRET not in "\n".join(server.out.said)
    assert "Traceback" not in logged
    assert "DEBUG " in logged


def test_handshake_locks_the_connection_to_its_era(sample_agentos: str) -> None:
    with RawServer("serve", "--url", sample_agentos) as server:
        handshake = server.shake_hands("2025-06-18")
        assert handshake["protocolVersion"] == "2025-06-18"
        assert handshake["serverInfo"]["name"] == "agentos-mcp"
        assert "icons" not in handshake["serverInfo"], "that protocol has none"
        assert handshake["capabilities"]["tools"]["listChanged"] is True
        assert "slow-steps" in handshake["instructions"]
        refusal = server.answer(server.ask("server/discover", _meta=MODERN))
        assert "handshake" in refusal["error"]["message"]
        assert server.call("run_agent", agent_id="echo", message="hi")[0].startswith("echo: hi")


def test_first_modern_request_locks_the_connection_to_its_era(sample_agentos: str) -> None:
    with RawServer("serve", "--url", sample_agentos) as server:
        discovered = server.result("server/discover", _meta=MODERN)
        assert "2026-07-28" in discovered["supportedVersions"]
        assert "slow-steps" in discovered["instructions"]
        client_params = {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "raw", "version": "1"},
        }
        assert "error" in server.answer(server.ask("initialize", **client_params))
        assert server.result("tools/list", _meta=MODERN)["tools"]
