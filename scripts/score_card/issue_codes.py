"""Snyk's agent-scan: its published issue codes for MCP servers, as far as words decide them.

From `docs/issue-codes.md` of github.com/snyk/agent-scan. Not decided here: W003 to W006 (its own registry, and whether
it could start the server), and W015 to W020, which name abilities rather than faults: this server passes on what an
AgentOS says (untrusted content), reads its conversations, and can delete what it keeps, each behind its toolset.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from scripts.score_card.criterion import Criterion, criterion
from scripts.score_card.hostile_text import matches
from scripts.score_card.server_listing import ServerListing

AGENT_SCAN = "agent-scan"
MAX_ENTITIES = 99
FIELDS = frozenset({"duration_ms"})
"""Names in descriptions that are fields of AgentOS's."""

_SUSPICIOUS = re.compile(
    r"\b(important|crucial|critical|vital|urgent|ignore|disregard|override|bypass)\w*", re.IGNORECASE
)
_DIRECTIVE = re.compile(
    r"\b(always|must|have to|required to)\s+(?:first\s+)?(call|use|run|invoke|consult)\b"
    r"|\bbefore\s+(?:any|every|each)\s+(?:other\s+)?(?:tool|call|answer)"
    r"|\b(?:do not|don't|never)\s+(?:tell|mention|show|inform|ask)\b"
    r"|\binstead of any other\b",
    re.IGNORECASE,
)
_TOOL_LIKE = re.compile(r"(?<![\w.`\"'{/])([a-z]+_[a-z_]+[a-z])(?![\w}])")
_SERVER_TOOL = re.compile(r"\bmcp__\w+|\b\w+ (?:MCP )?server's (?:tool|\w+_\w+)", re.IGNORECASE)


def criteria(listing: ServerListing) -> Iterator[Criterion]:
    """One for each code."""
    texts = list(listing.texts())
    injections = (f"{name}: {rule}" for name, text in texts for rule in matches(text))
    yield criterion(AGENT_SCAN, "E001 no prompt injection in a description", injections)
    yield criterion(AGENT_SCAN, "E002 no tool of another server is named", _foreign_tools(listing))
    described = [(name, text) for name, text in texts if name != "instructions"]
    yield criterion(AGENT_SCAN, "E003 no description gives the agent orders", _found(_DIRECTIVE, described))
    yield criterion(AGENT_SCAN, "W001 no suspicious words", _found(_SUSPICIOUS, texts))
    count = len(listing.tools) + len(listing.prompts) + len(listing.resources)
    too_many = (f"{count} entities",) if count > MAX_ENTITIES else ()
    parts = f"{len(listing.tools)} tools, {len(listing.prompts)} prompts, {len(listing.resources)} resources"
    yield criterion(AGENT_SCAN, f"W002 at most {MAX_ENTITIES} tools, prompts and resources", too_many, measured=parts)
    yield criterion(AGENT_SCAN, "W021 no hidden characters", _hidden(texts))


def _found(pattern: re.Pattern[str], texts: list[tuple[str, str]]) -> Iterator[str]:
    return (f"{name}: {match[0]}" for name, text in texts for match in pattern.finditer(text))


def _foreign_tools(listing: ServerListing) -> Iterator[str]:
    """Names in descriptions that look like a tool's, and are neither a tool of ours nor a parameter."""
    own = {tool.name for tool in listing.tools}
    parameters = {name for tool in listing.tools for name in tool.input_schema.get("properties", {})}
    for tool in listing.tools:
        words = tool.description or ""
        for name in _TOOL_LIKE.findall(words):
            if name not in own | parameters | FIELDS:
                yield f"{tool.name}: {name}"
        for match in _SERVER_TOOL.finditer(words):
            yield f"{tool.name}: {match[0]}"


def _hidden(texts: list[tuple[str, str]]) -> Iterator[str]:
    for name, text in texts:
        for character in text:
            if character not in "\n\t" and unicodedata.category(character) in {"Cc", "Cf"}:
                yield f"{name}: U+{ord(character):04X}"
