"""What the demo's AgentOS holds before anybody has used it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests._support.mcp_client import Connect
from tests._support.running_agentos import running_agentos

pytestmark = pytest.mark.anyio
ONE_ERA = True


@pytest.fixture(scope="module")
def new_demo() -> Iterator[str]:
    """A demo that nobody has used."""
    with running_agentos(pace=0) as url:
        yield url


@pytest.mark.parametrize(
    ("tool", "arguments", "shown"),
    [
        ("list_sessions", {}, "| daily-piece | workflow content-pipeline | how to make a good cup of tea | anna |"),
        ("list_runs", {"status": "failed"}, "| agent/assistant/outage-drill/outage-1 | failed | ben |"),
        ("list_runs", {"status": "paused"}, "| agent/publisher/ghost-story/ghosts-1 | paused | ben |"),
        ("list_memories", {"user_id": "anna"}, "Anna wants headlines without puns."),
        ("list_traces", {"run": "workflow/content-pipeline/daily-piece/tea-1"}, "| workflow content-pipeline | anna |"),
        ("list_approvals", {}, '| retract(title="Ten facts about ghosts") | Publisher | ben |'),
        ("list_schedules", {}, "| Daily piece | 0 7 * * * UTC | workflow content-pipeline |"),
        ("list_schedule_runs", {"schedule": "Daily piece"}, "| workflow/content-pipeline/daily-piece/tea-1 |"),
        ("list_evals", {}, "| sums-are-right | accuracy | agent assistant | 10/10 |"),
        ("list_learnings", {}, "Every piece names its sources in its last line."),
        ("get_metrics", {}, "runs, 5 sessions"),
        ("explain_run", {"run": "workflow/content-pipeline/daily-piece/tea-1"}, "2. draft (Writer): completed"),
    ],
)
async def test_new_demo_has_something_to_show(
    connect: Connect, new_demo: str, tool: str, arguments: dict[str, Any], shown: str
) -> None:
    async with connect(new_demo, toolsets=("all",)) as peer:
        assert shown in await peer.text(tool, **arguments)


async def test_seeded_runs_are_as_old_as_they_say(connect: Connect, new_demo: str) -> None:
    async with connect(new_demo, toolsets=("all",)) as peer:
        days = [row for row in (await peer.text("get_metrics")).splitlines() if row.startswith("| 20")]
    assert len(days) >= 3


async def test_schedule_of_the_demo_can_be_triggered(connect: Connect, demo: str) -> None:
    async with connect(demo, toolsets=("all",)) as peer:
        text = await peer.text("trigger_schedule", schedule="daily-piece")
        run = text.rpartition("run: ")[2]
        assert "# How to make a good cup of tea" in await peer.text("get_run", run=run)


async def test_database_that_exists_gets_no_history(connect: Connect, tmp_path: Path) -> None:
    file = tmp_path / "agentos.db"
    file.touch()
    with running_agentos(pace=0, db_file=str(file)) as url:
        async with connect(url, toolsets=("all",)) as peer:
            assert "puns" not in await peer.text("list_memories")
            assert "ghosts" not in await peer.text("list_runs")
