"""What the doctor finds, and how it is shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["good", "warning", "bad"]

_MARKS: dict[Level, str] = {"good": "✔", "warning": "!", "bad": "✘"}
_PLAIN_MARKS: dict[Level, str] = {"good": "+", "warning": "!", "bad": "x"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `means` is for the person; `mend` is what to do, '' where there is nothing to."""

    level: Level
    what: str
    means: str
    fix: str = ""

    def line(self, encoding: str = "utf-8") -> str:
        """As it is printed; with plain marks where the encoding has no others."""
        head = f"{_marks(encoding)[self.level]} {self.what}: {self.means}"
        return "\n    ".join([head, *self.fix.splitlines()])


Tell = Callable[[Finding], None]


def good(what: str, means: str, fix: str = "") -> Finding:
    return Finding("good", what, means, fix)


def warning(what: str, means: str, fix: str) -> Finding:
    return Finding("warning", what, means, fix)


def bad(what: str, means: str, fix: str) -> Finding:
    return Finding("bad", what, means, fix)


def as_json(findings: Sequence[Finding]) -> str:
    document = {"healthy": healthy(findings), "findings": [asdict(finding) for finding in findings]}
    return json.dumps(document, ensure_ascii=True, indent=1)


def healthy(findings: Sequence[Finding]) -> bool:
    """Whether nothing is bad; a warning is no illness."""
    return all(finding.level != "bad" for finding in findings)


def summary(findings: Sequence[Finding]) -> str:
    counts = {level: sum(finding.level == level for finding in findings) for level in _MARKS}
    parts = [f"{counts['bad']} broken"] if counts["bad"] else []
    parts += [f"{counts['warning']} to look at"] if counts["warning"] else []
    return f"{', '.join(parts)}." if parts else "All is well."


def _marks(encoding: str) -> dict[Level, str]:
    try:
        "".join(_MARKS.values()).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return _PLAIN_MARKS
    return _MARKS
