"""A unified diff of a client's file in which nothing that might be a secret can be read.

The file holds other servers' keys and tokens, so every value is masked unless it is known to be
harmless: names, numbers, and the texts of our own entry.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Set as AbstractSet
from pathlib import Path

from agentos_mcp.settings.settings import MASK

_TOKEN = re.compile(
    r"""(?P<comment>(?://|\#).*)
      | (?P<quoted>"(?:[^"\\]|\\.)*"|'[^']*')
      | (?P<mark>[\s{}\[\],:=]+)
      | (?P<word>[^\s{}\[\],:="']+|["'])""",
    re.VERBOSE,
)
_HARMLESS = frozenset({"true", "false", "null", "---", "-"})
_BEFORE_KEY = re.compile(r"(?:.*[{,])?\s*(?:- )*")
_AFTER_QUOTED_KEY = re.compile(r"\s*[:=]")
_AFTER_BARE_KEY = re.compile(r":(?:\s|$)|\s*=\s*[^\s=]")
"""The padding of base64 is not an equals sign."""
_TABLE_HEADER = re.compile(r"\[+[\w.-]+\]+\s*")


def masked_diff(path: Path, before: str, after: str | None, printable: AbstractSet[str]) -> str:
    """The diff of a file; `after` is None where the file is removed. `printable` are texts that are not masked."""
    lines = difflib.unified_diff(
        before.splitlines(),
        (after or "").splitlines(),
        str(path) if before else "/dev/null",
        "/dev/null" if after is None else str(path),
        lineterm="",
    )
    return "\n".join(line if number < 2 else _mask_line(line, printable) for number, line in enumerate(lines))


def _mask_line(line: str, printable: AbstractSet[str]) -> str:
    if line.startswith("@@") or _TABLE_HEADER.fullmatch(line, 1):
        return line
    return line[:1] + "".join(_mask_token(token, line, printable) for token in _TOKEN.finditer(line, 1))


def _mask_token(token: re.Match[str], line: str, printable: AbstractSet[str]) -> str:
    text = token.group()
    if token.lastgroup == "mark":
        return text
    if token.lastgroup == "comment":
        return f"{text[: 2 if text.startswith('//') else 1]} {MASK}"
    after_key = _AFTER_QUOTED_KEY if token.lastgroup == "quoted" else _AFTER_BARE_KEY
    is_key = _BEFORE_KEY.fullmatch(line, 1, token.start()) and after_key.match(line, token.end())
    if is_key or text in _HARMLESS or _unquote(text) in printable:
        return text
    return f'"{MASK}"' if token.lastgroup == "quoted" else MASK


def _unquote(text: str) -> str:
    if text.startswith('"'):
        try:
            return str(json.loads(text))
        except ValueError:
            return text
    return text.strip("'")
