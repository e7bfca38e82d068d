"""A content of a knowledge base in words: what it is, what came of it, and what its knowledge base can do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agentos_mcp.agentos.catalog import KnowledgeBase, display_id
from agentos_mcp.agentos.errors import ServerFailure
from agentos_mcp.agentos.formats import format_size, format_time
from agentos_mcp.agentos.hints import Action, hint
from agentos_mcp.agentos.json_values import mapping, number, text, values
from agentos_mcp.agentos.pagination import read_page
from agentos_mcp.tooling.markdown import one_line
from agentos_mcp.tooling.results import Message, Record

Content = Mapping[str, Any]
"""A content, as AgentOS shows it."""

OWN = "_agno"
"""Where AgentOS keeps its own notes in a content's metadata."""


UNREAD = "unread"
"""Our own status for a content that AgentOS took and that could not be looked at afterwards."""


def notes(content: Content) -> Mapping[str, Any]:
    """AgentOS's own notes on a content: where it came from, what belongs to it."""
    return mapping(mapping(content.get("metadata")).get(OWN))


def is_settled(content: Content) -> bool:
    return text(content.get("status")) in {"completed", "partial", "failed"}


def content_record(content: Content, content_id: str) -> Record:
    """One content with all that is known of it."""
    own = notes(content)
    children = own.get("children")
    metadata = {key: value for key, value in mapping(content.get("metadata")).items() if key != OWN}
    return Record(
        str(content.get("name") or content_id),
        {
            "id": content.get("id"),
            "status": content.get("status"),
            "message": content.get("status_message"),
            "description": content.get("description"),
            "type": content_type(content),
            "size": size(content.get("size")),
            "source": source_of(own),
            "parts": f"{len(children)} contents of their own" if isinstance(children, list) and children else "",
            "part of": own.get("parent_id"),
            "linked to": content.get("linked_to"),
            "metadata": ", ".join(f"{key}={_plain(value)}" for key, value in metadata.items()),
            "created": format_time(content.get("created_at")),
            "updated": format_time(content.get("updated_at")),
        },
    )


def outcome(content: Content, content_id: str, name: str, done: str) -> Message:
    """What came of a content, in words; `done` is the verb for success. Raises ServerFailure where it failed."""
    shown = f"'{one_line(name, max_length=80)}' (content {display_id(content_id)})"
    message = one_line(str(content.get("status_message") or ""), max_length=1000).rstrip(".")
    later = hint(
        "Call {get} later to see how it went.", get=Action.of("get_knowledge", content_id=display_id(content_id))
    )
    match content.get("status"):
        case "completed":
            return Message(
                f"{done} {shown}{f': {message}' if message else ''}.",
                hint("{search} finds it.", search=Action.of("search_knowledge")),
            )
        case "partial":
            return Message(f"{done} {shown} in part: {message or 'some of it could not be read'}.")
        case _ if content.get("status") == UNREAD:
            return Message(f"AgentOS took {shown}; what came of it cannot be read now: {message}.", later)
        case "failed":
            raise ServerFailure(
                f"AgentOS could not read {shown}: {message or 'it does not say why'}.",
                hint(
                    "It stays listed as failed: add it again once that is fixed, or call {delete}.",
                    delete=Action.of("delete_knowledge", content_id=display_id(content_id)),
                    otherwise="It stays listed as failed: add it again once that is fixed.",
                )
                + hint("{config} says what can be read here.", config=Action.of("get_knowledge_config")),
            )
        case _:
            return Message(f"{shown} is still being read.", later)


def outcomes(found: Sequence[Content], where: str) -> Message:
    """What came of several contents. Raises ServerFailure where none of them was read."""
    counts: dict[str, int] = {}
    for content in found:
        status = str(content.get("status"))
        counts[status] = counts.get(status, 0) + 1
    told = f"{len(found)} files came from {where}: {', '.join(f'{n} {status}' for status, n in counts.items())}."
    lines = [
        f"- {one_line(str(c.get('name')), max_length=80)}: {one_line(str(c.get('status_message') or c.get('status')))}"
        for c in found
        if text(c.get("status")) in {"failed", "partial"}
    ]
    if set(counts) == {"failed"}:
        raise ServerFailure("\n".join([told, *lines[:10]]))
    return Message("\n".join([told, *lines[:10]]), hint("{list} shows them.", list=Action.of("list_knowledge")))


def config_record(config: Mapping[str, Any], base: KnowledgeBase) -> Record:
    """What a knowledge base can read, and how it is searched."""
    databases = read_page(config.get("vector_dbs"))
    missing = {**mapping(config.get("unavailable_readers")), **mapping(config.get("unavailable_chunkers"))}
    return Record(
        base.name or base.id,
        {
            "knowledge_id": base.id,
            "readers": _each(mapping(config.get("readers")), "content_types"),
            "chunkers": ", ".join(mapping(config.get("chunkers"))),
            "not installed": _each(missing, "missing_packages"),
            "searched by": ", ".join(map(str, search_types(config))),
            "filters": ", ".join(str(name) for name in values(config.get("filters")) if name != OWN),
            "vector database": ", ".join(str(db.get("name") or db.get("id")) for db in databases),
            "sources": ", ".join(
                f"{source.get('id')} ({source.get('type')})"
                for source in read_page(config.get("remote_content_sources"))
            ),
        },
    )


def search_types(config: Mapping[str, Any]) -> list[str]:
    return [
        str(one) for database in read_page(config.get("vector_dbs")) for one in values(database.get("search_types"))
    ]


def content_type(content: Content) -> str:
    """ "manual" is AgentOS's word for a text that somebody gave it."""
    kind = str(content.get("type") or "")
    return "text" if kind in {"manual", "Text"} else kind


def source_of(own: Mapping[str, Any]) -> str:
    """Where a content came from: a URL, a path, or a file of a remote source."""
    for key in ("source_url", "source_path"):
        if own.get(key):
            return str(own[key])
    if own.get("source_config_id"):
        return f"{own.get('source_config_name') or own['source_config_id']} ({own.get('source_type')})"
    return ""


def size(count: object) -> str:
    """In words; '' where AgentOS does not know."""
    try:
        amount = number(float(str(count)))
    except ValueError:
        return ""
    return format_size(amount) if amount >= 1 else ""


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _each(things: Mapping[str, Any], detail: str) -> str:
    """ "pdf (.pdf), text (.txt)"."""
    told = ((name, ", ".join(map(str, values(mapping(about).get(detail))))) for name, about in things.items())
    return ", ".join(f"{name} ({one_line(what, max_length=60)})" if what else name for name, what in told)
