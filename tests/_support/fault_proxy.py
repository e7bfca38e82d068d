"""A TCP proxy in front of an AgentOS that makes faults: cuts, stalls, and answers of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import anyio
import h11
from anyio.abc import SocketAttribute, SocketStream

from agentos_mcp.agentos.task_groups import unwrapped_task_group
from tests._support.answer_faults import Body, Reshape


@dataclass(frozen=True)
class Fault:
    """What happens to one request and its answer."""

    name: str
    answer: bytes | None = None
    """A raw HTTP answer to give instead of AgentOS's."""
    arrives: bool = False
    """Whether AgentOS is asked, though `answer` is given."""
    cut_after: int | None = None
    """After how many bytes the connection is cut."""
    reshape: Reshape | None = None
    """What is done to the body."""


@dataclass
class Proxy:
    """What happens to the connections that go through; change it at any time."""

    url: str = ""
    cut_after: list[int] = field(default_factory=list)
    """For each coming answer, after how many bytes it is cut; none left: not cut."""
    answers: list[bytes] = field(default_factory=list)
    """Raw HTTP answers to give instead of asking AgentOS, one a request."""
    cut_at: Callable[[bytes], bool] = lambda seen: False
    """Cut an answer as soon as this is true of all its bytes so far; once."""
    stall_at: Callable[[bytes], bool] = lambda seen: False
    """Send nothing more of an answer, and keep its connection, once this is true of its bytes; once."""
    slowness: float = 0.0
    """Seconds before each piece of an answer."""
    fault: Callable[[bytes], int | None] = lambda request: None
    """After how many bytes the answer to a request (its first line) is cut; None: not at all."""
    answer: Callable[[bytes], bytes | None] = lambda request: None
    """A raw HTTP answer to give instead of asking AgentOS, by the request's first line; None: ask it."""
    answer_after: Callable[[bytes], bytes | None] = lambda request: None
    """A raw HTTP answer to give once AgentOS has begun its own, by the request's first line; None: AgentOS's."""
    first: tuple[bytes, Callable[[], Awaitable[None]]] | None = None
    """What is done before the next request with this in its first line is sent on; once."""
    choose: Callable[[bytes], Fault | None] | None = None
    """Chooses the fault of a request by all its bytes. With it nothing is written down in `requests` and `bodies`."""
    requests: list[bytes] = field(default_factory=list)
    """The first line of every request."""
    bodies: list[bytes] = field(default_factory=list)

    def asked(self, method: str, part: str) -> int:
        """How many requests of a method had `part` in their path."""
        return sum(line.startswith(method.encode() + b" ") and part.encode() in line for line in self.requests)


@asynccontextmanager
async def proxy_to(url: str) -> AsyncIterator[Proxy]:
    """A proxy before the AgentOS at `url`, on a free port."""
    target = urlsplit(url)
    proxy = Proxy()

    async def handle(client: SocketStream) -> None:
        async with client:
            try:
                first = await client.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return
            if proxy.choose is not None:
                await _pass_on(proxy.choose, client, first, target.hostname or "", target.port or 80)
                return
            proxy.requests.append(first.partition(b"\r\n")[0])
            proxy.bodies.append(first)
            if proxy.answers:
                await client.send(proxy.answers.pop(0))
                return
            if (own := proxy.answer(proxy.requests[-1])) is not None:
                await client.send(own)
                return
            if proxy.first is not None and proxy.first[0] in proxy.requests[-1]:
                go, proxy.first = proxy.first[1], None
                await go()
            async with await anyio.connect_tcp(target.hostname or "", target.port or 80) as server:
                await server.send(_closing(first))
                if (own := proxy.answer_after(proxy.requests[-1])) is not None:
                    await server.receive()
                    await client.send(own)
                    return
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_forward, client, server, tasks.cancel_scope)
                    await _answer(proxy, server, client, first.partition(b"\r\n")[0])
                    tasks.cancel_scope.cancel()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - anyio's, not Django's
    proxy.url = f"http://127.0.0.1:{port}"
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield proxy
        tasks.cancel_scope.cancel()


async def _pass_on(
    choose: Callable[[bytes], Fault | None], client: SocketStream, first: bytes, host: str, port: int
) -> None:
    """One request with the fault that is chosen for it. An AgentOS that is down is a connection that breaks."""
    try:
        request = await _whole(client, first)
        fault = choose(request) or Fault("none")
        if fault.answer is not None and not fault.arrives:
            await client.send(fault.answer)
            return
        async with await anyio.connect_tcp(host, port) as server:
            await server.send(_closing(request))
            if fault.answer is not None:
                await server.receive()
                await client.send(fault.answer)
                return
            async with unwrapped_task_group() as tasks:
                tasks.start_soon(_forward, client, server, tasks.cancel_scope)
                if fault.reshape is None:
                    await _copy(server, client, fault.cut_after)
                else:
                    await _reshape(server, client, request, fault.reshape)
                tasks.cancel_scope.cancel()
    except (OSError, anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, h11.RemoteProtocolError):
        return


async def _whole(client: SocketStream, request: bytes) -> bytes:
    """A request with its body, as long as its head says."""
    while b"\r\n\r\n" not in request:
        request += await client.receive()
    head, _, body = request.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            while len(body) < int(value):
                body += await client.receive()
    return head + b"\r\n\r\n" + body


async def _copy(server: SocketStream, client: SocketStream, limit: int | None) -> None:
    passed = 0
    async for chunk in server:
        if limit is not None and passed + len(chunk) >= limit:
            await client.send(chunk[: limit - passed])
            return
        passed += len(chunk)
        await client.send(chunk)


async def _reshape(server: SocketStream, client: SocketStream, request: bytes, reshape: Reshape) -> None:
    """Pass an answer on with its body changed. Its end is that of the connection: HTTP then tells nobody of a gap."""
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method=request.partition(b" ")[0], target="/", headers=[("Host", "x")]))
    parser.send(h11.EndOfMessage())
    response = await _next_event(parser, server)
    assert isinstance(response, h11.Response)
    framing = {b"content-length", b"transfer-encoding", b"connection"}
    lines = [name + b": " + value for name, value in response.headers if name not in framing]
    head = b"HTTP/1.1 %d %b" % (response.status_code, response.reason)
    await client.send(b"\r\n".join([head, *lines, b"connection: close", b"", b""]))

    async def body() -> Body:
        while isinstance(event := await _next_event(parser, server), h11.Data):
            yield bytes(event.data)

    async for piece in reshape(body()):
        if piece:
            await client.send(piece)


async def _next_event(parser: h11.Connection, server: SocketStream) -> object:
    while (event := parser.next_event()) is h11.NEED_DATA:
        try:
            parser.receive_data(await server.receive())
        except anyio.EndOfStream:
            parser.receive_data(b"")
    return event


def _closing(request: bytes) -> bytes:
    """One request a connection, so that every request is seen."""
    head, end, body = request.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*lines, b"Connection: close"]) + end + body


async def _forward(client: SocketStream, server: SocketStream, scope: anyio.CancelScope) -> None:
    try:
        while True:
            await server.send(await client.receive())
    except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        scope.cancel()  # the client hung up: so do we


async def _answer(proxy: Proxy, server: SocketStream, client: SocketStream, request: bytes) -> None:
    seen = b""
    limit = proxy.cut_after.pop(0) if proxy.cut_after else proxy.fault(request)
    try:
        while True:
            chunk = await server.receive()
            if limit is not None and len(seen) + len(chunk) >= limit:
                await client.send(chunk[: limit - len(seen)])
                return
            seen += chunk
            if proxy.slowness:
                await anyio.sleep(proxy.slowness)
            await client.send(chunk)
            if proxy.stall_at(seen):
                proxy.stall_at = lambda seen: False
                await anyio.sleep_forever()
            if proxy.cut_at(seen):
                proxy.cut_at = lambda seen: False
                return
    except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        return
