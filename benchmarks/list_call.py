"""A list call over HTTP: `list_agents` on a server of ours, and `GET /agents` on its AgentOS, by the same client."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from statistics import median

import httpx
from mcp_types.version import LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION

from benchmarks.harness import BenchmarkError, measure_alternately, rest_client, run_agentos, serve_http
from benchmarks.process_usage import cpu_seconds
from benchmarks.results import Row

ROUNDS = 15
SECTION = "A list call over HTTP, and REST's own"
CALLS = 20
"""In a round, of which the median counts."""
MAX_ADDED_MILLISECONDS = 3.0
_TOOL = "list_agents"
_CLIENT = {"name": "benchmark", "version": "1"}
_HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


async def measure(rounds: int) -> list[Row]:
    rows = []
    async with AsyncExitStack() as stack:
        url = stack.enter_context(run_agentos())
        address, pid = stack.enter_context(serve_http(url))
        rest = await stack.enter_async_context(rest_client(url))
        mcp = await stack.enter_async_context(
            httpx.AsyncClient(base_url=address.removesuffix("/mcp"), headers=_HEADERS, timeout=60)
        )
        session = await _open_session(mcp)
        for era, call in (("modern era", _call_modern), ("legacy era", partial(_call_legacy, session))):
            own, other = await measure_alternately(
                rounds, partial(_calls, pid, partial(call, mcp)), partial(_calls, None, partial(_call_rest, rest))
            )
            own_milliseconds, cpu = ([sample[part] for sample in own] for part in (0, 1))
            rest_milliseconds = [sample[0] for sample in other]
            added = [ours - theirs for ours, theirs in zip(own_milliseconds, rest_milliseconds, strict=True)]
            name = f"list call over HTTP, {era}"
            rows += [
                Row(f"{name} | REST", own_milliseconds, rest_milliseconds, unit="ms"),
                Row(f"{name}, more than REST", added, unit="ms", max_value=MAX_ADDED_MILLISECONDS),
                Row(f"{name}, the server's CPU", cpu, unit="ms"),
            ]
    return rows


async def _calls(pid: int | None, call: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Milliseconds: the median of some calls, and the CPU time of a process for each."""
    milliseconds = []
    cpu_before = cpu_seconds(pid) if pid is not None else 0.0
    for _ in range(CALLS):
        started = time.perf_counter()
        await call()
        milliseconds.append(1000 * (time.perf_counter() - started))
    cpu = cpu_seconds(pid) - cpu_before if pid is not None else 0.0
    return median(milliseconds), 1000 * cpu / CALLS


async def _call_rest(http: httpx.AsyncClient) -> None:
    _check(await http.get("/agents"))


async def _call_modern(http: httpx.AsyncClient) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": LATEST_MODERN_VERSION,
        "io.modelcontextprotocol/clientInfo": _CLIENT,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    headers = {"Mcp-Protocol-Version": LATEST_MODERN_VERSION, "Mcp-Method": "tools/call", "Mcp-Name": _TOOL}
    params = {"name": _TOOL, "arguments": {}, "_meta": meta}
    _check(await http.post("/mcp", headers=headers, json=_request("tools/call", params)))


async def _call_legacy(session: str, http: httpx.AsyncClient) -> None:
    headers = {"Mcp-Protocol-Version": LATEST_HANDSHAKE_VERSION, "Mcp-Session-Id": session}
    params = {"name": _TOOL, "arguments": {}}
    _check(await http.post("/mcp", headers=headers, json=_request("tools/call", params)))


async def _open_session(http: httpx.AsyncClient) -> str:
    """A session of a legacy client: its id."""
    params = {"protocolVersion": LATEST_HANDSHAKE_VERSION, "capabilities": {}, "clientInfo": _CLIENT}
    response = await http.post("/mcp", json=_request("initialize", params))
    session = response.raise_for_status().headers["Mcp-Session-Id"]
    headers = {"Mcp-Protocol-Version": LATEST_HANDSHAKE_VERSION, "Mcp-Session-Id": session}
    await http.post("/mcp", headers=headers, json={"jsonrpc": "2.0", "method": "notifications/initialized"})
    return session


def _request(method: str, params: Mapping[str, object]) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def _check(response: httpx.Response) -> None:
    if response.status_code != httpx.codes.OK or "streamer" not in response.text:
        raise BenchmarkError(f"A list call answered {response.status_code}: {response.text[:200]}")
