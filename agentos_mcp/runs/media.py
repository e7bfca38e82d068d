"""Turns the images and audio of a run's answer into MCP content; other media are named in text."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_types import AudioContent, ContentBlock, ImageContent, TextContent

from agentos_mcp.agentos.formats import format_size
from agentos_mcp.agentos.json_values import objects
from agentos_mcp.agentos.plain_text import as_json
from agentos_mcp.agentos.runs.payload import MEDIA_KEYS
from agentos_mcp.tooling.markdown import one_line

_NOUNS = {"images": "image", "audio": "audio", "response_audio": "audio", "videos": "video", "files": "file"}
_FORMATS = {"jpg": "jpeg", "mp3": "mpeg"}
_MAX_DEPTH = 8
_MAX_MEDIA = 20
"""How many are shown or named."""
_MAX_LINE_LENGTH = 200


def media_blocks(output: Mapping[str, Any], *, limit: int = 700_000) -> list[ContentBlock]:
    """The media of a run (its stored JSON or its last event), in AgentOS's order, images first.

    `limit` is in characters of base64 for all of them together. Links, films, documents and what is
    too large become lines of text; AgentOS has them.
    """
    blocks: list[ContentBlock] = []
    lines: list[str] = []
    remaining = limit
    left_out = 0
    for key, medium in _media(output):
        if len(blocks) + len(lines) >= _MAX_MEDIA:
            left_out += 1
            continue
        noun = _NOUNS[key]
        content = medium.get("content")
        mime = _mime(medium, noun)
        if key in {"videos", "files"} or not isinstance(content, str) or not mime:
            lines.append(_describe(noun, medium))
        elif len(content) > remaining:
            lines.append(f"{_describe(noun, medium)}, too large to be shown here")
        elif not _is_base64(content):
            lines.append(_describe(noun, medium))
        else:
            remaining -= len(content)
            blocks.append(
                ImageContent(type="image", data=content, mime_type=mime)
                if noun == "image"
                else AudioContent(type="audio", data=content, mime_type=mime)
            )
            if medium.get("transcript"):
                lines.append(
                    f"the audio says: {as_json(one_line(str(medium['transcript']), max_length=_MAX_LINE_LENGTH))}"
                )
    if left_out:
        lines.append(f"and {left_out:,} more; AgentOS has them")
    if lines:
        blocks.append(TextContent(type="text", text="\n".join(lines)))
    return blocks


def _media(output: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every medium once; those of its steps where the run itself names none."""
    seen: set[str] = set()
    sources = [output] if any(output.get(key) for key in MEDIA_KEYS) else list(_steps(output, 0))
    for key in MEDIA_KEYS:
        for source in sources:
            value = source.get(key)
            for medium in value if isinstance(value, list) else [value]:
                if not isinstance(medium, Mapping):
                    continue
                identity = str(medium.get("id") or medium.get("url") or medium.get("content") or "")
                if identity not in seen:
                    seen.add(identity)
                    yield key, medium


def _steps(output: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    for name in ("step_results", "steps"):
        for step in objects(output.get(name)) if depth < _MAX_DEPTH else ():
            yield step
            yield from _steps(step, depth + 1)


def _mime(medium: Mapping[str, Any], noun: str) -> str:
    """The MIME type that a client can show; '' where there is none ("pcm16")."""
    declared = str(medium.get("mime_type") or "").casefold()
    if declared:
        return declared if declared.startswith(f"{noun}/") else ""
    format_name = str(medium.get("format") or "").casefold()
    format_name = _FORMATS.get(format_name, format_name)
    if not format_name:
        format_name = {"image": "png", "audio": "wav"}.get(noun, "")
    return f"{noun}/{format_name}" if format_name and format_name.isalnum() else ""


def _is_base64(content: str) -> bool:
    try:
        return bool(b64decode(content, validate=True))
    except (binascii.Error, ValueError):
        return False


def _describe(noun: str, medium: Mapping[str, Any]) -> str:
    """ "video https://…", "file table.csv (text/csv, 9 bytes)", on one line."""
    name = medium.get("filename") or medium.get("name") or medium.get("alt_text") or ""
    content = medium.get("content")
    size = ""
    if isinstance(content, str):
        # A text's own content is stored as it is, everything else as base64.
        is_text = str(medium.get("mime_type") or "").startswith("text/")
        size = format_size(len(content.encode()) if is_text else len(content) * 3 // 4)
    details = ", ".join(part for part in (str(medium.get("mime_type") or ""), size) if part)
    parts = (noun, str(name), f"({details})" if details else "", str(medium.get("url") or ""))
    return one_line(" ".join(word for word in parts if word), max_length=_MAX_LINE_LENGTH)
