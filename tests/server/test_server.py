"""What the server tells a client first, and what it does for every request."""

from __future__ import annotations

import base64
import json
import logging
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import anyio
import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp_types import LoggingLevel

from agentos_mcp import REPOSITORY_URL
from agentos_mcp.agentos.client import Limits
from agentos_mcp.agentos.config_prefetch import Prefetch, prefetch_config, prefetched
from agentos_mcp.server.build import build_server
from agentos_mcp.server.introduction import AGENTOS_META_KEY, INTRODUCTION_SECONDS
from agentos_mcp.settings import Settings, Token
from scripts.icon import small_png
from tests._support.http_answers import http_json
from tests._support.mcp_client import Connect, Peer, words
from tests._support.processes import DOWN, PATIENCE
from tests._support.scripted_agentos import CONFIG, scripted_agentos
from tests.conftest import KEY

pytestmark = pytest.mark.anyio

READ_TOOLS = {
    "list_agents",
    "list_teams",
    "list_workflows",
    "get_component",
    "get_run",
    "list_runs",
    "list_pending",
    "explain_run",
    "list_sessions",
    "get_session",
    "list_memories",
    "search_knowledge",
    "list_knowledge",
}


@pytest.fixture
def package_logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("agentos_mcp")
    before = logger.level
    yield logger
    logger.setLevel(before)


async def test_clients_get_the_icon_once_and_no_address_that_is_not_known(
    connect: Connect, sample_agentos: str
) -> None:
    async with connect(sample_agentos) as peer:
        about = peer.client.server_info
        assert about is not None
        assert about.title == "AgentOS"
        assert about.website_url == (REPOSITORY_URL or None)
        (shown,) = about.icons or []
        assert (shown.mime_type, shown.sizes) == ("image/png", ["64x64"])
        assert base64.b64decode(shown.src.partition(",")[2], validate=True) == small_png()
        assert len(shown.src) < 1000, "it is sent whenever a client connects"
        result = await peer.client.call_tool("list_agents", {})
        assert "icons" not in json.dumps(result.model_dump(mode="json", by_alias=True))


def agentos_state(peer: Peer) -> dict[str, Any]:
    """What `_meta` tells of AgentOS, in either era."""
    result = peer.client.session.initialize_result or peer.client.session.discover_result
    assert result is not None
    assert result.meta is not None
    state: dict[str, Any] = result.meta[AGENTOS_META_KEY]
    return state


async def test_instructions_describe_this_agentos_and_how_to_begin(connect: Connect, demo: str) -> None:
    async with connect(demo) as peer:
        instructions = peer.client.instructions or ""
    assert "call run_workflow, run_agent or run_team" in instructions
    assert "This AgentOS (demo-os) has agents assistant, librarian, publisher; teams newsroom;" in instructions
    assert "workflows content-pipeline, launch-plan (needs product)." in instructions
    assert re.search(
        r"^Today is \w+day 20\d\d-\d\d-\d\d, \d\d:\d\d \(UTC\), as you connect; "
        r"times are given and shown in this time zone\.$",
        instructions,
        re.MULTILINE,
    )
    assert len(instructions) < 1500


async def test_instructions_name_no_tool_that_is_not_offered(connect: Connect, demo: str) -> None:
    async with connect(demo, exclude_tools=("cancel_run", "get_component")) as peer:
        instructions = peer.client.instructions or ""
    assert "list_agents, list_teams and list_workflows say what there is." in instructions
    assert "A result ends with the run's reference (run: ...), which other tools take." in instructions
    assert "cancel_run" not in instructions
    assert "get_component" not in instructions


async def test_instructions_quote_ids(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        instructions = peer.client.instructions or ""
    assert "a%3Fb%23c, 100%25, 日本" in instructions


async def test_client_connects_while_agentos_is_down(connect: Connect) -> None:
    async with connect(DOWN) as peer:
        assert "No AgentOS answers at http://127.0.0.1:9" in (peer.client.instructions or "")
        assert (await peer.client.list_tools()).tools


async def test_instructions_report_a_missing_token(connect: Connect, locked_agentos: str) -> None:
    async with connect(locked_agentos) as peer:
        assert "--token-file PATH" in (peer.client.instructions or "")
    async with connect(locked_agentos, token=Token(KEY)) as peer:
        assert "This AgentOS (sample)" in (peer.client.instructions or "")


async def test_agentos_state_counts_the_components(connect: Connect, demo: str) -> None:
    async with connect(demo) as peer:
        assert agentos_state(peer) == {
            "url": demo,
            "status": "ok",
            "name": "demo-os",
            "components": {"agents": 3, "teams": 1, "workflows": 2},
        }


async def test_agentos_state_reports_an_agentos_that_is_down(connect: Connect) -> None:
    async with connect(DOWN) as peer:
        state = agentos_state(peer)
    assert (state["url"], state["status"], state["error"]["type"]) == (DOWN, "unusable", "Unreachable")
    assert state["error"]["message"].startswith(f"No AgentOS answers at {DOWN}")
    assert "components" not in state


async def test_agentos_state_reports_a_missing_token(connect: Connect, locked_agentos: str) -> None:
    async with connect(locked_agentos) as peer:
        assert agentos_state(peer)["error"]["type"] == "Unauthorized"
    async with connect(locked_agentos, token=Token(KEY)) as peer:
        assert agentos_state(peer)["status"] == "ok"
        assert KEY not in json.dumps(agentos_state(peer))


async def test_agentos_state_reports_an_agentos_that_is_slow(connect: Connect) -> None:
    async def never(stream: Any) -> None:
        await anyio.sleep_forever()

    async with scripted_agentos({"/config": never}) as agentos:
        began = anyio.current_time()
        async with connect(agentos.url, introduction_seconds=INTRODUCTION_SECONDS, expose=(("agents", ""),)) as peer:
            assert anyio.current_time() - began < 1.0
            assert agentos_state(peer) == {"url": agentos.url, "status": "slow"}
            assert f"AgentOS at {agentos.url} has not answered yet. list_agents," in (peer.client.instructions or "")


async def test_introduction_waits_a_fifth_of_a_second_at_most() -> None:
    assert INTRODUCTION_SECONDS <= 0.2


async def test_agentos_is_asked_before_a_client_connects() -> None:
    asked = anyio.Event()

    async def answer(stream: Any) -> None:
        asked.set()
        await stream.send(http_json(CONFIG))

    async with scripted_agentos({"/config": answer}) as agentos:
        server = build_server(Settings(url=agentos.url))
        assert server.settings.lifespan is not None
        async with server.settings.lifespan(server):
            with anyio.fail_after(PATIENCE):
                await asked.wait()


async def test_answer_that_came_while_the_server_was_imported_is_used(era: str) -> None:
    async with scripted_agentos() as agentos:
        prefetch = await anyio.to_thread.run_sync(prefetch_config, agentos.url, lambda: "", Limits())
        server = build_server(Settings(url=agentos.url), prefetch)
        async with Client(server, mode=era) as client:
            assert "agents writer" in (client.instructions or "")
        assert agentos.requests.count("GET /config") == 1


async def test_wait_for_an_early_answer_leaves_no_thread_behind_that_the_process_could_not_end_before() -> None:
    before = set(threading.enumerate())
    unanswered: Prefetch = Future()
    with anyio.move_on_after(0.01) as scope:
        await prefetched(unanswered)
    assert scope.cancelled_caught
    assert [thread for thread in threading.enumerate() if thread not in before and not thread.daemon] == []
    unanswered.set_result({})
    assert await prefetched(unanswered) == {}


async def test_early_answer_that_is_an_error_is_told_once_and_asked_for_again(era: str) -> None:
    prefetch = await anyio.to_thread.run_sync(prefetch_config, DOWN, lambda: "", Limits())
    async with scripted_agentos() as agentos:
        server = build_server(Settings(url=agentos.url), prefetch)
        async with Client(server, mode=era) as client:
            result = await client.call_tool("list_agents", {})
        assert "writer" in words(result)


async def test_agentos_state_has_no_credentials(connect: Connect) -> None:
    async with connect(DOWN.replace("://", "://ada:hunter2@")) as peer:
        state = agentos_state(peer)
        assert state["url"] == DOWN
        assert "hunter2" not in f"{state}{peer.client.instructions}"


async def test_read_only_server_lists_only_tools_that_read(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, read_only=True) as peer:
        assert {tool.name for tool in (await peer.client.list_tools()).tools} == READ_TOOLS
        assert "Read-only" in (peer.client.instructions or "")
        assert "run_workflow" not in (peer.client.instructions or "")
        for name in ("run_agent", "cancel_run", "create_memory"):
            assert f"Unknown tool: {name}" in await peer.error(name)


async def test_toolset_that_is_off_is_not_in_the_instructions(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, toolsets=("catalog",)) as peer:
        names = {tool.name for tool in (await peer.client.list_tools()).tools}
        assert names == {"list_agents", "list_teams", "list_workflows", "get_component"}
        assert "Memories" not in (peer.client.instructions or "")


async def test_null_argument_counts_as_missing(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        result = await peer.text("run_agent", agent_id="echo", message="x", session_id=None, metadata=None)
        assert result.startswith("echo: x")
        assert "'message' is missing" in await peer.error("run_agent", agent_id="echo", message=None)


async def test_invalid_argument_value_is_not_repeated(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        assert "hunter2" not in await peer.error("run_agent", agent_id="echo", message="x", metadata="hunter2")


async def test_unknown_prompt_is_an_invalid_parameter(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        with pytest.raises(MCPError, match="Unknown prompt: nope") as caught:
            await peer.client.get_prompt("nope")
    assert caught.value.code == -32602


async def test_legacy_client_sets_the_log_level(sample_agentos: str, package_logger: logging.Logger) -> None:
    async with Client(build_server(Settings(url=sample_agentos)), mode="legacy") as client:
        levels: list[tuple[LoggingLevel, int]] = [
            ("debug", logging.DEBUG),
            ("notice", logging.INFO),
            ("emergency", logging.CRITICAL),
        ]
        for level, number in levels:
            with pytest.warns(MCPDeprecationWarning):
                await client.set_logging_level(level)
            assert package_logger.level == number
