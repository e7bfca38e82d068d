"""What a proxy can do to the body of an answer: repeat events, swap them, hold pieces back, stop before the end."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable

import anyio

Body = AsyncIterator[bytes]
"""The pieces of a body as they come, without what HTTP puts between them."""
Reshape = Callable[[Body], Body]


async def blocks(body: Body) -> Body:
    """The body by server-sent events, each with the empty line that ends it; what has none comes whole, at its end."""
    seen = b""
    async for piece in body:
        *whole, seen = (seen + piece).split(b"\n\n")
        for block in whole:
            yield block + b"\n\n"
    if seen:
        yield seen


def with_repeated_events(dice: random.Random, probability: float) -> Reshape:
    """Some events come twice."""

    async def reshape(body: Body) -> Body:
        async for block in blocks(body):
            yield block
            if dice.random() < probability:
                yield block

    return reshape


def with_swapped_events(dice: random.Random, probability: float) -> Reshape:
    """Some events come after the one that followed them."""

    async def reshape(body: Body) -> Body:
        held = b""
        async for block in blocks(body):
            if held:
                yield block
                yield held
                held = b""
            elif dice.random() < probability:
                held = block
            else:
                yield block
        if held:
            yield held

    return reshape


def truncated_after(limit: int) -> Reshape:
    """The answer ends in good order, and too early: nothing of HTTP tells that there is more."""

    async def reshape(body: Body) -> Body:
        left = limit
        async for piece in body:
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                return

    return reshape


def slowed(seconds: float) -> Reshape:
    """Each piece comes so much later."""

    async def reshape(body: Body) -> Body:
        async for piece in body:
            await anyio.sleep(seconds)
            yield piece

    return reshape


def stalled_after(limit: int, seconds: float) -> Reshape:
    """After so many bytes nothing comes for so long, with the connection open; then the rest."""

    async def reshape(body: Body) -> Body:
        left, has_stalled = limit, False
        async for piece in body:
            left -= len(piece)
            if left <= 0 and not has_stalled:
                has_stalled = True
                await anyio.sleep(seconds)
            yield piece

    return reshape
