"""Calls that are cancelled, and calls whose client disconnects: over both transports, in both eras."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest

from tests._support.http_clients import ACCEPTED
from tests._support.mcp_client import Peer
from tests._support.process_clients import cancelled_midway, ends_as, over_http, over_stdio
from tests._support.processes import FORK, MODULE, PATIENCE, HttpServer, RawServer
from tests._support.stores import Store

pytestmark = pytest.mark.anyio

LONG = {"agent_id": "slow", "message": "200 20"}
SHORT = {"agent_id": "slow", "message": "20 2"}
MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


without_queue = pytest.mark.without_queue(reason="slow, and decided by the server before AgentOS is called")


@pytest.fixture(scope="module")
def sample_agentos(store: Store) -> str:
    return store.sample_agentos


@pytest.fixture(
    scope="module",
    params=["cancel", pytest.param("explicit", marks=without_queue), pytest.param("detach", marks=without_queue)],
)
def on_cancel(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server_url(sample_agentos: str, on_cancel: str) -> Iterator[str]:
    with HttpServer("--url", sample_agentos, "--on-cancel", on_cancel, command=FORK) as server:
        yield server.url


@asynccontextmanager
async def open_session(url: str) -> AsyncIterator[tuple[httpx.AsyncClient, dict[str, str]]]:
    """A legacy session, and the headers of its requests."""
    client_params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        body = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": client_params}
        opened = await client.post(url, json=body, headers=ACCEPTED)
        yield client, {**ACCEPTED, "mcp-session-id": opened.headers["mcp-session-id"]}


@asynccontextmanager
async def run_call(
    client: httpx.AsyncClient, url: str, headers: dict[str, str], **arguments: Any
) -> AsyncIterator[None]:
    """A call of `run_agent`, once its run has started. Leaving the context closes its connection."""
    meta: dict[str, Any] = {"progressToken": "any"}
    if "mcp-session-id" not in headers:
        headers = {**headers, "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "run_agent"}
        meta |= MODERN
    params = {"name": "run_agent", "arguments": arguments, "_meta": meta}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    async with client.stream("POST", url, json=body, headers=headers) as stream:
        async for line in stream.aiter_lines():
            if "notifications/progress" in line:
                break
        yield


async def test_ended_session_leaves_its_run_running(server_url: str, sample_agentos: str, session: str) -> None:
    async with open_session(server_url) as (client, headers):
        async with run_call(client, server_url, headers, **SHORT, session_id=session):
            assert (await client.delete(server_url, headers=headers)).status_code == 200
        assert await ends_as(sample_agentos, "agents/slow", session) == "COMPLETED"


async def test_closed_connection_leaves_the_run_of_a_session_running(
    server_url: str, sample_agentos: str, session: str
) -> None:
    async with open_session(server_url) as (client, headers):
        async with run_call(client, server_url, headers, **SHORT, session_id=session):
            pass
        assert await ends_as(sample_agentos, "agents/slow", session) == "COMPLETED"


async def test_cancellation_reaches_only_its_own_session(
    server_url: str, sample_agentos: str, session: str, on_cancel: str
) -> None:
    async with open_session(server_url) as (client, headers), open_session(server_url) as (other_client, other_headers):
        arguments = LONG if on_cancel != "detach" else SHORT
        async with (
            run_call(client, server_url, headers, **arguments, session_id=session),
            run_call(other_client, server_url, other_headers, **SHORT, session_id=f"{session}-other"),
        ):
            body = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
            assert (await client.post(server_url, json=body, headers=headers)).status_code == 202
            expected = "CANCELLED" if on_cancel != "detach" else "COMPLETED"
            assert await ends_as(sample_agentos, "agents/slow", session) == expected
            assert await ends_as(sample_agentos, "agents/slow", f"{session}-other") == "COMPLETED"


@without_queue
@pytest.mark.parametrize("reason", ["Request timed out", "McpError: MCP error -32001: Request timed out"])
async def test_timeout_of_a_client_over_http_leaves_its_run_running(
    server_url: str, sample_agentos: str, session: str, reason: str
) -> None:
    async with (
        open_session(server_url) as (client, headers),
        run_call(client, server_url, headers, **SHORT, session_id=session),
    ):
        params = {"requestId": 1, "reason": reason}
        body = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
        assert (await client.post(server_url, json=body, headers=headers)).status_code == 202
        assert await ends_as(sample_agentos, "agents/slow", session) == "COMPLETED"


@without_queue
@pytest.mark.parametrize(
    ("client_name", "reason", "expected"),
    [
        ("claude-code", "Request timed out", "COMPLETED"),
        ("gemini-cli-mcp-client", "Request timed out", "COMPLETED"),
        ("claude-code", "User cancelled the request", "CANCELLED"),
        ("claude-code", "", "CANCELLED"),
        ("codex-mcp-client", "request timeout", "CANCELLED"),  # which says the same where a person cancels
    ],
)
def test_timeout_of_a_client_over_stdio_leaves_its_run_running(
    sample_agentos: str, session: str, era: str, client_name: str, reason: str, expected: str
) -> None:
    with RawServer("serve", "--url", sample_agentos, command=FORK) as server:
        meta: dict[str, Any] = {"progressToken": "any"}
        if era == "legacy":
            server.shake_hands(client_name=client_name)
        else:
            meta |= MODERN | {"io.modelcontextprotocol/clientInfo": {"name": client_name, "version": "1"}}
            server.result("server/discover", _meta=meta)
        arguments = {"agent_id": "slow", "message": "40 4", "session_id": session}
        call = server.ask("tools/call", name="run_agent", arguments=arguments, _meta=meta)
        server.out.wait_for(lambda line: "notifications/progress" in line, PATIENCE)
        server.notify("notifications/cancelled", requestId=call, reason=reason)
        assert anyio.run(ends_as, sample_agentos, "agents/slow", session) == expected


async def test_closed_modern_stream_cancels_the_run_as_configured(
    server_url: str, sample_agentos: str, session: str, on_cancel: str
) -> None:
    arguments = LONG if on_cancel == "cancel" else SHORT
    async with (
        httpx.AsyncClient(timeout=PATIENCE) as client,
        run_call(client, server_url, ACCEPTED, **arguments, session_id=session),
    ):
        pass
    expected = "CANCELLED" if on_cancel == "cancel" else "COMPLETED"
    assert await ends_as(sample_agentos, "agents/slow", session) == expected


async def test_cancellation_over_http_follows_on_cancel(
    server_url: str, sample_agentos: str, session: str, on_cancel: str, era: str
) -> None:
    is_cancelled = on_cancel == "cancel" or (on_cancel == "explicit" and era == "legacy")
    async with over_http(era, server_url) as peer:
        await cancelled_midway(peer, "run_agent", **(LONG if is_cancelled else SHORT), session_id=session)
        assert await ends_as(sample_agentos, "agents/slow", session) == ("CANCELLED" if is_cancelled else "COMPLETED")


async def test_cancellation_over_stdio_follows_on_cancel(
    sample_agentos: str, session: str, on_cancel: str, era: str
) -> None:
    is_cancelled = on_cancel != "detach"
    async with over_stdio(era, "serve", "--url", sample_agentos, "--on-cancel", on_cancel, command=FORK) as peer:
        await cancelled_midway(peer, "run_agent", **(LONG if is_cancelled else SHORT), session_id=session)
        assert await ends_as(sample_agentos, "agents/slow", session) == ("CANCELLED" if is_cancelled else "COMPLETED")


async def test_client_that_exits_over_stdio_leaves_its_run_running(sample_agentos: str, session: str, era: str) -> None:
    async with contextlib.AsyncExitStack() as stack, anyio.create_task_group() as tasks:
        peer: Peer = await stack.enter_async_context(over_stdio(era, "serve", "--url", sample_agentos, command=MODULE))
        started = anyio.Event()

        async def note_progress(progress: float, total: float | None, message: str | None) -> None:
            started.set()

        async def call() -> None:
            with contextlib.suppress(Exception):  # the connection goes away under it
                await peer.client.call_tool(
                    "run_agent", {**SHORT, "session_id": session}, progress_callback=note_progress
                )

        tasks.start_soon(call)
        with anyio.fail_after(PATIENCE):
            await started.wait()
        await stack.aclose()
        tasks.cancel_scope.cancel()
    assert await ends_as(sample_agentos, "agents/slow", session) == "COMPLETED"
