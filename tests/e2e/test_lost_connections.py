"""A call that is cancelled, and a call whose client is gone: over both transports, in both eras."""

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
from tests._support.processes import MODULE, PATIENCE, HttpServer

pytestmark = pytest.mark.anyio

LONG = {"agent_id": "slow", "message": "200 20"}
SHORT = {"agent_id": "slow", "message": "20 2"}
MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.fixture(scope="module", params=["cancel", "explicit", "detach"])
def on_cancel(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def served(sample_agentos: str, on_cancel: str) -> Iterator[str]:
    with HttpServer("--url", sample_agentos, "--on-cancel", on_cancel) as server:
        yield server.url


@asynccontextmanager
async def session_of(url: str) -> AsyncIterator[tuple[httpx.AsyncClient, dict[str, str]]]:
    """A legacy session, and the headers of its requests."""
    info = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        body = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": info}
        opened = await client.post(url, json=body, headers=ACCEPTED)
        yield client, {**ACCEPTED, "mcp-session-id": opened.headers["mcp-session-id"]}


@asynccontextmanager
async def begun(client: httpx.AsyncClient, url: str, headers: dict[str, str], **arguments: Any) -> AsyncIterator[None]:
    """A call of `run_agent` whose run is seen to be going. Leaving closes its connection."""
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


async def test_a_session_that_is_ended_leaves_its_run_going(served: str, sample_agentos: str, session: str) -> None:
    async with session_of(served) as (client, headers):
        async with begun(client, served, headers, **SHORT, session_id=session):
            assert (await client.delete(served, headers=headers)).status_code == 200
        assert await ends_as(sample_agentos, "agents/slow", session) == "COMPLETED"


async def test_a_connection_that_closes_leaves_a_sessions_run_going(
    served: str, sample_agentos: str, session: str
) -> None:
    async with session_of(served) as (client, headers):
        async with begun(client, served, headers, **SHORT, session_id=session):
            pass
        assert await ends_as(sample_agentos, "agents/slow", session) == "COMPLETED"


async def test_a_call_is_cancelled_in_its_own_session_alone(
    served: str, sample_agentos: str, session: str, on_cancel: str
) -> None:
    async with session_of(served) as (client, headers), session_of(served) as (other_client, other_headers):
        message = LONG if on_cancel != "detach" else SHORT
        async with (
            begun(client, served, headers, **message, session_id=session),
            begun(other_client, served, other_headers, **SHORT, session_id=f"{session}-other"),
        ):
            body = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
            assert (await client.post(served, json=body, headers=headers)).status_code == 202
            ended = "CANCELLED" if on_cancel != "detach" else "COMPLETED"
            assert await ends_as(sample_agentos, "agents/slow", session) == ended
            assert await ends_as(sample_agentos, "agents/slow", f"{session}-other") == "COMPLETED"


async def test_a_modern_stream_that_closes_cancels_where_it_may_be_taken_for_that(
    served: str, sample_agentos: str, session: str, on_cancel: str
) -> None:
    message = LONG if on_cancel == "cancel" else SHORT
    async with (
        httpx.AsyncClient(timeout=PATIENCE) as client,
        begun(client, served, ACCEPTED, **message, session_id=session),
    ):
        pass
    ended = "CANCELLED" if on_cancel == "cancel" else "COMPLETED"
    assert await ends_as(sample_agentos, "agents/slow", session) == ended


async def test_a_client_over_http_that_cancels_is_understood_as_the_setting_says(
    served: str, sample_agentos: str, session: str, on_cancel: str, era: str
) -> None:
    cancels = on_cancel == "cancel" or (on_cancel == "explicit" and era == "legacy")
    async with over_http(era, served) as peer:
        await cancelled_midway(peer, "run_agent", **(LONG if cancels else SHORT), session_id=session)
        assert await ends_as(sample_agentos, "agents/slow", session) == ("CANCELLED" if cancels else "COMPLETED")


async def test_a_client_over_stdio_that_cancels_is_understood_in_both_eras(
    sample_agentos: str, session: str, on_cancel: str, era: str
) -> None:
    cancels = on_cancel != "detach"
    async with over_stdio(era, "serve", "--url", sample_agentos, "--on-cancel", on_cancel) as peer:
        await cancelled_midway(peer, "run_agent", **(LONG if cancels else SHORT), session_id=session)
        assert await ends_as(sample_agentos, "agents/slow", session) == ("CANCELLED" if cancels else "COMPLETED")


async def test_a_client_over_stdio_that_is_gone_leaves_its_run_going(
    sample_agentos: str, session: str, era: str
) -> None:
    async with contextlib.AsyncExitStack() as stack, anyio.create_task_group() as tasks:
        peer: Peer = await stack.enter_async_context(over_stdio(era, "serve", "--url", sample_agentos, command=MODULE))
        going = anyio.Event()

        async def heard(progress: float, total: float | None, message: str | None) -> None:
            going.set()

        async def call() -> None:
            with contextlib.suppress(Exception):  # the connection goes away under it
                await peer.client.call_tool("run_agent", {**SHORT, "session_id": session}, progress_callback=heard)

        tasks.start_soon(call)
        with anyio.fail_after(PATIENCE):
            await going.wait()
        await stack.aclose()
        tasks.cancel_scope.cancel()
    assert await ends_as(sample_agentos, "agents/slow", session) == "COMPLETED"
