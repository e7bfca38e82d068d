"""Clients are told what changes: runs they subscribed to, and what there is."""

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
from agentos_mcp.demo.host_process import demo_agentos
from agentos_mcp.server import subscriptions
from agentos_mcp.server.http.app import PATH
from agentos_mcp.server.mcp_server import AgentOSServer
from agentos_mcp.server.subscriptions import MOST_RUNS
from tests._support.changing_server import changing_server
from tests._support.mcp_client import Peer, connector, reference
from tests._support.notification_recorder import TRANSPORTS, NotificationRecorder, at, hearing, told
from tests._support.person import answers
from tests._support.processes import DOWN, PATIENCE, HttpServer
from tests.faults.test_restarts import host_at
from tests.tools.test_questions import waiting

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def crowd() -> Iterator[str]:
    with demo_agentos(build="tests._support.agentos.many_components:build") as url:
        yield url


EVERYTHING = {"tools", "prompts", "resources"}
QUIET = 1.5
"""Seconds in which an update would have come."""


async def begun(peer: Peer, seconds: float = 4) -> str:
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
        """Signals are the tests' own."""
        yield


@asynccontextmanager
async def on_a_socket(server: AgentOSServer) -> AsyncIterator[str]:
    """The server over real HTTP, in this process."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        app = server.streamable_http_app(streamable_http_path=PATH, host="127.0.0.1")
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1, lifespan="on")
        http = _Server(config)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(http.serve, [listener])
            yield f"http://127.0.0.1:{listener.getsockname()[1]}{PATH}"
            http.should_exit = True


async def nobody_subscribed(server: AgentOSServer) -> None:
    """Return once nobody is: a client does not wait for its goodbye to arrive."""
    with anyio.fail_after(PATIENCE):
        while server.changes.subscribed:  # noqa: ASYNC110 - nothing tells of it
            await anyio.sleep(0.02)


async def followed_to_the_end(peer: Peer, ear: NotificationRecorder, uri: str) -> None:
    """Read a run whenever there is news of it, until it has ended."""
    with anyio.fail_after(PATIENCE):
        while "completed" not in await read(peer, uri):
            await ear.more()


@pytest.mark.parametrize("transport", TRANSPORTS)
class TestOverEachTransport:
    async def test_a_run_is_followed_to_its_end(self, transport: str, era: str, sample_agentos: str) -> None:
        async with hearing(transport, era, sample_agentos) as (peer, ear):
            run = reference(await peer.text("run_workflow", workflow_id="slow-steps", message="go", wait=1))
            # As it was subscribed, not as we would write it.
            uri = f"agentos://runs/{run}".replace("slow-steps", "slow%2Dsteps")
            async with told(peer, ear, uri):
                await ear.more()
                await followed_to_the_end(peer, ear, uri)
            assert len(ear.words) >= 2
            assert set(ear.words) == {uri}

    async def test_lists_that_changed_are_told_of(self, transport: str, era: str, sample_agentos: str) -> None:
        async with hearing(transport, era, sample_agentos) as (peer, ear):
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
            async with told(peer, ear, "agentos://agents", lists=True):
                assert await peer.text("change") == "told"
                await ear.until(lambda words: set(words) >= EVERYTHING | {"agentos://agents"})
            assert len(ear.words) == 4

    async def test_what_is_unknown_or_no_run_is_accepted_and_quiet(
        self, transport: str, era: str, sample_agentos: str
    ) -> None:
        async with hearing(transport, era, sample_agentos) as (peer, ear):
            uris = ("agentos://runs/agent/echo/no/no", "agentos://agents/echo", "agentos://agents/none")
            async with told(peer, ear, *uris):
                await anyio.sleep(QUIET)
                assert (await peer.text("run_agent", agent_id="echo", message="still there?")).startswith("echo: ")
            assert not ear.words


class TestRun:
    async def test_updates_are_a_second_apart_but_for_the_last(self, era: str, crowd: str) -> None:
        async with hearing("memory", era, crowd) as (peer, ear):
            begun = await peer.text("run_workflow", workflow_id="busy", message="go", wait=1)
            async with told(peer, ear, uri := f"agentos://runs/{reference(begun)}"):
                await followed_to_the_end(peer, ear, uri)
        *earlier, _ = times = [time for time, _ in ear.heard]
        assert len(times) >= 3
        assert all(later - before > 0.9 for before, later in pairwise(earlier))

    async def test_a_finished_run_is_told_of_once_at_most(self, era: str, sample_agentos: str) -> None:
        async with hearing("memory", era, sample_agentos) as (peer, ear):
            run = reference(await peer.text("run_agent", agent_id="echo", message="done"))
            async with told(peer, ear, f"agentos://runs/{run}"):
                await anyio.sleep(QUIET)
        assert len(ear.words) <= 1

    async def test_a_run_that_another_server_started_is_followed(self, era: str, sample_agentos: str) -> None:
        async with hearing("memory", era, sample_agentos) as (peer, ear), connector("auto")(sample_agentos) as another:
            uri = f"agentos://runs/{await begun(another, 2)}"
            async with told(peer, ear, uri):
                await followed_to_the_end(peer, ear, uri)

    async def test_a_paused_run_is_followed_on_when_it_is_continued(self, era: str, pausing: str) -> None:
        async with hearing("memory", era, pausing) as (peer, ear):
            paused = await peer.text("run_workflow", workflow_id="in-step", message="subscribed to")
            uri = f"agentos://runs/{reference(paused)}"
            async with told(peer, ear, uri):
                await ear.until(lambda words: len(words) == 1)
                asked = await waiting(pausing, RunRef.parse(reference(paused)))
                await peer.text("continue_run", run=reference(paused), answers=answers(asked, "approve"))
                await ear.until(lambda words: len(words) >= 2)
                assert "completed" in await read(peer, uri)

    async def test_a_run_that_somebody_else_continues_is_followed_on(
        self, era: str, pausing: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(subscriptions, "_LOOK_SECONDS", 0.3)
        async with hearing("memory", era, pausing) as (peer, ear), connector("auto")(pausing) as another:
            paused = await another.text("run_workflow", workflow_id="in-step", message="continued elsewhere")
            uri = f"agentos://runs/{reference(paused)}"
            async with told(peer, ear, uri):
                await ear.until(lambda words: len(words) == 1)
                asked = await waiting(pausing, RunRef.parse(reference(paused)))
                await another.text("continue_run", run=reference(paused), answers=answers(asked, "approve"))
                await followed_to_the_end(peer, ear, uri)

    async def test_an_agentos_that_is_away_for_a_while_is_asked_again(
        self, era: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(subscriptions, "_RETRY_SECONDS", 0.2)
        with host_at(tmp_path / "os.db") as host:
            async with hearing("memory", era, host.url) as (peer, ear):
                run = reference(await peer.text("run_agent", agent_id="echo", message="kept"))
                await anyio.to_thread.run_sync(host.kill)
                async with told(peer, ear, f"agentos://runs/{run}"):
                    await anyio.sleep(0.5)
                    assert not ear.words
                    await anyio.to_thread.run_sync(host.start)
                    await ear.until(lambda words: len(words) == 1)


class TestCleaningUp:
    async def test_nothing_is_followed_after_the_last_unsubscribed(self, era: str, sample_agentos: str) -> None:
        server = changing_server(sample_agentos)
        async with (
            on_a_socket(server) as url,
            at(era, url, one := NotificationRecorder()) as first,
            at(era, url, two := NotificationRecorder()) as other,
        ):
            uri = f"agentos://runs/{await begun(first)}"
            async with told(first, one, uri):
                async with told(other, two, uri):
                    assert server.changes.subscribed == (uri,)
                assert server.changes.subscribed == (uri,)
                count = len(two.words)
                await first.text("cancel_run", run=uri)
                await one.until(lambda words: len(words) >= 1)
                await anyio.sleep(0.2)
                assert len(two.words) == count
            await nobody_subscribed(server)

    async def test_a_client_that_leaves_is_forgotten(self, era: str, sample_agentos: str) -> None:
        server = changing_server(sample_agentos)
        async with on_a_socket(server) as url, connector("auto")(sample_agentos) as another:
            uri = f"agentos://runs/{await begun(another)}"
            async with at(era, url, ear := NotificationRecorder()) as peer:
                if era == "legacy":
                    with pytest.warns(MCPDeprecationWarning):
                        await peer.client.subscribe_resource(uri)
                    assert server.changes.subscribed == (uri,)
                else:
                    # A stream is all that there is of a modern connection.
                    async with told(peer, ear, uri):
                        assert server.changes.subscribed == (uri,)
            await nobody_subscribed(server)
            async with at(era, url, ear := NotificationRecorder()) as peer, told(peer, ear, lists=True):
                assert await peer.text("change") == "told"
                await ear.until(lambda words: set(words) == EVERYTHING)

    async def test_subscribing_twice_is_subscribing_once(self, sample_agentos: str) -> None:
        server = changing_server(sample_agentos)
        async with on_a_socket(server) as url, at("legacy", url, ear := NotificationRecorder()) as peer:
            uri = f"agentos://runs/{await begun(peer, 2)}"
            async with told(peer, ear, uri), told(peer, ear, uri):
                await ear.until(lambda words: len(words) >= 1)
            assert server.changes.subscribed == ()


async def test_an_agentos_that_is_down_keeps_nobody_from_subscribing(era: str) -> None:
    async with hearing("memory", era, DOWN) as (peer, ear), anyio.create_task_group():
        async with told(peer, ear, "agentos://runs/agent/echo/a/b"):
            await anyio.sleep(0.2)
        assert not ear.words


async def test_there_is_an_end_to_what_is_followed(sample_agentos: str) -> None:
    async with hearing("memory", "auto", sample_agentos) as (peer, ear):
        uris = [f"agentos://runs/agent/echo/s/{number}" for number in range(MOST_RUNS + 1)]
        with pytest.raises(MCPError, match=f"{MOST_RUNS} runs are followed already") as caught:
            async with told(peer, ear, *uris):
                pass
        assert caught.value.code == INVALID_PARAMS
        async with told(peer, ear, *uris[:MOST_RUNS]):
            pass


async def test_all_clients_are_told_whatever_their_era(sample_agentos: str) -> None:
    async with (
        on_a_socket(changing_server(sample_agentos)) as url,
        at("legacy", url, old := NotificationRecorder()) as first,
        at("auto", url, new := NotificationRecorder()) as second,
        told(first, old),
        told(second, new, lists=True),
    ):
        for peer in (first, second):
            old.heard.clear()
            new.heard.clear()
            assert await peer.text("change") == "told"
            for ear in (old, new):
                await ear.until(lambda words: set(words) == EVERYTHING)


async def test_a_modern_client_is_told_only_of_what_it_asked_for(sample_agentos: str) -> None:
    async with (
        hearing("memory", "auto", sample_agentos) as (peer, ear),
        peer.client.listen(prompts_list_changed=True) as subscription,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(ear.listen, subscription)
        for count in (1, 2):
            assert await peer.text("change") == "told"
            await ear.until(lambda words, count=count: len(words) == count)  # type: ignore[misc]
        assert ear.words == ["prompts", "prompts"]
        tasks.cancel_scope.cancel()


async def test_an_agent_that_is_new_is_told_of_and_there(era: str) -> None:
    with ExitStack() as before:
        url = before.enter_context(demo_agentos(build="tests._support.agentos.input_shapes:build"))
        async with (
            hearing("memory", era, url) as (peer, ear),
            told(peer, ear, "agentos://agents/writer", lists=True),
        ):
            assert "late-comer" not in await prompts_of(peer)
            before.close()
            with demo_agentos(
                build="tests._support.agentos.input_shapes:build_grown", port=int(url.rpartition(":")[2])
            ):
                assert "late-comer" in await peer.text("list_agents")
                await ear.until(lambda words: set(words) >= EVERYTHING | {"agentos://agents/writer"})
                assert "late-comer" in await prompts_of(peer)
                assert "Late Comer" in await read(peer, "agentos://agents/late-comer")


async def prompts_of(peer: Peer) -> set[str]:
    return {prompt.name for prompt in (await peer.client.list_prompts()).prompts}


@pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")
async def test_a_server_that_is_stopped_ends_its_streams_on_purpose(sample_agentos: str) -> None:
    with HttpServer("--url", sample_agentos) as server:
        async with (
            Client(server.url, read_timeout_seconds=PATIENCE) as client,
            client.listen(tools_list_changed=True) as subscription,
        ):
            server.signal(signal.SIGTERM)
            with anyio.fail_after(PATIENCE):
                assert [event async for event in subscription] == []
        assert await anyio.to_thread.run_sync(server.exit_code) == 143
        assert "Traceback" not in server.everything
