"""SIGTERM over HTTP: calls answer with where their runs stand, `/ready` says no more, and the server ends in time."""

from __future__ import annotations

import signal
import sys
import time
from functools import partial

import anyio
import anyio.to_thread
import httpx
import pytest
from anyio.abc import SocketStream
from mcp.client.client import Client
from mcp_types import CallToolResult, ElicitResult

from tests._support.http_answers import http_json
from tests._support.mcp_client import Peer, reference, words
from tests._support.process_clients import Clock, ends_as, over_http
from tests._support.processes import PATIENCE, HttpServer
from tests._support.scripted_agentos import Answer, scripted_agentos

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them"),
]
RUNS = 4


async def test_running_calls_answer_with_their_references_and_their_runs_go_on(era: str, sample_agentos: str) -> None:
    results: list[CallToolResult] = []
    clocks = [Clock() for _ in range(RUNS)]
    with HttpServer("--url", sample_agentos, "--grace-seconds", "20") as server:

        async def call(number: int) -> None:
            async with over_http(era, server.url) as peer:
                await peer.client.list_tools()  # the SDK's client would do it after the call, when nothing serves it
                arguments = {"agent_id": "slow", "message": "20 4", "session_id": f"stopped-{era}-{number}"}
                results.append(await peer.client.call_tool("run_agent", arguments, progress_callback=clocks[number]))

        async with anyio.create_task_group() as tasks:
            for number in range(RUNS):
                tasks.start_soon(call, number)
            for clock in clocks:
                await clock.wait_for_first()
            signaled_at = time.monotonic()
            server.signal(signal.SIGTERM)
        assert await anyio.to_thread.run_sync(server.exit_code) == 143
        assert time.monotonic() - signaled_at < 4, "it waits for no run"
        assert "Traceback" not in server.everything
    assert len(results) == RUNS
    for result in results:
        assert not result.is_error
        assert words(result).startswith("Still running: ")
        assert reference(words(result)).startswith(f"agent/slow/stopped-{era}-")
    for number in range(RUNS):
        assert await ends_as(sample_agentos, "agents/slow", f"stopped-{era}-{number}") == "COMPLETED"


async def test_call_that_waits_for_a_person_answers_with_its_run(pausing: str) -> None:
    """In an era in which people are asked within the call."""
    is_asked = anyio.Event()

    async def person(context: object, params: object) -> ElicitResult:
        is_asked.set()
        await anyio.sleep_forever()
        raise AssertionError

    with HttpServer("--url", pausing, "--grace-seconds", "20") as server:
        async with Client(
            server.url, mode="legacy", elicitation_callback=person, read_timeout_seconds=PATIENCE
        ) as client:
            results: list[CallToolResult] = []
            await client.list_tools()

            async def call() -> None:
                results.append(await client.call_tool("run_agent", {"agent_id": "deployer", "message": "go"}))

            with anyio.fail_after(PATIENCE):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(call)
                    await is_asked.wait()
                    server.signal(signal.SIGTERM)
        (result,) = results
        assert "paused: it waits for an answer" in words(result)
        assert reference(words(result)).startswith("agent/deployer/")
        assert await anyio.to_thread.run_sync(server.exit_code) == 143


@pytest.mark.waits
async def test_ready_says_no_at_once_and_a_call_that_never_ends_is_cut_off_after_the_grace_period() -> None:
    is_sent = anyio.Event()

    async def never_answer(client: SocketStream) -> None:
        is_sent.set()
        await anyio.sleep_forever()

    answers: dict[str, Answer] = {"GET /memories": never_answer, "/health": http_json({"status": "ok"})}
    async with scripted_agentos(answers) as agentos:
        with HttpServer("--url", agentos.url, "--grace-seconds", "2") as server:
            ready, health = (server.url.replace("/mcp", path) for path in ("/ready", "/health"))
            async with over_http("auto", server.url) as peer, httpx.AsyncClient(timeout=PATIENCE) as rest:
                assert (await rest.get(ready)).status_code == 200
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(partial(never_answered, peer))
                    await is_sent.wait()
                    signaled_at = time.monotonic()
                    server.signal(signal.SIGTERM)
                    while (answer := await rest.get(ready)).status_code == 200:
                        assert time.monotonic() - signaled_at < 1, "it says so at once"
                    assert answer.json() == {"status": "not ready", "reason": "This server is stopping."}
                    assert (await rest.get(health)).status_code == 200
                    code = await anyio.to_thread.run_sync(server.exit_code)
                    seconds = time.monotonic() - signaled_at
                    tasks.cancel_scope.cancel()
            assert code == 143
            assert 2 <= seconds < 5


async def never_answered(peer: Peer) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - the server goes away under it, in one way or another
        await peer.call("list_memories")


async def test_second_signal_ends_it_without_waiting() -> None:
    is_sent = anyio.Event()

    async def never_answer(client: SocketStream) -> None:
        is_sent.set()
        await anyio.sleep_forever()

    async with scripted_agentos({"GET /memories": never_answer}) as agentos:
        with HttpServer("--url", agentos.url, "--grace-seconds", "60") as server:
            async with (
                over_http("auto", server.url) as peer,
                httpx.AsyncClient(timeout=PATIENCE) as rest,
                anyio.create_task_group() as tasks,
            ):
                tasks.start_soon(partial(never_answered, peer))
                await is_sent.wait()
                server.signal(signal.SIGTERM)
                with anyio.fail_after(PATIENCE):
                    while (await rest.get(server.url.replace("/mcp", "/ready"))).status_code == 200:
                        pass
                server.signal(signal.SIGTERM)
                assert await anyio.to_thread.run_sync(server.exit_code) == 143
                tasks.cancel_scope.cancel()
