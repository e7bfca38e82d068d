"""What the doctor finds, how it is shown, and the checks that report it side by side."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from agentos_mcp.agentos.task_groups import gather
from agentos_mcp.doctor.fixes import Fix, FixStep
from agentos_mcp.install.host_system import HostSystem

Level = Literal["good", "warning", "bad"]

_MARKS: dict[Level, str] = {"good": "✔", "warning": "!", "bad": "✘"}
_ASCII_MARKS: dict[Level, str] = {"good": "+", "warning": "!", "bad": "x"}


@dataclass(frozen=True)
class Finding:
    """The result of one check. `fix` is empty where there is nothing to do."""

    level: Level
    subject: str
    """What was checked: `URL`, `Token`, a client's title, ..."""
    message: str
    """A clause without a full stop."""
    fix: Fix = ()

    def render(self, system: HostSystem, encoding: str = "utf-8") -> str:
        """As it is printed; with ASCII marks where the encoding has no others."""
        head = f"{_marks(encoding)[self.level]} {self.subject}: {self.message}"
        return "\n    ".join([head, *(step.render(system) for step in self.fix)])

    def as_data(self, system: HostSystem) -> dict[str, Any]:
        return {
            "level": self.level,
            "subject": self.subject,
            "message": self.message,
            "fix": [step.as_data(system) for step in self.fix],
        }

    def mapped(self, change: Callable[[str], str]) -> Finding:
        """The finding with each of its texts changed."""
        return Finding(self.level, self.subject, change(self.message), tuple(step.mapped(change) for step in self.fix))


Report = Callable[[Finding], None]


def good(subject: str, message: str, *fix: FixStep) -> Finding:
    return Finding("good", subject, message, fix)


def warning(subject: str, message: str, *fix: FixStep) -> Finding:
    return Finding("warning", subject, message, fix)


def bad(subject: str, message: str, *fix: FixStep) -> Finding:
    return Finding("bad", subject, message, fix)


def as_json(findings: Sequence[Finding], system: HostSystem) -> str:
    document = {"healthy": is_healthy(findings), "findings": [finding.as_data(system) for finding in findings]}
    return json.dumps(document, ensure_ascii=True, indent=1)


def is_healthy(findings: Sequence[Finding]) -> bool:
    """Whether nothing is bad; warnings do not count."""
    return all(finding.level != "bad" for finding in findings)


def summary(findings: Sequence[Finding]) -> str:
    counts = {level: sum(finding.level == level for finding in findings) for level in _MARKS}
    parts = [_amount(counts["bad"], "problem")] if counts["bad"] else []
    parts += [_amount(counts["warning"], "warning")] if counts["warning"] else []
    return f"{', '.join(parts)}." if parts else "Everything works."


def _amount(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _marks(encoding: str) -> dict[Level, str]:
    try:
        "".join(_MARKS.values()).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return _ASCII_MARKS
    return _MARKS


# Checks

Check = Callable[[Report], Awaitable[None]]


async def run_checks(checks: Sequence[Check], report: Report) -> None:
    """Run the checks at the same time, and report their findings in the order of the checks.

    A finding is reported at once where all the checks before its own are done, else as soon as they
    are: the output grows only at its end, and is the same every time.
    """
    pending: list[list[Finding]] = [[] for _ in checks]
    is_done = [False] * len(checks)

    def report_pending() -> None:
        for findings, done in zip(pending, is_done, strict=True):
            for finding in findings:
                report(finding)
            findings.clear()
            if not done:
                return

    async def run(index: int) -> None:
        def add(finding: Finding) -> None:
            pending[index].append(finding)
            report_pending()

        await _run_guarded(checks[index], add)
        is_done[index] = True
        report_pending()

    await gather(partial(run, index) for index in range(len(checks)))


async def _run_guarded(check: Check, report: Report) -> None:
    """A check that raises is a finding, and does not end the others."""
    try:
        await check(report)
    except Exception as error:
        report(
            bad(
                "Doctor",
                f"a check failed ({type(error).__name__}: {error}); this is a bug in agentos-mcp",
                FixStep("Please report it, with this message."),
            )
        )
