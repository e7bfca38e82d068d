"""`agentos-mcp view`: pages in files, and live ones that one browser on this machine may open once."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import anyio.lowlevel
import httpx
import pytest
from anyio.abc import TaskGroup

from agentos_mcp.agentos.errors import AgentOSError, NotFound, Unreachable
from agentos_mcp.agentos.runs.registry import LiveRun
from agentos_mcp.runs.request import RunOptions, build_request
from agentos_mcp.settings import Settings
from agentos_mcp.terminal.view_command import MAX_KEPT_PAGES
from agentos_mcp.terminal.view_server import KEY_HEADER, serve_view
from agentos_mcp.tooling.context import ToolContext, open_backend
from agentos_mcp.views.content import ViewContent
from agentos_mcp.views.view_reader import ViewReader, ViewSubject
from tests._support.agentos.viewed import STEPS
from tests._support.agentos_pool import AgentOSPool
from tests._support.terminal_calls import invoke, invoke_ok


@pytest.fixture(scope="module")
def viewed(agentoses: AgentOSPool) -> str:
    return agentoses.url("viewed")


@asynccontextmanager
async def live_view(url: str) -> AsyncIterator[tuple[str, LiveRun, TaskGroup]]:
    """The address of the live page of a run that has just begun, and the run; the task group ends with the serving."""
    async with open_backend(Settings(url=url)) as backend:
        ctx = ToolContext.headless(backend)
        run = ctx.run_registry.start(await build_request(ctx, "workflow", "pipeline", "tea", RunOptions()))
        addresses: list[str] = []
        announced = anyio.Event()

        def announce(address: str) -> None:
            addresses.append(address)
            announced.set()

        async with anyio.create_task_group() as tasks:
            subject = ViewSubject("run", str(run.state.ref))
            reader = ViewReader()
            tasks.start_soon(serve_view, ctx, reader, subject, await reader.read(ctx, subject), announce)
            await announced.wait()
            yield addresses[0], run, tasks


def page_data(page: str) -> dict[str, str]:
    """The JSON inside a page."""
    found = re.search(r'<script type="application/json" id="page">(.+?)</script>', page)
    assert found is not None
    data: dict[str, str] = json.loads(found[1])
    return data


def test_page_of_a_run_is_written_to_a_file(viewed: str, tmp_path: Path) -> None:
    reference = invoke_ok(viewed, "run", "workflow", "finds", "honey").reference
    target = tmp_path / "run.html"
    assert invoke_ok(viewed, "view", reference, "--output", str(target)).stdout == f"{target}\n"
    page = target.read_text()
    assert reference in page
    assert "lookup" in page
    shown = invoke_ok(viewed, "view", reference, "--trace", "--output", "-").stdout
    assert page_data(shown)["view"] == "trace"


def test_view_does_not_mix_its_page_with_json(viewed: str) -> None:
    refused = invoke(viewed, "view", "metrics", "--json", "--output", "-")
    assert refused.exit_code == 2
    assert refused.json["error"] == "--json and the page cannot both be on standard output."


def test_view_as_json_says_where_the_page_is_that_only_this_user_can_read(viewed: str, tmp_path: Path) -> None:
    invoke(viewed, "run", "agent", "broken", "x")
    cache = {"XDG_CACHE_HOME": str(tmp_path)}
    document = invoke(viewed, "view", "last", "--json", env=cache).json
    page = Path(document["file"])
    assert (document["view"], document["title"], document["state"]) == ("run", "agent Broken", "failed")
    assert page_data(page.read_text())["view"] == "run"
    assert page.is_relative_to(tmp_path)
    assert [path.stat().st_mode & 0o777 for path in (page, page.parent)] == [0o600, 0o700]


def test_of_the_pages_without_a_file_of_their_own_the_latest_are_kept(viewed: str, tmp_path: Path) -> None:
    folder = tmp_path / "agentos-mcp" / "pages"
    folder.mkdir(parents=True)
    for number in range(MAX_KEPT_PAGES + 5):
        old = folder / f"run-{number}.html"
        old.touch()
        os.utime(old, (number, number))
    document = invoke(viewed, "view", "inbox", "--json", env={"XDG_CACHE_HOME": str(tmp_path)}).json
    pages = set(folder.iterdir())
    assert len(pages) == MAX_KEPT_PAGES
    assert {Path(document["file"]), folder / "run-24.html"} <= pages
    assert folder / "run-5.html" not in pages


def test_page_without_a_place_asks_for_a_file(viewed: str, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    refused = invoke(viewed, "view", "inbox", "--json", env={"XDG_CACHE_HOME": str(taken)})
    assert refused.exit_code == 2
    assert "Give --output FILE." in refused.stderr


@pytest.mark.parametrize(("word", "view", "shown"), [("metrics", "metrics", "Metrics"), ("inbox", "inbox", "asker")])
def test_metrics_and_inbox_are_pages(viewed: str, word: str, view: str, shown: str) -> None:
    invoke(viewed, "run", "agent", "asker", "deploy it", "--json")
    page = invoke_ok(viewed, "view", word, "--output", "-").stdout
    assert page_data(page)["view"] == view
    assert shown in json.dumps(page_data(page)["content"])


def test_two_runs_are_a_page_side_by_side(viewed: str) -> None:
    runs = [invoke_ok(viewed, "run", "workflow", "finds", tea).reference for tea in ("honey", "oolong")]
    page = invoke_ok(viewed, "view", "compare", *runs, "--output", "-").stdout
    assert page_data(page)["view"] == "compare"
    assert all(run in page for run in runs)
    refused = invoke(viewed, "view", *runs)
    assert refused.exit_code == 2
    assert f"view compare {runs[0]} {runs[1]}" in refused.stderr


def test_file_that_cannot_be_written_is_an_error(viewed: str, tmp_path: Path) -> None:
    invoke_ok(viewed, "run", "workflow", "finds", "honey")
    result = invoke(viewed, "view", "last", "--output", str(tmp_path / "no-folder" / "run.html"))
    assert result.exit_code == 2
    assert "no-folder" in result.stderr
    nobody = invoke(viewed, "view", "last", "--output", "~no-such-user-here/run.html")
    assert nobody.exit_code == 2
    assert "the home of ~no-such-user-here is not known here" in nobody.stderr


def test_trace_that_does_not_exist_is_an_error(viewed: str) -> None:
    result = invoke(viewed, "view", "f" * 32, "--output", "-")
    assert (result.exit_code, result.stdout) == (1, "")


async def test_live_page_is_served_once_and_its_data_to_it_alone(viewed: str) -> None:
    async with live_view(viewed) as (address, _, tasks), httpx.AsyncClient(timeout=30) as client:
        assert urlsplit(address).hostname == "127.0.0.1"
        for wrong in (f"{address}data", address.rsplit("/", 2)[0] + "/", f"{address}x", address[:-2] + "/"):
            assert (await client.get(wrong)).status_code == 404, wrong
        assert (await client.get(address, headers={"Host": "evil.test"})).status_code == 404
        assert (await client.post(address)).status_code == 404
        page = await client.get(address)
        assert page.status_code == 200
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert page.headers["cache-control"] == "no-store"
        assert (await client.get(address)).status_code == 410
        key = page_data(page.text)["key"]
        assert key not in address
        assert (await client.get(f"{address}data", headers={KEY_HEADER: "x" * 43})).status_code == 404
        data = await client.get(f"{address}data", headers={KEY_HEADER: key})
        assert data.json()["state"] in {"pending", "running"}
        assert "access-control-allow-origin" not in data.headers
        tasks.cancel_scope.cancel()


async def test_live_page_has_each_step_within_two_seconds_and_its_server_ends_with_the_run(viewed: str) -> None:
    # That the server has ended is what leaving live_view waits for.
    seen: dict[str, float] = {}
    delays: dict[str, float] = {}
    with anyio.fail_after(60):
        async with live_view(viewed) as (address, run, _), httpx.AsyncClient(timeout=30) as client:

            def note(state: object) -> None:
                for step in run.state.steps:
                    seen.setdefault(step.name, anyio.current_time())

            key = page_data((await client.get(address)).text)["key"]
            async with anyio.create_task_group() as watching:
                watching.start_soon(partial(run.watch, report=note))
                is_final = False
                while not is_final:
                    data = (await client.get(f"{address}data", headers={KEY_HEADER: key})).json()
                    is_final = data["is_final"]
                    for row in (data["bars"] or {"rows": []})["rows"]:
                        if row["name"] in STEPS and row["name"] in seen:
                            delays.setdefault(row["name"], anyio.current_time() - seen[row["name"]])
                    await anyio.sleep(0.1)
        assert set(delays) == set(STEPS)
        assert max(delays.values()) < 2
        assert data["state"] == "completed"


class ScriptedReader(ViewReader):
    """Reads what it is told to, one after the other; then it waits for `end`."""

    def __init__(self, *results: ViewContent | AgentOSError) -> None:
        super().__init__()
        self._results = list(results)
        self.end = anyio.Event()

    async def read(self, ctx: ToolContext, subject: ViewSubject, *, watch_seconds: float = 0.0) -> ViewContent:
        if not self._results:
            await self.end.wait()
            return ViewContent("over", "completed", "completed")
        result = self._results.pop(0)
        if isinstance(result, AgentOSError):
            raise result
        await anyio.lowlevel.checkpoint()
        return result


@asynccontextmanager
async def scripted_view(
    viewed: str, reader: ScriptedReader, note_outage: Callable[[str], None] = lambda reason: None
) -> AsyncIterator[str]:
    """The address of a live page whose content comes from a script."""
    async with open_backend(Settings(url=viewed)) as backend, anyio.create_task_group() as tasks:
        addresses: list[str] = []
        announced = anyio.Event()

        def announce(address: str) -> None:
            addresses.append(address)
            announced.set()

        subject, first = ViewSubject("run", "agent/a/b/c"), ViewContent("begun", "running", "running", is_final=False)
        tasks.start_soon(serve_view, ToolContext.headless(backend), reader, subject, first, announce, note_outage)
        await announced.wait()
        yield addresses[0]


async def test_live_page_is_told_of_an_outage_and_that_it_is_asked_again(viewed: str) -> None:
    outage = Unreachable("No AgentOS answers.")
    reader = ScriptedReader(outage, outage, ViewContent("back", "running", "running", is_final=False))
    noted: list[str] = []
    async with scripted_view(viewed, reader, noted.append) as address, httpx.AsyncClient(timeout=30) as client:
        headers = {KEY_HEADER: page_data((await client.get(address)).text)["key"]}
        seen: list[str] = []
        with anyio.fail_after(20):
            while not seen or seen[-1] != "over":
                data = (await client.get(f"{address}data", headers=headers)).json()
                assert data["is_final"] == (data.get("title") == "over")
                seen += [word for word in [data.get("error") or data["title"]] if seen[-1:] != [word]]
                if seen[-1] == "back":
                    reader.end.set()
                await anyio.sleep(0.02)
    assert [word for word in seen if word != "begun"] == ["No AgentOS answers.", "back", "over"]
    assert noted == ["No AgentOS answers."]


async def test_live_page_and_its_command_end_where_nothing_can_be_read_any_more(viewed: str) -> None:
    told: list[object] = []

    async def look() -> None:
        reader = ScriptedReader(NotFound("The run is gone."))
        async with scripted_view(viewed, reader) as address, httpx.AsyncClient(timeout=30) as client:
            headers = {KEY_HEADER: page_data((await client.get(address)).text)["key"]}
            told.append((await client.get(f"{address}data", headers=headers)).json())

    with pytest.raises(NotFound):
        await look()
    assert told == [{"error": "The run is gone.", "is_final": True}]
