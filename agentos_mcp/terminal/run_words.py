"""What the words after `run` and `chat` mean: a kind, a component and a message, each of which may be left out.

`run agent writer "hello"`, `run writer -m hello`, `echo hello | agentos-mcp run writer`. Imports nothing heavy.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from agentos_mcp.terminal.usage_errors import Parser, UsageError, most_similar

KINDS = ("agent", "team", "workflow")


def singular(kind: str) -> str:
    """ "agent" for "agents"."""
    return kind.removesuffix("s")


def check_run_words(parser: Parser, options: argparse.Namespace) -> None:
    """Set `kind`, `name` and `message` from the words and -m; `message` is None where standard input has it.

    Raises UsageError with the line that was meant.
    """
    options.kind, words = _split_kind(options.words)
    if options.message is not None:
        if len(words) > 1:
            raise _quote(parser, options.words, [" ".join(words)])
        options.name = "".join(words)
        return
    if len(words) > 2:
        if not options.kind and (kind := most_similar(singular(words[0]), KINDS)):
            raise _quote(parser, options.words, [kind, words[1], " ".join(words[2:])], keep_kind=False)
        raise _quote(parser, options.words, [words[0], " ".join(words[1:])])
    options.name = words[0] if words else ""
    options.message = words[1] if len(words) == 2 else None
    is_optional = bool(options.factory_input)
    if options.message is None and is_optional:
        options.message = ""
    if options.message is None and _is_typed_at():
        component = options.words or ["COMPONENT"]
        raise UsageError("The message is missing", f"Use `{parser.line([*component, 'TEXT'])}`.", parser.prog)


def check_chat_words(parser: Parser, options: argparse.Namespace) -> None:
    """Set `kind` and `name` from the words. Raises UsageError with the line that was meant."""
    options.kind, words = _split_kind(options.words)
    if len(words) > 1:
        raise _quote(parser, options.words, [" ".join(words)])
    options.name = "".join(words)


def _split_kind(words: Sequence[str]) -> tuple[str, list[str]]:
    kind = singular(words[0].casefold()) if words else ""
    return (kind, list(words[1:])) if kind in KINDS else ("", list(words))


def _is_typed_at() -> bool:
    """Whether a person would have to type what is read from standard input."""
    return sys.stdin is None or sys.stdin.isatty()


def _quote(parser: Parser, given: Sequence[str], meant: Sequence[str], *, keep_kind: bool = True) -> UsageError:
    """The error for more words than there can be, with the line in which those that belong together are quoted."""
    words = [*given[:1], *meant] if keep_kind and _split_kind(given)[0] else list(meant)
    positional = {id(word) for word in given}
    flags = [word for word in parser.words if id(word) not in positional and word != "--"]
    line = parser.line([*words, *flags])
    what = "The name and the message" if len(meant) > 1 else "The name"
    verb = "need" if len(meant) > 1 else "needs"
    return UsageError(f"There are too many words. {what} {verb} quotes", f"Use `{line}`." if line else "", parser.prog)
