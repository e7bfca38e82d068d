"""Starts the servers that the benchmarks compare, runs components through them, and alternates between them."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

import anyio
import httpx
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from agentos_mcp.agentos.runs.run import Kind, new_id
from agentos_mcp.demo.host_process import demo_agentos
from benchmarks.benchmark_agentos import LAST_WORD_OF_STEP, OWN_MCP_VARIABLE

T = TypeVar("T")

COMPONENTS: dict[Kind, str] = {"agent": "streamer", "workflow": "three-steps"}
_BENCHMARKS_FOLDER = Path(__file__).parent
_COMPLETED_EVENTS = ("event: RunCompleted", "event: WorkflowCompleted")


class BenchmarkError(RuntimeError):
    """A benchmark could not run."""


@contextmanager
def run_agentos(*, own_mcp: bool = False) -> Iterator[str]:
    """A fresh AgentOS with an empty database: its address."""
    environment = {OWN_MCP_VARIABLE: "1"} if own_mcp else {}
    with demo_agentos(build="benchmarks.benchmark_agentos:build", environment=environment) as url:
        yield url


def agentos_mcp_server(url: str) -> StdioServerParameters:
    return _server("-m", "agentos_mcp", "serve", "--url", url)


def bare_sdk_server() -> StdioServerParameters:
    return _server(str(_BENCHMARKS_FOLDER / "bare_server.py"))


def _server(*arguments: str) -> StdioServerParameters:
    return StdioServerParameters(command=sys.executable, args=list(arguments), cwd=_BENCHMARKS_FOLDER.parent)


@asynccontextmanager
async def connect(server: StdioServerParameters, mode: str = "auto") -> AsyncIterator[Client]:
    """A client of a server that is spawned for it."""
    async with Client(stdio_client(server), mode=mode, cache=None) as client:
        yield client


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


async def measure_alternately(rounds: int, *sides: Callable[[], Awaitable[T]]) -> list[list[T]]:
    """Measure every side once a round, in rotating order; a warm-up round is dropped. Samples by side."""
    samples: list[list[T]] = [[] for _ in sides]
    for number in range(rounds + 1):
        for offset in range(len(sides)):
            side = (number + offset) % len(sides)
            sample = await sides[side]()
            if number:
                samples[side].append(sample)
    return samples
