"""The page and the chart of the benchmarks, written from results that were never measured."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.__main__ import NAMES, write
from benchmarks.contenders import AGENTOS_MCP, MCP_REMOTE, OWN_HTTP, OWN_STDIO, REST
from benchmarks.page import UNKNOWN_REASON, Environment, Section, render, unexplained
from benchmarks.results import Comparison, Row, percentile

ENVIRONMENT = Environment("a machine <of> two cores", [("mcp", "2.3.0")], "two rounds", ["soup: no spoon"])
FASTER_PEER = Comparison(
    "Lists",
    "one call",
    "ms",
    {OWN_HTTP.key: [4.0, 6.0], AGENTOS_MCP.key: [2.0, 3.0], REST.key: [1.0, 1.0]},
    {AGENTOS_MCP.key: "it is in AgentOS's own process"},
    is_in_chart=True,
)
SLOWER_PEER = Comparison("Lists", "many calls", "ms", {OWN_STDIO.key: [4.0], MCP_REMOTE.key: [5.0]})
MISSED = Row("CPU | a loop", [3.0, 4.0], [1.0, 2.0], max_ratio=2.0, reason="the loop does nothing")
SECTION = Section("Lists", "How long lists take.", [FASTER_PEER, SLOWER_PEER, MISSED])


def test_the_page_has_a_column_for_each_contender_that_was_measured() -> None:
    page = render([SECTION], ENVIRONMENT)
    header, _, first, second = page.partition("## Lists")[2].strip().splitlines()[2:6]
    assert (
        header == "|  | agentos-mcp, stdio | agentos-mcp, HTTP | AgentOS's /mcp | /mcp by mcp-remote | straight REST |"
    )
    assert first == "| one call |  | 5.0 ms (4.0-6.0) | 2.5 ms (2.0-3.0) |  | 1.0 ms |"
    assert second == "| many calls | 4.0 ms |  |  | 5.0 ms |  |"


def test_the_page_says_why_another_one_is_ahead_and_why_a_limit_is_missed() -> None:
    page = render([SECTION], ENVIRONMENT)
    assert "- AgentOS's /mcp (one call): it is in AgentOS's own process." in page
    assert "- *CPU | a loop*: the loop does nothing." in page
    assert "| CPU \\| a loop | 3.500 s (3.000-4.000) | 1.500 s (1.000-2.000) | 2.50x (2.00-3.00) | <= 2x | NO |" in page
    assert unexplained([SECTION]) == []


def test_a_peer_that_is_ahead_without_a_reason_is_named() -> None:
    bare = Comparison("Lists", "one call", "ms", FASTER_PEER.samples)
    section = Section("Lists", "", [bare, Row("slow", [2.0], max_value=1.0)])
    assert unexplained([section]) == ["Lists, one call: AgentOS's /mcp", "slow"]
    assert f"(one call): {UNKNOWN_REASON}." in render([section], ENVIRONMENT)


@pytest.mark.parametrize(
    ("own", "other", "is_ahead"), [(1.0, 1.0, False), (1.01, 1.0, False), (1.03, 1.0, True), (0.5, 1.0, False)]
)
def test_a_peer_is_ahead_only_by_more_than_what_counts_as_level(own: float, other: float, is_ahead: bool) -> None:
    comparison = Comparison("Lists", "one call", "ms", {OWN_HTTP.key: [own], AGENTOS_MCP.key: [other]})
    assert (comparison.peers_ahead == [AGENTOS_MCP]) is is_ahead


def test_a_peer_is_held_against_the_same_transport() -> None:
    samples = {OWN_STDIO.key: [1.0], OWN_HTTP.key: [3.0], AGENTOS_MCP.key: [2.0], MCP_REMOTE.key: [2.0]}
    assert Comparison("Lists", "one call", "ms", samples).peers_ahead == [AGENTOS_MCP]


def test_the_machine_the_versions_and_what_was_left_out_are_named() -> None:
    page = render([SECTION], ENVIRONMENT)
    assert "On a machine <of> two cores; two rounds." in page
    assert "| mcp | 2.3.0 |" in page
    assert "- soup: no spoon" in page


def test_the_chart_has_a_bar_for_each_median_of_the_rows_that_are_in_it(tmp_path: Path) -> None:
    write(tmp_path, [SECTION], ENVIRONMENT)
    assert (tmp_path / "benchmarks.md").read_text(encoding="utf-8") == render([SECTION], ENVIRONMENT)
    chart = ElementTree.parse(tmp_path / "images" / "benchmarks.svg").getroot()  # noqa: S314 - our own
    name = "{http://www.w3.org/2000/svg}"
    texts = ["".join(text.itertext()) for text in chart.iter(f"{name}text")]
    assert texts == ["Lists: one call", REST.title, "1.0 ms", AGENTOS_MCP.title, "2.5 ms", OWN_HTTP.title, "5.0 ms"]
    _, *bars = chart.iter(f"{name}rect")
    widths = [float(bar.attrib["width"]) for bar in bars]
    assert [bar.attrib["class"] for bar in bars] == ["limit", "peer", "own"]
    assert widths[0] / widths[2] == pytest.approx(1 / 5, abs=0.01)
    assert widths[1] / widths[2] == pytest.approx(1 / 2, abs=0.01)
    assert all(
        float(bar.attrib["x"]) + width < float(chart.attrib["width"]) for bar, width in zip(bars, widths, strict=True)
    )


def test_a_contender_without_a_figure_has_none() -> None:
    assert math.isnan(FASTER_PEER.median_of(OWN_STDIO.key))
    assert FASTER_PEER.cell(OWN_STDIO.key) == ""


def test_a_percentile_is_a_sample_that_so_many_do_not_exceed() -> None:
    samples = [float(number) for number in range(200, 0, -1)]
    assert percentile(samples, 0.99) == 198.0
    assert percentile(samples, 0.5) == 100.0
    assert percentile([7.0], 0.99) == 7.0


def test_every_benchmark_is_named() -> None:
    folder = Path(__file__).parents[2] / "benchmarks"
    measuring = {
        path.stem for path in folder.glob("*.py") if "\nasync def measure(" in path.read_text(encoding="utf-8")
    }
    assert measuring == set(NAMES)
