"""The files that agents keep."""

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
from agentos_mcp.agentos.formats import format_time
from agentos_mcp.agentos.hints import Action, Parameter, hint
from agentos_mcp.agentos.json_values import mapping, objects, text, texts
from agentos_mcp.tooling.budget import CHARACTERS_PER_TOKEN
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.parameters import Limit, LongName, Page, UserId
from agentos_mcp.tooling.results import Record, Table
from agentos_mcp.tooling.tool_spec import Toolset, read

LONGEST_QUERY = 200
"""Characters that AgentOS takes to search for."""

_ROOM_FOR_FACTS = 1000
_AROUND = 60
_LIST_PATHS = hint("{list} shows the paths.", list=Action.of("list_agent_files"))
_GIVE_AGENT = hint("Give {agent} or {namespace}, too.", agent=Parameter("agent_id"), namespace=Parameter("namespace"))
_NONE = "No agent here keeps files: that takes Agent(filesystem=True)."


async def list_agent_files(
    ctx: ToolContext,
    agent_id: str = "",
    namespace: str = "",
    directory: LongName = "",
    limit: Limit = 20,
    page: Page = 1,
) -> Table:
    """Files of one agent or namespace, a directory at a time; without either, all files."""
    store = await _store(ctx, agent_id, namespace)
    if not store.query:
        if directory:
            raise InvalidRequest("A directory of which agent?", _GIVE_AGENT)
        answer = mapping(await ctx.get("/filesystem/files", limit=limit, page=page))
        files = store.readable(ctx, _entries(answer), answer)
        return Table(
            ("namespace", "path", "bytes", "updated", "user", "agents"),
            [(file.get("namespace"), *_file(file), file.get("agent_ids")) for file in files],
            empty=f"No files. {store.hidden(files)}".strip() if store.known else _NONE,
            meta=mapping(answer.get("meta")),
            footer=store.hidden(files),
        )
    with store.told():
        answer = mapping(
            await ctx.get("/filesystem/entries", **store.query, directory=directory, limit=limit, page=page)
        )
    usage, chosen = mapping(answer.get("usage")), str(answer.get("namespace"))
    counted = _counted((usage.get("file_count"), "file"), (usage.get("total_bytes"), "byte"))
    total = f"namespace {_shown(chosen)}{': ' if counted else ''}{counted}"
    others = [name for name in store.namespaces if name != chosen] if agent_id else []
    more = f"; this agent's other namespaces: {', '.join(map(_shown, others))}" if others else ""
    return Table(
        ("path", "bytes", "updated", "user"),
        [_file(entry) for entry in store.readable(ctx, _entries(answer), answer)],
        empty=f"Nothing there ({total}{more}).",
        meta=mapping(answer.get("meta")),
        footer=f"{total}{more}",
    )


async def read_agent_file(
    ctx: ToolContext,
    path: LongName,
    agent_id: str = "",
    namespace: str = "",
    user_id: UserId = "",
    offset: Annotated[int, Field(ge=0)] = 0,
    limit: Annotated[int, Field(ge=1, le=100_000, description="Characters")] = 100_000,
) -> Record:
    """A file of an agent or a namespace, as much as fits, from offset on."""
    if not agent_id and not namespace:
        raise InvalidRequest(
            "A file of which agent?",
            hint("Give {agent} or {namespace}.", agent=Parameter("agent_id"), namespace=Parameter("namespace"))
            + hint("{list} shows them.", list=Action.of("list_agent_files")),
        )
    if not path.strip():
        raise InvalidRequest("The path is empty.", _LIST_PATHS)
    store = await _store(ctx, agent_id, namespace)
    most = min(limit, max(200, ctx.settings.result_tokens * CHARACTERS_PER_TOKEN - _ROOM_FOR_FACTS))
    with store.told(path):
        file = mapping(
            await ctx.get(
                "/filesystem/content", **store.query, path=path, user_id=store.of(user_id), offset=offset, limit=most
            )
        )
    if not store.readable(ctx, [file], file):
        raise ctx.ownership.refusal(f"file '{_shown(path)}'", _LIST_PATHS)
    content = str(file.get("content") or "")
    if offset and not content:
        raise InvalidRequest(
            f"The file ends before offset {offset}.", hint("Begin with {offset}.", offset=Parameter("offset", 0))
        )
    further = file.get("next_offset")
    return Record(
        str(file.get("path")),
        {
            "namespace": file.get("namespace"),
            "agents": ", ".join(texts(file.get("agent_ids"))),
            "user": file.get("user_id"),
            "size": _counted((file.get("size_bytes"), "byte"), (file.get("line_count"), "line")),
            "updated": format_time(file.get("updated_at")),
        },
        {"content": content},
        footer=hint(
            "It goes on: {read} with {offset}.",
            read=Action.of("read_agent_file"),
            offset=Parameter("offset", further),
        )
        if isinstance(further, int) and further
        else "",
    )


async def search_agent_files(
    ctx: ToolContext,
    query: LongName,
    agent_id: str = "",
    namespace: str = "",
    directory: LongName = "",
    user_id: UserId = "",
    limit: Limit = 20,
    page: Page = 1,
) -> Table:
    """Files that contain these exact words, in any case. Read one with read_agent_file."""
    query = query.strip()
    if not query or len(query) > LONGEST_QUERY:
        what = f"longer than {LONGEST_QUERY} characters" if query else "empty"
        raise InvalidRequest(f"The query is {what}.", "Give a few words as they stand in the file.")
    store = await _store(ctx, agent_id, namespace)
    if not store.query and directory:
        raise InvalidRequest("A directory of which agent?", _GIVE_AGENT)
    with store.told():
        answer = mapping(
            await ctx.get(
                "/filesystem/search",
                **store.query,
                query=query,
                directory=directory,
                user_id=store.of(user_id),
                limit=limit,
                page=page,
            )
            if store.query
            else await ctx.get("/filesystem/files", query=query, limit=limit, page=page)
        )
    files = store.readable(ctx, _entries(answer), answer)
    hidden = "" if store.query else store.hidden(files)
    return Table(
        ("namespace", "path", "line", "times", "words", "user"),
        [
            (
                file.get("namespace") or answer.get("namespace"),
                file.get("path"),
                file.get("line"),
                file.get("match_count"),
                _around(str(file.get("snippet") or ""), query),
                file.get("user_id"),
            )
            for file in files
        ],
        empty=f"No file contains '{query}'. Try a single word of it. {hidden}".strip(),
        meta=mapping(answer.get("meta")),
        footer=hidden,
    )


@dataclass(frozen=True)
class _Store:
    """Whose files are meant: what AgentOS is asked for, and what `/config` says of it."""

    query: Mapping[str, str]
    known: Sequence[Mapping[str, Any]]
    """All namespaces of this AgentOS."""
    meant: Sequence[Mapping[str, Any]]
    """Those that `query` means."""

    @property
    def namespaces(self) -> list[str]:
        return [str(one.get("namespace")) for one in self.meant]

    def hidden(self, shown: Sequence[Mapping[str, Any]]) -> str:
        """What a list of all files may leave out without a word."""
        there = {text(entry.get("namespace")) for entry in shown}
        by_user = [
            _shown(one.get("namespace"))
            for one in self.known
            if one.get("user_isolation") and one.get("namespace") not in there
        ]
        return f"Kept by user, shown only to a token that names one: {', '.join(by_user)}." if by_user else ""

    def readable(
        self, ctx: ToolContext, entries: Sequence[Mapping[str, Any]], answer: Mapping[str, Any]
    ) -> list[Mapping[str, Any]]:
        """The entries that this server's user may see: in a namespace that is kept by user only that user's own."""
        by_user = {one.get("namespace") for one in self.known if one.get("user_isolation")}
        return [
            entry
            for entry in entries
            if ctx.ownership.is_own(entry)
            or not (entry.get("user_id") or entry.get("namespace", answer.get("namespace")) in by_user)
        ]

    def of(self, user_id: str) -> str:
        """The user to name: AgentOS refuses one where files are shared."""
        return user_id if any(one.get("user_isolation") for one in self.meant) else ""

    @contextmanager
    def told(self, path: str = "") -> Iterator[None]:
        """AgentOS's refusals, with what to do about them."""
        try:
            yield
        except NotFound as error:
            if path and is_missing_file(error.detail):
                whose = hint(
                    "{list} shows the paths, and whose they are ({user_id}).",
                    list=Action.of("list_agent_files"),
                    user_id=Parameter("user_id"),
                )
                raise NotFound(
                    f"No file '{_shown(path)}' there.", whose if self.of("anyone") else _LIST_PATHS, status=404
                ) from error
            names = ", ".join(dict.fromkeys(_shown(one.get("namespace")) for one in self.known))
            raise NotFound("There are no such files.", f"The namespaces are: {names}." if names else _NONE) from error
        except InvalidRequest as error:
            if is_invalid_path(error.detail) or not any(one.get("user_isolation") for one in self.meant):
                raise
            raise InvalidRequest(
                error.message,
                "These files are kept by user: start agentos-mcp with a token that names one.",
                status=error.status,
            ) from error


async def _store(ctx: ToolContext, agent_id: str, namespace: str) -> _Store:
    known = objects(mapping(mapping(await ctx.get("/config")).get("filesystem")).get("namespaces"))
    meant, query = known, {}
    if agent_id:
        query["agent_id"] = (await ctx.catalog.find("agent", agent_id)).id
        meant = [one for one in meant if query["agent_id"] in _holders(one)]
        if not meant:
            holders = ", ".join(dict.fromkeys(display_id(holder) for one in known for holder in _holders(one)))
            raise NotFound(
                f"Agent '{display_id(query['agent_id'])}' keeps no files.",
                f"These do: {holders}." if holders else _NONE,
            )
    if namespace:
        query["namespace"] = namespace
        meant = [one for one in meant if one.get("namespace") == namespace]
    return _Store(query, known, meant)


def _holders(namespace: Mapping[str, Any]) -> list[str]:
    return [str(agent.get("id")) for agent in objects(namespace.get("agents"))]


def _entries(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return objects(answer.get("entries"))


def _file(entry: Mapping[str, Any]) -> tuple[object, ...]:
    path = str(entry.get("path"))
    return (
        f"{path}/" if entry.get("type") == "directory" else path,
        entry.get("size_bytes"),
        format_time(entry.get("updated_at")),
        entry.get("user_id"),
    )


def _counted(*counts: tuple[object, str]) -> str:
    """ "1,200 bytes, 1 line"; without what AgentOS does not say."""
    return ", ".join(
        f"{number:,} {noun}{'' if number == 1 else 's'}" for number, noun in counts if isinstance(number, int)
    )


def _shown(name: object) -> str:
    """A namespace or a path in our own sentences: as it is given back, without spaces to say anything with."""
    return quote(str(name), safe="-._~@+:/{}%", errors="surrogatepass")


def _around(snippet: str, query: str) -> str:
    """The words with what stands next to them: a snippet alone could be cut before them."""
    at = max(0, snippet.casefold().find(query.casefold()))
    return snippet[max(0, at - _AROUND) : at + len(query) + _AROUND]


TOOLSET = Toolset(
    "filesystem",
    "Agents keep files in namespaces; these tools read them.",
    read(list_agent_files, "GET /filesystem/entries"),
    read(read_agent_file, "GET /filesystem/content"),
    read(search_agent_files, "GET /filesystem/search"),
)
