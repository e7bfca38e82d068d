"""The real command before an AgentOS whose documents are broken: it says so, and goes on serving."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping

import anyio
import anyio.to_thread
import httpx
import pytest

from tests._support.http_answers import http_json, http_raw
from tests._support.mcp_client import Connect, words
from tests._support.processes import FORK, PATIENCE, HttpServer, RawServer
from tests._support.scripted_agentos import CONFIG, Answer, scripted_agentos

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

RUNS = "/agents/{agent_id}/runs"


def openapi(post: object, **more: object) -> bytes:
    return http_json({"paths": {"/config": {"get": {}}, RUNS: {"post": post}}, **more})


def body_of(schema: object) -> dict[str, object]:
    return {"requestBody": {"content": {"multipart/form-data": {"schema": schema}}}}


JSON = "application/json"
BROKEN: Mapping[str, Mapping[str, Answer]] = {
    "broken gzip": {"/config": http_raw(b"\x1f\x8b" + b"not gzip" * 9, content_encoding="gzip", content_type=JSON)},
    "cut gzip": {
        "/openapi.json": http_raw(gzip.compress(b'{"paths": {}}' * 99)[:40], content_encoding="gzip", content_type=JSON)
    },
    "paths that are numbers": {"/openapi.json": http_json({"paths": {"/x": 5}})},
    "a post that is a list": {"/openapi.json": openapi([])},
    "properties that are null": {"/openapi.json": openapi(body_of({"properties": None}))},
    "content that is a list": {"/openapi.json": openapi({"requestBody": {"content": []}})},
    "a schema that is missing": {"/openapi.json": openapi(body_of({"$ref": "#/components/schemas/X"}), components=5)},
    "a location that is no URL": {"/config": http_raw(b"", 302, location="http://[")},
    "deep JSON": {"/config": http_raw(b"[" * 200_000 + b"]" * 200_000, content_type=JSON)},
    "deep components": {"/openapi.json": http_raw(b'{"paths":' * 900 + b"1" + b"}" * 900, content_type=JSON)},
    "NaN": {
        "/config": http_raw(b'{"os_id": NaN, "databases": [Infinity], "agents": [{"id": 1e999}]}', content_type=JSON)
    },
    "a number without end": {"/config": http_raw(b'{"os_id": ' + b"9" * 5000 + b"}", content_type=JSON)},
    "mistyped fields": {
        "/config": http_json(
            {"databases": 5, "agents": {"id": 1}, "knowledge": {"knowledge_instances": 7}, "teams": [5]}
        )
    },
    "half a character": {
        "/config": http_raw(b'{"os_id": "\\ud800", "agents": [{"id": "\\udfff"}]}', content_type=JSON)
    },
    "odd statuses": {"/config": http_raw(b"{}", 999), "/info": http_raw(b"[]", 600)},
    "odd headers": {
        "/config": http_raw(b"{}", 429, retry_after="nan"),
        "/info": http_raw(b"{}", 429, retry_after="1e999"),
    },
    "another charset": {"/config": http_raw(b"{}", content_type="application/json; charset=hex")},
}


SCHEDULE = "/schedules/nightly"
MISTYPED: Mapping[str, tuple[str, Mapping[str, object], Callable[[object], Mapping[str, Answer]]]] = {
    "user of a run": (
        "list_runs",
        {"session_id": "s"},
        lambda value: {
            "/sessions/s": http_json({"session_id": "s", "user_id": "ann"}),
            "/sessions/s/runs": http_json([{"run_id": "r", "agent_id": "writer", "user_id": value}]),
        },
    ),
    "id of a schedule's run": (
        "trigger_schedule",
        {"schedule": "nightly"},
        lambda value: {
            SCHEDULE: http_json({"id": "nightly", "user_id": "ann", "endpoint": "/agents/writer/runs"}),
            f"{SCHEDULE}/runs": http_json([{"id": value}]),
            f"{SCHEDULE}/trigger": http_json({"id": value, "status": value}),
        },
    ),
    "namespace of a file": (
        "list_agent_files",
        {},
        lambda value: {
            "/config": http_json(
                {**CONFIG, "filesystem": {"namespaces": [{"namespace": value, "user_isolation": True}]}}
            ),
            "/filesystem/files": http_json({"entries": [{"path": "a", "namespace": value}]}),
        },
    ),
}


@pytest.mark.parametrize("value", [["x"], {"x": 5}, 5, None], ids=repr)
@pytest.mark.parametrize("subject", MISTYPED)
async def test_identifier_that_is_no_string_is_read_as_one_that_nobody_has(
    connect: Connect, era: str, subject: str, value: object
) -> None:
    tool, arguments, answers = MISTYPED[subject]
    async with (
        scripted_agentos(answers(value)) as agentos,
        connect(agentos.url, toolsets=("all",), user_id="ann") as peer,
    ):
        result = words(await peer.call(tool, **arguments))
    assert "could not be read (" not in result


@pytest.mark.parametrize("subject", BROKEN)
async def test_stdio_server_survives_a_broken_agentos(subject: str) -> None:
    async with scripted_agentos(BROKEN[subject]) as agentos:
        await anyio.to_thread.run_sync(_talk_over_stdio, agentos.url)


def _talk_over_stdio(url: str) -> None:
    with RawServer(
        "serve", "--url", url, "--toolsets", "all", "--expose", "agents", "--wait", "1", command=FORK
    ) as server:
        server.shake_hands()
        assert server.tool_names()
        for tool, arguments in (
            ("list_agents", {}),
            ("get_config", {}),
            ("run_agent", {"agent_id": "writer", "message": "x"}),
        ):
            words, _ = server.call(tool, **arguments)
            assert "could not be read (" not in words
        assert server.tool_names()
        assert server.result("ping") == {}
        server.close_stdin()
        assert server.exit_code() == 0
        assert "Traceback" not in server.everything


@pytest.mark.parametrize("subject", ["broken gzip", "paths that are numbers", "deep JSON", "a location that is no URL"])
async def test_http_server_survives_a_broken_agentos_and_reports_readiness(subject: str) -> None:
    async with scripted_agentos(BROKEN[subject]) as agentos:
        await anyio.to_thread.run_sync(_talk_over_http, agentos.url, "/config" in BROKEN[subject])


def _talk_over_http(url: str, config_is_broken: bool) -> None:
    accepted = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2026-07-28"}
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    with HttpServer("--url", url, "--toolsets", "all", command=FORK) as server:
        for number, method in enumerate(("server/discover", "tools/list", "tools/list"), 1):
            request = {"jsonrpc": "2.0", "id": number, "method": method, "params": {"_meta": meta}}
            headers = {**accepted, "mcp-method": method}
            answer = httpx.post(server.url, json=request, headers=headers, timeout=PATIENCE)
            assert answer.status_code == 200, answer.text
        health = httpx.get(httpx.URL(server.url).join("/health"), timeout=PATIENCE)
        assert (health.status_code, health.json()) == (200, {"status": "ok"})
        ready = httpx.get(httpx.URL(server.url).join("/ready"), timeout=PATIENCE)
        assert (ready.status_code == 200) == (not config_is_broken), ready.text
        assert url not in ready.text
