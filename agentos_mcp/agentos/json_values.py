"""Reads JSON that others wrote: `decode` a document within limits, then take typed values out of it.

`text`, `number`, `integer`, `mapping`, `values`, `objects` and `texts` return the value where it has that type, else
an empty one, so that a reader of AgentOS's documents needs no checks of its own.

Python's own decoder takes NaN, lone surrogates, numbers of any length and documents as deep as its
stack; each of them breaks whoever prints, copies, counts or sends it on.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

MAX_DEPTH = 100
"""Levels of nesting: copying and writing a value takes a few frames of Python's stack for each, and the JSON readers
of MCP clients end at 200."""
MAX_VALUES = 2_000_000
"""Of one document: an empty list of two bytes takes about sixty in memory."""
_MAX_INTEGER_DIGITS = 300
"""Digits that a float can still hold."""

_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u([dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)


def decode(document: bytes | str) -> Any:
    """The value of a JSON document. NaN and what is too large for a float are None, lone surrogates U+FFFD.

    Raises ValueError for what is not JSON, is nested too deeply, or has too many values.
    """
    text = document if isinstance(document, str) else document.decode("utf-8-sig", "replace")
    openings = text.count("[") + text.count("{")
    if text.count(",") + openings > MAX_VALUES:
        raise ValueError(f"more than {MAX_VALUES:,} values")
    if _SURROGATE_ESCAPE.search(text):
        text = _ESCAPE.sub(lambda escape: "\\ufffd" if escape[1] else escape[0], text)
    if isinstance(document, str) and not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError(f"nested more than {MAX_DEPTH} levels deep") from None
    if openings > MAX_DEPTH:
        _check_depth(value)
    return value


def text(value: object) -> str:
    """A string or a number as text; '' for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def number(value: object) -> float:
    """A number; 0.0 for anything else, truth values and infinities among it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    try:
        result = float(value)
    except OverflowError:
        return 0.0
    return result if math.isfinite(result) else 0.0


def integer(value: object) -> int:
    """A whole number; 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def values(value: object) -> Sequence[Any]:
    """The values of a JSON array; none for anything else."""
    return value if isinstance(value, list | tuple) else ()


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects in a JSON array, without its other values."""
    return [item for item in values(value) if isinstance(item, Mapping)]


def mutable_objects(value: object) -> list[dict[str, Any]]:
    """The same objects, to be changed in place."""
    return [item for item in values(value) if isinstance(item, dict)]


def texts(value: object) -> list[str]:
    """The strings and numbers in a JSON array as texts, without empty ones."""
    return [string for item in values(value) if (string := text(item))]


def words(value: object) -> list[str]:
    """The words of a string, as OAuth separates scopes, or the texts of a JSON array."""
    return value.split() if isinstance(value, str) else texts(value)


def _float(digits: str) -> float | None:
    result = float(digits)
    return result if math.isfinite(result) else None


def _int(digits: str) -> int:
    if len(digits) > _MAX_INTEGER_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)


_DECODER = json.JSONDecoder(parse_constant=lambda _: None, parse_float=_float, parse_int=_int)


def _check_depth(value: Any) -> None:
    level = [value] if isinstance(value, dict | list) else []
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError(f"nested more than {MAX_DEPTH} levels deep")
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
