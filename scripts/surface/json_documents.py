"""What the commands print with `--json`: the generated part of docs/terminal.md, from the schemas."""

from __future__ import annotations

from collections.abc import Iterator

from agentos_mcp.terminal.json_schemas import COMMANDS, DOCUMENTS, Schema
from scripts.surface.markdown_table import table


def documents() -> str:
    """A row for each document with the commands that print it and all that it may hold."""
    printed_by = {name: [command for command, of in COMMANDS.items() if of == name] for name in DOCUMENTS}
    rows = [
        (", ".join(f"`{command}`" for command in printed_by[name]) or "an error", "; ".join(_fields(schema)))
        for name, schema in DOCUMENTS.items()
    ]
    return table(("command", "its document"), rows)


def _fields(schema: Schema) -> Iterator[str]:
    properties = {name: about for name, about in schema.get("properties", {}).items() if name != "agentos"}
    for name, about in properties.items():
        shown = f"**`{name}`**" if name in schema.get("required", ()) else f"`{name}`"
        what = _type(about)
        yield shown if what == "string" else f"{shown} ({what})"
    if schema.get("additionalProperties") is not False and (rest := schema.get("description")):
        yield rest


def _type(about: Schema) -> str:
    if about.get("type") == "array":
        items = about["items"]
        if items.get("type") == "string":
            return "strings"
        return f"each: {', '.join(_fields(items)) or _type(items)}"
    if "properties" in about:
        return ", ".join(_fields(about))
    if "enum" in about:
        return " or ".join(about["enum"])
    if about.get("format") == "date-time":
        return "time"
    if about.get("type") == ["string", "null"]:
        return "string"
    return str(about.get("description") or about.get("type") or "any")
