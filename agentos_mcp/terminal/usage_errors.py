"""Errors in a command line, in one line: what is wrong, and the command, flag or choice that may have been meant.

`serve` parses its flags with this parser too: nothing heavy is imported here.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from typing import NoReturn

_MIN_SIMILARITY = 0.6
_INVALID_CHOICE = re.compile(r"invalid choice: '([^']+)' \(choose from (.+)\)")


class UsageError(Exception):
    """A command line that is invalid: what is wrong with it, and what to do."""

    def __init__(self, message: str, hint: str, prog: str = "agentos-mcp") -> None:
        self.message = message if message.endswith(".") else f"{message}."
        self.hint = hint
        self.prog = prog
        super().__init__(f"{self.message} {hint}")


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises UsageError."""

    def error(self, message: str) -> NoReturn:
        suggestion = ""
        if unknown := message.partition("unrecognized arguments: ")[2].split():
            suggestion = most_similar(unknown[0].partition("=")[0], _flags(self))
        elif choice := _INVALID_CHOICE.search(message):
            suggestion = most_similar(choice[1], [name.strip("'") for name in choice[2].split(", ")])
        hint = f"Did you mean {suggestion}?" if suggestion else f"See {self.prog} --help."
        raise UsageError(message, hint, self.prog)


def _flags(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                yield from _flags(subparser)


def most_similar(name: str, candidates: Iterable[str]) -> str:
    """The candidate that was most likely meant; '' where none is similar."""
    import difflib

    return next(iter(difflib.get_close_matches(name, list(candidates), n=1, cutoff=_MIN_SIMILARITY)), "")
