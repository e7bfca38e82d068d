"""What would change, as a unified diff in which nothing that might be a secret can be read.

A client's file holds other servers' keys and tokens, so what stands in it is masked unless it is
known to be harmless: names, numbers, and what our own entry says.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Set as AbstractSet
from pathlib import Path

MASK = "********"

_PIECE = re.compile(
    r"""(?P<comment>(?://|\#).*)
      | (?P<quoted>"(?:[^"\\]|\\.)*"|'[^']*')
      | (?P<mark>[\s{}\[\],:=]+)
      | (?P<word>[^\s{}\[\],:="']+|["'])""",
    re.VERBOSE,
)
_HARMLESS = frozenset({"true", "false", "null", "---", "-"})
_BEGINS = re.compile(r"(?:.*[{,])?\s*(?:- )*")
"""What stands before a key."""
_QUOTED_KEY = re.compile(r"\s*[:=]")
_BARE_KEY = re.compile(r":(?:\s|$)|\s*=\s*[^\s=]")
"""What follows one: the padding of base64 is no equals sign."""
_HEADER = re.compile(r"\[+[\w.-]+\]+\s*")


def difference(place: Path, before: str, after: str | None, shown: AbstractSet[str]) -> str:
    """The diff of a file; `after` is None where the file goes. `shown` are texts that may be read."""
    lines = difflib.unified_diff(
        before.splitlines(),
        (after or "").splitlines(),
        str(place) if before else "/dev/null",
        "/dev/null" if after is None else str(place),
        lineterm="",
    )
    return "\n".join(line if number < 2 else _masked(line, shown) for number, line in enumerate(lines))


def _masked(line: str, shown: AbstractSet[str]) -> str:
    if line.startswith("@@") or _HEADER.fullmatch(line, 1):
        return line
    return line[:1] + "".join(_piece(found, line, shown) for found in _PIECE.finditer(line, 1))


def _piece(found: re.Match[str], line: str, shown: AbstractSet[str]) -> str:
    text = found.group()
    if found.lastgroup == "mark":
        return text
    if found.lastgroup == "comment":
        return f"{text[: 2 if text.startswith('//') else 1]} {MASK}"
    follows = _QUOTED_KEY if found.lastgroup == "quoted" else _BARE_KEY
    is_key = _BEGINS.fullmatch(line, 1, found.start()) and follows.match(line, found.end())
    if is_key or text in _HARMLESS or _plain(text) in shown:
        return text
    return f'"{MASK}"' if found.lastgroup == "quoted" else MASK


def _plain(text: str) -> str:
    if text.startswith('"'):
        try:
            return str(json.loads(text))
        except ValueError:
            return text
    return text.strip("'")
