"""The callers of a server that tells them apart: who each is, and what is kept for those that were here lately."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.task_groups import BackgroundTasks
from agentos_mcp.agentos.token_claims import ADMIN_SCOPE
from agentos_mcp.server.caller_state import CallerState

log = logging.getLogger(__name__)

CALLER_KEY = "agentos_mcp.caller"
"""Where the scope of a request over HTTP has its Caller."""
MAX_CALLERS = 500
"""So many callers are kept at once; beyond it, those who were away the longest go first."""
IDLE_SECONDS = 900.0
"""How long a caller is kept who asks nothing, runs nothing and listens to nothing."""


@dataclass(frozen=True)
class Caller:
    """Who sends a request, and what they may do as far as that is known here."""

    key: str
    """Different for everybody who may see different things; no secret."""
    user_id: str = ""
    """The user that AgentOS takes the caller for; '' where only AgentOS knows."""
    scopes: frozenset[str] | None = None
    """The scopes of AgentOS that the caller has; None where only AgentOS knows."""
    is_isolated: bool = False
    """Whether AgentOS itself serves the caller nothing of other users."""
    expires_at: float = math.inf
    """When what they showed expires, in seconds since 1970."""
    credential: str = field(default="", repr=False)
    """What they showed. It is never logged, and goes to nobody but those it is for."""
    refusal: AgentOSError | None = None
    """Why AgentOS is asked nothing for them, of one AgentOS of several; None where it is asked."""
    by_instance: Mapping[str, Caller] = field(default_factory=dict)
    """Who they are on each of several AgentOSes that tell callers apart, by its name."""

    @classmethod
    def of_instances(cls, by_instance: Mapping[str, Caller]) -> Caller:
        """One who is somebody on each of several AgentOSes, or refused there."""
        users = {caller.user_id for caller in by_instance.values() if caller.refusal is None}
        keys = json.dumps({name: caller.key for name, caller in by_instance.items()}, sort_keys=True)
        return cls(
            key=hashlib.sha256(keys.encode()).hexdigest(),
            user_id=users.pop() if len(users) == 1 else "",
            expires_at=min(caller.expires_at for caller in by_instance.values()),
            by_instance=by_instance,
        )

    def on(self, instance: str) -> Caller:
        """Who they are on this AgentOS; '' where there is one."""
        return self.by_instance.get(instance, self)

    def renewed(self, later: Caller) -> Caller:
        """The same caller with what lasts longer of what they showed before and later, on each AgentOS."""
        lasting = later if later.expires_at >= self.expires_at else self
        by_instance = {name: own.renewed(later.on(name)) for name, own in self.by_instance.items()}
        return replace(lasting, by_instance=by_instance)

    @property
    def seconds_left(self) -> float:
        """Until what they showed expires."""
        return max(self.expires_at - time.time(), 0.0)

    @property
    def boundary(self) -> str:
        """The user beyond whose things this caller gets nothing; '' where that is left to AgentOS.

        AgentOS gives the data of all users to its admins, and without isolation to everybody.
        """
        is_admin = self.scopes is not None and ADMIN_SCOPE in self.scopes
        return "" if self.is_isolated and is_admin else self.user_id


def bound_caller(ctx: ServerRequestContext[Any, Any]) -> Caller | None:
    """The caller of a request over HTTP; None where there is none."""
    caller = ctx.request.scope.get(CALLER_KEY) if ctx.request is not None else None
    return caller if isinstance(caller, Caller) else None


class _CallerEntry:
    """One caller, and the task that keeps their state open."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.state: CallerState | None = None
        self.opened = anyio.Event()
        """Set once there is a state, or there will be none."""
        self.scope = anyio.CancelScope()
        self.requests = 0
        self.used_at = anyio.current_time()

    @property
    def is_in_use(self) -> bool:
        return self.requests > 0 or (self.state is not None and self.state.is_busy)


OpenState = Callable[[Callable[[], Caller]], AbstractAsyncContextManager[CallerState]]
"""Opens what is kept for a caller. It is told how to ask who they are now: what they show may be renewed."""


class Callers:
    """Keeps a `CallerState` for each caller, each in a task of its own, as long as it is used or was lately."""

    def __init__(
        self,
        caller_of: Callable[[ServerRequestContext[Any, Any]], Awaitable[Caller]],
        open_state: OpenState,
        *,
        max_callers: int = MAX_CALLERS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """`caller_of` raises MCPError for a request without a caller."""
        self._caller_of = caller_of
        self._open_state = open_state
        self._max_callers = max_callers
        self._idle_seconds = idle_seconds
        self._entries: OrderedDict[str, _CallerEntry] = OrderedDict()
        self._tasks = BackgroundTasks()

    @property
    def states(self) -> Iterable[CallerState]:
        """Those that are open."""
        return [entry.state for entry in self._entries.values() if entry.state is not None]

    def kept(self) -> AbstractAsyncContextManager[None]:
        """While it is open, callers are served; then everything that is kept for them is closed."""
        return self._tasks.opened()

    @asynccontextmanager
    async def state_for(self, ctx: ServerRequestContext[Any, Any]) -> AsyncIterator[CallerState]:
        """The state of the caller of a request, kept open while this context is.

        Raises MCPError where there is no caller, or no room for one more.
        """
        caller = await self._caller_of(ctx)
        entry = self._entries.get(caller.key) or self._add(caller)
        entry.caller = entry.caller.renewed(caller)
        self._entries.move_to_end(caller.key)
        entry.requests += 1
        try:
            await entry.opened.wait()
            if entry.state is None:
                raise MCPError(INTERNAL_ERROR, "This server could not prepare for this caller. Try again.")
            yield entry.state
        finally:
            entry.requests -= 1
            entry.used_at = anyio.current_time()

    def _add(self, caller: Caller) -> _CallerEntry:
        if not self._tasks.is_open:
            raise MCPError(INTERNAL_ERROR, "This server is stopping.")
        if len(self._entries) >= self._max_callers:
            self._make_room()
        entry = self._entries[caller.key] = _CallerEntry(caller)
        self._tasks.start_soon(self._keep_open, entry)
        return entry

    def _make_room(self) -> None:
        for key, entry in self._entries.items():
            if not entry.is_in_use:
                del self._entries[key]
                entry.scope.cancel()
                return
        raise MCPError(INTERNAL_ERROR, "This server is serving as many callers as it can. Try again in a moment.")

    async def _keep_open(self, entry: _CallerEntry) -> None:
        try:
            with entry.scope:
                async with self._open_state(lambda: entry.caller) as state:
                    entry.state = state
                    entry.opened.set()
                    await self._wait_until_idle(entry)
                    self._forget(entry)
        except Exception:
            # One caller must not end the server with them.
            log.exception("What is kept for a caller was closed by an error")
        finally:
            self._forget(entry)
            entry.state = None
            entry.opened.set()

    async def _wait_until_idle(self, entry: _CallerEntry) -> None:
        while True:
            seconds = entry.used_at + self._idle_seconds - anyio.current_time()
            if seconds <= 0 and not entry.is_in_use:
                return
            await anyio.sleep(seconds if seconds > 0 else self._idle_seconds / 10)

    def _forget(self, entry: _CallerEntry) -> None:
        """A request that comes from now on opens a new state."""
        if self._entries.get(entry.caller.key) is entry:
            del self._entries[entry.caller.key]
