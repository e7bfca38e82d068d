"""What a live AgentOS answers to every tool, recorded; served again with one answer changed."""

from __future__ import annotations

import copy
import json
import random
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import httpx2

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.hints import PLAIN
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.context import Backend, ToolContext, open_backend
from agentos_mcp.tooling.mcp_tool import to_mcp_result
from agentos_mcp.tools import TOOLSETS
from tests._support.agno_environments import PORT_VARIABLE
from tests._support.contract_calls import CALLS
from tests._support.factories import Rest, a_web_page
from tests._support.running_agentos import running_agentos

Reply = tuple[int, str, bytes]
"""Status, content type, body."""

_WAIT_SECONDS = 0.3
"""How long a recorded call waits for a run that does not end."""
_OUR_ID = re.compile(r"[2-9b-df-hj-np-tv-xz]{10}|[0-9a-f-]{32,}|[\w-]+-[0-9a-f]{8}")
TOOLS = {tool.name: tool for toolset in TOOLSETS for tool in toolset.tools}
READ_URIS = (
    "agentos://config",
    "agentos://agents",
    "agentos://agents/echo",
    "agentos://teams/pair",
    "agentos://workflows/two-steps",
    "agentos://sessions",
    "agentos://memories",
    "agentos://knowledge",
    "agentos://traces",
)


@dataclass
class Recording:
    """The answers to one call, in their order."""

    tool: str
    arguments: Mapping[str, Any]
    replies: list[tuple[str, Reply]] = field(default_factory=list)


def shape(method: str, path: str) -> str:
    """A request without the ids that differ from call to call."""
    return f"{method} " + "/".join("*" if _OUR_ID.fullmatch(part) else part for part in path.split("/"))


class _Recorder(httpx2.AsyncBaseTransport):
    """Records what AgentOS answers. Its description, which is half a megabyte and never changes, is asked for once."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, recording: Recording, descriptions: dict[str, Reply]) -> None:
        self._inner = inner
        self._recording = recording
        self._descriptions = descriptions

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        status, kind, body = self._descriptions.get(path) or await self._ask(request)
        if path == "/openapi.json" and path not in self._descriptions and status == httpx2.codes.OK:
            body = in_short(body)
            self._descriptions[path] = status, kind, body
        self._recording.replies.append((shape(request.method, path), (status, kind, body)))
        return httpx2.Response(status, headers={"content-type": kind}, stream=httpx2.ByteStream(body))

    async def _ask(self, request: httpx2.Request) -> Reply:
        response = await self._inner.handle_async_request(request)
        body = await response.aread()
        await response.aclose()
        return response.status_code, response.headers.get("content-type", ""), body

    async def aclose(self) -> None:
        await self._inner.aclose()


class Replay(httpx2.AsyncBaseTransport):
    """Gives recorded answers in their order by request, the last one again and again; 404 for what was never asked."""

    def __init__(self, replies: list[tuple[str, Reply]]) -> None:
        self._replies: dict[str, list[Reply]] = {}
        for request, reply in replies:
            self._replies.setdefault(request, []).append(reply)

    def next(self, method: str, path: str) -> Reply:
        """The next answer to a request."""
        left = self._replies.get(shape(method, path), [])
        if not left:
            return 404, "application/json", b'{"detail": "Nothing like that"}'
        return left.pop(0) if len(left) > 1 else left[0]

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        status, kind, body = self.next(request.method, request.url.path)
        return httpx2.Response(status, headers={"content-type": kind}, stream=httpx2.ByteStream(body))


def through(backend: Backend, transport: httpx2.AsyncBaseTransport) -> None:
    """Let a backend talk to a transport of ours in place of the network."""
    backend.agent_os._pools.shared._transport = transport


@asynccontextmanager
async def replaying() -> AsyncIterator[ToolContext]:
    """A tool's context; `play` says what its AgentOS answers."""
    async with open_backend(Settings(url="http://replayed", toolsets=("all",), wait=0.05)) as backend:
        yield ToolContext.headless(backend)


async def read_to_result(ctx: ToolContext, recording: Recording) -> None:
    """Call a recording's tool: it returns what can be sent, or raises an error of the tree."""
    try:
        result = await TOOLS[recording.tool].fn(ctx, **recording.arguments)
    except AgentOSError as error:
        str(error).encode()
        return
    for structured in (False, True):
        answer = to_mcp_result(result, Settings(structured_output=structured), PLAIN)
        answer.model_dump_json(by_alias=True).encode()


def play(backend: Backend, replay: Replay) -> None:
    """Let these be the answers from now on, to a backend that remembers nothing of earlier ones."""
    through(backend, replay)
    backend.catalog.clear_cache()
    backend.discovery.clear_cache()


@contextmanager
def contract_agentos() -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    environment = {PORT_VARIABLE: str(port)}
    with running_agentos(build="tests._support.agentos.contract:build", port=port, environment=environment) as url:
        yield url


async def record(url: str) -> list[Recording]:
    """One recording for each call of each tool that needs no network but this AgentOS."""
    found: list[Recording] = []
    descriptions: dict[str, Reply] = {}
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        rest = Rest(http)
        for tool, calls in CALLS.items():
            for call in calls:
                if a_web_page in call.arguments.values() or call.refused:
                    continue
                rest.given.clear()
                for name, value in call.arguments.items():
                    rest.given[name] = await value(rest) if callable(value) else value
                recording = Recording(tool, dict(rest.given))
                async with open_backend(Settings(url=url, toolsets=("all",), wait=_WAIT_SECONDS)) as backend:
                    through(backend, _Recorder(backend.agent_os._pools.shared._transport, recording, descriptions))
                    ctx = ToolContext.headless(backend)
                    await backend.discovery.features()
                    await backend.catalog.inventory()
                    try:
                        await TOOLS[tool].fn(ctx, **rest.given)
                    except Exception as error:  # how it ended does not matter here, only what was answered
                        assert type(error).__module__.startswith("agentos_mcp."), error  # noqa: PT017 - kind alone
                found.append(recording)
    return found


# Mutations

_STRANGE: tuple[Callable[[random.Random], Any], ...] = (
    lambda dice: None,
    lambda dice: dice.choice([True, False]),
    lambda dice: dice.choice([0, -1, 5, 10**18, -(10**18), 10**40, 10**299]),
    lambda dice: dice.choice([0.5, -1.5, 1e30, 1e308, -1e308, 5e-324]),
    lambda dice: float(dice.choice(["nan", "inf", "-inf"])),
    lambda dice: dice.choice(["", " ", "x", "\ud800", "日本\u0000\u001b[2J", "../..", "http://[", "1e999", "a" * 5000]),
    lambda dice: dice.choice(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-13-45", "PAUSED"]),
    lambda dice: [],
    lambda dice: {},
    lambda dice: dice.choice([[None], [5], [[]], [{}], ["x"], [{"id": {"a": 1}}], [{"id": [1]}, {"id": None}]]),
    lambda dice: dice.choice([{"x": 5}, {"": None}, {"id": []}, {"steps": 5}, {"a\ud800": "\udfff"}]),
    lambda dice: _deep(dice.choice([30, 90, 150, 3000])),
)


class Raw:
    """JSON that Python would not write by itself."""

    def __init__(self, text: str) -> None:
        self.text = text


def _deep(levels: int) -> Any:
    return Raw("[" * levels + "]" * levels)


def mutated(document: Any, dice: random.Random) -> bytes:
    """The JSON of a document, which is changed, with one to three values changed, dropped or put elsewhere."""
    holder = [document]
    for _ in range(dice.choice([1, 1, 1, 2, 3])):
        where, key = _place(holder, dice)
        match dice.randrange(8):
            case 0 if isinstance(where, dict):
                del where[key]
            case 1:
                other, at = _place(holder, dice)
                where[key] = copy.deepcopy(other[at])
            case 2 if isinstance(where[key], str | int | float):
                where[key] = [where[key]]
            case 3 if isinstance(where[key], list):
                where[key] = where[key] * dice.choice([2, 50])
            case _:
                where[key] = dice.choice(_STRANGE)(dice)
    return _written(holder[0]).encode()


def _place(holder: list[Any], dice: random.Random) -> tuple[Any, Any]:
    """A list or an object, and one of its keys: any level is as likely as another."""
    ways: list[tuple[Any, Any]] = [(holder, 0)]
    value = holder[0]
    while isinstance(value, dict | list) and value:
        key = dice.choice(list(value)) if isinstance(value, dict) else dice.randrange(len(value))
        ways.append((value, key))
        value = value[key]
    return dice.choice(ways)


def in_short(openapi: bytes) -> bytes:
    """A description without what nobody reads of it, which is most of it and slow to read."""
    document = json.loads(openapi)
    for path, methods in document["paths"].items():
        if not path.endswith("/runs"):
            document["paths"][path] = {method: {} for method in methods}
    schemas = document["components"]["schemas"]
    document["components"]["schemas"] = {name: about for name, about in schemas.items() if name.startswith("Body_")}
    return json.dumps(document).encode()


def _written(value: Any) -> str:
    raws: list[str] = []

    def default(one: object) -> str:
        assert isinstance(one, Raw)
        raws.append(one.text)
        return f"@raw{len(raws) - 1}@"

    text = json.dumps(value, default=default)
    return re.sub(r'"@raw(\d+)@"', lambda found: raws[int(found[1])], text)


def mutated_reply(reply: Reply, dice: random.Random) -> Reply:
    """An answer with a changed body, rarely with a broken one or another status."""
    status, kind, body = reply
    if dice.randrange(12) == 0:
        return dice.choice(
            (
                (status, kind, b"{"),
                (status, kind, b"\xff\xfe\x00"),
                (status, kind, body[: len(body) // 2]),
                (status, kind, b"9" * 5000),
                (dice.choice([204, 299, 418, 500, 599, 999]), kind, body),
                (422, kind, b'{"detail": [{"loc": 5, "msg": []}, 7, {"loc": [[], {}]}]}'),
                (status, "text/html; charset=zlib", b"<html>"),
            )
        )
    if "event-stream" in kind:
        return status, kind, mutated_stream(body, dice)
    try:
        document = json.loads(body)
    except ValueError:
        return status, kind, b"[]"
    return status, kind, mutated(document, dice)


def mutated_stream(body: bytes, dice: random.Random) -> bytes:
    blocks = body.replace(b"\r\n", b"\n").split(b"\n\n")
    at = dice.randrange(len(blocks))
    lines = blocks[at].split(b"\n")
    for number, line in enumerate(lines):
        if line.startswith(b"data:"):
            try:
                lines[number] = b"data: " + mutated(json.loads(line[5:]), dice)
            except ValueError:
                continue
    blocks[at] = b"\n".join(lines)
    if dice.randrange(10) == 0:
        dice.shuffle(blocks)
    return b"\n\n".join(blocks)
