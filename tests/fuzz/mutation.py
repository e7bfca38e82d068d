"""Changes texts and bytes at random: parts go, come twice or from elsewhere, or become what parsers stumble over."""

from __future__ import annotations

import random

_STRANGE = (
    "",
    "\x00",
    "\ufeff",
    "\ud800",
    "\u202e",
    "日本",
    "\r",
    "\n",
    "\r\n",
    "\n\n",
    "\t",
    "  ",
    '"',
    "'",
    '"""',
    "'''",
    "\\",
    "\\u",
    "\\ud800",
    "\\x00",
    "/",
    "//",
    "/*",
    "*/",
    "#",
    "%",
    "%ff",
    "%00",
    "%2F",
    ":",
    "::",
    ": ",
    ",",
    "=",
    ".",
    "..",
    "-",
    "- ",
    "---",
    "...",
    "&a ",
    "*a",
    "<<: ",
    "!!python/object:x ",
    "!!int ",
    "? ",
    "| ",
    "> ",
    "{",
    "}",
    "[",
    "]",
    "[[",
    "{}",
    "[]",
    "{" * 40,
    "[" * 300,
    "null",
    "true",
    "~",
    "NaN",
    "-inf",
    "0x1F",
    "1e999",
    "-0",
    "9" * 30,
    "9" * 5_000,
    "1979-05-27T07:32:00Z",
    "2026-13-45",
    "__proto__",
    "data: ",
    "event: ",
    "id: ",
    "retry: ",
    ": ping",
)
_ASCII = tuple(map(chr, range(32, 127)))


def mutated_text(text: str, dice: random.Random, others: tuple[str, ...] = ()) -> str:
    """A text with one to four changes; parts of `others` may come in."""
    for _ in range(dice.choice((1, 1, 2, 2, 3, 4))):
        start = dice.randrange(len(text) + 1)
        end = min(len(text), start + dice.choice((0, 1, 1, 2, 5, 20, 200)))
        match dice.randrange(8):
            case 0:
                text = text[:start] + text[end:]
            case 1:
                text = text[:end] + text[start:end] * dice.choice((1, 2, 30)) + text[end:]
            case 2:
                at = dice.randrange(len(text) + 1)
                text = text[:at] + text[start:end] + text[at:]
            case 3:
                text = text[:start] + dice.choice(_ASCII) + text[end:]
            case 4 if others:
                other = dice.choice(others)
                at = dice.randrange(len(other) + 1)
                text = text[:start] + other[at : at + dice.choice((1, 10, 100))] + text[end:]
            case 5:
                text = text[:start] if dice.randrange(4) == 0 else text[:start] + text[end:]
            case _:
                text = text[:start] + dice.choice(_STRANGE) + text[end:]
    return text


def mutated_bytes(data: bytes, dice: random.Random) -> bytes:
    """Bytes with one to four changes, which need not be text."""
    for _ in range(dice.choice((1, 1, 2, 3, 4))):
        start = dice.randrange(len(data) + 1)
        end = min(len(data), start + dice.choice((0, 1, 2, 9, 100)))
        match dice.randrange(5):
            case 0:
                data = data[:start] + data[end:]
            case 1:
                data = data[:end] + data[start:end] * dice.choice((1, 2, 20)) + data[end:]
            case 2:
                data = data[:start] + bytes(dice.randrange(256) for _ in range(dice.choice((1, 4)))) + data[end:]
            case 3:
                at = dice.randrange(len(data) + 1)
                data = data[:at] + data[start:end] + data[at:]
            case _:
                data = data[:start] + dice.choice(_STRANGE).encode("utf-8", "surrogatepass") + data[end:]
    return data
