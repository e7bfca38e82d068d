"""`serve --http`: one endpoint for both protocol eras, on this machine alone unless told otherwise."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
from collections.abc import Iterator

import anyio
import httpx
import pytest

from tests._support.mcp_client import words
from tests._support.process_clients import Clock, cancelled_midway, ends_as, over_http
from tests._support.processes import PATIENCE, HttpServer, is_gone, run

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")

LIST_TOOLS = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


@pytest.fixture(scope="module")
def server_url(sample_agentos: str) -> Iterator[str]:
    """The address of an MCP server for the sample AgentOS, which takes a moment to describe itself the first time."""
    httpx.get(f"{sample_agentos}/openapi.json", timeout=30).raise_for_status()
    with HttpServer("--url", sample_agentos) as server:
        yield server.url


@pytest.mark.anyio
async def test_progress_over_http_arrives_while_the_workflow_runs(era: str, server_url: str) -> None:
    progress = Clock()
    async with over_http(era, server_url) as peer:
        assert "run_workflow" in [tool.name for tool in (await peer.client.list_tools()).tools]
        assert "slow-steps" in (peer.client.instructions or "")
        started_at = anyio.current_time()
        result = await peer.client.call_tool(
            "run_workflow", {"workflow_id": "my slow steps", "message": "go"}, progress_callback=progress
        )
        ended_at = anyio.current_time()
    assert words(result).startswith("i j k l m n o p\n--- agentos-mcp\ncompleted · ")
    assert progress.increases()
    assert progress.values[-1] == 2.0
    assert progress.heard[0][0] < (started_at + ended_at) / 2, "the first notification comes in the first half"
    assert any(message.startswith("1/2 one") for message in progress.messages)
    assert any(message.startswith("2/2 two") for message in progress.messages)


@pytest.mark.anyio
async def test_cancelled_call_over_http_cancels_the_run_alone(
    era: str, sample_agentos: str, server_url: str, session: str
) -> None:
    async with over_http(era, server_url) as peer:
        await cancelled_midway(peer, "run_agent", agent_id="slow", message="200 20", session_id=session)
        assert await ends_as(sample_agentos, "agents/slow", session) == "CANCELLED"
        assert (await peer.text("run_agent", agent_id="echo", message="and now?")).startswith("echo: and now?")


@pytest.mark.anyio
async def test_clients_of_both_eras_are_served_at_once(server_url: str) -> None:
    results: dict[str, str] = {}
    progress_by_era = {"legacy": Clock(), "auto": Clock()}

    async def use(era: str) -> None:
        async with over_http(era, server_url) as peer:
            modern = peer.client.protocol_version == "2026-07-28"
            assert modern is (era == "auto")
            result = await peer.client.call_tool(
                "run_agent", {"agent_id": "slow", "message": f"{len(era)} 1.5"}, progress_callback=progress_by_era[era]
            )
            results[era] = words(result)

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            for era in progress_by_era:
                tasks.start_soon(use, era)
    assert results["legacy"].startswith("w0 w1 w2 w3 w4 w5\n--- agentos-mcp\n")
    assert results["auto"].startswith("w0 w1 w2 w3\n--- agentos-mcp\n")
    assert all(progress.heard and progress.increases() for progress in progress_by_era.values())
    spans = [(progress.heard[0][0], progress.heard[-1][0]) for progress in progress_by_era.values()]
    assert max(first for first, _ in spans) < min(last for _, last in spans), "they ran at the same time"


@pytest.mark.anyio
async def test_tool_errors_over_http_are_results(era: str, server_url: str) -> None:
    async with over_http(era, server_url) as peer:
        assert "Did you mean run_workflow?" in await peer.error("run_workflows")
        assert "the provider is out of tokens" in await peer.error("run_agent", agent_id="broken", message="x")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "0.0.0.0:1"])
def test_foreign_host_header_is_refused(server_url: str, host: str) -> None:
    answer = httpx.post(server_url, json=LIST_TOOLS, headers={**HEADERS, "host": host})
    assert answer.status_code == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost.evil.example", "null"])
def test_foreign_origin_is_refused(server_url: str, origin: str) -> None:
    answer = httpx.post(server_url, json=LIST_TOOLS, headers={**HEADERS, "origin": origin})
    assert answer.status_code == 403


def test_page_on_this_machine_may_call(server_url: str) -> None:
    client_params = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "page", "version": "1"},
    }
    answer = httpx.post(
        server_url,
        json={"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client_params},
        headers={**HEADERS, "origin": "http://localhost:3000"},
    )
    assert answer.status_code == 200
    httpx.delete(server_url, headers={"mcp-session-id": answer.headers["mcp-session-id"]})


def test_port_in_use_is_refused_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        port = occupied.getsockname()[1]
        ended = run("serve", "--http", "--port", str(port))
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [ended.stderr.strip()]
    assert f"--port {port} cannot be used: Address already in use" in ended.stderr


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_invalid_port_is_refused_in_one_line(port: str) -> None:
    ended = run("serve", "--http", f"--port={port}")
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [ended.stderr.strip()]
    assert "--port" in ended.stderr
    assert port in ended.stderr


STOPS = [
    pytest.param(signal.SIGTERM, 143, id="SIGTERM"),
    pytest.param(signal.SIGINT, 130, id="SIGINT"),
]


@posix
@pytest.mark.parametrize(("signal_number", "code"), STOPS)
def test_signal_ends_an_idle_http_server(sample_agentos: str, signal_number: signal.Signals, code: int) -> None:
    with HttpServer("--url", sample_agentos) as server:
        server.signal(signal_number)
        assert server.exit_code() == code
        assert "Traceback" not in server.everything
        assert is_gone(server.url)


@posix
@pytest.mark.anyio
async def test_signal_ends_an_http_server_but_not_its_run(era: str, sample_agentos: str, session: str) -> None:
    progress = Clock()
    with HttpServer("--url", sample_agentos) as server:

        async def call() -> None:
            with contextlib.suppress(Exception):  # the server goes away under it
                async with over_http(era, server.url) as peer:
                    arguments = {"agent_id": "slow", "message": "20 2", "session_id": session}
                    await peer.client.call_tool("run_agent", arguments, progress_callback=progress)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await progress.wait_for_first()
            server.signal(signal.SIGTERM)
            assert await anyio.to_thread.run_sync(server.exit_code) == 143
            tasks.cancel_scope.cancel()
        assert "Traceback" not in server.everything
    assert await ends_as(sample_agentos, "agents/slow", session) == "COMPLETED"
