"""How long the arguments of a call may be: one rule for every tool, by the type of the parameter.

A name or an id is 200 characters at most, so text is unless its type says otherwise. What is too
long is refused before anything is looked up, and is never quoted.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.json_limits import JsonLimitExceeded, JsonLimits

NAME = 200
"""Characters of a name, an id, a time, a status."""
PATH = 4_000
"""Characters of a path, a URL, or a run reference, whose parts are percent-encoded."""
TEXT = 1_000_000
"""Characters of a message, or of any other free text."""
FILES = 100_000_000
"""Characters of a `data:` URL, or of several: what they hold has a limit of its own, in bytes."""
ENTRIES = 1_000
"""Entries of a list."""
JSON = JsonLimits(characters=256_000, depth=50)
"""A JSON object, all in all."""


@dataclass(frozen=True)
class MaxCharacters:
    """In a parameter's annotation: how long its text, or each of its texts, may be."""

    most: int


@dataclass(frozen=True)
class ArgumentLimits:
    """The limits of one tool's parameters: `MaxCharacters` by name, `NAME` for the others."""

    texts: Mapping[str, int]

    @classmethod
    def of(cls, signature: inspect.Signature) -> ArgumentLimits:
        return cls({name: _longest(parameter.annotation) for name, parameter in signature.parameters.items()})

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Raise InvalidRequest for the first argument that is too long, too large or too deep."""
        for name, value in arguments.items():
            check_argument(name, value, self.texts.get(name, NAME))


def check_argument(name: str, value: object, most: int = NAME) -> None:
    """Raise InvalidRequest where a text, or a text of a list, is longer than `most`, or JSON too large or too deep."""
    if isinstance(value, str):
        _check_text(name, value, most)
    elif isinstance(value, list) and all(isinstance(one, str) for one in value):
        if len(value) > ENTRIES:
            raise InvalidRequest(f"'{name}' has {len(value):,} entries, and at most {ENTRIES:,} are taken.")
        for one in value:
            _check_text(name, one, most)
    elif isinstance(value, dict | list):
        try:
            JSON.check(value)
        except JsonLimitExceeded as error:
            raise InvalidRequest(f"'{name}' {error.message}.", "Give less.") from None


def _check_text(name: str, text: str, most: int) -> None:
    if len(text) > most:
        raise InvalidRequest(f"'{name}' has {len(text):,} characters, and at most {most:,} are taken.")


def _longest(annotation: object) -> int:
    if get_origin(annotation) is not Annotated:
        return NAME
    for one in get_args(annotation)[1:]:
        if isinstance(one, MaxCharacters):
            return one.most
        for inner in getattr(one, "metadata", ()):
            # pydantic's own limit, which has been checked already.
            if isinstance(most := getattr(inner, "max_length", None), int):
                return most
    return NAME
