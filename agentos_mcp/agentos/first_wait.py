"""Tells whoever wants to know when something that is done here waits for the first time for something elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_callback: ContextVar[Callable[[], None] | None] = ContextVar("first_wait", default=None)


def waits() -> None:
    """Called before a wait for AgentOS, or for another caller's request to it."""
    if (callback := _callback.get()) is not None:
        _callback.set(None)
        callback()


@contextmanager
def first_wait(callback: Callable[[], None]) -> Iterator[None]:
    """`callback` is called when what is done inside waits: once, and once in each task that is started there."""
    token = _callback.set(callback)
    try:
        yield
    finally:
        _callback.reset(token)
