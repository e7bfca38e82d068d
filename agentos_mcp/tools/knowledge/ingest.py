"""How a knowledge base takes something in: what is sent, and what comes of it.

AgentOS answers at once and reads later, so what came of it is looked up until it is settled.
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
from agentos_mcp.runs.timeouts import wait_seconds
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.markdown import one_line
from agentos_mcp.tools.knowledge.content import OWN, UNREAD, Content, is_settled, notes

Result = TypeVar("Result")

_LARGEST_FILE = 50 * MiB
_LARGEST_FIELD = 300_000
"""Bytes of text; AgentOS takes 1 MiB of a form's field, counted as it is encoded."""

_ROWS = 1000
_MOST_PAGES = 50
_NEWEST = 100

_FIRST_LOOK = 0.15
_LONGEST_PAUSE = 3.0
_SURE = 2.0
"""Seconds after which a status is no longer taken for the one from before."""
_LOST = 10.0
"""Seconds after which AgentOS has dropped what it took without keeping a record of it."""


@dataclass(frozen=True)
class Upload:
    """What goes to AgentOS: its name, the fields of a form, its files."""

    name: str
    form: Mapping[str, str] = field(default_factory=dict)
    files: MultipartParts | None = None


async def delivery(ctx: ToolContext, *, text: str, url: str, file: str, name: str) -> Upload:
    """The one thing of text, url and file that is given. Raises InvalidRequest where it cannot be sent."""
    given = [what for what, value in (("text", text), ("url", url), ("file", file)) if value.strip()]
    if len(given) != 1:
        raise InvalidRequest(
            f"{' and '.join(given)} are given together." if given else "There is nothing to add.",
            "Give exactly one of text, url and file.",
        )
    name = name.strip()
    if text.strip():
        return _written(text, name or one_line(text, max_length=60))
    link = (url or file).strip()
    if url.strip() or link.partition(":")[0].casefold() in {"http", "https"}:
        return _linked(link, name)
    found = await document(file, allowed=ctx.settings.allow_files, limit=_LARGEST_FILE)
    part = ("file", (found.name, found.content, found.mime))
    return Upload(name or found.name, {"name": name} if name else {}, [part])


def _written(text: str, name: str) -> Upload:
    content = text.encode("utf-8", "replace")
    if len(content) <= _LARGEST_FIELD:
        return Upload(name, {"name": name, "text_content": text})
    return Upload(name, {"name": name}, [("file", (f"{name}.txt", content, "text/plain"))])


def _linked(url: str, name: str) -> Upload:
    scheme, _, rest = url.partition("://")
    if scheme.casefold() not in {"http", "https"} or not rest.strip("/") or url.split() != [url]:
        raise InvalidRequest(f"'{one_line(url, max_length=120)}' is no URL.", "Give a whole http(s) URL.")
    return Upload(name or url, {"name": name, "url": url} if name else {"url": url})


def labels(description: str, metadata: Mapping[str, Any] | None, name: str = "") -> dict[str, str]:
    """The fields that describe a content."""
    if metadata and OWN in metadata:
        raise InvalidRequest(f"The metadata key {OWN} is AgentOS's own.", "Use another key.")
    fields = {"name": name.strip(), "description": description.strip()}
    given = {key: value for key, value in fields.items() if value}
    return given | ({"metadata": json.dumps(metadata, ensure_ascii=False)} if metadata else {})


async def reading(
    ctx: ToolContext, base: KnowledgeBase, reader_id: str, chunker: str, chunk_size: int
) -> dict[str, str]:
    """The fields that say how it is read. AgentOS drops in silence what it does not know of them."""
    given = {"reader_id": reader_id, "chunker": chunker, "chunk_size": chunk_size}
    last = next((name for name in reversed(given) if given[name]), "")
    if not last:
        return {}
    # Each works only with those before it.
    before = list(given)[: list(given).index(last)]
    if missing := " and ".join(name for name in before if not given[name]):
        raise InvalidRequest(
            f"AgentOS ignores {last} without {missing}.",
            as_hint(f"Give {missing}.") + hint("{config} has them.", config=Action.of("get_knowledge_config")),
        )
    config = mapping(await ctx.get("/knowledge/config", knowledge_id=base.id))
    readers = mapping(config.get("readers"))
    if reader_id not in readers:
        unavailable_reason = mapping(mapping(config.get("unavailable_readers")).get(reader_id))
        raise InvalidRequest(
            one_line(
                str(unavailable_reason.get("reason") or f"There is no reader '{one_line(reader_id, max_length=60)}'.")
            ),
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
    known: dict[str, Content] = {}
    for number in range(1, _MOST_PAGES + 1):
        page = await ctx.page("/knowledge/content", knowledge_id=base.id, limit=_ROWS, page=number)
        known |= {str(content.get("id")): content for content in page}
        if len(page) < _ROWS:
            break
    return known


async def newest(
    ctx: ToolContext, base: KnowledgeBase, before: Mapping[tuple[str, str], Content] | None = None
) -> dict[tuple[str, str], Content]:
    """The latest contents, by id and time: what is taken in anew has another time.

    With what was there `before`, all that are newer, however many have come.
    """
    found: dict[tuple[str, str], Content] = {}
    # By default AgentOS sorts by when a content first came, and one that is taken in anew stays far behind.
    query = {"knowledge_id": base.id, "sort_by": "updated_at", "sort_order": "desc"}
    for number in range(1, _MOST_PAGES + 1):
        page = await ctx.page("/knowledge/content", **query, limit=_NEWEST, page=number)
        seen = {(str(content.get("id")), str(content.get("updated_at"))): content for content in page}
        found |= seen
        if before is None or len(page) < _NEWEST or not before.keys().isdisjoint(seen):
            break
    return found


async def settled(ctx: ToolContext, base: KnowledgeBase, content_id: str, name: str, before: Content) -> Content:
    """The content once AgentOS is done with it, or as it stands when the wait is over.

    `before` is what it was before this was asked for. Raises ServerFailure where AgentOS keeps no record of it.
    """

    async def look(waited: float) -> tuple[Content, bool]:
        try:
            query = {"knowledge_id": base.id}
            content = mapping(await ctx.get("/knowledge/content/{content_id}", {"content_id": content_id}, **query))
        except NotFound:
            if waited > _LOST:
                raise ServerFailure(
                    f"AgentOS took '{one_line(name, max_length=80)}' and dropped it without a record.",
                    "Its own log says why.",
                ) from None
            return {"status": "processing"}, False
        except AgentOSError as error:
            # It has been taken: that this cannot be seen is no reason to call it a failure, or to add it again.
            return {"status": UNREAD, "status_message": error.message}, True
        changed = content.get("updated_at") != before.get("updated_at") or waited > _SURE
        return content, changed and is_settled(content)

    return await _followed(ctx, name, look)


async def arrivals(
    ctx: ToolContext, base: KnowledgeBase, source_id: str, name: str, before: Mapping[tuple[str, str], Content]
) -> Sequence[Content]:
    """What has come in from a remote source since `before`, once nothing more seems to come.

    Their ids are not those that AgentOS announces, and a path that is not there leaves no trace.
    """
    earlier: set[str] = set()

    async def look(waited: float) -> tuple[Sequence[Content], bool]:
        nonlocal earlier
        found = [
            content
            for key, content in (await newest(ctx, base, before)).items()
            if key not in before and notes(content).get("source_config_id") == source_id
        ]
        ids = {str(content.get("id")) for content in found}
        complete = bool(found) and ids == earlier and all(map(is_settled, found))
        earlier = ids
        return found, complete or (not found and waited > _LOST)

    return await _followed(ctx, name, look)


async def _followed(ctx: ToolContext, name: str, look: Callable[[float], Awaitable[tuple[Result, bool]]]) -> Result:
    """Look again and again, telling progress, until it is done or the wait is over."""
    began = anyio.current_time()
    longest = wait_seconds(ctx, 0.0)
    pause = _FIRST_LOOK
    while True:
        await anyio.sleep(min(pause, longest))
        waited = anyio.current_time() - began
        found, done = await look(waited)
        if done or waited >= longest:
            return found
        await ctx.mcp.report_progress(round(waited, 2), None, f"AgentOS reads {one_line(name, max_length=60)}")
        pause = min(pause * 1.5, _LONGEST_PAUSE, max(longest - waited, _FIRST_LOOK))
