"""An AgentOS that comes back with other components: clients are told, and see them."""

from __future__ import annotations

import contextlib
import socket

import pytest

from agentos_mcp.demo.host_process import demo_agentos
from agentos_mcp.server import change_notifier as watching
from agentos_mcp.server.build import build_server
from agentos_mcp.settings import Settings
from tests._support.notification_recorder import NotificationRecorder, at, told

pytestmark = pytest.mark.anyio

LISTS = {"tools", "prompts", "resources"}


def free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_component_that_comes_late_gets_its_tool_and_every_client_is_told(
    era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "POLL_SECONDS", 0.2)
    port = free_port()
    settings = Settings(url=f"http://127.0.0.1:{port}", expose=(("agents", ""),))
    async with at(era, build_server(settings), ear := NotificationRecorder()) as peer, told(peer, ear, lists=True):
        with demo_agentos(build="tests._support.agentos.input_shapes:build", port=port):
            before = {tool.name for tool in (await peer.client.list_tools()).tools}
            assert "writer" in before
            assert "late_comer" not in before
        ear.heard.clear()
        with demo_agentos(build="tests._support.agentos.input_shapes:build_grown", port=port):
            await ear.until(lambda words: set(words) >= LISTS)
            after = {tool.name for tool in (await peer.client.list_tools()).tools}
            assert after - before == {"late_comer"}
            assert (await peer.text("late_comer", message="hi")).startswith("echo: hi")


async def test_without_polling_a_change_is_told_by_whoever_sees_it(era: str) -> None:
    port = free_port()
    server = build_server(Settings(url=f"http://127.0.0.1:{port}"))
    async with at(era, server, ear := NotificationRecorder()) as peer, told(peer, ear, lists=True):
        with demo_agentos(build="tests._support.agentos.input_shapes:build", port=port):
            assert "late-comer" not in await peer.text("list_agents")
        ear.heard.clear()
        with demo_agentos(build="tests._support.agentos.input_shapes:build_grown", port=port):
            assert "late-comer" in await peer.text("list_agents")
            await ear.until(lambda words: set(words) >= LISTS)
            assert "late-comer" in {prompt.name for prompt in (await peer.client.list_prompts()).prompts}
