"""Finding runs without knowing their sessions, on a live AgentOS."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import anyio
import httpx
import pytest

from agentos_mcp.agentos.catalog import Catalog
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import InvalidRequest, NotFound
from agentos_mcp.agentos.runs import history
from agentos_mcp.agentos.runs.history import RunSummary, list_runs
from agentos_mcp.agentos.runs.run import Kind, RunRef
from agentos_mcp.agentos.timestamps import Period
from tests._support.fault_proxy import proxy_to
from tests._support.http_answers import http_answer
from tests._support.running_agentos import running_agentos

pytestmark = pytest.mark.anyio

PAUSE = 1.1
"""AgentOS keeps whole seconds: what shall be in order must be further apart."""


async def start(
    rest: httpx.AsyncClient, kind: Kind, id: str, message: str = "hi", *, wait: bool = True, **fields: str
) -> RunRef:
    """Run something as another client would."""
    form = {"message": message, "stream": "false", "background": str(not wait).lower(), **fields}
    answer = (await rest.post(f"/{kind}s/{id}/runs", data=form)).json()
    return RunRef(kind, id, answer["session_id"], answer["run_id"])


async def fill(url: str) -> dict[str, RunRef]:
    async with httpx.AsyncClient(base_url=url, timeout=30) as rest:
        refs = {"old": await start(rest, "agent", "echo", "an old\nquestion", session_id="old session")}
        await anyio.sleep(PAUSE)
        refs["paused"] = await start(rest, "agent", "confirmer")
        refs["failed"] = await start(rest, "agent", "limited")
        refs["team"] = await start(rest, "team", "sad-team")
        refs["shapes"] = await start(rest, "workflow", "shapes")
        await anyio.sleep(PAUSE)
        refs["again"] = await start(rest, "agent", "echo", "a new question", session_id="old session")
        return refs


@pytest.fixture(scope="module")
def filled() -> Iterator[tuple[str, dict[str, RunRef]]]:
    with running_agentos(build="tests._support.agentos.media:build") as url:
        yield url, anyio.run(fill, url)


@pytest.fixture
def refs(filled: tuple[str, dict[str, RunRef]]) -> dict[str, RunRef]:
    return filled[1]


@pytest.fixture
async def client(filled: tuple[str, dict[str, RunRef]]) -> AsyncIterator[AgentOS]:
    with anyio.fail_after(30):
        async with AgentOS(filled[0]) as agent_os:
            yield agent_os


async def found(client: AgentOS, **request: Any) -> list[RunSummary]:
    return (await list_runs(client, Catalog(client), **{"user_id": ""} | request)).runs


async def test_newest_run_is_first_even_in_an_old_session(client: AgentOS, refs: dict[str, RunRef]) -> None:
    runs = await found(client, limit=50)
    assert runs[0].ref == refs["again"]
    assert runs[-1].ref == refs["old"]
    assert {run.ref for run in runs} == set(refs.values())
    assert [run.started_at for run in runs] == sorted((run.started_at for run in runs), reverse=True)


async def test_run_summary_is_one_line(client: AgentOS, refs: dict[str, RunRef]) -> None:
    run = next(run for run in await found(client, limit=50) if run.ref == refs["old"])
    assert (run.status, run.name, run.input, run.answer) == (
        "COMPLETED",
        "Echo",
        "an old question",
        "echo: an old question",
    )
    assert abs(run.started_at - time.time()) < 60


async def test_runs_of_members_and_steps_are_left_out(client: AgentOS, refs: dict[str, RunRef]) -> None:
    runs = await found(client, session_id=refs["team"].session)
    assert [run.ref for run in runs] == [refs["team"]]


async def test_list_runs_with_limit_one_is_the_last_run(client: AgentOS, refs: dict[str, RunRef]) -> None:
    assert [run.ref for run in await found(client, limit=1)] == [refs["again"]]


@pytest.mark.parametrize(("status", "which"), [("paused", "paused"), ("Error", "failed"), (" PAUSED ", "paused")])
async def test_status_filter_ignores_case(client: AgentOS, refs: dict[str, RunRef], status: str, which: str) -> None:
    assert [run.ref for run in await found(client, status=status)] == [refs[which]]


async def test_status_filter_names_the_statuses_when_it_is_unknown(client: AgentOS) -> None:
    with pytest.raises(InvalidRequest, match=r"'sleeping' is not a status.*waiting.*done.*failed"):
        await found(client, status="sleeping")


@pytest.mark.parametrize(
    ("kind", "id", "which"),
    [("agent", "echo", ["again", "old"]), ("team", "sad-team", ["team"]), ("workflow", "shapes", ["shapes"])],
)
async def test_component_filter_lists_only_its_runs(
    client: AgentOS, refs: dict[str, RunRef], kind: Kind, id: str, which: list[str]
) -> None:
    component = await Catalog(client).find(kind, id)
    runs = await found(client, component=component)
    assert [run.ref for run in runs] == [refs[name] for name in which]


async def test_session_filter_lists_only_its_runs(client: AgentOS, refs: dict[str, RunRef]) -> None:
    runs = await found(client, session_id="old session")
    assert [run.ref for run in runs] == [refs["again"], refs["old"]]
    assert len(await found(client, session_id="old session", limit=1)) == 1


async def test_session_filter_refuses_an_unknown_session(client: AgentOS) -> None:
    with pytest.raises(NotFound, match="No session 'nowhere'"):
        await found(client, session_id="nowhere")


async def until(client: AgentOS, ref: RunRef, *, running: bool) -> None:
    with anyio.fail_after(8):
        while True:
            if (ref in [run.ref for run in await found(client, status="running")]) is running:
                return
            await anyio.sleep(0.05)


async def test_running_run_is_listed(sample_agentos: str) -> None:
    async with httpx.AsyncClient(base_url=sample_agentos, timeout=30) as rest, AgentOS(sample_agentos) as client:
        ref = await start(rest, "agent", "slow", "20 2", wait=False)
        await until(client, ref, running=True)
        await until(client, ref, running=False)


async def test_runs_of_nested_workflows_are_left_out(sample_agentos: str) -> None:
    with anyio.fail_after(30):
        async with httpx.AsyncClient(base_url=sample_agentos, timeout=30) as rest, AgentOS(sample_agentos) as client:
            ref = await start(rest, "workflow", "outer", session_id="nested")
            assert [run.ref for run in await found(client, session_id="nested")] == [ref]


async def test_list_runs_reads_a_limited_number_of_sessions(client: AgentOS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_SESSIONS", 2)
    assert len({run.ref.session for run in await found(client, limit=50)}) == 2


async def test_runs_of_a_period_are_found_behind_newer_sessions(
    sample_agentos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MAX_SESSIONS", 1)
    with anyio.fail_after(30):
        async with httpx.AsyncClient(base_url=sample_agentos, timeout=30) as rest, AgentOS(sample_agentos) as client:
            old = await start(rest, "agent", "echo", user_id="periodic")
            await anyio.sleep(PAUSE)
            newer = [await start(rest, "agent", "echo", user_id="periodic") for _ in range(3)]
            latest = await list_runs(client, Catalog(client), user_id="periodic")
            (newer_run,) = latest.runs
            assert newer_run.ref in newer
            assert latest.older_until is not None
            period = Period(until=datetime.fromtimestamp(newer_run.started_at - 1, UTC))
            result = await list_runs(client, Catalog(client), user_id="periodic", period=period)
            assert [run.ref for run in result.runs] == [old]


async def test_list_runs_with_a_low_limit_does_not_read_every_session(
    filled: tuple[str, dict[str, RunRef]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MAX_CONCURRENT_SESSIONS", 1)
    with anyio.fail_after(30):
        async with proxy_to(filled[0]) as proxy, AgentOS(proxy.url) as client:
            await found(client, limit=1)
            assert proxy.asked("GET", "run-previews") == 1


async def test_agentos_without_previews_is_read_run_by_run(
    filled: tuple[str, dict[str, RunRef]], refs: dict[str, RunRef]
) -> None:
    with anyio.fail_after(30):
        async with proxy_to(filled[0]) as proxy, AgentOS(proxy.url) as client:
            catalog = Catalog(client)
            await catalog.inventory()
            proxy.answers = [http_answer(404, json.dumps({"detail": "Not Found"}))]
            runs = (await list_runs(client, catalog, user_id="", session_id="old session")).runs
    assert [run.ref for run in runs] == [refs["again"], refs["old"]]
    assert runs[0].answer == "echo: a new question"
    assert runs[0].seconds > 0


async def test_every_database_is_read() -> None:
    with anyio.fail_after(45), running_agentos(build="tests._support.agentos.media:build_two") as url:
        async with httpx.AsyncClient(base_url=url, timeout=30) as rest, AgentOS(url) as client:
            left = await start(rest, "agent", "left-echo", session_id="left session")
            await anyio.sleep(PAUSE)
            right = await start(rest, "agent", "right-echo")
            assert [run.ref for run in await found(client)] == [right, left]
            assert [run.ref for run in await found(client, session_id="left session")] == [left]
            with pytest.raises(NotFound, match="No session"):
                await found(client, session_id="nowhere")


@pytest.fixture(scope="module")
def many() -> Iterator[tuple[str, list[RunRef]]]:
    """An AgentOS of several databases, with one session id in two of them; its runs, the latest first."""

    async def fill_session(url: str) -> list[RunRef]:
        async with httpx.AsyncClient(base_url=url, timeout=30) as rest:
            refs = []
            for agent in ("one", "two", "three"):
                refs.append(await start(rest, "agent", agent, session_id="shared"))
                await anyio.sleep(PAUSE)
            return refs[::-1]

    with running_agentos(build="tests._support.agentos.several_databases:build_many") as url:
        yield url, anyio.run(fill_session, url)


async def test_run_is_listed_once_where_databases_share_a_session_id(many: tuple[str, list[RunRef]]) -> None:
    url, refs = many
    with anyio.fail_after(30):
        async with AgentOS(url) as client:
            assert [run.ref for run in await found(client)] == refs
            assert [run.ref for run in await found(client, session_id="shared")] == refs


async def test_database_filter_lists_only_its_runs(many: tuple[str, list[RunRef]]) -> None:
    url, (third, second, first) = many
    with anyio.fail_after(30):
        async with AgentOS(url) as client:
            for database, refs in (
                ("first-db", [first]),
                ("second-db", [third, second]),
                ("second-db-again", [third, second]),
            ):
                runs = await found(client, session_id="shared", database=database)
                assert [run.ref for run in runs] == refs, database


@pytest.mark.parametrize(("kind", "which"), [("agent", "again"), ("team", "team"), ("workflow", "shapes")])
async def test_newest_run_of_a_kind_is_found_behind_newer_ones_of_others(
    client: AgentOS, refs: dict[str, RunRef], kind: Kind, which: str
) -> None:
    assert [run.ref for run in await found(client, kind=kind, limit=1)] == [refs[which]]


async def test_runs_of_a_kind_are_found_behind_any_number_of_sessions(
    client: AgentOS, refs: dict[str, RunRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MAX_SESSIONS", 1)
    for which in ("team", "shapes"):
        ref = refs[which]
        assert [run.ref for run in await found(client, kind=ref.kind)] == [ref]
        component = await Catalog(client).find(ref.kind, ref.component)
        assert [run.ref for run in await found(client, component=component)] == [refs[which]]
