"""Many runs at once through one HTTP server of agentos-mcp, in either durability; its memory during and after them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from statistics import median

import anyio

from benchmarks.connections import RunTimes, can_be_had, durability
from benchmarks.contenders import AGENTOS_MCP, OWN_HTTP, REST
from benchmarks.harness import measure_alternately, run_agentos, serve_http
from benchmarks.process_usage import peak_resident_mib, reset_peak, resident_mib
from benchmarks.results import Comparison, Result, Row, percentile
from benchmarks.streamed_calls import run_at_once, run_over_mcp, run_over_rest

ROUNDS = 3
SECTION = "Many runs at once"
MOST_RUNS = 500
MESSAGES = {1: "20 1.5", 20: "20 1.5", 100: "20 3", MOST_RUNS: "20 10"}
"""Words and seconds of each run, by how many there are at once: about as many words a second as models stream."""
MAX_RATIO_TO_OWN_MCP = 1.05
MAX_FIRST_PROGRESS_RATIO = 1.1
MAX_KIB_PER_RUN = 97.6
"""100 KB."""
SPREAD_SECONDS = 1.0
"""About how long a server on this machine takes to send that many starts on, one after another."""
_SPREAD = "straight REST, started over a second"
_ROUNDS_OF_MOST = 2
"""A single round, as in a quick run, leaves the most runs out."""
_SETTLE_SECONDS = 1.0
_FIRST_NOTICE = (
    "it says that the run has started before it starts it; the figure of agentos-mcp is of the run's first word, which "
    "/mcp never sends"
)
_IN_PROCESS = (
    "it runs the agent in AgentOS's own process; agentos-mcp reads each event of the run over REST, in a process of "
    "its own, to show the words as they come"
)
_SHARED_CORES = "AgentOS, the server in between and the clients share the cores of this machine"
_LATER_STARTS = (
    "AgentOS gets the starts from a server in between one after another, and streams the words of the first runs while "
    "it starts the last ones; REST has the same where its starts come like that. In the background half of the runs "
    "begin sooner than with REST"
)

Batch = Callable[[], Awaitable[list[RunTimes]]]


async def measure(rounds: int) -> list[Result]:
    return [*await _compare(rounds, background=True), *await _compare(rounds, background=False)]


async def _compare(rounds: int, *, background: bool) -> list[Result]:
    where = "background" if background else "foreground"
    results: list[Result] = []
    async with AsyncExitStack() as stack:
        own_mcp = not background and can_be_had(AGENTOS_MCP)
        url = stack.enter_context(run_agentos(own_mcp=own_mcp))
        address, pid = stack.enter_context(serve_http(url, *durability(background=background)))
        # The first run of a server waits until it knows what this AgentOS can do; `first_use` has such waits.
        await run_at_once(1, run_over_mcp(address, OWN_HTTP, MESSAGES[1]))
        for count, message in MESSAGES.items():
            if count == MOST_RUNS and rounds == 1:
                continue
            memory = _Memory(pid, count)
            sides: dict[str, Batch] = {
                OWN_HTTP.key: memory.around(partial(run_at_once, count, run_over_mcp(address, OWN_HTTP, message))),
                REST.key: partial(run_at_once, count, run_over_rest(url, message, background=background)),
            }
            if count == MOST_RUNS:
                rest = run_over_rest(url, message, background=background)
                sides[_SPREAD] = partial(run_at_once, count, rest, spread_seconds=SPREAD_SECONDS)
            if own_mcp:
                own = run_over_mcp(f"{url}/mcp", AGENTOS_MCP, message)
                sides[AGENTOS_MCP.key] = partial(run_at_once, count, own)
            # The fewest are a warm-up for all others.
            batches = await measure_alternately(
                min(rounds, _ROUNDS_OF_MOST) if count == MOST_RUNS else rounds, *sides.values(), warm_up=count == 1
            )
            name = f"{count} at once, {where}" if count > 1 else f"one, {where}"
            times = dict(zip(sides, batches, strict=True))
            spread = times.pop(_SPREAD, [])
            results += _rows(name, times, count)
            if spread:
                results.append(_against_spread_starts(name, times[OWN_HTTP.key], spread))
            if count == MOST_RUNS and background:
                results += memory.rows(name)
    return results


def _rows(name: str, times: dict[str, list[list[RunTimes]]], count: int) -> list[Result]:
    """The rows of one number of runs; `times` has the runs of each round, by contender."""
    seconds = {key: [max(run.seconds for run in batch) for batch in batches] for key, batches in times.items()}
    first = {key: _first_progress(batches) for key, batches in times.items()}
    medians = {
        key: [median(run.first_progress for run in batch) for batch in batches] for key, batches in times.items()
    }
    first_name = "first progress, p99" if count > 1 else "first progress"
    rows: list[Result] = [
        Comparison(
            SECTION,
            f"{name}: all done",
            "s",
            seconds,
            reasons={AGENTOS_MCP.key: _IN_PROCESS},
            is_in_chart=count in {100, MOST_RUNS} and AGENTOS_MCP.key in seconds,
        ),
        Comparison(SECTION, f"{name}: {first_name}", "s", first, reasons={AGENTOS_MCP.key: _FIRST_NOTICE}),
    ]
    if count > 1:
        rows.append(
            Comparison(SECTION, f"{name}: first progress, p50", "s", medians, reasons={AGENTOS_MCP.key: _FIRST_NOTICE})
        )
    if AGENTOS_MCP.key in times and count < MOST_RUNS:
        rows.append(
            Row(
                f"{name}, all done | AgentOS's /mcp",
                seconds[OWN_HTTP.key],
                seconds[AGENTOS_MCP.key],
                max_ratio=MAX_RATIO_TO_OWN_MCP,
                reason=_IN_PROCESS,
            )
        )
    if count == MOST_RUNS:
        completed = [float(len(batch)) for batch in times[OWN_HTTP.key]]
        rows.append(Row(f"{name}, completed", completed, unit="runs", min_value=count))
        rows.append(
            Row(
                f"{name}, first progress, p99 | straight REST",
                first[OWN_HTTP.key],
                first[REST.key],
                max_ratio=MAX_FIRST_PROGRESS_RATIO,
                reason=_LATER_STARTS,
            )
        )
    return rows


def _first_progress(batches: list[list[RunTimes]]) -> list[float]:
    """Of each round the seconds within which 99 of 100 runs have shown the first sign of themselves."""
    return [percentile([run.first_progress for run in batch], 0.99) for batch in batches]


def _against_spread_starts(name: str, own: list[list[RunTimes]], spread: list[list[RunTimes]]) -> Row:
    """First progress against that of REST where AgentOS gets the starts as it gets them from a server in between."""
    return Row(
        f"{name}, first progress, p99 | {_SPREAD}",
        _first_progress(own),
        _first_progress(spread),
        max_ratio=MAX_FIRST_PROGRESS_RATIO,
        reason=_SHARED_CORES,
    )


class _Memory:
    """The memory of a server before, during and after batches of runs."""

    def __init__(self, pid: int, count: int) -> None:
        self._pid = pid
        self._count = count
        self._before: list[float] = []
        self._peak: list[float] = []
        self._after: list[float] = []

    def around(self, batch: Batch) -> Batch:
        async def measured() -> list[RunTimes]:
            self._before.append(resident_mib(self._pid))
            reset_peak(self._pid)
            times = await batch()
            self._peak.append(peak_resident_mib(self._pid))
            await anyio.sleep(_SETTLE_SECONDS)
            self._after.append(resident_mib(self._pid))
            return times

        return measured

    def rows(self, name: str) -> list[Result]:
        per_run = 1024 * (self._peak[0] - self._before[0]) / self._count
        return [
            Row(f"{name}, memory of each", [per_run], unit="KiB", max_value=MAX_KIB_PER_RUN),
            Row(
                f"{name}, memory after the last batch | after the first",
                self._after[-1:],
                self._after[:1],
                unit="MiB",
                max_ratio=1.05,
            ),
            Row(f"{name}, memory at peak | before", self._peak[:1], self._before[:1], unit="MiB"),
        ]
