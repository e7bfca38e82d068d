"""`python -m tests.cluster [--runs N]`: run a cluster on this machine, kill one of each kind, count what became of it.

Prints a table, a row for each thing that has to hold; exits with 1 where one does not.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio

from tests.cluster.one_run import PatientClient, RunReport
from tests.cluster.programs import ProgramMissing, install_missing
from tests.cluster.services import Cluster, Service, StartError, running_cluster

AT_ONCE = 16
SECONDS_PER_RUN = 2.0
AWAY_SECONDS = 2.0
"""How long what was killed is away."""
STEPS = ("first", "gate", "last")


@dataclass(frozen=True)
class Row:
    """One thing that has to hold."""

    subject: str
    figure: str
    holds: bool


async def run_all(cluster: Cluster, count: int) -> tuple[list[RunReport], list[str]]:
    """Bring `count` runs to their ends while one of each kind is killed in turn; the reports, and what was killed."""
    reports = [RunReport(number) for number in range(count)]
    killed: list[str] = []
    ended = 0
    changed = anyio.Event()
    slots = anyio.CapacityLimiter(AT_ONCE)

    async def one(report: RunReport) -> None:
        nonlocal ended, changed
        async with slots:
            await PatientClient(cluster, report).run_to_end()
        ended += 1
        changed.set()
        changed = anyio.Event()

    async def kill(service: Service) -> None:
        await anyio.to_thread.run_sync(service.kill)
        killed.append(service.name)
        print(f"  {ended} of {count} runs have ended: {service.name} is killed", flush=True)
        await anyio.sleep(AWAY_SECONDS)
        await anyio.to_thread.run_sync(service.start)

    async with anyio.create_task_group() as tasks:
        for report in reports:
            tasks.start_soon(one, report)
        victims = (cluster.replicas[0], cluster.workers[0], cluster.redis, cluster.nginx)
        for turn, service in enumerate(victims):
            while ended < count * (turn + 1) // (len(victims) + 2):
                await changed.wait()
            await kill(service)
    return reports, killed


def rows(reports: Sequence[RunReport], ledger: Sequence[str], killed: Sequence[str], victims: int) -> list[Row]:
    """What has to hold of the runs, from their reports and the ledger of what was executed."""
    count = len(reports)
    workflows = [report for report in reports if report.is_workflow]
    executed = Counter(ledger)
    expected = {
        f"{step} {report.tag}": report for report in reports for step in (STEPS if report.is_workflow else ("lookup",))
    }
    twice = [line for line, times in executed.items() if times > 1]
    completed = [report for report in reports if set(report.statuses) == {"completed"}]
    failed = [report for report in reports if set(report.statuses) == {"failed"}]
    left_out = [line for line, report in expected.items() if report in completed and not executed[line]]
    foreign = [line for line in executed if line not in expected]
    alike = [report for report in reports if len(report.statuses) == 2 and len(set(report.statuses)) == 1]
    by_form = [report for report in workflows if report.is_answered_by_form]
    asked_by_form = [report for report in workflows if report.number % 4 == 1]
    return [
        Row("killed and started again", ", ".join(killed), len(killed) == victims),
        Row(
            "runs with an end",
            f"{count - sum(bool(r.problem) for r in reports)} of {count}",
            not any(r.problem for r in reports),
        ),
        Row("the same end on both replicas", f"{len(alike)} of {count}", len(alike) == count),
        Row(
            "completed, or failed with their worker",
            f"{len(completed)} + {len(failed)}",
            len(completed) + len(failed) == count and len(failed) <= AT_ONCE,
        ),
        Row("executed twice", str(len(twice)), not twice),
        Row("completed but not executed", str(len(left_out)), not left_out),
        Row("executed but started by nobody", str(len(foreign)), not foreign),
        Row(
            "workflows whose question was answered",
            f"{sum(r.is_answered for r in workflows)} of {len(workflows)}",
            all(r.is_answered for r in workflows if r in completed),
        ),
        Row(
            "of those by form, on the other replica",
            f"{len(by_form)} of {len(asked_by_form)}",
            len(by_form) > len(asked_by_form) // 2,
        ),
        Row("calls that broke (for information)", str(sum(r.broken_calls for r in reports)), True),
    ]


def main() -> int:
    """Run it; 1 where a row does not hold, 2 where the cluster did not come up."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="how many runs are started (default 200)")
    options = parser.parse_args()
    logging.disable()  # clients log each session and stream that ends with its server
    started = time.monotonic()
    try:
        programs = install_missing()
        with (
            tempfile.TemporaryDirectory(prefix="agentos-cluster-") as folder,
            running_cluster(Path(folder), programs, SECONDS_PER_RUN) as cluster,
        ):
            print(f"Up after {time.monotonic() - started:.0f} s; {options.runs} runs ...", flush=True)
            reports, killed = anyio.run(run_all, cluster, options.runs)
            ledger = cluster.ledger.read_text(encoding="utf-8").splitlines()
    except (ProgramMissing, StartError) as error:
        print(error, file=sys.stderr)
        return 2
    table = rows(reports, ledger, killed, 4)
    width = max(len(row.subject) for row in table)
    for row in table:
        print(f"{row.subject:{width}}  {'ok  ' if row.holds else 'FAIL'}  {row.figure}")
    for report in reports:
        if report.problem or len(set(report.statuses)) != 1:
            print(f"run {report.number} {report.reference}: {report.statuses} {report.problem}")
    print(f"{time.monotonic() - started:.0f} s")
    return 0 if all(row.holds for row in table) else 1


if __name__ == "__main__":
    sys.exit(main())
