"""Lists past and running runs, also those that other clients started, without knowing their sessions."""

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

MAX_SESSIONS = 60
"""How many sessions are read, the last active first; older ones have to be named."""

MAX_CONCURRENT_SESSIONS = 8
_MAX_PREVIEW_LENGTH = 140
_MAX_RUNS = 2_000
"""How many runs of one session are read, the newest."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in a list. `started` is in unix seconds; `seconds` is 0 where AgentOS does not say."""

    ref: RunRef
    status: str
    name: str
    started_at: float
    seconds: float = 0.0
    input: str = ""
    answer: str = ""
    """Its first words; for a paused or failed run the words until then."""


@dataclass(frozen=True, slots=True)
class _RunQuery:
    """Which of a session's runs are asked for; what is '' or None does not matter."""

    kind: Kind | Literal[""] = ""
    component: Component | None = None
    status: str = ""

    def matches(self, kind: Kind, owner: str, status: str) -> bool:
        if self.component is not None and (kind, owner) != (self.component.kind, self.component.id):
            return False
        return self.kind in {"", kind} and self.status in {"", status}


@dataclass(frozen=True, slots=True)
class _Session:
    id: str
    database: str = ""
    active_at: float = 0.0
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
    `database`: only what lies in this one, '' for all. At most MAX_SESSIONS sessions are looked at, and as many more
    of the kind. `types` of sessions are asked for one by one, for an AgentOS that takes a type that is not given for
    "agent". Raises InvalidRequest for an unknown status and NotFound for an unknown session.
    """
    query = _RunQuery(kind, component, _parse_status(status))
    inventory = await catalog.inventory()
    databases = inventory.databases if len(inventory.databases) > 1 and not database else (database,)
    if session_id:
        sessions = [_Session(session_id, database, user_id=user_id) for database in databases]
        return (await _runs_of_session(agent_os, inventory, sessions, query))[:limit]
    sessions = await _find_sessions(agent_os, databases, types, query, user_id)
    runs: list[RunSummary] = []
    for start in range(0, len(sessions), MAX_CONCURRENT_SESSIONS):
        batch = sessions[start : start + MAX_CONCURRENT_SESSIONS]
        # What is older than the oldest run shown can hold no newer one.
        if len(runs) >= limit and runs[limit - 1].started_at >= batch[0].active_at:
            break
        runs = _newest_first([*runs, *await _runs_of_sessions(agent_os, inventory, batch, query)])
    return runs[:limit]


def _newest_first(runs: Sequence[RunSummary]) -> list[RunSummary]:
    """Each run once: databases with names of their own may be one database."""
    by_ref: dict[RunRef, RunSummary] = {}
    for run in runs:
        by_ref.setdefault(run.ref, run)
    return sorted(by_ref.values(), key=lambda run: run.started_at, reverse=True)


def _parse_status(text: str) -> str:
    status = text.strip().upper()
    if status and status not in Status.__members__:
        raise InvalidRequest(
            f"'{text[:40]}' is not a status.", f"Use one of {', '.join(status.lower() for status in Status)}."
        )
    return status


async def _find_sessions(
    agent_os: AgentOS,
    databases: tuple[str, ...],
    types: Sequence[str],
    query: _RunQuery,
    user_id: str,
) -> list[_Session]:
    """The sessions that were last active, of all databases; those of the kind that is asked for apart from the others.

    A run may lie in a session of another kind, and a workflow's session may be stored as an agent's.
    """
    component = query.component
    kind = component.kind if component is not None else query.kind
    if component is not None and kind != "workflow":
        return await _latest_sessions(agent_os, product(databases, types), component, component.id, user_id)
    sessions = await _latest_sessions(agent_os, product(databases, types), component, "", user_id)
    if kind and kind not in types:
        component_id = component.id if component is not None else ""
        of_kind = await _latest_sessions(agent_os, product(databases, (kind,)), component, component_id, user_id)
        sessions = sorted({*sessions, *of_kind}, key=lambda session: session.active_at, reverse=True)
    return sessions


async def _latest_sessions(
    agent_os: AgentOS,
    sources: Iterable[tuple[str, str]],
    component: Component | None,
    component_id: str,
    user_id: str,
) -> list[_Session]:
    """The sessions that were last active of these databases and types, and of this component id if one is given."""
    sessions: dict[tuple[str, str], _Session] = {}
    errors: list[AgentOSError] = []
    source_count = 0
    for database, kind in sources:
        query: dict[str, str | int] = {"limit": MAX_SESSIONS, "sort_by": "updated_at", "sort_order": "desc"}
        scope = {"component_id": component_id, "user_id": user_id, "db_id": database, "type": kind}
        query |= {name: value for name, value in scope.items() if value}
        source_count += 1
        try:
            page = await agent_os.get("/sessions", query=query)
        except (NotFound, InvalidRequest) as error:
            # Not every database keeps sessions.
            errors.append(error)
            continue
        for row in read_page(page).rows[:MAX_SESSIONS]:
            if user_id and row.get("user_id", user_id) != user_id:
                continue
            if (session_id := text(row.get("session_id"))) and _may_hold(row, component):
                sessions[database, session_id] = _Session(
                    session_id,
                    database,
                    _unix_seconds(row.get("updated_at") or row.get("created_at")),
                    user_id,
                    text(row.get("workflow_id")),
                )
    if errors and len(errors) == source_count:
        raise errors[0]
    return sorted(sessions.values(), key=lambda session: session.active_at, reverse=True)[:MAX_SESSIONS]


def _may_hold(row: Mapping[str, Any], component: Component | None) -> bool:
    """False for a session that is another workflow's for certain."""
    return component is None or component.kind != "workflow" or text(row.get("workflow_id")) in {"", component.id}


async def _runs_of_sessions(
    agent_os: AgentOS, inventory: Inventory, sessions: list[_Session], query: _RunQuery
) -> list[RunSummary]:
    async def read(session: _Session) -> list[RunSummary]:
        try:
            rows = await _read_rows(agent_os, session, query.status)
        except (NotFound, ServerFailure, InvalidRequest):
            # Deleted meanwhile, not readable, or with an id that AgentOS cannot route: the others are what counts.
            return []
        return _summaries(rows, session, inventory, query)

    run_lists = await gather(partial(read, session) for session in sessions)
    return [run for runs in run_lists for run in runs]


async def _runs_of_session(
    agent_os: AgentOS, inventory: Inventory, sessions: list[_Session], query: _RunQuery
) -> list[RunSummary]:
    runs: list[RunSummary] = []
    missing_count = 0
    for session in sessions:
        try:
            rows = await _read_rows(agent_os, session, query.status)
            owned = await _with_owner(agent_os, session, rows)
        except NotFound:
            missing_count += 1
        else:
            runs += _summaries(rows, owned, inventory, query)
    if missing_count == len(sessions):
        raise NotFound(f"No session '{sessions[0].id[:80]}'.", "Leave session_id out to see the newest runs of all.")
    return _newest_first(runs)


async def _with_owner(agent_os: AgentOS, session: _Session, rows: list[Mapping[str, Any]]) -> _Session:
    """The session with the workflow that it belongs to, where its runs are several workflows'."""
    if len({text(row.get("workflow_id")) for row in rows} - {""}) < 2:
        return session
    query = {"db_id": session.database} if session.database else {}
    detail = await agent_os.get("/sessions/{session_id}", {"session_id": session.id}, query)
    return replace(session, workflow=text(mapping(detail).get("workflow_id")))


async def _read_rows(agent_os: AgentOS, session: _Session, status: str) -> list[Mapping[str, Any]]:
    """A session's runs as previews, a few hundred bytes each; whole ones from an AgentOS that has no previews."""
    # Asked for as a workflow's, every run says whose it is; as an agent's, those of teams and workflows do not.
    scope = {"db_id": session.database, "user_id": session.user_id}
    query = {"type": "workflow"} | {name: value for name, value in scope.items() if value}
    values = {"session_id": session.id}
    try:
        rows = await agent_os.get(
            "/sessions/{session_id}/run-previews", values, query | ({"status": status} if status else {})
        )
    except Unsupported:
        rows = await agent_os.get("/sessions/{session_id}/runs", values, query)
    return objects(rows)[-_MAX_RUNS:]


def _summaries(
    rows: list[Mapping[str, Any]], session: _Session, inventory: Inventory, query: _RunQuery
) -> list[RunSummary]:
    """The runs that were started as such, newest first: not those of members, steps and nested workflows."""
    names = {(component.kind, component.id): component.name for component in inventory.components}
    summaries = []
    for row in reversed(rows):
        kind, owner = _component_of(row)
        run = text(row.get("run_id"))
        if not kind or row.get("parent_run_id") or not run:
            continue
        if session.user_id and row.get("user_id") not in (None, session.user_id):
            continue
        if session.workflow and (kind, owner) != ("workflow", session.workflow):
            continue
        status = text(row.get("status")).upper()
        if not query.matches(kind, owner, status):
            continue
        summaries.append(
            RunSummary(
                ref=RunRef(kind, owner, session.id, run),
                status=status,
                name=names.get((kind, owner), owner),
                started_at=_unix_seconds(row.get("created_at")),
                seconds=number(mapping(row.get("metrics")).get("duration")),
                input=_preview(row.get("run_input")),
                answer=_preview(row.get("content_preview", row.get("content"))),
            )
        )
    return summaries


def _component_of(row: Mapping[str, Any]) -> tuple[Kind | None, str]:
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
