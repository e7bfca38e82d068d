"""Text measured and cut by a terminal's columns."""

from __future__ import annotations

import pytest

from agentos_mcp.terminal.text_width import display_width, truncate


@pytest.mark.parametrize(
    ("text", "max_width", "truncated"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
    ],
)
def test_truncate_cuts_text_by_columns(text: str, max_width: int, truncated: str) -> None:
    assert truncate(text, max_width) == truncated
    assert display_width(truncated) <= max_width


def test_display_width_of_combining_marks_is_zero() -> None:
    assert display_width("e\u0301te\u0301") == 3
