"""The JSON Schema of the document that `doctor --json` prints."""

from __future__ import annotations

from typing import Any

_TEXT_OR_NULL = {"type": ["string", "null"]}
_FIX_STEP = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "description": "The step as it is printed."},
        "instruction": {"type": "string", "description": "What to do, in words; may be empty."},
        "command": {"type": "array", "items": {"type": "string"}, "description": "The command line to run."},
        "set": {"type": "object", "additionalProperties": {"type": "string"}, "description": "Variables to set."},
        "unset": {"type": "array", "items": {"type": "string"}, "description": "Variables to remove."},
    },
    "required": ["text", "instruction"],
    "additionalProperties": False,
}
_FINDING = {
    "type": "object",
    "properties": {
        "status": {"enum": ["good", "warning", "bad"]},
        "subject": {"type": "string", "description": "What was checked: URL, Token, a client's title, ..."},
        "client": {**_TEXT_OR_NULL, "description": "The client's name in install commands."},
        "entry": {**_TEXT_OR_NULL, "description": "The entry's name in the client's file."},
        "url": {**_TEXT_OR_NULL, "description": "Where the AgentOS is, or was expected."},
        "agentos": {**_TEXT_OR_NULL, "description": "What the AgentOS that answered calls itself."},
        "message": {"type": "string"},
        "details": {"type": "array", "items": {"type": "string"}, "description": "Lines of another program."},
        "fix": {"type": "array", "items": _FIX_STEP},
        "automatic": {"type": "boolean", "description": "Whether --fix does it."},
    },
    "required": [
        "status",
        "subject",
        "client",
        "entry",
        "url",
        "agentos",
        "message",
        "details",
        "fix",
        "automatic",
    ],
    "additionalProperties": False,
}
_FIXED = {
    "type": "object",
    "properties": {
        "change": {"type": "string", "description": "What was to be changed, one line."},
        "done": {"type": "boolean"},
        "output": {"type": "string", "description": "What the change printed."},
    },
    "required": ["change", "done", "output"],
    "additionalProperties": False,
}
DOCUMENT_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "agentos-mcp doctor --json",
    "type": "object",
    "properties": {
        "healthy": {"type": "boolean", "description": "Whether no finding is bad."},
        "agentos": {
            "type": "array",
            "description": "The AgentOSes that were examined; name is null where none answered.",
            "items": {
                "type": "object",
                "properties": {"url": {"type": "string"}, "name": _TEXT_OR_NULL},
                "required": ["url", "name"],
                "additionalProperties": False,
            },
        },
        "findings": {"type": "array", "items": _FINDING, "description": "After --fix: as they are then."},
        "fixed": {"type": "array", "items": _FIXED, "description": "Only with --fix: what was changed."},
    },
    "required": ["healthy", "agentos", "findings"],
    "additionalProperties": False,
}
