"""Knowledge bases: search, list, add, change and delete contents."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from agentos_mcp.agentos.catalog import KnowledgeBase, display_id
from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, NotFound, ServerFailure, Unauthorized
from agentos_mcp.agentos.hints import Action, Parameter, as_hint, hint
from agentos_mcp.agentos.json_values import mapping
from agentos_mcp.agentos.pagination import Page as ListPage
from agentos_mcp.agentos.pagination import read_page
from agentos_mcp.tooling.argument_limits import MAX_FILES_LENGTH, MaxCharacters
from agentos_mcp.tooling.budget import CHARACTERS_PER_TOKEN
from agentos_mcp.tooling.context import UNSEEN, ToolContext, name_knowledge_bases, present_values
from agentos_mcp.tooling.markdown import fenced, one_line
from agentos_mcp.tooling.parameters import AnyKnowledgeId, JsonObject, KnowledgeId, Limit, LongName, Page, Text
from agentos_mcp.tooling.results import Document, Message, Record, Table
from agentos_mcp.tooling.tool_spec import KNOWLEDGE, Toolset, destructive, read, write
from agentos_mcp.tooling.typed_values import time_value
from agentos_mcp.tools.knowledge.bases import MAX_MERGED_ROWS, base_label, base_labels, merge_passages, read_bases
from agentos_mcp.tools.knowledge.content import (
    Content,
    agentos_metadata,
    config_record,
    content_record,
    content_type,
    outcome_message,
    outcomes_message,
    search_types,
    size_of,
    source_text,
)
from agentos_mcp.tools.knowledge.ingest import (
    build_upload,
    contents_of,
    metadata_fields,
    newest_contents,
    reader_fields,
    wait_for_content,
    wait_for_remote_contents,
)

OfConfig = Annotated[str, Field(description="See get_knowledge_config")]

_CONTENT = "/knowledge/content/{content_id}"
_REPLACE = hint(
    "To change it, call {delete} and {add}.",
    delete=Action.of("delete_knowledge"),
    add=Action.of("add_knowledge"),
    otherwise="To change it, delete it and add it again.",
)


async def search_knowledge(
    ctx: ToolContext,
    query: Text,
    max_results: Annotated[int, Field(ge=1, le=50)] = 5,
    search_type: Annotated[
        Literal["", "vector", "keyword", "hybrid"], Field(description="Stays on for everybody's later searches")
    ] = "",
    filters: JsonObject = None,
    knowledge_id: AnyKnowledgeId = "",
) -> Document:
    """Search the knowledge bases; returns the passages of their documents that fit best."""
    if not query.strip():
        raise InvalidRequest("The query is empty.", "Say what to look for.")
    bases = await ctx.knowledge_bases(knowledge_id)

    async def search(base: KnowledgeBase) -> Sequence[Mapping[str, Any]]:
        body: dict[str, Any] = {
            "query": query,
            **present_values(knowledge_id=base.id),
            "max_results": max_results,
            "meta": {"limit": max_results, "page": 1},
        }
        if filters:
            body["filters"] = filters
        if search_type:
            await _check_search_type(ctx, base, search_type)
            body["search_type"] = search_type
        return read_page(await ctx.agent_os.request("POST", "/knowledge/search", json=body, retry=True)).rows

    answers = await read_bases(bases, search)
    rows = merge_passages(answers.by_base)[:max_results]
    notes = answers.notes(ctx.surface)
    if not rows:
        words = f"Nothing found for '{one_line(query)}'. Try other words."
        return Document("\n".join([*notes, words]), {"items": [], "note": " ".join([*notes, words])})
    share = ctx.settings.result_tokens * CHARACTERS_PER_TOKEN // len(rows)
    passages = [{**row, "content": _cut(str(row.get("content") or ""), share)} for _, row in rows]
    places = [base if len(bases) > 1 else None for base, _ in rows]
    texts = [
        _passage_text(number, passage, base)
        for number, (passage, base) in enumerate(zip(passages, places, strict=True), 1)
    ]
    items = [
        {**passage, "knowledge_base": base.id, "knowledge_base_name": base.name} if base else passage
        for passage, base in zip(passages, places, strict=True)
    ]
    # Our own words stand before what anybody could have written.
    note = {"note": " ".join(notes)} if notes else {}
    return Document("\n".join([*notes, *texts]), {"items": items, **note})


async def list_knowledge(
    ctx: ToolContext, knowledge_id: AnyKnowledgeId = "", limit: Limit = 20, page: Page = 1
) -> Table:
    """Which documents are in the knowledge bases, latest first. See one with get_knowledge."""
    bases = await ctx.knowledge_bases(knowledge_id)
    if len(bases) > 1:
        return await _list_several(ctx, bases, limit, page)
    contents = await ctx.page("/knowledge/content", knowledge_id=bases[0].id, limit=limit, page=page)
    return Table(
        _CONTENT_COLUMNS,
        [_content_row(content) for content in contents],
        empty=_NOTHING_IN_IT,
        meta=contents.meta,
    )


async def _list_several(ctx: ToolContext, bases: Sequence[KnowledgeBase], limit: int, page: int) -> Table:
    """The contents of all of them, the latest first."""
    end = page * limit
    if end > MAX_MERGED_ROWS:
        raise InvalidRequest(
            f"Only the {MAX_MERGED_ROWS:,} latest contents are listed for several knowledge bases together.",
            name_knowledge_bases(bases),
        )

    async def read(base: KnowledgeBase) -> ListPage:
        query = {"knowledge_id": base.id, "sort_by": "updated_at", "sort_order": "desc"}
        return await ctx.page("/knowledge/content", **query, limit=end, page=1)

    answers = await read_bases(bases, read)
    rows = [(base, content) for base, contents in answers.by_base for content in contents]
    rows.sort(key=lambda row: str(row[1].get("updated_at") or ""), reverse=True)
    counts = [(contents.meta.get("total_count"), len(contents)) for _, contents in answers.by_base]
    total = sum(count if isinstance(count, int) else read_count for count, read_count in counts)
    page_count = min(-(-total // limit), MAX_MERGED_ROWS // limit)
    labels = base_labels(bases)
    notes = " ".join(answers.notes(ctx.surface))
    return Table(
        ("knowledge base", *_CONTENT_COLUMNS),
        [(labels[base.id], *_content_row(content)) for base, content in rows[end - limit : end]],
        empty=f"{notes} Nothing is in the others yet." if notes else _NOTHING_IN_IT,
        meta={"page": page, "total_pages": page_count, "total_count": total},
        footer=notes,
    )


_CONTENT_COLUMNS = ("id", "name", "type", "status", "size", "updated")
_NOTHING_IN_IT = as_hint("Nothing is in it yet.") + hint("{add} adds something.", add=Action.of("add_knowledge"))


def _content_row(content: Content) -> tuple[object, ...]:
    return (
        content.get("id"),
        content.get("name"),
        content_type(content),
        content.get("status"),
        size_of(content.get("size")),
        time_value(content.get("updated_at")),
    )


async def get_knowledge(ctx: ToolContext, content_id: str, knowledge_id: KnowledgeId = "") -> Record:
    """One content: processing status and its message, source, metadata; search_knowledge shows passages."""
    base, content = await _locate_content(ctx, content_id, knowledge_id)
    record = content_record(content, content_id)
    several = not knowledge_id and len((await ctx.catalog.inventory()).knowledge) > 1
    return replace(record, facts={"knowledge base": base.name or base.id, **record.facts}) if several else record


async def add_knowledge(
    ctx: ToolContext,
    text: Text = "",
    url: Annotated[LongName, Field(description="AgentOS fetches it")] = "",
    file: Annotated[str, MaxCharacters(MAX_FILES_LENGTH), Field(description="Path or data: URL")] = "",
    name: str = "",
    description: LongName = "",
    metadata: JsonObject = None,
    reader_id: OfConfig = "",
    chunker: OfConfig = "",
    chunk_size: Annotated[int, Field(ge=0, description="Characters")] = 0,
    knowledge_id: KnowledgeId = "",
) -> Message:
    """Put a text, URL or file into a knowledge base, and wait until it is read."""
    base = await ctx.knowledge_base(knowledge_id)
    upload = await build_upload(ctx, text=text, url=url, file=file, name=name)
    form = {**upload.form, **metadata_fields(description, metadata)}
    form |= await reader_fields(ctx, base, reader_id, chunker, chunk_size)
    contents = await ctx.look(contents_of(ctx, base), {})
    query = {"knowledge_id": base.id}
    accepted = await ctx.send("POST", "/knowledge/content", query=query, form=form, files=upload.files)
    content_id = str(accepted.get("id") or "")
    earlier = contents.get(content_id, {})
    if earlier.get("status") == "completed":
        # It goes by the name: other words under the same name are dropped, and called completed.
        raise InvalidRequest(
            f"'{one_line(upload.name, max_length=80)}' is there already (content {display_id(content_id)}): "
            "AgentOS keeps what it has read.",
            hint(
                "If it has changed, call {delete} and add it again;",
                delete=Action.of("delete_knowledge"),
                otherwise="If it has changed, delete it and add it again;",
            )
            + hint("if it is something else, give another {name}.", name=Parameter("name")),
        )
    content = await wait_for_content(ctx, base, content_id, upload.name, earlier)
    return outcome_message(content, content_id, upload.name, "Added")


async def add_remote_knowledge(
    ctx: ToolContext,
    source_id: str,
    path: Annotated[LongName, Field(description="A file, or a folder with / at its end")],
    name: str = "",
    description: LongName = "",
    metadata: JsonObject = None,
    source_params: Annotated[JsonObject, Field(description='GitHub: {"repo": "owner/name"}')] = None,
    knowledge_id: KnowledgeId = "",
) -> Message:
    """Add a file or folder of a remote source; list_knowledge_sources shows them."""
    if not path.strip("/ "):
        raise InvalidRequest("The path is empty.", "Name a file, or a folder with / at its end.")
    base, source = await _locate_source(ctx, source_id, knowledge_id)
    remote_path, config_id = path.strip(), str(source.get("id"))
    form = {"config_id": config_id, "path": remote_path, **metadata_fields(description, metadata, name)}
    if source_params:
        form["source_params"] = json.dumps(source_params)
    earlier = await ctx.look(newest_contents(ctx, base), {})
    await ctx.send("POST", "/knowledge/remote-content", query={"knowledge_id": base.id}, form=form)
    location = f"{one_line(remote_path, max_length=80)} of {display_id(config_id)}"
    try:
        contents = await wait_for_remote_contents(ctx, base, config_id, remote_path, earlier)
    except AgentOSError as error:
        return Message(
            f"AgentOS took {location}; what has come cannot be read now: {error.message}",
            hint("Call {list} later.", list=Action.of("list_knowledge")),
        )
    if not contents:
        raise ServerFailure(
            f"Nothing has come from {location} so far.",
            as_hint("AgentOS says only in its log why: check the path.")
            + hint("{list} shows what comes later.", list=Action.of("list_knowledge")),
        )
    if len(contents) == 1:
        return outcome_message(
            contents[0], str(contents[0].get("id")), str(contents[0].get("name") or remote_path), "Added"
        )
    return outcomes_message(contents, location)


async def refresh_knowledge(ctx: ToolContext, content_id: str, knowledge_id: KnowledgeId = "") -> Message:
    """Read a website or folder again: changed pages anew, vanished ones removed."""
    base, earlier = await _locate_content(ctx, content_id, knowledge_id, in_base=True)
    name = str(earlier.get("name") or content_id)
    if earlier and not source_text(agentos_metadata(earlier)):
        raise InvalidRequest(
            f"'{one_line(name, max_length=80)}' came from no website or folder, so there is nothing to read again.",
            _REPLACE,
        )
    try:
        await ctx.send("POST", f"{_CONTENT}/refresh", {"content_id": content_id}, query={"knowledge_id": base.id})
    except InvalidRequest as error:
        raise InvalidRequest(error.message, as_hint("Only websites and folders can be refreshed.") + _REPLACE) from None
    content = await wait_for_content(ctx, base, content_id, name, earlier)
    return outcome_message(content, content_id, name, "Refreshed")


async def update_knowledge(
    ctx: ToolContext,
    content_id: str,
    name: Annotated[str, Field(max_length=255)] = "",
    description: Annotated[str, Field(max_length=1000)] = "",
    metadata: Annotated[JsonObject, Field(description="Joins what there is")] = None,
    knowledge_id: KnowledgeId = "",
) -> Message:
    """Change a content's name, description or metadata; its text stays."""
    form = metadata_fields(description, metadata, name)
    if not form:
        raise InvalidRequest("There is nothing to change.", "Give a name, a description or metadata.")
    base, earlier = await _locate_content(ctx, content_id, knowledge_id, in_base=True)
    changed = await ctx.send("PATCH", _CONTENT, {"content_id": content_id}, query={"knowledge_id": base.id}, form=form)
    rename_note = " Passages keep the old name." if name.strip() else ""
    new_name = str(changed.get("name") or name.strip() or earlier.get("name") or content_id)
    return Message(f"Changed {' and '.join(form)} of '{one_line(new_name, max_length=80)}'.{rename_note}")


async def delete_knowledge(ctx: ToolContext, content_id: str, knowledge_id: KnowledgeId = "") -> Message:
    """Delete a content and its passages for good."""
    base, content = await _locate_content(ctx, content_id, knowledge_id, in_base=True)
    await ctx.send("DELETE", _CONTENT, {"content_id": content_id}, query={"knowledge_id": base.id})
    if not content:
        return Message(f"AgentOS was told to delete content {display_id(content_id)}. {UNSEEN}")
    return Message(f"Deleted '{one_line(str(content.get('name')), max_length=80)}' (content {display_id(content_id)}).")


async def _content_details(ctx: ToolContext, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    base = await ctx.knowledge_base(str(arguments.get("knowledge_id") or ""))
    content = await _find_content(ctx, base, str(arguments["content_id"]), in_base=True)
    facts = content_record(content, str(arguments["content_id"])).facts
    shown = ("description", "type", "size", "source", "parts", "metadata", "created")
    return {
        "name": content.get("name"),
        **{name: str(facts.get(name) or "") for name in shown},
        "knowledge base": base.name,
    }


async def get_knowledge_config(ctx: ToolContext, knowledge_id: KnowledgeId = "") -> Record:
    """What a knowledge base can read and how it is searched: readers, chunkers, filters."""
    bases = await ctx.knowledge_bases(knowledge_id)

    async def read(base: KnowledgeBase) -> Record:
        return config_record(mapping(await ctx.get("/knowledge/config", knowledge_id=base.id)), base)

    answers = await read_bases(bases, read)
    if len(bases) == 1:
        return answers.by_base[0][1]
    labels = base_labels(bases)
    return Record(
        f"{len(bases)} knowledge bases",
        {
            labels[base.id]: "; ".join(f"{name}: {value}" for name, value in record.facts.items() if value)
            for base, record in answers.by_base
        },
        footer=" ".join(answers.notes(ctx.surface)),
    )


async def list_knowledge_sources(
    ctx: ToolContext,
    source_id: Annotated[str, Field(description="List its files instead")] = "",
    folder: Annotated[LongName, Field(description="Of the source")] = "",
    knowledge_id: KnowledgeId = "",
    limit: Limit = 50,
    page: Page = 1,
) -> Table:
    """Remote sources (S3, GitHub, SharePoint, ...) of a knowledge base, or the files in one."""
    if not source_id:
        bases = await ctx.knowledge_bases(knowledge_id)
        answers = await read_bases(bases, lambda base: _sources(ctx, base))
        notes, labels = " ".join(answers.notes(ctx.surface)), base_labels(bases)
        return Table(
            ("knowledge base", "id", "name", "type", "folder"),
            [
                (
                    labels[base.id] if len(bases) > 1 else "",
                    source.get("id"),
                    source.get("name"),
                    source.get("type"),
                    source.get("prefix"),
                )
                for base, sources in answers.by_base
                for source in sources
            ],
            empty=as_hint("There are no remote sources (Knowledge(content_sources=[...])).") + notes,
            footer=notes,
        )
    base, source = await _locate_source(ctx, source_id, knowledge_id)
    answer = await _files(ctx, base, str(source.get("id")), folder.strip(), limit, page)
    rows: list[Sequence[object]] = [
        (entry.get("prefix"), "folder", "", "") for entry in read_page(answer.get("folders"))
    ]
    rows += [
        (
            file.get("key"),
            file.get("content_type"),
            size_of(file.get("size")),
            time_value(file.get("last_modified")),
        )
        for file in read_page(answer.get("files"))
    ]
    return Table(
        ("path", "type", "size", "updated"),
        rows,
        empty="Nothing is there.",
        meta=mapping(answer.get("meta")),
        footer=hint("{add} takes one of these paths.", add=Action.of("add_remote_knowledge")),
    )


async def _check_search_type(ctx: ToolContext, base: KnowledgeBase, search_type: str) -> None:
    """AgentOS searches in another way, without a word, where its vector database has no such search."""
    types = search_types(mapping(await ctx.get("/knowledge/config", knowledge_id=base.id)))
    if types and search_type not in types:
        raise InvalidRequest(
            f"This knowledge base has no {search_type} search.",
            hint("Leave {name} out, or use: {types}.", name=Parameter("search_type"), types=", ".join(types)),
        )


def _cut(words: str, max_length: int) -> str:
    return f"{words[:max_length]}…" if len(words) > max_length else words


def _passage_text(number: int, passage: Mapping[str, Any], base: KnowledgeBase | None) -> str:
    """`base` is named where there are several."""
    score = passage.get("reranking_score")
    details = [f"in {base_label(base)}"] if base is not None else []
    details += [f"score {score:.2f}"] if isinstance(score, int | float) and not isinstance(score, bool) else []
    about = f" ({', '.join(details)})" if details else ""
    return f"{number}. {one_line(str(passage.get('name') or 'unnamed'))}{about}\n{fenced(passage['content'])}"


async def _locate_content(
    ctx: ToolContext, content_id: str, knowledge_id: str, *, in_base: bool = False
) -> tuple[KnowledgeBase, Content]:
    """A content and its knowledge base: the one that is named, else the one that has it. `in_base` as below.

    Raises InvalidRequest where several have it.
    """
    bases = await ctx.knowledge_bases(knowledge_id)
    if len(bases) == 1:
        return bases[0], await _find_content(ctx, bases[0], content_id, in_base=in_base)

    async def find(base: KnowledgeBase) -> Content | None:
        try:
            return await _find_content(ctx, base, content_id, in_base=True)
        except NotFound:
            return None

    answers = await read_bases(bases, find)
    found = [(base, content) for base, content in answers.by_base if content is not None]
    if len(found) > 1:
        raise InvalidRequest(
            f"Several knowledge bases have a content '{display_id(content_id)}'.",
            name_knowledge_bases([base for base, _ in found]),
        )
    if not found:
        answers.raise_first_error()
        raise _no_content(content_id)
    return found[0]


async def _locate_source(
    ctx: ToolContext, source_id: str, knowledge_id: str
) -> tuple[KnowledgeBase, Mapping[str, Any]]:
    """A remote source and its knowledge base: the one that is named, else the only one that has it."""
    bases = await ctx.knowledge_bases(knowledge_id)
    if len(bases) == 1:
        sources = await ctx.look(_sources(ctx, bases[0]), None)
        return bases[0], _pick_source(sources, source_id) if sources is not None else {"id": source_id.strip()}
    answers = await read_bases(bases, lambda base: _sources(ctx, base))
    owners = [
        (base, source) for base, sources in answers.by_base for source in sources if _is_source(source, source_id)
    ]
    if len(owners) > 1:
        raise InvalidRequest(
            f"Several knowledge bases have a source '{one_line(source_id, max_length=60)}'.",
            name_knowledge_bases([base for base, _ in owners]),
        )
    if not owners:
        answers.raise_first_error()
        _pick_source([source for _, sources in answers.by_base for source in sources], source_id)
    return owners[0]


def _no_content(content_id: str) -> NotFound:
    return NotFound(
        f"There is no content '{display_id(content_id)}'.", hint("See {list}.", list=Action.of("list_knowledge"))
    )


async def _find_content(ctx: ToolContext, base: KnowledgeBase, content_id: str, *, in_base: bool = False) -> Content:
    """A content, {} where the token may not read it. `in_base`: it has to be in this knowledge base itself.

    AgentOS takes one that lies in another base of the same database, and leaves its passages there for ever.
    """
    try:
        read = ctx.get(_CONTENT, {"content_id": content_id}, knowledge_id=base.id)
        content = mapping(await (ctx.look(read, {}) if in_base else read))
    except NotFound:
        raise _no_content(content_id) from None
    bases = (await ctx.catalog.inventory()).knowledge
    neighbors = [neighbor for neighbor in bases if neighbor.db_id == base.db_id and neighbor.id != base.id]
    if in_base and neighbors and content_id not in await contents_of(ctx, base):
        raise NotFound(
            f"The content '{display_id(content_id)}' is not in the knowledge base {one_line(base.name)}.",
            hint(
                "Use {knowledge_id} with one of: {ids}.",
                knowledge_id=Parameter("knowledge_id"),
                ids=", ".join(display_id(neighbor.id) for neighbor in neighbors),
            ),
        )
    return content


async def _sources(ctx: ToolContext, base: KnowledgeBase) -> Sequence[Mapping[str, Any]]:
    return read_page(await ctx.get("/knowledge/{knowledge_id}/sources", {"knowledge_id": base.id})).rows


def _is_source(source: Mapping[str, Any], query: str) -> bool:
    return query == source.get("id") or query.casefold() == str(source.get("name")).casefold()


def _pick_source(sources: Sequence[Mapping[str, Any]], query: str) -> Mapping[str, Any]:
    for source in sources:
        if _is_source(source, query):
            return source
    ids = ", ".join(display_id(str(source.get("id"))) for source in sources)
    raise NotFound(
        f"There is no source '{one_line(query, max_length=60)}'.",
        f"Use one of: {ids}." if ids else "It has none (Knowledge(content_sources=[...])).",
    )


async def _files(
    ctx: ToolContext, base: KnowledgeBase, source_id: str, folder: str, limit: int, page: int
) -> Mapping[str, Any]:
    values = {"knowledge_id": base.id, "source_id": source_id}
    try:
        return mapping(
            await ctx.get(
                "/knowledge/{knowledge_id}/sources/{source_id}/files", values, prefix=folder, limit=limit, page=page
            )
        )
    except InvalidRequest as error:
        raise InvalidRequest(
            error.message, hint("{add} takes its paths all the same.", add=Action.of("add_remote_knowledge"))
        ) from None
    except Unauthorized:
        # AgentOS passes the source's own refusal on; ours it took a moment ago.
        raise ServerFailure(
            f"The source {display_id(source_id)} refuses AgentOS's credentials for it.", "Set them where AgentOS runs."
        ) from None


TOOLSET = Toolset(
    "knowledge",
    hint("{search} looks things up in AgentOS's own documents.", search=Action.of("search_knowledge"))
    + hint("{list} says what they are.", list=Action.of("list_knowledge")),
    read(search_knowledge, "POST /knowledge/search", default=True),
    read(list_knowledge, "GET /knowledge/content", default=True),
    read(get_knowledge, "GET /knowledge/content/{content_id}"),
    write(add_knowledge, "POST /knowledge/content", open_world=True),
    write(add_remote_knowledge, "POST /knowledge/remote-content", open_world=True),
    write(refresh_knowledge, "POST /knowledge/content/{content_id}/refresh", idempotent=True, open_world=True),
    write(update_knowledge, "PATCH /knowledge/content/{content_id}", idempotent=True),
    destructive(delete_knowledge, "DELETE /knowledge/content/{content_id}", details=_content_details),
    read(get_knowledge_config, "GET /knowledge/config"),
    read(list_knowledge_sources, "GET /knowledge/{knowledge_id}/sources"),
    needs=KNOWLEDGE,
)
