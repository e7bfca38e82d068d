"""Files that agents keep in namespaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field

from agentos_mcp.agentos.agentos_messages import is_invalid_path, is_missing_file
from agentos_mcp.agentos.catalog import display_id
from agentos_mcp.agentos.errors import InvalidRequest, NotFound
from agentos_mcp.agentos.hints import Action, Parameter, hint
from agentos_mcp.agentos.json_values import mapping, objects, text, texts
from agentos_mcp.tooling.budget import CHARACTERS_PER_TOKEN
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.parameters import Limit, LongName, Page, UserId
from agentos_mcp.tooling.results import Record, Table
from agentos_mcp.tooling.tool_spec import Toolset, read
from agentos_mcp.tooling.typed_values import list_value, time_value

MAX_QUERY_LENGTH = 200
"""Characters that AgentOS takes to search for."""

_ROOM_FOR_FACTS = 1000
_CONTEXT = 60
Namespace = Annotated[str, Field(description="Files that agents share")]

_LIST_PATHS = hint("{list} shows the paths.", list=Action.of("list_agent_files"))
_GIVE_AGENT = hint("Give {agent} or {namespace}, too.", agent=Parameter("agent_id"), namespace=Parameter("namespace"))
_NO_FILESYSTEM = "No agent here keeps files: that takes Agent(filesystem=True)."


async def list_agent_files(
    ctx: ToolContext,
    agent_id: str = "",
    namespace: Namespace = "",
    directory: LongName = "",
    limit: Limit = 20,
    page: Page = 1,
) -> Table:
    """Files of one agent or namespace, a directory at a time; without either, all. Read one with read_agent_file."""
    namespaces = await _find_namespaces(ctx, agent_id, namespace)
    if not namespaces.query:
        if directory:
            raise InvalidRequest("A directory of which agent?", _GIVE_AGENT)
        answer = mapping(await ctx.get("/filesystem/files", limit=limit, page=page))
        files = namespaces.readable(ctx, _entries(answer), answer)
        return Table(
            ("namespace", "path", "bytes", "updated", "user", "agents"),
            [(file.get("namespace"), *_file_columns(file), file.get("agent_ids")) for file in files],
            empty=f"No files. {namespaces.hidden_note(files)}".strip() if namespaces.all else _NO_FILESYSTEM,
            meta=mapping(answer.get("meta")),
            footer=namespaces.hidden_note(files),
        )
    with namespaces.translate_errors():
        answer = mapping(
            await ctx.get("/filesystem/entries", **namespaces.query, directory=directory, limit=limit, page=page)
        )
    usage, listed_namespace = mapping(answer.get("usage")), str(answer.get("namespace"))
    size = _counts_text((usage.get("file_count"), "file"), (usage.get("total_bytes"), "byte"))
    total = f"namespace {_quoted(listed_namespace)}{': ' if size else ''}{size}"
    other_namespaces = [name for name in namespaces.names if name != listed_namespace] if agent_id else []
    more = f"; this agent's other namespaces: {', '.join(map(_quoted, other_namespaces))}" if other_namespaces else ""
    return Table(
        ("path", "bytes", "updated", "user"),
        [_file_columns(entry) for entry in namespaces.readable(ctx, _entries(answer), answer)],
        empty=f"Nothing there ({total}{more}).",
        meta=mapping(answer.get("meta")),
        footer=f"{total}{more}",
    )


async def read_agent_file(
    ctx: ToolContext,
    path: LongName,
    agent_id: str = "",
    namespace: Namespace = "",
    user_id: UserId = "",
    offset: Annotated[int, Field(ge=0)] = 0,
    limit: Annotated[int, Field(ge=1, le=100_000, description="Characters")] = 100_000,
) -> Record:
    """What an agent's or a namespace's file says, as much as fits, from offset on."""
    if not agent_id and not namespace:
        raise InvalidRequest(
            "A file of which agent?",
            hint("Give {agent} or {namespace}.", agent=Parameter("agent_id"), namespace=Parameter("namespace"))
            + hint("{list} shows them.", list=Action.of("list_agent_files")),
        )
    if not path.strip():
        raise InvalidRequest("The path is empty.", _LIST_PATHS)
    namespaces = await _find_namespaces(ctx, agent_id, namespace)
    max_characters = min(limit, max(200, ctx.result_tokens * CHARACTERS_PER_TOKEN - _ROOM_FOR_FACTS))
    with namespaces.translate_errors(path):
        file = mapping(
            await ctx.get(
                "/filesystem/content",
                **namespaces.query,
                path=path,
                user_id=namespaces.user_filter(user_id),
                offset=offset,
                limit=max_characters,
            )
        )
    if not namespaces.readable(ctx, [file], file):
        raise ctx.ownership.refusal(f"file '{_quoted(path)}'", _LIST_PATHS)
    content = str(file.get("content") or "")
    if offset and not content:
        raise InvalidRequest(
            f"The file ends before offset {offset}.", hint("Begin with {offset}.", offset=Parameter("offset", 0))
        )
    next_offset = file.get("next_offset")
    return Record(
        str(file.get("path")),
        {
            "namespace": file.get("namespace"),
            "agents": list_value(texts(file.get("agent_ids"))),
            "user": file.get("user_id"),
            "size": _counts_text((file.get("size_bytes"), "byte"), (file.get("line_count"), "line")),
            "updated": time_value(file.get("updated_at")),
        },
        {"content": content},
        footer=hint(
            "It goes on: {read} with {offset}.",
            read=Action.of("read_agent_file"),
            offset=Parameter("offset", next_offset),
        )
        if isinstance(next_offset, int) and next_offset
        else "",
    )


async def search_agent_files(
    ctx: ToolContext,
    query: LongName,
    agent_id: str = "",
    namespace: Namespace = "",
    directory: LongName = "",
    user_id: UserId = "",
    limit: Limit = 20,
    page: Page = 1,
) -> Table:
    """Files that contain these exact words, in any case. Read one with read_agent_file."""
    query = query.strip()
    if not query or len(query) > MAX_QUERY_LENGTH:
        problem = f"longer than {MAX_QUERY_LENGTH} characters" if query else "empty"
        raise InvalidRequest(f"The query is {problem}.", "Give a few words as they stand in the file.")
    namespaces = await _find_namespaces(ctx, agent_id, namespace)
    if not namespaces.query and directory:
        raise InvalidRequest("A directory of which agent?", _GIVE_AGENT)
    with namespaces.translate_errors():
        answer = mapping(
            await ctx.get(
                "/filesystem/search",
                **namespaces.query,
                query=query,
                directory=directory,
                user_id=namespaces.user_filter(user_id),
                limit=limit,
                page=page,
            )
            if namespaces.query
            else await ctx.get("/filesystem/files", query=query, limit=limit, page=page)
        )
    files = namespaces.readable(ctx, _entries(answer), answer)
    hidden = "" if namespaces.query else namespaces.hidden_note(files)
    return Table(
        ("namespace", "path", "line", "times", "words", "user"),
        [
            (
                file.get("namespace") or answer.get("namespace"),
                file.get("path"),
                file.get("line"),
                file.get("match_count"),
                _excerpt(str(file.get("snippet") or ""), query),
                file.get("user_id"),
            )
            for file in files
        ],
        empty=f"No file contains '{query}'. Try a single word of it. {hidden}".strip(),
        meta=mapping(answer.get("meta")),
        footer=hidden,
    )


@dataclass(frozen=True)
class _Namespaces:
    """The namespaces that a call selects: the query for AgentOS, and their entries in `/config`."""

    query: Mapping[str, str]
    all: Sequence[Mapping[str, Any]]
    """All namespaces of this AgentOS."""
    selected: Sequence[Mapping[str, Any]]
    """Those that `query` selects."""

    @property
    def names(self) -> list[str]:
        return [str(namespace.get("namespace")) for namespace in self.selected]

    def hidden_note(self, entries: Sequence[Mapping[str, Any]]) -> str:
        """What a list of all files may leave out without a word."""
        listed = {text(entry.get("namespace")) for entry in entries}
        by_user = [
            _quoted(namespace.get("namespace"))
            for namespace in self.all
            if namespace.get("user_isolation") and text(namespace.get("namespace")) not in listed
        ]
        return f"Kept by user, shown only to a token that names one: {', '.join(by_user)}." if by_user else ""

    def readable(
        self, ctx: ToolContext, entries: Sequence[Mapping[str, Any]], answer: Mapping[str, Any]
    ) -> list[Mapping[str, Any]]:
        """The entries that this server's user may see: in a namespace that is kept by user only that user's own."""
        by_user = {text(namespace.get("namespace")) for namespace in self.all if namespace.get("user_isolation")}
        return [
            entry
            for entry in entries
            if ctx.ownership.is_own(entry)
            or not (entry.get("user_id") or text(entry.get("namespace", answer.get("namespace"))) in by_user)
        ]

    def user_filter(self, user_id: str) -> str:
        """The user to name: AgentOS refuses one where files are shared."""
        return user_id if any(namespace.get("user_isolation") for namespace in self.selected) else ""

    @contextmanager
    def translate_errors(self, path: str = "") -> Iterator[None]:
        """Inside it, AgentOS's refusals say what to do about them."""
        try:
            yield
        except NotFound as error:
            if path and is_missing_file(error.detail):
                owner_hint = hint(
                    "{list} shows the paths, and whose they are ({user_id}).",
                    list=Action.of("list_agent_files"),
                    user_id=Parameter("user_id"),
                )
                raise NotFound(
                    f"No file '{_quoted(path)}' there.",
                    owner_hint if self.user_filter("anyone") else _LIST_PATHS,
                    status=404,
                ) from error
            names = ", ".join(dict.fromkeys(_quoted(namespace.get("namespace")) for namespace in self.all))
            raise NotFound(
                "There are no such files.", f"The namespaces are: {names}." if names else _NO_FILESYSTEM
            ) from error
        except InvalidRequest as error:
            if is_invalid_path(error.detail) or not any(namespace.get("user_isolation") for namespace in self.selected):
                raise
            raise InvalidRequest(
                error.message,
                "These files are kept by user: start agentos-mcp with a token that names one.",
                status=error.status,
            ) from error


async def _find_namespaces(ctx: ToolContext, agent_id: str, namespace: str) -> _Namespaces:
    config = await ctx.look(ctx.get("/config"), None)
    known = objects(mapping(mapping(config).get("filesystem")).get("namespaces"))
    chosen, query = known, {}
    if agent_id:
        query["agent_id"] = (await ctx.catalog.find("agent", agent_id)).id
        chosen = [each for each in chosen if query["agent_id"] in _agents_of(each)]
        if not chosen and config is not None:
            agents = ", ".join(dict.fromkeys(display_id(agent) for each in known for agent in _agents_of(each)))
            raise NotFound(
                f"Agent '{display_id(query['agent_id'])}' keeps no files.",
                f"These do: {agents}." if agents else _NO_FILESYSTEM,
            )
    if namespace:
        query["namespace"] = namespace
        chosen = [each for each in chosen if each.get("namespace") == namespace]
    return _Namespaces(query, known, chosen)


def _agents_of(namespace: Mapping[str, Any]) -> list[str]:
    return [str(agent.get("id")) for agent in objects(namespace.get("agents"))]


def _entries(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return objects(answer.get("entries"))


def _file_columns(entry: Mapping[str, Any]) -> tuple[object, ...]:
    path = str(entry.get("path"))
    return (
        f"{path}/" if entry.get("type") == "directory" else path,
        entry.get("size_bytes"),
        time_value(entry.get("updated_at")),
        entry.get("user_id"),
    )


def _counts_text(*counts: tuple[object, str]) -> str:
    """ "1,200 bytes, 1 line"; without what AgentOS does not say."""
    return ", ".join(
        f"{number:,} {noun}{'' if number == 1 else 's'}" for number, noun in counts if isinstance(number, int)
    )


def _quoted(name: object) -> str:
    """A namespace or a path in our own sentences: as it is given back, without spaces to say anything with."""
    return quote(str(name), safe="-._~@+:/{}%", errors="surrogatepass")


def _excerpt(snippet: str, query: str) -> str:
    """The words with what stands next to them: a snippet alone could be cut before them."""
    start = max(0, snippet.casefold().find(query.casefold()))
    return snippet[max(0, start - _CONTEXT) : start + len(query) + _CONTEXT]


TOOLSET = Toolset(
    "filesystem",
    "Agents keep files in namespaces; these tools read them.",
    read(list_agent_files, "GET /filesystem/entries"),
    read(read_agent_file, "GET /filesystem/content", spans=False),
    read(search_agent_files, "GET /filesystem/search"),
)
