"""The trial run, and the finding on it."""

from __future__ import annotations

import re

import anyio
import pytest

from agentos_mcp.agentos.catalog import Catalog
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.features import Discovery
from agentos_mcp.agentos.runs.engine import Engine
from agentos_mcp.agentos.runs.history import list_runs
from agentos_mcp.agentos.runs.run import RunRef, Status
from tests._support.doctor_checks import fix_text, run_agentos_checks, run_trial
from tests._support.foreign_servers import AGNO_2_5, json_server

pytestmark = pytest.mark.anyio


class TestComponentChoice:
    async def test_trial_run_takes_the_first_component(self, bare_agentos: str) -> None:
        finding = await run_trial(bare_agentos)
        assert finding.level == "good"
        assert re.fullmatch(r"agent echo answered( in \d+\.\d s)?: echo: Say hello in one word\.", finding.message)

    @pytest.mark.parametrize("name", ["agent:echo", "agents:Echo", "echo", "Agent:echo"])
    async def test_trial_run_takes_a_component_by_kind_and_name(self, sample_agentos: str, name: str) -> None:
        assert (await run_trial(sample_agentos, name)).message.startswith("agent echo answered")

    @pytest.mark.parametrize("name", ["workflow:short", "short"])
    async def test_trial_run_takes_a_workflow(self, bare_agentos: str, name: str) -> None:
        assert (await run_trial(bare_agentos, name)).message.startswith("workflow short answered")

    async def test_trial_run_of_an_unknown_name_lists_components(self, bare_agentos: str) -> None:
        finding = await run_trial(bare_agentos, "agent:ech0000")
        assert finding.level == "bad"
        assert finding.message == "No agent 'ech0000'."
        assert "'echo'" in fix_text(finding)

    async def test_trial_run_of_an_unknown_kind_says_how_to_write_it(self, sample_agentos: str) -> None:
        finding = await run_trial(sample_agentos, "wizard:echo")
        assert (finding.level, fix_text(finding)) == ("bad", "Use --run agent:NAME, team:NAME or workflow:NAME.")

    async def test_trial_run_without_components_is_bad(self, agentos_without_components: str) -> None:
        finding = await run_trial(agentos_without_components)
        assert (finding.level, finding.message) == ("bad", "There is nothing to run.")
        assert fix_text(finding) == "Give your AgentOS an agent: AgentOS(agents=[...])"


async def final_status(url: str, ref: RunRef) -> Status:
    async with AgentOS(url) as agent_os:
        state = await Engine(agent_os, Discovery(agent_os), Catalog(agent_os)).follow(ref, lambda _: None)
    return state.status


class TestRunOutcome:
    async def test_trial_run_that_fails_says_where_to_look(self, sample_agentos: str) -> None:
        finding = await run_trial(sample_agentos, "agent:broken")
        assert finding.level == "bad"
        assert finding.message.startswith("agent broken ended with status error: ")
        assert re.fullmatch(r"See the details: agentos-mcp runs agent/broken/\S+ --explain", fix_text(finding))

    async def test_trial_run_that_pauses_says_how_to_answer(self, sample_agentos: str) -> None:
        finding = await run_trial(sample_agentos, "agent:confirmer")
        assert (finding.level, finding.message) == ("good", "agent confirmer ran, and waits for an answer")
        assert re.fullmatch(r"Answer it: agentos-mcp continue agent/confirmer/\S+", fix_text(finding))

    async def test_trial_run_with_a_failed_step_is_a_warning(self, sample_agentos: str) -> None:
        finding = await run_trial(sample_agentos, "workflow:skips-failure")
        assert finding.level == "warning"
        assert "but its step" in finding.message
        assert "failed: " in finding.message

    async def test_trial_run_that_takes_too_long_is_cancelled(self, sample_agentos: str) -> None:
        finding = await run_trial(sample_agentos, "workflow:slow-steps", seconds=1.0)
        assert finding.level == "warning"
        assert finding.message == "workflow slow-steps was still running after 1 s, and was cancelled"
        ref = RunRef.parse(fix_text(finding).split()[-2])
        assert await final_status(sample_agentos, ref) is Status.CANCELLED

    async def test_trial_run_that_is_interrupted_is_cancelled(self, sample_agentos: str) -> None:
        async with AgentOS(sample_agentos) as agent_os, anyio.create_task_group() as tasks:
            catalog = Catalog(agent_os)
            workflow = await catalog.find("workflow", "slow-steps")
            before = {run.ref for run in (await list_runs(agent_os, catalog, user_id="", component=workflow)).runs}
            tasks.start_soon(run_trial, sample_agentos, "workflow:slow-steps")
            started: set[RunRef] = set()
            with anyio.fail_after(20):
                while not started:
                    started = {
                        run.ref for run in (await list_runs(agent_os, catalog, user_id="", component=workflow)).runs
                    } - before
            tasks.cancel_scope.cancel()
        (ref,) = started
        assert await final_status(sample_agentos, ref) is Status.CANCELLED

    async def test_trial_run_without_a_database_is_good(self, bare_agentos: str) -> None:
        assert (await run_trial(bare_agentos, "echo")).level == "good"

    async def test_trial_run_finds_a_database_that_stores_nothing(self, agentos_with_broken_database: str) -> None:
        assert (await run_agentos_checks(agentos_with_broken_database))["Database"].level == "good", (
            "AgentOS itself says nothing of it"
        )
        finding = await run_trial(agentos_with_broken_database)
        assert finding.level == "bad"
        assert finding.message.startswith("agent echo answered, but its database did not store the run")
        assert fix_text(finding) == "Check AgentOS's database; AgentOS's log says what is wrong with it."

    async def test_trial_run_of_a_read_only_server_is_refused(self, sample_agentos: str) -> None:
        finding = await run_trial(sample_agentos, "echo", read_only=True)
        assert (finding.level, fix_text(finding)) == ("bad", "Start it without --read-only.")

    async def test_trial_run_that_agentos_refuses_is_bad(self) -> None:
        with json_server(AGNO_2_5 | {"/agents/a": {"id": "a"}}) as url:
            finding = await run_trial(url)
        assert finding.level == "bad"
