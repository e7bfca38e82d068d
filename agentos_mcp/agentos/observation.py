"""What observers are told: requests to AgentOS, the ends of runs, and for which operation they were made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from agentos_mcp.agentos.paths import fill_path
from agentos_mcp.agentos.runs.run import RunRef

_MAX_WRITES = 20
"""Of one operation; more tell nothing new."""

FindRef = Callable[[], RunRef]
"""The reference of a run, as it is known now: a durable queue gives a run another one than it was started with."""


@dataclass(frozen=True)
class Write:
    """A request that could change something: its path template and the values in it."""

    method: str
    route: str
    values: Mapping[str, str]
    instance: str = ""
    """The AgentOS that it is sent to, where there are several."""

    @property
    def path(self) -> str:
        return fill_path(self.route, self.values)


@dataclass
class Operation:
    """What was done so far for one request of a client."""

    writes: list[Write] = field(default_factory=list)
    find_run: FindRef | None = None

    @property
    def run(self) -> RunRef | None:
        """The run that it started, continued or cancelled."""
        return self.find_run() if self.find_run is not None else None


_operation: ContextVar[Operation | None] = ContextVar("operation", default=None)
_followed_run: ContextVar[FindRef | None] = ContextVar("followed_run", default=None)


@contextmanager
def operation() -> Iterator[Operation]:
    """What is done inside, also by the tasks that are started there, is noted in this operation."""
    current = Operation()
    token = _operation.set(current)
    try:
        yield current
    finally:
        _operation.reset(token)


def note_run(find_ref: FindRef) -> None:
    """The operation that is going on is about this run."""
    if (current := _operation.get()) is not None:
        current.find_run = find_ref


class Following:
    """What is done inside is done for this run."""

    __slots__ = ("_find_ref", "_token")

    def __init__(self, find_ref: FindRef) -> None:
        self._find_ref = find_ref

    def __enter__(self) -> None:
        self._token = _followed_run.set(self._find_ref)

    def __exit__(self, *_: object) -> None:
        _followed_run.reset(self._token)


def current_run() -> RunRef | None:
    """The run for which something is done now; None where it is for none."""
    if (find_ref := _followed_run.get()) is not None:
        return find_ref()
    current = _operation.get()
    return current.run if current is not None else None


@dataclass
class ObservedRequest:
    """One attempt of a request to AgentOS. `route` is its path template: it has no ids."""

    method: str
    route: str
    values: Mapping[str, str]
    is_read: bool
    url: str
    """AgentOS's, without a path of the request."""
    instance: str = ""
    """The name of that AgentOS, where there are several."""
    attempt: int = 1
    is_stream: bool = False
    status: int = 0
    """The HTTP status; 0 where no response came."""
    error: BaseException | None = None
    """What was raised for it."""
    response_seconds: float = 0.0
    """How long it took: a document whole, a stream until it began."""
    notes: dict[object, Any] = field(default_factory=dict)
    """What observers keep with it, by observer."""
    _started_at: float = field(default_factory=time.perf_counter)

    @property
    def run_id(self) -> str:
        """The run that it is about, '' where it is about none."""
        if run_id := self.values.get("run_id", ""):
            return run_id
        ref = current_run() if "/runs" in self.route else None
        return ref.run if ref is not None else ""

    def respond(self, status: int) -> None:
        """A response has begun."""
        self.status = status
        self.response_seconds = time.perf_counter() - self._started_at

    def end(self, error: BaseException | None = None) -> None:
        self.error = error
        if not (self.is_stream and self.status):
            self.response_seconds = time.perf_counter() - self._started_at


class Observer:
    """Is told what happens; it does nothing by itself, and must not raise."""

    def request_starts(self, request: ObservedRequest) -> Mapping[str, str]:
        """A request is about to be sent. Returns headers to send with it."""
        return {}

    def request_ended(self, request: ObservedRequest) -> None:
        """A request has got its response, or none; a stream has ended."""

    def run_ended(self, ref: RunRef, outcome: str, seconds: float) -> None:
        """A run that was started or continued here has ended, or is not followed any more.

        The outcome is a `Status` in lower case, or `lost`; `seconds` since it was started or continued.
        """


Observers = Sequence[Observer]


class WriteRecorder(Observer):
    """Notes what is sent that could change something in the operation that it is done for."""

    def request_starts(self, request: ObservedRequest) -> Mapping[str, str]:
        current = _operation.get()
        if current is not None and not request.is_read and len(current.writes) < _MAX_WRITES:
            current.writes.append(Write(request.method, request.route, dict(request.values), request.instance))
        return {}


class Observed:
    """Tells the observers of a request that is sent and ended inside; adds to its headers what they want sent."""

    __slots__ = ("_headers", "_observers", "_request")

    def __init__(self, observers: Observers, request: ObservedRequest, headers: MutableMapping[str, str]) -> None:
        self._observers = observers
        self._request = request
        self._headers = headers

    def __enter__(self) -> None:
        for observer in self._observers:
            self._headers.update(observer.request_starts(self._request))

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._request.end(error)
        for observer in self._observers:
            observer.request_ended(self._request)
