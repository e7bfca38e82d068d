"""What is kept for each caller: how long, how many, and that nothing of one reaches another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from agentos_mcp.agentos.token_claims import ADMIN_SCOPE
from agentos_mcp.server.caller_state import CallerState
from agentos_mcp.server.callers import Caller, Callers

pytestmark = pytest.mark.anyio

Request = ServerRequestContext[Any, Any]


def request_of(caller: Caller) -> Request:
    return cast("Request", SimpleNamespace(caller=caller))


async def caller_of(ctx: Request) -> Caller:
    return cast("Any", ctx).caller  # type: ignore[no-any-return]  # a stand-in of these tests


class States:
    """Stands in for what is kept: which are open, and which are busy."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.open_now: set[str] = set()
        self.busy: set[str] = set()
        self.failing: set[str] = set()
        self.who: dict[str, Callable[[], Caller]] = {}
        self.closed = anyio.Event()

    @asynccontextmanager
    async def open(self, caller: Callable[[], Caller]) -> AsyncIterator[CallerState]:
        key = caller().key
        if key in self.failing:
            raise RuntimeError("no state for this one")
        self.who[key] = caller
        self.opened.append(key)
        self.open_now.add(key)
        states = self

        class State:
            @property
            def is_busy(self) -> bool:
                return key in states.busy

        try:
            yield cast("CallerState", State())
        finally:
            self.open_now.discard(key)
            self.closed.set()


@pytest.fixture
def states() -> States:
    return States()


async def test_state_of_a_caller_is_opened_once_and_is_no_other_s(states: States) -> None:
    callers = Callers(caller_of, states.open)
    async with callers.kept():
        async with (
            callers.state_for(request_of(Caller("ann"))) as first,
            callers.state_for(request_of(Caller("ann"))) as again,
            callers.state_for(request_of(Caller("bob"))) as other,
        ):
            assert first is again
            assert first is not other
        assert states.opened == ["ann", "bob"]
        assert len(list(callers.states)) == 2
    assert not states.open_now


async def test_idle_caller_is_let_go_and_a_busy_one_is_kept(states: States) -> None:
    callers = Callers(caller_of, states.open, idle_seconds=0.05)
    states.busy.add("bob")
    async with callers.kept():
        for name in ("ann", "bob"):
            async with callers.state_for(request_of(Caller(name))):
                pass
        with anyio.fail_after(5):
            await states.closed.wait()
        assert states.open_now == {"bob"}
        states.closed = anyio.Event()
        states.busy.clear()
        with anyio.fail_after(5):
            await states.closed.wait()
        async with callers.state_for(request_of(Caller("ann"))):
            assert states.opened == ["ann", "bob", "ann"]


async def test_caller_whose_request_is_going_on_is_kept(states: States) -> None:
    callers = Callers(caller_of, states.open, idle_seconds=0.01)
    async with callers.kept(), callers.state_for(request_of(Caller("ann"))) as state:
        async with callers.state_for(request_of(Caller("bob"))):
            pass
        with anyio.fail_after(5):
            await states.closed.wait()
        async with callers.state_for(request_of(Caller("ann"))) as again:
            assert again is state


async def test_oldest_idle_caller_makes_room_and_none_that_is_in_use(states: States) -> None:
    callers = Callers(caller_of, states.open, max_callers=2)
    async with callers.kept(), callers.state_for(request_of(Caller("ann"))):
        async with callers.state_for(request_of(Caller("bob"))):
            with pytest.raises(MCPError, match="as many callers as it can"):
                async with callers.state_for(request_of(Caller("carol"))):
                    pass
        async with callers.state_for(request_of(Caller("carol"))):
            with anyio.fail_after(5):
                await states.closed.wait()
            assert states.open_now == {"ann", "carol"}


async def test_caller_without_a_state_is_told_and_tried_again(states: States) -> None:
    callers = Callers(caller_of, states.open)
    states.failing.add("ann")
    async with callers.kept():
        with pytest.raises(MCPError, match="could not prepare"):
            async with callers.state_for(request_of(Caller("ann"))):
                pass
        async with callers.state_for(request_of(Caller("bob"))):
            pass
        states.failing.clear()
        async with callers.state_for(request_of(Caller("ann"))):
            assert states.open_now == {"ann", "bob"}


async def test_renewed_credential_is_used_from_then_on(states: States) -> None:
    callers = Callers(caller_of, states.open)
    first = Caller("ann", expires_at=100.0, credential="first")
    async with callers.kept():
        for caller in (first, replace(first, expires_at=200.0, credential="second"), first):
            async with callers.state_for(request_of(caller)):
                pass
        assert states.who["ann"]().credential == "second"
        assert states.opened == ["ann"]


async def test_callers_are_refused_once_the_server_stops(states: States) -> None:
    callers = Callers(caller_of, states.open)
    async with callers.kept():
        pass
    with pytest.raises(MCPError, match="stopping"):
        async with callers.state_for(request_of(Caller("ann"))):
            pass


@pytest.mark.parametrize(
    ("scopes", "isolated", "boundary"),
    [
        (None, False, "ann"),
        (None, True, "ann"),
        (frozenset({"agents:run"}), True, "ann"),
        (frozenset({ADMIN_SCOPE}), True, ""),
        (frozenset({ADMIN_SCOPE}), False, "ann"),
    ],
)
def test_boundary_is_the_caller_s_user_unless_agentos_has_another(
    scopes: frozenset[str] | None, isolated: bool, boundary: str
) -> None:
    assert Caller("key", "ann", scopes, isolated).boundary == boundary


def test_credential_is_not_shown() -> None:
    assert "secret-of-ann" not in repr(Caller("key", "ann", credential="secret-of-ann"))
