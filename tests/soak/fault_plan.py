"""Which fault each request of a run meets: chosen by the seed, the run's number and how often it was asked before."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable

from tests._support.answer_faults import (
    slowed,
    stalled_after,
    truncated_after,
    with_repeated_events,
    with_swapped_events,
)
from tests._support.fault_proxy import Fault
from tests._support.http_answers import http_answer, http_raw

SESSION = re.compile(rb"soak-(\d+)x")
"""The session of a run, in its path, its query or its form."""
_PAGE = http_raw(b"<html><body>Sign in to the network</body></html>", content_type="text/html")
_SHORT_SECONDS = (0.5, 3.0)
_LONG_SECONDS = 90.0
"""More than any limit of the server on silence."""
_PROBABILITIES = {"start": (0.5,), "resume": (0.35, 0.35), "read": (0.25, 0.25, 0.25), "general": (0.02,) * 50}
"""How likely the first, the second, ... request of a kind meets a fault; then none does, so that each run ends."""

Make = Callable[[random.Random], Fault]


def _bytes(dice: random.Random) -> int:
    return dice.choice((0, 1, dice.randrange(400), dice.randrange(6_000), dice.randrange(20_000)))


def _answered(name: str, status: int, *, may_arrive: bool = True, **headers: str) -> Make:
    def make(dice: random.Random) -> Fault:
        arrives = may_arrive and dice.random() < 0.5
        return Fault(name, http_answer(status, '{"detail": "not now"}', **headers), arrives=arrives)

    return make


_EVENT_FAULTS: dict[str, tuple[float, Make]] = {
    "duplicate": (3, lambda dice: Fault("duplicate", reshape=with_repeated_events(dice, 0.3))),
    "reorder": (3, lambda dice: Fault("reorder", reshape=with_swapped_events(dice, 0.3))),
}
_FAULTS: dict[str, tuple[float, Make]] = {
    "cut": (5, lambda dice: Fault("cut", cut_after=_bytes(dice))),
    "stall": (1, lambda dice: Fault("stall", reshape=stalled_after(_bytes(dice), dice.uniform(*_SHORT_SECONDS)))),
    "slow": (2, lambda dice: Fault("slow", reshape=slowed(dice.uniform(0.005, 0.05)))),
    "truncate": (4, lambda dice: Fault("truncate", reshape=truncated_after(_bytes(dice)))),
    "429": (1, _answered("429", 429, may_arrive=False, retry_after="1")),
    "500": (1, _answered("500", 500)),
    "502": (1, _answered("502", 502)),
    "503": (1, _answered("503", 503)),
    "HTML": (2, lambda dice: Fault("HTML", _PAGE, arrives=dice.random() < 0.5)),
}
_LONG_STALL: tuple[float, Make] = (
    0.2,
    lambda dice: Fault("long stall", reshape=stalled_after(_bytes(dice), _LONG_SECONDS)),
)


class FaultPlan:
    """The faults of one soak. The same seed gives each request of each run the same one, in whatever order they come.

    `allows_long`: whether a run, by its number, may meet what lasts longer than the server's patience.
    """

    def __init__(self, seed: int, allows_long: Callable[[int], bool]) -> None:
        self.made: Counter[str] = Counter()
        """How often each fault was made."""
        self.is_on = True
        self._seed = seed
        self._allows_long = allows_long
        self._requests: Counter[tuple[int, str]] = Counter()

    def choose(self, request: bytes) -> Fault | None:
        """The fault of a request, by all its bytes."""
        if not self.is_on:
            return None
        found = SESSION.search(request)
        number = int(found[1]) if found else -1
        kind = _kind(request.partition(b"\r\n")[0]) if found else "general"
        earlier = self._requests[number, kind]
        self._requests[number, kind] += 1
        probabilities = _PROBABILITIES[kind]
        dice = random.Random(f"{self._seed}:{number}:{kind}:{earlier}")  # noqa: S311 - repeatable, not secret
        if earlier >= len(probabilities) or dice.random() >= probabilities[earlier]:
            return None
        faults = dict(_FAULTS)
        if kind in {"start", "resume"}:
            faults |= _EVENT_FAULTS
        if number >= 0 and self._allows_long(number):
            faults["long stall"] = _LONG_STALL
        (chosen,) = dice.choices(list(faults.values()), [weight for weight, _ in faults.values()])
        fault = chosen[1](dice)
        self.made[fault.name] += 1
        return fault


def _kind(line: bytes) -> str:
    if line.startswith(b"POST") and b"/resume" in line:
        return "resume"
    return "start" if line.startswith(b"POST") else "read"
