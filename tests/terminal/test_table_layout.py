"""Tables in aligned columns, cut to a terminal's width."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from agentos_mcp.agentos.runs.history import RunSummary
from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.runs.run_table import RUN_COLUMNS, run_rows
from agentos_mcp.terminal.command_surface import CommandSurface
from agentos_mcp.terminal.table_layout import align_table
from agentos_mcp.terminal.text_width import display_width
from agentos_mcp.tooling.results import Table
from agentos_mcp.tooling.typed_values import time_value

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
        (47, "a-very-long-identifier-that-stays  what it doe…"),
        (46, "a-very-long-identifier-that-stays"),
        (33, "a-very-long-identifier-that-stays"),
        (10, "a-very-lo…"),
    ],
)
def test_table_cuts_prose_and_keeps_ids(width: int, line: str) -> None:
    assert align_table(ROWS, COMMANDS, width).splitlines()[1] == line


RUNS = [
    RunSummary(
        RunRef("workflow", "content-pipeline", str(uuid.UUID(int=number)), str(uuid.UUID(int=number << 64))),
        status,
        "",
        1_795_240_110,
        input=words,
        answer=words,
        user_id="ada@example.com",
    )
    for number, status, words in (
        (1, "COMPLETED", "how to make a good cup of tea, told at some length for a person in a hurry"),
        (1 << 60, "ERROR", "どのようにして美味しいお茶を淹れるか、急いでいる人のために詳しく説明します"),
        (3 << 60, "PAUSED", "🫖 " * 40),
    )
]
RUN_TABLE = Table(RUN_COLUMNS, run_rows(RUNS), empty="")
TIME = time_value("2026-11-21T05:48:30Z")
TABLES = {
    "runs": RUN_TABLE,
    "runs of a user": Table(RUN_COLUMNS, run_rows(RUNS, "ada"), empty=""),
    "sessions": Table(
        ("id", "component", "name", "user", "active"),
        [(str(uuid.UUID(int=7)), "workflow a-workflow-with-a-long-id", "茶" * 60, "ada@example.com", TIME)],
        empty="",
    ),
    "traces": Table(
        ("id", "name", "user", "status", "duration", "spans", "errors", "started"),
        [("0" * 32, "workflow content-pipeline", "ada@example.com", "ok, 2 runs failed inside", "1.5 s", 3, 1, TIME)],
        empty="",
    ),
    "one long word": Table(("id", "name"), [("a" * 300, "b" * 300)], empty=""),
    "wide id": Table(("id", "name"), [("識別子" * 50, "x")], empty=""),
    "forty columns": Table(tuple(f"c{n}" for n in range(40)), [[f"value {n}" for n in range(40)]], empty=""),
    "joined and zero-width": Table(("id", "name"), [("e\u0301" * 90, "👩\u200d💻 " * 40)], empty=""),
    "lines in a cell": Table(("id", "name"), [("a\nb\rc", "x\u2028y\tz " * 30)], empty=""),
}


@pytest.mark.parametrize("width", [20, 60, 80, 120])
@pytest.mark.parametrize("name", TABLES)
def test_table_has_no_row_wider_than_the_terminal(name: str, width: int) -> None:
    table = TABLES[name]
    lines = align_table(table, COMMANDS, width).split("\n")
    assert len(lines) == 1 + len(table.rows)
    assert [line for line in lines if display_width(line) > width] == []


@pytest.mark.parametrize("width", [60, 80, 120, 0])
def test_runs_have_a_reference_to_copy_and_a_status_at_any_width(width: int) -> None:
    lines = align_table(RUN_TABLE, COMMANDS, width).split("\n")
    assert lines[0].split()[:2] == ["RUN", "STATUS"]
    for run, line in zip(RUNS, lines[1:], strict=True):
        reference, status = line.split()[:2]
        assert status == run.outcome
        assert reference == str(run.ref) if "/" in reference else run.ref.run.startswith(reference)
    assert len({line.split()[0] for line in lines[1:]}) == len(RUNS)


def test_table_leaves_out_its_last_columns_and_keeps_times_whole() -> None:
    assert align_table(RUN_TABLE, COMMANDS, 60).split("\n")[0].split() == ["RUN", "STATUS", "USER", "STARTED"]
    assert align_table(TABLES["runs of a user"], COMMANDS, 60).split("\n")[1].endswith("how to make a go…")
    assert "2026-11-21 05:48 UTC" in align_table(RUN_TABLE, COMMANDS, 60)


def test_ids_that_a_shell_would_not_take_have_no_short_form() -> None:
    odd = [
        replace(RUNS[0], ref=replace(RUNS[0].ref, run=run_id))
        for run_id in ("$(touch x)-1234", "last", "--explain", "a b c d")
    ]
    for run in odd:
        assert [row[0].short for row in run_rows([run])] == [""]  # type: ignore[attr-defined]  # a TypedValue
    twice = [RUNS[0], replace(RUNS[0], ref=replace(RUNS[0].ref, session="other"))]
    assert [row[0].short for row in run_rows(twice)] == ["", ""]  # type: ignore[attr-defined]  # a TypedValue
