"""Every command that a page shows can be given like that, and does what it should."""

from __future__ import annotations

import re
import shlex
import sys

import pytest

from agentos_mcp.cli import COMMANDS
from agentos_mcp.install.client_table import CLIENTS
from tests._support.markdown_pages import PAGES, ROOT, Page
from tests._support.page_commands import Person
from tests._support.shell_commands import NOT_RUN, RUN, Line, arguments_of, lines, parsed

LINES = [line for page in PAGES for line in lines(page)]
SHOWING = [page for page in PAGES if any(program in RUN for line in lines(page) for program in line.programs)]
INLINE = [
    (page.name, code)
    for page in PAGES
    for code in page.codes
    if re.match(r"(.* \| )?(uvx .*|claude mcp add .* -- )?(\S*/)?(agentos-mcp|mcp-server-agentos) \S", code)
]
_PLACES = {"COMMAND": "agents", "CLIENT": CLIENTS[0].key, "CLIENT...": CLIENTS[0].key}
"""Words that stand for any of several."""


def test_there_are_commands_to_look_at() -> None:
    assert len(LINES) > 20
    assert {"README.md", "docs/clients.md", "docs/configuration.md"} <= {page.name for page in SHOWING}


@pytest.mark.parametrize("line", LINES, ids=str)
def test_a_command_line_of_ours_is_one_that_the_program_takes(line: Line) -> None:
    for arguments in line.ours:
        parsed(arguments)


@pytest.mark.parametrize(("page", "code"), INLINE)
def test_a_command_within_a_sentence_is_one_that_the_program_takes(page: str, code: str) -> None:
    words = [_PLACES.get(word, word) for word in shlex.split(code)]
    for command in _commands(words):
        given = arguments_of(command)
        if given and not (len(given) == 1 and given[0] in COMMANDS):  # else only the command is named
            parsed(given)


@pytest.mark.skipif(sys.platform == "win32", reason="the pages' commands are for shells as POSIX has them")
@pytest.mark.timeout(240)
@pytest.mark.parametrize("page", SHOWING, ids=lambda page: page.name)
def test_the_commands_of_a_page_work_one_after_the_other(page: Page, person: Person) -> None:
    problems = [f"{line}: {line.text}\n{problem}" for line in lines(page) if (problem := person.does(line))]
    assert not problems, "\n\n".join(problems)


def test_every_program_that_is_not_run_is_left_out_for_a_reason_that_still_counts() -> None:
    shown = {program for line in LINES for program in line.programs}
    assert not shown - RUN - NOT_RUN.keys()
    assert not RUN & NOT_RUN.keys()


def test_what_make_is_told_to_make_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    inline = [code.split() for page in PAGES for code in page.codes if code.startswith("make ")]
    commands = [*inline, *(command for line in LINES for command in line.commands)]
    told = {command[1] for command in commands if command[0] == "make" and len(command) > 1}
    assert {"demo", "test"} <= told
    assert not [target for target in told if not re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE)]


def _commands(words: list[str]) -> list[list[str]]:
    commands: list[list[str]] = [[]]
    for word in words:
        if word == "|":
            commands.append([])
        else:
            commands[-1].append(word)
    return [command for command in commands if command]
