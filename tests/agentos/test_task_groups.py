"""What goes wrong in a task group is raised as it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import pytest

from agentos_mcp.agentos.errors import AgentOSError, NotFound
from agentos_mcp.agentos.task_groups import gather, unwrapped_task_group

pytestmark = pytest.mark.anyio


async def fail(error: Exception) -> None:
    raise error


async def test_gather_returns_results_in_the_order_of_the_calls() -> None:
    second_is_done = anyio.Event()

    async def first() -> int:
        await second_is_done.wait()
        return 1

    async def second() -> int:
        second_is_done.set()
        return 2

    with anyio.fail_after(5):
        assert await gather([first, second]) == [1, 2]
    assert await gather([]) == []


async def test_gather_limits_concurrent_calls() -> None:
    running, most = 0, 0

    async def call() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await anyio.lowlevel.checkpoint()
        running -= 1

    await gather([call] * 9, max_concurrent=3)
    assert most == 3


async def test_gather_raises_the_first_error_unwrapped_and_cancels_the_others() -> None:
    ended = False

    async def wait() -> None:
        nonlocal ended
        try:
            await anyio.sleep_forever()
        finally:
            ended = True

    error = NotFound("No such run.")
    calls: list[Callable[[], Awaitable[None]]] = [wait, partial(fail, error)]
    with anyio.fail_after(5), pytest.raises(NotFound) as caught:
        await gather(calls)
    assert caught.value is error
    assert ended


async def test_task_group_raises_errors_of_its_body_and_of_nested_groups_unwrapped() -> None:
    async def body_fails() -> None:
        async with unwrapped_task_group() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            raise AgentOSError("broken")

    async def inner_group_fails() -> None:
        async with unwrapped_task_group() as tasks:
            tasks.start_soon(fail, ExceptionGroup("inner", [NotFound("within")]))

    with pytest.raises(AgentOSError, match="broken"):
        await body_fails()
    with pytest.raises(NotFound, match="within"):
        await inner_group_fails()


async def test_task_group_stays_cancelled() -> None:
    with anyio.CancelScope() as scope:
        async with unwrapped_task_group() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
