"""Starts what the benchmarks compare, and runs the sides of a comparison in turn."""

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
from benchmarks.agentos import LAST_OF_A_STEP, OWN_MCP

T = TypeVar("T")

COMPONENTS: dict[Kind, str] = {"agent": "streamer", "workflow": "three-steps"}
_FOLDER = Path(__file__).parent
_ENDS = ("event: RunCompleted", "event: WorkflowCompleted")


class Failed(RuntimeError):
    """A benchmark could not run: there is nothing to compare."""


@contextmanager
def agentos(*, own_mcp: bool = False) -> Iterator[str]:
    """A fresh AgentOS with an empty database: its address."""
    environment = {OWN_MCP: "1"} if own_mcp else {}
    with demo_agentos(build="benchmarks.agentos:build", environment=environment) as url:
        yield url


def our_server(url: str) -> StdioServerParameters:
    return _server("-m", "agentos_mcp", "serve", "--url", url)


def bare_server() -> StdioServerParameters:
    return _server(str(_FOLDER / "bare_server.py"))


def _server(*arguments: str) -> StdioServerParameters:
    return StdioServerParameters(command=sys.executable, args=list(arguments), cwd=_FOLDER.parent)


@asynccontextmanager
async def connected(server: StdioServerParameters, mode: str = "auto") -> AsyncIterator[Client]:
    """A client of a server that is spawned for it; one code for every server."""
    async with Client(stdio_client(server), mode=mode, cache=None) as client:
        yield client


class Progress:
    """A progress callback that notes when the first one came, and nothing else."""

    def __init__(self) -> None:
        self.begun = anyio.Event()
        self.first = 0.0

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        if not self.first:
            self.first = time.perf_counter()
            self.begun.set()


async def through_mcp(client: Client, kind: Kind, message: str, progress: Progress | None = None) -> float:
    """Run a component with a server's run tool, ours or AgentOS's own; seconds from call to result."""
    arguments = {f"{kind}_id": COMPONENTS[kind], "message": message}
    begun = time.perf_counter()
    result = await client.call_tool(f"run_{kind}", arguments, progress_callback=progress or Progress())
    seconds = time.perf_counter() - begun
    if result.is_error or last_word(kind, message) not in str(result.content):
        raise Failed(f"run_{kind} failed: {result.content}")
    return seconds


def last_word(kind: Kind, message: str) -> str:
    """What a component says last when it is asked with `message`: with it the answer is whole."""
    return f"word{int(message.split(maxsplit=1)[0]) - 1}" if kind == "agent" else LAST_OF_A_STEP


@asynccontextmanager
async def rest(url: str) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=None, keepalive_expiry=2.0)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as http:
        yield http


def run_form(message: str, *, background: bool, session: str = "", run: str = "") -> dict[str, str]:
    """A streamed run's form, under ids of our own, as agentos-mcp sends it."""
    form = {"message": message, "stream": "true", "session_id": session or new_id(), "run_id": run or new_id()}
    return form | ({"background": "true"} if background else {})


async def over_rest(http: httpx.AsyncClient, kind: Kind, message: str, *, background: bool = True) -> float:
    """The same run straight over REST, its stream read to the end; seconds."""
    begun = time.perf_counter()
    await stream_events(http, kind, message, background=background)
    return time.perf_counter() - begun


async def stream_events(http: httpx.AsyncClient, kind: Kind, message: str, *, background: bool = True) -> int:
    """The bare loop: read a run's stream line by line and nothing more; the number of its events."""
    events, completed = 0, False
    path = f"/{kind}s/{COMPONENTS[kind]}/runs"
    async with http.stream("POST", path, data=run_form(message, background=background)) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if line.startswith("event:"):
                events += 1
                completed = completed or line.startswith(_ENDS)
    if not completed:
        raise Failed(f"A run over REST did not complete ({events} events).")
    return events


async def in_turns(rounds: int, *sides: Callable[[], Awaitable[T]]) -> list[list[T]]:
    """Every side once a round, in an order that turns; a first round, to warm up, is dropped. Samples by side."""
    samples: list[list[T]] = [[] for _ in sides]
    for number in range(rounds + 1):
        turned = [(number + place) % len(sides) for place in range(len(sides))]
        for side in turned:
            sample = await sides[side]()
            if number:
                samples[side].append(sample)
    return samples
