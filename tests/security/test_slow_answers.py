"""An AgentOS that drips, hangs or breaks off: nobody waits for ever, and nobody for another's request."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import anyio
import pytest
from anyio.abc import SocketStream

from agentos_mcp.agentos.catalog import Catalog
from agentos_mcp.agentos.client import AgentOS, Limits
from agentos_mcp.agentos.errors import AgentOSError, ServerFailure, Unreachable
from agentos_mcp.agentos.features import Discovery
from agentos_mcp.agentos.shared_call import SharedCall
from tests._support.http_answers import http_json, http_raw
from tests._support.mcp_client import Connect
from tests._support.scripted_agentos import CONFIG, scripted_agentos

pytestmark = pytest.mark.anyio

LIMITS = Limits(read_seconds=0.5, read_attempts=2)
PAGE = http_json({"id": "writer", "name": "Writer"})
HEAD = b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"


async def drip(client: SocketStream) -> None:
    await client.send(HEAD)
    await drip_bytes(client)


async def drip_header(client: SocketStream) -> None:
    await client.send(b"HTTP/1.1 200 X\r\nX-A: ")
    await drip_bytes(client)


async def drip_bytes(client: SocketStream) -> None:
    while True:
        await client.send(b" ")
        await anyio.sleep(0.1)


@pytest.mark.parametrize("answer", [drip, drip_header])
async def test_dripping_response_ends_within_its_total_deadline(
    answer: Callable[[SocketStream], Awaitable[None]],
) -> None:
    async with scripted_agentos({"/config": answer}) as agentos, AgentOS(agentos.url, limits=LIMITS) as client:
        begun = anyio.current_time()
        with pytest.raises(Unreachable, match=r"did not finish its response to GET /config within 1 s"):
            await client.get("/config")
        assert anyio.current_time() - begun < 3


async def test_dripping_body_after_endless_headers_has_a_deadline() -> None:
    async with scripted_agentos({"/eval-runs": drip}) as agentos, AgentOS(agentos.url, limits=LIMITS) as client:
        with anyio.fail_after(5), pytest.raises(Unreachable):
            await client.request("POST", "/eval-runs", json={}, no_timeout=True)


async def test_concurrent_callers_share_one_request() -> None:
    async with scripted_agentos({"/config": drip}) as agentos, AgentOS(agentos.url, limits=LIMITS) as client:
        catalog = Catalog(client)
        failures: list[AgentOSError] = []

        async def ask() -> None:
            with pytest.raises(Unreachable) as caught:
                await catalog.inventory()
            failures.append(caught.value)

        begun = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(ask)
        assert len(failures) == 5
        assert anyio.current_time() - begun < 3
        assert len(agentos.requests) <= 2


async def test_cancelled_caller_does_not_cancel_the_others() -> None:
    go_on = anyio.Event()
    arrivals = [anyio.Event(), anyio.Event()]

    async def slowly(client: SocketStream) -> None:
        arrivals[len(agentos.requests) - 1].set()
        await go_on.wait()
        await client.send(http_json(CONFIG))

    async with scripted_agentos({"/config": slowly}) as agentos, AgentOS(agentos.url) as client:
        catalog = Catalog(client)
        names: list[str] = []

        async def ask() -> None:
            names.append((await catalog.inventory()).name)

        async with anyio.create_task_group() as others:
            with anyio.CancelScope() as first:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(ask)
                    await arrivals[0].wait()
                    others.start_soon(ask)
                    others.start_soon(ask)
                    await anyio.wait_all_tasks_blocked()
                    first.cancel()
            await arrivals[1].wait()
            go_on.set()
        assert names == ["Scripted", "Scripted"]
        assert len(agentos.requests) == 2
        assert (await catalog.inventory()).name == "Scripted"


async def test_concurrent_callers_share_hanging_features() -> None:
    async with scripted_agentos({"/info": drip}) as agentos, AgentOS(agentos.url, limits=LIMITS) as client:
        discovery = Discovery(client)
        with anyio.fail_after(4):
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(_fails, discovery.features)


async def _fails(ask: Callable[[], Awaitable[object]]) -> None:
    with pytest.raises(Unreachable):
        await ask()


async def test_shared_call_that_never_ends_times_out() -> None:
    shared: SharedCall[None] = SharedCall(anyio.sleep_forever, 0.2)
    with pytest.raises(Unreachable, match="did not answer within"):
        await shared.result()


async def test_failure_during_a_run_ends_with_its_reference(connect: Connect) -> None:
    event = {"event": "RunStarted", "run_id": "their-run", "session_id": "their-session"}
    stream = f"event: RunStarted\ndata: {json.dumps(event)}\n\n".encode()
    broken = http_raw(b"\x1f\x8bnot gzip", content_encoding="gzip", content_type="application/json")
    answers = {
        "/agents/writer": PAGE,
        "POST /agents/writer/runs": http_raw(stream, content_type="text/event-stream"),
        "/agents/writer/runs/their-run": broken,
        "POST /agents/writer/runs/their-run/resume": http_raw(b"\x1f\x8bno", content_encoding="gzip"),
    }
    async with scripted_agentos(answers) as agentos, connect(agentos.url) as peer:
        text = await peer.error("run_agent", agent_id="writer", message="x", session_id="their-session")
    assert text.splitlines()[-1] == "run: agent/writer/their-session/their-run"


async def test_refused_start_names_no_run(connect: Connect) -> None:
    refused = http_json({"detail": "not today"}, 409)
    async with (
        scripted_agentos({"/agents/writer": PAGE, "POST /agents/writer/runs": refused}) as agentos,
        connect(agentos.url) as peer,
    ):
        text = await peer.error("run_agent", agent_id="writer", message="x")
    assert "not today" in text
    assert "run:" not in text


@pytest.mark.parametrize("streamed", [False, True])
async def test_redirect_to_anything_says_where_it_leads(streamed: bool) -> None:
    for location, output in (("http://[", "an invalid URL"), ("http://user:pw@other/x?y", "http://other/x")):
        answers = {
            "/config": http_raw(b"", 302, location=location),
            "/agents/a/runs": http_raw(b"", 307, location=location),
        }
        async with scripted_agentos(answers) as agentos, AgentOS(agentos.url) as client:

            async def start(client: AgentOS = client) -> None:
                async with client.stream("/agents/a/runs", {}, {}, kept_alive=True):
                    pass

            with pytest.raises(ServerFailure) as caught:
                await (start() if streamed else client.get("/config"))
        assert f"redirects to {output}." in str(caught.value)
