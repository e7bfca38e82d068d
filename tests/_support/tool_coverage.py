"""Which tools the tests called on a live AgentOS, and how those calls ended, recorded while they run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

Ending = Literal["done", "refused"]


class Outcome(NamedTuple):
    """How a tool ended at least once."""

    tool: str
    ending: Ending


_outcomes: set[Outcome] = set()
_scripted: set[str] = set()


def exclude(url: str) -> None:
    """Calls that go to the AgentOS at `url` don't count: it is not a live one."""
    _scripted.add(url)


def record(url: str, tool: str, *, is_error: bool) -> None:
    if url not in _scripted:
        _outcomes.add(Outcome(tool, "refused" if is_error else "done"))


def recorded() -> list[Outcome]:
    """What this process's tests recorded; tuples of strings, so that a worker can send them to its controller."""
    return sorted(_outcomes)


def add(outcomes: Iterable[tuple[str, Ending]]) -> None:
    """Merge what another process recorded."""
    _outcomes.update(Outcome(*outcome) for outcome in outcomes)


def gaps(tools: Iterable[str]) -> list[str]:
    """A line for each tool that no test called successfully, and for each that no test called with wrong input."""
    never: dict[Ending, str] = {"done": "was never called successfully", "refused": "was never given wrong input"}
    return [
        f"{tool} {words} on a live AgentOS."
        for tool in tools
        for ending, words in never.items()
        if Outcome(tool, ending) not in _outcomes
    ]
