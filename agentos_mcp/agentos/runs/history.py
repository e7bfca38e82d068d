"""Lists past and running runs, also those that other clients started, without knowing their sessions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import product
from typing import Any, Literal

from agentos_mcp.agentos.catalog import Catalog, Component, Inventory
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, NotFound, ServerFailure, Unsupported
from agentos_mcp.agentos.json_values import mapping, number, objects, text
from agentos_mcp.agentos.pagination import read_page
from agentos_mcp.agentos.pauses.requirements import pending_text
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.agentos.runs.payload import read_requirements
from agentos_mcp.agentos.runs.run import KINDS, Kind, RunRef, Status, completed_text
from agentos_mcp.agentos.task_groups import gather
from agentos_mcp.agentos.timestamps import ANY_TIME, Period, parse_timestamp

MAX_SESSIONS = 60
"""How many sessions are read, the last active first; older ones have to be named."""

MAX_CONCURRENT_SESSIONS = 8
_MAX_PREVIEW_LENGTH = 140
_MAX_RUNS = 2_000
"""How many runs of one session are read, the newest."""
_MAX_SESSION_PAGES = 10
"""How many pages of sessions are looked through for those that are old enough."""
_MAX_STEP_READS = 100
"""How many completed workflow runs of some sessions are read to find those whose steps failed, the newest."""

_STATUS_WORDS: Mapping[str, Status] = {
    word: status
    for status, words in {
        Status.PENDING: "queued",
        Status.RUNNING: "active, in progress, ongoing, still running",
        Status.PAUSED: "waiting, blocked, suspended, waiting for an answer, waiting for input",
        Status.COMPLETED: "complete, done, finished, ok, success, successful, succeeded",
        Status.CANCELLED: "canceled, cancelled by user, aborted, stopped",
        Status.ERROR: "errors, errored, fail, failed, failing, failure, failures, crashed, broken",
    }.items()
    for word in words.split(", ")
}
"""What people call AgentOS's statuses, beside their names."""


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
    """Its first words; for a failed run the words until then; for a paused one what it waits for, once
    `read_outcomes` has read it."""
    user_id: str = ""
    database: str | None = None
    """The database that it lies in, '' where there is only one; None where that is not known."""
    failed_steps: int = 0
    steps: int = 0
    """How many steps its workflow took; 0 where that has not been read."""

    @property
    def outcome(self) -> str:
        """What became of it, in words; whether steps failed is known once `read_outcomes` has read it."""
        if self.status == Status.COMPLETED:
            return completed_text(self.failed_steps, self.steps)
        return "failed" if self.status == Status.ERROR else self.status.lower()

    @property
    def has_failed(self) -> bool:
        return self.status == Status.ERROR or self.failed_steps > 0


@dataclass(frozen=True, slots=True)
class RunSearchResult:
    """Runs, newest first."""

    runs: list[RunSummary] = field(default_factory=list)
    older_until: datetime | None = None
    """The end of the period in which the others lie; None where there are none."""
    unread_outcomes: int = 0
    """Completed workflow runs that are left out of failed ones, though a step of theirs may have failed."""


@dataclass(frozen=True, slots=True)
class _RunQuery:
    """Which of a session's runs are asked for; what is '', empty or None does not matter."""

    kind: Kind | Literal[""] = ""
    component: Component | None = None
    status: Status | None = None
    period: Period = ANY_TIME
    instance: str = ""
    """The name of the AgentOS, of several."""

    @property
    def status_filter(self) -> str:
        """What AgentOS can filter by: a workflow with a failed step is completed to it."""
        return self.status if self.status and not self.wants_failed else ""

    @property
    def wants_failed(self) -> bool:
        return self.status is Status.ERROR

    def matches(self, kind: Kind, owner: str, row: Mapping[str, Any]) -> bool:
        """Whether a run fits, as far as its preview tells."""
        if self.component is not None and (kind, owner) != (self.component.kind, self.component.id):
            return False
        status = text(row.get("status")).upper()
        may_have_failed_steps = self.wants_failed and kind == "workflow" and status == Status.COMPLETED
        return (
            self.kind in {"", kind}
            and (self.status in {None, status} or may_have_failed_steps)
            and self.period.contains(row.get("created_at"))
        )


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
    period: Period = ANY_TIME,
    limit: int = 20,
    types: Sequence[str] = ("",),
) -> RunSearchResult:
    """The newest runs, of one kind, component, session, status, user or period; not those of members and steps.

    `user_id` is the user whose they have to be, '' for everybody's: a server for one user has to say it everywhere.
    `status` is AgentOS's or what people call it; "error" ("failed") takes completed workflows with a failed step, too.
    `period`: when they started. `database`: only what lies in this one, '' for all. At most MAX_SESSIONS sessions are
    looked at, and as many more of the kind. `types` of sessions are asked for one by one, for an AgentOS that takes a
    type that is not given for "agent". Raises InvalidRequest for an unknown status and NotFound for an unknown session.
    """
    query = _RunQuery(kind, component, _parse_status(status), period, agent_os.instance)
    inventory = await catalog.inventory()
    databases = inventory.databases if len(inventory.databases) > 1 and not database else (database,)
    if session_id:
        sessions = [_Session(session_id, database, user_id=user_id) for database in databases]
        runs = await _runs_of_session(agent_os, inventory, sessions, query)
        runs, unread_outcomes = await _without_successes(agent_os, runs, query)
        return replace(_first_runs(runs, limit), unread_outcomes=unread_outcomes)
    sessions, unread_until = await _find_sessions(agent_os, databases, types, query, user_id)
    runs, is_complete, unread_outcomes = [], True, 0
    for start in range(0, len(sessions), MAX_CONCURRENT_SESSIONS):
        batch = sessions[start : start + MAX_CONCURRENT_SESSIONS]
        # What is older than the oldest run shown can hold no newer one.
        if len(runs) >= limit and runs[limit - 1].started_at >= batch[0].active_at:
            is_complete = False
            break
        batch_runs = await _runs_of_sessions(agent_os, inventory, batch, query)
        batch_runs, unread_count = await _without_successes(agent_os, batch_runs, query)
        runs, unread_outcomes = _newest_first([*runs, *batch_runs]), unread_outcomes + unread_count
    result = replace(_first_runs(runs, limit), unread_outcomes=unread_outcomes)
    if result.older_until is None and not is_complete:
        return replace(result, older_until=_moment(runs[-1].started_at))
    return result if result.older_until is not None else replace(result, older_until=unread_until)


def _first_runs(runs: list[RunSummary], limit: int) -> RunSearchResult:
    return RunSearchResult(runs[:limit], _moment(runs[limit - 1].started_at) if len(runs) > limit else None)


def _moment(unix_seconds: float) -> datetime:
    return datetime.fromtimestamp(unix_seconds, UTC)


async def read_outcomes(agent_os: AgentOS, runs: Sequence[RunSummary]) -> list[RunSummary]:
    """The runs with what the lists of AgentOS do not tell: what became of the steps of completed workflows, and what
    paused runs wait for, in place of their answer.

    A run that cannot be read stays as it is.
    """

    async def read(run: RunSummary) -> RunSummary:
        try:
            if run.status == Status.PAUSED:
                return _with_question(run, await _read_run(agent_os, run))
            if run.ref.kind == "workflow" and run.status == Status.COMPLETED and not run.steps:
                return _with_steps(run, await _read_run(agent_os, run))
        except AgentOSError:
            pass
        return run

    return await gather((partial(read, run) for run in runs), max_concurrent=MAX_CONCURRENT_SESSIONS)


async def _read_run(agent_os: AgentOS, run: RunSummary) -> Mapping[str, Any]:
    ref = run.ref
    # What a paused run waits for is told of it as its component's, not as its session's.
    if run.database is None or run.status == Status.PAUSED:
        values = {f"{ref.kind}_id": ref.component, "run_id": ref.run}
        path, query = f"/{ref.kind}s/{{{ref.kind}_id}}/runs/{{run_id}}", {"session_id": ref.session}
    else:
        values = {"session_id": ref.session, "run_id": ref.run}
        path, query = "/sessions/{session_id}/runs/{run_id}", {"type": ref.kind}
        query |= {"db_id": run.database} if run.database else {}
    return mapping(await agent_os.get(path, values, query))


def _with_steps(run: RunSummary, document: Mapping[str, Any]) -> RunSummary:
    results = objects(document.get("step_results"))
    failed = sum(result.get("success") is False for result in results)
    return replace(run, failed_steps=failed, steps=len(results)) if results else run


def _with_question(run: RunSummary, document: Mapping[str, Any]) -> RunSummary:
    requirements = read_requirements(document)["requirements"]
    waits_for = pending_text(run.ref, requirements)
    return replace(run, answer=f"waits for {waits_for}") if waits_for else run


async def _without_successes(
    agent_os: AgentOS, runs: list[RunSummary], query: _RunQuery
) -> tuple[list[RunSummary], int]:
    """Where failed runs are asked for: without the completed workflows of which no step failed.

    Beside them how many completed workflows were not read: they are left out too.
    """
    if not query.wants_failed:
        return runs, 0
    unknown = _newest_first([run for run in runs if run.status == Status.COMPLETED and not run.steps])
    outcomes = {run.ref: run for run in await read_outcomes(agent_os, unknown[:_MAX_STEP_READS])}
    failed = [outcome for run in runs if (outcome := outcomes.get(run.ref, run)).has_failed]
    return failed, max(0, len(unknown) - _MAX_STEP_READS)


def _newest_first(runs: Sequence[RunSummary]) -> list[RunSummary]:
    """Each run once: databases with names of their own may be one database."""
    by_ref: dict[RunRef, RunSummary] = {}
    for run in runs:
        by_ref.setdefault(run.ref, run)
    return sorted(by_ref.values(), key=lambda run: run.started_at, reverse=True)


def _parse_status(text: str) -> Status | None:
    """The status that is meant, None for ''. Raises InvalidRequest for a word that means none."""
    words = " ".join(text.casefold().replace("_", " ").replace("-", " ").split())
    if not words:
        return None
    if (status := Status.__members__.get(words.upper()) or _STATUS_WORDS.get(words)) is None:
        raise InvalidRequest(f"'{text[:40]}' is not a status.", f"Use one of {_STATUS_NAMES}.")
    return status


_STATUS_NAMES = "running, paused (waiting), completed (done), error (failed), cancelled, pending (queued), regenerated"


async def _find_sessions(
    agent_os: AgentOS,
    databases: tuple[str, ...],
    types: Sequence[str],
    query: _RunQuery,
    user_id: str,
) -> tuple[list[_Session], datetime | None]:
    """The sessions that were last active, of all databases; those of the kind that is asked for apart from the others.

    Beside them the time up to which runs may lie in sessions that were not read; None where they all were.

    A run may lie in a session of another kind, and a workflow's session may be stored as an agent's.
    """
    component = query.component
    kind = component.kind if component is not None else query.kind
    if component is not None and kind != "workflow":
        return await _latest_sessions(agent_os, product(databases, types), query, component.id, user_id)
    sessions, unread_until = await _latest_sessions(agent_os, product(databases, types), query, "", user_id)
    if kind and kind not in types:
        component_id = component.id if component is not None else ""
        of_kind, unread_until = await _latest_sessions(
            agent_os, product(databases, (kind,)), query, component_id, user_id
        )
        sessions = sorted({*sessions, *of_kind}, key=lambda session: session.active_at, reverse=True)
    return sessions, unread_until


async def _latest_sessions(
    agent_os: AgentOS,
    sources: Iterable[tuple[str, str]],
    query: _RunQuery,
    component_id: str,
    user_id: str,
) -> tuple[list[_Session], datetime | None]:
    """The sessions that were last active of these databases and types, and of this component id if one is given.

    Beside them when those that were not read were last active; None where there are none.
    """
    sessions: dict[tuple[str, str], _Session] = {}
    errors: list[AgentOSError] = []
    source_count = 0
    unread_until: list[float] = []
    for database, kind in sources:
        scope = {"component_id": component_id, "user_id": user_id, "db_id": database, "type": kind}
        source_count += 1
        try:
            rows, last_active_at = await _session_rows(agent_os, scope, query, user_id)
        except (NotFound, InvalidRequest) as error:
            # Not every database keeps sessions.
            errors.append(error)
            continue
        if last_active_at:
            unread_until.append(last_active_at)
        for row in rows:
            if session_id := text(row.get("session_id")):
                sessions[database, session_id] = _Session(
                    session_id, database, _active_at(row), user_id, text(row.get("workflow_id"))
                )
    if errors and len(errors) == source_count:
        raise errors[0]
    latest = sorted(sessions.values(), key=lambda session: session.active_at, reverse=True)
    if len(latest) > MAX_SESSIONS:
        unread_until.append(latest[MAX_SESSIONS].active_at)
    return latest[:MAX_SESSIONS], _moment(max(unread_until)) if unread_until else None


async def _session_rows(
    agent_os: AgentOS, scope: Mapping[str, str], query: _RunQuery, user_id: str
) -> tuple[list[Mapping[str, Any]], float]:
    """The MAX_SESSIONS last active sessions of a source that may hold a run that is asked for.

    Beside them when the last one that was looked at was active, 0 where those behind it hold none.
    """
    matching: list[Mapping[str, Any]] = []
    active_at = 0.0
    period = query.period
    for page_number in range(1, _MAX_SESSION_PAGES + 1):
        request: dict[str, str | int] = {"limit": MAX_SESSIONS, "sort_by": "updated_at", "sort_order": "desc"}
        request |= {name: value for name, value in scope.items() if value}
        request |= {"page": page_number} if page_number > 1 else {}
        rows = read_page(await agent_os.get("/sessions", query=request)).rows[:MAX_SESSIONS]
        for row in rows:
            active_at = _active_at(row)
            if active_at and period.is_before(_moment(active_at)):
                return matching, 0.0
            created_at = parse_timestamp(row.get("created_at"))
            if created_at is not None and period.is_after(created_at):
                continue
            if user_id and row.get("user_id", user_id) != user_id:
                continue
            if _may_hold(row, query.component):
                matching.append(row)
        if len(rows) < MAX_SESSIONS:
            return matching, 0.0
        # Only those that are too new are a reason to look further back.
        if period.until is None or len(matching) >= MAX_SESSIONS:
            break
    return matching, active_at


def _active_at(row: Mapping[str, Any]) -> float:
    return _unix_seconds(row.get("updated_at") or row.get("created_at"))


def _may_hold(row: Mapping[str, Any], component: Component | None) -> bool:
    """False for a session that is another workflow's for certain."""
    return component is None or component.kind != "workflow" or text(row.get("workflow_id")) in {"", component.id}


async def _runs_of_sessions(
    agent_os: AgentOS, inventory: Inventory, sessions: list[_Session], query: _RunQuery
) -> list[RunSummary]:
    async def read(session: _Session) -> list[RunSummary]:
        try:
            rows = await _read_rows(agent_os, session, query.status_filter)
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
            rows = await _read_rows(agent_os, session, query.status_filter)
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
        if not query.matches(kind, owner, row):
            continue
        summary = RunSummary(
            ref=RunRef(kind, owner, session.id, run, query.instance),
            status=text(row.get("status")).upper(),
            name=names.get((kind, owner), owner),
            started_at=_unix_seconds(row.get("created_at")),
            seconds=number(mapping(row.get("metrics")).get("duration")),
            input=_preview(row.get("run_input")),
            answer=_preview(row.get("content_preview", row.get("content"))),
            user_id=text(row.get("user_id")),
            database=session.database,
        )
        summaries.append(_with_steps(summary, row))
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
