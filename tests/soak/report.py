"""What has to hold after a soak, from the reports of its runs, the ledger and what AgentOS has stored. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.surface.markdown_table import table
from tests._support.reliability_page import setting
from tests.soak.counted_server import Counts
from tests.soak.one_run import Outcome, RunReport

MAX_GROWTH = 0.05
MIN_RUNS_FOR_MEMORY = 2_000
"""With fewer runs the server is still warming up."""
_STORED_AS: Mapping[Outcome, frozenset[str]] = {
    "completed": frozenset({"COMPLETED"}),
    "failed": frozenset({"ERROR"}),
    "cancelled": frozenset({"CANCELLED"}),
    "orphaned": frozenset({"PENDING", "RUNNING"}),
    "unknown": frozenset({""}),
    "not started": frozenset({""}),
}
"""What AgentOS may have stored of a run, '' for nothing, by what the client knows of it."""


@dataclass(frozen=True)
class Row:
    """One thing that has to hold; `holds` is None for what is only counted."""

    subject: str
    figure: str
    holds: bool | None = None


@dataclass(frozen=True)
class Soak:
    """All that is known after a soak."""

    seed: int
    reports: Sequence[RunReport]
    ledger: Sequence[str]
    stored: Mapping[int, str]
    """The status that AgentOS has stored, by the number of a run that is not known as completed; '' for none."""
    faults: Mapping[str, int]
    outages: Sequence[tuple[float, float]]
    server_kills: int
    expected_kills: int
    """Of AgentOS and of the server each."""
    counts: Sequence[Counts]
    """What the steady server held: before the first run, after those that warm it up, and at each settled point."""
    complaints: Sequence[str] = ()
    seconds: float = 0.0


def unaccounted(soak: Soak) -> list[tuple[RunReport, str]]:
    """The runs that are lost, or are not as the client was told, with the reason."""
    executed = Counter(soak.ledger)
    return [(report, why) for report in soak.reports if (why := _mistake(soak, report, executed))]


def _mistake(soak: Soak, report: RunReport, executed: Mapping[str, int]) -> str:
    if report.problem or not report.outcome:
        return report.problem or "no outcome"
    times = [executed.get(line, 0) for line in report.executions]
    if report.outcome == "completed":
        return "" if all(times) else "completed, but not executed"
    stored = soak.stored.get(report.number, "")
    if stored not in _STORED_AS[report.outcome]:
        return f"known as {report.outcome}, stored as {stored or 'nothing'}"
    was_down = any(went < report.ended_at and came > report.started_at for went, came in soak.outages)
    if report.outcome == "orphaned" and not was_down:
        return "called orphaned, though AgentOS was not restarted"
    if report.outcome in {"unknown", "not started"} and any(times) and not was_down:
        return f"known as {report.outcome}, but executed"
    if report.outcome == "not started" and any(times):
        return "known as not started, but executed"
    if report.outcome in {"failed", "cancelled"} and not was_down:
        return f"{report.outcome}, though nothing failed"
    return ""


def rows(soak: Soak) -> list[Row]:
    """What has to hold, and what is worth knowing."""
    count = len(soak.reports)
    outcomes = Counter(report.outcome or "none" for report in soak.reports)
    executed = Counter(soak.ledger)
    own = {line for report in soak.reports for line in report.executions}
    twice = sum(times > 1 for times in executed.values())
    foreign = sum(line not in own for line in executed)
    lost = unaccounted(soak)
    by_reference = sum(report.by_reference for report in soak.reports if report.outcome == "completed")
    kills = f"{len(soak.outages)} and {soak.server_kills}"
    return [
        Row("runs accounted for", f"{count - len(lost):,} of {count:,}", not lost),
        Row("executed twice", str(twice), not twice),
        Row("executed, but started by nobody", str(foreign), not foreign),
        Row("completed with their answer", f"{outcomes['completed']:,}"),
        Row("of those, brought to their end by their reference", f"{by_reference:,}"),
        Row("reported as what a restart of AgentOS cut off", str(outcomes["orphaned"])),
        Row("reported as failed", str(outcomes["failed"] + outcomes["cancelled"])),
        Row("reported as unknown to AgentOS, with their reference", str(outcomes["unknown"])),
        Row("refused before they started", str(outcomes["not started"])),
        Row("faults", _listed(soak.faults)),
        Row(
            "AgentOS and server killed and started again",
            kills,
            len(soak.outages) == soak.server_kills == soak.expected_kills,
        ),
        Row("calls that broke with their server", str(sum(report.broken_calls for report in soak.reports))),
        *_held_rows(soak),
        Row("errors in the server's log", str(len(soak.complaints)), not soak.complaints),
        Row("time", f"{soak.seconds / 60:.1f} min, {count / max(soak.seconds, 1):.1f} runs a second"),
    ]


def section(soak: Soak) -> str:
    """The part of the page that these figures are for."""
    marks = {True: "yes", False: "**no**", None: ""}
    lines = [(row.subject, row.figure, marks[row.holds]) for row in rows(soak)]
    return f"{setting(soak.seed)}.\n\n{table(('', 'figure', 'as it has to be'), lines)}"


def _held_rows(soak: Soak) -> list[Row]:
    if len(soak.counts) < 3:
        return []
    before, warm, *later = soak.counts
    last = later[-1]
    growth = max(point.memory_bytes for point in later) / warm.memory_bytes - 1
    points = ", ".join(f"{point.memory_bytes / 2**20:.1f}" for point in soak.counts)
    limited = len(soak.reports) >= MIN_RUNS_FOR_MEMORY
    return [
        Row(
            "memory of the server when idle (MiB: before, warm, later)",
            f"{points}: {growth:+.1%}",
            growth <= MAX_GROWTH if limited else None,
        ),
        *(
            Row(
                f"{name} of the server (before, warm, at the end)",
                f"{first}, {second}, {third}",
                third <= max(first, second),
            )
            for name, first, second, third in (
                ("tasks", before.tasks, warm.tasks, last.tasks),
                ("sockets", before.sockets, warm.sockets, last.sockets),
                ("file descriptors", before.descriptors, warm.descriptors, last.descriptors),
                ("threads", before.threads, warm.threads, last.threads),
            )
        ),
    ]


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items(), key=lambda item: -item[1])) or "none"
