"""Conversations: listed, read, created, changed, copied, compacted and deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from agentos_mcp.agentos.catalog import Component, display_id
from agentos_mcp.agentos.errors import InvalidRequest, NotFound, ServerFailure
from agentos_mcp.agentos.formats import format_time
from agentos_mcp.agentos.hints import Action, Hint, Parameter, as_hint, hint
from agentos_mcp.agentos.json_values import mapping, text
from agentos_mcp.agentos.pagination import PERIOD_PAGE_SIZE, period_note, read_period, slice_page
from agentos_mcp.agentos.plain_text import excerpt
from agentos_mcp.agentos.runs.history import RunSearchResult, RunSummary, read_outcomes
from agentos_mcp.agentos.runs.history import list_runs as list_stored_runs
from agentos_mcp.agentos.runs.run import Kind, Status, new_id
from agentos_mcp.agentos.sessions import (
    MAX_SEARCHED_SESSIONS,
    Session,
    one_kind_at_a_time,
    owner_of,
    read_session,
    search_sessions,
)
from agentos_mcp.agentos.timestamps import ANY_TIME, Period
from agentos_mcp.runs.run_table import RUN_COLUMNS, run_rows, unread_outcomes_hint
from agentos_mcp.tooling.context import UNSEEN, ToolContext, present_values
from agentos_mcp.tooling.markdown import one_line, table
from agentos_mcp.tooling.parameters import AnyKind, ComponentId, DbId, JsonObject, Limit, Page, Since, Text, UserId
from agentos_mcp.tooling.results import Message, Record, Table
from agentos_mcp.tooling.time_arguments import parse_period
from agentos_mcp.tooling.tool_spec import DATABASE, Toolset, destructive, read, write
from agentos_mcp.tooling.typed_values import time_value

_SHOWN_RUNS = 5
_MAX_NAMED_SESSIONS = 5
_MAX_RUNS = 100_000
"""AgentOS returns all runs of a session at once."""
_LIST_SESSIONS = hint("{list} shows what there is.", list=Action.of("list_sessions"))

SessionName = Annotated[str, Field(description="Or name")]
Changes = Annotated[JsonObject, Field(description="null removes a key")]


async def list_sessions(
    ctx: ToolContext,
    kind: AnyKind = "",
    id: ComponentId = "",
    name: str = "",
    user_id: UserId = "",
    db_id: DbId = "",
    limit: Limit = 20,
    page: Page = 1,
    since: Since = "",
    until: str = "",
) -> Table:
    """Conversations to go on with, last active first. Read one with get_session."""
    component = await ctx.component_to_read(kind, id) if id else None
    query = present_values(
        type=component.kind if component else kind,
        component_id=component.id if component else "",
        user_id=user_id,
        db_id=await ctx.database("session", db_id),
        sort_by="updated_at",
        sort_order="desc",
    )
    rows: Sequence[Mapping[str, Any]]
    meta: Mapping[str, Any]
    period = parse_period(since, until)
    note = ""
    if name.strip():
        matches = [
            row
            for row in await search_sessions(ctx.agent_os, name.strip(), query)
            if ctx.ownership.is_own(row) and period.contains(_active_at(row))
        ]
        rows, meta = slice_page(matches, limit, page)
        empty = f"No session has this in its name, nor in its first input (of the {MAX_SEARCHED_SESSIONS} latest)."
    elif period:
        sessions_of_all, is_complete = await read_period(
            lambda number: ctx.page("/sessions", **query, limit=PERIOD_PAGE_SIZE, page=number), period, _active_at
        )
        rows, meta = slice_page([row for row in sessions_of_all if ctx.ownership.is_own(row)], limit, page)
        empty = "No session was last active then."
        note = period_note("sessions", is_complete)
    else:
        sessions = await ctx.own_page("/sessions", **query, limit=limit, page=page)
        rows, meta = sessions.rows, sessions.meta
        empty = "No such sessions." if kind or id or user_id else "No sessions yet: every run opens one."
    features = await ctx.backend.discovery.features()
    is_partial = "type" not in query and one_kind_at_a_time(features)
    footer = (
        hint("Only agents' sessions: this AgentOS lists one kind at a time, so give {kind}.", kind=Parameter("kind"))
        if is_partial
        else as_hint("")
    )
    return Table(
        ("id", "component", "name", "user", "active"),
        [
            (
                row.get("session_id"),
                " ".join(owner_of(row)),
                one_line(str(row.get("session_name") or ""), max_length=80),
                "" if user_id else row.get("user_id"),
                time_value(_active_at(row)),
            )
            for row in rows
        ],
        empty=as_hint(empty) + note + footer,
        meta=meta,
        footer=as_hint(note) + footer,
    )


async def get_session(ctx: ToolContext, session_id: SessionName, user_id: UserId = "", db_id: DbId = "") -> Record:
    """What was said in a conversation: latest runs, summary, state."""
    session = await _find_named_session(ctx, session_id, user_id, db_id)
    runs = await _runs_of(ctx, session)
    document = session.document
    texts = {
        "summary": session.summary,
        "state": _entries_text(document.get("session_state")),
        "metadata": _entries_text(document.get("metadata")),
    }
    if runs:
        shown = await read_outcomes(ctx.agent_os, runs[:_SHOWN_RUNS])
        texts["latest runs"] = table(RUN_COLUMNS, run_rows(shown, user_id))
    more_runs = hint(
        "{list} shows all {count} runs.",
        list=Action.of(
            "list_session_runs",
            session_id=display_id(session.id),
            **{name: display_id(value) for name, value in session.scope_query.items()},
        ),
        count=len(runs),
    )
    return Record(
        one_line(str(document.get("session_name") or ""), max_length=120) or "Session without a name",
        {
            "session": session.id,
            "component": f"{session.kind} {session.owner}".strip(),
            "user": document.get("user_id"),
            "created": time_value(document.get("created_at")),
            "active": time_value(document.get("updated_at")),
            "runs": len(runs),
            "tokens": document.get("total_tokens"),
        },
        texts,
        footer=(more_runs if len(runs) > _SHOWN_RUNS else as_hint("")) + _continue(session),
    )


async def list_session_runs(
    ctx: ToolContext,
    session_id: SessionName,
    status: str = "",
    user_id: UserId = "",
    db_id: DbId = "",
    limit: Limit = 20,
    page: Page = 1,
    since: Since = "",
    until: str = "",
) -> Table:
    """All runs of a conversation, newest first; get_run takes their references."""
    period = parse_period(since, until)
    session = await _find_named_session(ctx, session_id, user_id, db_id)
    result = await _search_runs(ctx, session, status, period)
    runs, meta = slice_page(result.runs, limit, page)
    is_limited = status or period or page > 1
    note = unread_outcomes_hint(result)
    return Table(
        RUN_COLUMNS,
        run_rows(await read_outcomes(ctx.agent_os, runs), user_id),
        empty=as_hint("No such runs in this session.") + note
        if is_limited
        else as_hint("No runs yet.") + _continue(session),
        meta=meta,
        footer=note,
    )


async def create_session(
    ctx: ToolContext,
    kind: Kind,
    id: ComponentId,
    name: str = "",
    session_state: JsonObject = None,
    metadata: JsonObject = None,
    user_id: UserId = "",
    db_id: DbId = "",
) -> Message:
    """Open a conversation with a name or a state ahead of its first run; runs open their own."""
    component = await ctx.component(kind, id)
    session_id = new_id()
    body: dict[str, Any] = {"session_id": session_id, f"{kind}_id": component.id}
    body |= present_values(session_name=name.strip(), user_id=user_id)
    body |= {"session_state": session_state} if session_state else {}
    body |= {"metadata": metadata} if metadata else {}
    query = {"type": kind, "db_id": await _home_database(ctx, component, db_id)}
    await ctx.send("POST", "/sessions", query=query, json=body)
    return Message(f"Created session '{session_id}'.", _continue_with(kind, component.id, session_id, user_id))


async def rename_session(
    ctx: ToolContext, session_id: str, name: str, user_id: UserId = "", db_id: DbId = ""
) -> Message:
    """Call a conversation something else."""
    if not name.strip():
        raise InvalidRequest("The name is empty.", "Give the session a name.")
    session = await _find_session_to_change(ctx, session_id, user_id, db_id)
    path, body = "/sessions/{session_id}/rename", {"session_name": name.strip()}
    await ctx.send("POST", path, {"session_id": session.id}, query=session.typed_query, json=body)
    return Message(f"Renamed session '{display_id(session.id)}'.")


async def update_session(
    ctx: ToolContext,
    session_id: str,
    session_state: Changes = None,
    metadata: Changes = None,
    summary: Text = "",
    name: str = "",
    user_id: UserId = "",
    db_id: DbId = "",
) -> Message:
    """Change keys of a conversation's state or metadata (others stay), or its summary or name."""
    if not (session_state or metadata or summary.strip() or name.strip()):
        raise InvalidRequest(
            "There is nothing to change.",
            hint(
                "Give {session_state}, {metadata}, {summary} or {name}.",
                session_state=Parameter("session_state"),
                metadata=Parameter("metadata"),
                summary=Parameter("summary"),
                name=Parameter("name"),
            ),
        )
    # AgentOS replaces each of them, so what stays has to be read.
    find = _find_session if session_state or metadata or summary.strip() else _find_session_to_change
    session = await find(ctx, session_id, user_id, db_id)
    if summary.strip() and session.kind == "workflow":
        raise InvalidRequest("A workflow's session keeps no summary.", "Put it into metadata.")
    body: dict[str, Any] = dict(present_values(session_name=name.strip()))
    for key, changes in (
        ("session_state", session_state),
        ("metadata", metadata),
        ("summary", {"summary": summary.strip()} if summary.strip() else None),
    ):
        if changes:
            old_value = session.document.get("session_summary" if key == "summary" else key)
            body[key] = _merged(mapping(old_value), changes)
    await ctx.send("PATCH", "/sessions/{session_id}", {"session_id": session.id}, query=session.typed_query, json=body)
    changed = ", ".join(key.removeprefix("session_") for key in body)
    return Message(f"Changed {changed} of session '{display_id(session.id)}'.")


async def delete_session(ctx: ToolContext, session_id: str, user_id: UserId = "", db_id: DbId = "") -> Message:
    """Delete a conversation with all its runs, for good."""
    # AgentOS says nothing where there is none.
    session = await _find_session_to_change(ctx, session_id, user_id, db_id)
    runs = await ctx.look(_runs_of(ctx, session), [])
    await ctx.send("DELETE", "/sessions/{session_id}", {"session_id": session.id}, query=session.scope_query)
    if not session.is_known:
        return Message(f"AgentOS was told to delete session '{display_id(session.id)}'. {UNSEEN}")
    message = f"Deleted session '{display_id(session.id)}' and its runs ({len(runs)})."
    running = ", ".join(str(run.ref) for run in runs if run.status in {Status.PENDING, Status.RUNNING})
    if not running:
        return Message(message)
    return Message(
        f"{message} Still running: {running}; its end brings the session back.",
        hint("Call {cancel}, then delete it again.", cancel=Action.of("cancel_run")),
    )


async def _session_details(ctx: ToolContext, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    session_id, user_id, db_id = (str(arguments.get(name) or "") for name in ("session_id", "user_id", "db_id"))
    session = await _find_session(ctx, session_id, user_id, db_id)
    runs = await _runs_of(ctx, session)
    document = session.document
    return {
        "name": document.get("session_name"),
        "begins with": runs[-1].input if runs else "",
        "runs": len(runs),
        "component": f"{session.kind} {session.owner}".strip(),
        "user": document.get("user_id"),
        "created": format_time(document.get("created_at")),
        "last active": format_time(document.get("updated_at")),
    }


async def fork_session(ctx: ToolContext, session_id: str, user_id: UserId = "", db_id: DbId = "") -> Message:
    """Copy an agent's or team's conversation to a new session, to continue it another way."""
    session = await _find_session(ctx, session_id, user_id, db_id)
    copy_id = (await _send_to_owner(ctx, session, "fork", ("agent", "team"))).get("session_id")
    if not isinstance(copy_id, str) or not copy_id:
        raise ServerFailure(
            "AgentOS copied the session and did not say its id.",
            hint("{list} shows the copy.", list=Action.of("list_sessions")),
        )
    return Message(
        "Copied; the original stays as it is.",
        _continue_with(session.kind, session.owner, copy_id, str(session.document.get("user_id") or "")),
    )


async def compact_session(ctx: ToolContext, session_id: str, user_id: UserId = "", db_id: DbId = "") -> Message:
    """Summarize older messages that an agent's model is sent, where they are too many; the record stays whole."""
    session = await _find_session(ctx, session_id, user_id, db_id)
    answer = await _send_to_owner(ctx, session, "compact", ("agent",))
    message = one_line(str(answer.get("message") or answer.get("status") or "No answer."))
    record = answer.get("record")
    if not answer.get("compacted") or not isinstance(record, Mapping):
        return Message(f"Nothing was compacted: {message}")
    counts = ", ".join(
        f"{name.replace('_', ' ')} {value:,}" for name, value in record.items() if isinstance(value, int) and value > 0
    )
    return Message(f"Compacted. {message}" + (f" ({one_line(counts)})" if counts else ""))


async def _find_session(ctx: ToolContext, session_id: str, user_id: str, db_id: str) -> Session:
    features = await ctx.backend.discovery.features()
    database = await ctx.database("session", db_id)
    session = await read_session(ctx.agent_os, features, session_id, user_id=user_id, database=database)
    ctx.ownership.require_own(session.document, f"session '{display_id(session.id)}'", _LIST_SESSIONS)
    return session


async def _find_named_session(ctx: ToolContext, query: str, user_id: str, db_id: str) -> Session:
    """The session of that id, else the only one with that in its name. Raises NotFound for none or several."""
    try:
        return await _find_session(ctx, query, user_id, db_id)
    except NotFound as error:
        missing = error
    name = query.strip()
    scope = present_values(user_id=user_id, db_id=await ctx.database("session", db_id))
    rows = [row for row in await search_sessions(ctx.agent_os, name, scope) if ctx.ownership.is_own(row)]
    exact = [row for row in rows if str(row.get("session_name")).strip().casefold() == name.casefold()]
    ids = [text(row.get("session_id")) for row in exact or rows]
    if not ids:
        raise missing
    if len(ids) > 1:
        listed = ", ".join(f"'{display_id(session_id)}'" for session_id in ids[:_MAX_NAMED_SESSIONS])
        raise NotFound(f"{len(ids)} sessions have '{excerpt(name)}' in their name.", f"Give one of the ids: {listed}.")
    return await _find_session(ctx, ids[0], user_id, db_id)


async def _find_session_to_change(ctx: ToolContext, session_id: str, user_id: str, db_id: str) -> Session:
    """The session; its id alone where the token may change it without reading it."""
    database = await ctx.database("session", db_id)
    unknown = Session(session_id.strip(), "agent", "", {}, user_id, database, is_known=False)
    return await ctx.look(_find_session(ctx, session_id, user_id, db_id), unknown)


async def _runs_of(ctx: ToolContext, session: Session) -> list[RunSummary]:
    return (await _search_runs(ctx, session)).runs


async def _search_runs(
    ctx: ToolContext, session: Session, status: str = "", period: Period = ANY_TIME
) -> RunSearchResult:
    return await list_stored_runs(
        ctx.agent_os,
        ctx.catalog,
        user_id=ctx.ownership.user_id,
        session_id=session.id,
        database=session.database,
        status=status,
        period=period,
        limit=_MAX_RUNS,
    )


def _active_at(row: Mapping[str, Any]) -> object:
    return row.get("updated_at") or row.get("created_at")


async def _home_database(ctx: ToolContext, component: Component, db_id: str) -> str:
    """The database of a component's sessions: its own, where there are several."""
    stores = (await ctx.catalog.inventory()).stores.get("session", ())
    if db_id or len(stores) < 2:
        return await ctx.database("session", db_id)
    component_db = (await ctx.catalog.detail(component.kind, component.id)).get("db_id")
    return await ctx.database("session", str(component_db or ""))


async def _send_to_owner(
    ctx: ToolContext, session: Session, operation: str, kinds: tuple[Kind, ...]
) -> Mapping[str, Any]:
    if session.kind not in kinds:
        allowed = " and ".join(f"{kind}s" for kind in kinds)
        raise InvalidRequest(
            f"AgentOS cannot {operation} a {session.kind}'s session.", f"It can only those of {allowed}."
        )
    if not session.owner:
        raise InvalidRequest(f"The session belongs to no {session.kind} yet.", "Run something in it first.")
    path = f"/{session.kind}s/{{{session.kind}_id}}/sessions/{{session_id}}/{operation}"
    features = await ctx.backend.discovery.features()
    features.require("POST", path, f"{operation} a session")
    values = {f"{session.kind}_id": session.owner, "session_id": session.id}
    # AgentOS looks for it in the owner's database, where one of the same id may be another's.
    await ctx.ownership.require_own_session(session.id)
    return await ctx.send("POST", path, values, query={"user_id": session.user_id})


def _merged(old_value: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The whole new value, since AgentOS replaces the old one with what is sent."""
    return {key: value for key, value in {**old_value, **changes}.items() if value is not None or key not in changes}


def _entries_text(data: object) -> str:
    """Data in short, an entry a line."""
    if not isinstance(data, Mapping):
        return ""
    return "\n".join(
        f"{key}: {one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), max_length=200)}"
        for key, value in data.items()
    )


def _continue(session: Session) -> Hint:
    return _continue_with(session.kind, session.owner, session.id, str(session.document.get("user_id") or ""))


def _continue_with(kind: Kind, component_id: str, session_id: str, user_id: str) -> Hint:
    """How to run something in a session."""
    if not component_id:
        return as_hint("")
    arguments = {f"{kind}_id": component_id, "session_id": session_id}
    # One that would have to be encoded is left out: the run finds the session's user by itself.
    if user_id and display_id(user_id) == user_id:
        arguments["user_id"] = user_id
    run = Action.of(f"run_{kind}", **{name: display_id(value) for name, value in arguments.items()})
    return hint("Continue it with {run}.", run=run)


TOOLSET = Toolset(
    "sessions",
    "A session is a conversation; its id is the third part of a run reference.",
    read(list_sessions, "GET /sessions", default=True),
    read(get_session, "GET /sessions/{session_id}", default=True),
    read(list_session_runs, "GET /sessions/{session_id}/runs"),
    write(create_session, "POST /sessions"),
    write(rename_session, "POST /sessions/{session_id}/rename", idempotent=True),
    write(update_session, "PATCH /sessions/{session_id}", idempotent=True),
    destructive(delete_session, "DELETE /sessions/{session_id}", details=_session_details),
    write(fork_session, "POST /agents/{agent_id}/sessions/{session_id}/fork", scopes=("sessions:read",)),
    write(
        compact_session,
        "POST /agents/{agent_id}/sessions/{session_id}/compact",
        idempotent=True,
        open_world=True,
        scopes=("sessions:read",),
    ),
    needs=DATABASE,
)
