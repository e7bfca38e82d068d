"""A change that was sent is told as what it is: done, refused, or of an unknown fate. Never as one to send again."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.tooling.context import LOOK_ACTIONS
from agentos_mcp.tools import TOOLSETS
from tests._support.fault_proxy import Proxy, proxy_to
from tests._support.http_answers import http_answer
from tests._support.mcp_client import Connect, reference

pytestmark = pytest.mark.anyio
ONE_ERA = True
ALL: dict[str, Any] = {"toolsets": ("all",)}

WRITES: list[tuple[str, dict[str, Any], str, str]] = [
    ("create_memory", {"memory": "Likes tea", "user_id": "ada"}, "POST /memories", "list_memories"),
    ("create_session", {"kind": "agent", "id": "echo"}, "POST /sessions", "list_sessions"),
    (
        "create_learning",
        {"learning_type": "decision_log", "content": {"decision": "tea", "reasoning": "taste"}},
        "POST /learnings",
        "list_learnings",
    ),
    (
        "create_schedule",
        {"name": "lost", "cron": "0 9 * * *", "kind": "agent", "id": "echo", "message": "hi"},
        "POST /schedules",
        "list_schedules",
    ),
    ("add_knowledge", {"text": "Bees make honey.", "name": "bees"}, "POST /knowledge/content", "list_knowledge"),
    ("refresh_metrics", {}, "POST /metrics/refresh", "get_metrics_status"),
]


def cuts(proxy: Proxy, *requests: str) -> None:
    """Cut the answers to requests that begin so."""
    begins = tuple(request.encode() for request in requests)
    proxy.fault = lambda request: 10 if request.startswith(begins) else None


@pytest.mark.parametrize(("tool", "arguments", "request_line", "shown_by"), WRITES)
async def test_change_whose_answer_is_lost_is_sent_once_and_says_where_to_look(
    connect: Connect, sample_agentos: str, tool: str, arguments: dict[str, Any], request_line: str, shown_by: str
) -> None:
    async with proxy_to(sample_agentos) as proxy, connect(proxy.url, **ALL) as peer:
        cuts(proxy, request_line)
        error = await peer.error(tool, **arguments)
        method, _, path = request_line.partition(" ")
        assert proxy.asked(method, path) == 1
    assert "It is not known whether it was done." in error
    assert error.endswith(f"Look with {shown_by} before you do it again, or it may be done twice.")
    assert "Try again" not in error


async def test_proxys_answer_to_a_change_leaves_its_fate_open(connect: Connect, sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, connect(proxy.url, **ALL) as peer:
        await peer.text("list_memories")
        for status, body in ((502, "{}"), (504, "{}"), (200, "<html>")):
            proxy.answers = [http_answer(status, body)]
            error = await peer.error("create_memory", memory="Likes tea", user_id="ada")
            assert "It is not known whether it was done. Look with list_memories" in error
        proxy.answers = [http_answer(500)]
        refused = await peer.error("create_memory", memory="Likes tea", user_id="ada")
    assert "not known" not in refused


async def test_change_that_was_never_sent_says_only_that(connect: Connect) -> None:
    async with connect("http://127.0.0.1:9", **ALL) as peer:
        error = await peer.error("create_memory", memory="Likes tea", user_id="ada", db_id="x")
    assert "No AgentOS answers" in error
    assert "not known" not in error


async def test_read_whose_answer_is_lost_may_be_tried_again(connect: Connect, sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, connect(proxy.url, **ALL) as peer:
        await peer.text("list_memories")
        cuts(proxy, "GET /memories", "POST /knowledge/search")
        for tool, arguments in (("list_memories", {}), ("search_knowledge", {"query": "bees"})):
            error = await peer.error(tool, **arguments)
            assert error.endswith("Try again.")


async def test_tool_that_changes_something_says_what_shows_it() -> None:
    endpoints = {
        tool.name: tool.endpoint
        for toolset in TOOLSETS
        for tool in toolset.tools
        if not tool.read_only and tool.endpoint
    }
    assert endpoints
    missing = [name for name, endpoint in endpoints.items() if not any(part in endpoint for part in LOOK_ACTIONS)]
    assert not missing


async def test_cancelled_run_that_cannot_be_read_again_is_told_as_being_cancelled(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient
) -> None:
    form = {"message": "30 20", "stream": "false", "background": "true"}
    run = (await rest.post("/agents/slow/runs", data=form)).json()
    ref = RunRef("agent", "slow", run["session_id"], run["run_id"])
    async with proxy_to(sample_agentos) as proxy, connect(proxy.url, **ALL) as peer:

        def fault(request: bytes) -> int | None:
            return 10 if proxy.asked("POST", "/cancel") and request.startswith(b"GET /agents/") else None

        proxy.fault = fault
        text = await peer.text("cancel_run", run=str(ref))
    assert text.startswith("Cancelling")
    assert reference(text) == str(ref)


async def test_refresh_of_metrics_that_cannot_be_followed_is_told_as_begun(
    connect: Connect, sample_agentos: str
) -> None:
    async with proxy_to(sample_agentos) as proxy, connect(proxy.url, **ALL) as peer:
        cuts(proxy, "GET /metrics/refresh/status")
        text = await peer.text("refresh_metrics")
    assert text == "The refresh has started. get_metrics_status says when it is done."


async def test_knowledge_content_whose_status_cannot_be_read_is_reported_as_taken(
    connect: Connect, sample_agentos: str
) -> None:
    async with proxy_to(sample_agentos) as proxy, connect(proxy.url, **ALL) as peer:
        cuts(proxy, "GET /knowledge/content/")
        text = await peer.text("add_knowledge", text="Wasps make no honey.", name="wasps")
        assert proxy.asked("POST", "/knowledge/content") == 1
    assert text.startswith("AgentOS took 'wasps' (content ")
    assert text.endswith("Call get_knowledge later to see how it went.")


async def test_page_past_the_last_one_says_so(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, **ALL) as peer:
        await peer.text("create_memory", memory="Likes pages", user_id="pager")
        await peer.text("create_session", kind="agent", id="echo", user_id="pager")
        memories = await peer.text("list_memories", user_id="pager", page=3)
        sessions = await peer.text("list_sessions", user_id="pager", page=3)
    assert memories == "There is nothing on page 3."
    assert sessions == "There is nothing on page 3: the last one is 1."
