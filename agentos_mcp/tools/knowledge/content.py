"""A content of a knowledge base and the knowledge base's configuration, as records and messages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agentos_mcp.agentos.catalog import KnowledgeBase, display_id
from agentos_mcp.agentos.errors import ServerFailure
from agentos_mcp.agentos.hints import Action, hint
from agentos_mcp.agentos.json_values import mapping, number, text, values
from agentos_mcp.agentos.pagination import read_page
from agentos_mcp.tooling.markdown import one_line
from agentos_mcp.tooling.results import Message, Record
from agentos_mcp.tooling.typed_values import TypedValue, size_value, time_value

Content = Mapping[str, Any]
"""A content, as AgentOS shows it."""

AGENTOS_METADATA = "_agno"
"""Where AgentOS keeps its own notes in a content's metadata."""


UNKNOWN_OUTCOME = "unread"
"""Our own status for a content that AgentOS took and whose status could not be read afterwards."""


def agentos_metadata(content: Content) -> Mapping[str, Any]:
    """AgentOS's own notes on a content: where it came from, what belongs to it."""
    return mapping(mapping(content.get("metadata")).get(AGENTOS_METADATA))


def is_settled(content: Content) -> bool:
    return text(content.get("status")) in {"completed", "partial", "failed"}


def content_record(content: Content, content_id: str) -> Record:
    """One content with all that is known of it."""
    agentos_fields = agentos_metadata(content)
    children = agentos_fields.get("children")
    metadata = {key: value for key, value in mapping(content.get("metadata")).items() if key != AGENTOS_METADATA}
    return Record(
        str(content.get("name") or content_id),
        {
            "id": content.get("id"),
            "status": content.get("status"),
            "message": content.get("status_message"),
            "description": content.get("description"),
            "type": content_type(content),
            "size": size_of(content.get("size")),
            "source": source_text(agentos_fields),
            "parts": TypedValue(f"{len(children)} contents of their own", len(children))
            if isinstance(children, list) and children
            else "",
            "part of": agentos_fields.get("parent_id"),
            "linked to": content.get("linked_to"),
            "metadata": TypedValue(
                ", ".join(f"{key}={_metadata_text(value)}" for key, value in metadata.items()), metadata
            ),
            "created": time_value(content.get("created_at")),
            "updated": time_value(content.get("updated_at")),
        },
    )


def outcome_message(content: Content, content_id: str, name: str, verb: str) -> Message:
    """Whether a content was read; `verb` says what was done. Raises ServerFailure where it failed."""
    title = f"'{one_line(name, max_length=80)}' (content {display_id(content_id)})"
    message = one_line(str(content.get("status_message") or ""), max_length=1000).rstrip(".")
    later = hint("Call {get} later to see how it went.", get=Action.of("get_knowledge"))
    match content.get("status"):
        case "completed":
            return Message(
                f"{verb} {title}{f': {message}' if message else ''}.",
                hint("{search} finds it.", search=Action.of("search_knowledge")),
            )
        case "partial":
            return Message(f"{verb} {title} in part: {message or 'some of it could not be read'}.")
        case _ if content.get("status") == UNKNOWN_OUTCOME:
            return Message(f"AgentOS took {title}; what came of it cannot be read now: {message}.", later)
        case "failed":
            raise ServerFailure(
                f"AgentOS could not read {title}: {message or 'it does not say why'}.",
                hint(
                    "It stays listed as failed: add it again once that is fixed, or call {delete}.",
                    delete=Action.of("delete_knowledge"),
                    otherwise="It stays listed as failed: add it again once that is fixed.",
                )
                + hint("{config} says what can be read here.", config=Action.of("get_knowledge_config")),
            )
        case _:
            return Message(f"{title} is still being read.", later)


def outcomes_message(contents: Sequence[Content], where: str) -> Message:
    """How many contents were read. Raises ServerFailure where none of them was."""
    counts: dict[str, int] = {}
    for content in contents:
        status = str(content.get("status"))
        counts[status] = counts.get(status, 0) + 1
    by_status = ", ".join(f"{count} {status}" for status, count in counts.items())
    summary = f"{len(contents)} files came from {where}: {by_status}."
    lines = [
        f"- {one_line(str(content.get('name')), max_length=80)}: "
        f"{one_line(str(content.get('status_message') or content.get('status')))}"
        for content in contents
        if text(content.get("status")) in {"failed", "partial"}
    ]
    if set(counts) == {"failed"}:
        raise ServerFailure("\n".join([summary, *lines[:10]]))
    return Message("\n".join([summary, *lines[:10]]), hint("{list} shows them.", list=Action.of("list_knowledge")))


def config_record(config: Mapping[str, Any], base: KnowledgeBase) -> Record:
    """What a knowledge base can read, and how it is searched."""
    databases = read_page(config.get("vector_dbs"))
    missing = {**mapping(config.get("unavailable_readers")), **mapping(config.get("unavailable_chunkers"))}
    return Record(
        base.name or base.id,
        {
            "knowledge_id": base.id,
            "readers": _details_text(mapping(config.get("readers")), "content_types"),
            "chunkers": ", ".join(mapping(config.get("chunkers"))),
            "not installed": _details_text(missing, "missing_packages"),
            "searched by": ", ".join(map(str, search_types(config))),
            "filters": ", ".join(str(name) for name in values(config.get("filters")) if name != AGENTOS_METADATA),
            "vector database": ", ".join(str(db.get("name") or db.get("id")) for db in databases),
            "sources": ", ".join(
                f"{source.get('id')} ({source.get('type')})"
                for source in read_page(config.get("remote_content_sources"))
            ),
        },
    )


def search_types(config: Mapping[str, Any]) -> list[str]:
    return [
        str(search_type)
        for database in read_page(config.get("vector_dbs"))
        for search_type in values(database.get("search_types"))
    ]


def content_type(content: Content) -> str:
    """ "manual" is AgentOS's word for a text that somebody gave it."""
    kind = str(content.get("type") or "")
    return "text" if kind in {"manual", "Text"} else kind


def source_text(agentos_fields: Mapping[str, Any]) -> str:
    """Where a content came from: a URL, a path, or a file of a remote source."""
    for key in ("source_url", "source_path"):
        if agentos_fields.get(key):
            return str(agentos_fields[key])
    if agentos_fields.get("source_config_id"):
        name = agentos_fields.get("source_config_name") or agentos_fields["source_config_id"]
        return f"{name} ({agentos_fields.get('source_type')})"
    return ""


def size_of(count: object) -> TypedValue:
    """Nothing where AgentOS does not know."""
    try:
        byte_count = number(float(str(count)))
    except ValueError:
        byte_count = 0
    return size_value(byte_count)


def _metadata_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _details_text(entries: Mapping[str, Any], detail: str) -> str:
    """ "pdf (.pdf), text (.txt)"."""
    details = ((name, ", ".join(map(str, values(mapping(entry).get(detail))))) for name, entry in entries.items())
    return ", ".join(f"{name} ({one_line(text, max_length=60)})" if text else name for name, text in details)
