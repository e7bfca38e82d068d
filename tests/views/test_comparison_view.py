"""Two runs side by side: what differs in which part, where they part first, and how much of long texts is shown."""

from __future__ import annotations

import json
from typing import Any

from agentos_mcp.views.content import MAX_CHARACTERS, BlockPair, Half, PairRow, Pairs, RunHead, ViewContent
from tests._support.view_samples import MEGABYTE, compared, comparison, good_run, hostile_comparison


def rows_of(content: ViewContent) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = content.to_data()["pairs"]["rows"]
    return rows


def test_rows_are_the_parts_of_both_runs_between_what_was_given_and_what_came_of_it() -> None:
    assert [
        (row["kind"], row["depth"], row["name"], row["differs"], row["is_first"]) for row in rows_of(comparison())
    ] == [
        ("run", 0, "what it was given", "", False),
        ("step", 0, "research (Researcher)", "differs: output", False),
        ("tool", 1, "search_web", "differs: arguments", True),
        ("step", 0, "write (Writer)", "differs: status, duration", False),
        ("step", 0, "review (Editor)", "only in A", False),
        ("run", 0, "what came of it", "differs: status, error, output, tokens", False),
    ]


def test_other_input_is_the_first_difference() -> None:
    rows = rows_of(comparison("coffee"))
    assert [(row["name"], row["differs"]) for row in rows if row["is_first"]] == [
        ("what it was given", "differs: input")
    ]


def test_halves_have_times_tokens_and_what_failed_of_their_own_run() -> None:
    write, review = rows_of(comparison())[3:5]
    assert write["halves"] == [
        {"state": "completed", "state_text": "", "note": "600 tokens", "start": 2.4, "seconds": 2.6},
        {"state": "failed", "state_text": "failed", "note": "600 tokens", "start": 2.4, "seconds": 7.1},
    ]
    assert review["halves"][1] is None


def test_cause_stands_first_and_the_runs_are_named() -> None:
    data = comparison().to_data()
    assert (data["blocks"][0]["label"], data["blocks"][0]["text"]) == (
        "Why B failed: step write",
        "the provider is out of tokens",
    )
    assert [dict(run["facts"])["run"] for run in data["pairs"]["runs"]] == [
        "workflow/content-pipeline/session-1/run-1",
        "workflow/content-pipeline/session-1/run-2",
    ]
    assert data["is_final"]


def test_same_run_differs_in_nothing() -> None:
    data = compared(good_run(), good_run()).to_data()
    assert data["empty"] == "Nothing differs."
    assert not any(row["differs"] for row in data["pairs"]["rows"])
    assert all(
        block["is_same"] and len(block["texts"]) == 1 for row in data["pairs"]["rows"] for block in row["blocks"]
    )


def test_long_texts_are_shown_from_shortly_before_the_place_where_they_part() -> None:
    before, after = f"{MEGABYTE}good", f"{MEGABYTE}bad"
    row = PairRow("write", Half(), Half(), blocks=(BlockPair("Output", before, after, start=len(MEGABYTE)),))
    data = ViewContent("x", pairs=Pairs(RunHead("A"), RunHead("B"), [row], 1.0)).to_data()
    (block,) = data["pairs"]["rows"][0]["blocks"]
    assert [text["text"].lstrip("x") for text in block["texts"]] == ["good", "bad"]
    assert block["skipped"] + len(block["texts"][0]["text"]) == len(before)


def test_hostile_runs_are_bounded_side_by_side() -> None:
    assert len(json.dumps(hostile_comparison().to_data())) < MAX_CHARACTERS
