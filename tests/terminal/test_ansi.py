"""What a terminal makes of text."""

from __future__ import annotations

import pytest

from agentos_mcp.terminal.ansi import columns, elapsed, fitted
from agentos_mcp.terminal.command_wording import in_commands
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


@pytest.mark.parametrize(("seconds", "said"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (34.6, "34 s"), (125, "2 min 5 s")])
def test_times_are_short(seconds: float, said: str) -> None:
    assert elapsed(seconds) == said


ROWS = Table(
    ("id", "description", "tags"),
    [("a-very-long-identifier-that-stays", "what it does, told at some length", []), ("b", "short", None)],
    empty="none",
    meta={"total_count": 7, "page": 1, "total_pages": 4},
)


def test_a_table_is_whole_where_there_is_no_screen() -> None:
    assert aligned(ROWS).splitlines() == [
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
    assert aligned(ROWS, width).splitlines()[1] == line


@pytest.mark.parametrize(
    ("tools", "commands"),
    [
        ("list_runs(status='paused') finds it.", "`agentos-mcp runs --status paused` finds it."),
        ("It is a team: use run_team.", "It is a team: use `agentos-mcp run team`."),
        (
            "Go on in it with run_team(team_id='pair', session_id='s-1').",
            "Go on in it with `agentos-mcp run team pair --session-id s-1 -m TEXT`.",
        ),
        ("continue_run(run, answers)", "`agentos-mcp continue RUN`"),
        ("Give db_id, one of: a, b.", "Give --db-id, one of: a, b."),
        ("See get_run_events and my_session_id.", "See the MCP tool get_run_events and my_session_id."),
        ("No. delete_knowledge does.", "No. The MCP tool delete_knowledge does."),
        ("3 of 9; page=2 has more", "3 of 9; --page 2 has more"),
        ("Nothing of ours here.", "Nothing of ours here."),
    ],
)
def test_what_tools_say_is_said_of_commands(tools: str, commands: str) -> None:
    assert in_commands(tools) == commands
