"""One server for several AgentOSes: what spans them, what is for one of them, and what is asked back."""

from __future__ import annotations

import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import anyio
import httpx
import pytest
from mcp.client.client import Client
from mcp.client.session import ElicitationFnT
from mcp.shared.exceptions import MCPError
from mcp_types import PromptReference, Resource, ResourceTemplateReference

from agentos_mcp.agentos.errors import AgentOSError, NotFound, Unreachable
from agentos_mcp.server.build import build_server
from agentos_mcp.server.http.settings import HttpSettings
from agentos_mcp.settings import Settings, Token
from agentos_mcp.tooling import instances as instances_module
from agentos_mcp.tooling.context import Backend
from agentos_mcp.tooling.instances import AbsentInstances, Instances
from tests._support.fault_proxy import proxy_to
from tests._support.foreign_servers import free_port
from tests._support.http_answers import http_json
from tests._support.http_application import http_application
from tests._support.markdown_tables import column
from tests._support.mcp_client import Connect, Peer, reference
from tests._support.notification_recorder import NotificationRecorder, connected_client, subscribed
from tests._support.person import Person
from tests._support.scripted_agentos import CONFIG, scripted_agentos

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def serving(
    *each: Settings, era: str = "auto", person: ElicitationFnT | None = None, **all_of_them: Any
) -> AsyncIterator[Peer]:
    """A client of a server for these AgentOSes, each with the settings of one."""
    each = tuple(replace(own, **all_of_them) for own in each)
    settings = Settings(url=each[0].url, instances=each, **all_of_them)
    async with Client(build_server(settings), mode=cast("Any", era), elicitation_callback=person) as client:
        yield Peer(client)


def of(name: str, url: str, **more: Any) -> Settings:
    return Settings(instance=name, url=url, **more)


def down() -> Settings:
    return of("down", f"http://127.0.0.1:{free_port()}")


# Lists


@pytest.mark.parametrize("tool", ["list_agents", "list_runs", "list_sessions", "list_memories", "list_traces"])
async def test_list_spans_all_instances_with_a_column(tool: str, sample_agentos: str, demo: str) -> None:
    async with serving(of("dev", demo), of("prod", sample_agentos), toolsets=("default", "traces")) as peer:
        await peer.text("run_agent", agent_id="echo", message="hello")
        listed = await peer.text(tool)
        alone = await peer.text(tool, instance="dev")
    rows = column(listed, "instance")
    assert rows.count("dev") == len(column(alone, "instance"))
    assert set(column(alone, "instance")) == {"dev"}
    assert tool in {"list_memories", "list_traces"} or "prod" in rows


async def test_list_says_which_instance_is_missing_and_shows_the_others(sample_agentos: str, demo: str) -> None:
    async with serving(of("dev", demo), of("prod", sample_agentos), down()) as peer:
        listed = await peer.text("list_workflows")
        told = await peer.text("list_instances")
    assert set(column(listed, "instance")) == {"dev", "prod"}
    assert "down is left out: No AgentOS answers at" in listed
    assert column(told, "status") == ["answers", "answers", "cannot be used"]


async def test_list_does_not_wait_for_an_instance_that_drips(sample_agentos: str, demo: str) -> None:
    async with proxy_to(sample_agentos) as proxy:
        proxy.slowness = 60.0
        async with serving(of("dev", demo), of("drip", proxy.url)) as peer:
            first = await peer.text("list_workflows")
            seconds = []
            for _ in range(5):
                begun = anyio.current_time()
                later = await peer.text("list_workflows")
                seconds.append(anyio.current_time() - begun)
    for listed in (first, later):
        assert set(column(listed, "instance")) == {"dev"}
        assert "drip is left out: It did not answer within" in listed
    assert statistics.median(seconds) < instances_module.STRAGGLER_SECONDS / 2


async def test_call_for_one_instance_asks_no_other(sample_agentos: str, demo: str) -> None:
    async with proxy_to(sample_agentos) as proxy, serving(of("dev", demo), of("prod", proxy.url)) as peer:
        await peer.text("list_workflows", instance="dev")
        await peer.text("run_workflow", workflow_id="content pipeline on dev", message="tea")
        # What it has, and can do, is asked by the server itself.
        assert {line.split()[1] for line in proxy.requests} <= {b"/config", b"/info", b"/openapi.json"}


async def test_words_that_are_no_table_are_told_of_each_instance(sample_agentos: str, demo: str) -> None:
    async with serving(of("dev", demo), of("prod", sample_agentos), structured_output=True) as peer:
        found = await peer.call("search_knowledge", query="giraffe")
        listed = await peer.call("list_workflows")
    words = cast("Any", found.content[0]).text
    assert words.startswith("## dev\n")
    assert "two hours" in words.partition("\n## prod\n")[2]
    assert set(found.structured_content or {}) == {"dev", "prod"}
    assert {item["instance"] for item in (listed.structured_content or {})["items"]} == {"dev", "prod"}


async def test_server_is_ready_once_one_instance_answers_whatever_the_first_does(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy:
        proxy.slowness = 60.0
        settings = Settings(url=proxy.url, instances=(of("drip", proxy.url), of("prod", sample_agentos)))
        async with http_application(settings, HttpSettings()) as (url, _), httpx.AsyncClient() as client:
            answer = await client.get(url.replace("/mcp", "/ready"))
            assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


# Names


async def test_name_is_found_on_the_only_instance_that_has_it(sample_agentos: str, demo: str) -> None:
    async with serving(of("dev", demo), of("prod", sample_agentos)) as peer:
        first = reference(await peer.text("run_agent", agent_id="echo", message="hello"))
        second = reference(await peer.text("run_workflow", workflow_id="content pipeline", message="tea"))
        shown = await peer.text("get_component", id="echo")
    assert first.startswith("prod:agent/echo/")
    assert second.startswith("dev:workflow/content-pipeline/")
    assert shown.startswith("instance: prod\n# Echo")


async def test_name_on_two_instances_is_asked_back_and_nothing_is_run(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as one, proxy_to(sample_agentos) as other:
        async with serving(of("dev", one.url), of("prod", other.url)) as peer:
            error = await peer.error("run_agent", agent_id="echo", message="hello")
        assert "'echo' is on several AgentOSes: dev (agent echo), prod (agent echo)." in error
        assert "Give instance, one of: dev, prod." in error
        assert one.asked("POST", "/") == other.asked("POST", "/") == 0


@pytest.mark.parametrize(
    "name", ["echo on prod", "echo (prod)", "prod: echo", "PROD:echo", "echo@prod", "the echo agent in prod"]
)
async def test_name_says_which_instance_is_meant(name: str, sample_agentos: str) -> None:
    async with serving(of("dev", sample_agentos), of("prod", sample_agentos)) as peer:
        result = await peer.text("run_agent", agent_id=name, message="hello")
    assert reference(result).startswith("prod:agent/echo/")


async def test_write_is_not_guessed_while_an_instance_cannot_be_asked(sample_agentos: str) -> None:
    async with serving(of("prod", sample_agentos), down()) as peer:
        error = await peer.error("run_agent", agent_id="echo", message="hello")
        stated = await peer.text("run_agent", agent_id="echo", message="hello", instance="prod")
        read = await peer.text("get_component", id="echo")
    assert "'echo' is on prod; down did not say whether it has one. Give instance, one of: prod, down." in error
    assert reference(stated).startswith("prod:agent/echo/")
    assert read.startswith("instance: prod")


async def test_name_is_found_while_an_instance_is_down_that_was_known_not_to_have_it(
    sample_agentos: str, demo: str
) -> None:
    async with proxy_to(sample_agentos) as proxy, serving(of("dev", demo), of("prod", proxy.url)) as peer:
        await peer.text("list_workflows")
        proxy.answer = lambda request: b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        result = await peer.text("run_workflow", workflow_id="content pipeline", message="tea")
        other = await peer.error("run_agent", agent_id="nobody at all", message="hello")
    assert reference(result).startswith("dev:workflow/content-pipeline/")
    assert other.startswith("None of the AgentOSes has it. dev: No agent 'nobody at all'.")


async def test_write_without_any_place_is_asked_back(sample_agentos: str, demo: str) -> None:
    async with serving(of("dev", demo), of("prod", sample_agentos)) as peer:
        error = await peer.error("create_memory", memory="likes tea", user_id="places")
        made = await peer.text("create_memory", memory="likes tea", user_id="places", instance="prod")
        listed = await peer.text("list_memories", user_id="places")
    assert "Give instance, one of: dev, prod." in error
    assert made
    assert set(column(listed, "instance")) == {"prod"}


async def test_unknown_instance_is_an_error_with_the_known_names(sample_agentos: str, demo: str) -> None:
    async with serving(of("dev", demo), of("prod", sample_agentos)) as peer:
        for arguments in ({"run": "lab:agent/echo/s/r"}, {"run": "agent/echo/s/r", "instance": "lab"}):
            error = await peer.error("get_run", **arguments)
            assert error == "There is no AgentOS 'lab'. There are: dev, prod."
        both = await peer.error("get_run", run="dev:agent/echo/s/r", instance="prod")
    assert both == "instance names the AgentOS prod, run dev. A call is for one of them."


# Runs


async def test_reference_routes_every_call_about_its_run(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as other:
        each = (of("dev", other.url), of("prod", sample_agentos))
        async with serving(*each, toolsets=("default", "traces")) as peer:
            run = reference(await peer.text("run_agent", agent_id="echo on prod", message="hello"))
            started = len(other.requests)
            assert "hello" in await peer.text("get_run", run=run)
            assert await peer.text("explain_run", run=run)
            assert "Nothing to cancel" in await peer.text("cancel_run", run=run)
            assert reference(await peer.text("continue_run", run=run)) == run
            assert await peer.call("list_traces", run=run)
            session = run.split("/")[2]
            assert f"run: {run}" in await peer.text("get_run", run=run.removeprefix("prod:"), instance="prod")
            assert await peer.text("get_session", session_id=f"prod:{session}")
            asked_back = await peer.error("get_session", session_id=session)
            assert not [line for line in other.requests[started:] if b"/runs" in line or b"/sessions" in line]
    assert "Give instance, one of: dev, prod." in asked_back


async def test_running_run_is_cancelled_where_it_runs(sample_agentos: str, demo: str) -> None:
    async with serving(of("dev", demo), of("prod", sample_agentos)) as peer:
        run = reference(await peer.text("run_workflow", workflow_id="slow-steps", message="go", wait=0))
        assert run.startswith("prod:workflow/slow-steps/")
        ended = await peer.text("cancel_run", run=run)
    assert ended.endswith(f"run: {run}")


async def test_question_names_its_instance_and_its_answer_goes_there(era: str, pausing: str, demo: str) -> None:
    person = Person("approve")
    async with serving(of("dev", demo), of("prod", pausing), era=era, person=person) as peer:
        result = await peer.text("run_agent", agent_id="deployer", message="deploy tag-instances")
    assert person.asked[0].startswith("prod: ")
    assert "deployed" in result
    assert reference(result).startswith("prod:agent/deployer/")


async def test_paused_run_is_continued_by_its_reference(pausing: str, demo: str) -> None:
    async with serving(of("dev", demo), of("prod", pausing), ask=False) as peer:
        paused = await peer.text("run_agent", agent_id="deployer", message="deploy tag-instances")
        run = reference(paused)
        waiting = await peer.text("list_runs", status="paused")
        pending = await peer.text("list_pending")
        rejected = await peer.text("cancel_run", run=run)
    assert run in column(waiting, "run")
    assert run in pending
    assert run in rejected


async def test_resource_of_a_run_is_read_on_its_instance(sample_agentos: str, demo: str) -> None:
    async with serving(of("dev", demo), of("prod", sample_agentos)) as peer:
        run = reference(await peer.text("run_agent", agent_id="echo", message="hello"))
        read = await peer.client.read_resource(f"agentos://runs/{run}")
        listed = await peer.client.read_resource("agentos://workflows")
        with pytest.raises(MCPError, match="There is no AgentOS 'lab'"):
            await peer.client.read_resource("agentos://runs/lab:agent/echo/s/r")
        with pytest.raises(MCPError, match="does not say which AgentOS"):
            await peer.client.read_resource("agentos://runs/agent/echo/s/r")
    assert f"run: {run}" in cast("Any", read.contents[0]).text
    assert "content-pipeline" in cast("Any", listed.contents[0]).text


# Resources, prompts and completions


async def read(peer: Peer, uri: str) -> str:
    return "\n".join(cast("Any", item).text for item in (await peer.client.read_resource(uri)).contents)


async def test_list_resource_spans_all_instances_and_says_which_is_missing(sample_agentos: str, demo: str) -> None:
    async with serving(of("dev", demo), of("prod", sample_agentos), down()) as peer:
        agents, config = await read(peer, "agentos://agents"), await read(peer, "agentos://config")
        sessions = await read(peer, "agentos://sessions")
    assert set(column(agents, "instance")) == {"dev", "prod"}
    assert "down is left out: No AgentOS answers at" in agents
    assert "## dev" in config
    assert "## prod" in config
    assert "dev" in column(sessions, "instance")


async def test_resource_of_each_component_is_listed_with_its_instance(sample_agentos: str, demo: str) -> None:
    async with serving(of("dev", demo), of("prod", sample_agentos), down()) as peer:
        resources = [item async for item in each_resource(peer)]
        templates = (await peer.client.list_resource_templates()).resource_templates
        uris = {resource.uri for resource in resources}
        assert {"agentos://agents", "agentos://workflows/dev:content-pipeline", "agentos://agents/prod:echo"} <= uris
        assert len(uris) == len(resources)
        assert not any("down:" in uri for uri in uris)
        (echo,) = [resource for resource in resources if resource.uri == "agentos://agents/prod:echo"]
        assert echo.title == "Echo (prod)"
        assert (await read(peer, echo.uri)).startswith("# Echo")
    assert all("begins with the AgentOS: NAME:..." in (template.description or "") for template in templates)


async def each_resource(peer: Peer) -> AsyncIterator[Resource]:
    cursor: str | None = None
    while True:
        page = await peer.client.list_resources(cursor=cursor)
        for resource in page.resources:
            yield resource
        if (cursor := page.next_cursor) is None:
            return


async def test_resource_without_an_instance_is_that_of_the_only_one_that_has_it(sample_agentos: str, demo: str) -> None:
    async with serving(of("dev", demo), of("prod", sample_agentos)) as peer:
        run = reference(await peer.text("run_agent", agent_id="echo", message="hello"))
        session = run.split("/")[2]
        assert (await read(peer, "agentos://agents/echo")).startswith("# Echo")
        assert session in await read(peer, f"agentos://sessions/prod:{session}")
        with pytest.raises(MCPError, match=r"There are several AgentOSes.*agentos://sessions/dev:{session_id}"):
            await read(peer, f"agentos://sessions/{session}")
        with pytest.raises(MCPError, match="There is no session"):
            await read(peer, f"agentos://sessions/dev:{session}")


async def test_name_that_two_instances_have_is_asked_back_by_resources_and_prompts(sample_agentos: str) -> None:
    async with serving(of("dev", sample_agentos), of("prod", sample_agentos)) as peer:
        with pytest.raises(MCPError, match=r"'echo' is on several AgentOSes: .*as in agentos://agents/dev:{agent_id}"):
            await read(peer, "agentos://agents/echo")
        with pytest.raises(MCPError, match=r"Several AgentOSes have echo\. Take one of: dev:echo, prod:echo."):
            await peer.client.get_prompt("echo", {"message": "hello"})
        with pytest.raises(
            MCPError, match=r"'echo' is on several AgentOSes: .*Say which one in 'first', as in dev:echo"
        ):
            await peer.client.get_prompt("compare_agents", {"first": "echo", "second": "prod:echo", "task": "t"})
        both = await prompt_text(peer, "compare_agents", first="dev:echo", second="echo on prod", task="hello")
        placeholders = await prompt_text(peer, "compare_agents", first="$1", second="$2", task="$3")
    assert both.count('"agent_id": "echo"') == 2
    assert '"instance": "dev"' in both
    assert '"instance": "prod"' in both
    assert '"agent_id": "$2"' in placeholders


async def prompt_text(peer: Peer, name: str, **arguments: str) -> str:
    return cast("Any", (await peer.client.get_prompt(name, arguments)).messages[0].content).text  # type: ignore[no-any-return]  # of these prompts


async def test_prompt_runs_its_component_on_its_instance(sample_agentos: str, demo: str) -> None:
    async with serving(of("dev", demo), of("prod", sample_agentos), of("read", demo, read_only=True)) as peer:
        prompts: list[str] = []
        cursor: str | None = None
        while not prompts or cursor:
            page = await peer.client.list_prompts(cursor=cursor)
            cursor = page.next_cursor
            prompts += [prompt.name for prompt in page.prompts]
        assert {"dev:content-pipeline", "prod:echo", "weekly_report", "investigate_failed_run"} <= set(prompts)
        assert not any(name.startswith("read:") for name in prompts), "nothing can be run there"
        for name in ("prod:echo", "PROD:echo", "echo"):
            text = await prompt_text(peer, name, message="hello")
            assert '"agent_id": "echo"' in text
            assert '"instance": "prod"' in text
        with pytest.raises(MCPError, match="Unknown prompt: dev:echo"):
            await peer.client.get_prompt("dev:echo", {"message": "hello"})


async def test_prompts_about_runs_span_all_instances(sample_agentos: str, demo: str) -> None:
    async with serving(of("dev", demo), of("prod", sample_agentos), down(), toolsets=("default", "metrics")) as peer:
        failed = reference(await peer.error("run_agent", agent_id="prod:broken", message="hello"))
        assert failed.startswith("prod:")
        assert failed in await prompt_text(peer, "investigate_failed_run")
        assert failed in await prompt_text(peer, "investigate_failed_run", run=failed)
        with pytest.raises(MCPError, match="does not say which AgentOS"):
            await peer.client.get_prompt("investigate_failed_run", {"run": failed.removeprefix("prod:")})
        report = await prompt_text(peer, "weekly_report")
    assert "on the AgentOSes dev, prod, down from" in report
    assert "Call refresh_metrics once for each, with its name as instance" in report


async def test_completions_are_of_all_instances_and_of_one_once_it_is_named(sample_agentos: str, demo: str) -> None:
    async with proxy_to(demo) as dev, serving(of("dev", dev.url), of("prod", sample_agentos), down()) as peer:
        run = reference(await peer.text("run_agent", agent_id="prod:echo", message="hello"))
        _, component, session, run_id = run.split("/")

        async def complete(ref: Any, name: str, typed: str = "", **others: str) -> list[str]:
            result = await peer.client.complete(ref, {"name": name, "value": typed}, others or None)
            return result.completion.values

        def template(uri: str) -> ResourceTemplateReference:
            return ResourceTemplateReference(type="ref/resource", uri=f"agentos://{uri}")

        workflows = await complete(template("workflows/{workflow_id}"), "workflow_id")
        assert {"dev:content-pipeline", "prod:three-steps"} <= set(workflows)
        assert "prod:echo" in await complete(template("agents/{agent_id}"), "agent_id", "ech")
        asked = len(dev.requests)
        assert "prod:echo" in await complete(template("agents/{agent_id}"), "agent_id", "prod:e")
        runs = template("runs/{kind}/{component}/{session}/{run}")
        place = {"kind": "prod:agent", "component": component, "session": session}
        assert component in await complete(runs, "component", "", kind="prod:agent")
        assert run_id in await complete(runs, "run", "", **place)
        assert len(dev.requests) == asked, "the others are not asked"
        assert "dev:agent" in await complete(runs, "kind")
        compare = PromptReference(type="ref/prompt", name="compare_agents")
        assert "prod:echo" in await complete(compare, "first", "echo")
        assert "prod:echo" not in await complete(compare, "second", "echo", first="prod:echo")
        failed = reference(await peer.error("run_agent", agent_id="prod:broken", message="hello"))
        assert failed in await complete(PromptReference(type="ref/prompt", name="investigate_failed_run"), "run")


async def test_subscription_to_a_run_is_told_of_it_on_its_instance(era: str, sample_agentos: str, demo: str) -> None:
    recorder = NotificationRecorder()
    settings = Settings(url=demo, instances=(of("dev", demo), of("prod", sample_agentos)))
    async with connected_client(era, build_server(settings), recorder) as peer:
        run = reference(await peer.text("run_agent", agent_id="slow", message="20 1", wait=0))
        async with subscribed(peer, recorder, f"agentos://runs/{run}"):
            assert reference(await peer.text("get_run", run=run, wait=20)) == run
            await recorder.wait_until(lambda subjects: f"agentos://runs/{run}" in subjects)


async def test_change_of_any_instance_is_told_to_its_clients(era: str) -> None:
    recorder = NotificationRecorder()
    async with scripted_agentos() as dev, scripted_agentos() as prod:
        settings = Settings(url=dev.url, instances=(of("dev", dev.url), of("prod", prod.url)))
        async with (
            connected_client(era, build_server(settings), recorder) as peer,
            subscribed(peer, recorder, lists=True),
        ):
            with pytest.raises(MCPError, match="Unknown prompt: prod:late"):
                await peer.client.get_prompt("prod:late", {"message": "hello"})
            assert recorder.subjects == []
            prod.answers["/config"] = http_json({**CONFIG, "agents": [{"id": "late", "name": "Late"}]})
            assert '"instance": "prod"' in await prompt_text(peer, "prod:late", message="hello")
            await recorder.wait_until(lambda subjects: set(subjects) >= {"tools", "prompts", "resources"})


# Permissions and credentials


async def test_read_only_holds_for_the_instance_that_has_it(sample_agentos: str, demo: str) -> None:
    async with proxy_to(sample_agentos) as proxy:
        async with serving(of("dev", demo), of("prod", proxy.url, read_only=True)) as peer:
            for arguments in ({"agent_id": "echo"}, {"agent_id": "echo", "instance": "prod"}):
                error = await peer.error("run_agent", message="hello", **arguments)
                assert error == "The AgentOS prod is read-only: nothing can be run or changed there."
            assert "prod" in column(await peer.text("list_agents"), "instance")
            assert column(await peer.text("list_instances"), "access") == ["read and write", "read-only"]
            assert "prod (read-only)" in (peer.client.instructions or "")
            await peer.text("run_workflow", workflow_id="content pipeline", message="tea", instance="dev")
        assert {line.split()[0] for line in proxy.requests} == {b"GET"}


async def test_toolsets_hold_for_the_instance_that_has_them(sample_agentos: str, demo: str) -> None:
    async with serving(of("dev", demo), of("prod", sample_agentos, toolsets=("catalog",))) as peer:
        error = await peer.error("run_agent", agent_id="echo", message="hello", instance="prod")
        listed = await peer.text("list_runs")
    assert error == "Not on prod: its toolsets leave run_agent out."
    assert "prod is left out: Not on prod" in listed


async def test_token_of_one_instance_never_reaches_another(sample_agentos: str) -> None:
    tokens = {"dev": "token-of-dev-3f9a17", "prod": "token-of-prod-88c1e0"}
    async with proxy_to(sample_agentos) as dev, proxy_to(sample_agentos) as prod:
        each = [of(name, proxy.url, token=Token(tokens[name])) for name, proxy in (("dev", dev), ("prod", prod))]
        results = []
        async with serving(*each, toolsets=("all",)) as peer:
            run = reference(await peer.text("run_agent", agent_id="echo on prod", message=tokens["dev"]))
            for tool, arguments in (
                ("list_agents", {}),
                ("list_runs", {}),
                ("search_knowledge", {"query": "giraffe"}),
                ("get_run", {"run": run}),
                ("get_component", {"id": "dev:echo"}),
                ("create_memory", {"memory": "tea", "user_id": "tokens", "instance": "dev"}),
                ("get_session", {"session_id": "dev:prod:x"}),
                ("get_component", {"id": "echo on http://127.0.0.1"}),
                ("list_instances", {}),
            ):
                results.append(str(await peer.call(tool, **arguments)))
        for own, other, proxy in (("dev", "prod", dev), ("prod", "dev", prod)):
            headers = [body.partition(b"\r\n\r\n")[0] for body in proxy.bodies]
            assert len(headers) > 3
            assert all(tokens[own].encode() in head for head in headers)
            assert not any(tokens[other].encode() in head for head in headers)
    assert not any(token in result for token in tokens.values() for result in results)


# What a client is told


async def test_introduction_names_the_instances_in_one_line(sample_agentos: str, demo: str) -> None:
    async with serving(of("dev", demo), of("prod", sample_agentos), down()) as peer:
        lines = (peer.client.instructions or "").splitlines()
    line = next(line for line in lines if line.startswith("There are 3 AgentOSes (instances): dev"))
    assert "down" in line
    assert not any("instance='" in line for line in lines)


async def test_every_tool_takes_the_instance_and_with_one_none_does(
    sample_agentos: str, demo: str, connect: Connect
) -> None:
    async with serving(of("dev", demo), of("prod", sample_agentos)) as peer:
        several = {tool.name: tool.input_schema for tool in (await peer.client.list_tools()).tools}
    async with connect(sample_agentos) as peer:
        one = {tool.name: tool.input_schema for tool in (await peer.client.list_tools()).tools}
    assert set(several) - set(one) == {"list_instances"}
    for name, schema in several.items():
        assert schema["properties"].pop("instance") == {"type": "string", "enum": ["dev", "prod"]}
        assert name == "list_instances" or schema == one[name]


async def test_one_agentos_refuses_a_reference_with_an_instance(sample_agentos: str, connect: Connect) -> None:
    async with connect(sample_agentos) as peer:
        error = await peer.error("get_run", run="prod:agent/echo/s/r")
    assert "It is a run of the AgentOS prod; there is only one here, without a name." in error


# Asking each


def stub() -> Backend:
    return cast("Backend", object())


async def test_ask_each_leaves_out_the_one_that_never_answers_and_then_does_not_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(instances_module, "STRAGGLER_SECONDS", 0.2)
    quick, stuck = stub(), stub()
    several = Instances({"quick": quick, "stuck": stuck})

    async def call(backend: Backend) -> str:
        if backend is stuck:
            await anyio.sleep_forever()
        return "answer"

    seconds = []
    for _ in range(2):
        begun = anyio.current_time()
        answers = await several.ask_each(call)
        seconds.append(anyio.current_time() - begun)
        assert answers["quick"] == "answer"
        assert isinstance(answers["stuck"], Unreachable)
    assert seconds[0] >= 0.2 > seconds[1]


async def test_ask_each_waits_for_the_others_where_nobody_has_answered_yet() -> None:
    refused, slow = stub(), stub()
    several = Instances({"refused": refused, "slow": slow})

    async def call(backend: Backend) -> str:
        if backend is refused:
            raise Unreachable("It is down.")
        await anyio.sleep(0.05)
        return "answer"

    for _ in range(2):
        answers = await several.ask_each(call)
        assert answers["slow"] == "answer"
        assert isinstance(answers["refused"], AgentOSError)


async def test_ask_each_keeps_an_error_that_is_an_answer_from_making_an_instance_doubtful() -> None:
    one, other = stub(), stub()
    several = Instances({"one": one, "other": other})

    async def refuse(backend: Backend) -> str:
        if backend is one:
            raise NotFound("No such thing.")
        return "answer"

    async def answer(backend: Backend) -> str:
        if backend is one:
            await anyio.sleep(0.1)
        return "answer"

    await several.ask_each(refuse)
    assert await several.ask_each(answer) == {"one": "answer", "other": "answer"}


async def test_ask_each_waits_again_for_one_that_has_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances_module, "STRAGGLER_SECONDS", 0.1)
    monkeypatch.setattr(instances_module, "_CHECK_INTERVAL_SECONDS", 0.01)
    checked, is_back = anyio.Event(), False

    class Returning:
        async def get(self, *_: object, **__: object) -> None:
            if not is_back:
                raise Unreachable("It is down.")
            checked.set()

    steady, returning = stub(), cast("Backend", SimpleNamespace(agent_os=Returning()))
    several = Instances({"steady": steady, "returning": returning})

    async def call(backend: Backend) -> str:
        if backend is returning:
            await anyio.sleep(0.05 if is_back else 60)
        return "answer"

    async with several.absent.watched():
        assert isinstance((await several.ask_each(call))["returning"], Unreachable)
        is_back = True
        with anyio.fail_after(10):
            await checked.wait()
        await anyio.wait_all_tasks_blocked()
        assert await several.ask_each(call) == {"steady": "answer", "returning": "answer"}


async def test_instance_that_fails_a_check_is_left_out_for_all_callers_until_it_answers_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(instances_module, "_CHECK_INTERVAL_SECONDS", 0.01)
    is_back, checks = False, 0
    checked = anyio.Event()

    class Public:
        async def get(self, *_: object, **__: object) -> None:
            nonlocal checks, checked
            checks += 1
            checked.set()
            checked = anyio.Event()
            if not is_back:
                raise Unreachable("It is down.")

    public = {name: cast("Backend", SimpleNamespace(agent_os=Public())) for name in ("steady", "down")}
    absent = AbsentInstances(public)
    first, second = (Instances({"steady": stub(), "down": stub()}, absent) for _ in range(2))
    asked: list[Backend] = []

    async def call(backend: Backend) -> str:
        asked.append(backend)
        if backend is first.backends["down"]:
            raise Unreachable("of the first caller alone")
        return "answer"

    async def next_checks() -> None:
        with anyio.fail_after(10):
            for _ in range(2):
                await checked.wait()

    async with absent.watched():
        assert "of the first caller" in str((await first.ask_each(call))["down"])
        assert (await second.ask_each(call))["down"] == "answer", "nothing was checked yet"
        assert "of the first caller" in str((await first.ask_each(call))["down"])
        await next_checks()
        asked.clear()
        left_out = (await second.ask_each(call))["down"]
        assert isinstance(left_out, Unreachable)
        assert str(left_out) == "It did not answer lately."
        assert second.backends["down"] not in asked
        is_back = True
        with anyio.fail_after(10):
            await checked.wait()
        await anyio.wait_all_tasks_blocked()
        assert (await second.ask_each(call))["down"] == "answer"
        asked.clear()
        await first.ask_each(call)
        assert first.backends["down"] in asked
