"""Limits on the length of a call's arguments: one rule for every tool, by the type of the parameter.

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

MAX_NAME_LENGTH = 200
"""Characters of a name, an id, a time, a status."""
MAX_PATH_LENGTH = 4_000
"""Characters of a path, a URL, or a run reference, whose parts are percent-encoded."""
MAX_TEXT_LENGTH = 1_000_000
"""Characters of a message, or of any other free text."""
MAX_FILES_LENGTH = 100_000_000
"""Characters of a `data:` URL, or of several: what they hold has a limit of its own, in bytes."""
MAX_ENTRIES = 1_000
"""Entries of a list."""
JSON_LIMITS = JsonLimits(characters=256_000, depth=50)
"""Of a whole JSON object."""


@dataclass(frozen=True)
class MaxCharacters:
    """In a parameter's annotation: how long its text, or each of its texts, may be."""

    max_length: int


@dataclass(frozen=True)
class ArgumentLimits:
    """The limits of one tool's parameters: `MaxCharacters` by name, `NAME` for the others."""

    texts: Mapping[str, int]

    @classmethod
    def of(cls, signature: inspect.Signature) -> ArgumentLimits:
        return cls({name: _max_length_of(parameter.annotation) for name, parameter in signature.parameters.items()})

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Raise InvalidRequest for the first argument that is too long, too large or too deep."""
        for name, value in arguments.items():
            check_argument(name, value, self.texts.get(name, MAX_NAME_LENGTH))


def check_argument(name: str, value: object, max_length: int = MAX_NAME_LENGTH) -> None:
    """Raise InvalidRequest for a text, or a list's, longer than `max_length`, and for JSON too large or too deep."""
    if isinstance(value, str):
        _check_text(name, value, max_length)
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        if len(value) > MAX_ENTRIES:
            raise InvalidRequest(f"'{name}' has {len(value):,} entries, but at most {MAX_ENTRIES:,} are allowed.")
        for item in value:
            _check_text(name, item, max_length)
    elif isinstance(value, dict | list):
        try:
            JSON_LIMITS.check(value)
        except JsonLimitExceeded as error:
            raise InvalidRequest(f"'{name}' {error.message}.", "Give a smaller one.") from None


def _check_text(name: str, text: str, max_length: int) -> None:
    if len(text) > max_length:
        raise InvalidRequest(f"'{name}' has {len(text):,} characters, but at most {max_length:,} are allowed.")


def _max_length_of(annotation: object) -> int:
    if get_origin(annotation) is not Annotated:
        return MAX_NAME_LENGTH
    for item in get_args(annotation)[1:]:
        if isinstance(item, MaxCharacters):
            return item.max_length
        for constraint in getattr(item, "metadata", ()):
            # pydantic's own limit, which has been checked already.
            if isinstance(max_length := getattr(constraint, "max_length", None), int):
                return max_length
    return MAX_NAME_LENGTH
