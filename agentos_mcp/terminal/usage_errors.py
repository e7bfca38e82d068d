"""Errors in a command line, in one line: what is wrong, and the line that was most likely meant.

`serve` parses its flags with this parser too: nothing heavy is imported here.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

_MIN_SIMILARITY = 0.6
_MAX_LINE_LENGTH = 600
"""Characters of a line that is proposed; a longer one would hide what is wrong."""
_INVALID_CHOICE = re.compile(r"invalid choice: '([^']+)' \(choose from (.+)\)")
_TOKEN_FLAG_PREFIX = "--to"  # noqa: S105 - a flag
"""What --token begins with, also misspelt and abbreviated."""
_NO_TOKEN_FLAGS = {"--token-file", "--tools", "--toolsets"}


class UsageError(Exception):
    """A command line that is invalid: what is wrong with it, and what to do."""

    def __init__(self, message: str, hint: str, prog: str = "agentos-mcp") -> None:
        self.message = message if message.endswith(".") else f"{message}."
        self.hint = hint
        self.prog = prog
        super().__init__(f"{self.message} {hint}")


class UnknownFlag(UsageError):
    """A flag that the command does not have, nor one that is similar."""

    def __init__(self, flag: str, message: str, hint: str, prog: str) -> None:
        super().__init__(message, hint, prog)
        self.flag = flag


class _Word(str):
    """A word of the command line: argparse returns the very one, so that a word that occurs twice is told apart."""

    __slots__ = ()


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises UsageError, and takes flags before, between and after the words.

    The default `check_arguments`, a function of the parser, the values and the words, checks what was parsed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.words: Sequence[str] = ()
        """The words that are being parsed."""

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> argparse.Namespace:  # type: ignore[override]  # its overloads
        """The values of the words. Raises UsageError."""
        self.words = [_Word(word) for word in args or ()]
        if self._subparsers is None:
            parsed: tuple[argparse.Namespace, list[str]] = self.parse_known_intermixed_args(self.words, namespace)
        else:
            parsed = self.parse_known_args(self.words, namespace)
        values, unknown = parsed
        if unknown:
            self._refuse(unknown)
        check: Callable[[Parser, argparse.Namespace], None] | None = values.__dict__.pop("check_arguments", None)
        if check is not None:
            check(self, values)
        return values

    def line(self, words: Iterable[str]) -> str:
        """The line that runs this command with these words, to be pasted; '' for one that is too long to read."""
        return command_line([*self.prog.split()[1:], *words])

    def error(self, message: str) -> NoReturn:
        if choice := _INVALID_CHOICE.search(message):
            wrong, choices = choice[1], [name.strip("'") for name in choice[2].split(", ")]
            if right := most_similar(wrong, choices):
                corrected = [right if word == wrong else word for word in self.words]
                raise UsageError(message, _did_you_mean(right, self.line(corrected) if self.words else ""), self.prog)
        raise UsageError(message, f"See {self.line(['--help'])}.", self.prog)

    def _refuse(self, unknown: list[str]) -> NoReturn:
        message = f"unrecognized arguments: {' '.join(_without_secrets(unknown))}"
        flag = next((word for word in unknown if word.startswith("-")), "")
        if not flag:
            raise UsageError(message, _use(self.line(_joined(self.words, unknown))), self.prog)
        name, equals, value = flag.partition("=")
        if right := most_similar(name, _flags(self)):
            corrected = [f"{right}{equals}{value}" if word == flag else word for word in self.words]
            raise UsageError(message, _did_you_mean(right, self.line(corrected)), self.prog)
        raise UnknownFlag(name, message, f"See {self.line(['--help'])}.", self.prog)


def command_line(words: Sequence[str]) -> str:
    """The line to paste that runs this program with these words, without the token that was typed.

    '' for one that is too long to read.
    """
    from agentos_mcp.terminal.program_name import program_words

    line = shlex.join([*program_words(), *_without_secrets(words)])
    return line if len(line) <= _MAX_LINE_LENGTH and line.isprintable() else ""


def commands_with_flag(flag: str, parsers: Mapping[str, Callable[[], Parser]]) -> list[str]:
    """The commands that have this flag."""
    return [name for name, parser in parsers.items() if flag in _flags(parser())]


def most_similar(name: str, candidates: Iterable[str]) -> str:
    """The candidate that was most likely meant; '' where none is similar."""
    import difflib

    return next(iter(difflib.get_close_matches(name, list(candidates), n=1, cutoff=_MIN_SIMILARITY)), "")


def _did_you_mean(right: str, line: str) -> str:
    return f"Did you mean {right}? {_use(line)}".rstrip()


def _use(line: str) -> str:
    return f"Use `{line}`." if line else ""


def _joined(words: Sequence[str], unknown: Sequence[str]) -> list[str]:
    """The words, with those that were too many joined to the one before them: they were meant to be in quotes."""
    too_many = {id(word) for word in unknown}
    joined: list[str] = []
    for word in words:
        if id(word) in too_many and joined:
            joined[-1] = f"{joined[-1]} {word}"
        else:
            joined.append(word)
    return joined


def _without_secrets(words: Sequence[str]) -> list[str]:
    """The words, with a placeholder for a token."""
    cleaned: list[str] = []
    is_secret = False
    for word in words:
        name, equals, _ = word.partition("=")
        is_token_flag = name.startswith(_TOKEN_FLAG_PREFIX) and name not in _NO_TOKEN_FLAGS
        if is_secret:
            cleaned.append("TOKEN")
        else:
            cleaned.append(f"{name}=TOKEN" if is_token_flag and equals else word)
        is_secret = is_token_flag and not equals and not is_secret
    return cleaned


def _flags(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                yield from _flags(subparser)
