"""The rows of `make soak`: each one fails where what it counts is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests._support.reliability_page import write_section
from tests.soak.counted_server import Counts
from tests.soak.one_run import RunReport
from tests.soak.report import MIN_RUNS_FOR_MEMORY, Soak, rows, section, unaccounted

HELD = Counts(memory_bytes=100_000_000, tasks=3, sockets=3, descriptors=7, threads=1)


def good(count: int = 8) -> Soak:
    """A soak in which all went well; AgentOS was away from second 10 to second 12."""
    reports = [
        RunReport(number, on_killed_server=False, reference=f"r/{number}", outcome="completed", ended_at=1.0)
        for number in range(count)
    ]
    return Soak(
        seed=1,
        reports=reports,
        ledger=[line for report in reports for line in report.executions],
        stored={},
        faults={"cut": 3},
        outages=[(10.0, 12.0)],
        server_kills=1,
        expected_kills=1,
        counts=[HELD, HELD, HELD],
    )


def with_run(outcome: Any, *, stored: str = "", executed: bool = False, during_outage: bool = False) -> Soak:
    """The same with one run that ended like this."""
    soak = good()
    report = replace(soak.reports[0], outcome=outcome, started_at=9.0, ended_at=13.0 if during_outage else 9.5)
    ledger = [line for line in soak.ledger if executed or line not in report.executions]
    return replace(soak, reports=[report, *soak.reports[1:]], ledger=ledger, stored={0: stored})


def failing(soak: Soak) -> list[str]:
    return [row.subject for row in rows(soak) if row.holds is False]


def test_good_soak_fails_no_row() -> None:
    assert failing(good()) == []


@pytest.mark.parametrize(
    "soak",
    [
        with_run("unknown"),
        with_run("not started"),
        with_run("unknown", executed=True, during_outage=True),
        with_run("orphaned", stored="RUNNING", executed=True, during_outage=True),
        with_run("failed", stored="ERROR", during_outage=True),
    ],
)
def test_run_that_is_told_as_it_is_fails_no_row(soak: Soak) -> None:
    assert failing(soak) == []


@pytest.mark.parametrize(
    ("soak", "why"),
    [
        (with_run(""), "no outcome"),
        (with_run("completed"), "not executed"),
        (with_run("unknown", stored="COMPLETED", executed=True), "known as unknown, stored as COMPLETED"),
        (with_run("not started", stored="RUNNING"), "known as not started, stored as RUNNING"),
        (with_run("unknown", executed=True), "but executed"),
        (with_run("not started", executed=True, during_outage=True), "but executed"),
        (with_run("orphaned", stored="RUNNING"), "not restarted"),
        (with_run("failed", stored="ERROR"), "nothing failed"),
        (with_run("failed", stored="COMPLETED", during_outage=True), "stored as COMPLETED"),
    ],
)
def test_run_that_is_told_otherwise_is_not_accounted_for(soak: Soak, why: str) -> None:
    assert failing(soak) == ["runs accounted for"]
    ((_, mistake),) = unaccounted(soak)
    assert why in mistake


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        (lambda soak: replace(soak, ledger=[*soak.ledger, soak.ledger[0]]), "executed twice"),
        (lambda soak: replace(soak, ledger=[*soak.ledger, "lookup tag-999x"]), "executed, but started by nobody"),
        (lambda soak: replace(soak, server_kills=0), "AgentOS and server killed and started again"),
        (lambda soak: replace(soak, complaints=["Traceback"]), "errors in the server's log"),
        (lambda soak: replace(soak, counts=[HELD, HELD, replace(HELD, tasks=4)]), "tasks of the server"),
        (lambda soak: replace(soak, counts=[HELD, HELD, replace(HELD, sockets=4)]), "sockets of the server"),
        (lambda soak: replace(soak, counts=[HELD, HELD, replace(HELD, threads=2)]), "threads of the server"),
        (lambda soak: replace(soak, counts=[HELD, HELD, replace(HELD, descriptors=8)]), "file descriptors of the"),
    ],
)
def test_what_is_wrong_fails_its_row(change: Callable[[Soak], Soak], subject: str) -> None:
    (row,) = failing(change(good()))
    assert row.startswith(subject)


def test_growing_memory_fails_its_row_once_the_server_is_warm() -> None:
    grown = [HELD, HELD, replace(HELD, memory_bytes=106_000_000)]
    assert failing(replace(good(), counts=grown)) == []
    (row,) = failing(replace(good(MIN_RUNS_FOR_MEMORY), counts=grown))
    assert row.startswith("memory of the server")


def test_section_stands_in_its_place_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A\n<!-- generated: soak -->\nold\n<!-- end -->\nB\n<!-- generated: fuzz -->\nold\n<!-- end -->\n"
    )
    write_section("soak", section(good()), page)
    text = page.read_text()
    assert "| runs accounted for | 8 of 8 | yes |" in text
    assert text.count("old") == 1
    assert text.startswith("# A\n<!-- generated: soak -->\n")
    with pytest.raises(LookupError):
        write_section("other", "text", page)
