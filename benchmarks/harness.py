"""Starts the servers that the benchmarks compare, runs components through them, and alternates between them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TextIO, TypeVar

import anyio
import httpx
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from agentos_mcp.agentos.runs.run import Kind, new_id
from agentos_mcp.demo.host_process import demo_agentos
from benchmarks import peers
from benchmarks.benchmark_agentos import LAST_WORD_OF_STEP, OWN_MCP_VARIABLE
from benchmarks.peers import PeerMissing

T = TypeVar("T")

COMPONENTS: dict[Kind, str] = {"agent": "streamer", "workflow": "three-steps"}
BENCHMARK_AGENTOS = "benchmarks.benchmark_agentos:build"
_BENCHMARKS_FOLDER = Path(__file__).parent
_COMPLETED_EVENTS = ("event: RunCompleted", "event: WorkflowCompleted")
_UNLIMITED_BACKGROUND_RUNS = {"AGNO_BACKGROUND_MAX_CONCURRENCY": "0"}
"""AgentOS has 32 runs in the background at once unless it is told otherwise."""
_START_SECONDS = 30.0


class BenchmarkError(RuntimeError):
    """A benchmark could not run."""


@contextmanager
def run_agentos(*, own_mcp: bool = False, build: str = BENCHMARK_AGENTOS) -> Iterator[str]:
    """A fresh AgentOS with an empty database: its address.

    With `own_mcp` it serves its own /mcp too, unless FastMCP, which that needs, cannot be installed.
    """
    environment, python = dict(_UNLIMITED_BACKGROUND_RUNS), sys.executable
    if own_mcp:
        with suppress(PeerMissing):
            python = str(peers.agentos_python())
            environment[OWN_MCP_VARIABLE] = "1"
    with demo_agentos(build=build, environment=environment, python=python) as url:
        yield url


def agentos_mcp_server(url: str, *arguments: str) -> StdioServerParameters:
    return _server("-m", "agentos_mcp", "serve", "--url", url, *arguments)


def bare_sdk_server() -> StdioServerParameters:
    return _server(str(_BENCHMARKS_FOLDER / "bare_server.py"))


def _server(*arguments: str) -> StdioServerParameters:
    """A server in a plain installation, from a folder in which Python finds no other copy of the package."""
    return StdioServerParameters(command=str(peers.own_python()), args=list(arguments), cwd=peers.CACHE)


@contextmanager
def serve_http(url: str, *arguments: str) -> Iterator[tuple[str, int]]:
    """`agentos-mcp serve --http` of a plain installation: the address of its /mcp, and its process id."""
    command = [str(peers.own_python()), "-m", "agentos_mcp", "serve", "--http", "--port", "0", "--url", url, *arguments]
    with tempfile.TemporaryFile() as unread:
        process = subprocess.Popen(
            command, cwd=peers.CACHE, stdout=unread, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )
        assert process.stderr is not None
        try:
            yield _address(process.stderr), process.pid
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stderr.close()


def _address(lines: Iterator[str]) -> str:
    """The address that a server prints; what it prints later is read and dropped, so that its pipe is never full."""
    started = time.monotonic()
    for line in lines:
        _, found, address = line.partition("Serving MCP at ")
        if found:
            threading.Thread(target=lambda: [None for _ in lines], daemon=True).start()
            return address.strip()
        if time.monotonic() - started > _START_SECONDS:
            break
    raise BenchmarkError("agentos-mcp serve --http did not say where it serves.")


@asynccontextmanager
async def connect(
    server: StdioServerParameters, mode: str = "auto", *, is_quiet: bool = False
) -> AsyncIterator[Client]:
    """A client of a server that is spawned for it. What a quiet one logs is dropped."""
    with _errors(is_quiet=is_quiet) as errors:
        async with Client(stdio_client(server, errlog=errors), mode=mode, cache=None) as client:
            yield client


@contextmanager
def _errors(*, is_quiet: bool) -> Iterator[TextIO]:
    if not is_quiet:
        yield sys.stderr
        return
    with Path(os.devnull).open("w", encoding="utf-8") as dropped:
        yield dropped


class FirstProgress:
    """A progress callback that records when the first notification arrived."""

    def __init__(self) -> None:
        self.received = anyio.Event()
        self.time = 0.0

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        if not self.time:
            self.time = time.perf_counter()
            self.received.set()


async def run_over_mcp(client: Client, kind: Kind, message: str, progress: FirstProgress | None = None) -> float:
    """Run a component with a server's run tool, agentos-mcp's or AgentOS's own; seconds from call to result."""
    arguments = {f"{kind}_id": COMPONENTS[kind], "message": message}
    started = time.perf_counter()
    result = await client.call_tool(f"run_{kind}", arguments, progress_callback=progress or FirstProgress())
    seconds = time.perf_counter() - started
    if result.is_error or last_word(kind, message) not in str(result.content):
        raise BenchmarkError(f"run_{kind} failed: {result.content}")
    return seconds


def last_word(kind: Kind, message: str) -> str:
    """The last word of the answer to `message`: with it the answer is complete."""
    return f"word{int(message.split(maxsplit=1)[0]) - 1}" if kind == "agent" else LAST_WORD_OF_STEP


@asynccontextmanager
async def rest_client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=None, keepalive_expiry=2.0)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as http:
        yield http


def run_form(message: str, *, background: bool, session: str = "", run: str = "") -> dict[str, str]:
    """The form of a streamed run with ids chosen by the client, as agentos-mcp sends it."""
    form = {"message": message, "stream": "true", "session_id": session or new_id(), "run_id": run or new_id()}
    return form | ({"background": "true"} if background else {})


async def run_over_rest(http: httpx.AsyncClient, kind: Kind, message: str, *, background: bool = True) -> float:
    """Run a component over REST and read its stream to the end; seconds."""
    started = time.perf_counter()
    await stream_events(http, kind, message, background=background)
    return time.perf_counter() - started


async def stream_events(http: httpx.AsyncClient, kind: Kind, message: str, *, background: bool = True) -> int:
    """Read a run's stream line by line and nothing more; the number of its events."""
    events, completed = 0, False
    path = f"/{kind}s/{COMPONENTS[kind]}/runs"
    async with http.stream("POST", path, data=run_form(message, background=background)) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if line.startswith("event:"):
                events += 1
                completed = completed or line.startswith(_COMPLETED_EVENTS)
    if not completed:
        raise BenchmarkError(f"A run over REST did not complete ({events} events).")
    return events


async def measure_alternately(rounds: int, *sides: Callable[[], Awaitable[T]], warm_up: bool = True) -> list[list[T]]:
    """Measure every side once a round, in rotating order. Samples by side.

    A warm-up round before them is dropped; a single round has none.
    """
    samples: list[list[T]] = [[] for _ in sides]
    for number in range(0 if warm_up and rounds > 1 else 1, rounds + 1):
        for offset in range(len(sides)):
            side = (number + offset) % len(sides)
            sample = await sides[side]()
            if number:
                samples[side].append(sample)
    return samples
