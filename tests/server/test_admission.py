"""Calls that come together over HTTP: each is taken up before the next, and none keeps others out while it waits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
import pytest
from mcp_types import ElicitResult
from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_mcp.agentos.first_wait import waits
from agentos_mcp.server.http import app as http_app
from agentos_mcp.server.http.admission import Admission
from agentos_mcp.server.http.settings import HttpSettings
from agentos_mcp.settings import Settings
from tests._support.http_application import client_with_headers, http_application
from tests._support.mcp_client import Peer

FOREVER = 3600.0


@dataclass
class Calls:
    """An application whose calls go on when they are told to; the order in which they began."""

    begun: list[str] = field(default_factory=list)
    wait: dict[str, anyio.Event] = field(default_factory=dict)
    answer: dict[str, anyio.Event] = field(default_factory=dict)
    second: anyio.Event = field(default_factory=anyio.Event)
    """The second call has begun."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"]
        self.begun.append(name)
        if len(self.begun) == 2:
            self.second.set()
        self.wait[name], self.answer[name] = anyio.Event(), anyio.Event()
        await self.wait[name].wait()
        waits()
        await self.answer[name].wait()


async def nothing(*_: Any) -> Any:
    raise AssertionError("nobody receives or sends here")


def begin(app: ASGIApp, *names: str, method: str = "POST") -> list[asyncio.Task[Any]]:
    return [
        asyncio.ensure_future(app({"type": "http", "method": method, "path": name}, nothing, nothing)) for name in names
    ]


async def test_next_call_is_taken_up_when_the_one_before_it_waits_or_is_answered() -> None:
    calls = Calls()
    tasks = begin(Admission(calls, 2, FOREVER), "a", "b", "c", "d")
    await anyio.wait_all_tasks_blocked()
    assert calls.begun == ["a", "b"]
    calls.wait["b"].set()
    await anyio.wait_all_tasks_blocked()
    assert calls.begun == ["a", "b", "c"]
    calls.answer["b"].set()
    await anyio.wait_all_tasks_blocked()
    assert calls.begun == ["a", "b", "c"], "a call that waited makes room once"
    calls.wait["a"].set()
    calls.answer["a"].set()
    await anyio.wait_all_tasks_blocked()
    assert calls.begun == ["a", "b", "c", "d"]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_call_that_does_neither_keeps_others_out_only_for_a_while() -> None:
    calls = Calls()
    tasks = begin(Admission(calls, 1, 0.01), "a", "b")
    with anyio.fail_after(20):
        await calls.second.wait()
    assert calls.begun == ["a", "b"]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("is_admitted", [False, True])
async def test_place_of_a_call_that_is_cancelled_goes_to_the_next(is_admitted: bool) -> None:
    calls = Calls()
    app = Admission(calls, 1, FOREVER)
    first, second, third = begin(app, "a", "b", "c")
    await anyio.wait_all_tasks_blocked()
    if is_admitted:
        # Its turn comes in the moment in which it is cancelled.
        first.cancel()
        await asyncio.sleep(0)
    second.cancel()
    first.cancel()
    await anyio.wait_all_tasks_blocked()
    assert calls.begun == ["a", "c"]
    third.cancel()
    await asyncio.gather(first, second, third, return_exceptions=True)
    last = begin(app, "d")
    await anyio.wait_all_tasks_blocked()
    assert calls.begun[-1] == "d"
    last[0].cancel()
    await asyncio.gather(*last, return_exceptions=True)


async def test_what_is_no_call_is_not_held() -> None:
    calls = Calls()
    app = Admission(calls, 1, FOREVER)
    tasks = [*begin(app, "a"), *begin(app, "listen", method="GET"), *begin(app, "end", method="DELETE")]
    await anyio.wait_all_tasks_blocked()
    assert calls.begun == ["a", "listen", "end"]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that does not make room for others keeps them out for good."""
    monkeypatch.setattr(http_app, "Admission", partial(Admission, max_admitted=1, admitted_seconds=FOREVER))


@pytest.mark.usefixtures("one_at_a_time")
@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_runs_and_lists_are_served_at_the_same_time(sample_agentos: str, mode: str) -> None:
    async with (
        http_application(Settings(url=sample_agentos), HttpSettings()) as (url, _),
        client_with_headers(mode, url, {}, sample_agentos) as first,
        client_with_headers(mode, url, {}, sample_agentos) as second,
        anyio.create_task_group() as tasks,
    ):
        going = {"first": anyio.Event(), "second": anyio.Event()}

        async def run(name: str, peer: Peer) -> None:
            async def progress(progress: float, total: float | None, message: str | None) -> None:
                going[name].set()

            await peer.listen(progress, "run_agent", agent_id="slow", message="600 600")

        tasks.start_soon(run, "first", first)
        tasks.start_soon(run, "second", second)
        for event in going.values():
            await event.wait()
        assert "slow" in await first.text("list_agents")
        tasks.cancel_scope.cancel()


@pytest.mark.usefixtures("one_at_a_time")
async def test_answer_of_a_person_reaches_the_call_that_waits_for_it(sample_agentos: str) -> None:
    async def person(context: object, params: Any) -> ElicitResult:
        return ElicitResult(action="accept", content={"confirm": True})

    settings = Settings(url=sample_agentos, tools=("create_memory", "delete_memory"))
    async with (
        http_application(settings, HttpSettings()) as (url, _),
        client_with_headers("legacy", url, {}, sample_agentos, person=person) as peer,
    ):
        created = await peer.text("create_memory", memory="Calls are taken up in turn", user_id="admitted")
        memory = created.rpartition("(memory ")[2].removesuffix(").")
        assert "Deleted" in await peer.text("delete_memory", memory_id=memory, user_id="admitted")
