"""Sessions that AgentOS stores: read by id with their owner, searched by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentos_mcp.agentos.catalog import display_id
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import InvalidRequest, NotFound
from agentos_mcp.agentos.features import Features
from agentos_mcp.agentos.hints import Action, hint
from agentos_mcp.agentos.json_values import mapping, text
from agentos_mcp.agentos.pagination import read_page
from agentos_mcp.agentos.runs.run import KINDS, Kind

MAX_SEARCHED_SESSIONS = 100
"""How many sessions' names a search compares, the last active first."""


@dataclass(frozen=True)
class Session:
    """A session that is there. `owner` is the id of its agent, team or workflow, '' where it has none yet."""

    id: str
    kind: Kind
    owner: str
    document: Mapping[str, Any] = field(repr=False)
    user_id: str = ""
    """The user whom it was asked for, '' for any."""
    database: str = ""
    is_known: bool = True
    """False where the token may not read it: then nothing is known but its id."""

    @property
    def scope_query(self) -> dict[str, str]:
        """The query that a request about it needs."""
        scope = (("user_id", self.user_id), ("db_id", self.database))
        return {name: value for name, value in scope if value}

    @property
    def typed_query(self) -> dict[str, str]:
        """The same for a request that takes its type: before 2.6 AgentOS would store it as an agent's without."""
        return {"type": self.kind, **self.scope_query} if self.is_known else self.scope_query

    @property
    def summary(self) -> str:
        return text(mapping(self.document.get("session_summary")).get("summary"))


async def read_session(
    agent_os: AgentOS, features: Features, session_id: str, *, user_id: str = "", database: str = ""
) -> Session:
    """The session of this id, and of this user if one is given. Raises NotFound where there is none."""
    session_id = session_id.strip()
    if not session_id:
        raise InvalidRequest(
            "The session_id is empty.",
            hint("Take it from {list} or from a run reference.", list=Action.of("list_sessions")),
        )
    session = Session(session_id, "agent", "", {}, user_id, database)
    # Before 2.6 AgentOS reads each session as an agent's where it is not told the type, leaving its owner out.
    for kind in KINDS if one_kind_at_a_time(features) else ("",):
        query = {"type": kind} | session.scope_query if kind else session.scope_query
        try:
            document = mapping(await agent_os.get("/sessions/{session_id}", {"session_id": session_id}, query))
        except NotFound as missing:
            owner_words = f" of user '{display_id(user_id)}'" if user_id else ""
            raise NotFound(
                f"There is no session '{display_id(session_id)}'{owner_words}.",
                hint("{list} shows what there is.", list=Action.of("list_sessions")),
                status=404,
            ) from missing
        session = Session(session_id, *owner_of(document), document, user_id, database)
        if session.owner:
            break
    return session


async def search_sessions(agent_os: AgentOS, name: str, query: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Sessions whose name, as people see it, has these words; the last active first.

    AgentOS searches only the names that were given, not the first inputs that stand in for them: those are
    looked for among the MAX_SEARCHED_SESSIONS latest sessions.
    """
    latest = {**query, "limit": MAX_SEARCHED_SESSIONS}
    named = read_page(await agent_os.get("/sessions", query={**latest, "session_name": name}))
    rows = (*named, *read_page(await agent_os.get("/sessions", query=latest)))
    query_name = name.casefold()
    rows_by_id = {
        str(row.get("session_id")): row for row in rows if query_name in str(row.get("session_name")).casefold()
    }
    return sorted(rows_by_id.values(), key=lambda row: str(row.get("updated_at")), reverse=True)


def owner_of(row: Mapping[str, Any]) -> tuple[Kind, str]:
    """The kind and the id of the component whose session it is; the id is '' where it names none."""
    for kind in reversed(KINDS):
        if owner := text(row.get(f"{kind}_id")):
            return kind, owner
    for kind in KINDS:
        if row.get("session_type") == kind or f"{kind}_session_id" in row or f"{kind}_data" in row:
            return kind, ""
    return "team" if "chat_history" in row else "agent", ""


def one_kind_at_a_time(features: Features) -> bool:
    """Whether AgentOS (before 2.6, which brought resuming too) takes a type that is not given for "agent"."""
    return not features.resume("agent")
