"""One streamed run of 1.5 seconds, of an agent and of a workflow: until its first sign, and until its result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from agentos_mcp.agentos.runs.run import Kind
from benchmarks.connections import RunTimes, connect_all
from benchmarks.contenders import AGENTOS_MCP, MCP_PROXY, MCP_REMOTE, OPENAPI, OWN_HTTP, OWN_STDIO, REST, Contender
from benchmarks.harness import measure_alternately, run_agentos
from benchmarks.results import Comparison, Result, Row

ROUNDS = 3
SECTION = "One streamed run"
MAX_RATIO = 1.05
MESSAGE = "75 1.5"
KINDS: tuple[Kind, ...] = ("agent", "workflow")
_OWN = (OWN_STDIO, OWN_HTTP, REST)
_ALL = (OWN_STDIO, OWN_HTTP, AGENTOS_MCP, MCP_REMOTE, MCP_PROXY, OPENAPI, REST)
_THROUGH_AGENTOS = (AGENTOS_MCP.key, MCP_REMOTE.key, MCP_PROXY.key)
_BEFORE_START = (
    "its first notice is sent before the run starts, and says no more than that; the first notice of agentos-mcp is of "
    "the run's first word or step"
)
_WITHOUT_EVENTS = "it has the run's answer alone; agentos-mcp reads each of its events, to show its words and steps"


async def measure(rounds: int) -> list[Result]:
    """In the background, where runs survive their connection, and which only REST has; and in the foreground."""
    results: list[Result] = []
    with run_agentos(own_mcp=True) as url:
        for contenders, where in ((_OWN, "background"), (_ALL, "foreground")):
            async with connect_all(contenders, url, background=where == "background") as connections:
                for kind in KINDS:
                    sides: dict[str, Callable[[], Awaitable[RunTimes]]] = {
                        key: partial(connection.run, kind, MESSAGE) for key, connection in connections.items()
                    }
                    samples = dict(zip(sides, await measure_alternately(rounds, *sides.values()), strict=True))
                    results += _rows(f"{kind}, {where}", samples)
    return results


def _rows(name: str, samples: dict[str, list[RunTimes]]) -> list[Result]:
    seconds = {key: [run.seconds for run in runs] for key, runs in samples.items()}
    # Without any progress the result is the first sign.
    first = {key: [run.first_progress for run in runs] for key, runs in samples.items()}
    faster = dict.fromkeys((*_THROUGH_AGENTOS, OPENAPI.key), _WITHOUT_EVENTS)
    rows: list[Result] = [
        Comparison(SECTION, f"{name}: until the result", "s", seconds, faster),
        Comparison(
            SECTION, f"{name}: until the first sign", "s", first, dict.fromkeys(_THROUGH_AGENTOS, _BEFORE_START)
        ),
    ]
    limits = [(OWN_STDIO, REST)] + ([(OWN_HTTP, AGENTOS_MCP)] if AGENTOS_MCP.key in samples else [])
    rows += [_limit(name, seconds, own, other) for own, other in limits]
    return rows


def _limit(name: str, seconds: dict[str, list[float]], own: Contender, other: Contender) -> Row:
    title = f"{name}, {own.transport}: until the result | {other.title}"
    return Row(
        title,
        seconds[own.key],
        seconds[other.key],
        max_ratio=MAX_RATIO,
        reason="" if other is REST else _WITHOUT_EVENTS,
    )
