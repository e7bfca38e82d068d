"""Runs that were: found without knowing their sessions, also those that other clients started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from typing import Any

import anyio

from agentos_mcp.agentos.catalogue import Catalogue, Component, Contents
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, NotFound, ServerFailure, Unsupported
from agentos_mcp.agentos.run import KINDS, Kind, RunRef, Status

MOST_SESSIONS = 60
"""So many sessions are looked at, the last active first; older ones have to be named."""

_AT_ONCE = 8
_WORDS = 140


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in a list. `started` is in unix seconds; `seconds` is 0 where AgentOS does not say."""

    ref: RunRef
    status: str
    name: str
    started: float
    seconds: float = 0.0
    question: str = ""
    answer: str = ""
    """Its first words; for a paused or failed run what had been said until then."""


@dataclass(frozen=True, slots=True)
class _Session:
    id: str
    database: str = ""
    active: float = 0.0
    user_id: str = ""
    """The user whose it has to be, '' for any."""
    workflow: str = ""
    """The workflow whose session it is; '' where it is no workflow's, or not known whose."""


async def list_runs(
    agent_os: AgentOS,
    catalogue: Catalogue,
    *,
    user_id: str,
    component: Component | None = None,
    session_id: str = "",
    status: str = "",
    limit: int = 20,
    types: Sequence[str] = ("",),
) -> list[RunSummary]:
    """The newest runs, of one component, session or status if given; those of members and steps are left out.

    `user_id` is the user whose they have to be, '' for everybody's: a server for one user has to say it everywhere.
    At most MOST_SESSIONS sessions are looked at. `types` of sessions are asked for one by one, for an AgentOS
    that takes a type that is not given for "agent". Raises InvalidRequest for an unknown status and
    NotFound for an unknown session.
    """
    wanted = _status(status)
    contents = await catalogue.contents()
    databases = contents.databases if len(contents.databases) > 1 else ("",)
    if session_id:
        asked = [_Session(session_id, database, user_id=user_id) for database in databases]
        return await _runs_of_session(agent_os, contents, asked, component, wanted, limit)
    sessions = await _sessions(agent_os, databases, types, component, user_id)
    found: list[RunSummary] = []
    for start in range(0, len(sessions), _AT_ONCE):
        batch = sessions[start : start + _AT_ONCE]
        # What is older than the oldest run shown can hold no newer one.
        if len(found) >= limit and found[limit - 1].started >= batch[0].active:
            break
        found += await _runs_of(agent_os, contents, batch, component, wanted)
        found.sort(key=lambda run: run.started, reverse=True)
    return found[:limit]


def _status(asked: str) -> str:
    word = asked.strip().upper()
    if word and word not in Status.__members__:
        raise InvalidRequest(
            f"'{asked[:40]}' is no status.", f"Use one of {', '.join(status.lower() for status in Status)}."
        )
    return word


async def _sessions(
    agent_os: AgentOS,
    databases: tuple[str, ...],
    types: Sequence[str],
    component: Component | None,
    user_id: str,
) -> list[_Session]:
    """The sessions that were last active, of all databases."""
    found: list[_Session] = []
    refusals: list[AgentOSError] = []
    for database, kind in product(databases, types):
        query: dict[str, str | int] = {"limit": MOST_SESSIONS, "sort_by": "updated_at", "sort_order": "desc"}
        # A workflow's session may be stored as an agent's, so its own are not asked for by id.
        if component is not None and component.kind != "workflow":
            query["component_id"] = component.id
        scope = {"user_id": user_id, "db_id": database, "type": kind}
        query |= {name: value for name, value in scope.items() if value}
        try:
            page = await agent_os.get("/sessions", query=query)
        except (NotFound, InvalidRequest) as refusal:
            # Not every database keeps sessions.
            refusals.append(refusal)
            continue
        rows = page.get("data") if isinstance(page, Mapping) else None
        found += [
            _Session(
                str(row["session_id"]),
                database,
                _seconds(row.get("updated_at") or row.get("created_at")),
                user_id,
                str(row.get("workflow_id") or ""),
            )
            for row in rows or ()
            if isinstance(row, Mapping)
            and row.get("session_id")
            and _may_hold(row, component)
            and (not user_id or row.get("user_id", user_id) == user_id)
        ]
    if refusals and len(refusals) == len(databases) * len(types):
        raise refusals[0]
    found.sort(key=lambda session: session.active, reverse=True)
    return found[:MOST_SESSIONS]


def _may_hold(row: Mapping[str, Any], component: Component | None) -> bool:
    """False for a session that is another workflow's for certain."""
    return component is None or component.kind != "workflow" or row.get("workflow_id") in {None, "", component.id}


async def _runs_of(
    agent_os: AgentOS, contents: Contents, sessions: list[_Session], component: Component | None, wanted: str
) -> list[RunSummary]:
    found: dict[str, list[RunSummary]] = {}
    failures: list[AgentOSError] = []

    async def look(session: _Session) -> None:
        try:
            rows = await _rows(agent_os, session, wanted)
        except (NotFound, ServerFailure, InvalidRequest):
            # Deleted meanwhile, not readable, or with an id that AgentOS cannot route: the others are what counts.
            return
        except AgentOSError as failure:  # kept out of the task group, which would wrap it
            failures.append(failure)
            return
        found[session.id] = _summaries(rows, session, contents, component, wanted)

    async with anyio.create_task_group() as tasks:
        for session in sessions:
            tasks.start_soon(look, session)
    if failures:
        raise failures[0]
    return [run for session in sessions for run in found.get(session.id, ())]


async def _runs_of_session(
    agent_os: AgentOS,
    contents: Contents,
    sessions: list[_Session],
    component: Component | None,
    wanted: str,
    limit: int,
) -> list[RunSummary]:
    found: list[RunSummary] = []
    missing = 0
    for session in sessions:
        try:
            rows = await _rows(agent_os, session, wanted)
            owned = await _with_owner(agent_os, session, rows)
        except NotFound:
            missing += 1
        else:
            found += _summaries(rows, owned, contents, component, wanted)
    if missing == len(sessions):
        raise NotFound(f"No session '{sessions[0].id[:80]}'.", "Leave session_id out to see the newest runs of all.")
    return sorted(found, key=lambda run: run.started, reverse=True)[:limit]


async def _with_owner(agent_os: AgentOS, session: _Session, rows: list[Mapping[str, Any]]) -> _Session:
    """The session with the workflow that it belongs to, where its runs are several workflows'."""
    if len({row["workflow_id"] for row in rows if row.get("workflow_id")}) < 2:
        return session
    query = {"db_id": session.database} if session.database else {}
    detail = await agent_os.get("/sessions/{session_id}", {"session_id": session.id}, query)
    workflow = detail.get("workflow_id") if isinstance(detail, Mapping) else None
    return replace(session, workflow=str(workflow or ""))


async def _rows(agent_os: AgentOS, session: _Session, wanted: str) -> list[Mapping[str, Any]]:
    """A session's runs as previews, a few hundred bytes each; whole ones from an AgentOS that has no previews."""
    # Asked for as a workflow's, every run says whose it is; as an agent's, those of teams and workflows do not.
    scope = {"db_id": session.database, "user_id": session.user_id}
    query = {"type": "workflow"} | {name: value for name, value in scope.items() if value}
    values = {"session_id": session.id}
    try:
        rows = await agent_os.get(
            "/sessions/{session_id}/run-previews", values, query | ({"status": wanted} if wanted else {})
        )
    except Unsupported:
        rows = await agent_os.get("/sessions/{session_id}/runs", values, query)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _summaries(
    rows: list[Mapping[str, Any]], session: _Session, contents: Contents, component: Component | None, wanted: str
) -> list[RunSummary]:
    """The runs that were started as such, newest first: not those of members, steps and nested workflows."""
    names = {(one.kind, one.id): one.name for one in contents.components}
    found = []
    for row in reversed(rows):
        kind, owner = _owner(row)
        if not kind or row.get("parent_run_id") or not row.get("run_id"):
            continue
        if session.user_id and row.get("user_id") not in {None, session.user_id}:
            continue
        if session.workflow and (kind, owner) != ("workflow", session.workflow):
            continue
        if component is not None and (kind, owner) != (component.kind, component.id):
            continue
        status = str(row.get("status") or "").upper()
        if wanted and status != wanted:
            continue
        metrics = row.get("metrics")
        duration = metrics.get("duration") if isinstance(metrics, Mapping) else None
        found.append(
            RunSummary(
                ref=RunRef(kind, owner, session.id, str(row["run_id"])),
                status=status,
                name=names.get((kind, owner), owner),
                started=_seconds(row.get("created_at")),
                seconds=float(duration) if isinstance(duration, int | float) else 0.0,
                question=_line(row.get("run_input")),
                answer=_line(row.get("content_preview", row.get("content"))),
            )
        )
    return found


def _owner(row: Mapping[str, Any]) -> tuple[Kind | None, str]:
    """Whose run it is: a workflow's or a team's run may name an agent too."""
    for kind in reversed(KINDS):
        if row.get(f"{kind}_id"):
            return kind, str(row[f"{kind}_id"])
    return None, ""


def _seconds(moment: object) -> float:
    """A moment as AgentOS writes it, ISO 8601 or a number, in unix seconds; 0 where there is none."""
    if isinstance(moment, int | float):
        return float(moment)
    if not isinstance(moment, str) or not moment:
        return 0.0
    try:
        read = datetime.fromisoformat(moment)
    except ValueError:
        return 0.0
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def _line(words: object) -> str:
    line = " ".join(str(words or "").split())
    return line if len(line) <= _WORDS else line[: _WORDS - 1] + "…"
