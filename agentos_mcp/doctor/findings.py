"""What the doctor finds, how it is shown, and the checks that report it side by side."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

from agentos_mcp.agentos.broken_pipe import is_broken_pipe
from agentos_mcp.agentos.task_groups import gather
from agentos_mcp.doctor.fixes import AutomaticFix, Fix, FixStep
from agentos_mcp.install.host_system import HostSystem

Level = Literal["good", "warning", "bad"]

_MARKS: dict[Level, str] = {"good": "✔", "warning": "!", "bad": "✘"}
_ASCII_MARKS: dict[Level, str] = {"good": "+", "warning": "!", "bad": "x"}


@dataclass(frozen=True)
class About:
    """What a finding is about, as data; each is empty where there is none."""

    client: str = ""
    """The key of a client."""
    entry: str = ""
    """The name of an entry in the client's file."""
    url: str = ""
    """Where the AgentOS is, or was expected; without credentials."""
    agentos: str = ""
    """What the AgentOS that answered calls itself: `Newsroom Demo (demo-os)`."""


@dataclass(frozen=True)
class Finding:
    """The result of one check. `fix` is empty where there is nothing to do."""

    level: Level
    subject: str
    """What was checked: `URL`, `Token`, a client's title, ..."""
    message: str
    """A clause without a full stop."""
    fix: Fix = ()
    details: tuple[str, ...] = ()
    """Lines of another program, quoted."""
    about: About = About()
    automatic: AutomaticFix | None = None
    """What `--fix` does about it; None where a person has to."""

    def render(self, system: HostSystem, encoding: str = "utf-8") -> str:
        """As it is printed; with ASCII marks where the encoding has no others."""
        head = f"{_marks(encoding)[self.level]} {self.subject}: {self.message}"
        quoted = (f"| {line}" for line in self.details)
        return "\n    ".join([head, *quoted, *(step.render(system) for step in self.fix)])

    def as_data(self, system: HostSystem) -> dict[str, Any]:
        about = {key: value or None for key, value in asdict(self.about).items()}
        return {
            "status": self.level,
            "subject": self.subject,
            **about,
            "message": self.message,
            "details": list(self.details),
            "fix": [step.as_data(system) for step in self.fix],
            "automatic": self.automatic is not None,
        }

    def with_about(self, about: About) -> Finding:
        """The finding on something; on what it says itself where it does."""
        return self if self.about != _NOTHING else replace(self, about=about)

    def mapped(self, change: Callable[[str], str]) -> Finding:
        """The finding with each of its texts changed; what `--fix` does stays."""
        return replace(
            self,
            message=change(self.message),
            fix=tuple(step.mapped(change) for step in self.fix),
            details=tuple(map(change, self.details)),
            about=replace(self.about, agentos=change(self.about.agentos)),
        )


Report = Callable[[Finding], None]

_NOTHING = About()


def good(subject: str, message: str, *fix: FixStep, about: About = _NOTHING) -> Finding:
    return Finding("good", subject, message, fix, about=about)


def warning(
    subject: str, message: str, *fix: FixStep, about: About = _NOTHING, automatic: AutomaticFix | None = None
) -> Finding:
    return Finding("warning", subject, message, fix, about=about, automatic=automatic)


def bad(
    subject: str,
    message: str,
    *fix: FixStep,
    details: Sequence[str] = (),
    about: About = _NOTHING,
    automatic: AutomaticFix | None = None,
) -> Finding:
    return Finding("bad", subject, message, fix, tuple(details), about, automatic)


def is_healthy(findings: Sequence[Finding]) -> bool:
    """Whether nothing is bad; warnings do not count."""
    return all(finding.level != "bad" for finding in findings)


def as_data(findings: Sequence[Finding], system: HostSystem) -> dict[str, Any]:
    """The findings as a JSON document; `document_schema.py` is its schema."""
    return {
        "healthy": is_healthy(findings),
        "agentos": [{"url": url, "name": name or None} for url, name in judged_agentoses(findings)],
        "findings": [finding.as_data(system) for finding in findings],
    }


def judged_agentoses(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """The AgentOSes that findings are about: each one's URL, and its name, '' where none answered there."""
    names: dict[str, str] = {}
    for about in (finding.about for finding in findings if finding.about.url):
        names[about.url] = names.get(about.url) or about.agentos
    return list(names.items())


def summary(findings: Sequence[Finding]) -> str:
    """The result, and the AgentOSes that it is about: `Everything works with Newsroom (news) at http://localhost:7777.`"""
    counts = {level: sum(finding.level == level for finding in findings) for level in _MARKS}
    judged = judged_agentoses(findings)
    answering = [f"{name} at {url}" for url, name in judged if name]
    silent = [url for url, name in judged if not name]
    parts = [_amount(counts["bad"], "problem")] if counts["bad"] else []
    parts += [_amount(counts["warning"], "warning")] if counts["warning"] else []
    if not parts:
        return f"Everything works with {_listed(answering)}." if answering else "Everything works."
    checked = f" Checked with {_listed(answering)}." if answering else ""
    unanswered = f" No AgentOS answered at {_listed(silent)}." if silent else ""
    return f"{', '.join(parts)}.{checked}{unanswered}"


def _amount(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _listed(items: Sequence[str]) -> str:
    return f"{', '.join(items[:-1])} and {items[-1]}" if len(items) > 1 else items[0]


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
        if is_broken_pipe(error, sys.stdout):
            raise  # nobody reads the findings any more
        report(
            bad(
                "Doctor",
                f"a check failed ({type(error).__name__}: {error}); this is a bug in agentos-mcp",
                FixStep("Please report it, with this message."),
            )
        )
