"""One request for all callers that need its result at the same time, with a timeout for each of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio

from agentos_mcp.agentos.errors import AgentOSError, Unreachable
from agentos_mcp.agentos.first_wait import waits

T = TypeVar("T")


class _PendingCall(Generic[T]):
    """A call in progress. It has neither a result nor an error once it is over if its caller was cancelled."""

    def __init__(self) -> None:
        self.is_over = anyio.Event()
        self.result: list[T] = []
        self.error: AgentOSError | None = None


class SharedCall(Generic[T]):
    """Calls `call` for the first caller; those that come meanwhile get the same result or error.

    If that caller is cancelled, another one calls again. Each waits at most `timeout_seconds`, then
    Unreachable is raised.
    """

    def __init__(self, call: Callable[[], Awaitable[T]], timeout_seconds: float) -> None:
        self._call = call
        self._timeout_seconds = timeout_seconds
        self._pending: _PendingCall[T] | None = None

    async def result(self) -> T:
        try:
            with anyio.fail_after(self._timeout_seconds):
                while True:
                    pending = self._pending
                    if pending is None:
                        return await self._make_call()
                    waits()
                    await pending.is_over.wait()
                    if pending.error is not None:
                        raise pending.error
                    if pending.result:
                        return pending.result[0]
        except TimeoutError:
            raise Unreachable(f"AgentOS did not answer within {self._timeout_seconds:g} s.", "Try again.") from None

    async def _make_call(self) -> T:
        pending = self._pending = _PendingCall()
        try:
            result = await self._call()
            pending.result.append(result)
        except AgentOSError as error:
            pending.error = error
            raise
        finally:
            self._pending = None
            pending.is_over.set()
        return result
