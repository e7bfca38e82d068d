"""Tells whoever wants to know when something that is done here waits for the first time for something elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

_watching: ContextVar[Callable[[], None] | None] = ContextVar("first_wait", default=None)


def is_watched() -> bool:
    """Whether anyone wants to know, and has not been told."""
    return _watching.get() is not None


def waits() -> None:
    """Called once a request to AgentOS has been sent, and before a wait for another caller's."""
    if (callback := _watching.get()) is not None:
        _watching.set(None)
        callback()


class FirstWait:
    """`callback` is called when what is done inside waits: once, and once in each task that is started there."""

    __slots__ = ("_callback", "_token")

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback

    def __enter__(self) -> None:
        self._token = _watching.set(self._callback)

    def __exit__(self, *_: object) -> None:
        _watching.reset(self._token)
