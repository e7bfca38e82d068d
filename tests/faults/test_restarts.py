"""AgentOS dies and comes back; the server dies and another one takes over."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest
from mcp.client.client import Client
from mcp.client.session import ElicitationFnT
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CallToolResult,
    ElicitResult,
    InputRequiredResult,
    InputResponses,
    ReadResourceResult,
    TextResourceContents,
)

from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.runs.result import ORPHANED
from tests._support.agentos.storage import GRACE_VARIABLE, QUEUE_VARIABLE
from tests._support.mcp_client import Connect, Peer, connector, reference, words
from tests._support.paused_runs import done, waiting
from tests._support.person import answers
from tests._support.postgres import postgres
from tests._support.restartable_agentos import host_at
from tests._support.stores import Store

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(os.name != "posix", reason="kills processes by signal")]


@pytest.fixture
def sample_agentos(store: Store) -> str:
    return store.sample_agentos


@pytest.fixture
def pausing(store: Store) -> str:
    return store.pausing


CONTRADICTIONS = ("continues by itself", "will never end", "it stops when", "Still running")


async def test_restarted_agentos_orphans_the_run_on_every_surface(tmp_path: Path) -> None:
    with host_at(tmp_path / "os.db") as host:
        async with connector("auto")(host.url, wait=50) as peer, anyio.create_task_group() as tasks:
            text: list[str] = []

            async def call() -> None:
                text.append(await peer.text("run_agent", agent_id="slow", message="100 300"))

            tasks.start_soon(call)
            with anyio.fail_after(45):
                await has_run(host.url)
                await anyio.to_thread.run_sync(host.kill)
                await anyio.sleep(1.1)  # AgentOS tells the beginning of a run in whole seconds
                await anyio.to_thread.run_sync(host.start)
                while not text:  # noqa: ASYNC110 - long before its wait is over
                    await anyio.sleep(0.1)
        run = reference(text[0])
        assert run.startswith("agent/slow/")
        async with connector("auto")(host.url, wait=50) as another:
            with anyio.fail_after(20):
                text.append(await another.text("get_run", run=run))
                text.append(await another.text("explain_run", run=run))
                text.append(words_of(await another.client.read_resource(f"agentos://runs/{run}")))
                text.append(await another.text("cancel_run", run=run))
        output = await anyio.run_process(
            [sys.executable, "-m", "agentos_mcp", "runs", run, "--follow", "--url", host.url], check=False
        )
        text.append(output.stderr.decode())
        assert output.returncode == 1
    for words_said in text:
        assert ORPHANED in words_said
        assert not [words for words in CONTRADICTIONS if words in words_said]


@pytest.mark.timeout(120)
async def test_restarted_agentos_takes_up_a_queued_run(tmp_path: Path) -> None:
    with postgres() as database, host_at(tmp_path, **{QUEUE_VARIABLE: database, GRACE_VARIABLE: "3"}) as host:
        session = f"queued-{uuid.uuid4().hex[:8]}"
        async with connector("auto")(host.url) as peer:
            running = await peer.text("run_agent", agent_id="slow", message="100 300", session_id=session, wait=3)
            assert "Still running" in running
            await anyio.to_thread.run_sync(host.kill)
            await anyio.sleep(1.1)
            await anyio.to_thread.run_sync(host.start)
        async with connector("legacy")(host.url) as another:
            with anyio.fail_after(60):
                first = words(await another.call("get_run", run=reference(running), wait=1))
                assert ORPHANED not in first
                ended = words(await another.call("get_run", run=reference(running), wait=50))
    assert "\nfailed" in f"\n{ended}"  # one try for each run is agno's default
    assert "Still running" not in ended


async def test_unreachable_agentos_is_reported_as_unreachable(tmp_path: Path) -> None:
    with host_at(tmp_path / "os.db") as host:
        async with connector("auto")(host.url) as peer:
            first = await peer.text("run_agent", agent_id="slow", message="100 30", wait=1)
            await anyio.to_thread.run_sync(host.kill)
            with anyio.fail_after(30):
                again = words(await peer.call("get_run", run=reference(first), wait=2))
            # It depends on how long it has been away by then.
            assert "Still running" in again or "No AgentOS answers" in again
            assert "No AgentOS answers" in await peer.error("list_agents")
        async with connector("auto")(host.url) as another:
            with anyio.fail_after(30):
                assert "No AgentOS answers" in await another.error("get_run", run=reference(first))
        await anyio.to_thread.run_sync(host.start)


@asynccontextmanager
async def bridge(url: str, *flags: str, person: ElicitationFnT | None = None) -> AsyncIterator[tuple[Peer, int]]:
    """The real server over stdio, and its process id."""
    pid_file = Path(os.environ.get("TMPDIR", "/tmp")) / f"bridge-{uuid.uuid4().hex}"  # noqa: S108 - a name of our own
    starter = (
        "import os, pathlib, sys; from agentos_mcp.cli import main; "
        f"pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid())); "
        f"sys.exit(main(['serve', '--url', {url!r}, *{flags!r}]))"
    )
    parameters = StdioServerParameters(command=sys.executable, args=["-c", starter])
    try:
        async with Client(stdio_client(parameters), elicitation_callback=person) as client:
            yield Peer(client), int(pid_file.read_text())
    finally:
        pid_file.unlink(missing_ok=True)


async def test_killed_server_leaves_a_run_that_another_finishes(connect: Connect, sample_agentos: str) -> None:
    session = f"killed-{uuid.uuid4().hex[:8]}"
    async with bridge(sample_agentos) as (peer, pid), anyio.create_task_group() as tasks:

        async def call() -> None:
            with contextlib.suppress(MCPError):  # it is told that its server is gone
                await peer.call("run_agent", agent_id="slow", message="30 3", session_id=session)

        tasks.start_soon(call)
        with anyio.fail_after(20):
            await has_run(sample_agentos, session)
        os.kill(pid, signal.SIGKILL)
    async with connect(sample_agentos) as another:
        listed = await another.text("list_runs", session_id=session)
        run = next(part for part in listed.split() if part.startswith("agent/slow/"))
        assert (await another.text("get_run", run=run)).startswith("w0 w1")


async def test_killed_server_leaves_a_pause_that_another_answers(connect: Connect, pausing: str, ledger: Path) -> None:
    tag = f"tag-{uuid.uuid4().hex[:10]}"
    async with bridge(pausing) as (peer, pid):
        paused = await peer.text("run_workflow", workflow_id="in-step", message=f"do it, {tag}")
        os.kill(pid, signal.SIGKILL)
    async with connect(pausing) as another:
        query = await waiting(pausing, RunRef.parse(reference(paused)))
        arguments = answers(query, "approve")
        assert "completed" in await another.text("continue_run", run=reference(paused), answers=arguments)
    assert done(ledger, "deploy", tag) == 1


def words_of(read: ReadResourceResult) -> str:
    return "\n".join(content.text for content in read.contents if isinstance(content, TextResourceContents))


@pytest.mark.parametrize("stored", [True, False], ids=["with a secret of its own", "without"])
async def test_killed_server_question_is_answered_to_its_successor_with_a_shared_secret(
    pausing: str, ledger: Path, tmp_path: Path, stored: bool
) -> None:
    tag = f"tag-{uuid.uuid4().hex[:10]}"
    (tmp_path / "secret").write_text(secrets.token_hex(32))
    flags = ("--state-secret-file", str(tmp_path / "secret")) if stored else ()
    arguments = {"workflow_id": "in-step", "message": f"do it, {tag}"}
    async with bridge(pausing, *flags, person=nobody) as (peer, pid):
        query = await peer.client.session.call_tool("run_workflow", arguments, allow_input_required=True)
        os.kill(pid, signal.SIGKILL)
    assert isinstance(query, InputRequiredResult)
    value: InputResponses = {
        key: ElicitResult(action="accept", content={"approve": True}) for key in query.input_requests or {}
    }
    async with bridge(pausing, *flags, person=nobody) as (successor, _):
        finished, refusal = None, ""
        try:
            finished = await successor.client.session.call_tool(
                "run_workflow",
                arguments,
                input_responses=value,
                request_state=query.request_state,
                allow_input_required=True,
            )
        except MCPError as error:
            refusal = error.error.message
    if stored:
        assert isinstance(finished, CallToolResult)
        assert not finished.is_error, words(finished)
    else:
        assert "list_runs(status='paused') finds it, and continue_run(run) answers it." in refusal
    assert done(ledger, "deploy", tag) == int(stored)


async def nobody(context: object, params: object) -> ElicitResult:
    """Makes the client say that it can ask; the test's rounds are made by hand."""
    raise AssertionError("nobody is asked here")


async def has_run(url: str, session: str = "") -> None:
    """Return once AgentOS has a run (of this session)."""
    async with httpx.AsyncClient(base_url=url, timeout=10) as rest:
        while True:
            sessions = (await rest.get("/sessions", params={"type": "agent"})).json().get("data", [])
            if any(not session or item["session_id"] == session for item in sessions):
                return
            await anyio.sleep(0.05)
