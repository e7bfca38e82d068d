"""Remembers which confirmations were used, so that each is accepted only once."""

from __future__ import annotations

from collections import OrderedDict

_MAX_REMEMBERED = 10_000


class UsedConfirmations:
    """The confirmations that were used: each is accepted once, whatever its arguments name by then."""

    def __init__(self) -> None:
        self._used: OrderedDict[str, float] = OrderedDict()
        self._forgotten_until = 0.0
        """The time of the latest one that is no longer remembered: none as old is accepted."""

    def use(self, nonce: str, asked_at: float) -> bool:
        """Use a confirmation; False where it was used before."""
        if nonce in self._used or asked_at <= self._forgotten_until:
            return False
        self._used[nonce] = asked_at
        while len(self._used) > _MAX_REMEMBERED:
            self._forgotten_until = max(self._forgotten_until, self._used.popitem(last=False)[1])
        return True
