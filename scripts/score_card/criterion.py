"""One criterion of a directory or a scanner: what falls short of it, what was measured, and whether that is meant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Criterion:
    """`failures` name what falls short, one each. `accepted` says why that is meant to be; '' where it is not."""

    directory: str
    name: str
    failures: tuple[str, ...]
    measured: str = ""
    accepted: str = ""

    @property
    def passes(self) -> bool:
        return not self.failures

    @property
    def is_as_it_should_be(self) -> bool:
        """Whether it passes, or falls short for the reason that is given. A reason without a failure is out of date."""
        return self.passes is not bool(self.accepted)


def criterion(
    directory: str, name: str, failures: Iterable[str], *, measured: str = "", accepted: str = ""
) -> Criterion:
    return Criterion(directory, name, tuple(failures), measured, accepted)
