"""Hostile connections: too many, half sent, slow, never read."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
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
from tests._support.processes import DOWN, FORK, MODULE, PATIENCE, HttpServer

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="open files are limited as POSIX does it"),
]

COMMAND_WITH_FEW_FILES = ("sh", "-c", 'ulimit -n 1024; exec "$@"', "sh", *MODULE)
TOKEN = "a-token-that-nobody-guesses"
CONNECTIONS = 1100
HALF_A_HEAD = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-Half: "
HALF_A_BODY = (
    b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10000\r\n"
    b'Accept: application/json, text/event-stream\r\n\r\n{"jsonrpc": "2.0", '
)
GARBAGE = b"\x16\x03\x01 this is no HTTP\r\n\r\n"


@pytest.fixture(scope="module", autouse=True)
def raised_file_limit() -> Iterator[None]:
    """This process is the attacker: it needs as many open files."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * CONNECTIONS:
        pytest.skip("this process may not open so many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * CONNECTIONS), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("sent", [b"", HALF_A_HEAD, HALF_A_BODY, GARBAGE], ids=["nothing", "head", "body", "garbage"])
async def test_half_open_connections_do_not_block_other_clients(sent: bytes) -> None:
    with (
        HttpServer("--url", DOWN, command=COMMAND_WITH_FEW_FILES) as server,
        RawSession.opened(server.url) as other_client,
    ):

        def ping() -> None:
            other_client.ping()

        async with ping_meter(lambda: anyio.to_thread.run_sync(ping)) as meter:
            attackers = sockets(server.url, CONNECTIONS, sent)
            await anyio.to_thread.run_sync(attackers.__enter__)
            health = await anyio.to_thread.run_sync(httpx.get, str(httpx.URL(server.url).join("/health")))
            await meter.more(10)
            await anyio.to_thread.run_sync(attackers.__exit__, None, None, None)
        assert health.status_code == 200
        assert meter.longest < 1
        other_client.client.close()
        with RawSession.opened(server.url) as late:
            late.ping()
    assert len(server.everything) < 100_000


def test_connections_without_the_token_are_not_held() -> None:
    given = {"AGENTOS_MCP_HTTP_TOKEN": TOKEN}
    with (
        HttpServer("--url", DOWN, command=COMMAND_WITH_FEW_FILES, given=given) as server,
        sockets(server.url, CONNECTIONS, HALF_A_BODY) as attackers,
    ):
        assert attackers[-1].recv(12) == b"HTTP/1.1 401"
        started = time.monotonic()
        assert httpx.get(httpx.URL(server.url).join("/health"), timeout=PATIENCE).status_code == 200
        assert time.monotonic() - started < 1
    assert len(server.everything) < 100_000


def test_call_does_not_wait_for_acknowledgements() -> None:
    """Each answer is sent in two writes: with Nagle's algorithm the second waits 40 ms."""
    with HttpServer("--url", DOWN, command=FORK) as server, RawSession.opened(server.url) as other_client:
        durations = []
        for _ in range(60):
            started = time.monotonic()
            other_client.ping()
            durations.append(time.monotonic() - started)
    # The first ones are acknowledged at once anyhow.
    assert min(durations[20:]) < 0.035


async def test_connection_has_nodelay_and_keepalive() -> None:
    async with guarded_application() as server:
        async with httpx.AsyncClient() as client:
            await client.post(f"{server.url}/whole")
        assert server.options == {"nodelay": True, "keepalive": True}


def test_connections_are_limited_by_max_connections() -> None:
    with (
        HttpServer("--url", DOWN, "--max-connections", "10", command=FORK) as server,
        RawSession.opened(server.url) as other_client,
        listening(other_client),
        sockets(server.url, 30, HALF_A_HEAD) as attackers,
    ):
        other_client.ping()
        with contextlib.suppress(ConnectionResetError):
            assert attackers[0].recv(1) == b"", "the oldest go first"
        attackers[-1].settimeout(0.2)
        with pytest.raises(TimeoutError):
            attackers[-1].recv(1)


@contextmanager
def listening(other_client: RawSession) -> Iterator[None]:
    """While it is open, the session's stream for notifications of the server is open too."""
    with other_client.client.stream("GET", other_client.url, headers=other_client.headers) as stream:
        assert stream.status_code == 200
        yield


class _Application:
    """An application whose paths answer in different ways, behind guarded connections in this process."""

    def __init__(self) -> None:
        self.url = ""
        self.begun = 0
        self.body_bytes = 0
        self.ended_by_client_flags: list[bool] = []
        self.end_noted = anyio.Event()
        self.connections: set[Any] = set()
        self.options: dict[str, bool] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self.begun += 1
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
            while (await receive_now(receive)) is None:
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        else:
            while (message := await receive())["type"] != "http.disconnect":
                self.body_bytes += len(message.get("body", b""))
                if scope["path"] == "/whole" and not message.get("more_body"):
                    await PlainTextResponse("yes")(scope, receive, send)
                    return
        self.ended_by_client_flags.append(ended_by_client(scope))
        self.end_noted.set()


async def receive_now(receive: Receive) -> object:
    with anyio.move_on_after(0.001):
        while (message := await receive())["type"] != "http.disconnect":
            continue
        return message
    return None


@asynccontextmanager
async def guarded_application(**limits: float) -> AsyncIterator[_Application]:
    application = _Application()
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


async def until(condition: Callable[[], bool]) -> None:
    """Return once the application has come that far."""
    with anyio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 - the application tells nobody
            await anyio.sleep(0.01)


async def received_until_closed(url: str, *sent: bytes, pause: float = 0.0) -> bytes:
    """All bytes received until the server closes the connection."""
    address = httpx.URL(url)
    received = b""
    with anyio.fail_after(PATIENCE):
        async with await anyio.connect_tcp(str(address.host), address.port or 80) as stream:

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
    async def test_slow_head_is_cut_off(self) -> None:
        async with guarded_application(head_seconds=0.3) as server:
            single_bytes = [bytes([byte]) for byte in HALF_A_HEAD]
            assert (await received_until_closed(server.url, *single_bytes, pause=0.05)).startswith(b"HTTP/1.1 408 ")

    async def test_silent_connection_is_closed(self) -> None:
        async with guarded_application(head_seconds=0.3) as server:
            assert await received_until_closed(server.url) == b""

    async def test_slow_body_is_cut_off_and_does_not_count_as_cancelled(self) -> None:
        async with guarded_application(body_seconds=0.3) as server:
            request = head("/wait", "Content-Length: 1000")
            assert (await received_until_closed(server.url, request, *[b"x"] * 50, pause=0.05)).startswith(
                b"HTTP/1.1 408 "
            )
            assert server.ended_by_client_flags == [False]

    async def test_slow_second_request_is_cut_off(self) -> None:
        async with guarded_application(head_seconds=0.3) as server:
            first = head("/whole", "Content-Length: 0")
            response = await received_until_closed(
                server.url, first, *[bytes([byte]) for byte in HALF_A_HEAD], pause=0.05
            )
            assert response.startswith(b"HTTP/1.1 200 ")
            assert b"HTTP/1.1 408 " in response

    async def test_body_after_its_response_is_read_only_for_a_while(self) -> None:
        async with guarded_application(drain_seconds=0.3) as server:
            request = head("/at-once", "Content-Length: 1000")
            response = await received_until_closed(server.url, request, *[b"x"] * 50, pause=0.05)
            assert response.startswith(b"HTTP/1.1 200 ")
            assert b"408" not in response

    async def test_response_that_is_not_read_is_dropped_and_does_not_count_as_cancelled(self) -> None:
        async with guarded_application(stalled_seconds=0.3) as server:
            url = httpx.URL(server.url)
            async with await anyio.connect_tcp(str(url.host), url.port or 80) as stream:
                await stream.send(head("/endless", "Content-Length: 0"))
                with anyio.fail_after(PATIENCE):
                    await server.end_noted.wait()
            assert server.ended_by_client_flags == [False]

    async def test_early_response_leaves_the_connection_usable(self) -> None:
        async with guarded_application() as server:
            url = httpx.URL(server.url)
            async with await anyio.connect_tcp(str(url.host), url.port or 80) as stream:
                for _ in range(3):
                    await stream.send(head("/at-once", "Content-Length: 4"))
                    with anyio.fail_after(PATIENCE):
                        assert (await stream.receive()).startswith(b"HTTP/1.1 200 ")
                    await stream.send(b"body")


class TestRoom:
    async def test_connections_being_served_stay_and_a_new_one_is_refused(self) -> None:
        async with guarded_application(total=4, per_address=2) as server:
            url = httpx.URL(server.url)
            connections = [await anyio.connect_tcp(str(url.host), url.port or 80) for _ in range(2)]
            for connection in connections:
                await connection.send(head("/wait", "Content-Length: 0"))
            await until(lambda: server.begun == 2)
            response = await received_until_closed(server.url)
            assert response.startswith(b"HTTP/1.1 503 ")
            assert b"Try again" in response
            for connection in connections:
                await connection.aclose()
            with anyio.fail_after(PATIENCE):
                while len(server.ended_by_client_flags) < 2:  # noqa: ASYNC110 - the application tells only of the first
                    await anyio.sleep(0.01)
            assert server.ended_by_client_flags == [True, True], "a closed connection was closed by its client"

    async def test_idle_connections_are_dropped_before_incoming_requests(self) -> None:
        async with guarded_application(total=2, per_address=2) as server:
            url = httpx.URL(server.url)
            async with (
                await anyio.connect_tcp(str(url.host), url.port or 80) as sending,
                await anyio.connect_tcp(str(url.host), url.port or 80) as idle,
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

    async def test_total_size_of_requests_is_limited(self) -> None:
        async with guarded_application(total_request_bytes=300_000) as server:
            url = httpx.URL(server.url)
            async with await anyio.connect_tcp(str(url.host), url.port or 80) as first:
                await first.send(head("/wait", "Content-Length: 1000000") + b"x" * 200_000)
                await until(lambda: server.body_bytes > 100_000)
                async with httpx.AsyncClient() as client:
                    response = await client.post(f"{server.url}/whole", content=b"x" * 200_000)
                assert response.text == "yes"
                with anyio.fail_after(PATIENCE):
                    await server.end_noted.wait()
                assert server.ended_by_client_flags == [False]

    async def test_request_size_is_limited(self) -> None:
        async with guarded_application(request_bytes=100_000) as server:
            chunk = b"1\r\nx\r\n" * 50_000
            assert await received_until_closed(server.url, head("/wait", "Transfer-Encoding: chunked") + chunk) == b""
