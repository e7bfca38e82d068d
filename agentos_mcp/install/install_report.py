"""The result of an installation, to be printed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    DONE = "✔"
    FAILED = "✘"
    UNCHANGED = "-"


@dataclass(frozen=True)
class ClientResult:
    """One client's line, and the lines below it."""

    client: str
    mark: Mark
    message: str
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        first, *rest = "\n".join((self.message, *self.details)).splitlines()
        return "\n".join([f"{self.mark} {self.client}: {first}", *(f"    {line}" for line in rest)])


@dataclass(frozen=True)
class InstallReport:
    """The results of all clients. `str()` is what is printed."""

    results: tuple[ClientResult, ...]
    notes: tuple[str, ...] = ()
    found: bool = True
    """Whether there was a client to work on at all."""
    agentos_name: str = ""
    """What the AgentOS calls itself, where a server that was installed reached it."""

    @property
    def ok(self) -> bool:
        return self.found and all(result.mark is not Mark.FAILED for result in self.results)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.results), *self.notes])
