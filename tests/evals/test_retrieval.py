"""Tools ranked by words, over descriptions made for it."""

from __future__ import annotations

from typing import Any

import pytest

from evals.retrieval import ToolIndex
from evals.toolbox import ToolDescription

KINDS = {"content-pipeline": "workflow", "hr-helper": "agent"}


def described(name: str, description: str, **parameters: str) -> ToolDescription:
    properties: dict[str, Any] = {
        parameter: {"type": "string", "description": text} for parameter, text in parameters.items()
    }
    return ToolDescription(name, description, {"type": "object", "properties": properties})


INDEX = ToolIndex(
    [
        described("list_things", "What there is."),
        described("run_agent", "Run an agent.", message="The input"),
        described("run_workflow", "Run a workflow.", message="The input"),
        described("find_text", "Look something up in documents."),
        described("show_run", "Show a run again.", run="Run reference"),
        described("switch_lamp", "Turn it.", color="Red, green or blue"),
    ]
)


@pytest.mark.parametrize(
    ("request_text", "tool"),
    [
        ("switch the lamp, please", "switch_lamp"),
        ("make it green", "switch_lamp"),
        ("what do the docs say?", "find_text"),
        ("use the content pipeline for tea", "run_workflow"),
        ("ask the HR helper", "run_agent"),
        ("agent/echo/session/id-1: what was it again?", "show_run"),
        ("nothing that any tool has", "list_things"),
    ],
)
def test_ranking_begins_with_the_tool_that_shares_most_words(request_text: str, tool: str) -> None:
    assert INDEX.rank(request_text, KINDS)[0] == tool


def test_ranking_has_every_tool_once() -> None:
    ranking = INDEX.rank("run it", KINDS)
    assert len(ranking) == len(set(ranking)) == 6


def test_ranking_knows_the_instructions_of_a_tools_toolset() -> None:
    index = ToolIndex([described("list_agents", ""), described("list_sessions", "")])
    assert index.rank("my conversations", {})[0] == "list_sessions"
