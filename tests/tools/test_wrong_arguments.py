"""Wrong input to tools that take little or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests._support.mcp_client import Connect

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("tool", ["list_agents", "list_teams", "list_workflows"])
async def test_list_without_parameters_says_so(connect: Connect, sample_agentos: str, tool: str) -> None:
    async with connect(sample_agentos) as peer:
        error = await peer.error(tool, limit=5)
    assert error == f"{tool} has no argument 'limit'. {tool} takes no arguments."


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"team_id": "pair", "message": " "}, "The message is empty. Say what the team should do."),
        ({"team_id": "pair"}, "'message' is missing."),
        ({"team_id": "echo", "message": "x"}, "No team 'echo'. It is an agent: use "),
        ({"team_id": "pairs of all", "message": "x"}, "No team 'pairs of all'."),
        ({"team_id": "pair", "message": "x", "session_state": "calm"}, "'session_state': give a JSON object."),
        ({"team_id": "pair", "message": "x", "factory_input": {"a": 1}}, "'pair' is not built by a factory"),
    ],
)
async def test_team_is_not_run_with_what_it_cannot_take(
    connect: Connect, sample_agentos: str, arguments: dict[str, Any], expected: str
) -> None:
    async with connect(sample_agentos) as peer:
        assert (await peer.error("run_team", **arguments)).startswith(expected)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"user_id": ["ann"]}, "'user_id': "),
        ({"status": "pending"}, "count_approvals has no argument 'status'. count_approvals takes user_id."),
    ],
)
async def test_count_approvals_refuses_an_invalid_user(
    connect: Connect, sample_agentos: str, arguments: dict[str, Any], expected: str
) -> None:
    async with connect(sample_agentos, toolsets=("approvals",)) as peer:
        assert (await peer.error("count_approvals", **arguments)).startswith(expected)
