"""Learnings: what agents have noted by themselves."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from agentos_mcp.agentos.agentos_messages import without_endpoint_advice
from agentos_mcp.agentos.catalog import display_id
from agentos_mcp.agentos.errors import InvalidRequest, NotFound
from agentos_mcp.agentos.formats import format_time
from agentos_mcp.agentos.hints import Action, as_hint, hint
from agentos_mcp.agentos.json_values import mapping
from agentos_mcp.tooling.context import UNSEEN, ToolContext
from agentos_mcp.tooling.parameters import ComponentId, DbId, JsonObject, Limit, Page, UserId
from agentos_mcp.tooling.results import Message, Record, Table
from agentos_mcp.tooling.text_outline import outline, outline_line
from agentos_mcp.tooling.tool_spec import DATABASE, Toolset, destructive, read, write
from agentos_mcp.tooling.typed_values import time_value

_KEYS: Mapping[str, tuple[str, ...]] = {
    "user_profile": ("user_id",),
    "user_memory": ("user_id",),
    "session_context": ("session_id",),
    "entity_memory": ("entity_type", "entity_id"),
}
"""What names a learning of these types; AgentOS keeps one for each."""

_REQUIRED_CONTENT = {"user_memory": "memories", "decision_log": "decision"}
"""What agents look for in a content of these types; without it they see nothing."""

_BOOKKEEPING = ("user_id", "session_id", "entity_type", "entity_id", "namespace", "agent_id", "team_id", "created_at")
"""Agents write these into the content, too, and ignore a content that lacks whom it is about."""


async def list_learnings(
    ctx: ToolContext,
    learning_type: Annotated[str, Field(description="As in create_learning")] = "",
    user_id: UserId = "",
    kind: Literal["", "agent", "team"] = "",
    id: ComponentId = "",
    session_id: str = "",
    db_id: DbId = "",
    limit: Limit = 20,
    page: Page = 1,
) -> Table:
    """What agents have learned about users, customers and sessions, latest first. Read one whole with get_learning."""
    if bool(kind) != bool(id):
        raise InvalidRequest("A kind and an id belong together.", "Give both, or neither.")
    component_filter = {f"{kind}_id": (await ctx.component(kind, id)).id} if kind else {}
    learnings = await ctx.own_page(
        "/learnings",
        learning_type=learning_type,
        user_id=user_id,
        session_id=session_id,
        db_id=await ctx.database("learning", db_id),
        limit=limit,
        page=page,
        **component_filter,
    )
    return Table(
        ("id", "type", "about", "learned", "updated"),
        [
            (
                learning.get("learning_id"),
                learning.get("learning_type"),
                _subject_text(learning),
                outline_line(_learned_content(learning)),
                time_value(learning.get("updated_at")),
            )
            for learning in learnings
        ],
        empty=as_hint("No such learnings: agents with learning note them in their runs.")
        + hint("{create} adds one.", create=Action.of("create_learning")),
        meta=learnings.meta,
    )


async def get_learning(ctx: ToolContext, learning_id: str, db_id: DbId = "") -> Record:
    """One learning, whole: list_learnings cuts long ones."""
    learning = await _find_learning(ctx, learning_id, await ctx.database("learning", db_id))
    names = ("user_id", "session_id", "entity_type", "entity_id", "namespace", "agent_id", "team_id")
    return Record(
        learning_id,
        {
            "type": learning.get("learning_type"),
            **{name.removesuffix("_id").replace("_", " "): learning.get(name) for name in names},
            "created": time_value(learning.get("created_at")),
            "updated": time_value(learning.get("updated_at")),
        },
        {"content": outline(_learned_content(learning)), "metadata": outline(learning.get("metadata"))},
    )


async def create_learning(
    ctx: ToolContext,
    learning_type: Annotated[
        str, Field(description="user_profile, user_memory, session_context, entity_memory or decision_log")
    ],
    content: Annotated[
        JsonObject, Field(description="user_memory: {memories: [{id, content}]}, decision_log: {decision, reasoning}")
    ],
    user_id: UserId = "",
    session_id: str = "",
    entity_type: Annotated[str, Field(description="Such as company")] = "",
    entity_id: str = "",
    namespace: Annotated[str, Field(description="Who shares it: global, user or a name")] = "",
    db_id: DbId = "",
) -> Message:
    """Add what agents shall know of a user, a session or an entity (company, project, ...)."""
    learning_type = learning_type.strip()
    if not learning_type:
        raise InvalidRequest("The learning type is empty.", f"Give one of: {', '.join((*_KEYS, 'decision_log'))}.")
    subject = {"user_id": user_id, "session_id": session_id, "entity_type": entity_type, "entity_id": entity_id}
    if missing := [name for name in _KEYS.get(learning_type, ()) if not subject[name].strip()]:
        raise InvalidRequest(f"A {learning_type} has to say what it is about.", f"Give {' and '.join(missing)}.")
    if session_id:
        await ctx.ownership.require_own_session(session_id, may_be_new=True)
    filled = {name: value for name, value in subject.items() if value}
    if learning_type == "decision_log":
        filled["id"] = f"dec_{uuid.uuid4().hex[:8]}"
    body = {
        "learning_type": learning_type,
        "content": filled | _check_content(learning_type, content),
        "namespace": namespace or None,
        **{name: value or None for name, value in subject.items()},
    }
    try:
        created = await ctx.send(
            "POST", "/learnings", query={"db_id": await ctx.database("learning", db_id)}, json=body
        )
    except InvalidRequest as error:
        if error.status != 409:
            raise
        raise InvalidRequest(
            without_endpoint_advice(error.detail),
            hint(
                "Read it with {get}, then change it with {update}.",
                get=Action.of("get_learning"),
                update=Action.of("update_learning"),
            ),
            status=error.status,
        ) from error
    return Message(f"Saved as learning {display_id(str(created.get('learning_id')))}.")


async def update_learning(ctx: ToolContext, learning_id: str, content: JsonObject, db_id: DbId = "") -> Message:
    """Replace a learning's whole content: read it with get_learning first."""
    database = await ctx.database("learning", db_id)
    learning = await _find_learning(ctx, learning_id, database)
    old_content = mapping(learning.get("content"))
    bookkeeping = {name: old_content[name] for name in (*_BOOKKEEPING, "id") if name in old_content}
    body = {"content": bookkeeping | _check_content(str(learning.get("learning_type")), content)}
    await ctx.send(
        "PATCH", "/learnings/{learning_id}", {"learning_id": learning_id}, query={"db_id": database}, json=body
    )
    return Message(f"Learning {display_id(learning_id)} has its new content.")


async def delete_learning(ctx: ToolContext, learning_id: str, db_id: DbId = "") -> Message:
    """Make agents forget a learning for good."""
    database = await ctx.database("learning", db_id)
    learning = await ctx.look(_find_learning(ctx, learning_id, database), {})
    await ctx.send("DELETE", "/learnings/{learning_id}", {"learning_id": learning_id}, query={"db_id": database})
    if not learning:
        return Message(f"AgentOS was told to delete learning {display_id(learning_id)}. {UNSEEN}")
    return Message(f"Deleted learning {display_id(learning_id)}.")


async def _learning_details(ctx: ToolContext, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    database = await ctx.database("learning", str(arguments.get("db_id") or ""))
    learning = await _find_learning(ctx, str(arguments["learning_id"]), database)
    return {
        "type": learning.get("learning_type"),
        "about": _subject_text(learning),
        "learned": outline(_learned_content(learning)),
        "updated": format_time(learning.get("updated_at")),
    }


async def list_learning_users(
    ctx: ToolContext,
    user_id: UserId = "",
    db_id: DbId = "",
    limit: Limit = 20,
    page: Page = 1,
) -> Table:
    """Users of whom agents have learned something. Read it with list_learnings(user_id)."""
    users = await ctx.own_page(
        "/learnings/users",
        user_id=user_id,
        db_id=await ctx.database("learning", db_id),
        limit=limit,
        page=page,
    )
    return Table(
        ("user", "last learned"),
        [(user.get("user_id"), time_value(user.get("last_learning_updated_at"))) for user in users],
        empty=as_hint("Nothing is learned of any such user.")
        + hint("{list} shows what is learned of sessions and entities.", list=Action.of("list_learnings")),
        meta=users.meta,
    )


async def _find_learning(ctx: ToolContext, learning_id: str, db_id: str) -> Mapping[str, Any]:
    """The learning of that id; on a server for one user, as in its lists, only that user's are there.

    AgentOS takes no user with the id of a learning, so that is looked at here.
    """
    what = f"learning '{display_id(learning_id)}'"
    list_ids = hint("{list} shows their ids.", list=Action.of("list_learnings"))
    try:
        learning = mapping(await ctx.get("/learnings/{learning_id}", {"learning_id": learning_id}, db_id=db_id))
    except NotFound:
        learning = {}
    if learning:
        return ctx.ownership.require_own(learning, what, list_ids)
    raise ctx.ownership.not_found(what, list_ids)


def _check_content(learning_type: str, content: JsonObject) -> dict[str, Any]:
    if not content:
        raise InvalidRequest("The content is empty.", "Give an object with what is learned.")
    required_key = _REQUIRED_CONTENT.get(learning_type, "")
    if required_key and not content.get(required_key):
        raise InvalidRequest(
            f"Agents would see nothing in this {learning_type}: it has no '{required_key}'.",
            "Give content={memories: [{id, content}, ...]}."
            if required_key == "memories"
            else "Give content={decision, reasoning}.",
        )
    return content


def _learned_content(learning: Mapping[str, Any]) -> Mapping[str, Any]:
    """A learning's content without what its facts say already."""
    return {name: value for name, value in mapping(learning.get("content")).items() if name not in _BOOKKEEPING}


def _subject_text(learning: Mapping[str, Any]) -> str:
    owners = [
        f"{name} {learning[f'{name}_id']}"
        for name in ("user", "session", "agent", "team")
        if learning.get(f"{name}_id")
    ]
    entity = [f"{learning.get('entity_type') or 'entity'} {learning['entity_id']}"] if learning.get("entity_id") else []
    return " · ".join(entity + owners)


TOOLSET = Toolset(
    "learnings",
    "Learnings are what agents noted by themselves, by type: of users, sessions, entities and their own decisions.",
    read(list_learnings, "GET /learnings"),
    read(get_learning, "GET /learnings/{learning_id}"),
    write(create_learning, "POST /learnings"),
    destructive(update_learning, "PATCH /learnings/{learning_id}", details=_learning_details),
    destructive(delete_learning, "DELETE /learnings/{learning_id}", details=_learning_details),
    read(list_learning_users, "GET /learnings/users"),
    needs=DATABASE,
)
