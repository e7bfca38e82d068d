"""What a process keeps between calls is bounded in number and in size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import anyio
import pytest

from agentos_mcp.agentos.catalog import MAX_DETAIL_CHARACTERS, MAX_DETAILS, Catalog, Component, DetailCache
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.runs.engine import Engine, Report, Sleep
from agentos_mcp.agentos.runs.registry import (
    MAX_FOLLOWED_RUNS,
    MAX_KEPT_CHARACTERS,
    MAX_KEPT_RUNS,
    LiveRun,
    open_run_registry,
)
from agentos_mcp.agentos.runs.run import RunNote, RunRef, RunState, Status, new_id
from agentos_mcp.agentos.runs.starter import RunRequest
from tests._support.http_answers import http_json
from tests._support.scripted_agentos import scripted_agentos

pytestmark = pytest.mark.anyio

ORDER = RunRequest(Component("agent", "writer", "Writer"), "go")


class InstantEngine:
    """Runs that end at once with that answer, and that no AgentOS stores; without an answer they never end."""

    def __init__(self, answer: str | None) -> None:
        self.answer = answer

    def new_run(self, order: RunRequest) -> RunState:
        return RunState(ref=RunRef("agent", "writer", "s", new_id()))

    async def run(self, order: RunRequest, state: RunState, report: Report, sleep: Sleep) -> RunState:
        if self.answer is None:
            await anyio.sleep_forever()
        return replace(state, status=Status.COMPLETED, answer=self.answer, notes=(RunNote.NOT_BACKGROUND,))


async def finished(answer: str, number: int) -> list[bool]:
    """Whether each of so many finished runs is still known."""
    async with open_run_registry(cast("Engine", InstantEngine(answer))) as live:
        runs: list[LiveRun] = [live.start(ORDER) for _ in range(number)]
        for run in runs:
            await run.watch()
        return [live.get(run.state.ref) is run for run in runs]


async def test_finished_runs_are_kept_up_to_a_number() -> None:
    known = await finished("short", MAX_KEPT_RUNS + 20)
    assert known == [False] * 20 + [True] * MAX_KEPT_RUNS


async def test_finished_runs_are_kept_up_to_a_size() -> None:
    known = await finished("x" * (MAX_KEPT_CHARACTERS // 4), 10)
    assert known == [False] * 7 + [True] * 3


async def test_registry_follows_a_limited_number_of_runs_at_once() -> None:
    async with open_run_registry(cast("Engine", InstantEngine(None))) as live:
        for _ in range(MAX_FOLLOWED_RUNS):
            live.start(ORDER)
        with pytest.raises(AgentOSError, match=r"already follows 1,000 runs\. Try again"):
            live.start(ORDER)


def test_component_details_are_kept_up_to_a_number_and_a_size() -> None:
    pages = DetailCache()
    for number in range(MAX_DETAILS + 20):
        pages.put(f"agent/{number}", {"id": number})
    assert len(pages) == MAX_DETAILS
    assert pages.get("agent/0") is None
    assert pages.get(f"agent/{MAX_DETAILS + 19}") == {"id": MAX_DETAILS + 19}
    for number in range(10):
        pages.put(f"large/{number}", {"instructions": "x" * (MAX_DETAIL_CHARACTERS // 4)})
    assert len(pages) == 3
    pages.put("huge", {"instructions": "x" * MAX_DETAIL_CHARACTERS})
    assert pages.get("huge") is None


async def test_components_and_their_descriptions_are_limited() -> None:
    agent: dict[str, Any] = {"name": "n" * 300, "description": "d" * 2_500}
    agents = [{"id": f"agent-{number}", **agent} for number in range(5_000)]
    config = {"agents": [{"id": "i" * 201}, *agents], "databases": ["d" * 300] * 5_000}
    async with scripted_agentos({"/config": http_json(config)}) as agentos, AgentOS(agentos.url) as client:
        contents = await Catalog(client).inventory()
    assert len(contents.components) < 2_001
    assert len(contents.databases) <= 500
    assert contents.components[0].id == "agent-0"
    assert max(len(item.name) for item in contents.components) == 200
    assert max(len(item.description) for item in contents.components) == 2_000
