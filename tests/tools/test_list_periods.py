"""Lists by time: whose things are listed, from when to when, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import anyio
import pytest

from agentos_mcp.agentos.runs.run import new_id
from agentos_mcp.server.introduction import _WEEKDAYS
from tests._support.mcp_client import Connect, Peer, reference
from tests._support.running_agentos import running_agentos

pytestmark = pytest.mark.anyio
ONE_ERA = True

SECOND = 1.1
"""AgentOS keeps whole seconds: what shall be apart in time must be further apart."""


@pytest.fixture(scope="module")
def measured() -> Iterator[str]:
    """An AgentOS with sessions of several days and users."""
    with running_agentos(build="tests._support.agentos.usage_history:build") as url:
        yield url


async def run(peer: Peer, kind: str, id: str, **more: str) -> str:
    result = await peer.call(f"run_{kind}", **{f"{kind}_id": id}, message="x", **more)
    return reference("\n".join(getattr(block, "text", "") for block in result.content))


def now() -> str:
    return datetime.now(UTC).isoformat()


async def test_list_runs_shows_whose_runs_they_are(connect: Connect, media: str) -> None:
    session = new_id()
    async with connect(media) as peer:
        for user in ("anna", "bob"):
            await run(peer, "agent", "echo", session_id=f"{session}-{user}", user_id=user)
        listed = await peer.text("list_runs")
        assert listed.startswith("| run | status | user | started | input | answer |")
        assert f"{session}-anna" in listed
        assert "| completed | anna | 20" in listed
        assert "| completed | bob | 20" in listed
        of_anna = await peer.text("list_runs", user_id="anna")
    assert of_anna.startswith("| run | status | started |")
    assert f"{session}-anna" in of_anna
    assert f"{session}-bob" not in of_anna


async def test_list_runs_tells_failed_steps_of_a_completed_workflow(connect: Connect, media: str) -> None:
    session = new_id()
    async with connect(media, toolsets=("all",)) as peer:
        stumbled = await run(peer, "workflow", "stumbles", session_id=session)
        fine = await run(peer, "workflow", "many")
        listed = await peer.text("list_runs", limit=5)
        assert f"| {stumbled} | completed, but 1 of 4 steps failed |" in listed
        assert f"| {fine} | completed |" in listed
        for tool in ("list_session_runs", "get_session"):
            assert f"| {stumbled} | completed, but 1 of 4 steps failed |" in await peer.text(tool, session_id=session)
        assert "completed, but 1 of 4 steps and 1 tool call failed" in await peer.text("get_run", run=stumbled)


async def test_list_runs_finds_failed_runs_with_failed_steps_too(connect: Connect, media: str) -> None:
    session = new_id()
    async with connect(media, toolsets=("all",)) as peer:
        stumbled = await run(peer, "workflow", "stumbles")
        fine = await run(peer, "workflow", "many", session_id=session)
        failed = await run(peer, "agent", "limited")
        for status in ("failed", "error", "Failures"):
            listed = await peer.text("list_runs", status=status, limit=50)
            assert f"| {stumbled} | completed, but" in listed
            assert f"| {failed} | failed |" in listed
            assert fine not in listed
        assert fine not in await peer.text("list_session_runs", session_id=session, status="failed")
        done = await peer.text("list_runs", status="done")
        assert fine in done
        assert stumbled in done
        assert failed not in done


async def test_list_of_failed_runs_says_of_how_many_the_steps_were_not_read(
    connect: Connect, media: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = new_id()
    monkeypatch.setattr("agentos_mcp.agentos.runs.history._MAX_STEP_READS", 1)
    async with connect(media, toolsets=("all",)) as peer:
        for _ in range(3):
            await run(peer, "workflow", "stumbles", session_id=session)
        note = "Whether steps of 2 older completed workflow runs failed was not read: a shorter time (since, until)"
        for tool in ("list_runs", "list_session_runs"):
            assert note in await peer.text(tool, session_id=session, status="failed")
            assert "was not read" not in await peer.text(tool, session_id=session)


@pytest.mark.parametrize(
    ("tool", "things"),
    [("list_sessions", "sessions"), ("list_evals", "evals"), ("list_approvals", "approvals")],
)
async def test_list_of_a_period_says_how_many_it_looked_through_where_not_all(
    connect: Connect, media: str, monkeypatch: pytest.MonkeyPatch, tool: str, things: str
) -> None:
    note = f"Only the newest 0 {things} were looked through."
    async with connect(media, toolsets=("all",)) as peer:
        assert "looked through" not in await peer.text(tool, since="today")
        monkeypatch.setattr("agentos_mcp.agentos.pagination._MAX_PERIOD_PAGES", 0)
        assert note in await peer.text(tool, since="today")


async def test_list_takes_a_component_of_another_kind_than_was_said(connect: Connect, media: str) -> None:
    async with connect(media, toolsets=("all",)) as peer:
        started = await run(peer, "workflow", "many")
        assert started in await peer.text("list_runs", kind="agent", id="many")
        assert "workflow many" in await peer.text("list_sessions", kind="team", id="many")


async def test_list_runs_takes_the_word_waiting_for_paused_runs(connect: Connect, media: str) -> None:
    async with connect(media) as peer:
        paused = await run(peer, "agent", "confirmer")
        for status in ("waiting", "paused", "waiting for input"):
            assert f"| {paused} | paused |" in await peer.text("list_runs", status=status)
        error = await peer.error("list_runs", status="sleeping")
    assert error.startswith("'sleeping' is not a status. Use one of running, paused (waiting), completed (done)")


async def test_list_runs_is_limited_to_a_period_and_leads_to_older_runs(connect: Connect, media: str) -> None:
    user = new_id()
    async with connect(media) as peer:
        old = await run(peer, "agent", "echo", user_id=user)
        after_old = now()
        await anyio.sleep(SECOND)
        between = now()
        new = await run(peer, "agent", "echo", user_id=user, session_id=old.split("/")[2])
        newest = await run(peer, "agent", "echo", user_id=user)
        since = await peer.text("list_runs", user_id=user, since=between[:19])
        assert new in since
        assert newest in since
        assert old not in since
        until = await peer.text("list_runs", user_id=user, until=after_old)
        assert old in until
        assert newest not in until
        assert newest in await peer.text("list_runs", user_id=user, since="today")
        assert newest in await peer.text("list_runs", user_id=user, since="2h", until="now")
        nothing = await peer.text("list_runs", user_id=user, until="yesterday")
        assert nothing == "No such runs in the 60 latest sessions."
        page = await peer.text("list_runs", user_id=user, limit=2)
        assert old not in page
        assert old in await peer.text("list_runs", user_id=user, until=page.rpartition("Older ones: until=")[2])


@pytest.mark.parametrize(
    "tool",
    ["list_runs", "list_sessions", "list_traces", "list_trace_sessions", "list_evals", "list_approvals"],
)
async def test_list_refuses_what_is_not_a_time(connect: Connect, media: str, tool: str) -> None:
    async with connect(media, toolsets=("all",)) as peer:
        error = await peer.error(tool, since="soon")
        assert error.startswith("since: 'soon' is not a valid time. Write it as YYYY-MM-DD, YYYY-MM-DDTHH:MM (UTC), ")
        error = await peer.error(tool, since="today", until="yesterday")
        assert "is after until" in error


async def test_list_sessions_is_limited_to_when_they_were_last_active(connect: Connect, measured: str) -> None:
    async with connect(measured, toolsets=("all",)) as peer:
        today = await peer.text("list_sessions", since="today")
        assert "anna-0" in today
        assert "-1 |" not in today
        yesterday = await peer.text("list_sessions", since="yesterday", until="yesterday")
        assert "anna-1" in yesterday
        assert "| bob |" in yesterday
        assert "anna-0" not in yesterday
        page = await peer.text("list_sessions", since="yesterday", until="yesterday", limit=1)
        assert "1 of 2; page=2 has more" in page
        assert "anna-40" in await peer.text("list_sessions", name="three", until="2 days ago")
        assert await peer.text("list_sessions", until="60 days ago") == "No session was last active then."


async def test_get_metrics_takes_days_in_words(connect: Connect, measured: str) -> None:
    async with connect(measured, toolsets=("all",)) as peer:
        await peer.text("refresh_metrics")
        text = await peer.text("get_metrics", since="yesterday", until="yesterday")
    assert text.splitlines()[2].split(" | ")[1:3] == ["2", "2"]
    assert len(text.splitlines()) == 4


async def test_list_session_runs_is_limited_to_a_period(connect: Connect, media: str) -> None:
    session = new_id()
    async with connect(media, toolsets=("all",)) as peer:
        old = await run(peer, "agent", "echo", session_id=session)
        await anyio.sleep(SECOND)
        between = now()
        new = await run(peer, "agent", "echo", session_id=session)
        since = await peer.text("list_session_runs", session_id=session, since=between[:19])
        assert new in since
        assert old not in since
        until = await peer.text("list_session_runs", session_id=session, until="yesterday")
    assert until == "No such runs in this session."


async def test_results_show_times_of_the_time_zone_of_the_server(
    connect: Connect, media: str, time_zone: Callable[[str], None]
) -> None:
    time_zone("Asia/Kolkata")
    async with connect(media, toolsets=("all",)) as peer:
        started = await run(peer, "agent", "echo")
        row = next(line for line in (await peer.text("list_runs")).splitlines() if started in line)
        instructions = peer.client.instructions or ""
        config = await peer.text("get_config")
    assert "+05:30 |" in row
    today = datetime.now().astimezone()
    assert f"Today is {_WEEKDAYS[today.weekday()]} {today:%Y-%m-%d}, " in instructions
    assert " (Asia/Kolkata, UTC+05:30), as you connect; times are given and shown in this time zone." in instructions
    assert f"time here: {today:%Y-%m-%d} " in config
