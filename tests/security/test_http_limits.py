"""Limits on what clients over HTTP make a server keep or log: sessions, subscriptions, bodies, capabilities."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import anyio
import anyio.to_thread
import httpx
import pytest
from mcp.server.connection import Connection, NotifyOnlyOutbound
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.server.client_limits import MAX_REQUESTS_PER_SESSION, MAX_SUBSCRIPTIONS, MAX_SUBSCRIPTIONS_PER_CLIENT
from agentos_mcp.server.http.log_limit import RepeatedMessageFilter
from agentos_mcp.server.http.session_limit import SessionLimit
from agentos_mcp.server.subscriptions import SubscriptionHub
from tests._support.http_answers import http_json
from tests._support.http_clients import ACCEPTED, RawSession, initialize, sockets
from tests._support.ping_meter import ping_meter
from tests._support.process_memory import peak_resident_bytes, resident_bytes
from tests._support.processes import DOWN, FORK, PATIENCE, HttpServer, RawServer
from tests._support.scripted_agentos import scripted_agentos

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024
LARGE = "x" * (4 * MIB - 1000)
RUN = "agentos://runs/agent/echo/session/run"


@pytest.fixture(scope="module")
def http_server() -> Iterator[HttpServer]:
    with HttpServer("--url", DOWN, command=FORK) as server:
        yield server


@contextlib.contextmanager
def memory_grows_little(server: HttpServer, max_bytes: int = 60 * MIB) -> Iterator[None]:
    before = resident_bytes(server.pid)
    yield
    assert resident_bytes(server.pid) - before < max_bytes


def test_initialize_request_is_limited_in_size(http_server: HttpServer) -> None:
    with memory_grows_little(http_server), httpx.Client(timeout=PATIENCE) as client:
        for _ in range(30):
            response = initialize(client, http_server.url, experimental={"junk": {"junk": LARGE}})
            assert response.status_code == 413
            assert "at most 64 KiB can be sent at once to open a session" in response.text
        assert "agentos-mcp" in initialize(client, http_server.url, experimental={"some": {"more": "x" * 1000}}).text


def test_subscriptions_are_accepted_only_to_resources(http_server: HttpServer) -> None:
    with memory_grows_little(http_server), RawSession.opened(http_server.url) as session:
        for uri in (LARGE, RUN + LARGE, f"agentos://agents/{LARGE}", "x:y", "agentos://nothing", "agentos://runs/no"):
            refusal = session.post("resources/subscribe", uri=uri).text
            assert "There is no resource" in refusal or "at most 4,000 are allowed" in refusal
        assert '"result"' in session.post("resources/subscribe", uri="agentos://agents/one").text


async def test_subscriptions_are_limited_by_client_and_in_total() -> None:
    hub, clients = SubscriptionHub(), [Connection.for_loop(NotifyOnlyOutbound(Mock())) for _ in range(11)]
    for client in clients[:-1]:
        for number in range(MAX_SUBSCRIPTIONS_PER_CLIENT):
            hub.subscribe(client, f"agentos://agents/{number}")
        with pytest.raises(
            InvalidRequest, match=f"A client can subscribe to {MAX_SUBSCRIPTIONS_PER_CLIENT} resources at"
        ):
            hub.subscribe(client, "agentos://agents/more")
    with pytest.raises(InvalidRequest, match=f"The clients of this server have {MAX_SUBSCRIPTIONS} subscriptions"):
        hub.subscribe(clients[-1], "agentos://agents/1")
    hub.unsubscribe(clients[0], "agentos://agents/1")
    hub.subscribe(clients[0], "agentos://agents/1")
    await clients[0].exit_stack.aclose()
    hub.subscribe(clients[-1], "agentos://agents/1")


def listen(client: httpx.Client, url: str, uris: list[str]) -> Any:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "subscriptions/listen",
        "params": {"notifications": {"resourceSubscriptions": uris}, "_meta": meta},
    }
    headers = {**ACCEPTED, "mcp-protocol-version": "2026-07-28", "mcp-method": "subscriptions/listen"}
    return client.stream("POST", url, json=body, headers=headers)


def test_modern_subscriptions_are_limited_and_only_to_resources(http_server: HttpServer) -> None:
    with httpx.Client(timeout=PATIENCE) as client, memory_grows_little(http_server):
        with listen(client, http_server.url, ["x:y", RUN + LARGE, "agentos://agents/one"]) as stream:
            acknowledged = next(line for line in stream.iter_lines() if line.startswith("data:"))
            uris = json.loads(acknowledged[5:])["params"]["notifications"]["resourceSubscriptions"]
            assert uris == ["agentos://agents/one"]
        many = [f"agentos://agents/{number}" for number in range(MAX_SUBSCRIPTIONS_PER_CLIENT + 1)]
        with listen(client, http_server.url, many) as stream:
            assert (
                f"A client can subscribe to {MAX_SUBSCRIPTIONS_PER_CLIENT} resources at once." in stream.read().decode()
            )


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_are_limited_in_size_chunked_or_not(http_server: HttpServer, chunked: bool) -> None:
    body = b" " * (4 * MIB + 1)
    with httpx.Client(timeout=PATIENCE) as client:
        headers = {**ACCEPTED, "mcp-protocol-version": "2026-07-28"}
        response = client.post(http_server.url, content=iter([body]) if chunked else body, headers=headers)
        assert response.status_code == 413
        assert "at most 4096 KiB" in response.text


async def test_tiny_chunks_do_not_stall_other_clients(http_server: HttpServer) -> None:
    before = peak_resident_bytes(http_server.pid)
    head = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with RawSession.opened(http_server.url) as other:

        def attack() -> None:
            with contextlib.suppress(ConnectionError), sockets(http_server.url, 3, head) as opened:
                for connection in opened:
                    connection.sendall(b"1\r\nx\r\n" * 200_000)

        async with ping_meter(lambda: anyio.to_thread.run_sync(other.ping)) as meter:
            await anyio.to_thread.run_sync(attack)
            await meter.more(10)
    assert meter.longest < 1
    assert peak_resident_bytes(http_server.pid) - before < 150 * MIB


def test_log_level_over_http_is_not_set_by_a_client() -> None:
    with HttpServer("--url", DOWN, command=FORK) as server, RawSession.opened(server.url) as session:
        assert '"result":{}' in session.post("logging/setLevel", level="debug").text
        session.post("tools/call", name="list_agents", arguments={})
        session.post("resources/subscribe", uri=RUN)
        session.ping()
    assert "INFO" not in server.everything
    assert "DEBUG" not in server.everything


def test_log_level_over_stdio_is_set_by_the_client() -> None:
    with RawServer("serve", "--url", DOWN, command=FORK) as server:
        server.shake_hands()
        server.result("logging/setLevel", level="info")
        server.result("resources/subscribe", uri=RUN)
        server.err.wait_for(lambda line: line.startswith("INFO agentos_mcp."), PATIENCE)


async def test_session_requests_at_once_are_limited() -> None:
    release = anyio.Event()

    async def hold_until_released(stream: Any) -> None:
        await release.wait()
        await stream.send(http_json({}))

    async with scripted_agentos({"/config": hold_until_released}) as agentos:
        server = await anyio.to_thread.run_sync(
            lambda: HttpServer("--url", agentos.url, "--timeout", "60", command=FORK)
        )
        texts: list[str] = []
        try:
            with await anyio.to_thread.run_sync(lambda: httpx.Client(timeout=PATIENCE)) as client:
                opened = await anyio.to_thread.run_sync(initialize, client, server.url)
            headers = {**ACCEPTED, "mcp-session-id": opened.headers["mcp-session-id"]}
            limits = httpx.Limits(max_connections=200)
            async with (
                httpx.AsyncClient(timeout=PATIENCE, limits=limits) as http,
                anyio.create_task_group() as tasks,
            ):

                async def call(number: int) -> None:
                    params = {"name": "list_agents", "arguments": {}}
                    body = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
                    texts.append((await http.post(server.url, json=body, headers=headers)).text)
                    if len(texts) == 10:
                        release.set()

                for number in range(MAX_REQUESTS_PER_SESSION + 10):
                    tasks.start_soon(call, number)
            refused = [text for text in texts if "requests that are not answered yet" in text]
            assert refused == texts[:10]
            assert len(texts) == MAX_REQUESTS_PER_SESSION + 10
        finally:
            await anyio.to_thread.run_sync(server.__exit__, None, None, None)


class _SessionServer:
    """Opens and ends sessions as the SDK does."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.made = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        session = dict(scope["headers"]).get(b"mcp-session-id", b"").decode()
        if not session:
            self.made += 1
            session = str(self.made)
            self.open.append(session)
        elif session not in self.open:
            await Response(status_code=404)(scope, receive, send)
            return
        elif scope["method"] == "DELETE":
            self.open.remove(session)
        elif scope["method"] == "GET":
            await receive()
        await Response(headers={"mcp-session-id": session})(scope, receive, send)


async def test_session_limit_ends_the_longest_idle_session() -> None:
    sessions = _SessionServer()
    transport = httpx.ASGITransport(SessionLimit(sessions, max_sessions=3))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:

        async def request(session: str = "", method: str = "POST") -> int:
            return (
                await client.request(method, "/", headers={"mcp-session-id": session} if session else {})
            ).status_code

        for _ in range(3):
            await request()
        await request("1")
        await request()
        assert sessions.open == ["1", "3", "4"]
        assert await request("2") == 404
        await request("4", "DELETE")
        await request()
        assert sessions.open == ["1", "3", "5"]


async def test_repeated_messages_are_logged_a_few_times_a_minute() -> None:
    logger, messages = logging.getLogger("some.that.repeats"), []
    logger.propagate = False
    logger.setLevel(logging.INFO)

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    handler = Handler()
    handler.addFilter(RepeatedMessageFilter(max_messages=2, period_seconds=0.2))
    logger.addHandler(handler)

    def warn(number: int) -> None:
        logger.warning(f"Somebody did it again: {number}")  # noqa: G004 - as the SDK does

    for number in range(10):
        warn(number)
        logger.info("as ever")
    logger.warning("another")
    assert messages.count("as ever") == 10
    assert [message for message in messages if message != "as ever"] == [
        "Somebody did it again: 0",
        "Somebody did it again: 1",
        "another",
    ]
    with anyio.from_thread.start_blocking_portal() as portal:
        portal.call(anyio.sleep, 0.3)
    warn(11)
    assert messages[-1] == "Somebody did it again: 11 (8 more like it were not logged)"
