"""Tables in aligned columns, cut to a terminal's width."""

from __future__ import annotations

import pytest

from agentos_mcp.terminal.command_surface import CommandSurface
from agentos_mcp.terminal.table_layout import align_table
from agentos_mcp.tooling.results import Table

COMMANDS = CommandSurface()
ROWS = Table(
    ("id", "description", "tags"),
    [("a-very-long-identifier-that-stays", "what it does, told at some length", []), ("b", "short", None)],
    empty="none",
    meta={"total_count": 7, "page": 1, "total_pages": 4},
)


def test_table_without_a_width_is_whole() -> None:
    assert align_table(ROWS, COMMANDS).splitlines() == [
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
def test_table_cuts_prose_and_keeps_ids(width: int, line: str) -> None:
    assert align_table(ROWS, COMMANDS, width).splitlines()[1] == line
