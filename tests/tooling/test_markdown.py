from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_mcp.agentos.hints import PLAIN
from agentos_mcp.agentos.runs.run import RunRef, RunState, Status, Step
from agentos_mcp.runs.result import paginate, run_result
from agentos_mcp.tooling.markdown import fenced, page_note, table

DONE = RunState(
    ref=RunRef("workflow", "pipe", "s", "r"), status=Status.COMPLETED, answer="The answer.", tokens=1234, seconds=4.21
)


def test_run_result_is_the_answer_then_the_facts_then_the_reference() -> None:
    assert run_result(DONE, tokens=1000, surface=PLAIN) == (
        "The answer.\n--- agentos-mcp\ncompleted · 4.2 s · 1,234 tokens\nrun: workflow/pipe/s/r"
    )


def test_unknown_facts_are_left_out() -> None:
    assert run_result(replace(DONE, tokens=0, seconds=0.0), tokens=1000, surface=PLAIN).splitlines()[2] == "completed"


def test_failed_steps_and_tools_are_named() -> None:
    state = replace(
        DONE, steps=(Step("good", "completed"), Step("bad", "failed", "it\nbroke")), failed_tools=(("dig", "no spade"),)
    )
    lines = run_result(state, tokens=1000, surface=PLAIN).splitlines()
    assert lines[2].startswith("completed, but 1 of 2 steps and 1 tool call failed")
    assert "failed step bad: it broke" in lines
    assert "failed tool dig: no spade" in lines


def test_failed_run_says_where_and_why() -> None:
    state = replace(DONE, status=Status.ERROR, answer=None, error="no credit", steps=(Step("write", "failed"),))
    assert run_result(state, tokens=1000, surface=PLAIN).startswith("failed in step write: no credit")


def test_words_before_a_failure_are_kept() -> None:
    state = replace(DONE, status=Status.CANCELLED, answer=None, streamed_pieces=("half a ", "word"))
    assert run_result(state, tokens=1000, surface=PLAIN).startswith("half a word\n--- agentos-mcp\ncancelled")


def test_data_answer_is_shown_without_nulls() -> None:
    result = run_result(replace(DONE, answer={"a": 1, "b": None, "c": [{"d": None}]}), tokens=1000, surface=PLAIN)
    assert '"a": 1' in result
    assert "null" not in result


@pytest.mark.parametrize(
    ("seconds", "output"), [(0.04, "40 ms"), (59.94, "59.9 s"), (61, "1 min 1 s"), (3600, "1 h 0 min")]
)
def test_run_duration_is_in_words(seconds: float, output: str) -> None:
    assert f"· {output} ·" in run_result(replace(DONE, seconds=seconds), tokens=1000, surface=PLAIN)


@given(st.text(max_size=3000), st.integers(1, 200))
def test_long_answer_is_complete_over_its_pages(words: str, tokens: int) -> None:
    offset, pieces = 0, []
    for _ in range(len(words) // (tokens * 4) + 1):
        part, more = paginate(words, tokens=tokens, offset=offset, surface=PLAIN)
        pieces.append(part)
        if not more:
            break
        offset = int(more.rpartition("=")[2])
    assert "".join(pieces) == words


def test_table_cell_cannot_break_its_table() -> None:
    lines = table(("id", "about"), [("a|b", "two\nlines | and a bar"), (None, "x" * 500)]).splitlines()
    assert len(lines) == 4
    assert lines[2] == "| a\\|b | two lines \\| and a bar |"
    assert len(lines[3]) < 200


@given(st.text())
def test_fence_cannot_be_closed_from_inside(words: str) -> None:
    fence, *inside, end = fenced(words).split("\n")
    assert fence == end
    assert not any(fence in line for line in inside)


def test_page_note_says_how_to_get_the_next_page() -> None:
    assert page_note({"total_count": 143, "page": 1, "total_pages": 8}, 20, PLAIN) == "20 of 143; page=2 has more"
    assert page_note({"total_count": 143, "page": 8, "total_pages": 8}, 3, PLAIN) == "3 of 143"
    assert page_note({"total_count": 3, "page": 1, "total_pages": 1}, 3, PLAIN) == ""
    assert page_note(None, 3, PLAIN) == ""
