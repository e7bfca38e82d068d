"""The JSON schemas of what the commands print with `--json`, and which command prints what."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

Schema = Mapping[str, Any]

_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_BOOLEAN: Schema = {"type": "boolean"}
_TIME: Schema = {"type": "string", "format": "date-time", "description": "ISO 8601, UTC"}
_SECONDS: Schema = {"type": "number", "description": "seconds"}
_BYTES: Schema = {"type": "integer", "minimum": 0, "description": "bytes"}
_RUN: Schema = {
    "type": "string",
    "pattern": "^(agent|team|workflow)/[^/]+/[^/]+/[^/]+$",
    "description": "run reference",
}
_PART_KIND: Schema = {"enum": ["run", "step", "member", "tool"]}
_PART_STATUS: Schema = {"enum": ["completed", "failed", "paused", "cancelled", "running", "pending"]}
_KIND: Schema = {"enum": ["agent", "team", "workflow"]}
_OPEN: Schema = {"type": "object", "description": "AgentOS's own"}


def _object(properties: Mapping[str, Schema], optional: Collection[str] = ()) -> Schema:
    """An object of these properties, of which those are not always there."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _list(item: Schema) -> Schema:
    return _object({"items": {"type": "array", "items": item}, "note": _TEXT}, optional=("note",))


def _record(facts: Schema, **more: Schema) -> Schema:
    texts = {"type": "object", "additionalProperties": _TEXT}
    properties = {"title": _TEXT, "facts": facts, "texts": texts, "next": _TEXT, **more}
    return _object(properties, optional=("texts", "next"))


_RUN_ITEM = _object(
    {"run": _RUN, "status": _TEXT, "user": _TEXT, "started": _TIME, "input": _TEXT, "answer": _TEXT},
    optional=("user", "input", "answer"),
)
_QUESTION_FIELD = _object(
    {"name": _TEXT, "type": _TEXT, "description": _TEXT, "choices": _TEXTS, "several": _BOOLEAN, "required": _BOOLEAN}
)
_QUESTION = _object(
    {
        "key": _TEXT,
        "kind": _TEXT,
        "title": _TEXT,
        "details": _TEXT,
        "fields": {"type": "array", "items": _QUESTION_FIELD},
        "declinable": _BOOLEAN,
        "how": _TEXT,
    }
)
_STEP = _object(
    {
        "name": _TEXT,
        "outcome": {"enum": ["running", "completed", "failed", "paused"]},
        "error": _TEXT,
        "duration": _SECONDS,
    },
    optional=("error", "duration"),
)
_RUN_PROPERTIES: Mapping[str, Schema] = {
    "run": _RUN,
    "kind": _KIND,
    "component": _TEXT,
    "session": _TEXT,
    "status": {"enum": ["pending", "running", "paused", "completed", "cancelled", "error", "regenerated"]},
    "facts": _TEXTS,
    "answer": {"description": "text, or data where an output schema was given"},
    "so_far": {**_TEXT, "description": "words of a run that has not ended"},
    "error": _TEXT,
    "duration": _SECONDS,
    "tokens": _COUNT,
    "steps": {"type": "array", "items": _STEP},
    "media": _OPEN,
    "questions": {"type": "array", "items": _QUESTION},
    "text": {**_TEXT, "description": "with --explain: the explanation"},
}
_RUN_DOCUMENT: Schema = {
    "type": "object",
    "properties": _RUN_PROPERTIES,
    "required": ["run", "kind", "component", "session", "status", "facts"],
    "additionalProperties": False,
}
_COMPARED_RUN = _object(
    {
        "run": _RUN,
        "name": _TEXT,
        "status": _PART_STATUS,
        "failed_parts": _COUNT,
        "started": _TIME,
        "duration": _SECONDS,
        "tokens": _COUNT,
        "parts": {**_COUNT, "description": "steps, members and tool calls"},
    },
    optional=("started", "duration", "tokens"),
)
_VALUE: Schema = {"type": ["string", "number"], "description": "text, cut; of a duration or of tokens a number"}
_DIFFERENCE = _object(
    {
        "aspect": {
            "enum": [
                *("component", "input", "version", "model", "status", "error", "output", "missing", "added"),
                *("arguments", "executor", "duration", "tokens"),
            ]
        },
        "kind": _PART_KIND,
        "subject": {**_TEXT, "description": "name of the step, member or tool; empty for the run itself"},
        "location": {**_TEXT, "description": "name of the step or member that it lies in"},
        "a": _VALUE,
        "b": _VALUE,
    }
)
_TIMELINE_ROW = _object(
    {
        "kind": {**_TEXT, "description": "run, step, member or tool"},
        "label": _TEXT,
        "depth": _COUNT,
        "status": _PART_STATUS,
        "start": {"type": "number", "description": "seconds since the start"},
        "end": {"type": "number", "description": "seconds since the start"},
        "exact": {**_BOOLEAN, "description": "whether AgentOS tells these times, or they are reckoned"},
        "tokens": _COUNT,
        "error": _TEXT,
        "id": _TEXT,
    },
    optional=("tokens", "error", "id"),
)
_POSITION: Schema = {**_COUNT, "description": "position in differences"}
_TRACE_ITEM = _object(
    {
        "id": _TEXT,
        "name": _TEXT,
        "user": _TEXT,
        "status": _TEXT,
        "duration": _SECONDS,
        "spans": _COUNT,
        "errors": _COUNT,
        "started": _TIME,
    },
    optional=("name", "user", "status", "duration", "spans", "errors", "started"),
)

_PROFILE = _object(
    {
        "name": _TEXT,
        "url": _TEXT,
        "token_file": {"type": ["string", "null"]},
        "token_env": {"type": ["string", "null"]},
        "current": _BOOLEAN,
    }
)
_DOCUMENTS: Mapping[str, Schema] = {
    "components": _list(_object({"id": _TEXT, "name": _TEXT, "description": _TEXT}, optional=("description",))),
    "component": {
        "type": "object",
        "properties": {"kind": _KIND, "id": _TEXT, "name": _TEXT},
        "required": ["kind", "id", "name"],
        "description": "and what AgentOS says of it",
    },
    "config": _OPEN,
    "run": _RUN_DOCUMENT,
    "runs": _list(_RUN_ITEM),
    "pending": _list(
        _object(
            {
                "run": _RUN,
                "asks": _TEXTS,
                "since": _TIME,
                "user": _TEXT,
                "answered by": _TEXT,
                "approval": _TEXTS,
                "keys": _TEXTS,
            },
            optional=("run", "asks", "since", "user", "answered by", "approval", "keys"),
        )
    ),
    "comparison": _object(
        {
            "a": _COMPARED_RUN,
            "b": _COMPARED_RUN,
            "cause": _POSITION,
            "first_divergence": _POSITION,
            "differences": {"type": "array", "items": _DIFFERENCE},
            "differences_left_out": _COUNT,
            "parts_left_out": _COUNT,
            "same": _TEXTS,
        },
        optional=("cause", "first_divergence"),
    ),
    "timeline": _object(
        {
            "title": _TEXT,
            "status": _PART_STATUS,
            "started": _TIME,
            "duration": _SECONDS,
            "tokens": _COUNT,
            "rows": {"type": "array", "items": _TIMELINE_ROW},
            "rows_left_out": _COUNT,
        },
        optional=("started", "tokens"),
    ),
    "metrics": {
        "type": "object",
        "properties": {"items": {"type": "array", "items": {"type": "object"}}, "note": _TEXT},
        "required": ["items"],
        "additionalProperties": False,
    },
    "sessions": _list(
        _object(
            {"id": _TEXT, "component": _TEXT, "name": _TEXT, "user": _TEXT, "active": _TIME},
            optional=("component", "name", "user", "active"),
        )
    ),
    "session": _record(
        _object(
            {
                "session": _TEXT,
                "component": _TEXT,
                "user": _TEXT,
                "created": _TIME,
                "active": _TIME,
                "runs": _COUNT,
                "tokens": _COUNT,
            },
            optional=("component", "user", "created", "active", "tokens"),
        ),
        runs={"type": "array", "items": _RUN_ITEM},
    ),
    "memories": _list(
        _object({"id": _TEXT, "memory": _TEXT, "topics": _TEXTS, "user": _TEXT}, optional=("memory", "topics", "user"))
    ),
    "memory": _record(
        _object(
            {"id": _TEXT, "user": _TEXT, "topics": _TEXTS, "agent": _TEXT, "team": _TEXT, "updated": _TIME},
            optional=("user", "topics", "agent", "team", "updated"),
        ),
    ),
    "contents": _list(
        _object(
            {
                "knowledge base": _TEXT,
                "id": _TEXT,
                "name": _TEXT,
                "type": _TEXT,
                "status": _TEXT,
                "size": _BYTES,
                "updated": _TIME,
            },
            optional=("knowledge base", "name", "type", "status", "size", "updated"),
        )
    ),
    "passages": {
        "type": "object",
        "properties": {
            "items": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"content": _TEXT},
                    "required": ["content"],
                    "description": "and what AgentOS says of it",
                },
            },
            "note": _TEXT,
        },
        "required": ["items"],
        "additionalProperties": False,
    },
    "message": _object({"text": _TEXT, "next": _TEXT, "run": _RUN}, optional=("next", "run")),
    "traces": _list(_TRACE_ITEM),
    "trace": _record(
        _object(
            {
                "trace": _TEXT,
                "status": _TEXT,
                "started": _TIME,
                "duration": _SECONDS,
                "spans": _COUNT,
                "errors": _COUNT,
                "tokens": _object({"input": _COUNT, "output": _COUNT}),
                "run": _RUN,
                "session": _TEXT,
                "user": _TEXT,
                "other traces of this run": _TEXTS,
            },
            optional=(
                "status",
                "started",
                "duration",
                "spans",
                "errors",
                "tokens",
                "run",
                "session",
                "user",
                "other traces of this run",
            ),
        )
    ),
    "span": _record(
        {
            "type": "object",
            "properties": {
                "type": _TEXT,
                "status": _TEXT,
                "started": _TIME,
                "duration": _SECONDS,
                "error": _TEXT,
            },
            "description": "and the span's own attributes",
        }
    ),
    "view": _object(
        {
            "view": {"enum": ["run", "trace", "metrics", "inbox", "compare"]},
            "title": _TEXT,
            "state": {"enum": ["", "pending", "running", "completed", "failed", "paused", "cancelled"]},
            "file": {**_TEXT, "description": "where the page is"},
        }
    ),
    "error": _object({"error": _TEXT, "next": _TEXT}),
    "watched run": _RUN_ITEM,
    "profile": _object(
        {
            "profile": _PROFILE,
            "found": {
                **_object(
                    {"name": _TEXT, "requires_token": _BOOLEAN, "agents": _COUNT, "teams": _COUNT, "workflows": _COUNT}
                ),
                "type": ["object", "null"],
            },
            "warning": {"type": ["string", "null"]},
        }
    ),
    "profiles": _object({"current": {"type": ["string", "null"]}, "items": {"type": "array", "items": _PROFILE}}),
    "forgotten profile": _object({"forgotten": _PROFILE}),
    "installation": _object(
        {
            "ok": _BOOLEAN,
            "results": {
                "type": "array",
                "items": _object(
                    {"client": _TEXT, "mark": {"enum": ["✔", "✘", "-"]}, "message": _TEXT, "details": _TEXTS}
                ),
            },
            "notes": _TEXTS,
            "found": _BOOLEAN,
            "remembered": {"type": ["string", "null"]},
            "next": _TEXT,
        },
        optional=("remembered", "next"),
    ),
}
_AGENTOS = _object({"profile": {"type": ["string", "null"]}, "url": _TEXT})
DOCUMENTS: Mapping[str, Schema] = {
    name: {**schema, "properties": {"agentos": _AGENTOS, **schema.get("properties", {})}}
    for name, schema in _DOCUMENTS.items()
}
"""The schemas by the name of what is printed; each document names the AgentOS that it is of."""

COMMANDS: Mapping[str, str] = {
    "agents": "components",
    "agents ID": "component",
    "agents --config": "config",
    "run": "run",
    "continue": "run",
    "cancel": "run",
    "inbox": "pending",
    "runs": "runs",
    "runs --watch": "watched run",
    "chat": "run",
    "runs RUN": "run",
    "runs RUN --timeline": "timeline",
    "compare": "comparison",
    "view": "view",
    "sessions": "sessions",
    "sessions ID": "session",
    "memories": "memories",
    "memories ID": "memory",
    "knowledge search": "passages",
    "knowledge add": "message",
    "knowledge list": "contents",
    "metrics": "metrics",
    "traces": "traces",
    "traces ID": "trace",
    "traces ID --timeline": "timeline",
    "traces ID --span-id": "span",
    "use": "profiles",
    "use URL": "profile",
    "use --forget": "forgotten profile",
    "install": "installation",
}
"""What each command prints; `chat` and `--watch` print a document a line.

`teams` and `workflows` print what `agents` does, and every command an `error`. `doctor`'s is in
`doctor/document_schema.py`.
"""
