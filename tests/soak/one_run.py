"""One run of a soak, from its start to its end, as a patient client brings it there; what it was told on the way."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import anyio
from mcp_types import CallToolResult

from agentos_mcp.runs.result import ORPHANED
from tests._support.agentos.soaked import ANSWER
from tests._support.mcp_client import words

RUN_SECONDS = 300.0
"""After which a run hangs."""
_TIMES_UNKNOWN = 3
"""So often AgentOS has to be there, and not to know a run, until that is the last word."""
_PAUSE_SECONDS = 1.0
_REFERENCE = re.compile(r"\b((?:agent/counter|workflow/counts)/[\w-]+/[\w-]+)")
_UNKNOWN = re.compile(r"not found|does not know it|has not stored it")
_ENDED = re.compile(r"^(completed|failed|cancelled)\b", re.MULTILINE)

Outcome = Literal["completed", "failed", "cancelled", "orphaned", "unknown", "not started", ""]
"""What the client knows in the end. `orphaned`: AgentOS was restarted during the run, and the result says so;
`unknown`: it has the run's reference, and AgentOS does not know that; `not started`: without one."""


@dataclass
class RunReport:
    """What became of one run."""

    number: int
    on_killed_server: bool
    """Whether it was started on the server that is killed now and then."""
    reference: str = ""
    outcome: Outcome = ""
    text: str = ""
    """The last result."""
    calls: int = 0
    broken_calls: int = 0
    started_at: float = 0.0
    ended_at: float = 0.0
    problem: str = ""

    @property
    def is_workflow(self) -> bool:
        return self.number % 4 == 3

    @property
    def session(self) -> str:
        return f"soak-{self.number}x"

    @property
    def tag(self) -> str:
        return f"tag-{self.number}x"

    @property
    def executions(self) -> tuple[str, ...]:
        """What a completed run has in the ledger, once."""
        return tuple(f"{step} {self.tag}" for step in (("first", "lookup") if self.is_workflow else ("lookup",)))

    @property
    def by_reference(self) -> bool:
        """Whether its first call did not bring its end."""
        return self.calls > 1


class Caller(Protocol):
    """Calls a tool. None where the call breaks, since its server is gone."""

    async def __call__(self, tool: str, arguments: dict[str, Any]) -> CallToolResult | None: ...


@dataclass
class Surroundings:
    """What a run meets. `outages` counts how often AgentOS was killed or came up, so that it changes with each."""

    own: Caller
    """The server that it is started on."""
    steady: Caller
    """The server that is never killed."""
    outages: Callable[[], int]
    is_up: Callable[[], bool]


@dataclass
class PatientClient:
    """Brings one run to its end."""

    report: RunReport
    around: Surroundings
    _times_unknown: int = field(default=0, init=False)

    async def run_to_end(self) -> None:
        """Nothing is raised: the report says what went wrong."""
        report = self.report
        report.started_at = anyio.current_time()
        try:
            with anyio.fail_after(RUN_SECONDS):
                await self._start()
                while not report.outcome:
                    await self._look()
        except TimeoutError:
            report.problem = f"no end within {RUN_SECONDS:.0f} s; last: {report.text[:300]!r}"
        report.ended_at = anyio.current_time()

    async def _start(self) -> None:
        report = self.report
        kind, component = ("workflow", "counts") if report.is_workflow else ("agent", "counter")
        seconds = 1.5 if report.number % 10 == 0 else 0.1 if report.number % 3 == 0 else 0.0
        message = f"go, {report.tag}" + (f", {seconds} seconds" if seconds else "")
        arguments: dict[str, Any] = {f"{kind}_id": component, "message": message, "session_id": report.session}
        arguments |= {"wait": 0} if report.number % 7 == 0 else {"wait": 20}
        outages = self.around.outages()
        result = await self._call(self.around.own, f"run_{kind}", arguments)
        if result is None:
            await self._find()
        else:
            self._read(result, was_up=self.around.outages() == outages and self.around.is_up(), is_start=True)

    async def _find(self) -> None:
        """Find the run of a call that broke by its session, whose id is ours; no run there means that none started."""
        empty = 0
        while not self.report.reference and empty < _TIMES_UNKNOWN:
            await anyio.sleep(_PAUSE_SECONDS)
            outages = self.around.outages()
            result = await self._call(self.around.steady, "list_runs", {"session_id": self.report.session})
            if result is None or outages != self.around.outages() or not self.around.is_up():
                continue
            # AgentOS may say that it has no such session, which is an error.
            self.report.text = words(result)
            found = _REFERENCE.search(self.report.text)
            self.report.reference = found[1] if found else ""
            empty += not found
        if not self.report.reference:
            self.report.outcome = "not started"

    async def _look(self) -> None:
        """Follow the run by its reference for a while."""
        outages = self.around.outages()
        own = self.around.own if self.report.calls % 2 else self.around.steady
        result = await self._call(own, "get_run", {"run": self.report.reference, "wait": 20})
        if result is not None:
            self._read(result, was_up=self.around.outages() == outages and self.around.is_up())
        if not self.report.outcome and (result is None or result.is_error):
            await anyio.sleep(_PAUSE_SECONDS)

    def _read(self, result: CallToolResult, *, was_up: bool, is_start: bool = False) -> None:
        """What a result says of the run. `was_up`: AgentOS was there all the while."""
        report = self.report
        text = report.text = words(result)
        found = _REFERENCE.search(text)
        report.reference = report.reference or (found[1] if found else "")
        ended = _ENDED.search(text)
        if ORPHANED in text:
            report.outcome = "orphaned"
        elif ended:
            report.outcome = ended[1]  # type: ignore[assignment]  # one of three words
            report.problem = self._wrong_answer(text)
        elif result.is_error and is_start and not report.reference:
            report.outcome = "not started"
        elif result.is_error:
            self._times_unknown += was_up and bool(_UNKNOWN.search(text))
            if self._times_unknown >= _TIMES_UNKNOWN:
                report.outcome = "unknown"
        else:
            self._times_unknown = 0

    def _wrong_answer(self, text: str) -> str:
        answer = text.partition("\n---")[0].strip()
        return "" if self.report.outcome != "completed" or answer == ANSWER else f"a wrong answer: {answer[:300]!r}"

    async def _call(self, caller: Caller, tool: str, arguments: dict[str, Any]) -> CallToolResult | None:
        self.report.calls += 1
        result = await caller(tool, arguments)
        self.report.broken_calls += result is None
        return result
