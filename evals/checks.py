"""What has to be true after a request was played: of the answer, and on the AgentOS itself."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio
import httpx

from agentos_mcp.agentos.runs.run import Kind
from evals.transcript import Transcript

_SETTLE_SECONDS = 5.0
"""How long a run that is still going may take to come to the status that it should have."""
_POLL_SECONDS = 0.2
_UNFINISHED = frozenset({"pending", "running"})


@dataclass(frozen=True)
class StoredRun:
    session_id: str
    status: str
    """In lower case: completed, running, paused, error, cancelled."""
    input: str
    content: str


class AgentOSReader:
    """An AgentOS by its own REST API."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def get(self, path: str, **query: str | int) -> Any:
        """The JSON at a path. Raises httpx.HTTPStatusError where there is none."""
        response = await self._http.get(path, params=query)
        response.raise_for_status()
        return response.json()

    async def rows(self, path: str, **query: str | int) -> list[Mapping[str, Any]]:
        """The rows of a list, up to a hundred."""
        page = await self.get(path, limit=100, **query)
        return list(page["data"])

    async def runs(self, kind: Kind, component: str) -> list[StoredRun]:
        """All runs of a component."""
        sessions = await self.rows("/sessions", type=kind, component_id=component)
        runs: list[StoredRun] = []
        for session in sessions:
            session_id = str(session["session_id"])
            for run in await self.get(f"/sessions/{session_id}/runs", type=kind):
                status = str(run.get("status") or "completed").lower()
                run_input = _plain(run.get("run_input") or run.get("input"))
                runs.append(StoredRun(session_id, status, run_input, _plain(run.get("content"))))
        return runs

    async def search(self, knowledge_base: str, query: str) -> list[str]:
        """The passages of the knowledge base of this name that fit best."""
        bases = (await self.get("/config"))["knowledge"]["knowledge_instances"]
        base = next(base for base in bases if base["name"] == knowledge_base)
        body = {"query": query, "knowledge_id": base["id"]}
        response = await self._http.post("/knowledge/search", json=body)
        response.raise_for_status()
        return [str(passage["content"]) for passage in response.json()["data"]]

    async def run_status(self, run: str) -> str:
        """The status of the run with this reference, in lower case."""
        kind, component, session, run_id = run.split("/")
        stored = await self.get(f"/{kind}s/{component}/runs/{run_id}", session_id=session)
        return str(stored["status"]).lower()


@dataclass(frozen=True)
class Outcome:
    """What there is to check."""

    transcript: Transcript
    agentos: AgentOSReader
    may_settle: bool = True
    """Whether a run that is still going is waited for."""


Check = Callable[[Outcome], Awaitable[str]]
"""What is wrong, in a sentence; '' where all is right."""


def answer_matches(*patterns: str) -> Check:
    """The answer has a match of each regular expression, in any case."""

    async def check(outcome: Outcome) -> str:
        missing = [pattern for pattern in patterns if not re.search(pattern, outcome.transcript.answer, re.IGNORECASE)]
        return f"the answer lacks {', '.join(missing)}" if missing else ""

    return check


def ran(
    kind: Kind,
    component: str,
    *,
    about: str = "",
    session_id: str = "",
    content: str = "",
    statuses: tuple[str, ...] = ("completed",),
) -> Check:
    """A run of the component exists: its input matches `about`, its content `content`, its status is one of these."""

    async def check(outcome: Outcome) -> str:
        runs: list[StoredRun] = []
        with anyio.move_on_after(_SETTLE_SECONDS):
            while True:
                runs = [
                    run
                    for run in await outcome.agentos.runs(kind, component)
                    if re.search(about, run.input, re.IGNORECASE) and session_id in ("", run.session_id)
                ]
                if any(run.status in statuses and re.search(content, run.content, re.IGNORECASE) for run in runs):
                    return ""
                if not (outcome.may_settle and any(run.status in _UNFINISHED for run in runs)):
                    break
                await anyio.sleep(_POLL_SECONDS)
        states = ", ".join(run.status for run in runs) or "none"
        return f"no {'/'.join(statuses)} run of {kind} {component} about '{about}' (runs about it: {states})"

    return check


def not_run(kind: Kind, components: Iterable[str], *, about: str) -> Check:
    """None of the components was run on this."""
    ids = tuple(components)

    async def check(outcome: Outcome) -> str:
        for component in ids:
            runs = await outcome.agentos.runs(kind, component)
            if any(re.search(about, run.input, re.IGNORECASE) for run in runs):
                return f"{kind} {component} was run on '{about}'"
        return ""

    return check


def run_has_status(run: str, *statuses: str) -> Check:
    """The run with this reference comes to one of these statuses."""

    async def check(outcome: Outcome) -> str:
        status = ""
        with anyio.move_on_after(_SETTLE_SECONDS):
            while True:
                status = await outcome.agentos.run_status(run)
                if status in statuses or status not in _UNFINISHED or not outcome.may_settle:
                    break
                await anyio.sleep(_POLL_SECONDS)
        return "" if status in statuses else f"{run} is {status}, not {' or '.join(statuses)}"

    return check


def answered_before_end(kind: Kind, component: str, *, about: str) -> Check:
    """No call waited for the run: it was still going when the answer came."""
    return ran(kind, component, about=about, statuses=("pending", "running"))


def row_exists(path: str, fields: Mapping[str, str], **query: str | int) -> Check:
    """A row of a list of AgentOS has fields that match these regular expressions."""

    async def check(outcome: Outcome) -> str:
        rows = await outcome.agentos.rows(path, **query)
        return "" if any(_row_matches(row, fields) for row in rows) else f"nothing in {path} has {dict(fields)}"

    return check


def no_row(path: str, fields: Mapping[str, str], **query: str | int) -> Check:
    """No row of a list of AgentOS has fields that match these regular expressions."""

    async def check(outcome: Outcome) -> str:
        rows = await outcome.agentos.rows(path, **query)
        return f"{path} still has {dict(fields)}" if any(_row_matches(row, fields) for row in rows) else ""

    return check


def knows(knowledge_base: str, query: str, pattern: str) -> Check:
    """The knowledge base of this name finds a passage for the query that matches the pattern."""

    async def check(outcome: Outcome) -> str:
        passages = await outcome.agentos.search(knowledge_base, query)
        if any(re.search(pattern, passage, re.IGNORECASE) for passage in passages):
            return ""
        return f"'{query}' finds nothing in {knowledge_base} that has '{pattern}'"

    return check


def _row_matches(row: Mapping[str, Any], fields: Mapping[str, str]) -> bool:
    return all(re.search(pattern, _plain(row.get(name)), re.IGNORECASE) for name, pattern in fields.items())


def _plain(value: Any) -> str:
    return "" if value is None else str(value)
