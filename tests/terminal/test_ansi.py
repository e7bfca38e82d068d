"""What a terminal makes of text."""

from __future__ import annotations

import pytest

from agentos_mcp.terminal.ansi import columns, fitted
from agentos_mcp.terminal.command_surface import CommandSurface
from agentos_mcp.terminal.printing import aligned
from agentos_mcp.tooling.results import Table


@pytest.mark.parametrize(
    ("text", "most", "shown"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
    ],
)
def test_text_is_fitted_by_columns(text: str, most: int, shown: str) -> None:
    assert fitted(text, most) == shown
    assert columns(shown) <= most


def test_combining_marks_take_no_column() -> None:
    assert columns("e\u0301te\u0301") == 3


COMMANDS = CommandSurface()
ROWS = Table(
    ("id", "description", "tags"),
    [("a-very-long-identifier-that-stays", "what it does, told at some length", []), ("b", "short", None)],
    empty="none",
    meta={"total_count": 7, "page": 1, "total_pages": 4},
)


def test_a_table_is_whole_where_there_is_no_screen() -> None:
    assert aligned(ROWS, COMMANDS).splitlines() == [
        "ID                                 DESCRIPTION",
        "a-very-long-identifier-that-stays  what it does, told at some length",
        "b                                  short",
        "2 of 7; --page 2 has more",
    ]


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (68, "a-very-long-identifier-that-stays  what it does, told at some length"),
        (60, "a-very-long-identifier-that-stays  what it does, told at so…"),
        (51, "a-very-long-identifier-that-stays  what it does, t…"),
        (50, "a-very-long-identifier-that-stays"),
        (10, "a-very-long-identifier-that-stays"),
    ],
)
def test_prose_gives_way_to_ids(width: int, line: str) -> None:
    assert aligned(ROWS, COMMANDS, width).splitlines()[1] == line
