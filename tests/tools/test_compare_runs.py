"""What compare_runs says of two runs, on a live AgentOS."""

from __future__ import annotations

import pytest

from agentos_mcp.agentos.runs.run import new_id
from tests._support.agentos.regressing import REASON
from tests._support.agentos_pool import AgentOSPool
from tests._support.mcp_client import Connect, Peer, reference, words

pytestmark = pytest.mark.anyio
ONE_ERA = True

SETTINGS = {"toolsets": ("runs",)}


@pytest.fixture(scope="module")
def regressing(agentoses: AgentOSPool) -> str:
    return agentoses.url("regressing")


async def run(peer: Peer, message: str, *, id: str = "sales-report", **more: str) -> str:
    kind = "workflow" if id == "sales-report" else "agent"
    return reference(words(await peer.call(f"run_{kind}", **{f"{kind}_id": id}, message=message, **more)))


async def test_compare_runs_without_arguments_names_what_made_the_latest_run_fail(
    connect: Connect, regressing: str
) -> None:
    async with connect(regressing, **SETTINGS) as peer:
        good = await run(peer, "sales of south")
        bad = await run(peer, "sales of north")
        text = await peer.text("compare_runs")
    lines = text.splitlines()
    assert lines[0] == "**Sales Report: A completed, B completed with 2 failed parts**"
    assert lines[1].startswith(f"A: {good} · 20")
    assert lines[2].startswith(f"B: {bad} · 20")
    assert 'Why B failed: step check: "there are no sales to report"' in lines
    assert 'First difference: input: "sales of south" → "sales of north"' in lines
    assert '- tool fetch_sales in fetch: arguments: "region=\\"south\\"" → "region=\\"north\\""' in lines
    assert f'- tool fetch_sales in fetch: status: completed → "failed: {REASON}"' in lines
    assert "The same: models" in lines
    assert lines[-1] == "explain_run tells more of B."


async def test_compare_runs_takes_a_good_run_with_the_same_input_before_a_later_one(
    connect: Connect, regressing: str
) -> None:
    async with connect(regressing, **SETTINGS) as peer:
        message = f"sales of {new_id()}-once"
        same = await run(peer, message)
        bad = await run(peer, message)
        await run(peer, "sales of west")
        text = await peer.text("compare_runs", run_b=bad)
        assert f"\nA: {same} · " in text
        assert f"\nB: {bad} · " in text
        assert "First difference: tool fetch_sales in fetch: status: completed → " in text
        assert "The same: input, models" in text
        by_name = await peer.text("compare_runs", run_a="sales report")
    assert by_name.startswith("**Sales Report: A completed, B completed with 2 failed parts**")


async def test_compare_runs_compares_the_two_runs_that_are_named(connect: Connect, regressing: str) -> None:
    async with connect(regressing, **SETTINGS) as peer:
        first = await run(peer, "sales of east", id="analyst")
        second = await run(peer, "sales of west", id="analyst")
        text = await peer.text("compare_runs", run_a=first, run_b=second)
        same = await peer.text("compare_runs", run_a=first, run_b=first)
    assert text.startswith(f"**Analyst: A completed, B completed**\nA: {first}")
    assert "Why" not in text
    assert 'output: "the sales: east: 12 kettles" → "the sales: west: 12 kettles"' in text
    assert "Nothing differs.\nThe same: input, models, tool calls" in same


async def test_compare_runs_of_a_good_run_takes_the_latest_failed_one(connect: Connect, regressing: str) -> None:
    async with connect(regressing, **SETTINGS) as peer:
        await run(peer, "sales of north")
        good = await run(peer, "sales of south")
        text = await peer.text("compare_runs", run_a=good)
    assert text.startswith("**Sales Report: A completed, B completed with 2 failed parts**")
    assert f"\nA: {good} · " in text


async def test_compare_runs_gives_its_differences_as_data(connect: Connect, regressing: str) -> None:
    async with connect(regressing, structured_output=True, **SETTINGS) as peer:
        good, bad = await run(peer, "sales of south"), await run(peer, "sales of north")
        data = (await peer.call("compare_runs", run_a=good, run_b=bad)).structured_content
    assert data is not None
    assert (data["a"]["run"], data["b"]["run"]) == (good, bad)
    assert data["differences"][data["cause"]]["subject"] == "check"
    assert data["differences"][data["first_divergence"]]["aspect"] == "input"


async def test_compare_runs_without_such_runs_says_what_is_missing(connect: Connect, regressing: str) -> None:
    async with connect(regressing, **SETTINGS) as peer:
        await run(peer, "sales of south", id="analyst")
        assert "No run of agent Writer has failed lately." in await peer.error("compare_runs", run_a="writer")
        good = await run(peer, "hello", id="writer")
        assert "No run of agent Writer has failed lately." in await peer.error("compare_runs", run_a=good)
        unknown = await peer.error("compare_runs", run_a="nobody")
        assert "nobody" in unknown
        both = await peer.error("compare_runs", run_a="writer", run_b="analyst")
        assert "list_runs has references; give two of them (run_a, run_b)." in both


async def test_compare_runs_on_a_server_for_one_user_reads_no_other_users_runs(
    connect: Connect, regressing: str
) -> None:
    async with connect(regressing, **SETTINGS) as peer:
        ann = await run(peer, "sales of north", user_id="ann")
    async with connect(regressing, user_id="bob", **SETTINGS) as peer:
        bob = await run(peer, "sales of south")
        assert "has failed lately" in await peer.error("compare_runs")
        for pair in ({"run_a": ann, "run_b": bob}, {"run_a": bob, "run_b": ann}, {"run_b": ann}):
            assert "of user 'bob'" in await peer.error("compare_runs", **pair)
