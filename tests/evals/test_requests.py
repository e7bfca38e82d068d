"""The requests as data: nothing in them that is not there, and no tool without a request."""

from __future__ import annotations

import pytest

from agentos_mcp.settings import Settings
from agentos_mcp.tooling.mcp_tool import mcp_tool
from agentos_mcp.tools import TOOLSETS
from evals.report import read_bars
from evals.requests import NO_TOOL, REQUESTS, Request

SPECS = {spec.name: spec for toolset in TOOLSETS for spec in toolset.tools}
DEFAULT_TOOLS = {name for name, spec in SPECS.items() if spec.default}


def test_requests_are_43_with_ids_and_texts_of_their_own() -> None:
    assert len(REQUESTS) == 43
    assert len({request.id for request in REQUESTS}) == 43
    assert len({request.text for request in REQUESTS}) == 43


def test_requests_need_every_default_tool() -> None:
    assert not DEFAULT_TOOLS - {request.best for request in REQUESTS}


def test_requests_leave_a_share_to_all_tools() -> None:
    assert 8 <= sum(request.toolsets == "all" for request in REQUESTS) <= 16


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.id)
class TestRequest:
    def test_request_names_only_tools_that_are_offered(self, request_: Request) -> None:
        offered = DEFAULT_TOOLS if request_.toolsets == "default" else set(SPECS)
        named = {request_.best, *request_.also, *(call.tool for call in request_.solution)} - {NO_TOOL}
        assert named <= offered

    def test_request_for_all_tools_cannot_do_with_the_default_ones(self, request_: Request) -> None:
        used = {call.tool for call in request_.solution}
        assert (request_.toolsets == "all") == bool(used - DEFAULT_TOOLS)

    def test_solution_begins_with_an_acceptable_tool(self, request_: Request) -> None:
        assert request_.solution[0].tool in request_.acceptable

    def test_solution_gives_arguments_that_the_tools_take(self, request_: Request) -> None:
        for call in request_.solution:
            schema = mcp_tool(SPECS[call.tool], Settings()).parameters
            assert set(call.arguments) <= set(schema["properties"]), call.tool
            assert set(schema.get("required", ())) <= set(call.arguments), call.tool


def test_bars_are_set_for_both_kinds_of_players() -> None:
    for bars in (read_bars("scripted"), read_bars("chat")):
        assert 0 < bars.first_tool_acceptable <= 1
        assert 0 < bars.outcome_right <= 1
        assert 1 <= bars.calls_default <= bars.calls_all
