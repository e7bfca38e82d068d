"""A real run for a test, and what is told of it."""

from __future__ import annotations

import re
from pathlib import Path

import anyio
import pytest

from agentos_mcp.agentos.catalog import Catalog
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.features import Discovery
from agentos_mcp.agentos.runs.engine import Engine
from agentos_mcp.agentos.runs.history import list_runs
from agentos_mcp.agentos.runs.run import RunRef, Status
from tests._support.doctor_checks import look_at, run_on
from tests._support.foreign_servers import AGNO_2_5, answering

pytestmark = pytest.mark.anyio


class TestWhatIsRun:
    async def test_the_first_component_where_none_is_named(self, bare_agentos: str, tmp_path: Path) -> None:
        finding = await run_on(bare_agentos, tmp_path)
        assert finding.level == "good"
        assert re.fullmatch(r"agent echo answered( in \d+\.\d s)?: echo: Say hello in one word\.", finding.means)

    @pytest.mark.parametrize("asked", ["agent:echo", "agents:Echo", "echo", "Agent:echo"])
    async def test_one_by_its_kind_and_name(self, sample_agentos: str, tmp_path: Path, asked: str) -> None:
        assert (await run_on(sample_agentos, tmp_path, asked)).means.startswith("agent echo answered")

    @pytest.mark.parametrize("asked", ["workflow:short", "short"])
    async def test_a_workflow_too(self, bare_agentos: str, tmp_path: Path, asked: str) -> None:
        assert (await run_on(bare_agentos, tmp_path, asked)).means.startswith("workflow short answered")

    async def test_a_name_that_is_none_is_told_with_what_there_is(self, bare_agentos: str, tmp_path: Path) -> None:
        finding = await run_on(bare_agentos, tmp_path, "agent:ech0000")
        assert finding.level == "bad"
        assert finding.means == "No agent 'ech0000'."
        assert "'echo'" in finding.fix

    async def test_a_kind_that_is_none_is_told_with_how_to_write_it(self, sample_agentos: str, tmp_path: Path) -> None:
        finding = await run_on(sample_agentos, tmp_path, "wizard:echo")
        assert (finding.level, finding.fix) == ("bad", "Write --run agent:NAME, team:NAME or workflow:NAME.")

    async def test_nothing_to_run_is_told(self, empty: str, tmp_path: Path) -> None:
        finding = await run_on(empty, tmp_path)
        assert (finding.level, finding.means) == ("bad", "There is nothing to run.")
        assert finding.fix == "Give your AgentOS an agent: AgentOS(agents=[...])"


async def how_it_ends(url: str, ref: RunRef) -> Status:
    async with AgentOS(url) as agent_os:
        state = await Engine(agent_os, Discovery(agent_os), Catalog(agent_os)).follow(ref, lambda _: None)
    return state.status


class TestHowItEnds:
    async def test_one_that_fails_is_told_with_where_to_look(self, sample_agentos: str, tmp_path: Path) -> None:
        finding = await run_on(sample_agentos, tmp_path, "agent:broken")
        assert finding.level == "bad"
        assert finding.means.startswith("agent broken ended with error: ")
        assert re.fullmatch(r"Look closer: agentos-mcp runs agent/broken/\S+ --explain", finding.fix)

    async def test_one_that_asks_is_told_with_how_to_answer(self, sample_agentos: str, tmp_path: Path) -> None:
        finding = await run_on(sample_agentos, tmp_path, "agent:confirmer")
        assert (finding.level, finding.means) == ("good", "agent confirmer ran, and waits for an answer")
        assert re.fullmatch(r"Answer it: agentos-mcp continue agent/confirmer/\S+", finding.fix)

    async def test_a_step_that_fails_is_told(self, sample_agentos: str, tmp_path: Path) -> None:
        finding = await run_on(sample_agentos, tmp_path, "workflow:skips-failure")
        assert finding.level == "warning"
        assert "but its step" in finding.means
        assert "failed: " in finding.means

    async def test_one_that_takes_too_long_is_cancelled(self, sample_agentos: str, tmp_path: Path) -> None:
        finding = await run_on(sample_agentos, tmp_path, "workflow:slow-steps", seconds=1.0)
        assert finding.level == "warning"
        assert finding.means == "workflow slow-steps goes on after 1 s, and was cancelled"
        ref = RunRef.parse(finding.fix.split()[-2])
        assert await how_it_ends(sample_agentos, ref) is Status.CANCELLED

    async def test_a_person_who_leaves_cancels_it(self, sample_agentos: str, tmp_path: Path) -> None:
        async with AgentOS(sample_agentos) as agent_os, anyio.create_task_group() as tasks:
            catalog = Catalog(agent_os)
            workflow = await catalog.find("workflow", "slow-steps")
            before = {run.ref for run in await list_runs(agent_os, catalog, user_id="", component=workflow)}
            tasks.start_soon(run_on, sample_agentos, tmp_path, "workflow:slow-steps")
            started: set[RunRef] = set()
            with anyio.fail_after(20):
                while not started:
                    started = {
                        run.ref for run in await list_runs(agent_os, catalog, user_id="", component=workflow)
                    } - before
            tasks.cancel_scope.cancel()
        (ref,) = started
        assert await how_it_ends(sample_agentos, ref) is Status.CANCELLED

    async def test_one_without_a_database_is_not_said_to_be_lost(self, bare_agentos: str, tmp_path: Path) -> None:
        assert (await run_on(bare_agentos, tmp_path, "echo")).level == "good"

    async def test_a_database_that_keeps_nothing_is_found_by_it(self, spoiled: str, tmp_path: Path) -> None:
        assert (await look_at(spoiled, tmp_path))["Database"].level == "good", "AgentOS itself says nothing of it"
        finding = await run_on(spoiled, tmp_path)
        assert finding.level == "bad"
        assert finding.means.startswith("agent echo answered, but its database did not keep the run")
        assert finding.fix == "See to AgentOS's database; its own log says what is wrong with it."

    async def test_a_server_that_only_reads_is_told(self, sample_agentos: str, tmp_path: Path) -> None:
        finding = await run_on(sample_agentos, tmp_path, "echo", read_only=True)
        assert (finding.level, finding.fix) == ("bad", "Start it without --read-only.")

    async def test_an_agentos_that_refuses_the_start_is_told(self, tmp_path: Path) -> None:
        with answering(AGNO_2_5 | {"/agents/a": {"id": "a"}}) as url:
            finding = await run_on(url, tmp_path)
        assert finding.level == "bad"
