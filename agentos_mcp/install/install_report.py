"""What came of an installation, to be printed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    DONE = "✔"
    FAILED = "✘"
    NOTHING = "-"


@dataclass(frozen=True)
class Result:
    """One client's line, and lines below it."""

    client: str
    mark: Mark
    words: str
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        first, *rest = "\n".join((self.words, *self.details)).splitlines()
        return "\n".join([f"{self.mark} {self.client}: {first}", *(f"    {line}" for line in rest)])


@dataclass(frozen=True)
class Outcome:
    """All of them. `str()` is what a person is told."""

    results: tuple[Result, ...]
    notes: tuple[str, ...] = ()
    found: bool = True
    """Whether there was a client to work on at all."""

    @property
    def ok(self) -> bool:
        return self.found and all(result.mark is not Mark.FAILED for result in self.results)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.results), *self.notes])
