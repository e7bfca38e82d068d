"""Task groups that raise the first exception itself, not an ExceptionGroup, which no caller catches."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import anyio
from anyio.abc import TaskGroup

T = TypeVar("T")


@asynccontextmanager
async def unwrapped_task_group() -> AsyncIterator[TaskGroup]:
    """A task group; the first exception of its body or of its tasks ends the others and is raised unwrapped.

    Being cancelled stays being cancelled, and what is to end the process (KeyboardInterrupt) stays in its group.
    """
    failure: Exception | None = None
    try:
        async with anyio.create_task_group() as tasks:
            yield tasks
    except ExceptionGroup as group:
        failure = _first_exception(group)
    if failure is not None:
        raise failure


class BackgroundTasks:
    """Tasks that are started one by one while `opened` is open, and cancelled when it closes."""

    def __init__(self) -> None:
        self._tasks: TaskGroup | None = None

    @property
    def is_open(self) -> bool:
        return self._tasks is not None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        async with unwrapped_task_group() as tasks:
            self._tasks = tasks
            try:
                yield
            finally:
                self._tasks = None
                tasks.cancel_scope.cancel()

    def start_soon(self, task: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> None:
        """Start a task; its exception ends all of them. Raises RuntimeError where `opened` is not open."""
        if self._tasks is None:
            raise RuntimeError("background tasks are started while they are open")
        self._tasks.start_soon(task, *arguments)


async def gather(calls: Iterable[Callable[[], Awaitable[T]]], *, max_concurrent: float = math.inf) -> list[T]:
    """What the calls return, in their order; at most `max_concurrent` of them run at the same time.

    The first exception ends the others and is raised unwrapped.
    """
    limiter = anyio.CapacityLimiter(max_concurrent)
    results: dict[int, T] = {}

    async def run(index: int, call: Callable[[], Awaitable[T]]) -> None:
        async with limiter:
            results[index] = await call()

    async with unwrapped_task_group() as tasks:
        for index, call in enumerate(calls):
            tasks.start_soon(run, index, call)
    return [results[index] for index in sorted(results)]


def _first_exception(group: ExceptionGroup[Exception]) -> Exception:
    error: Exception = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
