"""What clients leave behind in memory and in the log: of sessions, subscriptions, what they say of themselves."""

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
from agentos_mcp.server.client_limits import (
    REQUESTS_OF_SESSION,
    SUBSCRIPTIONS,
    SUBSCRIPTIONS_OF_CLIENT,
)
from agentos_mcp.server.http.limits import RepeatedMessages, SessionLimit
from agentos_mcp.server.subscriptions import SubscriptionHub
from tests._support.http_clients import ACCEPTED, RawSession, initialize, sockets
from tests._support.ping_meter import ping_meter
from tests._support.process_memory import peak_resident_bytes, resident_bytes
from tests._support.processes import DOWN, PATIENCE, HttpServer, RawServer
from tests._support.scripted_agentos import http_json, scripted_agentos

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024
LARGE = "x" * (4 * MIB - 1000)
RUN = "agentos://runs/agent/echo/session/run"


@pytest.fixture(scope="module")
def served() -> Iterator[HttpServer]:
    with HttpServer("--url", DOWN) as server:
        yield server


@contextlib.contextmanager
def little_is_kept(server: HttpServer, most: int = 60 * MIB) -> Iterator[None]:
    before = resident_bytes(server.pid)
    yield
    assert resident_bytes(server.pid) - before < most


def test_what_a_client_says_of_itself_is_kept_only_if_it_is_short(served: HttpServer) -> None:
    with little_is_kept(served), httpx.Client(timeout=PATIENCE) as client:
        for _ in range(30):
            answer = initialize(client, served.url, experimental={"junk": {"junk": LARGE}})
            assert answer.status_code == 413
            assert "at most 64 KiB can be sent at once to open a session" in answer.text
        assert "agentos-mcp" in initialize(client, served.url, experimental={"some": {"more": "x" * 1000}}).text


def test_subscriptions_are_to_resources_and_few(served: HttpServer) -> None:
    with little_is_kept(served), RawSession.opened(served.url) as raw:
        for uri in (LARGE, RUN + LARGE, f"agentos://agents/{LARGE}", "x:y", "agentos://nothing", "agentos://runs/no"):
            refusal = raw.post("resources/subscribe", uri=uri).text
            assert "There is no resource" in refusal or "at most 4,000 are taken" in refusal
        assert '"result"' in raw.post("resources/subscribe", uri="agentos://agents/one").text


async def test_subscriptions_of_a_client_and_of_all_are_limited() -> None:
    changes, clients = SubscriptionHub(), [Connection.for_loop(NotifyOnlyOutbound(Mock())) for _ in range(11)]
    for client in clients[:-1]:
        for number in range(SUBSCRIPTIONS_OF_CLIENT):
            changes.subscribe(client, f"agentos://agents/{number}")
        with pytest.raises(InvalidRequest, match=f"A client can subscribe to {SUBSCRIPTIONS_OF_CLIENT} resources at"):
            changes.subscribe(client, "agentos://agents/more")
    with pytest.raises(InvalidRequest, match=f"Clients have {SUBSCRIPTIONS} subscriptions here"):
        changes.subscribe(clients[-1], "agentos://agents/1")
    changes.unsubscribe(clients[0], "agentos://agents/1")
    changes.subscribe(clients[0], "agentos://agents/1")
    await clients[0].exit_stack.aclose()
    changes.subscribe(clients[-1], "agentos://agents/1")


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


def test_modern_streams_listen_to_resources_and_few(served: HttpServer) -> None:
    with httpx.Client(timeout=PATIENCE) as client, little_is_kept(served):
        with listen(client, served.url, ["x:y", RUN + LARGE, "agentos://agents/one"]) as stream:
            acknowledged = next(line for line in stream.iter_lines() if line.startswith("data:"))
            uris = json.loads(acknowledged[5:])["params"]["notifications"]["resourceSubscriptions"]
            assert uris == ["agentos://agents/one"]
        many = [f"agentos://agents/{number}" for number in range(SUBSCRIPTIONS_OF_CLIENT + 1)]
        with listen(client, served.url, many) as stream:
            assert f"A client can subscribe to {SUBSCRIPTIONS_OF_CLIENT} resources at once." in stream.read().decode()


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_are_limited_however_they_are_sent(served: HttpServer, chunked: bool) -> None:
    body = b" " * (4 * MIB + 1)
    with httpx.Client(timeout=PATIENCE) as client:
        headers = {**ACCEPTED, "mcp-protocol-version": "2026-07-28"}
        answer = client.post(served.url, content=iter([body]) if chunked else body, headers=headers)
        assert answer.status_code == 413
        assert "at most 4096 KiB" in answer.text


async def test_tiny_chunks_stall_nobody(served: HttpServer) -> None:
    before = peak_resident_bytes(served.pid)
    head = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with RawSession.opened(served.url) as other:

        def attack() -> None:
            with contextlib.suppress(ConnectionError), sockets(served.url, 3, head) as opened:
                for connection in opened:
                    connection.sendall(b"1\r\nx\r\n" * 200_000)

        async with ping_meter(lambda: anyio.to_thread.run_sync(other.ping)) as meter:
            await anyio.to_thread.run_sync(attack)
            await anyio.sleep(1)
    assert meter.longest < 1
    assert peak_resident_bytes(served.pid) - before < 150 * MIB


def test_one_client_does_not_decide_on_the_log_of_all() -> None:
    with HttpServer("--url", DOWN) as server, RawSession.opened(server.url) as raw:
        assert '"result":{}' in raw.post("logging/setLevel", level="debug").text
        raw.post("tools/call", name="list_agents", arguments={})
        raw.post("resources/subscribe", uri=RUN)
        raw.ping()
    assert "INFO" not in server.everything
    assert "DEBUG" not in server.everything


def test_the_only_client_decides_on_the_log() -> None:
    with RawServer("serve", "--url", DOWN) as server:
        server.shake_hands()
        server.result("logging/setLevel", level="info")
        server.result("resources/subscribe", uri=RUN)
        server.err.wait_for(lambda line: line.startswith("INFO agentos_mcp."), PATIENCE)


async def test_a_session_has_so_many_requests_at_once() -> None:
    held = anyio.Event()

    async def hold(stream: Any) -> None:
        await held.wait()
        await stream.send(http_json({}))

    async with scripted_agentos({"/config": hold}) as agentos:
        server = await anyio.to_thread.run_sync(lambda: HttpServer("--url", agentos.url, "--timeout", "60"))
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
                        held.set()

                for number in range(REQUESTS_OF_SESSION + 10):
                    tasks.start_soon(call, number)
            refused = [text for text in texts if "requests of this session are going on" in text]
            assert refused == texts[:10]
            assert len(texts) == REQUESTS_OF_SESSION + 10
        finally:
            await anyio.to_thread.run_sync(server.__exit__, None, None, None)


class _Sessions:
    """As the SDK serves sessions, as far as their number goes."""

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


async def test_the_session_that_is_idle_the_longest_goes_first() -> None:
    sessions = _Sessions()
    transport = httpx.ASGITransport(SessionLimit(sessions, most=3))
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


async def test_a_kind_of_message_is_logged_a_few_times_a_minute() -> None:
    logger, said = logging.getLogger("some.that.repeats"), []
    logger.propagate = False
    logger.setLevel(logging.INFO)

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    handler = Handler()
    handler.addFilter(RepeatedMessages(most=2, seconds=0.2))
    logger.addHandler(handler)

    def warn(number: int) -> None:
        logger.warning(f"Somebody did it again: {number}")  # noqa: G004 - as the SDK does

    for number in range(10):
        warn(number)
        logger.info("as ever")
    logger.warning("another")
    assert said.count("as ever") == 10
    assert [one for one in said if one != "as ever"] == [
        "Somebody did it again: 0",
        "Somebody did it again: 1",
        "another",
    ]
    with anyio.from_thread.start_blocking_portal() as portal:
        portal.call(anyio.sleep, 0.3)
    warn(11)
    assert said[-1] == "Somebody did it again: 11 (8 more like it were not logged)"
