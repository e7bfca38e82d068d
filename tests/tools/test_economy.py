"""What results cost a model, beside what AgentOS's own answers to the same questions would: tokens of o200k."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
import pytest

from agentos_mcp.agentos.runs.run import RunRef
from scripts.surface.tokens import count_tokens
from tests._support.agentos.long_workflow import ESSAY
from tests._support.agno_environments import PORT_VARIABLE
from tests._support.factories import (
    USER,
    Rest,
    a_content,
    a_learning,
    a_schedule,
    a_trace,
    a_workflow_run,
    an_approval,
    an_eval,
)
from tests._support.mcp_client import Connect, Peer, connector, reference
from tests._support.running_agentos import running_agentos

ROWS = 10
QUESTION = "What should I know about brewing green tea, and what does the water have to do with it?"
MEMORY = "Prefers green tea over coffee in the afternoon, brewed for two minutes at eighty degrees."

HEAVY = 1 / 5
"""Of a list of heavy documents a model is told at most so much."""
SHARES: Mapping[str, float] = {
    "list_agents": HEAVY,
    "list_teams": HEAVY,
    "get_component": HEAVY,
    "list_runs": HEAVY,
    "list_session_runs": HEAVY,
    "get_run": HEAVY,
    "explain_run": HEAVY,
    "get_knowledge_config": HEAVY,
    "list_approvals": 1 / 4,
    "list_evals": 1 / 3,
    "list_sessions": 1 / 3,
    "list_schedules": 1 / 3,
    "list_workflows": 1 / 3,
    "get_config": 1 / 3,
    "list_traces": 2 / 5,
    "get_session": 2 / 5,
    # These are little more than ids and the words that people wrote.
    "list_learnings": 1 / 2,
    "list_knowledge": 3 / 5,
    "list_memories": 2 / 3,
    "list_trace_sessions": 4 / 5,
    "list_stored_components": 4 / 5,
}


@dataclass
class Comparison:
    """Results and AgentOS's own answers, by tool."""

    peer: Peer
    http: httpx.AsyncClient
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)

    async def compare(self, tool: str, path: str, query: Mapping[str, Any] | None = None, /, **arguments: Any) -> None:
        result = await self.peer.text(tool, **arguments)
        answer = await self.http.get(path, params=query)
        assert answer.is_success, answer.text
        self.texts[tool] = (result, answer.text)


@asynccontextmanager
async def comparing(url: str) -> AsyncIterator[Comparison]:
    connect = connector("auto")
    async with httpx.AsyncClient(base_url=url, timeout=30) as http, connect(url, toolsets=("all",)) as peer:
        yield Comparison(peer, http)


async def of_what_there_is(url: str) -> dict[str, tuple[str, str]]:
    async with comparing(url) as them:
        for kind in ("agent", "team", "workflow"):
            await them.compare(f"list_{kind}s", f"/{kind}s")
        await them.compare("get_component", "/workflows/content-pipeline", kind="workflow", id="content-pipeline")
        await them.compare("get_config", "/config")
    return them.texts


async def of_what_it_keeps(url: str) -> dict[str, tuple[str, str]]:
    async with comparing(url) as them:
        rest = Rest(them.http)
        for _ in range(ROWS):
            for thing in (a_content, a_learning, a_schedule, an_approval, an_eval):
                await thing(rest)
            await rest.post("/memories", {"memory": MEMORY, "user_id": USER, "topics": ["tea"]})
            text = await them.peer.text("run_agent", agent_id="echo", message=QUESTION, user_id=USER)
            run = RunRef.parse(reference(text))
            await them.peer.text("run_agent", agent_id="echo", message=QUESTION, session_id="talk", user_id=USER)
        await a_trace(rest)
        flow = RunRef.parse(await a_workflow_run(rest))
        page = {"limit": 20, "page": 1}
        latest = {**page, "sort_by": "updated_at", "sort_order": "desc"}
        stored = f"/workflows/{flow.component}/runs/{flow.run}", {"session_id": flow.session}
        await them.compare("list_sessions", "/sessions", latest)
        await them.compare("get_session", "/sessions/talk", session_id="talk")
        await them.compare("list_session_runs", "/sessions/talk/runs", session_id="talk")
        await them.compare("list_runs", "/sessions/talk/runs", session_id="talk", limit=ROWS)
        await them.compare("get_run", f"/agents/echo/runs/{run.run}", {"session_id": run.session}, run=str(run))
        await them.compare("explain_run", *stored, run=str(flow))
        await them.compare("list_memories", "/memories", page)
        await them.compare("list_knowledge", "/knowledge/content", page)
        await them.compare("get_knowledge_config", "/knowledge/config")
        await them.compare("list_traces", "/traces", page)
        await them.compare("list_trace_sessions", "/trace_session_stats", page)
        await them.compare("list_schedules", "/schedules", page)
        await them.compare("list_approvals", "/approvals", {**page, "status": "pending"})
        await them.compare("list_learnings", "/learnings", page)
        await them.compare("list_evals", "/eval-runs", page)
        await them.compare("list_stored_components", "/components", page)
    return them.texts


@pytest.fixture(scope="module")
def keeper() -> Iterator[str]:
    """An AgentOS that keeps something of everything."""
    with running_agentos(build="tests._support.agentos.contract:build", environment={PORT_VARIABLE: "0"}) as url:
        yield url


@pytest.fixture(scope="module")
def tokens(demo: str, keeper: str) -> dict[str, tuple[int, int]]:
    """What a result costs, and what AgentOS's own answer would, by tool."""
    texts = anyio.run(of_what_there_is, demo) | anyio.run(of_what_it_keeps, keeper)
    counts = iter(count_tokens([text for pair in texts.values() for text in pair]))
    return {tool: (next(counts), next(counts)) for tool in texts}


@pytest.mark.parametrize(("tool", "share"), SHARES.items())
def test_result_costs_a_fraction_of_agentos_own_answer(
    tokens: dict[str, tuple[int, int]], tool: str, share: float
) -> None:
    ours, theirs = tokens[tool]
    assert ours <= share * theirs, f"{tool}: {ours} of {theirs} tokens"


def test_measured_results_all_have_a_bound(tokens: dict[str, tuple[int, int]]) -> None:
    assert tokens.keys() == SHARES.keys()


@pytest.mark.anyio
async def test_workflows_result_is_its_answer_and_a_few_lines(connect: Connect) -> None:
    with running_agentos(build="tests._support.agentos.long_workflow:build") as url:
        async with connect(url) as peer, httpx.AsyncClient(base_url=url) as rest:
            text = await peer.text("run_workflow", workflow_id="essay", message="green tea")
            run = RunRef.parse(reference(text))
            stored = await rest.get(f"/workflows/essay/runs/{run.run}", params={"session_id": run.session})
    assert text.startswith(ESSAY)
    assert 2200 < len(ESSAY.encode()) < 2500
    assert len(text.encode()) < len(ESSAY.encode()) + 500
    assert len(stored.content) > 40 * len(text.encode())
