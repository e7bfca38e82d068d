"""A few runs of `make soak`: faults are made, AgentOS and the server are killed, and every run is accounted for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.soak.__main__ import soak
from tests.soak.fault_plan import FaultPlan
from tests.soak.report import rows, unaccounted

RUNS = 16
SEED = 5


@pytest.mark.anyio
@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="what a process holds is read from /proc")
async def test_soak_accounts_for_every_run(tmp_path: Path) -> None:
    result = await soak(RUNS, SEED, tmp_path)
    assert [row for row in rows(result) if row.holds is False] == [], unaccounted(result)
    outcomes = [report.outcome for report in result.reports]
    assert outcomes.count("completed") > RUNS // 3
    assert sum(result.faults.values()) >= RUNS // 4
    assert len(result.outages) == result.server_kills == 1


def request(number: int, nth: int = 0) -> bytes:
    line = b"POST /agents/counter/runs HTTP/1.1" if nth == 0 else b"GET /agents/counter/runs/r HTTP/1.1"
    return line + b"\r\n\r\nsession_id=soak-%dx" % number


def test_same_seed_makes_the_same_faults_in_any_order() -> None:
    requests = [(number, nth) for number in range(200) for nth in (0, 1)]

    def names(order: list[tuple[int, int]], seed: int) -> dict[tuple[int, int], tuple[object, ...]]:
        plan = FaultPlan(seed, lambda number: number < 100)
        faults = {one: plan.choose(request(*one)) for one in order}
        return {one: (fault.name, fault.cut_after, fault.arrives) if fault else () for one, fault in faults.items()}

    first = names(requests, 1)
    assert names(requests[::-1], 1) == first
    assert names(requests, 2) != first
    assert {name for name, *_ in filter(None, first.values())} >= {
        *("cut", "stall", "slow", "truncate", "duplicate", "reorder", "429", "500", "502", "503", "HTML")
    }


def test_run_meets_no_fault_in_the_end() -> None:
    plan = FaultPlan(1, lambda number: True)
    for number in range(50):
        faults = [plan.choose(request(number, 1)) for _ in range(10)]
        assert faults[3:] == [None] * 7
