"""The width of text in a terminal's columns: measured, cut with an ellipsis, padded."""

from __future__ import annotations

import unicodedata


def display_width(text: str) -> int:
    """How many columns a line of text takes."""
    if text.isascii():
        return len(text)
    return sum(_char_width(char) for char in text)


def truncate(text: str, max_width: int) -> str:
    """A line of text in at most `max_width` columns, cut with an ellipsis."""
    if display_width(text) <= max_width:
        return text
    chars, columns_left = [], max_width - 1
    for char in text:
        columns_left -= _char_width(char)
        if columns_left < 0:
            break
        chars.append(char)
    return "".join(chars) + "…"


def pad(text: str, width: int) -> str:
    return text + " " * (width - display_width(text))


def _char_width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Cc", "Cf", "Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
