"""Views in a host of MCP Apps, which is the official AppBridge: what hosts leave out, runs that go on, hostile text."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from mcp_types import TextResourceContents
from playwright.async_api import Browser

from agentos_mcp.server.app_views import DATA_TOOL, URI_PREFIX
from agentos_mcp.views import view_reader
from agentos_mcp.views.content import View
from tests._support.agentos.viewed import STEPS
from tests._support.agentos_pool import AgentOSPool
from tests._support.apps_client import apps_client
from tests._support.browser import hosted
from tests._support.fault_proxy import proxy_to
from tests._support.http_answers import http_answer
from tests._support.mcp_client import Peer, reference
from tests._support.view_samples import SCRIPT


@pytest.fixture(scope="module")
def viewed(agentoses: AgentOSPool) -> str:
    return agentoses.url("viewed")


async def page_of(peer: Peer, view: View) -> str:
    (page,) = (await peer.client.read_resource(f"{URI_PREFIX}{view}")).contents
    assert isinstance(page, TextResourceContents)
    return page.text


def strict_host(peer: Peer, calls: list[str]) -> Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]:
    """How a host calls tools that strips `_meta` and structured content, and calls only tools that are listed."""

    async def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        listed = {tool.name for tool in (await peer.client.list_tools()).tools}
        assert name in listed, name
        calls.append(name)
        return stripped(await peer.client.call_tool(name, arguments))

    return call


def stripped(result: Any) -> dict[str, Any]:
    dumped: dict[str, Any] = result.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {key: dumped[key] for key in ("content", "isError") if key in dumped}


async def test_run_is_found_by_its_result_s_text(browser: Browser, viewed: str) -> None:
    calls: list[str] = []
    async with apps_client(viewed) as peer:
        result = await peer.client.call_tool("run_workflow", {"workflow_id": "finds", "message": "honey"})
        async with hosted(browser, await page_of(peer, "run"), strict_host(peer, calls), theme="dark") as view:
            await view.send("sendToolInput", {"arguments": {"workflow_id": "finds", "message": "honey"}})
            await view.send("sendToolResult", stripped(result))
            await view.wait_for("lookup")
            assert "completed" in await view.text()
            assert await view.frame.evaluate("document.documentElement.dataset.theme") == "dark"
            await view.page.wait_for_function("window.sizes.length > 0 && window.sizes.at(-1).height > 100")
            assert (view.problems, view.requests) == ([], [])
        assert set(calls) == {DATA_TOOL}


async def test_each_step_is_shown_within_two_seconds_and_polling_stops_at_the_run_s_end(
    browser: Browser, viewed: str
) -> None:
    calls: list[str] = []
    arguments = {"workflow_id": "pipeline", "message": "tea"}
    async with (
        apps_client(viewed) as peer,
        hosted(browser, await page_of(peer, "run"), strict_host(peer, calls)) as view,
        anyio.create_task_group() as tasks,
    ):
        await view.send("sendToolInput", {"arguments": arguments})
        told: dict[str, float] = {}

        async def note(progress: float, total: float | None, message: str | None) -> None:
            for step in STEPS:
                if step in (message or ""):
                    told.setdefault(step, anyio.current_time())

        async def run() -> None:
            result = await peer.listen(note, "run_workflow", **arguments)
            await view.send("sendToolResult", stripped(result))

        tasks.start_soon(run)
        seen: dict[str, float] = {}
        for step in STEPS:
            await view.wait_for(step)
            seen[step] = anyio.current_time()
            assert step == STEPS[-1] or "running" in await view.text()
        assert max(seen[step] - told[step] for step in STEPS) < 2
        await view.wait_for("Answer", seconds=30)
        assert "completed" in await view.text()
        text = await view.text()
        assert [step for step in STEPS if step in text] == list(STEPS)
        count = len(calls)
        # That nothing comes cannot be awaited. The result may have asked once more.
        await view.page.wait_for_timeout(1_500)
        assert len(calls) <= count + 1
        assert (view.problems, view.requests) == ([], [])


async def test_run_of_a_component_s_own_tool_is_shown_before_it_has_a_reference(browser: Browser, viewed: str) -> None:
    async with apps_client(viewed, expose=(("workflows", "pipeline"),)) as peer:
        (page,) = (await peer.client.read_resource(f"{URI_PREFIX}run/pipeline")).contents
        assert isinstance(page, TextResourceContents)
        async with hosted(browser, page.text, strict_host(peer, [])) as view, anyio.create_task_group() as tasks:
            arguments = {"message": "tea"}
            await view.send("sendToolInput", {"arguments": arguments})
            tasks.start_soon(peer.client.call_tool, "pipeline", arguments)
            await view.wait_for(STEPS[0])
            assert "running" in await view.text()
            tasks.cancel_scope.cancel()


async def test_paused_run_says_what_it_asks_and_has_nothing_to_press(browser: Browser, viewed: str) -> None:
    calls: list[str] = []
    async with apps_client(viewed) as peer:
        run = reference(await peer.text("run_agent", agent_id="asker", message="deploy it"))
        async with hosted(browser, await page_of(peer, "run"), strict_host(peer, calls)) as view:
            await view.send("sendToolInput", {"arguments": {"run": run}})
            await view.wait_for("waits for an answer")
            assert "prod" in await view.text()
            for button in await view.frame.locator("button").all():
                await button.click()
        async with hosted(browser, await page_of(peer, "inbox"), strict_host(peer, calls)) as view:
            await view.send("sendToolInput", {"arguments": {}})
            await view.wait_for(run)
            assert await view.frame.locator("button, a, input, form").count() == 0
            assert (view.problems, view.requests) == ([], [])
        assert set(calls) == {DATA_TOOL}
        assert "paused" in await peer.text("get_run", run=run)


async def test_inbox_of_one_user_has_what_waits_for_this_one(browser: Browser, viewed: str) -> None:
    async with apps_client(viewed) as peer:
        run = reference(await peer.text("run_agent", agent_id="asker", message="deploy it", user_id="ada"))
        for user, shown in (("ada", run), ("nobody-at-all", "Nothing waits")):
            async with hosted(browser, await page_of(peer, "inbox"), strict_host(peer, [])) as view:
                await view.send("sendToolInput", {"arguments": {"user_id": user}})
                await view.wait_for(shown)
                assert (run in await view.text()) == (user == "ada")


async def test_hostile_component_runs_and_reaches_nothing(browser: Browser, viewed: str) -> None:
    async with apps_client(viewed, toolsets=("all",)) as peer:
        result = await peer.client.call_tool("run_agent", {"agent_id": "hostile", "message": SCRIPT})
        run = reference("\n".join(block["text"] for block in stripped(result)["content"]))
        for name, arguments in (("run", {"run": run}), ("trace", {"id": run})):
            html = await page_of(peer, "run" if name == "run" else "trace")
            async with hosted(browser, html, strict_host(peer, [])) as view:
                await view.send("sendToolInput", {"arguments": arguments})
                await view.send("sendToolResult", stripped(result))
                await view.wait_for("completed")
                for button in await view.frame.locator("button.row").all():
                    await button.click()
                assert SCRIPT in await view.text()
                assert await view.frame.locator("img, script[src], iframe").count() == 0
                assert (view.problems, view.requests) == ([], [])


async def test_two_runs_are_found_by_the_call_or_by_its_result_s_text(browser: Browser, viewed: str) -> None:
    async with apps_client(viewed, toolsets=("runs",)) as peer:
        runs = [
            reference(await peer.text("run_workflow", workflow_id="finds", message=tea)) for tea in ("oolong", SCRIPT)
        ]
        given = {"run_a": runs[0], "run_b": runs[1]}
        result = stripped(await peer.client.call_tool("compare_runs", given))
        for arguments, text in ((given, None), ({}, result)):
            async with hosted(browser, await page_of(peer, "compare"), strict_host(peer, [])) as view:
                await view.send("sendToolInput", {"arguments": arguments})
                if text is not None:
                    await view.send("sendToolResult", text)
                await view.wait_for("first difference")
                shown = await view.text()
                assert all(run in shown for run in runs)
                assert SCRIPT in shown
                assert (view.problems, view.requests) == ([], [])


async def test_host_without_tools_gets_the_result_s_text(browser: Browser, viewed: str) -> None:
    async with apps_client(viewed) as peer, hosted(browser, await page_of(peer, "run"), None) as view:
        await view.send("sendToolInput", {"arguments": {"run": "agent/a/b/c"}})
        await view.send("sendToolResult", {"content": [{"type": "text", "text": f"plain words {SCRIPT}"}]})
        await view.wait_for("plain words")
        assert (view.problems, view.requests) == ([], [])


async def test_live_page_goes_on_after_an_outage_of_agentos(
    browser: Browser, viewed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_reader, "QUIET_SECONDS", 0.0)
    arguments = {"workflow_id": "pipeline", "message": "tea"}
    times: list[float] = []
    async with proxy_to(viewed) as proxy, apps_client(proxy.url) as peer:
        read = strict_host(peer, [])

        async def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
            times.append(anyio.current_time())
            return await read(name, arguments)

        async with (
            hosted(browser, await page_of(peer, "run"), call) as view,
            anyio.create_task_group() as tasks,
        ):
            await view.send("sendToolInput", {"arguments": arguments})
            tasks.start_soon(peer.client.call_tool, "run_workflow", arguments)
            await view.wait_for(STEPS[0])
            proxy.cut_at = lambda seen: True
            proxy.answer = lambda request: http_answer(502)
            await view.wait_for("Trying again.")
            assert STEPS[0] in await view.text(), "what was seen stays"
            count = len(times)
            with anyio.fail_after(30):
                while len(times) < count + 2:  # noqa: ASYNC110 - the browser calls
                    await anyio.sleep(0.05)
            pauses = [after - before for before, after in pairwise(times[count - 1 :])]
            assert pauses[-1] > pauses[-2]
            proxy.answer = lambda request: None
            await view.wait_for("Answer", seconds=30)
            assert "completed" in await view.text()
            assert not await view.frame.locator("#outage").is_visible()
            assert view.problems == []


async def test_call_that_started_no_run_is_shown_by_its_result(browser: Browser, viewed: str) -> None:
    calls: list[str] = []
    async with (
        apps_client(viewed) as peer,
        hosted(browser, await page_of(peer, "run"), strict_host(peer, calls)) as view,
    ):
        await view.send("sendToolInput", {"arguments": {"agent_id": "slow"}})
        await view.wait_for("starting")
        await view.send(
            "sendToolResult", {"content": [{"type": "text", "text": "AgentOS refused it."}], "isError": True}
        )
        await view.wait_for("AgentOS refused it.")
        count = len(calls)
        # That nothing comes cannot be awaited.
        await view.page.wait_for_timeout(1_500)
        assert len(calls) <= count + 1, "the read that was on its way"
        assert "AgentOS refused it." in await view.text()
        assert not await view.frame.locator("#outage").is_visible()


async def test_run_that_does_not_exist_is_said_once(browser: Browser, viewed: str) -> None:
    calls: list[str] = []
    async with (
        apps_client(viewed) as peer,
        hosted(browser, await page_of(peer, "run"), strict_host(peer, calls)) as view,
    ):
        await view.send("sendToolInput", {"arguments": {"run": "agent/slow/no-session/no-run"}})
        await view.wait_for("Nothing to show")
        assert calls == [DATA_TOOL]
