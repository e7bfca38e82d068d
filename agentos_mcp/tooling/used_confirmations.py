"""Which confirmations were acted on, so that none serves a second time."""

from __future__ import annotations

from collections import OrderedDict

_MAX_REMEMBERED = 10_000


class UsedConfirmations:
    """The confirmations that were acted on: each serves once, whatever its tool's arguments name by then."""

    def __init__(self) -> None:
        self._used: OrderedDict[str, float] = OrderedDict()
        self._forgotten_until = 0.0
        """The time of the latest one that is not kept any more: none as old serves."""

    def use(self, nonce: str, asked_at: float) -> bool:
        """Use one up; False where that was done before."""
        if nonce in self._used or asked_at <= self._forgotten_until:
            return False
        self._used[nonce] = asked_at
        while len(self._used) > _MAX_REMEMBERED:
            self._forgotten_until = max(self._forgotten_until, self._used.popitem(last=False)[1])
        return True
