"""The connections of clients: how many there may be, how long each may take, and which of them go first.

uvicorn waits for a request's head and body for ever, and has no limit on connections before a request
is read. Whoever connects need not have a token, so here is where strangers are held.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import ipaddress
import logging
import socket
import sys
from dataclasses import dataclass, field
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from agentos_mcp.server.http.disconnects import ConnectionEnd, note_connection_end

log = logging.getLogger(__name__)

ACCEPTED_AT_ONCE = 8
"""So many connections are taken from the system's queue before others have their turn."""
WAITING_IN_THE_SYSTEM = 1024
_MAX_HEAD = 16 * 1024
_MANY_PIECES = 200
_SMALL_PIECE = 64
_OWN_FILES = 128
"""Open files that are not clients' connections: those to AgentOS, the event loop's, the program's own."""


def _answer(status: str, words: str) -> bytes:
    """A whole HTTP answer, for those who never got as far as an application."""
    head = f"HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
    return f"{head}content-length: {len(words)}\r\n\r\n{words}".encode("ascii")


_BUSY = _answer("503 Service Unavailable", "This server has too many connections at once. Try again in a moment.")
_TOO_SLOW = _answer("408 Request Timeout", "The request took too long to arrive in full.")


@dataclass(frozen=True)
class ConnectionLimits:
    """Times are in seconds, sizes in bytes."""

    total: int = 1000
    per_address: int = 500
    """An IPv6 address counts with its whole /64 network, which one subscriber has."""
    head: float = 10.0
    body: float = 60.0
    idle: int = 15
    rest: float = 5.0
    """For what is still sent of a body when the answer has been given."""
    stalled: float = 60.0
    """For a client that does not read its answer."""
    request: int = 6 * 1024 * 1024
    """One request as it is sent; the SDK's limit on a body is 4 MiB, and chunks have their own lengths."""
    requests: int = 96 * 1024 * 1024
    """All requests that are being received or served."""


class _Phase(enum.Enum):
    """Where a connection stands. Where room is needed, they go in this order, the oldest first; SERVING never goes."""

    HEAD = enum.auto()
    """Nobody knows yet who it is: its head is incomplete, or what follows an answer that was given already."""
    IDLE = enum.auto()
    BODY = enum.auto()
    SERVING = enum.auto()


_GO_FIRST = (_Phase.HEAD, _Phase.IDLE, _Phase.BODY)


def connections_possible(wanted: int) -> int:
    """As many connections as are wanted, or as the open files of this process allow. Raises its soft limit for them."""
    if sys.platform == "win32":
        return wanted
    import resource

    needed = wanted + _OWN_FILES + ACCEPTED_AT_ONCE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        more = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with contextlib.suppress(OSError, ValueError):  # macOS has a lower limit than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (more, hard))
            soft = more
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    possible = max(soft - _OWN_FILES - ACCEPTED_AT_ONCE, soft // 2)
    log.info("At most %d connections at once: this process may open %d files (ulimit -n).", possible, soft)
    return min(possible, wanted)


@dataclass
class _Pool:
    """Connections that count together: all of them, or those of one address."""

    count: int = 0
    waiting: dict[_Phase, dict[GuardedProtocol, None]] = field(default_factory=lambda: {one: {} for one in _GO_FIRST})

    def first_to_go(self) -> GuardedProtocol | None:
        return next((next(iter(some)) for phase in _GO_FIRST if (some := self.waiting[phase])), None)


class ConnectionGuard:
    """Counts the connections of one server, and closes those that are in the way of others."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._all = _Pool()
        self._by_address: dict[str, _Pool] = {}
        self._received = 0

    def protocol(self) -> type[asyncio.Protocol]:
        """What uvicorn makes of each connection."""
        return type("_GuardedProtocol", (GuardedProtocol,), {"guard": self})

    def admit(self, connection: GuardedProtocol) -> bool:
        """Count a new connection; False where there is no room for it and none can be made."""
        pool = self._by_address.setdefault(connection.address, _Pool())
        admitted = (pool.count < self.limits.per_address or self._make_room(pool)) and (
            self._all.count < self.limits.total or self._make_room(self._all)
        )
        if admitted:
            # Making room may have emptied this address's pool and taken it out.
            self._by_address[connection.address] = pool
            for counted in (pool, self._all):
                counted.count += 1
                counted.waiting[_Phase.HEAD][connection] = None
        elif not pool.count:
            self._by_address.pop(connection.address, None)
        return admitted

    def leave(self, connection: GuardedProtocol) -> None:
        """A connection that was admitted counts no more."""
        self.received(connection, -connection.received)
        pool = self._by_address[connection.address]
        for counted in (pool, self._all):
            counted.count -= 1
            if connection.phase in counted.waiting:
                counted.waiting[connection.phase].pop(connection, None)
        if not pool.count:
            del self._by_address[connection.address]

    def moved(self, connection: GuardedProtocol, phase: _Phase) -> None:
        for counted in (self._by_address[connection.address], self._all):
            if connection.phase in counted.waiting:
                del counted.waiting[connection.phase][connection]
            if phase in counted.waiting:
                counted.waiting[phase][connection] = None

    def received(self, connection: GuardedProtocol, size: int) -> None:
        """Count what a connection holds of its request, and drop requests where all hold too much."""
        connection.received += size
        self._received += size
        while size > 0 and self._received > self.limits.requests:
            oldest = next(iter(self._all.waiting[_Phase.BODY]), connection)
            log.warning("A request was dropped: those that are being received are too large together.")
            oldest.drop()

    def _make_room(self, pool: _Pool) -> bool:
        if (oldest := pool.first_to_go()) is None:
            log.warning("A connection was refused: %d are in use at once.", pool.count)
            return False
        log.info("A connection was closed to make room for another.")
        oldest.drop()
        return True


class _Connection(h11.Connection):
    """h11's, which takes some 50 microseconds for each piece of a body: a body in crumbs is refused."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)
        self._pieces = self._size = 0

    def next_event(self) -> type[h11.NEED_DATA | h11.PAUSED] | h11.Event:
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._pieces = self._size = 0
        elif isinstance(event, h11.Data):
            self._pieces += 1
            self._size += len(event.data)
            if self._pieces > _MANY_PIECES and self._size < _SMALL_PIECE * self._pieces:
                raise h11.RemoteProtocolError("The body comes in too small pieces")
        return event


class GuardedProtocol(H11Protocol):
    """uvicorn's connection, with deadlines for what its client has to do."""

    guard: ConnectionGuard

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = _Connection()
        self.phase = _Phase.HEAD
        self.address = ""
        self.received = 0
        """Bytes of the request that is being received or served."""
        self._admitted = False
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._seconds: float | None = None
        self._end = ConnectionEnd()
        serve = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            note_connection_end(scope, self._end)
            await serve(scope, receive, send)

        self.app = app

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        _tune(transport.get_extra_info("socket"))
        self.address = _network(self.client[0] if self.client else "")
        self._admitted = self.guard.admit(self)
        if self._admitted:
            self._expire_after(self.guard.limits.head)
        else:
            transport.write(_BUSY)
            transport.close()

    def data_received(self, data: bytes) -> None:
        if not self._admitted:
            return
        if self.received + len(data) > self.guard.limits.request:
            self.drop()
            return
        self.guard.received(self, len(data))
        if self.transport.is_closing():
            return
        try:
            # A head that comes at once is held to its limit only from one part to the next.
            for begin in range(0, len(data), _MAX_HEAD):
                super().data_received(data[begin : begin + _MAX_HEAD])
                if self.transport.is_closing():
                    return
        except h11.LocalProtocolError:
            # What is wrong came after an answer had begun: uvicorn cannot give another.
            self.drop()
            return
        self._look()

    def on_response_complete(self) -> None:
        self.guard.received(self, -self.received)
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(self.guard.limits.stalled, self.drop)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def eof_received(self) -> None:
        self._end.by_client = True
        super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        # Silence on the network ends in TimeoutError: nobody has closed anything.
        if isinstance(exc, ConnectionResetError | BrokenPipeError) and self._admitted:
            self._end.by_client = True
        self._forget()
        super().connection_lost(exc)

    def drop(self) -> None:
        """Close the connection at once; it counts no more."""
        self._forget()
        self.transport.abort()

    def _forget(self) -> None:
        if self._admitted:
            self._admitted = False
            self.guard.leave(self)
        for timer in (self._deadline, self._unread):
            if timer is not None:
                timer.cancel()
        self._deadline = self._unread = None

    def _look(self) -> None:
        """See where the connection stands now."""
        if not self._admitted or self.transport.is_closing():
            return
        phase, seconds = self._standing()
        if (phase, seconds) == (self.phase, self._seconds):
            return
        if phase is _Phase.IDLE:
            self.guard.received(self, -self.received)
        self.guard.moved(self, phase)
        self.phase = phase
        self._expire_after(seconds)

    def _standing(self) -> tuple[_Phase, float | None]:
        limits, sending = self.guard.limits, self.conn.their_state is h11.SEND_BODY
        if self.cycle is not None and not self.cycle.response_complete:
            return (_Phase.BODY, limits.body) if sending else (_Phase.SERVING, None)
        if sending:
            return _Phase.HEAD, limits.rest
        begun = self.cycle is None or bool(self.conn.trailing_data[0])
        # uvicorn itself closes those that are idle.
        return (_Phase.HEAD, limits.head) if begun else (_Phase.IDLE, None)

    def _expire_after(self, seconds: float | None) -> None:
        self._seconds = seconds
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self._expired) if seconds is not None else None

    def _expired(self) -> None:
        answering = self.conn.their_state is h11.SEND_BODY and self.cycle.response_started
        if self.received and not answering:
            self.transport.write(_TOO_SLOW)
        self._forget()
        self.transport.close()


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False).network_address)


def _tune(connection: socket.socket) -> None:
    """Send small answers at once, and notice a peer that is gone without a word within two minutes."""
    with contextlib.suppress(OSError):  # it may be closed already
        # asyncio does so itself only for sockets that say that they are TCP, which those of socket.create_server don't.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (("KEEPIDLE", 60), ("KEEPINTVL", 15), ("KEEPCNT", 4), ("USER_TIMEOUT", 120_000)):
            if (option := getattr(socket, f"TCP_{name}", None)) is not None:
                connection.setsockopt(socket.IPPROTO_TCP, option, value)
