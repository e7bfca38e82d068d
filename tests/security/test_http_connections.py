"""Connections from an unfriendly network: more than there is room for, half sent, dripping, never read."""

from __future__ import annotations

import contextlib
import resource
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from agentos_mcp.server.http.connections import ConnectionGuard, ConnectionLimits
from agentos_mcp.server.http.disconnects import ended_by_client
from tests._support.http_clients import RawSession, sockets
from tests._support.ping_meter import ping_meter
from tests._support.processes import DOWN, MODULE, PATIENCE, HttpServer

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="open files are limited as POSIX does it"),
]

FEW_FILES = ("sh", "-c", 'ulimit -n 1024; exec "$@"', "sh", *MODULE)
TOKEN = "a-token-that-nobody-guesses"
MANY = 1100
HALF_A_HEAD = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-Half: "
HALF_A_BODY = (
    b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10000\r\n"
    b'Accept: application/json, text/event-stream\r\n\r\n{"jsonrpc": "2.0", '
)
GARBAGE = b"\x16\x03\x01 this is no HTTP\r\n\r\n"


@pytest.fixture(scope="module", autouse=True)
def open_files() -> Iterator[None]:
    """The attacker is this process: it needs as many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * MANY:
        pytest.skip("this process may not open so many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * MANY), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("sent", [b"", HALF_A_HEAD, HALF_A_BODY, GARBAGE], ids=["nothing", "head", "body", "garbage"])
async def test_half_open_connections_keep_nobody_out(sent: bytes) -> None:
    with HttpServer("--url", DOWN, command=FEW_FILES) as server, RawSession.opened(server.url) as other:

        def ping() -> None:
            other.ping()

        async with ping_meter(lambda: anyio.to_thread.run_sync(ping)) as meter:
            attack = sockets(server.url, MANY, sent)
            await anyio.to_thread.run_sync(attack.__enter__)
            health = await anyio.to_thread.run_sync(httpx.get, str(httpx.URL(server.url).join("/health")))
            await anyio.sleep(2)
            await anyio.to_thread.run_sync(attack.__exit__, None, None, None)
        assert health.status_code == 200
        assert meter.longest < 1
        assert len(meter.waits) > 10
        other.client.close()
        with RawSession.opened(server.url) as late:
            late.ping()
    assert len(server.everything) < 100_000


def test_strangers_without_the_token_hold_no_connection() -> None:
    given = {"AGENTOS_MCP_HTTP_TOKEN": TOKEN}
    with (
        HttpServer("--url", DOWN, command=FEW_FILES, given=given) as server,
        sockets(server.url, MANY, HALF_A_BODY) as attack,
    ):
        assert attack[-1].recv(12) == b"HTTP/1.1 401"
        begun = time.monotonic()
        assert httpx.get(httpx.URL(server.url).join("/health"), timeout=PATIENCE).status_code == 200
        assert time.monotonic() - begun < 1
    assert len(server.everything) < 100_000


def test_a_call_does_not_wait_for_acknowledgements() -> None:
    """Each answer is sent in two writes: with Nagle's algorithm the second waits 40 ms."""
    with HttpServer("--url", DOWN) as server, RawSession.opened(server.url) as other:
        waits = []
        for _ in range(60):
            begun = time.monotonic()
            other.ping()
            waits.append(time.monotonic() - begun)
    # The first ones are acknowledged at once anyhow.
    assert min(waits[20:]) < 0.035


async def test_a_connection_sends_at_once_and_notices_that_its_peer_is_gone() -> None:
    async with guarded() as server:
        async with httpx.AsyncClient() as client:
            await client.post(f"{server.url}/whole")
        assert server.options == {"nodelay": True, "keepalive": True}


def test_connections_are_limited_as_asked() -> None:
    with (
        HttpServer("--url", DOWN, "--max-connections", "10") as server,
        RawSession.opened(server.url) as other,
        listening(other),
        sockets(server.url, 30, HALF_A_HEAD) as attack,
    ):
        other.ping()
        with contextlib.suppress(ConnectionResetError):
            assert attack[0].recv(1) == b"", "the oldest go first"
        attack[-1].settimeout(0.2)
        with pytest.raises(TimeoutError):
            attack[-1].recv(1)


@contextmanager
def listening(other: RawSession) -> Iterator[None]:
    """While it is open, the session's stream for what the server says of its own accord is open too."""
    with other.client.stream("GET", other.url, headers=other.headers) as stream:
        assert stream.status_code == 200
        yield


class _Served:
    """An application that answers as its path says, behind guarded connections in this process."""

    def __init__(self) -> None:
        self.url = ""
        self.ends: list[bool] = []
        self.ended = anyio.Event()
        self.connections: set[Any] = set()
        self.options: dict[str, bool] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        for connection in self.connections:
            accepted = connection.transport.get_extra_info("socket")
            self.options = {
                "nodelay": bool(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)),
                "keepalive": bool(accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)),
            }
        if scope["path"] == "/at-once":
            await PlainTextResponse("no")(scope, receive, send)
            return
        if scope["path"] == "/endless":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while (await _received_now(receive)) is None:
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        else:
            while (message := await receive())["type"] != "http.disconnect":
                if scope["path"] == "/whole" and not message.get("more_body"):
                    await PlainTextResponse("yes")(scope, receive, send)
                    return
        self.ends.append(ended_by_client(scope))
        self.ended.set()


async def _received_now(receive: Receive) -> object:
    with anyio.move_on_after(0.001):
        while (message := await receive())["type"] != "http.disconnect":
            continue
        return message
    return None


@asynccontextmanager
async def guarded(**limits: float) -> AsyncIterator[_Served]:
    application = _Served()
    guard = ConnectionGuard(replace(ConnectionLimits(), **limits))  # type: ignore[arg-type]  # each is its field's type
    with socket.create_server(("127.0.0.1", 0)) as listener:
        application.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(application, http=guard.protocol(), log_config=None, access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        application.connections = server.server_state.connections
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server._serve, [listener])
            yield application
            server.should_exit = True


async def answer_to(url: str, *sent: bytes, pause: float = 0.0) -> bytes:
    """All that comes until the server closes the connection."""
    place = httpx.URL(url)
    received = b""
    with anyio.fail_after(PATIENCE):
        async with await anyio.connect_tcp(str(place.host), place.port or 80) as stream:

            async def send() -> None:
                try:
                    for part in sent:
                        await stream.send(part)
                        await anyio.sleep(pause)
                except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                    return

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send)
                try:
                    while True:
                        received += await stream.receive()
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    tasks.cancel_scope.cancel()
    return received


def head(path: str, *lines: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


class TestDeadlines:
    async def test_a_head_that_drips_is_cut_off(self) -> None:
        async with guarded(head=0.3) as server:
            drops = [bytes([byte]) for byte in HALF_A_HEAD]
            assert (await answer_to(server.url, *drops, pause=0.05)).startswith(b"HTTP/1.1 408 ")

    async def test_a_connection_without_a_word_is_closed(self) -> None:
        async with guarded(head=0.3) as server:
            assert await answer_to(server.url) == b""

    async def test_a_body_that_drips_is_cut_off_and_was_not_cancelled(self) -> None:
        async with guarded(body=0.3) as server:
            begun = head("/wait", "Content-Length: 1000")
            assert (await answer_to(server.url, begun, *[b"x"] * 50, pause=0.05)).startswith(b"HTTP/1.1 408 ")
            assert server.ends == [False]

    async def test_a_second_request_that_drips_is_cut_off(self) -> None:
        async with guarded(head=0.3) as server:
            first = head("/whole", "Content-Length: 0")
            answer = await answer_to(server.url, first, *[bytes([byte]) for byte in HALF_A_HEAD], pause=0.05)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"HTTP/1.1 408 " in answer

    async def test_what_follows_an_answer_is_read_only_for_a_while(self) -> None:
        async with guarded(rest=0.3) as server:
            begun = head("/at-once", "Content-Length: 1000")
            answer = await answer_to(server.url, begun, *[b"x"] * 50, pause=0.05)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"408" not in answer

    async def test_an_answer_that_nobody_reads_is_given_up_and_was_not_cancelled(self) -> None:
        async with guarded(stalled=0.3) as server:
            place = httpx.URL(server.url)
            async with await anyio.connect_tcp(str(place.host), place.port or 80) as stream:
                await stream.send(head("/endless", "Content-Length: 0"))
                with anyio.fail_after(PATIENCE):
                    await server.ended.wait()
            assert server.ends == [False]

    async def test_an_early_answer_leaves_the_connection_usable(self) -> None:
        async with guarded() as server:
            place = httpx.URL(server.url)
            async with await anyio.connect_tcp(str(place.host), place.port or 80) as stream:
                for _ in range(3):
                    await stream.send(head("/at-once", "Content-Length: 4"))
                    with anyio.fail_after(PATIENCE):
                        assert (await stream.receive()).startswith(b"HTTP/1.1 200 ")
                    await stream.send(b"body")


class TestRoom:
    async def test_those_being_served_stay_and_a_stranger_is_told_so(self) -> None:
        async with guarded(total=4, per_address=2) as server:
            place = httpx.URL(server.url)
            served = [await anyio.connect_tcp(str(place.host), place.port or 80) for _ in range(2)]
            for one in served:
                await one.send(head("/wait", "Content-Length: 0"))
            await anyio.sleep(0.1)
            answer = await answer_to(server.url)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"Try again" in answer
            for one in served:
                await one.aclose()
            with anyio.fail_after(PATIENCE):
                while len(server.ends) < 2:  # noqa: ASYNC110 - the application tells only of the first
                    await anyio.sleep(0.01)
            assert server.ends == [True, True], "a closed connection was closed by its client"

    async def test_idle_connections_go_before_requests_that_are_being_sent(self) -> None:
        async with guarded(total=2, per_address=2) as server:
            place = httpx.URL(server.url)
            async with (
                await anyio.connect_tcp(str(place.host), place.port or 80) as sending,
                await anyio.connect_tcp(str(place.host), place.port or 80) as idle,
            ):
                await sending.send(head("/whole", "Content-Length: 4"))
                await idle.send(head("/whole", "Content-Length: 0"))
                with anyio.fail_after(PATIENCE):
                    await idle.receive()
                    async with httpx.AsyncClient() as client:
                        assert (await client.post(f"{server.url}/whole")).text == "yes"
                    with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                        await idle.receive()
                    await sending.send(b"body")
                    assert (await sending.receive()).startswith(b"HTTP/1.1 200 ")

    async def test_requests_may_hold_only_so_much_together(self) -> None:
        async with guarded(requests=300_000) as server:
            place = httpx.URL(server.url)
            async with await anyio.connect_tcp(str(place.host), place.port or 80) as first:
                await first.send(head("/wait", "Content-Length: 1000000") + b"x" * 200_000)
                await anyio.sleep(0.2)
                async with httpx.AsyncClient() as client:
                    answer = await client.post(f"{server.url}/whole", content=b"x" * 200_000)
                assert answer.text == "yes"
                with anyio.fail_after(PATIENCE):
                    await server.ended.wait()
                assert server.ends == [False]

    async def test_a_request_has_a_size(self) -> None:
        async with guarded(request=100_000) as server:
            chunk = b"1\r\nx\r\n" * 50_000
            assert await answer_to(server.url, head("/wait", "Transfer-Encoding: chunked") + chunk) == b""
