"""The HTTP client against a real AgentOS, with faults made by a proxy in front of it."""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, ExitStack

import anyio
import pytest

from agentos_mcp.agentos.client import AgentOS, Limits
from agentos_mcp.agentos.errors import (
    AgentOSError,
    InvalidRequest,
    NotFound,
    RateLimited,
    ServerFailure,
    Unauthorized,
    Unreachable,
    Unsupported,
)
from agentos_mcp.agentos.sse import Event
from agentos_mcp.agentos.token_reference import unset_variable
from tests._support.agentos.sample import HOSTILE_IDS
from tests._support.fault_proxy import proxy_to
from tests._support.http_answers import http_answer
from tests.conftest import KEY

pytestmark = pytest.mark.anyio


async def test_get_returns_the_document(agent_os: AgentOS) -> None:
    assert (await agent_os.get("/info"))["os_id"] == "sample"


@pytest.mark.parametrize("id", HOSTILE_IDS)
async def test_get_with_a_hostile_id_reaches_its_own_agent(agent_os: AgentOS, id: str) -> None:
    assert (await agent_os.get("/agents/{agent_id}", {"agent_id": id}))["id"] == id


@pytest.mark.parametrize("id", ["nope", "nope?x=1", "nope#", "日本語", "../nope".replace("/", "\\")])
async def test_get_with_an_unknown_id_raises_not_found(agent_os: AgentOS, id: str) -> None:
    with pytest.raises(NotFound, match="Agent not found"):
        await agent_os.get("/agents/{agent_id}", {"agent_id": id})


async def test_get_tells_a_missing_endpoint_from_a_missing_component(agent_os: AgentOS) -> None:
    with pytest.raises(Unsupported, match="too old"):
        await agent_os.get("/no-such-endpoint")


async def test_connection_refused_says_where_and_what_to_do() -> None:
    async with AgentOS("http://127.0.0.1:9", limits=Limits(read_attempts=1)) as nobody:
        with pytest.raises(Unreachable, match=r"No AgentOS answers at http://127.0.0.1:9.*AGENTOS_URL") as caught:
            await nobody.get("/info")
    assert not caught.value.was_sent


async def test_unauthorized_tells_a_missing_token_from_a_wrong_one(locked_agentos: str) -> None:
    async with AgentOS(locked_agentos) as client:
        with pytest.raises(Unauthorized, match=r"none is set.*--token-file PATH"):
            await client.get("/config")
    async with AgentOS(locked_agentos, token=lambda: "wrong-one") as client:
        with pytest.raises(Unauthorized, match="refuses the token") as caught:
            await client.get("/config")
    assert "wrong-one" not in str(caught.value)


@pytest.mark.parametrize("token", ["${MY_TOKEN}", "${env:MY_TOKEN}", "{env:MY_TOKEN}"])
async def test_unauthorized_names_the_variable_that_a_client_could_not_resolve(
    locked_agentos: str, sample_agentos: str, token: str
) -> None:
    async with AgentOS(locked_agentos, token=lambda: token) as agent_os:
        with pytest.raises(Unauthorized, match="the variable MY_TOKEN is not set where the client was started"):
            await agent_os.get("/config")
    async with AgentOS(sample_agentos, token=lambda: token) as agent_os:
        assert await agent_os.get("/config")


@pytest.mark.parametrize("token", ["$MY_TOKEN", "${MY TOKEN}", "x${A}", "${A}x", "", "${}", "{A}", "${1}"])
def test_unset_variable_is_none_of_a_token_that_may_be_one(token: str) -> None:
    assert unset_variable(token) == ""


async def test_token_is_read_before_every_request(locked_agentos: str) -> None:
    tokens = iter(["wrong", KEY])
    async with AgentOS(locked_agentos, token=lambda: next(tokens, KEY)) as client:
        with pytest.raises(Unauthorized):
            await client.get("/config")
        assert (await client.get("/config"))["os_id"] == "sample"


async def test_validation_error_names_the_field(agent_os: AgentOS) -> None:
    with pytest.raises(InvalidRequest, match="message: Field required"):
        await agent_os.request("POST", "/agents/echo/runs", form={"stream": "false"})


@pytest.mark.parametrize("status", [502, 504])
async def test_read_is_retried_after_a_transient_error(sample_agentos: str, status: int) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        proxy.answers = [http_answer(status), http_answer(status)]
        assert (await client.get("/info"))["os_id"] == "sample"
        assert proxy.asked("GET", "/info") == 3


async def test_read_is_given_up_after_its_attempts(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        proxy.answers = [http_answer(502)] * 5
        with pytest.raises(ServerFailure, match="502"):
            await client.get("/info")
        assert proxy.asked("GET", "/info") == 3


async def test_write_is_never_sent_twice(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        proxy.answers = [http_answer(502)]
        with pytest.raises(ServerFailure):
            await client.request("POST", "/memories", json={"memory": "x", "user_id": "y"})
        proxy.cut_after = [10]
        with pytest.raises(Unreachable) as caught:
            await client.request("POST", "/memories", json={"memory": "x", "user_id": "y"})
        assert caught.value.was_sent
        assert proxy.asked("POST", "/memories") == 2


async def test_read_is_retried_after_a_broken_connection(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        proxy.cut_after = [40, 80]
        assert (await client.get("/info"))["os_id"] == "sample"


async def test_retry_after_is_obeyed(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        proxy.answers = [http_answer(429, retry_after="0.4")]
        begun = anyio.current_time()
        assert (await client.get("/info"))["os_id"] == "sample"
        assert anyio.current_time() - begun >= 0.4


async def test_retry_after_that_is_long_is_left_to_the_caller(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        proxy.answers = [http_answer(429, retry_after="600")]
        with pytest.raises(RateLimited) as caught:
            await client.get("/info")
        assert caught.value.retry_after == 600
        assert proxy.asked("GET", "/info") == 1


async def test_missing_service_is_not_retried(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        proxy.answers = [http_answer(503, '{"detail": "No knowledge base is configured"}')]
        with pytest.raises(ServerFailure, match="No knowledge base is configured"):
            await client.get("/info")
        assert proxy.asked("GET", "/info") == 1


async def test_response_that_is_too_large_is_refused_before_it_is_complete(sample_agentos: str) -> None:
    async with AgentOS(sample_agentos, limits=Limits(max_response_bytes=10_000)) as client:
        with pytest.raises(ServerFailure, match="larger than"):
            await client.get("/openapi.json")


async def test_response_that_is_not_json_asks_whether_it_is_an_agentos(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        proxy.answers = [http_answer(200, "<html>hello</html>", content_type="text/html")]
        with pytest.raises(ServerFailure, match=r"text/html, not JSON\. Is that really an AgentOS\?"):
            await client.get("/info")


async def test_redirect_says_where_it_leads(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        proxy.answers = [http_answer(307, location="https://user:secret@example.test/os?key=secret")]
        with pytest.raises(ServerFailure, match=r"redirects to https://example\.test/os\.") as caught:
            await client.get("/info")
        assert "secret" not in str(caught.value)


async def test_slow_response_ends_in_time(sample_agentos: str) -> None:
    async with AgentOS(sample_agentos, limits=Limits(read_seconds=0.3)) as client:
        with pytest.raises(Unreachable, match="in time"):
            await client.request("POST", "/agents/thinker/runs", form={"message": "5", "stream": "false"})


async def test_foreground_stream_may_be_silent_longer_than_any_read(sample_agentos: str) -> None:
    async with AgentOS(sample_agentos, limits=Limits(read_seconds=0.3, quiet_seconds=0.3)) as client:
        form = {"message": "1", "stream": "true"}
        async with client.stream("/agents/thinker/runs", {}, form, kept_alive=False) as events:
            names = [event.name async for event in events]
    assert names[-1] == "RunCompleted"


async def test_background_stream_without_comments_is_dropped(sample_agentos: str) -> None:
    async with AgentOS(sample_agentos, limits=Limits(quiet_seconds=0.3)) as client:
        form = {"message": "3", "stream": "true", "background": "true"}
        events = client.stream("/agents/thinker/runs", {}, form, kept_alive=True)
        with pytest.raises(Unreachable):
            await _read_all(events)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue of connections refuses them")
async def test_connection_of_a_stream_may_take_longer_than_that_of_a_read() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as stack:
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        limits = Limits(connect_seconds=0.1, stream_connect_seconds=60, read_attempts=1)
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        async with AgentOS(url, limits=limits) as client, anyio.create_task_group() as tasks:
            events = client.stream("/agents/echo/runs", {}, {"message": "hi"}, kept_alive=True)
            tasks.start_soon(_read_all, events)
            for _ in range(2):
                with pytest.raises(Unreachable):
                    await client.get("/agents")
            tasks.cancel_scope.cancel()


async def test_malformed_event_is_skipped_with_a_warning(sample_agentos: str, caplog: pytest.LogCaptureFixture) -> None:
    stream = 'event: A\ndata: {"n": 1}\n\nevent: B\ndata: {"n": \n\nevent: C\ndata: [1]\n\nevent: D\ndata: {"n": 2}\n\n'
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        proxy.answers = [http_answer(200, stream, content_type="text/event-stream")]
        async with client.stream("/agents/echo/runs", {}, {"message": "x"}, kept_alive=False) as events:
            assert [event.name async for event in events] == ["A", "D"]
    assert "malformed 'B' event" in caplog.text


async def test_error_always_has_a_hint(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url, limits=Limits(read_attempts=1)) as client:
        for status in (401, 403, 404, 429, 500, 502, 307):
            proxy.answers = [http_answer(status, location="http://elsewhere.test")]
            with pytest.raises(AgentOSError) as caught:
                await client.get("/info")
            assert caught.value.hint, status


async def _read_all(stream: AbstractAsyncContextManager[AsyncIterator[Event]]) -> list[Event]:
    async with stream as events:
        return [event async for event in events]


@pytest.mark.parametrize("proxy", ["socks5://ann:pw-secret@host:1", "nonsense:pw-secret"])
def test_proxy_that_cannot_be_used_is_named_without_its_password(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(Unreachable, match="A proxy that the environment names cannot be used") as caught:
        AgentOS("http://host")
    assert "pw-secret" not in str(caught.value)
