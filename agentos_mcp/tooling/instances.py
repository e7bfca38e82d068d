"""The AgentOSes of a server that has several: by name, asked side by side, none of them waiting for another."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, Protocol, TypeVar

import anyio
from mcp.server.mcpserver import Context

from agentos_mcp.agentos.catalog import LIST_TIMEOUT_SECONDS, Inventory
from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, Unreachable
from agentos_mcp.agentos.hints import Parameter, hint
from agentos_mcp.agentos.http_errors import READING_ERRORS, reading_failure
from agentos_mcp.agentos.plain_text import excerpt
from agentos_mcp.agentos.task_groups import BackgroundTasks, unwrapped_task_group
from agentos_mcp.tooling.context import Backend

log = logging.getLogger(__name__)

STRAGGLER_SECONDS = 2.0
"""So long at least the others are waited for, from the beginning, once one has answered."""
_STRAGGLER_FACTOR = 3.0
"""And so many times as long as the slowest that has answered took."""
_CHECK_INTERVAL_SECONDS = 2.0
_CHECK_TIMEOUT_SECONDS = 2.0

T = TypeVar("T")


class AccessToInstances(Protocol):
    """What the calls of one caller reach where there are several AgentOSes: the lifespan context of every request."""

    @property
    def instances(self) -> Instances | None: ...


def instances_of(context: Context[Any]) -> Instances:
    """The AgentOSes that a call can be for."""
    access: AccessToInstances = context.request_context.lifespan_context
    if access.instances is None:
        raise RuntimeError("this server has one AgentOS")
    return access.instances


class AbsentInstances:
    """Which AgentOSes of a server do not answer, as checks have found; shared by all callers.

    What only one caller asked in vain keeps it from nobody else.
    """

    def __init__(self, backends: Mapping[str, Backend]) -> None:
        self.names: set[str] = set()
        self.answered_at: dict[str, float] = {}
        """When each has last answered a check."""
        self._backends = backends
        self._checked: set[str] = set()
        self._tasks = BackgroundTasks()

    def watched(self) -> AbstractAsyncContextManager[None]:
        """While it is open, those that somebody asked in vain are checked until they answer."""
        return self._tasks.opened()

    def suspect(self, name: str) -> None:
        """Somebody asked this one in vain."""
        if self._tasks.is_open and name not in self._checked:
            self._checked.add(name)
            self._tasks.start_soon(self._check_until_answered, name)

    async def _check_until_answered(self, name: str) -> None:
        try:
            await anyio.sleep(_CHECK_INTERVAL_SECONDS)
            while not await _answers(self._backends[name]):
                self.names.add(name)
                await anyio.sleep(_CHECK_INTERVAL_SECONDS)
            self.names.discard(name)
            self.answered_at[name] = anyio.current_time()
        finally:
            self._checked.discard(name)


class Instances:
    """The AgentOSes by name, and which of them did not answer lately."""

    def __init__(self, backends: Mapping[str, Backend], absent: AbsentInstances | None = None) -> None:
        """`absent` are those of a server with several callers, to each of whom it has other backends."""
        self.backends = dict(backends)
        self.absent = absent or AbsentInstances(self.backends)
        self._problems: dict[str, tuple[float, AgentOSError]] = {}
        """When and why this caller has asked each in vain last: others may not be told of it."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.backends)

    @property
    def listed_names(self) -> str:
        """ "dev, prod, lab"."""
        return ", ".join(self.backends)

    def name_of(self, text: str) -> str:
        """The name as it is written in the settings; '' where there is no such AgentOS."""
        word = text.strip().casefold()
        return next((name for name in self.backends if name.casefold() == word), "")

    def named(self, text: str) -> Backend:
        """The AgentOS of this name. Raises InvalidRequest with the names that there are."""
        if not (name := self.name_of(text)):
            raise InvalidRequest(f"There is no AgentOS '{excerpt(text)}'.", f"There are: {self.listed_names}.")
        return self.backends[name]

    def ask_which(self, problem: str) -> InvalidRequest:
        """The error of a call for which it is not known which AgentOS is meant."""
        return InvalidRequest(
            problem, hint("Give {instance}, one of: {names}.", instance=Parameter("instance"), names=self.listed_names)
        )

    def split(self, text: str) -> tuple[str, str]:
        """The name of the AgentOS before an id ("prod:3f9a"), '' where there is none; and the rest."""
        before, colon, rest = text.partition(":")
        name = self.name_of(before) if colon and rest.strip() else ""
        return (name, rest.strip()) if name else ("", text)

    async def inventories(self) -> dict[str, Inventory | None]:
        """What each has; of one that does not answer in time what it had before, None where that is not known."""

        async def read(backend: Backend) -> Inventory:
            with _unreachable_after(LIST_TIMEOUT_SECONDS):
                return await backend.catalog.inventory(retry=False)

        answers = await self.ask_each(read)
        return {
            name: answer if isinstance(answer, Inventory) else self.backends[name].catalog.known
            for name, answer in answers.items()
        }

    def mask(self, text: str) -> str:
        """A text without the tokens of any of them."""
        for backend in self.backends.values():
            text = backend.agent_os.mask(text)
        return text

    async def ask_each(
        self, call: Callable[[Backend], Awaitable[T]], *, wait_for_all: bool = False
    ) -> dict[str, T | AgentOSError]:
        """What `call` returns of each, or the error of one that fails, in the order of the settings.

        One that is much slower than the others is not waited for, and from then on not asked until it answers a check;
        `wait_for_all` asks it all the same.
        """
        answers: dict[str, T | AgentOSError] = {}
        left_out = {} if wait_for_all else self._known_problems()
        if len(left_out) == len(self.backends):
            left_out = {}
        answers.update(left_out)
        started_at = anyio.current_time()
        slowest_seconds = 0.0
        changed = anyio.Event()

        async def ask(name: str, backend: Backend) -> None:
            nonlocal slowest_seconds
            try:
                answers[name] = await call(backend)
                slowest_seconds = anyio.current_time() - started_at
            except AgentOSError as error:
                answers[name] = error
            except READING_ERRORS as error:
                log.exception("An answer of the AgentOS %s could not be read", name)
                answers[name] = reading_failure(error, f"The AgentOS {name}")
            changed.set()

        def remaining_seconds() -> float:
            if wait_for_all or not slowest_seconds:
                return math.inf
            limit = max(STRAGGLER_SECONDS, slowest_seconds * _STRAGGLER_FACTOR)
            return max(0.0, started_at + limit - anyio.current_time())

        async with unwrapped_task_group() as tasks:
            for name, backend in self.backends.items():
                if name not in answers:
                    tasks.start_soon(ask, name, backend)
            while len(answers) < len(self.backends):
                with anyio.move_on_after(remaining_seconds()) as scope:
                    await changed.wait()
                    changed = anyio.Event()
                if scope.cancelled_caught:
                    break
            tasks.cancel_scope.cancel()
        seconds = anyio.current_time() - started_at
        for name in self.backends:
            answers.setdefault(name, _no_answer(seconds))
            if name not in left_out:
                self._note(name, answers[name])
        return {name: answers[name] for name in self.backends}

    def _known_problems(self) -> dict[str, AgentOSError]:
        """Why those that did not answer lately are not asked, by name."""
        never = -math.inf
        own = {
            name: error
            for name, (asked_at, error) in self._problems.items()
            if asked_at > self.absent.answered_at.get(name, never)
        }
        return {name: Unreachable("It did not answer lately.") for name in self.absent.names} | own

    def _note(self, name: str, answer: object) -> None:
        if isinstance(answer, AgentOSError) and answer.is_transient:
            self._problems[name] = anyio.current_time(), answer
            self.absent.suspect(name)
        else:
            self._problems.pop(name, None)
            self.absent.names.discard(name)


@contextmanager
def _unreachable_after(seconds: float) -> Iterator[None]:
    """Raises Unreachable where what is awaited inside takes longer."""
    try:
        with anyio.fail_after(seconds):
            yield
    except TimeoutError:
        raise _no_answer(seconds) from None


async def _answers(backend: Backend) -> bool:
    """Whether an AgentOS answers in time, whatever it says."""
    try:
        with anyio.fail_after(_CHECK_TIMEOUT_SECONDS):
            await backend.agent_os.get("/health", retry=False)
    except TimeoutError:
        return False
    except AgentOSError as error:
        return not error.is_transient
    except READING_ERRORS:
        return False
    return True


def _no_answer(seconds: float) -> AgentOSError:
    return Unreachable(f"It did not answer within {seconds:.1f} s.", "Ask it alone to wait longer for it.")
