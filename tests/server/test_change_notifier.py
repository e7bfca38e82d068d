"""An AgentOS that restarts with other components: clients are notified, and list them."""

from __future__ import annotations

import contextlib
import socket

import anyio
import pytest
from anyio.abc import SocketStream

from agentos_mcp.server import change_notifier
from agentos_mcp.server.build import build_server
from agentos_mcp.settings import Settings
from tests._support.http_answers import http_json
from tests._support.notification_recorder import NotificationRecorder, connected_client, subscribed
from tests._support.processes import PATIENCE
from tests._support.running_agentos import running_agentos
from tests._support.scripted_agentos import CONFIG, scripted_agentos

pytestmark = pytest.mark.anyio

LISTS = {"tools", "prompts", "resources"}


def free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_new_component_gets_a_tool_and_every_client_is_notified(
    era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_notifier, "POLL_SECONDS", 0.2)
    port = free_port()
    settings = Settings(url=f"http://127.0.0.1:{port}", expose=(("agents", ""),))
    recorder = NotificationRecorder()
    async with connected_client(era, build_server(settings), recorder) as peer, subscribed(peer, recorder, lists=True):
        with running_agentos(build="tests._support.agentos.input_shapes:build", port=port):
            # It connected before there was an AgentOS.
            await recorder.wait_until(lambda subjects: set(subjects) >= LISTS)
            before = {tool.name for tool in (await peer.client.list_tools()).tools}
            assert "writer" in before
            assert "late_comer" not in before
        recorder.notifications.clear()
        with running_agentos(build="tests._support.agentos.input_shapes:build_grown", port=port):
            after = before
            with anyio.fail_after(PATIENCE):
                while after == before:
                    # Clients may have been told only now of what AgentOS can do.
                    await recorder.wait_until(lambda subjects: set(subjects) >= LISTS)
                    recorder.notifications.clear()
                    after = {tool.name for tool in (await peer.client.list_tools()).tools}
            assert after - before == {"late_comer"}
            assert (await peer.text("late_comer", message="hi")).startswith("echo: hi")


async def test_clients_that_were_introduced_before_agentos_answered_are_notified(
    era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = anyio.Event()

    async def late(stream: SocketStream) -> None:
        await answers.wait()
        await stream.send(http_json(CONFIG))

    recorder = NotificationRecorder()
    async with scripted_agentos({"/config": late}) as agentos:
        server = build_server(Settings(url=agentos.url, expose=(("agents", ""),)))
        async with connected_client(era, server, recorder) as peer, subscribed(peer, recorder, lists=True):
            assert "has not answered yet" in (peer.client.instructions or "")
            answers.set()
            await recorder.wait_until(lambda subjects: set(subjects) >= LISTS)
            assert "writer" in {tool.name for tool in (await peer.client.list_tools()).tools}


async def test_component_change_is_noticed_without_polling_by_whoever_reads_it(era: str) -> None:
    port = free_port()
    server = build_server(Settings(url=f"http://127.0.0.1:{port}"))
    recorder = NotificationRecorder()
    async with connected_client(era, server, recorder) as peer, subscribed(peer, recorder, lists=True):
        with running_agentos(build="tests._support.agentos.input_shapes:build", port=port):
            assert "late-comer" not in await peer.text("list_agents")
            await recorder.wait_until(lambda subjects: set(subjects) >= LISTS)
        recorder.notifications.clear()
        with running_agentos(build="tests._support.agentos.input_shapes:build_grown", port=port):
            assert "late-comer" in await peer.text("list_agents")
            await recorder.wait_until(lambda subjects: set(subjects) >= LISTS)
            assert "late-comer" in {prompt.name for prompt in (await peer.client.list_prompts()).prompts}


async def test_agentos_is_asked_what_it_can_do_once_a_client_was_introduced(era: str) -> None:
    asked = anyio.Event()

    async def describe(stream: SocketStream) -> None:
        asked.set()
        await stream.send(http_json({"paths": {}}))

    async with (
        scripted_agentos({"/openapi.json": describe}) as agentos,
        connected_client(era, build_server(Settings(url=agentos.url)), NotificationRecorder()),
    ):
        # Nothing was listed and nothing is run.
        with anyio.fail_after(PATIENCE):
            await asked.wait()
