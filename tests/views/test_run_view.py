"""A run as a timeline: while it goes on, and as it is stored."""

from __future__ import annotations

from dataclasses import replace

from agentos_mcp.agentos.hints import PLAIN
from agentos_mcp.agentos.runs.run import RunRef, RunState, Status, Step
from agentos_mcp.agentos.runs.stored_run import read_stored_run
from agentos_mcp.runs.pending import PendingList, pending_item
from agentos_mcp.terminal.command_surface import CommandSurface
from agentos_mcp.views.inbox_view import inbox_view
from agentos_mcp.views.run_view import LiveTimeline, run_view
from tests._support.view_samples import REF, failed_run, run_content


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_steps_of_a_stored_run_come_one_after_the_other() -> None:
    rows = run_content().to_data()["bars"]["rows"]
    assert [(row["name"], row["start"], row["seconds"]) for row in rows] == [
        ("research (Writer)", 0.0, 2.0),
        ("write (Writer)", 2.0, 2.0),
        ("review (Writer)", 4.0, 2.0),
    ]


def test_failed_run_says_why_first_and_which_step() -> None:
    data = failed_run().to_data()
    assert (data["blocks"][0]["label"], data["blocks"][0]["first"]) == ("Why it failed", True)
    assert [row["state"] for row in data["bars"]["rows"]] == ["completed", "failed"]


def test_paused_run_shows_a_call_s_arguments_and_what_can_be_given() -> None:
    schema = [{"name": "subject", "field_type": "str", "description": "Of the letter", "value": None}]
    call = {"tool_name": "send", "tool_args": {"to": "Ada"}, "requires_user_input": True, "user_input_schema": schema}
    output = {"run_id": "r", "agent_id": "a", "status": "PAUSED", "requirements": [{"id": "q", "tool_execution": call}]}
    state = read_stored_run(RunState(RunRef("agent", "a", "s", "r")), output)
    pending = PendingList((pending_item(state, output, since=1.0, user_id=""),))
    for content in (run_view(state, output, PLAIN).to_data(), inbox_view(pending, PLAIN).to_data()["cards"][0]):
        text = content["blocks"][0]["text"]
        assert "Ada" in text
        assert "subject: Of the letter" in text


def test_card_with_more_questions_than_it_shows_says_what_shows_them_all() -> None:
    call = {"tool_name": "send", "tool_args": {"to": "Ada"}, "requires_confirmation": True}
    requirements = [
        {"id": f"q{number}", "tool_execution": {**call, "tool_call_id": f"c{number}"}} for number in range(8)
    ]
    output = {"run_id": "r", "agent_id": "a", "status": "PAUSED", "requirements": requirements}
    state = read_stored_run(RunState(RunRef("agent", "a", "s", "r")), output)
    item = pending_item(state, output, since=1.0, user_id="")
    for surface, shown in (
        (PLAIN, "continue_run(run='agent/a/s/r')"),
        (CommandSurface(), "`agentos-mcp continue agent/a/s/r`"),
    ):
        (card,) = inbox_view(PendingList((item,)), surface).to_data()["cards"]
        labels = {block["label"]: block["text"] for block in card["blocks"]}
        assert labels["and 3 more questions"] == f"{shown} shows all that it asks."
    assert item.ask_lines[-1] == "and 3 more"


def test_completed_run_says_how_much_of_it_failed() -> None:
    broken = {"step_name": "write", "success": False, "error": "no ink"}
    call = {"tool_name": "dig", "result": "no spade", "tool_call_error": True}
    assert run_content("COMPLETED").to_data()["state_text"] == "completed"
    data = run_content("COMPLETED", step_results=[broken], tools=[call]).to_data()
    assert data["state_text"] == "completed, but 1 of 1 steps and 1 tool call failed"


def test_steps_and_what_is_done_in_them_are_placed_as_they_are_seen() -> None:
    clock = Clock()
    live = LiveTimeline(clock)
    state = RunState(REF, status=Status.RUNNING, total_steps=2)
    live.report(state)
    state = replace(state, steps=(Step("research"),))
    clock.now = 1.0
    live.report(state)
    clock.now = 2.0
    live.report(replace(state, activity="calling search", actor="Finder"))
    clock.now = 3.0
    live.report(replace(state, activity=""))
    clock.now = 4.0
    live.report(replace(state, steps=(Step("research", "completed"), Step("write"))))
    data = live.content(PLAIN).to_data()
    assert [
        (row["name"], row["depth"], row["start"], row["seconds"], row["state"]) for row in data["bars"]["rows"]
    ] == [
        ("research", 0, 1.0, 3.0, "completed"),
        ("calling search", 1, 2.0, 1.0, "completed"),
        ("write", 0, 4.0, None, "running"),
    ]
    assert (data["is_final"], data["progress_text"]) == (False, "running, step 2 of 2: write")


def test_what_is_done_is_bounded() -> None:
    live = LiveTimeline(Clock())
    for number in range(2_000):
        live.report(RunState(REF, status=Status.RUNNING, activity=f"calling tool {number}"))
    assert len(live.content(PLAIN).to_data()["bars"]["rows"]) < 500


def test_run_that_nobody_works_on_is_not_asked_for_again() -> None:
    live = LiveTimeline(Clock())
    live.report(RunState(REF, status=Status.RUNNING, is_orphaned=True))
    content = live.content(PLAIN).to_data()
    assert content["is_final"]
    assert "restarted" in content["notices"][0]
