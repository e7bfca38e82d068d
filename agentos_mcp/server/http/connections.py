"""The connections of clients: how many there may be, how long each may take, and which are dropped first.

uvicorn waits for a request's head and body for ever, and has no limit on connections before a request
is read. A token is checked only after that, so this is what limits clients without one.
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

ACCEPT_BATCH = 8
"""So many connections are accepted from the system's queue before others have their turn."""
LISTEN_BACKLOG = 1024
_MAX_HEAD_BYTES = 16 * 1024
_MAX_SMALL_CHUNKS = 200
_SMALL_CHUNK_BYTES = 64
_OTHER_FILES = 128
"""Open files that are not clients' connections: those to AgentOS, the event loop's, the program's."""


def _response(status: str, text: str) -> bytes:
    """A complete HTTP response, for connections that never got as far as an application."""
    head = f"HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
    return f"{head}content-length: {len(text)}\r\n\r\n{text}".encode("ascii")


_BUSY = _response("503 Service Unavailable", "This server has too many connections at once. Try again in a moment.")
_TOO_SLOW = _response("408 Request Timeout", "The request took too long to arrive in full.")


@dataclass(frozen=True)
class ConnectionLimits:
    """What one server allows."""

    total: int = 1000
    """Connections."""
    per_address: int = 500
    """An IPv6 address counts with its whole /64 network, which one subscriber has."""
    head_seconds: float = 10.0
    body_seconds: float = 60.0
    idle_seconds: int = 15
    drain_seconds: float = 5.0
    """For what is still sent of a body after the response."""
    stalled_seconds: float = 60.0
    """For a client that does not read its response."""
    request_bytes: int = 6 * 1024 * 1024
    """One request as it is sent; the limit on a body is 4 MiB, and chunks have their own lengths."""
    total_request_bytes: int = 96 * 1024 * 1024
    """All requests that are being received or served."""


class _Phase(enum.Enum):
    """What a connection is doing. Where room is needed, they are dropped in this order, oldest first; SERVING never."""

    HEAD = enum.auto()
    """A head, or the rest of a body after its response, is being received."""
    IDLE = enum.auto()
    BODY = enum.auto()
    SERVING = enum.auto()


_DROP_ORDER = (_Phase.HEAD, _Phase.IDLE, _Phase.BODY)


def possible_connections(requested: int) -> int:
    """As many connections as are requested, or as this process may open files for. Raises its soft limit for them."""
    if sys.platform == "win32":
        return requested
    else:  # noqa: RET505 - mypy looks at each branch for its own system
        import resource

        needed = requested + _OTHER_FILES + ACCEPT_BATCH
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < needed:
            more = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
            with contextlib.suppress(OSError, ValueError):  # macOS has a lower limit than it says
                resource.setrlimit(resource.RLIMIT_NOFILE, (more, hard))
                soft = more
        if soft == resource.RLIM_INFINITY or soft >= needed:
            return requested
        possible = max(soft - _OTHER_FILES - ACCEPT_BATCH, soft // 2)
        log.info("At most %d connections at once: this process may open %d files (ulimit -n).", possible, soft)
        return min(possible, requested)


@dataclass
class _Pool:
    """Connections that count together: all of them, or those of one address."""

    count: int = 0
    waiting: dict[_Phase, dict[GuardedProtocol, None]] = field(
        default_factory=lambda: {phase: {} for phase in _DROP_ORDER}
    )

    def first_to_drop(self) -> GuardedProtocol | None:
        return next((next(iter(connections)) for phase in _DROP_ORDER if (connections := self.waiting[phase])), None)


class ConnectionGuard:
    """Counts the connections of one server, and drops some where others need the room."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._all = _Pool()
        self._by_address: dict[str, _Pool] = {}
        self._received = 0

    def protocol(self) -> type[asyncio.Protocol]:
        """The protocol class for uvicorn's connections."""
        return type("_GuardedProtocol", (GuardedProtocol,), {"guard": self})

    @property
    def count(self) -> int:
        """How many connections there are."""
        return self._all.count

    def admit(self, connection: GuardedProtocol) -> bool:
        """Count a new connection; False where there is no room for it and none can be made."""
        pool = self._by_address.setdefault(connection.address, _Pool())
        admitted = (pool.count < self.limits.per_address or self._make_room(pool)) and (
            self._all.count < self.limits.total or self._make_room(self._all)
        )
        if admitted:
            # Making room may have emptied this address's pool and taken it out.
            self._by_address[connection.address] = pool
            for each in (pool, self._all):
                each.count += 1
                each.waiting[_Phase.HEAD][connection] = None
        elif not pool.count:
            self._by_address.pop(connection.address, None)
        return admitted

    def release(self, connection: GuardedProtocol) -> None:
        """A connection that was admitted no longer counts."""
        self.count_received(connection, -connection.received)
        pool = self._by_address[connection.address]
        for each in (pool, self._all):
            each.count -= 1
            if connection.phase in each.waiting:
                each.waiting[connection.phase].pop(connection, None)
        if not pool.count:
            del self._by_address[connection.address]

    def change_phase(self, connection: GuardedProtocol, phase: _Phase) -> None:
        for each in (self._by_address[connection.address], self._all):
            if connection.phase in each.waiting:
                del each.waiting[connection.phase][connection]
            if phase in each.waiting:
                each.waiting[phase][connection] = None

    def count_received(self, connection: GuardedProtocol, size: int) -> None:
        """Count what a connection holds of its request, and drop requests where all hold too much."""
        connection.received += size
        self._received += size
        while size > 0 and self._received > self.limits.total_request_bytes:
            oldest = next(iter(self._all.waiting[_Phase.BODY]), connection)
            log.warning("A request was dropped: those that are being received are too large together.")
            oldest.drop()

    def _make_room(self, pool: _Pool) -> bool:
        if (oldest := pool.first_to_drop()) is None:
            log.warning("A connection was refused: %d are in use at once.", pool.count)
            return False
        log.info("A connection was closed to make room for another.")
        oldest.drop()
        return True


class _Connection(h11.Connection):
    """h11's, which takes some 50 microseconds for each chunk of a body: a body in tiny chunks is refused."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, max_incomplete_event_size=_MAX_HEAD_BYTES)
        self._chunks = self._size = 0

    def next_event(self) -> type[h11.NEED_DATA | h11.PAUSED] | h11.Event:
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._chunks = self._size = 0
        elif isinstance(event, h11.Data):
            self._chunks += 1
            self._size += len(event.data)
            if self._chunks > _MAX_SMALL_CHUNKS and self._size < _SMALL_CHUNK_BYTES * self._chunks:
                raise h11.RemoteProtocolError("The chunks of the body are too small")
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
        self._stalled: asyncio.TimerHandle | None = None
        self._deadline_seconds: float | None = None
        self._end = ConnectionEnd()
        application = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            note_connection_end(scope, self._end)
            await application(scope, receive, send)

        self.app = app

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        _set_socket_options(transport.get_extra_info("socket"))
        self.address = _address_group(self.client[0] if self.client else "")
        self._admitted = self.guard.admit(self)
        if self._admitted:
            self._expire_after(self.guard.limits.head_seconds)
        else:
            transport.write(_BUSY)
            transport.close()

    def data_received(self, data: bytes) -> None:
        if not self._admitted:
            return
        if self.received + len(data) > self.guard.limits.request_bytes:
            self.drop()
            return
        self.guard.count_received(self, len(data))
        if self.transport.is_closing():
            return
        try:
            # A head that comes at once is held to its limit only from one part to the next.
            for begin in range(0, len(data), _MAX_HEAD_BYTES):
                super().data_received(data[begin : begin + _MAX_HEAD_BYTES])
                if self.transport.is_closing():
                    return
        except h11.LocalProtocolError:
            # The error came after a response had begun: uvicorn cannot send another.
            self.drop()
            return
        self._update_phase()

    def on_response_complete(self) -> None:
        self.guard.count_received(self, -self.received)
        super().on_response_complete()
        self._update_phase()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(self.guard.limits.stalled_seconds, self.drop)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def eof_received(self) -> None:
        self._end.by_client = True
        super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        # Silence on the network ends in TimeoutError: nobody has closed anything.
        if isinstance(exc, ConnectionResetError | BrokenPipeError) and self._admitted:
            self._end.by_client = True
        self._release()
        super().connection_lost(exc)

    def drop(self) -> None:
        """Close the connection at once; it no longer counts."""
        self._release()
        self.transport.abort()

    def _release(self) -> None:
        if self._admitted:
            self._admitted = False
            self.guard.release(self)
        for timer in (self._deadline, self._stalled):
            if timer is not None:
                timer.cancel()
        self._deadline = self._stalled = None

    def _update_phase(self) -> None:
        """Note what the connection is doing now, and set its deadline."""
        if not self._admitted or self.transport.is_closing():
            return
        phase, seconds = self._current_phase()
        if (phase, seconds) == (self.phase, self._deadline_seconds):
            return
        if phase is _Phase.IDLE:
            self.guard.count_received(self, -self.received)
        self.guard.change_phase(self, phase)
        self.phase = phase
        self._expire_after(seconds)

    def _current_phase(self) -> tuple[_Phase, float | None]:
        limits, sending = self.guard.limits, self.conn.their_state is h11.SEND_BODY
        if self.cycle is not None and not self.cycle.response_complete:
            return (_Phase.BODY, limits.body_seconds) if sending else (_Phase.SERVING, None)
        if sending:
            return _Phase.HEAD, limits.drain_seconds
        has_begun = self.cycle is None or bool(self.conn.trailing_data[0])
        # uvicorn itself closes those that are idle.
        return (_Phase.HEAD, limits.head_seconds) if has_begun else (_Phase.IDLE, None)

    def _expire_after(self, seconds: float | None) -> None:
        self._deadline_seconds = seconds
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self._expired) if seconds is not None else None

    def _expired(self) -> None:
        has_response = self.conn.their_state is h11.SEND_BODY and self.cycle.response_started
        if self.received and not has_response:
            self.transport.write(_TOO_SLOW)
        self._release()
        self.transport.close()


def _address_group(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False).network_address)


def _set_socket_options(connection: socket.socket) -> None:
    """Send small responses at once, and notice within two minutes that a peer is gone without closing."""
    with contextlib.suppress(OSError):  # it may be closed already
        # asyncio does so itself only for sockets that say that they are TCP, which those of socket.create_server don't.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (("KEEPIDLE", 60), ("KEEPINTVL", 15), ("KEEPCNT", 4), ("USER_TIMEOUT", 120_000)):
            if (option := getattr(socket, f"TCP_{name}", None)) is not None:
                connection.setsockopt(socket.IPPROTO_TCP, option, value)
