"""The program's argument parser: what it cannot use is said in a line or two, with what may have been meant.

`serve` reads its flags with it, too: nothing heavy is imported here.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from typing import NoReturn

USAGE = 2
"""The exit code for a command line that cannot be used."""

_NEAR = 0.6
_CHOICE = re.compile(r"invalid choice: '([^']+)' \(choose from (.+)\)")


class UsageError(Exception):
    """A command line that cannot be used: what is wrong with it, and the next move."""

    def __init__(self, message: str, hint: str, prog: str = "agentos-mcp") -> None:
        self.message = message if message.endswith(".") else f"{message}."
        self.hint = hint
        self.prog = prog
        super().__init__(f"{self.message} {hint}")


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises UsageError."""

    def error(self, message: str) -> NoReturn:
        meant = ""
        if unknown := message.partition("unrecognized arguments: ")[2].split():
            meant = near(unknown[0].partition("=")[0], _flags(self))
        elif choice := _CHOICE.search(message):
            meant = near(choice[1], [word.strip("'") for word in choice[2].split(", ")])
        raise UsageError(message, f"Did you mean {meant}?" if meant else f"See {self.prog} --help.", self.prog)


def _flags(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _flags(inner)


def near(word: str, known: Iterable[str]) -> str:
    """The one that was most likely meant; '' where none is like it."""
    import difflib

    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=_NEAR)), "")
