"""Adding contents to a knowledge base: the request, and polling for its outcome.

AgentOS answers at once and reads later.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio

from agentos_mcp.agentos.catalog import KnowledgeBase, display_id
from agentos_mcp.agentos.client import MultipartParts
from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, NotFound, ServerFailure
from agentos_mcp.agentos.hints import Action, as_hint, hint
from agentos_mcp.agentos.inputs.attachments import MiB, document
from agentos_mcp.agentos.json_values import mapping, texts
from agentos_mcp.runs.timeouts import call_wait
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.markdown import one_line
from agentos_mcp.tools.knowledge.content import AGENTOS_METADATA, UNKNOWN_OUTCOME, Content, agentos_metadata, is_settled

Result = TypeVar("Result")

_MAX_FILE_BYTES = 50 * MiB
_MAX_FIELD_BYTES = 300_000
"""Bytes of text; AgentOS takes 1 MiB of a form's field, counted as it is encoded."""

_PAGE_SIZE = 1000
_MAX_PAGES = 50
_NEWEST_PAGE_SIZE = 100

_FIRST_POLL_SECONDS = 0.15
_MAX_POLL_SECONDS = 3.0
_STALE_STATUS_SECONDS = 2.0
"""Seconds after which a status is no longer taken for the one from before."""
_DROPPED_SECONDS = 10.0
"""Seconds after which AgentOS has dropped what it took without keeping a record of it."""


@dataclass(frozen=True)
class Upload:
    """What goes to AgentOS: its name, the fields of a form, its files."""

    name: str
    form: Mapping[str, str] = field(default_factory=dict)
    files: MultipartParts | None = None


async def build_upload(ctx: ToolContext, *, text: str, url: str, file: str, name: str) -> Upload:
    """The one thing of text, url and file that is given. Raises InvalidRequest where it cannot be sent."""
    sources = [source for source, value in (("text", text), ("url", url), ("file", file)) if value.strip()]
    if len(sources) != 1:
        raise InvalidRequest(
            f"{' and '.join(sources)} are given together." if sources else "There is nothing to add.",
            "Give exactly one of text, url and file.",
        )
    name = name.strip()
    if text.strip():
        return _text_upload(text, name or one_line(text, max_length=60))
    link = (url or file).strip()
    if url.strip() or link.partition(":")[0].casefold() in {"http", "https"}:
        return _url_upload(link, name)
    attachment = await document(file, allowed=ctx.settings.allow_files, limit=_MAX_FILE_BYTES)
    file_part = ("file", (attachment.name, attachment.content, attachment.mime))
    return Upload(name or attachment.name, {"name": name} if name else {}, [file_part])


def _text_upload(text: str, name: str) -> Upload:
    content = text.encode("utf-8", "replace")
    if len(content) <= _MAX_FIELD_BYTES:
        return Upload(name, {"name": name, "text_content": text})
    return Upload(name, {"name": name}, [("file", (f"{name}.txt", content, "text/plain"))])


def _url_upload(url: str, name: str) -> Upload:
    scheme, _, rest = url.partition("://")
    if scheme.casefold() not in {"http", "https"} or not rest.strip("/") or url.split() != [url]:
        raise InvalidRequest(f"'{one_line(url, max_length=120)}' is not a valid URL.", "Give a whole http(s) URL.")
    return Upload(name or url, {"name": name, "url": url} if name else {"url": url})


def metadata_fields(description: str, metadata: Mapping[str, Any] | None, name: str = "") -> dict[str, str]:
    """The fields that describe a content."""
    if metadata and AGENTOS_METADATA in metadata:
        raise InvalidRequest(f"The metadata key {AGENTOS_METADATA} is AgentOS's own.", "Use another key.")
    fields = {"name": name.strip(), "description": description.strip()}
    filled = {key: value for key, value in fields.items() if value}
    return filled | ({"metadata": json.dumps(metadata, ensure_ascii=False)} if metadata else {})


async def reader_fields(
    ctx: ToolContext, base: KnowledgeBase, reader_id: str, chunker: str, chunk_size: int
) -> dict[str, str]:
    """The fields that say how it is read. AgentOS drops in silence what it does not know of them."""
    options = {"reader_id": reader_id, "chunker": chunker, "chunk_size": chunk_size}
    last_option = next((name for name in reversed(options) if options[name]), "")
    if not last_option:
        return {}
    # Each works only with those before it.
    required = list(options)[: list(options).index(last_option)]
    if missing := " and ".join(name for name in required if not options[name]):
        raise InvalidRequest(
            f"AgentOS ignores {last_option} without {missing}.",
            as_hint(f"Give {missing}.") + hint("{config} has them.", config=Action.of("get_knowledge_config")),
        )
    config = mapping(await ctx.get("/knowledge/config", knowledge_id=base.id))
    readers = mapping(config.get("readers"))
    if reader_id not in readers:
        unavailable = mapping(mapping(config.get("unavailable_readers")).get(reader_id))
        raise InvalidRequest(
            one_line(str(unavailable.get("reason") or f"There is no reader '{one_line(reader_id, max_length=60)}'.")),
            f"Use one of: {', '.join(map(display_id, readers))}; or leave it out, and AgentOS chooses.",
        )
    chunkers = texts(mapping(readers[reader_id]).get("chunkers"))
    if chunker and chunker not in chunkers:
        raise InvalidRequest(
            f"The reader {display_id(reader_id)} has no chunker '{one_line(chunker, max_length=60)}'.",
            f"Use one of: {', '.join(map(display_id, chunkers))}.",
        )
    fields = {"reader_id": reader_id, "chunker": chunker, "chunk_size": str(chunk_size or "")}
    return {name: value for name, value in fields.items() if value}


async def contents_of(ctx: ToolContext, base: KnowledgeBase) -> dict[str, Content]:
    """Everything in a knowledge base, by id."""
    contents: dict[str, Content] = {}
    for page_number in range(1, _MAX_PAGES + 1):
        page = await ctx.page("/knowledge/content", knowledge_id=base.id, limit=_PAGE_SIZE, page=page_number)
        contents |= {str(content.get("id")): content for content in page}
        if len(page) < _PAGE_SIZE:
            break
    return contents


async def newest_contents(
    ctx: ToolContext, base: KnowledgeBase, earlier: Mapping[tuple[str, str], Content] | None = None
) -> dict[tuple[str, str], Content]:
    """The latest contents, by id and time: what is added again has another time.

    With the `earlier` ones, all that are newer, however many have come.
    """
    contents: dict[tuple[str, str], Content] = {}
    # By default AgentOS sorts by when a content first came, and one that is added again stays far behind.
    query = {"knowledge_id": base.id, "sort_by": "updated_at", "sort_order": "desc"}
    for page_number in range(1, _MAX_PAGES + 1):
        page = await ctx.page("/knowledge/content", **query, limit=_NEWEST_PAGE_SIZE, page=page_number)
        page_contents = {(str(content.get("id")), str(content.get("updated_at"))): content for content in page}
        contents |= page_contents
        if earlier is None or len(page) < _NEWEST_PAGE_SIZE or not earlier.keys().isdisjoint(page_contents):
            break
    return contents


async def wait_for_content(
    ctx: ToolContext, base: KnowledgeBase, content_id: str, name: str, earlier: Content
) -> Content:
    """The content once AgentOS is done with it, or as it stands when the wait is over.

    `earlier` is what it was before. Raises ServerFailure where AgentOS keeps no record of it.
    """

    async def poll(waited: float) -> tuple[Content, bool]:
        try:
            query = {"knowledge_id": base.id}
            content = mapping(await ctx.get("/knowledge/content/{content_id}", {"content_id": content_id}, **query))
        except NotFound:
            if waited > _DROPPED_SECONDS:
                raise ServerFailure(
                    f"AgentOS took '{one_line(name, max_length=80)}' and dropped it without a record.",
                    "Its own log says why.",
                ) from None
            return {"status": "processing"}, False
        except AgentOSError as error:
            # It has been taken: that this cannot be seen is no reason to call it a failure, or to add it again.
            return {"status": UNKNOWN_OUTCOME, "status_message": error.message}, True
        changed = content.get("updated_at") != earlier.get("updated_at") or waited > _STALE_STATUS_SECONDS
        return content, changed and is_settled(content)

    return await _poll(ctx, name, poll)


async def wait_for_remote_contents(
    ctx: ToolContext, base: KnowledgeBase, source_id: str, name: str, earlier: Mapping[tuple[str, str], Content]
) -> Sequence[Content]:
    """What has come in from a remote source since `earlier`, once nothing more seems to come.

    Their ids are not those that AgentOS announces, and a path that is not there leaves no trace.
    """
    previous_ids: set[str] = set()

    async def poll(waited: float) -> tuple[Sequence[Content], bool]:
        nonlocal previous_ids
        contents = [
            content
            for key, content in (await newest_contents(ctx, base, earlier)).items()
            if key not in earlier and agentos_metadata(content).get("source_config_id") == source_id
        ]
        ids = {str(content.get("id")) for content in contents}
        is_complete = bool(contents) and ids == previous_ids and all(map(is_settled, contents))
        previous_ids = ids
        return contents, is_complete or (not contents and waited > _DROPPED_SECONDS)

    return await _poll(ctx, name, poll)


async def _poll(ctx: ToolContext, name: str, poll: Callable[[float], Awaitable[tuple[Result, bool]]]) -> Result:
    """Call `poll` with the seconds waited until it is done or the wait is over, reporting progress."""
    start = anyio.current_time()
    timeout = call_wait(ctx).seconds
    pause = _FIRST_POLL_SECONDS
    while True:
        await anyio.sleep(min(pause, timeout))
        waited = anyio.current_time() - start
        result, is_done = await poll(waited)
        if is_done or waited >= timeout:
            return result
        await ctx.mcp.report_progress(round(waited, 2), None, f"AgentOS reads {one_line(name, max_length=60)}")
        pause = min(pause * 1.5, _MAX_POLL_SECONDS, max(timeout - waited, _FIRST_POLL_SECONDS))
