"""The commands that pages show: which of them are run, and what ours are given."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from agentos_mcp.cli import COMMANDS
from agentos_mcp.install.started_program import PROGRAMS
from tests._support.markdown_pages import Block, Page

LANGUAGES = {"sh", "bash", "shell", "console"}
"""Blocks that hold commands."""

NOT_RUN = {
    "pip": "it fetches packages; tests/packaging installs the wheel",
    "pipx": "likewise",
    "uv": "likewise",
    "uvx": "likewise",
    "gh": "it asks GitHub",
    "git": "it clones what is here already",
    "make": "it makes an environment of its own and runs these very tests; its targets are looked up instead",
    "docker": "there may be none; tests/packaging reads the Dockerfile",
    "kubectl": "there may be none; tests/cluster reads the manifest",
    "claude": "a client's own program",
    "code": "a client's own program",
    "codex": "a client's own program",
    "gemini": "a client's own program",
    "opencode": "a client's own program",
    "tail": "it follows a client's log, for ever",
}
"""Programs whose command lines are not run, and why."""

RUN = {
    "agentos-mcp",
    "cat",
    "cd",
    "chmod",
    "curl",
    "echo",
    "export",
    "mkdir",
    "openssl",
    "printf",
    "python",
    "umask",
    "which",
}
"""Programs whose command lines are run: they do no harm in a home of their own."""

_OPERATOR = re.compile(r"[();<>|&]+")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


@dataclass(frozen=True)
class Line:
    """One command line, which may have been written in several."""

    block: Block
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.block.page}:{self.block.line + self.number}"

    @property
    def commands(self) -> list[list[str]]:
        """The words of each command, without assignments, redirections and comments."""
        lexer = shlex.shlex(self.text, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        commands: list[list[str]] = [[]]
        skip = False
        for word in lexer:
            if _OPERATOR.fullmatch(word):
                skip = word.startswith((">", "<"))
                if not skip:
                    commands.append([])
            elif skip or (not commands[-1] and _ASSIGNMENT.match(word)):
                skip = False
            else:
                commands[-1].append(word)
        return [command for command in commands if command]

    @property
    def programs(self) -> list[str]:
        return [PurePath(command[0]).name for command in self.commands]

    @property
    def ours(self) -> list[list[str]]:
        """What agentos-mcp is given here, by whatever it is started."""
        return [given for command in self.commands if (given := arguments_of(command)) is not None]


def lines(page: Page) -> list[Line]:
    return [line for block in page.blocks if block.language in LANGUAGES for line in _lines(block)]


def _lines(block: Block) -> Iterator[Line]:
    held, first = "", 0
    for number, text in enumerate(block.text.splitlines()):
        if not held:
            first = number
            if block.language == "console" and not text.startswith("$ "):
                continue  # what the command says
        held += text if held or block.language != "console" else text.removeprefix("$ ")
        if held.endswith("\\"):
            held = held[:-1]
            continue
        try:
            words = shlex.split(held, comments=True)
        except ValueError:  # a quotation goes on
            held += "\n"
            continue
        if words:
            yield Line(block, first, held)
        held = ""
    assert not held, f"{block}: it ends in the middle of a command: {held}"


def without_comment(text: str) -> str:
    """A command line without the comment that ends it."""
    quoted = ""
    for at, character in enumerate(text):
        if quoted:
            quoted = "" if character == quoted else quoted
        elif character in "'\"":
            quoted = character
        elif character == "#" and text[:at][-1:] in ("", " ", "\t"):
            return text[:at].rstrip()
    return text


def arguments_of(command: list[str]) -> list[str] | None:
    """What agentos-mcp is given by this command; None where the command starts something else."""
    for at in reversed(range(len(command))):
        name, rest = PurePath(command[at]).name, command[at + 1 :]
        if name == "agentos_mcp" and command[at - 1] == "-m":
            return rest
        if name in PROGRAMS and (at == 0 or (rest and (rest[0] in COMMANDS or rest[0].startswith("-")))):
            return rest
    return None


def parsed(arguments: list[str]) -> argparse.Namespace | None:
    """What the program makes of them; None for help. Raises UsageError, as it does."""
    name, *rest = arguments if arguments[:1] and arguments[0] in COMMANDS else ["serve", *arguments]
    if name == "serve" and rest[:1] in (["--version"], ["--help"], ["-h"]):
        return None
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return COMMANDS[name].parser(name).parse_args(rest)
    except SystemExit as ended:
        if ended.code:
            raise
        return None
