"""An AgentOS that restarts with other components: clients are notified, and list them."""

from __future__ import annotations

import contextlib
import socket

import pytest

from agentos_mcp.demo.host_process import demo_agentos
from agentos_mcp.server import change_notifier
from agentos_mcp.server.build import build_server
from agentos_mcp.settings import Settings
from tests._support.notification_recorder import NotificationRecorder, connected_client, subscribed

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
        with demo_agentos(build="tests._support.agentos.input_shapes:build", port=port):
            before = {tool.name for tool in (await peer.client.list_tools()).tools}
            assert "writer" in before
            assert "late_comer" not in before
        recorder.notifications.clear()
        with demo_agentos(build="tests._support.agentos.input_shapes:build_grown", port=port):
            await recorder.wait_until(lambda subjects: set(subjects) >= LISTS)
            after = {tool.name for tool in (await peer.client.list_tools()).tools}
            assert after - before == {"late_comer"}
            assert (await peer.text("late_comer", message="hi")).startswith("echo: hi")


async def test_component_change_is_noticed_without_polling_by_whoever_reads_it(era: str) -> None:
    port = free_port()
    server = build_server(Settings(url=f"http://127.0.0.1:{port}"))
    recorder = NotificationRecorder()
    async with connected_client(era, server, recorder) as peer, subscribed(peer, recorder, lists=True):
        with demo_agentos(build="tests._support.agentos.input_shapes:build", port=port):
            assert "late-comer" not in await peer.text("list_agents")
        recorder.notifications.clear()
        with demo_agentos(build="tests._support.agentos.input_shapes:build_grown", port=port):
            assert "late-comer" in await peer.text("list_agents")
            await recorder.wait_until(lambda subjects: set(subjects) >= LISTS)
            assert "late-comer" in {prompt.name for prompt in (await peer.client.list_prompts()).prompts}
