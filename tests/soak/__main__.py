"""`python -m tests.soak [--runs N] [--seed N]`: runs under faults, each accounted for in the end.

Prints a table, a row for each thing that has to hold; exits with 1 where one does not. After 10,000 runs it writes the
table into docs/reliability.md.
"""

from __future__ import annotations

import argparse
import logging
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import httpx
from anyio.abc import TaskGroup

from tests._support.fault_proxy import proxy_to
from tests._support.reliability_page import write_section
from tests.soak.counted_server import Counts
from tests.soak.fault_plan import FaultPlan
from tests.soak.one_run import PatientClient, RunReport, Surroundings
from tests.soak.processes import KillableAgentOS, KillableServer, ReopeningClient, SteadyServer
from tests.soak.report import Soak, rows, section, unaccounted

RUNS = 10_000
AT_ONCE = 40
_KILLED_SHARE = 5
"""One of so many runs is started on the server that is killed."""
_RUNS_PER_KILL = 500
_MAX_BATCHES = 5
_RUNS_PER_BATCH = 400


class Driver:
    """Brings `count` runs to their ends in batches, and looks at the steady server while nothing is going on."""

    def __init__(
        self, count: int, seed: int, agentos: KillableAgentOS, killed: KillableServer, steady: SteadyServer
    ) -> None:
        self.reports = [RunReport(number, number % _KILLED_SHARE == _KILLED_SHARE - 1) for number in range(count)]
        self.counts: list[Counts] = []
        batches = max(2, min(_MAX_BATCHES, count // _RUNS_PER_BATCH))
        self._size = -(-count // batches)
        self.plan = FaultPlan(seed, lambda number: self._position(number) < 0.5)
        self.kills = max(1, count // _RUNS_PER_KILL)
        self._kill_at = {(2 * turn + 1) * count // (2 * self.kills) for turn in range(self.kills)}
        self._agentos, self._killed, self._steady = agentos, killed, steady

    def _position(self, number: int) -> float:
        """Where in its batch a run is: what takes long is not to keep the whole batch waiting at its end."""
        return number % self._size / self._size

    async def run(self, rest: httpx.AsyncClient) -> dict[int, str]:
        """The statuses that AgentOS has stored in the end, of the runs that are not known as completed."""
        await self._warm_up()
        self.counts.append(await self._steady.count())
        for start in range(0, len(self.reports), self._size):
            batch = self.reports[start : start + self._size]
            await self._run_batch(batch)
            warm = self.counts[1] if len(self.counts) > 1 else None
            self.counts.append(await self._steady.settled(warm))
            wrong = sum(bool(report.problem) for report in batch)
            memory = self.counts[-1].memory_bytes / 2**20
            print(f"  {start + len(batch):,} runs have ended; problems: {wrong}; {memory:.1f} MiB", flush=True)
        self.plan.is_on = False
        return {
            report.number: await self._stored(rest, report) for report in self.reports if report.outcome != "completed"
        }

    async def _warm_up(self) -> None:
        """Let the steady server learn what AgentOS is."""
        async with anyio.create_task_group() as tasks:
            client = ReopeningClient(lambda: self._steady.url, "auto")
            tasks.start_soon(client.serve)
            await client("list_agents", {})
            client.close()

    async def _run_batch(self, batch: list[RunReport]) -> None:
        queues = [iter([report for report in batch if report.on_killed_server is wanted]) for wanted in (False, True)]
        slots = min(AT_ONCE, len(batch))
        async with anyio.create_task_group() as tasks:
            for slot in range(slots):
                tasks.start_soon(self._serve_slot, slot, queues[slot % _KILLED_SHARE == _KILLED_SHARE - 1], tasks)

    async def _serve_slot(self, slot: int, queue: Iterator[RunReport], kills: TaskGroup) -> None:
        is_on_killed = slot % _KILLED_SHARE == _KILLED_SHARE - 1
        async with anyio.create_task_group() as tasks:
            steady = ReopeningClient(lambda: self._steady.url, _era(slot))
            own = ReopeningClient(lambda: self._killed.url, _era(slot)) if is_on_killed else steady
            around = Surroundings(own, steady, lambda: self._agentos.changes, lambda: self._agentos.is_up)
            for client in {own, steady}:
                tasks.start_soon(client.serve)
            for report in queue:
                await PatientClient(report, around).run_to_end()
                if report.number in self._kill_at:
                    kills.start_soon(self._kill_both)
            for client in {own, steady}:
                client.close()

    async def _kill_both(self) -> None:
        """Kill AgentOS, and once it is back the server."""
        await self._agentos.kill_and_restart()
        await self._killed.kill_and_restart()

    async def _stored(self, rest: httpx.AsyncClient, report: RunReport) -> str:
        component = "workflows/counts" if report.is_workflow else "agents/counter"
        answer = await rest.get(f"/{component}/runs", params={"session_id": report.session})
        found = answer.json() if answer.is_success else []
        return str(found[-1]["status"]) if found else ""


def _era(slot: int) -> str:
    return ("auto", "legacy")[slot // 2 % 2]


async def soak(count: int, seed: int, folder: Path) -> Soak:
    """Run it in a folder of its own."""
    started = time.monotonic()
    (folder / "ledger").touch()
    agentos = KillableAgentOS(folder)
    stack: list[Callable[[], None]] = []
    try:
        agentos.host.start()
        stack.append(agentos.host.kill)
        async with proxy_to(agentos.host.url) as proxy:
            killed = KillableServer(proxy.url)
            stack.append(killed.stop)
            await anyio.to_thread.run_sync(killed.start)
            steady = await anyio.to_thread.run_sync(SteadyServer, proxy.url, folder)
            stack.append(steady.stop)
            driver = Driver(count, seed, agentos, killed, steady)
            proxy.choose = driver.plan.choose
            async with httpx.AsyncClient(base_url=agentos.host.url, timeout=30) as rest:
                stored = await driver.run(rest)
            complaints = steady.complaints
            for stop in reversed(stack):
                await anyio.to_thread.run_sync(stop)
            stack.clear()
    finally:
        for stop in reversed(stack):
            stop()
    return Soak(
        seed=seed,
        reports=driver.reports,
        ledger=(folder / "ledger").read_text(encoding="utf-8").splitlines(),
        stored=stored,
        faults=driver.plan.made,
        outages=agentos.outages,
        server_kills=killed.kills,
        expected_kills=driver.kills,
        counts=driver.counts,
        complaints=complaints,
        seconds=time.monotonic() - started,
    )


def main() -> int:
    """Run it; 1 where a row does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"how many runs are started (default {RUNS})")
    parser.add_argument("--seed", type=int, default=None, help="of the faults (default: a new one, which is printed)")
    parser.add_argument(
        "--write", action="store_true", help="put the figures into docs/reliability.md, few as they are"
    )
    options = parser.parse_args()
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    logging.disable()  # clients log each session and stream that ends with its server
    print(f"{options.runs:,} runs, {AT_ONCE} at once; seed {seed} ...", flush=True)
    with tempfile.TemporaryDirectory(prefix="agentos-soak-", dir=_memory_folder()) as folder:
        result = anyio.run(soak, options.runs, seed, Path(folder))
    table = rows(result)
    width = max(len(row.subject) for row in table)
    for row in table:
        mark = {True: "ok  ", False: "FAIL", None: "    "}[row.holds]
        print(f"{row.subject:{width}}  {mark}  {row.figure}")
    for report, why in unaccounted(result)[:50]:
        print(f"run {report.number} ({report.reference or report.session}): {why}; last: {report.text[:300]!r}")
    for line in result.complaints[:10]:
        print(line)
    failed = any(row.holds is False for row in table)
    if options.write or (options.runs >= RUNS and not failed):
        write_section("soak", section(result))
        print("Written into docs/reliability.md.")
    return 1 if failed else 0


def _memory_folder() -> str | None:
    """Where files are kept in memory, if there is such a place: the speed of a disk is not under test."""
    folder = Path("/dev/shm")  # noqa: S108 - the folder in it has a name that nobody can guess
    return str(folder) if folder.is_dir() else None


if __name__ == "__main__":
    sys.exit(main())
