"""docs/benchmarks.md, from results: tables of all contenders, and the reason wherever one is ahead. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.contenders import CONTENDERS
from benchmarks.results import COLUMNS, Comparison, Result, Row
from scripts.surface.markdown_table import table

CHART = "images/benchmarks.svg"
UNKNOWN_REASON = "no reason is known; it is to be mended"
_HEAD = """\
# Benchmarks

<!-- Written by `make bench` from what it measures. -->

What it costs to have agentos-mcp between a client and an AgentOS: against the other ways to reach it over MCP, and
against the limits that none of them can pass. Where another one is ahead, the reason stands below its table.

![Bars of the rows that matter most](images/benchmarks.svg)

| | what it is |
| --- | --- |
| agentos-mcp | this package, in a plain installation, over stdio and over HTTP |
| AgentOS's /mcp | AgentOS's own MCP server (`AgentOS(mcp=True)`), over HTTP; its runs are in the foreground |
| /mcp by mcp-remote, by mcp-proxy | the same over stdio, as clients need it that speak nothing else |
| FastMCP.from_openapi | a server that FastMCP makes of AgentOS's OpenAPI document, over stdio; it does not stream |
| straight REST | AgentOS's API without MCP: the limit |
| bare SDK server | the MCP SDK with one tool that does nothing: the limit for a start |
"""
_METHOD = """\
All contenders are measured in one run, one after the other in each round, in rotating order. A figure is the median
of the rounds, with the smallest and the largest; a ratio is the median of the rounds' own ratios. The AgentOS is a real
one in a process of its own, with SQLite and a model that plays from a script, so that nothing waits for a provider. It
may have any number of runs in the background at once (`AGNO_BACKGROUND_MAX_CONCURRENCY=0`); otherwise it has 32.

To repeat it: `make bench`, on a machine that does nothing else. `make bench QUICK=1` has one round of each, in a few
minutes, and writes nothing. What is compared is installed into `.bench/`, which Git ignores.
"""


@dataclass(frozen=True)
class Section:
    """The results of one benchmark, under its heading."""

    title: str
    introduction: str
    results: Sequence[Result]


@dataclass(frozen=True)
class Environment:
    """What the results were measured on and with."""

    machine: str
    versions: Sequence[tuple[str, str]]
    rounds: str
    """How often, in words."""
    left_out: Sequence[str] = ()
    """Benchmarks and contenders that could not be measured, each with the reason."""


def render(sections: Sequence[Section], environment: Environment) -> str:
    """The page."""
    parts = [_HEAD]
    for section in _with_one_title(sections):
        if comparisons := [result for result in section.results if isinstance(result, Comparison)]:
            parts.append(f"## {section.title}\n\n{section.introduction}\n\n{_comparison_table(comparisons)}\n")
            if reasons := list(_reasons(comparisons)):
                parts.append("Ahead of agentos-mcp:\n\n" + "\n".join(reasons) + "\n")
    rows = [result for section in sections for result in section.results if isinstance(result, Row)]
    if rows:
        parts.append("## Against limits\n\nWhat agentos-mcp is held to. The other side stands after the bar.\n")
        parts.append(table(COLUMNS, [row.cells() for row in rows]) + "\n")
        if missed := [f"- *{row.name}*: {row.reason or UNKNOWN_REASON}." for row in rows if row.ok is False]:
            parts.append("Limits that were missed:\n\n" + "\n".join(missed) + "\n")
    parts.append(f"## How it was measured\n\nOn {environment.machine}; {environment.rounds}.\n\n{_METHOD}")
    parts.append(table(("package", "version"), environment.versions) + "\n")
    if environment.left_out:
        parts.append("Left out:\n\n" + "\n".join(f"- {reason}" for reason in environment.left_out) + "\n")
    return "\n".join(parts)


def unexplained(sections: Sequence[Section]) -> list[str]:
    """The rows in which a peer is ahead, or a limit is missed, without a reason beside them."""
    found = []
    for section in sections:
        for result in section.results:
            if isinstance(result, Row):
                if result.ok is False and not result.reason:
                    found.append(result.name)
            else:
                found += [
                    f"{section.title}, {result.name}: {peer.title}"
                    for peer in result.peers_ahead
                    if peer.key not in result.reasons
                ]
    return found


def _with_one_title(sections: Sequence[Section]) -> list[Section]:
    """Sections of the same title as one, where the first of them stands."""
    joined: dict[str, Section] = {}
    for section in sections:
        earlier = joined.get(section.title)
        results = (*earlier.results, *section.results) if earlier else section.results
        joined[section.title] = Section(
            section.title, earlier.introduction if earlier else section.introduction, results
        )
    return list(joined.values())


def _comparison_table(comparisons: Sequence[Comparison]) -> str:
    keys = [key for key in CONTENDERS if any(key in comparison.samples for comparison in comparisons)]
    columns = ["", *(CONTENDERS[key].title for key in keys)]
    return table(columns, [[comparison.name, *map(comparison.cell, keys)] for comparison in comparisons])


def _reasons(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Who is ahead where, and why; rows with the same reason together."""
    rows: dict[tuple[str, str], list[str]] = {}
    for comparison in comparisons:
        for peer in comparison.peers_ahead:
            reason = comparison.reasons.get(peer.key, UNKNOWN_REASON)
            rows.setdefault((peer.title, reason), []).append(comparison.name)
    for (title, reason), names in rows.items():
        yield f"- {title} ({'; '.join(names)}): {reason}."
