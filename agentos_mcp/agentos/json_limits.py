"""Limits on the size and the depth of a JSON value, checked without reading more of it than they allow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from agentos_mcp.agentos.errors import AgentOSError

_MAX_DIGITS = 4_000
"""Digits. Python refuses to write integers of more than 4,300."""
_BITS_PER_DIGIT = 3.32


class JsonLimitExceeded(AgentOSError):
    """A value over a limit, or not JSON. The message is a predicate: "is nested deeper than 50 levels"."""


@dataclass(frozen=True)
class JsonSize:
    nodes: int
    """Values and keys, those inside others too."""
    characters: int


@dataclass(frozen=True)
class JsonLimits:
    """The most `characters` (of keys, texts and numbers) and the greatest `depth` of a value."""

    characters: int
    depth: int

    def check(self, value: object) -> JsonSize:
        """The size of a value. Raises JsonLimitExceeded for one beyond the limits, or that is not JSON."""
        nodes = characters = 0
        pending: list[tuple[object, int]] = [(value, 1)]
        while pending:
            item, depth = pending.pop()
            nodes += 1
            if isinstance(item, str):
                characters += len(item) + 2
            elif isinstance(item, Mapping | list | tuple):
                if depth > self.depth:
                    raise JsonLimitExceeded(f"is nested deeper than {self.depth} levels")
                characters += len(item) + 2
                if characters > self.characters:
                    break
                if isinstance(item, Mapping):
                    pending.extend((key, depth + 1) for key in item)
                    pending.extend((inner, depth + 1) for inner in item.values())
                else:
                    pending.extend((inner, depth + 1) for inner in item)
            else:
                characters += _length(item)
            if characters > self.characters:
                break
        if characters > self.characters:
            raise JsonLimitExceeded(f"is larger than {self.characters:,} characters")
        return JsonSize(nodes, characters)


def _length(value: object) -> int:
    if value is None or isinstance(value, bool):
        return 5
    if isinstance(value, int):
        digits = int(value.bit_length() / _BITS_PER_DIGIT) + 1
        if digits > _MAX_DIGITS:
            raise JsonLimitExceeded(f"holds a number of more than {_MAX_DIGITS:,} digits")
        return digits
    if isinstance(value, float):
        if not math.isfinite(value):
            raise JsonLimitExceeded("cannot be written as JSON (NaN or Infinity)")
        return 20
    raise JsonLimitExceeded(f"cannot be written as JSON ({type(value).__name__})")


def estimate_json_size(value: object, *, limit: int) -> int:
    """About how many characters a JSON value has, counted until they are more than `limit`."""
    size, remaining = 0, [value]
    while remaining and size <= limit:
        item = remaining.pop()
        if isinstance(item, Mapping):
            size += sum(8 + len(str(key)) for key in item)
            remaining += item.values()
        elif isinstance(item, list | tuple):
            size += 8 + 2 * len(item)
            remaining += item
        else:
            size += 2 + len(item) if isinstance(item, str) else 8
    return size
