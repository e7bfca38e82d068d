"""Pages for clients of MCP Apps: who is told of them, and what they may read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp_types import TextResourceContents

from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.server.app_views import DATA_TOOL, URI_PREFIX, VIEWS
from agentos_mcp.server.http.settings import HttpSettings
from agentos_mcp.settings import Settings
from tests._support.agentos.viewed import STEPS
from tests._support.agentos_pool import AgentOSPool
from tests._support.apps_client import apps_client, view_content
from tests._support.http_application import client_with_headers, http_application
from tests._support.mcp_client import reference, words


@pytest.fixture(scope="module")
def viewed(agentoses: AgentOSPool) -> str:
    return agentoses.url("viewed")


def as_json(tools: Sequence[Any]) -> list[str]:
    return [tool.model_dump_json(by_alias=True, exclude_none=True) for tool in tools]


async def test_client_without_apps_is_told_nothing_of_them(viewed: str, era: str) -> None:
    async with apps_client(viewed, era=era, shows_apps=False) as peer:
        tools = (await peer.client.list_tools()).tools
        resources = (await peer.client.list_resources()).resources
        assert not [text for text in as_json([*tools, *resources]) if DATA_TOOL in text or "ui://" in text]
        assert EXTENSION_ID not in (peer.client.server_capabilities.extensions or {})
        assert DATA_TOOL in await peer.error(DATA_TOOL, view="inbox")
        with pytest.raises(Exception, match="ui://"):
            await peer.client.read_resource(f"{URI_PREFIX}run")


async def test_apps_add_pages_and_one_tool_and_change_nothing_else(viewed: str, era: str) -> None:
    async with apps_client(viewed, era=era, shows_apps=False) as peer:
        without = as_json((await peer.client.list_tools()).tools)
    async with apps_client(viewed, era=era) as peer:
        *tools, data_tool = (await peer.client.list_tools()).tools
    pages = {tool.name: (tool.meta or {})["ui"]["resourceUri"] for tool in tools if tool.meta}
    assert pages == {name: URI_PREFIX + view for view, names in VIEWS.items() for name in names if name in pages}
    assert {URI_PREFIX + view for view in ("run", "inbox")} <= set(pages.values())
    assert as_json([tool.model_copy(update={"meta": None}) for tool in tools]) == without
    assert data_tool.name == DATA_TOOL
    assert data_tool.meta == {"ui": {"visibility": ["app"]}}
    assert data_tool.annotations is not None
    assert data_tool.annotations.read_only_hint


async def test_pages_are_resources_of_their_own_type(viewed: str, era: str) -> None:
    async with apps_client(viewed, era=era, toolsets=("all",)) as peer:
        resources = (await peer.client.list_resources()).resources
        listed = {resource.uri: resource.mime_type for resource in resources if resource.uri.startswith("ui:")}
        assert listed == {URI_PREFIX + view: APP_MIME_TYPE for view in VIEWS}
        for uri in listed:
            (page,) = (await peer.client.read_resource(uri)).contents
            assert isinstance(page, TextResourceContents)
            assert page.mime_type == APP_MIME_TYPE
            assert len(page.text.encode()) < 60_000


async def test_run_and_trace_are_read_by_reference(viewed: str) -> None:
    async with apps_client(viewed, toolsets=("all",)) as peer:
        run = reference(await peer.text("run_workflow", workflow_id="finds", message="honey"))
        content = await view_content(peer, view="run", id=run)
        assert [row["kind"] for row in content["bars"]["rows"]] == ["step", "tool"]
        assert (content["state"], content["is_final"]) == ("completed", True)
        spans = await view_content(peer, view="trace", id=run)
        assert {"workflow", "agent", "tool"} <= {row["kind"] for row in spans["bars"]["rows"]}


async def test_run_that_is_going_is_found_by_its_component(viewed: str) -> None:
    async with apps_client(viewed) as peer, anyio.create_task_group() as tasks:
        before = await view_content(peer, view="run", kind="workflow", component="pipeline")
        assert (before["state"], before["is_final"]) == ("pending", False)
        tasks.start_soon(lambda: peer.text("run_workflow", workflow_id="pipeline", message="tea"))
        states: list[str] = []
        run = ""
        with anyio.fail_after(30):
            while not states or states[-1] != "completed":
                subject = {"id": run} if run else {"kind": "workflow", "component": "Pipeline"}
                content = await view_content(peer, view="run", **subject)
                run = run or dict(content["facts"]).get("run", "")
                states.append(content["state"])
        assert "running" in states
        assert [row["name"].split(" ")[0] for row in content["bars"]["rows"]] == list(STEPS)


async def test_inbox_has_what_is_asked_with_its_arguments_and_answers_nothing(viewed: str) -> None:
    async with apps_client(viewed) as peer:
        run = reference(await peer.text("run_agent", agent_id="asker", message="deploy it"))
        content = await view_content(peer, view="inbox")
        card = next(card for card in content["cards"] if ["run", run] in card["facts"])
        assert "prod" in json.dumps(card["blocks"])
        assert card["since"] > 0
        paused = await view_content(peer, view="run", id=run)
        assert (paused["state"], paused["is_final"]) == ("paused", True)
        assert "paused" in await peer.text("get_run", run=run)


async def test_metrics_are_a_table(viewed: str) -> None:
    async with apps_client(viewed, toolsets=("all",)) as peer:
        await peer.text("run_agent", agent_id="slow", message="1 0")
        await peer.text("refresh_metrics")
        content = await view_content(peer, view="metrics")
        assert content["table"]["columns"][0] == "day (UTC)"


@pytest.mark.parametrize(
    "arguments",
    [{}, {"view": "other"}, {"view": "run", "id": "x" * 100_000}, {"view": "run", "extra": "1"}, {"view": 7}],
    ids=["none", "unknown", "long", "extra", "number"],
)
async def test_wrong_arguments_are_refused(viewed: str, arguments: dict[str, Any]) -> None:
    async with apps_client(viewed) as peer:
        assert "takes view, id" in words(await peer.client.call_tool(DATA_TOOL, arguments))


async def test_views_show_no_more_than_the_tools_that_are_on(viewed: str) -> None:
    async with apps_client(viewed, tools=("list_agents",)) as peer:
        tools = (await peer.client.list_tools()).tools
        assert [tool.name for tool in tools] == ["list_agents"]
        for view in VIEWS:
            assert "off here" in await peer.error(DATA_TOOL, view=view, id="agent/a/b/c")


async def test_result_of_a_failed_run_names_the_page_s_command_where_no_page_is_shown(viewed: str, era: str) -> None:
    async with apps_client(viewed, era=era, shows_apps=False) as peer:
        failed = await peer.error("run_agent", agent_id="broken", message="x")
        run = reference(failed)
        line = f"\nFor the user, as a page: `agentos-mcp view {RunRef.parse(run).run} --url {viewed}`\nrun: {run}"
        assert failed.endswith(line)
        assert (await peer.text("explain_run", run=run)).endswith(line)
        assert "agentos-mcp view" not in await peer.text("run_workflow", workflow_id="finds", message="honey")
    async with apps_client(viewed, era=era) as peer:
        assert "agentos-mcp view" not in await peer.error("get_run", run=run)
        assert "agentos-mcp view" not in await peer.text("explain_run", run=run)


async def test_over_http_no_result_names_a_page_s_command(viewed: str, era: str) -> None:
    async with (
        http_application(Settings(url=viewed), HttpSettings()) as (url, _),
        client_with_headers(era, url, {}) as peer,
    ):
        failed = await peer.error("run_agent", agent_id="broken", message="x")
        for text in (failed, await peer.text("explain_run", run=reference(failed))):
            assert "agentos-mcp view" not in text


EXPOSED = (("workflows", "pipeline"), ("agents", "asker"))


async def test_tool_of_a_component_has_the_page_of_its_runs(viewed: str, era: str) -> None:
    async with apps_client(viewed, era=era, expose=EXPOSED) as peer:
        tools = {tool.name: tool.meta for tool in (await peer.client.list_tools()).tools}
        uri = f"{URI_PREFIX}run/pipeline"
        assert tools["pipeline"] == {"ui": {"resourceUri": uri}}
        (page,) = (await peer.client.read_resource(uri)).contents
        assert isinstance(page, TextResourceContents)
        assert '"subject":{"kind":"workflow","component":"pipeline"}' in page.text
        with pytest.raises(Exception, match="ui://"):
            await peer.client.read_resource(f"{URI_PREFIX}run/finds")
        with pytest.raises(Exception, match="ui://"):
            await peer.client.read_resource(f"{URI_PREFIX}pipeline")
    async with apps_client(viewed, era=era, shows_apps=False, expose=EXPOSED) as peer:
        assert not [tool for tool in (await peer.client.list_tools()).tools if tool.meta]


async def test_where_components_alone_have_tools_only_their_runs_are_shown(viewed: str) -> None:
    async with apps_client(viewed) as peer:
        other = reference(await peer.text("run_workflow", workflow_id="finds", message="honey"))
    async with apps_client(viewed, tools=("list_agents",), expose=EXPOSED) as peer:
        own = reference(await peer.text("asker", message="deploy it"))
        assert (await view_content(peer, view="run", id=own))["state"] == "paused"
        assert "not shown here" in await peer.error(DATA_TOOL, view="run", id=other)
        assert "off here" in await peer.error(DATA_TOOL, view="inbox")


async def test_two_runs_are_compared_where_their_tool_is_on(viewed: str) -> None:
    async with apps_client(viewed) as peer:
        runs = [reference(await peer.text("run_workflow", workflow_id="finds", message=tea)) for tea in ("a", "b")]
        assert "off here" in await peer.error(DATA_TOOL, view="compare", run_a=runs[0], run_b=runs[1])
    async with apps_client(viewed, toolsets=("runs",)) as peer:
        content = await view_content(peer, view="compare", run_a=runs[0], run_b=runs[1])
        assert [dict(run["facts"])["run"] for run in content["pairs"]["runs"]] == runs


async def test_server_for_one_user_shows_nothing_of_another(viewed: str) -> None:
    async with apps_client(viewed, user_id="ada", toolsets=("all",)) as ada:
        run = reference(await ada.text("run_agent", agent_id="asker", message="deploy it"))
    async with apps_client(viewed, user_id="bob", toolsets=("all",)) as bob:
        for view in ("run", "trace"):
            assert "prod" not in await bob.error(DATA_TOOL, view=view, id=run)
        assert "prod" not in await bob.error(DATA_TOOL, view="compare", run_a=run, run_b=run)
        assert run not in json.dumps(await view_content(bob, view="inbox", user_id="ada"))
