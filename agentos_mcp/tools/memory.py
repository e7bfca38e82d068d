"""User memories: list, read, create, change, delete and merge them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from agentos_mcp.agentos.agentos_messages import is_memory_optimization_useless
from agentos_mcp.agentos.catalog import display_id
from agentos_mcp.agentos.errors import InvalidRequest, NotFound, ServerFailure, Unreachable, Unsupported
from agentos_mcp.agentos.formats import format_time
from agentos_mcp.agentos.hints import Action, Parameter, as_hint, hint
from agentos_mcp.agentos.json_values import integer, mapping, texts
from agentos_mcp.agentos.pagination import read_page
from agentos_mcp.tooling.context import UNSEEN, ToolContext
from agentos_mcp.tooling.parameters import DbId, Limit, LongName, Page, Text, UserId, Words
from agentos_mcp.tooling.results import Message, Record, Table
from agentos_mcp.tooling.tool_spec import DATABASE, Toolset, destructive, read, write
from agentos_mcp.tooling.typed_values import list_value, time_value

_MAX_LENGTH = 5000
"""Characters of a memory; AgentOS refuses more."""

_SHOWN_MEMORIES = 10
"""Of those that are replaced, to the person who has to agree to it."""

_LIST_IDS = hint("{list} shows their ids.", list=Action.of("list_memories"))

_GIVE_USER = hint("Say with {user_id} whose memories these are.", user_id=Parameter("user_id")) + hint(
    "{stats} lists users.", stats=Action.of("get_memory_stats")
)

Fact = Annotated[Text, Field(description="One fact, in a sentence")]


async def list_memories(
    ctx: ToolContext,
    user_id: UserId = "",
    search: LongName = "",
    topics: Words = None,
    db_id: DbId = "",
    limit: Limit = 20,
    page: Page = 1,
) -> Table:
    """What agents know about a user, newest first."""
    memories = await ctx.own_page(
        "/memories",
        user_id=user_id,
        search_content=search,
        # AgentOS reads only the first of repeated values, and splits it at commas.
        topics=",".join(topics or ()),
        db_id=await ctx.database("memory", db_id),
        limit=limit,
        page=page,
    )
    of_user = _of_user(user_id)
    return Table(
        ("id", "memory", "topics", "user"),
        [
            (row.get("memory_id"), row.get("memory"), row.get("topics"), "" if user_id else row.get("user_id"))
            for row in memories
        ],
        empty=f"No such memories{of_user}."
        if search or topics
        else as_hint(f"No memories{of_user}.") + hint("{create} adds one.", create=Action.of("create_memory")),
        meta=memories.meta,
    )


async def get_memory(ctx: ToolContext, memory_id: str, user_id: UserId = "", db_id: DbId = "") -> Record:
    """A whole memory: list_memories cuts long ones."""
    memory = await _find_memory(ctx, memory_id, user_id, await ctx.database("memory", db_id))
    return Record(
        "",
        {
            "id": memory.get("memory_id"),
            "user": memory.get("user_id"),
            "topics": list_value(texts(memory.get("topics"))),
            "agent": memory.get("agent_id"),
            "team": memory.get("team_id"),
            "updated": time_value(memory.get("updated_at")),
        },
        {"memory": str(memory.get("memory") or "")},
    )


async def create_memory(
    ctx: ToolContext,
    memory: Fact,
    user_id: Annotated[str, Field(description="Whom it is about")] = "",
    topics: Words = None,
    db_id: DbId = "",
) -> Message:
    """Remember a fact about a user for all agents."""
    user = await _user_of_call(ctx, user_id)
    body = {"memory": _check_memory(memory), "topics": topics or []} | ({"user_id": user} if user else {})
    try:
        created = await ctx.send("POST", "/memories", query={"db_id": await ctx.database("memory", db_id)}, json=body)
    except InvalidRequest as error:
        if user:
            raise
        raise InvalidRequest(error.message, _GIVE_USER, status=error.status) from error
    owner = display_id(str(created.get("user_id") or user))
    return Message(f"Remembered for user '{owner}' (memory {display_id(str(created.get('memory_id')))}).")


async def update_memory(
    ctx: ToolContext, memory_id: str, memory: Text = "", topics: Words = None, user_id: UserId = "", db_id: DbId = ""
) -> Message:
    """Correct a memory's words or topics; what is not given stays."""
    if not memory.strip() and topics is None:
        raise InvalidRequest(
            "There is nothing to change.",
            hint("Give {memory} or {topics}.", memory=Parameter("memory"), topics=Parameter("topics")),
        )
    database = await ctx.database("memory", db_id)
    # AgentOS itself would make a memory of an unknown id, and drop topics that are not given.
    find = _find_memory(ctx, memory_id, user_id, database)
    old_memory = await (ctx.look(find, {"user_id": user_id}) if memory.strip() and topics is not None else find)
    body = {
        "memory": _check_memory(memory) if memory.strip() else old_memory.get("memory"),
        "topics": old_memory.get("topics") if topics is None else topics,
        "user_id": old_memory.get("user_id"),
    }
    await ctx.send("PATCH", "/memories/{memory_id}", _path_values(memory_id), query={"db_id": database}, json=body)
    return Message(f"Updated memory {display_id(memory_id.strip())}.")


async def delete_memory(ctx: ToolContext, memory_id: str, user_id: UserId = "", db_id: DbId = "") -> Message:
    """Forget one memory for good."""
    database = await ctx.database("memory", db_id)
    # AgentOS says nothing where there is none.
    memory = await ctx.look(_find_memory(ctx, memory_id, user_id, database), {})
    query = {"user_id": user_id, "db_id": database}
    await ctx.send("DELETE", "/memories/{memory_id}", _path_values(memory_id), query=query)
    if not memory:
        return Message(f"AgentOS was told to delete memory {display_id(memory_id.strip())}. {UNSEEN}")
    user = display_id(str(memory.get("user_id") or ""))
    return Message(f"Deleted memory {display_id(memory_id.strip())} of user '{user}'.")


async def _memory_details(ctx: ToolContext, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    memory_id, user_id, db_id = (str(arguments.get(name) or "") for name in ("memory_id", "user_id", "db_id"))
    memory = await _find_memory(ctx, memory_id, user_id, await ctx.database("memory", db_id))
    return {
        "memory": memory.get("memory"),
        "topics": ", ".join(texts(memory.get("topics"))),
        "user": memory.get("user_id"),
        "updated": format_time(memory.get("updated_at")),
    }


async def list_memory_topics(ctx: ToolContext, user_id: UserId = "", db_id: DbId = "") -> Table:
    """Topics of memories; list_memories takes them."""
    answer = await ctx.get("/memory_topics", user_id=user_id, db_id=await ctx.database("memory", db_id))
    topics = sorted({str(topic) for topic in answer}) if isinstance(answer, list) else []
    return Table(("topic",), [(topic,) for topic in topics], empty=f"No memory{_of_user(user_id)} has a topic.")


async def get_memory_stats(
    ctx: ToolContext, user_id: UserId = "", db_id: DbId = "", limit: Limit = 20, page: Page = 1
) -> Table:
    """How many memories each user has, and when the last one changed."""
    database = await ctx.database("memory", db_id)
    users = await ctx.own_page("/user_memory_stats", user_id=user_id, db_id=database, limit=limit, page=page)
    return Table(
        ("user", "memories", "updated"),
        [
            (row.get("user_id"), row.get("total_memories"), time_value(row.get("last_memory_updated_at")))
            for row in users
        ],
        empty=f"No memories{_of_user(user_id)}.",
        meta=users.meta,
    )


async def optimize_memories(
    ctx: ToolContext,
    user_id: UserId = "",
    apply: Annotated[bool, Field(description="Replace them; else only a preview")] = False,
    model: Annotated[str, Field(description="provider:model, default openai:gpt-4o")] = "",
    db_id: DbId = "",
) -> Record:
    """Let a model merge all memories of a user into one. Preview first."""
    database = await ctx.database("memory", db_id)
    user_id = await _user_of_call(ctx, user_id)
    body: dict[str, Any] = {"user_id": user_id, "apply": apply}
    if model.strip():
        body["model"] = model.strip()
    try:
        answer = await ctx.send("POST", "/optimize-memories", query={"db_id": database}, json=body)
    except NotFound as error:
        raise NotFound(
            f"User '{display_id(user_id)}' has no memories.",
            hint("See {stats}.", stats=Action.of("get_memory_stats")),
            status=404,
        ) from error
    except Unreachable as error:
        if not error.was_sent:
            raise
        # A model may write for longer than an answer is waited for.
        if apply:
            raise error.reworded(
                error.message,
                hint(
                    "The model may still be working on it: look with {list} before you apply it again.",
                    list=Action.of("list_memories", user_id=display_id(user_id)),
                    otherwise="The model may still be working on it.",
                ),
            ) from error
        raise error.reworded(
            "No preview came: the connection broke, or the model took too long. Nothing was changed.",
            "Try again, with a longer --timeout if need be.",
        ) from error
    except Unsupported:
        raise
    except ServerFailure as error:
        raise _optimize_error(error, apply) from error
    memories = read_page(answer.get("memories"))
    count_before, count_after = answer.get("memories_before"), answer.get("memories_after")
    preview = hint(
        "Nothing was changed. {apply} lets the model write again and replaces them for good: ask the user first.",
        apply=Parameter("apply", True),
    )
    return Record(
        "Memories replaced" if apply else "Preview",
        {
            "memories": f"{count_before} -> {count_after}",
            "tokens": f"{answer.get('tokens_before')} -> {answer.get('tokens_after')}",
            "ids": ", ".join(str(row.get("memory_id")) for row in memories) if apply else "",
        },
        {f"memory {number}": str(row.get("memory") or "") for number, row in enumerate(memories, 1)},
        footer="" if apply else preview,
    )


async def _replaced_memories(ctx: ToolContext, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The memories that would be replaced; None where there are none, which AgentOS says itself."""
    database = await ctx.database("memory", str(arguments.get("db_id") or ""))
    user_id = await _user_of_call(ctx, str(arguments.get("user_id") or ""))
    memories = await ctx.own_page("/memories", user_id=user_id, db_id=database, limit=_SHOWN_MEMORIES, page=1)
    if not memories.rows:
        return None
    total = integer(memories.meta.get("total_count")) or len(memories.rows)
    rows = {f"memory {number}": row.get("memory") for number, row in enumerate(memories.rows, 1)}
    return {"memories to replace": total, **rows}


def _optimize_error(error: ServerFailure, apply: bool) -> ServerFailure:
    # AgentOS counts the saving after it has replaced the memories, and fails where there is none.
    if is_memory_optimization_useless(error.detail):
        problem = "What the model wrote is longer than the memories"
        if apply:
            return ServerFailure(
                f"{problem}; AgentOS replaced them nevertheless.",
                hint("See {list}.", list=Action.of("list_memories")),
                status=error.status,
            )
        return ServerFailure(f"{problem}, so nothing is gained. Nothing was changed.", status=error.status)
    return ServerFailure(
        error.message,
        hint(
            "Give {model} (provider:model) one whose library and key AgentOS has; without it, it takes openai:gpt-4o.",
            model=Parameter("model"),
        )
        + (hint("See with {list} whether anything was replaced.", list=Action.of("list_memories")) if apply else ""),
        status=error.status,
    )


async def _find_memory(ctx: ToolContext, memory_id: str, user_id: str, database: str) -> Mapping[str, Any]:
    """The memory, once it is known to be there and to be this user's."""
    try:
        memory = mapping(
            await ctx.get("/memories/{memory_id}", _path_values(memory_id), user_id=user_id, db_id=database)
        )
    except NotFound as error:
        message = f"There is no memory '{display_id(memory_id.strip())}'{_of_user(user_id)}."
        raise NotFound(message, _LIST_IDS, status=404) from error
    return ctx.ownership.require_own(memory, f"memory '{display_id(memory_id.strip())}'", _LIST_IDS)


def _of_user(user_id: str) -> str:
    return f" of user '{display_id(user_id)}'" if user_id else ""


def _path_values(memory_id: str) -> dict[str, str]:
    return {"memory_id": memory_id.strip()}


def _check_memory(memory: str) -> str:
    words = memory.strip()
    if not words:
        raise InvalidRequest("The memory is empty.", "Say what to remember.")
    if len(words) > _MAX_LENGTH:
        raise InvalidRequest(
            f"The memory has {len(words):,} characters, AgentOS takes {_MAX_LENGTH:,}.", "Split it into single facts."
        )
    return words


async def _user_of_call(ctx: ToolContext, user_id: str) -> str:
    """The user that is given, else the one that the token names; '' where only AgentOS knows whose the token is."""
    if user_id.strip():
        return user_id
    user = await ctx.agent_os.token_user()
    if user is None:
        raise InvalidRequest("No user is given.", _GIVE_USER)
    return user


TOOLSET = Toolset(
    "memory",
    "Memories are facts about a user that agents see in every session.",
    read(list_memories, "GET /memories", default=True),
    read(get_memory, "GET /memories/{memory_id}"),
    write(create_memory, "POST /memories", default=True),
    write(update_memory, "PATCH /memories/{memory_id}", idempotent=True),
    destructive(delete_memory, "DELETE /memories/{memory_id}", details=_memory_details),
    read(list_memory_topics, "GET /memory_topics"),
    read(get_memory_stats, "GET /user_memory_stats"),
    destructive(
        optimize_memories,
        "POST /optimize-memories",
        idempotent=False,
        open_world=True,
        confirm_only_if="apply",
        details=_replaced_memories,
    ),
    needs=DATABASE,
)
