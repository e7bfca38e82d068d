"""Runs that were: found without knowing their sessions, also those that other clients started."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any, Literal

from agentos_mcp.agentos.catalog import Catalog, Component, Inventory
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, NotFound, ServerFailure, Unsupported
from agentos_mcp.agentos.json_values import mapping, number, objects, text
from agentos_mcp.agentos.pagination import read_page
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.agentos.runs.run import KINDS, Kind, RunRef, Status
from agentos_mcp.agentos.task_groups import gather
from agentos_mcp.agentos.timestamps import parse_timestamp

MOST_SESSIONS = 60
"""So many sessions are looked at, the last active first; older ones have to be named."""

_AT_ONCE = 8
_MAX_PREVIEW_LENGTH = 140
_MOST_RUNS = 2_000
"""So many runs of one session are looked at, the newest."""


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
class _RunQuery:
    """Which of a session's runs are asked for; what is '' or None does not matter."""

    kind: Kind | Literal[""] = ""
    component: Component | None = None
    status: str = ""

    def fits(self, kind: Kind, owner: str, status: str) -> bool:
        if self.component is not None and (kind, owner) != (self.component.kind, self.component.id):
            return False
        return self.kind in {"", kind} and self.status in {"", status}


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
    catalog: Catalog,
    *,
    kind: Kind | Literal[""] = "",
    user_id: str,
    component: Component | None = None,
    session_id: str = "",
    database: str = "",
    status: str = "",
    limit: int = 20,
    types: Sequence[str] = ("",),
) -> list[RunSummary]:
    """The newest runs, of one kind, component, session, status or user if given; not those of members and steps.

    `user_id` is the user whose they have to be, '' for everybody's: a server for one user has to say it everywhere.
    `database`: only what lies in this one, '' for all. At most MOST_SESSIONS sessions are looked at, and as many more
    of the kind. `types` of sessions are asked for one by one, for an AgentOS that takes a type that is not given for
    "agent". Raises InvalidRequest for an unknown status and NotFound for an unknown session.
    """
    wanted = _RunQuery(kind, component, _status(status))
    contents = await catalog.inventory()
    databases = contents.databases if len(contents.databases) > 1 and not database else (database,)
    if session_id:
        asked = [_Session(session_id, one, user_id=user_id) for one in databases]
        return (await _runs_of_session(agent_os, contents, asked, wanted))[:limit]
    sessions = await _sessions(agent_os, databases, types, wanted, user_id)
    found: list[RunSummary] = []
    for start in range(0, len(sessions), _AT_ONCE):
        batch = sessions[start : start + _AT_ONCE]
        # What is older than the oldest run shown can hold no newer one.
        if len(found) >= limit and found[limit - 1].started >= batch[0].active:
            break
        found = _newest_first([*found, *await _runs_of(agent_os, contents, batch, wanted)])
    return found[:limit]


def _newest_first(runs: Sequence[RunSummary]) -> list[RunSummary]:
    """Each run once: databases with names of their own may be one database."""
    once: dict[RunRef, RunSummary] = {}
    for run in runs:
        once.setdefault(run.ref, run)
    return sorted(once.values(), key=lambda run: run.started, reverse=True)


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
    wanted: _RunQuery,
    user_id: str,
) -> list[_Session]:
    """The sessions that were last active, of all databases; those of the kind that is asked for apart from the others.

    A run may lie in a session of another kind, and a workflow's session may be stored as an agent's.
    """
    component = wanted.component
    kind = component.kind if component is not None else wanted.kind
    if component is not None and kind != "workflow":
        return await _latest_sessions(agent_os, product(databases, types), component, component.id, user_id)
    found = await _latest_sessions(agent_os, product(databases, types), component, "", user_id)
    if kind and kind not in types:
        component_id = component.id if component is not None else ""
        own = await _latest_sessions(agent_os, product(databases, (kind,)), component, component_id, user_id)
        found = sorted({*found, *own}, key=lambda session: session.active, reverse=True)
    return found


async def _latest_sessions(
    agent_os: AgentOS,
    places: Iterable[tuple[str, str]],
    component: Component | None,
    component_id: str,
    user_id: str,
) -> list[_Session]:
    """The sessions that were last active of these databases and types, and of this component id if one is given."""
    found: dict[tuple[str, str], _Session] = {}
    refusals: list[AgentOSError] = []
    looked = 0
    for database, kind in places:
        query: dict[str, str | int] = {"limit": MOST_SESSIONS, "sort_by": "updated_at", "sort_order": "desc"}
        scope = {"component_id": component_id, "user_id": user_id, "db_id": database, "type": kind}
        query |= {name: value for name, value in scope.items() if value}
        looked += 1
        try:
            page = await agent_os.get("/sessions", query=query)
        except (NotFound, InvalidRequest) as refusal:
            # Not every database keeps sessions.
            refusals.append(refusal)
            continue
        for row in read_page(page).rows[:MOST_SESSIONS]:
            if user_id and row.get("user_id", user_id) != user_id:
                continue
            if (session_id := text(row.get("session_id"))) and _may_hold(row, component):
                found[database, session_id] = _Session(
                    session_id,
                    database,
                    _unix_seconds(row.get("updated_at") or row.get("created_at")),
                    user_id,
                    text(row.get("workflow_id")),
                )
    if refusals and len(refusals) == looked:
        raise refusals[0]
    return sorted(found.values(), key=lambda session: session.active, reverse=True)[:MOST_SESSIONS]


def _may_hold(row: Mapping[str, Any], component: Component | None) -> bool:
    """False for a session that is another workflow's for certain."""
    return component is None or component.kind != "workflow" or text(row.get("workflow_id")) in {"", component.id}


async def _runs_of(
    agent_os: AgentOS, contents: Inventory, sessions: list[_Session], wanted: _RunQuery
) -> list[RunSummary]:
    async def look(session: _Session) -> list[RunSummary]:
        try:
            rows = await _rows(agent_os, session, wanted.status)
        except (NotFound, ServerFailure, InvalidRequest):
            # Deleted meanwhile, not readable, or with an id that AgentOS cannot route: the others are what counts.
            return []
        return _summaries(rows, session, contents, wanted)

    found = await gather(partial(look, session) for session in sessions)
    return [run for runs in found for run in runs]


async def _runs_of_session(
    agent_os: AgentOS, contents: Inventory, sessions: list[_Session], wanted: _RunQuery
) -> list[RunSummary]:
    found: list[RunSummary] = []
    missing = 0
    for session in sessions:
        try:
            rows = await _rows(agent_os, session, wanted.status)
            owned = await _with_owner(agent_os, session, rows)
        except NotFound:
            missing += 1
        else:
            found += _summaries(rows, owned, contents, wanted)
    if missing == len(sessions):
        raise NotFound(f"No session '{sessions[0].id[:80]}'.", "Leave session_id out to see the newest runs of all.")
    return _newest_first(found)


async def _with_owner(agent_os: AgentOS, session: _Session, rows: list[Mapping[str, Any]]) -> _Session:
    """The session with the workflow that it belongs to, where its runs are several workflows'."""
    if len({text(row.get("workflow_id")) for row in rows} - {""}) < 2:
        return session
    query = {"db_id": session.database} if session.database else {}
    detail = await agent_os.get("/sessions/{session_id}", {"session_id": session.id}, query)
    return replace(session, workflow=text(mapping(detail).get("workflow_id")))


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
    return objects(rows)[-_MOST_RUNS:]


def _summaries(
    rows: list[Mapping[str, Any]], session: _Session, contents: Inventory, wanted: _RunQuery
) -> list[RunSummary]:
    """The runs that were started as such, newest first: not those of members, steps and nested workflows."""
    names = {(one.kind, one.id): one.name for one in contents.components}
    found = []
    for row in reversed(rows):
        kind, owner = _owner(row)
        run = text(row.get("run_id"))
        if not kind or row.get("parent_run_id") or not run:
            continue
        if session.user_id and row.get("user_id") not in {None, session.user_id}:
            continue
        if session.workflow and (kind, owner) != ("workflow", session.workflow):
            continue
        status = text(row.get("status")).upper()
        if not wanted.fits(kind, owner, status):
            continue
        found.append(
            RunSummary(
                ref=RunRef(kind, owner, session.id, run),
                status=status,
                name=names.get((kind, owner), owner),
                started=_unix_seconds(row.get("created_at")),
                seconds=number(mapping(row.get("metrics")).get("duration")),
                question=_preview(row.get("run_input")),
                answer=_preview(row.get("content_preview", row.get("content"))),
            )
        )
    return found


def _owner(row: Mapping[str, Any]) -> tuple[Kind | None, str]:
    """Whose run it is: a workflow's or a team's run may name an agent too."""
    for kind in reversed(KINDS):
        if owner := text(row.get(f"{kind}_id")):
            return kind, owner
    return None, ""


def _unix_seconds(timestamp: object) -> float:
    """A time of AgentOS's in seconds since 1970; 0 where there is none."""
    moment = parse_timestamp(timestamp)
    return moment.timestamp() if moment is not None else 0.0


def _preview(content: object) -> str:
    return one_line(str(content or ""), max_length=_MAX_PREVIEW_LENGTH)
