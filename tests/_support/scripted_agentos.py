"""A server that answers like a broken or hostile AgentOS: raw bytes by path. Only for what a real one can't do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import SocketAttribute, SocketStream

from tests._support import tool_coverage
from tests._support.http_answers import http_json

Answer = bytes | Callable[[SocketStream], Awaitable[None]]
"""A whole HTTP answer, or what writes one to the connection."""


@dataclass
class ScriptedAgentOS:
    """Answers by "METHOD /path" (without its query), else by "/path", else by a beginning ("GET /runs/*"), else 404.

    Change `answers` at any time.
    """

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    """"METHOD /path?query" of every request."""

    def answer(self, method: str, path: str) -> Answer:
        for name in (f"{method} {path}", path):
            if name in self.answers:
                return self.answers[name]
        for name, answer in self.answers.items():
            if name.endswith("*") and f"{method} {path}".startswith(name[:-1]):
                return answer
        return http_json({"detail": "Not Found"}, 404)


CONFIG: Mapping[str, object] = {
    "os_id": "scripted",
    "name": "Scripted",
    "databases": ["db"],
    "agents": [{"id": "writer", "name": "Writer"}],
    "teams": [],
    "workflows": [],
}
"""The `/config` of a small, well-behaved AgentOS."""


@asynccontextmanager
async def scripted_agentos(answers: Mapping[str, Answer] | None = None) -> AsyncIterator[ScriptedAgentOS]:
    """On a free loopback port, with a good `/config` unless `answers` says otherwise."""
    server = ScriptedAgentOS(answers={"/config": http_json(CONFIG), **(answers or {})})

    async def handle(client: SocketStream) -> None:
        async with client:
            try:
                line = (await _head(client)).partition(b"\r\n")[0].decode("latin-1")
                method, _, target = line.rpartition(" ")[0].partition(" ")
                path = target.partition("?")[0]
                server.requests.append(f"{method} {target}")
                answer = server.answer(method, path)
                if isinstance(answer, bytes):
                    await client.send(answer)
                else:
                    await answer(client)
            except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                return

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - anyio's, not Django's
    server.url = f"http://127.0.0.1:{port}"
    tool_coverage.exclude(server.url)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield server
        tasks.cancel_scope.cancel()


async def _head(client: SocketStream) -> bytes:
    """The request's head; its body, if any, is read too, so that the answer is not cut off by a reset."""
    seen = b""
    while b"\r\n\r\n" not in seen:
        seen += await client.receive()
    head, _, body = seen.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            while len(body) < int(value):
                body += await client.receive()
    return head
