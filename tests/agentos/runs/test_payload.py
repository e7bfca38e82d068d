from __future__ import annotations

from typing import Any

from agentos_mcp.agentos.runs.payload import choice_descriptions, read_failed_tools, tool_error

CHOICES = [{"name": "fast", "description": "Today."}, {"name": "cheap", "description": "Free."}, {"name": "odd"}]
NAMES = frozenset({"fast", "cheap", "odd"})


def test_choice_descriptions_are_found_in_a_router_inside_other_steps() -> None:
    router = {"name": "ship", "steps": CHOICES}
    for page in (
        {"steps": [router]},
        {"steps": [{"name": "a"}, {"name": "check", "steps": [], "else_steps": [{"name": "loop", "steps": [router]}]}]},
    ):
        assert choice_descriptions(page, "ship", NAMES) == {"fast": "Today.", "cheap": "Free."}


def test_choice_descriptions_of_another_router_are_not_taken() -> None:
    pages: list[dict[str, Any]] = [
        {"steps": [{"name": "other", "steps": CHOICES}]},
        {"steps": [{"name": "ship", "steps": CHOICES[:2]}]},
        {"steps": "none"},
        {},
    ]
    for page in pages:
        assert choice_descriptions(page, "ship", NAMES) == {}


def failed(name: str, result: str = "no") -> dict[str, Any]:
    return {"tool_name": name, "tool_call_error": True, "result": result}


def test_failed_tools_are_read_in_members_and_steps_and_counted_once() -> None:
    member = {"run_id": "m", "tools": [failed("dig", "no spade"), {"tool_name": "rake", "result": "raked"}]}
    team = {"run_id": "t", "tools": [failed("plan")], "member_responses": [member]}
    output = {"run_id": "w", "step_executor_runs": [team, member, {"run_id": "o", "tools": [failed("sow")]}]}
    assert read_failed_tools(output) == {
        "failed_tools": (("plan", "no"), ("dig", "no spade"), ("sow", "no")),
        "failed_tools_left_out": 0,
    }
    assert read_failed_tools({"tools": [{"tool_name": "rake", "result": "Error: none"}]}) == {}


def test_failed_tools_of_runs_inside_each_other_without_end_are_read() -> None:
    run: dict[str, Any] = {"run_id": "deep", "tools": [failed("dig")]}
    for number in range(500):
        run = {"run_id": str(number), "member_responses": [run]}
    assert read_failed_tools(run) == {}


def test_tool_error_is_told_of_a_search_that_agentos_calls_successful() -> None:
    search = {"tool_name": "search_knowledge_base", "tool_call_error": False}
    assert tool_error({**search, "result": "Error searching knowledge base: ValueError"}).endswith("ValueError")
    assert tool_error({**search, "result": '[{"content": "Error searching knowledge base: ValueError"}]'}) == ""
    assert tool_error({"tool_call_error": True, "result": None}) == "it gave no reason"
