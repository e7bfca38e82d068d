from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import anyio
import httpx
import pytest

from tests._support.agentos.durable_queue import DATABASE_VARIABLE
from tests._support.mcp_client import Connect, Peer, reference
from tests._support.postgres import postgres
from tests._support.running_agentos import running_agentos

pytestmark = pytest.mark.anyio
ONE_ERA = True


@pytest.fixture(scope="module")
def queueing() -> Iterator[str]:
    """An AgentOS whose background runs wait in a durable queue."""
    with (
        postgres() as database,
        running_agentos(
            build="tests._support.agentos.durable_queue:build", environment={DATABASE_VARIABLE: database}
        ) as url,
    ):
        yield url


@pytest.fixture
async def submitter(queueing: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=queueing, timeout=30) as client:
        yield client


async def submit(submitter: httpx.AsyncClient, agent: str, message: str, user: str) -> str:
    """The reference of a run that the queue has taken."""
    form = {"message": message, "stream": "false", "background": "true", "user_id": user}
    taken = (await submitter.post(f"/agents/{agent}/runs", data=form)).json()
    return f"agent/{agent}/{taken['session_id']}/{taken['run_id']}"


async def jobs(peer: Peer, user: str, status: str, number: int) -> str:
    """The list as soon as so many jobs of the user have that status."""
    while True:
        listed = await peer.text("list_queue_jobs", user_id=user, status=status)
        if listed.count("| agent/") >= number:
            return listed
        await anyio.sleep(0.1)


async def listed(peer: Peer, words: str) -> None:
    """Return once the list says that."""
    while True:
        if words in await peer.text("list_queue_jobs", limit=100):
            return
        await anyio.sleep(0.1)


async def test_list_queue_jobs_shows_runs_and_errors(
    connect: Connect, queueing: str, submitter: httpx.AsyncClient, era: str
) -> None:
    user = f"user-{era}"
    fine, broken = [await submit(submitter, agent, "hello", user) for agent in ("echo", "broken")]
    async with connect(queueing, toolsets=("all",)) as peer:
        completed = await jobs(peer, user, "completed", 1)
        failed = await jobs(peer, user, "failed", 1)
        assert f"| {fine} | completed | 20" in completed
        assert broken not in completed
        assert f"| {broken} | failed | 20" in failed
        assert f"| {user} | the provider is out of tokens |" in failed
        assert "echo: hello" in await peer.text("get_run", run=fine)
        assert await peer.text("list_queue_jobs", user_id=user, status="paused") == "No paused jobs in the queue."
        page = await peer.text("list_queue_jobs", user_id=user, limit=1)
        assert page.endswith("1 of 2; page=2 has more")
        assert "failed" in await peer.text("get_queue_stats")
        assert "list_queue_jobs(status='failed') shows why they failed." in await peer.text("get_queue_stats")


async def test_get_queue_stats_counts_jobs_and_the_longest_wait(
    connect: Connect, queueing: str, submitter: httpx.AsyncClient, era: str
) -> None:
    user = f"waiting-{era}"
    runs = [await submit(submitter, "slow", "2", user) for _ in range(4)]
    async with connect(queueing, toolsets=("all",)) as peer:
        queued = await jobs(peer, user, "queued", 1)
        stats = await peer.text("get_queue_stats")
        assert any(run in queued for run in runs)
        assert " queued" in stats
        assert " running" in stats
        assert "\nThe oldest queued job has waited for " in stats
        await jobs(peer, user, "completed", 4)
        assert "queued" not in await peer.text("get_queue_stats")


async def test_run_of_ours_is_found_in_the_queue(connect: Connect, queueing: str) -> None:
    async with connect(queueing, toolsets=("all",)) as peer:
        run = reference(await peer.text("run_workflow", workflow_id="short", message="hello"))
        # The queue notes the end of a job a moment after the run's.
        await listed(peer, f"| {run} | completed |")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [({"status": "lost"}, "'status'"), ({"page": 0}, "'page'"), ({"limit": 1000}, "'limit'")],
)
async def test_wrong_question_is_refused(
    connect: Connect, queueing: str, arguments: dict[str, object], expected: str
) -> None:
    async with connect(queueing, toolsets=("all",)) as peer:
        assert expected in await peer.error("list_queue_jobs", **arguments)


async def test_queue_tools_are_not_offered_without_a_durable_queue(
    connect: Connect, sample_agentos: str, queueing: str
) -> None:
    names = {}
    for url in (sample_agentos, queueing):
        async with connect(url, toolsets=("all",)) as peer:
            # What an AgentOS can do is learned with the first run.
            await peer.text("run_agent", agent_id="echo", message="hello")
            tools = (await peer.client.list_tools()).tools
            names[url] = {tool.name for tool in tools if "queue" in tool.name}
    assert names == {sample_agentos: set(), queueing: {"list_queue_jobs", "get_queue_stats"}}


@pytest.mark.parametrize("tool", ["list_queue_jobs", "get_queue_stats"])
async def test_queue_tools_called_without_a_queue_say_what_is_missing(
    connect: Connect, sample_agentos: str, tool: str
) -> None:
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        assert "QueueConfig(durable=True)" in await peer.error(tool)
