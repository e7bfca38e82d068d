"""What pages name is there: pages and their parts, flags, variables, tools."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from agentos_mcp.cli import build_full_parser
from agentos_mcp.server.http.settings import EXCHANGE_SECRET_VARIABLE, HTTP_OPTIONS, SECRET_VARIABLES
from agentos_mcp.settings import OPTIONS
from benchmarks.__main__ import build_parser as build_benchmarks_parser
from evals.__main__ import build_parser as build_evals_parser
from scripts.surface.client_methods import METHODS
from scripts.surface.tool_list import listed, total
from tests._support.markdown_pages import PAGES, ROOT, Page
from tests._support.shell_commands import NOT_RUN

OTHERS_FLAGS = {"--add-host": "docker's", "--cap-drop": "docker's", "--header": "Claude Code's"}
"""Flags of other programs that are named without the program."""
OTHERS_PROGRAMS = {*NOT_RUN, "run_agents.py", "run_workflows.py"}
"""What stands behind their names is theirs."""
OTHERS_NAMES = {
    "cancel_latency": "a benchmark",
    "compare_agents": "a prompt",
    "list_instances": "a tool of a server with several AgentOSes",
    "list_changed": "a notification of MCP's",
    "run_result": "a function of ours",
    "search_type": "a parameter",
    "run_a": "a parameter",
    "run_b": "a parameter",
    "read_only": "a key of a profile",
}
"""Names that look like a tool's."""
OTHERS_VARIABLES = {"OS_SECURITY_KEY": "AgentOS's own"}
PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
_VARIABLE = re.compile(r"\b(?:AGENTOS_[A-Z0-9_]+|OS_SECURITY_KEY)\b(?!\*)")


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from parsers(inner)


FLAGS = {
    flag
    for parser in (*parsers(build_full_parser()), build_evals_parser(), build_benchmarks_parser())
    for action in parser._actions
    for flag in action.option_strings
}
VARIABLES = {
    *(name for option in (*OPTIONS, *HTTP_OPTIONS) for name in option.variables),
    *SECRET_VARIABLES,
    EXCHANGE_SECRET_VARIABLE,
    "AGENTOS_PROFILE",
}
TOOLS = {tool.name for tool in listed()}
METHOD_NAMES = {method for part in METHODS.values() for method in part}
"""What agno's client calls its own."""
LIKE_A_TOOL = re.compile(rf"({'|'.join(sorted({name.partition('_')[0] for name in TOOLS}))})(_[a-z]+)+(\.py)?")


@PAGE
def test_links_within_the_project_lead_somewhere(page: Page) -> None:
    known = {other.file: other for other in PAGES}
    broken = []
    for link in page.links:
        parts = urlsplit(link)
        if parts.scheme:
            continue
        target = (page.file.parent / parts.path).resolve() if parts.path else page.file
        anchors = known[target].anchors if target in known else set()
        if not target.exists() or (parts.fragment and parts.fragment not in anchors):
            broken.append(link)
    assert not broken


@PAGE
def test_links_elsewhere_are_encrypted(page: Page) -> None:
    assert not [link for link in page.links if urlsplit(link).scheme not in {"", "https"}]


@PAGE
def test_flags_that_are_named_exist(page: Page) -> None:
    named = {flag for code in page.codes if code.split()[0] not in OTHERS_PROGRAMS for flag in _FLAG.findall(code)}
    assert not named - FLAGS - OTHERS_FLAGS.keys()


@PAGE
def test_variables_that_are_named_exist(page: Page) -> None:
    assert not set(_VARIABLE.findall(page.text)) - VARIABLES - OTHERS_VARIABLES.keys()


@PAGE
def test_tools_that_are_named_exist(page: Page) -> None:
    named = {code.partition("(")[0] for code in page.codes if LIKE_A_TOOL.fullmatch(code.partition("(")[0])}
    files = {name for name in named if name.endswith(".py")}
    assert not named - files - TOOLS - METHOD_NAMES - OTHERS_NAMES.keys()


@PAGE
def test_a_page_is_reached_from_the_readme(page: Page) -> None:
    readme = PAGES[0]
    reached = {(readme.file.parent / urlsplit(link).path).resolve() for link in readme.links}
    assert page is readme or page.file in reached


def test_every_setting_of_serve_is_on_the_page_of_settings() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert not [option.flag for option in (*OPTIONS, *HTTP_OPTIONS) if f"`{option.flag}" not in text]
    assert not [name for name in VARIABLES if f"`{name}`" not in text]


class TestReadme:
    text = PAGES[0].text

    def test_it_shows_the_program_before_it_explains_it(self) -> None:
        first_screen = self.text.split("\n## ")[0]
        assert "](docs/images/demo.svg)" in first_screen
        assert len(first_screen.splitlines()) < 25

    def test_its_table_of_tools_is_what_is_on_by_default(self) -> None:
        table = self.text.partition("| tool | what it does |")[2].partition("\n\n")[0]
        assert set(re.findall(r"`(\w+)`", table)) == {tool.name for tool in listed() if tool.declared.default}

    def test_it_tells_their_number_and_what_they_cost(self) -> None:
        number, tokens = total(default_only=True)
        found = re.search(r"(\d+) tools that cost a model about ([\d,]+) tokens", self.text)
        assert found
        assert int(found[1]) == number
        assert int(found[2].replace(",", "")) == round(tokens, -2)
