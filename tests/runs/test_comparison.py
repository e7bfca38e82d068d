"""Two runs compared as values: what differs, what comes first, what is the cause; and its words within their limit."""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Mapping
from typing import Any

import pytest

from agentos_mcp.agentos.hints import PLAIN
from agentos_mcp.agentos.runs.run import RunRef, RunState
from agentos_mcp.agentos.runs.stored_run import read_stored_run
from agentos_mcp.runs.comparison import MAX_DIFFERENCES, RunComparison, compare
from agentos_mcp.runs.comparison_text import comparison_data, comparison_text
from agentos_mcp.runs.run_parts import MAX_PARTS, RunParts, read_parts
from agentos_mcp.server.tool_selection import ToolSelection
from agentos_mcp.server.tool_surface import ToolSurface
from agentos_mcp.settings import Settings
from scripts.surface.tokens import count_tokens

Document = Mapping[str, Any]
REF = RunRef("workflow", "report", "s-1", "r-1")
OTHER = RunRef("workflow", "report", "s-2", "r-2")
MAX_TOKENS = 400


def step(name: str, content: str = "fine", **more: Any) -> dict[str, Any]:
    return {"step_name": name, "content": content, "success": True, "step_type": "Step", **more}


def failed(name: str, error: str) -> dict[str, Any]:
    return {"step_name": name, "success": False, "error": error}


def call(name: str, result: str = "ok", *, error: bool = False, **arguments: Any) -> dict[str, Any]:
    return {"tool_name": name, "tool_args": arguments, "result": result, "tool_call_error": error}


def workflow(*steps: Document, **more: Any) -> dict[str, Any]:
    return {
        "run_id": "r",
        "workflow_id": "report",
        "workflow_name": "Report",
        "status": "COMPLETED",
        "input": "go",
        "content": "done",
        "created_at": 1_795_797_399,
        "step_results": list(steps),
        **more,
    }


def agent(*tools: Document, **more: Any) -> dict[str, Any]:
    return {
        "run_id": "r",
        "agent_id": "report",
        "agent_name": "Report",
        "status": "COMPLETED",
        "input": {"input_content": "go"},
        "tools": list(tools),
        **more,
    }


def parts(document: Document, ref: RunRef = REF) -> RunParts:
    return read_parts(document, read_stored_run(RunState(ref), document))


def compared(before: Document, after: Document) -> RunComparison:
    return compare(REF, parts(before), OTHER, parts(after, OTHER))


def aspects(comparison: RunComparison) -> list[tuple[str, str]]:
    return [(difference.aspect, difference.subject) for difference in comparison.differences]


def test_comparison_of_equal_runs_has_no_difference() -> None:
    document = workflow(step("a"), step("b"))
    comparison = compared(document, document)
    assert comparison.differences == ()
    assert comparison.first_divergence is comparison.cause is None
    assert comparison.same == ("input", "steps")


def test_comparison_has_what_was_given_before_what_was_done() -> None:
    comparison = compared(
        workflow(step("a"), metadata={"agno_component_version": 3}),
        workflow(step("a", "other"), input="run", content="else", metadata={"agno_component_version": "4"}),
    )
    assert aspects(comparison) == [("version", ""), ("input", ""), ("output", "a"), ("output", "")]
    assert comparison.first_divergence is comparison.differences[0]
    assert (comparison.differences[0].before, comparison.differences[0].after) == ("3", "4")


def test_comparison_aligns_steps_that_were_added_or_are_missing() -> None:
    comparison = compared(
        workflow(step("a"), step("b"), step("c"), step("e")), workflow(step("a"), step("c"), step("d"), step("e"))
    )
    assert aspects(comparison) == [("missing", "b"), ("added", "d")]


def test_comparison_names_the_failed_tool_of_a_failed_step_as_the_cause() -> None:
    run = {"run_id": "x", "tools": [call("search", q="tea"), call("save", "disk full", error=True)]}
    good = {"run_id": "x", "tools": [call("search", q="tea"), call("save", "saved")]}
    before = workflow(step("a", step_run_id="x"), step("b"), step_executor_runs=[good])
    after = workflow(
        failed("a", "save failed") | {"step_run_id": "x"}, failed("b", "skipped"), step_executor_runs=[run]
    )
    cause = compared(before, after).cause
    assert cause is not None
    assert (cause.kind, cause.subject, cause.location, cause.reason) == ("tool", "save", "a", "disk full")
    reverse = compared(after, before).cause
    assert reverse is not None
    assert (reverse.failed_in, reverse.reason) == ("before", "disk full")


def test_comparison_takes_the_reason_of_a_run_that_ended_in_an_error_for_the_cause() -> None:
    error = {"event": "RunError", "run_id": "r", "content": "Rate limit reached"}
    after = agent(call("search", "nothing", error=True), status="ERROR", content="I", events=[error])
    cause = compared(agent(call("search")), after).cause
    assert cause is not None
    assert (cause.kind, cause.reason) == ("run", "Rate limit reached")


def test_comparison_has_no_cause_where_both_failed_alike() -> None:
    document = workflow(failed("a", "no"))
    assert compared(document, document).cause is None


def test_comparison_counts_times_and_tokens_only_where_they_doubled() -> None:
    def measured(seconds: float, tokens: int) -> Document:
        return agent(metrics={"duration": seconds, "total_tokens": tokens})

    assert aspects(compared(measured(1.0, 1000), measured(1.4, 1800))) == []
    assert aspects(compared(measured(0.01, 10), measured(0.05, 50))) == []
    comparison = compared(measured(1.0, 1000), measured(9.0, 4000))
    assert aspects(comparison) == [("duration", ""), ("tokens", "")]
    assert comparison.first_divergence is None
    text = comparison_text(comparison, PLAIN)
    assert "- duration: 1 s → 9 s\n- tokens: 1,000 → 4,000" in text


def test_difference_of_long_texts_is_shown_where_they_part() -> None:
    comparison = compared(workflow(input="x" * 5000 + " for tea"), workflow(input="x" * 5000 + " for milk"))
    assert 'input: "…xxxxxxx for tea" → "…xxxxxxx for milk"' in comparison_text(comparison, PLAIN)


_RANDOM = random.Random(7)  # noqa: S311 - no secret
HOSTILE = {
    "words": "the quick brown fox jumps over the lazy dog " * 25_000,
    "base64": base64.b64encode(_RANDOM.randbytes(750_000)).decode(),
    "marks": "".join(_RANDOM.choices("}{[]()<>|\\\"'`~^%$#@!*&", k=1_000_000)),
    "letters": "".join(_RANDOM.choices("bcdfghjklmnpqrstvwxz", k=1_000_000)),
    "short words": " ".join("".join(_RANDOM.choices("qxzjkvw", k=3)) for _ in range(250_000)),
    "short syllables": " ".join("".join(_RANDOM.choices("qxzjkvwaeio", k=3)) for _ in range(250_000)),
    "chinese": "".join(map(chr, _RANDOM.choices(range(0x4E00, 0x9FA5), k=300_000))),
    "emoji": "".join(map(chr, _RANDOM.choices(range(0x1F300, 0x1F5FF), k=250_000))),
    "rare": "".join(map(chr, _RANDOM.choices(range(0x12000, 0x12399), k=250_000))),
    "bidi and escapes": "\u202e\x1b[31m\x1b]0;x\x07\u200b<script>alert(1)</script>\r\n" * 20_000,
}
_UUIDS = RunRef("workflow", "report", "6ed96fb8-e5ee-4bde-8cb2-9599892d0edb", "49ae37af-cd63-464e-a6a9-1e961b869602")


def huge(text: str, number: int) -> Document:
    """A run with the text in every place, and hundreds of calls and steps."""
    half = len(text) // 2
    text = text[half:] + text[:half] if number else text
    name, long = text[:300], text[:5_000]
    calls = [call(f"{name}{index}", long, error=bool(number), **{name: long}) for index in range(300)]
    runs = [{"run_id": "x", "model": name, "tools": calls}]
    made = failed if number else step
    steps = [
        made(f"{name}{index % 7}", text if index == 1 else long) | {"step_run_id": "x" if index == 1 else ""}
        for index in range(600)
    ]
    return workflow(
        *steps,
        workflow_name=name,
        input=text,
        content=text,
        step_executor_runs=runs,
        metrics={"duration": 1e6 * number, "total_tokens": 10**9 * number},
    )


@pytest.fixture(scope="module")
def hostile_texts() -> dict[str, str]:
    surface = ToolSurface(ToolSelection(Settings(toolsets=("all",))), None)
    texts = {}
    for name, text in HOSTILE.items():
        comparison = compare(_UUIDS, parts(huge(text, 0), _UUIDS), _UUIDS, parts(huge(text, 1), _UUIDS))
        texts[name] = comparison_text(comparison, surface)
    return texts


def test_comparison_of_huge_and_hostile_runs_costs_at_most_400_tokens(hostile_texts: dict[str, str]) -> None:
    counts = dict(zip(hostile_texts, count_tokens(list(hostile_texts.values())), strict=True))
    assert {name: count for name, count in counts.items() if count > MAX_TOKENS} == {}
    assert all("Why B failed: " in text for text in hostile_texts.values())


def test_comparison_of_hostile_runs_has_no_control_characters_and_keeps_its_lines(
    hostile_texts: dict[str, str],
) -> None:
    text = hostile_texts["bidi and escapes"]
    assert not set(text) & {"\x1b", "\u202e", "\u200b", "\r", "\x07"}
    ours = ("**", "A: ", "B: ", "Why B failed: ", "First difference: ", "- ", "and ", "The same: ", "explain_run")
    assert [line for line in text.splitlines() if not line.startswith((*ours, "300 ", "900 ", "1,"))] == []


def test_comparison_as_data_is_bounded() -> None:
    comparison = compared(huge(HOSTILE["marks"], 0), huge(HOSTILE["marks"], 1))
    assert len(comparison.differences) == MAX_DIFFERENCES
    assert comparison.differences_left_out > 0
    assert len(str(comparison_data(comparison))) < 100_000


def test_comparison_of_runs_with_all_parts_in_turns_takes_little_time() -> None:
    before = agent(*(call("ab"[index % 2]) for index in range(MAX_PARTS * 2)))
    after = agent(*(call("abc"[index % 3]) for index in range(MAX_PARTS * 2)))
    started = time.process_time()
    comparison = compared(before, after)
    assert time.process_time() - started < 5
    assert comparison.parts_left_out > 0
    assert "steps and tool calls were not compared." in comparison_text(comparison, PLAIN)
