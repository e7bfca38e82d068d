"""One request for all who want its answer at the same time, and none of them waits for ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio

from agentos_mcp.agentos.errors import AgentOSError, Unreachable

T = TypeVar("T")


class _Flight(Generic[T]):
    """A call that is under way. Neither result nor error once it is over: its caller was cancelled."""

    def __init__(self) -> None:
        self.over = anyio.Event()
        self.result: list[T] = []
        self.error: AgentOSError | None = None


class SharedCall(Generic[T]):
    """`call`, made by whoever asks first; those who ask meanwhile get its result or its error.

    Where the one who makes it is cancelled, one of the others makes it anew. Each waits for
    `seconds` at most, then Unreachable is raised: AgentOS is slow.
    """

    def __init__(self, call: Callable[[], Awaitable[T]], seconds: float) -> None:
        self._call = call
        self._seconds = seconds
        self._flight: _Flight[T] | None = None

    async def result(self) -> T:
        try:
            with anyio.fail_after(self._seconds):
                while True:
                    flight = self._flight
                    if flight is None:
                        return await self._lead()
                    await flight.over.wait()
                    if flight.error is not None:
                        raise flight.error
                    if flight.result:
                        return flight.result[0]
        except TimeoutError:
            raise Unreachable(f"AgentOS did not answer within {self._seconds:g} s.", "Try again.") from None

    async def _lead(self) -> T:
        flight = self._flight = _Flight()
        try:
            result = await self._call()
            flight.result.append(result)
        except AgentOSError as error:
            flight.error = error
            raise
        finally:
            self._flight = None
            flight.over.set()
        return result
