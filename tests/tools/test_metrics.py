from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests._support.mcp_client import Connect
from tests._support.running_agentos import running_agentos

pytestmark = pytest.mark.anyio
ONE_ERA = True


@pytest.fixture(scope="module")
def measured() -> Iterator[str]:
    """An AgentOS with runs on several days."""
    with running_agentos(build="tests._support.agentos.usage_history:build") as url:
        yield url


def day(days_ago: int) -> str:
    return (datetime.now(UTC).date() - timedelta(days=days_ago)).isoformat()


async def test_metrics_are_listed_by_day_newest_first_with_their_total(connect: Connect, measured: str) -> None:
    async with connect(measured, toolsets=("all",)) as peer:
        await peer.text("refresh_metrics")
        text = await peer.text("get_metrics", since=day(40), until=day(1))
    head, _, *rows, footer = text.splitlines()
    assert head == "| day (UTC) | agent runs | sessions | tokens in | tokens out | users | runs by model |"
    assert rows == [
        "| total | 3 | 3 | 9 | 12 |  | scripted 3 |",
        f"| {day(1)} | 2 | 2 | 6 | 8 | 2 | scripted 2 |",
        f"| {day(40)} | 1 | 1 | 3 | 4 | 1 | scripted 1 |",
    ]
    assert footer.startswith("In all 3 runs, 3 sessions, 21 tokens. As of 20")


async def test_metrics_of_one_day_have_their_sum(connect: Connect, measured: str) -> None:
    async with connect(measured, toolsets=("all",)) as peer:
        await peer.text("refresh_metrics")
        text = await peer.text("get_metrics", since=day(1), until=day(1))
    assert "| total |" not in text
    assert "\nIn all 2 runs, 2 sessions, 14 tokens. As of 20" in text


async def test_figures_are_agentoss_own_in_a_third_of_its_words(connect: Connect, measured: str) -> None:
    async with connect(measured, toolsets=("all",)) as peer:
        await peer.text("refresh_metrics")
        text = await peer.text("get_metrics", since=day(40), until=day(1))
    query = {"starting_date": day(40), "ending_date": day(1)}
    async with httpx.AsyncClient(base_url=measured) as rest:
        answer = (await rest.get("/metrics", params=query)).json()
    assert {row["date"][:10]: row["agent_runs_count"] for row in answer["metrics"]} == {day(1): 2, day(40): 1}
    assert len(text) * 3 < len(json.dumps(answer))


async def test_get_metrics_without_dates_shows_the_last_thirty_days(connect: Connect, measured: str) -> None:
    async with connect(measured, toolsets=("all",)) as peer:
        await peer.text("refresh_metrics")
        text = await peer.text("get_metrics")
    assert day(1) in text
    assert day(40) not in text


async def test_metrics_of_one_user_are_shown_alone(connect: Connect, measured: str) -> None:
    async with connect(measured, toolsets=("all",)) as peer:
        await peer.text("refresh_metrics")
        bob = await peer.text("get_metrics", user_id="bob")
    assert f"| {day(1)} | 1 | 1 | 3 | 4 | 1 | scripted 1 |" in bob
    assert "total" not in bob


async def test_refresh_brings_in_what_has_just_happened(connect: Connect, measured: str, era: str) -> None:
    user = f"new-{era}"
    async with connect(measured, toolsets=("all",)) as peer:
        await peer.text("refresh_metrics")
        assert (await peer.text("get_metrics", user_id=user)).startswith("No figures from ")
        await peer.text("run_agent", agent_id="echo", message="hello", user_id=user)
        assert await peer.text("refresh_metrics") == "The figures are up to date. See get_metrics."
        assert "| 1 | 1 | 1 | 2 | 1 | scripted 1 |" in await peer.text("get_metrics", user_id=user)


async def test_last_refresh_is_told(connect: Connect, measured: str) -> None:
    async with connect(measured, toolsets=("all",)) as peer:
        await peer.text("refresh_metrics")
        assert (await peer.text("get_metrics_status")).startswith("Done 20")


async def test_get_metrics_status_without_a_refresh_says_so(connect: Connect) -> None:
    with running_agentos(build="tests._support.agentos.usage_history:build") as url:
        async with connect(url, toolsets=("metrics",)) as peer:
            text = await peer.text("get_metrics_status")
    assert text == "No refresh since this AgentOS started. refresh_metrics starts one."


async def test_metrics_without_figures_say_how_to_get_some(connect: Connect, measured: str) -> None:
    async with connect(measured, toolsets=("all",)) as peer:
        text = await peer.text("get_metrics", since="2001-01-01", until="2001-01-31")
    assert text == "No figures from 2001-01-01 to 2001-01-31. refresh_metrics makes them from the sessions there are."


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"since": "last summer"}, "since: 'last summer' is not a valid day. Write it as YYYY-MM-DD"),
        ({"until": "2026-02-30"}, "until: '2026-02-30' is not a valid day. Write it as YYYY-MM-DD"),
        ({"since": "2026-02-02", "until": "2026-02-01"}, "since (2026-02-02) is after until (2026-02-01). Swap them."),
        ({"db_id": "other"}, "There is no database 'other' for this. Give db_id, one of: measured-db."),
    ],
)
async def test_metrics_that_cannot_be_read_say_why(
    connect: Connect, measured: str, arguments: dict[str, str], expected: str
) -> None:
    async with connect(measured, toolsets=("all",)) as peer:
        assert expected in await peer.error("get_metrics", **arguments)


@pytest.mark.parametrize("tool", ["refresh_metrics", "get_metrics_status"])
async def test_refresh_of_an_unknown_database_is_refused(connect: Connect, measured: str, tool: str) -> None:
    async with connect(measured, toolsets=("all",)) as peer:
        assert "There is no database 'other' for this" in await peer.error(tool, db_id="other")
