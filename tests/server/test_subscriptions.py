"""Clients are notified of changes: of runs they subscribed to, and of lists."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from itertools import pairwise
from pathlib import Path

import anyio
import pytest
import uvicorn
from mcp.client.client import Client
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp_types import INVALID_PARAMS, TextResourceContents

from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.server import subscriptions
from agentos_mcp.server.http.app import PATH
from agentos_mcp.server.mcp_server import AgentOSServer
from agentos_mcp.server.subscriptions import MAX_FOLLOWED_RUNS
from tests._support.agentos_pool import AgentOSPool
from tests._support.change_tool_server import server_with_change_tool
from tests._support.mcp_client import Peer, connector, reference
from tests._support.notification_recorder import (
    TRANSPORTS,
    NotificationRecorder,
    connected_client,
    recording_client,
    subscribed,
)
from tests._support.paused_runs import waiting
from tests._support.person import answers
from tests._support.processes import DOWN, FORK, PATIENCE, HttpServer
from tests._support.restartable_agentos import host_at
from tests._support.running_agentos import running_agentos

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def many_components(agentoses: AgentOSPool) -> str:
    return agentoses.url("many_components")


LISTS = {"tools", "prompts", "resources"}


async def start_run(peer: Peer, seconds: float = 4) -> str:
    """The reference of an agent's run that goes on for so long, a word each tenth of a second."""
    message = f"{seconds * 10:.0f} {seconds}"
    return reference(await peer.text("run_agent", agent_id="slow", message=message, wait=1))


async def read(peer: Peer, uri: str) -> str:
    [content] = (await peer.client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    return content.text


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signal handlers of the tests alone."""
        yield


@asynccontextmanager
async def serve_on_socket(server: AgentOSServer) -> AsyncIterator[str]:
    """The server over real HTTP, in this process."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        app = server.streamable_http_app(streamable_http_path=PATH, host="127.0.0.1")
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1, lifespan="on")
        http = _Server(config)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(http.serve, [listener])
            yield f"http://127.0.0.1:{listener.getsockname()[1]}{PATH}"
            http.should_exit = True


async def wait_until_unsubscribed(server: AgentOSServer) -> None:
    """Return once nobody is subscribed: a client does not wait until the server has read its last message."""
    with anyio.fail_after(PATIENCE):
        while server.subscriptions.uris:  # noqa: ASYNC110 - nothing tells of it
            await anyio.sleep(0.02)


async def read_until_completed(peer: Peer, recorder: NotificationRecorder, uri: str) -> None:
    """Read a run after each of its notifications, until it has ended."""
    with anyio.fail_after(PATIENCE):
        while "completed" not in await read(peer, uri):
            await recorder.wait_for_next()


@pytest.mark.parametrize("transport", TRANSPORTS)
class TestOverEachTransport:
    async def test_run_is_followed_to_its_end(self, transport: str, era: str, sample_agentos: str) -> None:
        async with recording_client(transport, era, sample_agentos) as (peer, recorder):
            run = reference(await peer.text("run_workflow", workflow_id="slow-steps", message="go", wait=0))
            # As it was subscribed, not as we would write it.
            uri = f"agentos://runs/{run}".replace("slow-steps", "slow%2Dsteps")
            async with subscribed(peer, recorder, uri):
                await recorder.wait_for_next()
                await read_until_completed(peer, recorder, uri)
            assert set(recorder.subjects) == {uri}

    async def test_list_changes_are_published(self, transport: str, era: str, sample_agentos: str) -> None:
        async with recording_client(transport, era, sample_agentos) as (peer, recorder):
            can = peer.client.server_capabilities
            assert can is not None
            assert can.tools is not None
            assert can.tools.list_changed
            assert can.prompts is not None
            assert can.prompts.list_changed
            assert can.resources is not None
            assert can.resources.list_changed
            assert can.resources.subscribe
            assert can.completions is not None
            async with subscribed(peer, recorder, "agentos://agents", lists=True):
                assert await peer.text("change") == "published"
                await recorder.wait_until(lambda subjects: set(subjects) >= LISTS | {"agentos://agents"})
            assert len(recorder.subjects) == 4

    async def test_subscriptions_to_unknown_runs_and_components_stay_quiet(
        self, transport: str, era: str, sample_agentos: str
    ) -> None:
        async with recording_client(transport, era, sample_agentos) as (peer, recorder):
            uris = ("agentos://runs/agent/echo/no/no", "agentos://agents/echo", "agentos://agents/none")
            known = f"agentos://runs/{await start_run(peer, 2)}"
            async with subscribed(peer, recorder, *uris, known):
                await read_until_completed(peer, recorder, known)
            assert set(recorder.subjects) == {known}


class TestRunSubscriptions:
    async def test_run_updates_are_a_second_apart_except_the_last(self, era: str, many_components: str) -> None:
        async with recording_client("memory", era, many_components) as (peer, recorder):
            result = await peer.text("run_workflow", workflow_id="busy", message="go", wait=1)
            async with subscribed(peer, recorder, uri := f"agentos://runs/{reference(result)}"):
                await read_until_completed(peer, recorder, uri)
        *earlier, _ = times = [time for time, _ in recorder.notifications]
        assert len(times) >= 3
        assert all(later - before > 0.9 for before, later in pairwise(earlier))

    async def test_ended_run_is_updated_once_at_most(self, era: str, sample_agentos: str) -> None:
        async with recording_client("memory", era, sample_agentos) as (peer, recorder):
            ended = f"agentos://runs/{reference(await peer.text('run_agent', agent_id='echo', message='done'))}"
            running = f"agentos://runs/{await start_run(peer, 2)}"
            async with subscribed(peer, recorder, ended, running):
                await read_until_completed(peer, recorder, running)
        assert recorder.subjects.count(ended) <= 1

    async def test_run_of_another_server_is_followed(self, era: str, sample_agentos: str) -> None:
        async with (
            recording_client("memory", era, sample_agentos) as (peer, recorder),
            connector("auto")(sample_agentos) as another,
        ):
            uri = f"agentos://runs/{await start_run(another, 2)}"
            async with subscribed(peer, recorder, uri):
                await read_until_completed(peer, recorder, uri)

    async def test_paused_run_is_followed_after_it_is_continued(self, era: str, pausing: str) -> None:
        async with recording_client("memory", era, pausing) as (peer, recorder):
            paused = await peer.text("run_workflow", workflow_id="in-step", message="subscribed to")
            uri = f"agentos://runs/{reference(paused)}"
            async with subscribed(peer, recorder, uri):
                await recorder.wait_until(lambda subjects: len(subjects) == 1)
                questions = await waiting(pausing, RunRef.parse(reference(paused)))
                await peer.text("continue_run", run=reference(paused), answers=answers(questions, "approve"))
                await recorder.wait_until(lambda subjects: len(subjects) >= 2)
                assert "completed" in await read(peer, uri)

    async def test_paused_run_is_followed_after_another_server_continues_it(
        self, era: str, pausing: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(subscriptions, "_PAUSED_RUN_POLL_SECONDS", 0.3)
        async with recording_client("memory", era, pausing) as (peer, recorder), connector("auto")(pausing) as another:
            paused = await another.text("run_workflow", workflow_id="in-step", message="continued elsewhere")
            uri = f"agentos://runs/{reference(paused)}"
            async with subscribed(peer, recorder, uri):
                await recorder.wait_until(lambda subjects: len(subjects) == 1)
                questions = await waiting(pausing, RunRef.parse(reference(paused)))
                await another.text("continue_run", run=reference(paused), answers=answers(questions, "approve"))
                await read_until_completed(peer, recorder, uri)

    async def test_run_is_followed_again_after_agentos_was_down(
        self, era: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(subscriptions, "_RETRY_SECONDS", 0.2)
        with host_at(tmp_path / "os.db") as host:
            async with recording_client("memory", era, host.url) as (peer, recorder):
                run = reference(await peer.text("run_agent", agent_id="echo", message="kept"))
                await anyio.to_thread.run_sync(host.kill)
                async with subscribed(peer, recorder, f"agentos://runs/{run}"):
                    await peer.error("list_agents")
                    assert not recorder.subjects
                    await anyio.to_thread.run_sync(host.start)
                    await recorder.wait_until(lambda subjects: len(subjects) == 1)


class TestUnsubscribing:
    async def test_run_is_no_longer_followed_after_the_last_client_unsubscribed(
        self, era: str, sample_agentos: str
    ) -> None:
        server = server_with_change_tool(sample_agentos)
        async with (
            serve_on_socket(server) as url,
            connected_client(era, url, first_recorder := NotificationRecorder()) as first,
            connected_client(era, url, second_recorder := NotificationRecorder()) as other,
        ):
            uri = f"agentos://runs/{await start_run(first)}"
            async with subscribed(first, first_recorder, uri):
                async with subscribed(other, second_recorder, uri):
                    assert server.subscriptions.uris == (uri,)
                assert server.subscriptions.uris == (uri,)
                count = len(second_recorder.subjects)
                await first.text("cancel_run", run=uri)
                await first_recorder.wait_until(lambda subjects: len(subjects) >= 1)
                async with subscribed(other, second_recorder, lists=True):
                    assert await other.text("change") == "published"
                    await second_recorder.wait_until(lambda subjects: set(subjects[count:]) >= LISTS)
                assert uri not in second_recorder.subjects[count:]
            await wait_until_unsubscribed(server)

    async def test_client_that_disconnects_is_unsubscribed(self, era: str, sample_agentos: str) -> None:
        server = server_with_change_tool(sample_agentos)
        async with serve_on_socket(server) as url, connector("auto")(sample_agentos) as another:
            uri = f"agentos://runs/{await start_run(another)}"
            async with connected_client(era, url, recorder := NotificationRecorder()) as peer:
                if era == "legacy":
                    with pytest.warns(MCPDeprecationWarning):
                        await peer.client.subscribe_resource(uri)
                    assert server.subscriptions.uris == (uri,)
                else:
                    # A stream is all that there is of a modern connection.
                    async with subscribed(peer, recorder, uri):
                        assert server.subscriptions.uris == (uri,)
            await wait_until_unsubscribed(server)
            async with (
                connected_client(era, url, recorder := NotificationRecorder()) as peer,
                subscribed(peer, recorder, lists=True),
            ):
                assert await peer.text("change") == "published"
                await recorder.wait_until(lambda subjects: set(subjects) == LISTS)

    async def test_second_subscription_of_a_client_counts_once(self, sample_agentos: str) -> None:
        server = server_with_change_tool(sample_agentos)
        async with (
            serve_on_socket(server) as url,
            connected_client("legacy", url, recorder := NotificationRecorder()) as peer,
        ):
            uri = f"agentos://runs/{await start_run(peer, 2)}"
            async with subscribed(peer, recorder, uri), subscribed(peer, recorder, uri):
                await recorder.wait_until(lambda subjects: len(subjects) >= 1)
            assert server.subscriptions.uris == ()


async def test_subscription_is_accepted_while_agentos_is_down(era: str) -> None:
    async with recording_client("memory", era, DOWN) as (peer, recorder), anyio.create_task_group():
        async with subscribed(peer, recorder, "agentos://runs/agent/echo/a/b"):
            await peer.error("list_agents")
        assert not recorder.subjects


async def test_followed_runs_are_limited(sample_agentos: str) -> None:
    async with recording_client("memory", "auto", sample_agentos) as (peer, recorder):
        uris = [f"agentos://runs/agent/echo/s/{number}" for number in range(MAX_FOLLOWED_RUNS + 1)]
        with pytest.raises(MCPError, match=f"{MAX_FOLLOWED_RUNS} runs are followed already") as caught:
            async with subscribed(peer, recorder, *uris):
                pass
        assert caught.value.code == INVALID_PARAMS
        async with subscribed(peer, recorder, *uris[:MAX_FOLLOWED_RUNS]):
            pass


async def test_list_changes_reach_clients_of_both_eras(sample_agentos: str) -> None:
    async with (
        serve_on_socket(server_with_change_tool(sample_agentos)) as url,
        connected_client("legacy", url, legacy_recorder := NotificationRecorder()) as first,
        connected_client("auto", url, modern_recorder := NotificationRecorder()) as second,
        subscribed(first, legacy_recorder),
        subscribed(second, modern_recorder, lists=True),
    ):
        for peer in (first, second):
            legacy_recorder.notifications.clear()
            modern_recorder.notifications.clear()
            assert await peer.text("change") == "published"
            for recorder in (legacy_recorder, modern_recorder):
                await recorder.wait_until(lambda subjects: set(subjects) == LISTS)


async def test_modern_client_receives_only_what_it_listens_to(sample_agentos: str) -> None:
    async with (
        recording_client("memory", "auto", sample_agentos) as (peer, recorder),
        peer.client.listen(prompts_list_changed=True) as subscription,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(recorder.record_stream, subscription)
        for count in (1, 2):
            assert await peer.text("change") == "published"
            await recorder.wait_until(lambda subjects, count=count: len(subjects) == count)  # type: ignore[misc]  # its type is inferred
        assert recorder.subjects == ["prompts", "prompts"]
        tasks.cancel_scope.cancel()


async def test_new_agent_is_published_and_listed(era: str) -> None:
    with ExitStack() as before:
        url = before.enter_context(running_agentos(build="tests._support.agentos.input_shapes:build"))
        async with (
            recording_client("memory", era, url) as (peer, recorder),
            subscribed(peer, recorder, "agentos://agents/writer", lists=True),
        ):
            assert "late-comer" not in await prompt_names(peer)
            before.close()
            with running_agentos(
                build="tests._support.agentos.input_shapes:build_grown", port=int(url.rpartition(":")[2])
            ):
                assert "late-comer" in await peer.text("list_agents")
                await recorder.wait_until(lambda subjects: set(subjects) >= LISTS | {"agentos://agents/writer"})
                assert "late-comer" in await prompt_names(peer)
                assert "Late Comer" in await read(peer, "agentos://agents/late-comer")


async def prompt_names(peer: Peer) -> set[str]:
    return {prompt.name for prompt in (await peer.client.list_prompts()).prompts}


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
async def test_stopped_server_ends_its_streams_gracefully(sample_agentos: str) -> None:
    with HttpServer("--url", sample_agentos, command=FORK) as server:
        async with (
            Client(server.url, read_timeout_seconds=PATIENCE) as client,
            client.listen(tools_list_changed=True) as subscription,
        ):
            server.signal(signal.SIGTERM)
            with anyio.fail_after(PATIENCE):
                assert [event async for event in subscription] == []
        assert await anyio.to_thread.run_sync(server.exit_code) == 143
        assert "Traceback" not in server.everything
