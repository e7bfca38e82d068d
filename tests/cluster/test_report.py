"""The rows of `make test-cluster`: each one fails where what it counts is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.cluster.__main__ import AT_ONCE, STEPS, rows
from tests.cluster.one_run import RunReport

KILLED = ["replica 1", "AgentOS worker 1", "Redis", "nginx"]


def good(count: int = 8) -> tuple[list[RunReport], list[str]]:
    """Reports of runs that all went well, and the ledger of what they executed."""
    reports = [RunReport(number, f"r/{number}", ["completed"] * 2, starts=1) for number in range(count)]
    for report in reports:
        report.is_answered = report.is_workflow
        report.is_answered_by_form = report.number % 4 == 1
    ledger = [f"{step} {one.tag}" for one in reports for step in (STEPS if one.is_workflow else ("lookup",))]
    return reports, ledger


def failing(reports: list[RunReport], ledger: list[str], killed: list[str]) -> list[str]:
    return [row.subject for row in rows(reports, ledger, killed, len(KILLED)) if not row.holds]


def test_good_runs_fail_no_row() -> None:
    assert failing(*good(), KILLED) == []


def test_run_that_failed_with_its_worker_fails_no_row() -> None:
    reports, ledger = good()
    reports[0].statuses = ["failed", "failed"]
    assert failing(reports, [line for line in ledger if reports[0].tag not in line], KILLED) == []


def test_more_failed_runs_than_one_worker_can_have_had_fail_their_row() -> None:
    reports, _ = good(2 * AT_ONCE)
    for report in reports[: AT_ONCE + 1]:
        report.statuses = ["failed", "failed"]
    assert "completed, or failed with their worker" in failing(reports, [], KILLED)


@pytest.mark.parametrize(
    ("number", "changes", "subject"),
    [
        (0, {"problem": "gone"}, "runs with an end"),
        (0, {"statuses": ["completed", "failed"]}, "the same end on both replicas"),
        (0, {"statuses": ["completed"]}, "the same end on both replicas"),
        (0, {"statuses": ["cancelled", "cancelled"]}, "completed, or failed with their worker"),
        (3, {"is_answered": False}, "workflows whose question was answered"),
        (1, {"is_answered_by_form": False}, "of those by form, on the other replica"),
    ],
)
def test_wrong_run_fails_its_row(number: int, changes: dict[str, object], subject: str) -> None:
    reports, ledger = good()
    reports[number] = replace(reports[number], **changes)  # type: ignore[arg-type]  # of fields of any type
    assert subject in failing(reports, ledger, KILLED)


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        (lambda ledger: [*ledger, ledger[0]], "executed twice"),
        (lambda ledger: ledger[1:], "completed but not executed"),
        (lambda ledger: [*ledger, "lookup tag-999x"], "executed but started by nobody"),
    ],
)
def test_wrong_ledger_fails_its_row(change: Callable[[list[str]], list[str]], subject: str) -> None:
    reports, ledger = good()
    assert failing(reports, change(ledger), KILLED) == [subject]


def test_missing_kill_fails_its_row() -> None:
    assert failing(*good(), KILLED[1:]) == ["killed and started again"]
