"""Glama's and Smithery's criteria for tools, as far as they can be decided without a model.

Glama: its Tool Definition Quality Score (github.com/glama-ai/tool-definition-quality-score): six dimensions a tool.
Its hard gates and signals are code and are computed here; the marks themselves are a model's. Purpose, usage and
behavior are held to rules of our own that a reader of the rubric would ask for. Smithery publishes no formula; what it
counts is known from its listings: descriptions of tools and parameters, annotations, output schemas, prompts,
resources, an icon.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from mcp_types import Tool

from scripts.score_card.criterion import Criterion, criterion
from scripts.score_card.server_listing import ServerListing

GLAMA, SMITHERY = "Glama", "Smithery"

VERBS = frozenset(
    (
        *(
            "add",
            "cancel",
            "compact",
            "compare",
            "continue",
            "count",
            "create",
            "delete",
            "disable",
            "enable",
            "explain",
        ),
        *(
            "fork",
            "get",
            "list",
            "optimize",
            "read",
            "refresh",
            "rename",
            "resolve",
            "run",
            "search",
            "trigger",
            "update",
        ),
    )
)
"""What names of tools begin with."""
READING_VERBS = frozenset({"compare", "count", "explain", "get", "list", "read", "search"})
LOSSES = re.compile(
    r"\b(for good|delete|forget|replace|merge|overwrite|removed|correct|change|approve or reject|answer)", re.IGNORECASE
)
"""By one of these the description of a destructive tool says what it takes away."""
DESTRUCTIVE_BY_ARGUMENT = frozenset({"create_schedule"})
"""Tools that take something away only where one argument says so, of which the person is asked then."""
MAX_TOOLS = 15
MAX_WORDS = 40
MAX_SIMILARITY = 0.6
"""Of the words of two descriptions, how many may be the same."""
SELF_EXPLAINING = frozenset(
    {
        "agent_id",
        "allow_other_tools",
        "approval_id",
        "content",
        "content_id",
        "decision",
        "description",
        "directory",
        "entity_id",
        "filters",
        "group_by",
        "ids",
        "input",
        "kind",
        "knowledge_id",
        "learning_id",
        "limit",
        "max_results",
        "memory",
        "memory_id",
        "message",
        "metadata",
        "name",
        "note",
        "offset",
        "order",
        "page",
        "path",
        "query",
        "resource_type",
        "search",
        "session_id",
        "session_state",
        "source_id",
        "status",
        "summary",
        "team_id",
        "text",
        "timezone",
        "topics",
        "type",
        "until",
        "user_id",
        "workflow_id",
    }
)
"""Parameters that say by their names, or by their choices, what they take."""

_BARE_VERB = re.compile(r"(compare|count|fetch|find|get|list|read|retrieve|search|show)s?\b", re.IGNORECASE)
_WORD = re.compile(r"[a-z_]{3,}")


def criteria(listing: ServerListing) -> Iterator[Criterion]:
    """All of them, for the tools of a server."""
    tools = listing.tools
    yield criterion(GLAMA, "every tool is described", (tool.name for tool in tools if not _words(tool)))
    yield criterion(GLAMA, "no description repeats the name or title", (tool.name for tool in tools if _repeats(tool)))
    yield criterion(GLAMA, "purpose: no two descriptions are alike", _similar(tools))
    yield criterion(GLAMA, "usage: what lists says what reads one, or the other way round", _unconnected(tools))
    yield criterion(GLAMA, "usage: no tool is much dearer to call than one that could replace it", shadow_pairs(tools))
    yield criterion(GLAMA, "behavior: all four annotations are declared", _without_annotations(tools))
    yield criterion(GLAMA, "behavior: names and annotations do not contradict each other", _contradictions(tools))
    yield criterion(GLAMA, "behavior: what is destructive says what it takes away", _silent_losses(tools))
    yield criterion(
        GLAMA,
        "parameters: each is described, or says by its name or choices what it takes",
        _unexplained(tools),
        measured=f"{coverage(tools)} % have a description",
    )
    yield criterion(
        GLAMA, "returns: what reads says what comes back, rather than that it reads", _silent_results(tools)
    )
    yield criterion(
        GLAMA, f"conciseness: at most {MAX_WORDS} words", (t.name for t in tools if len(_words(t).split()) > MAX_WORDS)
    )
    yield criterion(
        GLAMA, "title: is there, and is not the name", (t.name for t in tools if t.title in {None, "", t.name})
    )
    yield criterion(
        GLAMA,
        "title: is longer than the name (`titleIsMeaningful`)",
        (tool.name for tool in tools if len(tool.title or "") <= len(tool.name)),
        accepted="a title is read by people, in lists: short ones are easier to find",
    )
    yield criterion(GLAMA, "naming: verb_noun, of a known verb", (t.name for t in tools if not _is_verb_noun(t.name)))
    yield criterion(GLAMA, "completeness: what can be created can be listed and deleted", _missing_operations(tools))
    yield criterion(SMITHERY, "tools are described and annotated", (t.name for t in tools if not _is_known(t)))
    yield criterion(SMITHERY, "there are prompts", () if listing.prompts else ("no prompt",))
    yield criterion(SMITHERY, "there are resources", () if listing.resources else ("no resource",))
    server = listing.server
    yield criterion(
        SMITHERY, "the server has a title and an icon", () if server and server.title and server.icons else ("no",)
    )


def signals(tool: Tool) -> str:
    """The figures about one tool that Glama's judge is given, in a line: TDQS's context signals."""
    parameters = _parameters(tool)
    given = [
        f"{len(parameters)} parameters, {invocation_cost(tool)} of them required",
        f"{coverage([tool])} % described",
        f"{len(_words(tool).split())} words",
        *(["output schema"] if tool.output_schema else []),
        *(["annotated"] if None not in _hints(tool) else []),
    ]
    return f"{tool.name}: {', '.join(given)}"


def costs(by_default: ServerListing, structured: ServerListing) -> Iterator[Criterion]:
    """The criteria that would cost every request tokens, and what is done in their place."""
    tools = by_default.tools
    number = len(tools)
    yield criterion(
        GLAMA,
        f"tool count: 3 to {MAX_TOOLS} on by default",
        () if 3 <= number <= MAX_TOOLS else (f"{number} tools",),
        measured=f"{number} tools",
        accepted="each answers one of the requests that people make most; `--tools` offers fewer",
    )
    yield criterion(
        SMITHERY,
        "every parameter has a description",
        (
            f"{tool.name}: {name}"
            for tool in tools
            for name, about in _parameters(tool).items()
            if not about.get("description")
        ),
        measured=f"{coverage(tools)} % of those on by default",
        accepted="where names and choices say it, words would only cost tokens",
    )
    yield criterion(
        SMITHERY,
        "every tool has an output schema",
        (tool.name for tool in tools if not tool.output_schema),
        accepted="every request would pay for them; `--structured-output` adds them",
    )
    yield criterion(
        SMITHERY,
        "with `--structured-output` every tool has an output schema",
        (tool.name for tool in structured.tools if not tool.output_schema),
    )


def coverage(tools: Sequence[Tool]) -> int:
    """TDQS's `schemaDescriptionCoverage`, of all tools together: the percentage of parameters with a description."""
    parameters = [about for tool in tools for about in _parameters(tool).values()]
    return (
        round(100 * sum(bool(about.get("description")) for about in parameters) / len(parameters))
        if parameters
        else 100
    )


def invocation_cost(tool: Tool) -> int:
    """TDQS's `invocationCost` of a flat schema, which is the only kind here: what has to be filled in."""
    return len(tool.input_schema.get("required", ()))


def shadow_pairs(tools: Sequence[Tool]) -> Iterator[str]:
    """TDQS's candidates for a shadowed tool: at least twice as dear, and by four at least.

    Only what can replace it counts: it is about the same, and both read or neither does.
    """
    for dear in tools:
        for cheap in tools:
            costs = invocation_cost(cheap), invocation_cost(dear)
            is_alike = _noun(cheap.name) == _noun(dear.name) and _reads(cheap) is _reads(dear)
            if is_alike and costs[1] >= 2 * costs[0] and costs[1] - costs[0] >= 4:
                yield f"{dear.name} ({costs[1]}) by {cheap.name} ({costs[0]})"


def _words(tool: Tool) -> str:
    return (tool.description or "").strip()


def _parameters(tool: Tool) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = tool.input_schema.get("properties", {})
    return found


def _repeats(tool: Tool) -> bool:
    return _words(tool).casefold().rstrip(".") in {tool.name.casefold(), (tool.title or "").casefold()}


def _similar(tools: Sequence[Tool]) -> Iterator[str]:
    words = {tool.name: set(_WORD.findall(_words(tool).casefold())) for tool in tools}
    names = list(words)
    for number, first in enumerate(names):
        for second in names[number + 1 :]:
            both, either = words[first] & words[second], words[first] | words[second]
            if either and len(both) / len(either) > MAX_SIMILARITY:
                yield f"{first} and {second}"


def _noun(name: str) -> str:
    """`list_memories` and `get_memory` -> `memory`."""
    noun = name.partition("_")[2]
    return noun.removesuffix("ies") + "y" if noun.endswith("ies") else noun.removesuffix("s")


def _is_verb_noun(name: str) -> bool:
    verb, _, noun = name.partition("_")
    return verb in VERBS and bool(noun) and name == name.casefold()


def _unconnected(tools: Sequence[Tool]) -> Iterator[str]:
    by_name = {tool.name: tool for tool in tools}
    for reading in tools:
        if reading.name.partition("_")[0] not in {"get", "read"}:
            continue
        for listing in tools:
            is_list = listing.name.partition("_")[0] in {"list", "search"} and listing.name != reading.name
            if not is_list or _noun(listing.name) != _noun(reading.name):
                continue
            if reading.name not in _words(by_name[listing.name]) and listing.name not in _words(by_name[reading.name]):
                yield f"{listing.name} and {reading.name}"


def _reads(tool: Tool) -> bool:
    return tool.name.partition("_")[0] in READING_VERBS


def _hints(tool: Tool) -> tuple[bool | None, ...]:
    hints = tool.annotations
    if hints is None:
        return (None,) * 4
    return (hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint, hints.open_world_hint)


def _without_annotations(tools: Sequence[Tool]) -> Iterator[str]:
    return (tool.name for tool in tools if None in _hints(tool))


def _contradictions(tools: Sequence[Tool]) -> Iterator[str]:
    for tool in tools:
        read_only, destructive, *_ = _hints(tool)
        if (
            _reads(tool) is not read_only
            or (read_only and destructive)
            or (tool.name.startswith("delete_") and not destructive)
        ):
            yield tool.name


def _silent_losses(tools: Sequence[Tool]) -> Iterator[str]:
    return (
        tool.name
        for tool in tools
        if _hints(tool)[1] and tool.name not in DESTRUCTIVE_BY_ARGUMENT and not LOSSES.search(_words(tool))
    )


def _silent_results(tools: Sequence[Tool]) -> Iterator[str]:
    for tool in tools:
        if _reads(tool) and _BARE_VERB.match(_words(tool)) and "returns" not in _words(tool):
            yield tool.name


def _unexplained(tools: Sequence[Tool]) -> Iterator[str]:
    for tool in tools:
        for name, about in _parameters(tool).items():
            if not about.get("description") and name not in SELF_EXPLAINING:
                yield f"{tool.name}: {name}"


def _missing_operations(tools: Sequence[Tool]) -> Iterator[str]:
    names = {tool.name for tool in tools}
    for name in sorted(names):
        verb, _, noun = name.partition("_")
        if verb not in {"create", "add"} or noun.startswith("remote_"):
            continue
        known = {other.partition("_")[0] for other in names if _noun(other) == _noun(name)}
        for needed in ("list", "delete"):
            if needed not in known:
                yield f"{name}: no {needed}"


def _is_known(tool: Tool) -> bool:
    return bool(_words(tool)) and tool.annotations is not None
