"""Streamed runs for load: each is an HTTP request over a connection of its own, whose response is searched, not parsed.

An HTTP library's client, and the MCP SDK's all the more, would cost as much as the servers that are measured, and on a
machine with two cores take the time from them.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode, urlsplit

from benchmarks.connections import RunTimes
from benchmarks.contenders import Contender
from benchmarks.harness import COMPONENTS, BenchmarkError, run_form

VERSION = "2026-07-28"
RUN_SECONDS = 300.0
_META = {
    "progressToken": 1,
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "benchmark", "version": "1"},
}
_KEPT_BYTES = 64 * 1024
"""Of the end of a response: it has the result of a run."""

StreamRun = Callable[[], Awaitable[RunTimes]]


class _Exchange(asyncio.Protocol):
    """One request, and when its response said what is waited for."""

    def __init__(self, request: bytes, sign: bytes) -> None:
        self._request = request
        self._sign = sign
        self._started = time.perf_counter()
        self._first = 0.0
        self._last = 0.0
        self._end = bytearray()
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._last = time.perf_counter()
        if not self._first and self._sign in self._end[-len(self._sign) :] + data:
            self._first = self._last
        self._end += data
        del self._end[:-_KEPT_BYTES]

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)

    @property
    def end(self) -> bytes:
        """The end of the response."""
        return bytes(self._end)

    @property
    def times(self) -> RunTimes:
        return RunTimes(self._last - self._started, (self._first or self._last) - self._started)


async def _exchange(url: str, headers: dict[str, str], body: bytes, sign: str) -> _Exchange:
    """Send one request, and read its response to its end."""
    address = urlsplit(url)
    assert address.hostname
    assert address.port
    head = {
        "host": address.netloc,
        "connection": "close",
        "content-length": str(len(body)),
        "accept": "application/json, text/event-stream",
        **headers,
    }
    lines = [f"POST {address.path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
    exchange = _Exchange("\r\n".join(lines).encode() + body, sign.encode())
    async with asyncio.timeout(RUN_SECONDS):
        transport, _ = await asyncio.get_running_loop().create_connection(
            lambda: exchange, address.hostname, address.port
        )
        try:
            await exchange.closed
        finally:
            transport.abort()
    return exchange


def run_over_mcp(url: str, contender: Contender, message: str) -> StreamRun:
    """Run the agent by the tool of a server at `url`, its /mcp, without a session (MCP 2026-07-28)."""
    arguments = {"agent_id": COMPONENTS["agent"], "message": message, **contender.run_arguments}
    tool = contender.run_tools["agent"]
    params = {"name": tool, "arguments": arguments, "_meta": _META}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
    headers = {
        "content-type": "application/json",
        "mcp-protocol-version": VERSION,
        "mcp-method": "tools/call",
        "mcp-name": tool,
    }

    async def run() -> RunTimes:
        exchange = await _exchange(url, headers, body, '"notifications/progress"')
        result = exchange.end.rpartition(b'"result"')[2]
        if _last_word(message) not in result or b'"isError":true' in result.replace(b" ", b""):
            raise BenchmarkError(f"A run by {contender.title} failed: {exchange.end[-300:]!r}")
        return exchange.times

    return run


def run_over_rest(url: str, message: str, *, background: bool) -> StreamRun:
    """Run the agent over REST. Its first progress is its first word: before it, nothing is told that is not known."""
    path = f"{url}/agents/{COMPONENTS['agent']}/runs"

    async def run() -> RunTimes:
        form = urlencode(run_form(message, background=background)).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        exchange = await _exchange(path, headers, form, "event: RunContent")
        if b"event: RunCompleted" not in exchange.end:
            raise BenchmarkError(f"A run over REST did not complete: {exchange.end[-300:]!r}")
        return exchange.times

    return run


async def run_at_once(count: int, run: StreamRun, *, spread_seconds: float = 0.0) -> list[RunTimes]:
    """So many runs at once, or started one after another within some seconds: the times of those that completed.

    They are counted from the start of the first. Of runs that did not complete one is named on stderr. Raises
    BenchmarkError where none completed.
    """

    async def start(number: int) -> RunTimes:
        waited = spread_seconds * number / count
        await asyncio.sleep(waited)
        times = await run()
        return RunTimes(times.seconds + waited, times.first_progress + waited)

    outcomes = await asyncio.gather(*(start(number) for number in range(count)), return_exceptions=True)
    times: list[RunTimes] = []
    failures: list[BaseException] = []
    for outcome in outcomes:
        if isinstance(outcome, RunTimes):
            times.append(outcome)
        elif isinstance(outcome, BenchmarkError | OSError):
            failures.append(outcome)
        else:
            raise outcome
    if failures:
        print(f"{len(failures)} of {count} runs did not complete: {failures[0]!r}", file=sys.stderr)
    if not times:
        raise BenchmarkError(f"None of {count} runs at once completed.")
    return times


def _last_word(message: str) -> bytes:
    return f"word{int(message.split(maxsplit=1)[0]) - 1}".encode()
