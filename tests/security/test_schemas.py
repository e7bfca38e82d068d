"""Schemas of strangers, over real transports: what they refer to is never read, and nobody waits for their check."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from tests._support.http_answers import http_json
from tests._support.mcp_client import Connect, Peer, words
from tests._support.ping_meter import LONGEST_WAIT, ping_meter, ping_of
from tests._support.process_clients import http_server, over_http, over_stdio
from tests._support.processes import FORK
from tests._support.scripted_agentos import Answer, scripted_agentos

pytestmark = pytest.mark.anyio

SECRET = "a-very-secret-token"
STORY = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
SLOW_PATTERN = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
SLOW_VALUE = {"a": "a" * 60 + "!"}


def doubling(levels: int) -> dict[str, Any]:
    """Each definition refers to the next one twice, so that there are 2 ** levels ways through it."""
    definitions: dict[str, Any] = {
        f"D{level}": {"anyOf": [{"$ref": f"#/$defs/D{level + 1}"}, {"$ref": f"#/$defs/D{level + 1}"}]}
        for level in range(levels)
    }
    definitions[f"D{levels}"] = {"type": "string"}
    return {"type": "object", "properties": {"a": {"$ref": "#/$defs/D0"}}, "$defs": definitions}


def agents(described: Mapping[str, Mapping[str, object]]) -> Mapping[str, Answer]:
    """An AgentOS's answers: agents by id, and what the page of each says."""
    listed = [{"id": name, "name": name.title()} for name in described]
    return {
        "/config": http_json({"os_id": "x", "agents": listed}),
        **{f"/agents/{name}": http_json({"id": name, **page}) for name, page in described.items()},
    }


@asynccontextmanager
async def connected(transport: str, era: str, url: str) -> AsyncIterator[Peer]:
    if transport == "stdio":
        async with over_stdio(era, "serve", "--url", url, command=FORK) as peer:
            yield peer
    else:
        async with http_server(url) as address, over_http(era, address) as peer:
            yield peer


@asynccontextmanager
async def counting_listener() -> AsyncIterator[tuple[str, list[str]]]:
    """A loopback server that answers with a schema; its address, and an entry for each connection."""
    connections: list[str] = []

    async def handle(client: SocketStream) -> None:
        connections.append(str(client.extra(SocketAttribute.remote_address)))  # noqa: S610 - anyio's, not Django's
        async with client:
            await client.send(b'HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\n{"type": "string"}')

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - anyio's, not Django's
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield f"http://127.0.0.1:{port}/schema.json", connections
        tasks.cancel_scope.cancel()


def reaching_out(reference: str) -> list[dict[str, Any]]:
    """Schemas that lead to `reference` by every keyword that leads anywhere."""
    inner: list[dict[str, Any]] = [
        {"$ref": reference},
        {"$dynamicRef": reference},
        {"$schema": reference, "$ref": "#/title"},
        {"$id": reference, "$ref": "#/title"},
        {"$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveRef": reference},
        {"$schema": "http://json-schema.org/draft-04/schema#", "id": reference, "$ref": "#/title"},
        {"allOf": [{"items": {"$ref": f"{reference}#/token"}}]},
    ]
    return [{"type": "object", "properties": {"a": item}} for item in inner]


@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_schema_references_reach_neither_files_nor_servers(transport: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps({"token": {"const": SECRET}}), encoding="utf-8")
    async with counting_listener() as (remote, connections):
        schemas = [*reaching_out(f"{secret.as_uri()}#/token"), *reaching_out(remote)]
        described: dict[str, dict[str, object]] = {}
        for number, schema in enumerate(schemas):
            described[f"typed{number}"] = {"input_schema": schema}
            described[f"made{number}"] = {"is_factory": True, "factory_input_schema": schema}
        async with (
            scripted_agentos(agents({"plain": {}, **described})) as agentos,
            connected(transport, "auto", agentos.url) as peer,
        ):
            arguments = {"message": json.dumps({"a": "x"})}
            calls: list[dict[str, Any]] = []
            for schema in (schemas[0], schemas[-1]):
                wrapped = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
                calls.append({"agent_id": "plain", "output_schema": wrapped})
                calls.append({"agent_id": "plain", "output_schema": {"type": "json_object", "json_schema": schema}})
            for number, schema in enumerate(schemas):
                calls.append({"agent_id": "plain", "output_schema": schema})
                calls.append({"agent_id": f"typed{number}"})
                calls.append({"agent_id": f"made{number}", "factory_input": {"a": "x"}})
            heard = [words(await peer.call("run_agent", **arguments, **call)) for call in calls]
    assert connections == []
    assert SECRET not in "".join(heard)
    assert len([item for item in heard if "only references within it" in item]) >= 4
    assert "The output_schema refers to 'file:///" in heard[0]


async def test_component_tool_schema_reaches_neither_files_nor_servers(
    era: str, connect: Connect, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps({"title": SECRET}), encoding="utf-8")
    async with counting_listener() as (remote, connections):
        for reference in (remote, secret.as_uri()):
            for schema in reaching_out(reference):
                async with (
                    scripted_agentos(agents({"writer": {"input_schema": schema}})) as agentos,
                    connect(agentos.url, expose=(("agents", ""),)) as peer,
                ):
                    tools = {tool.name: tool for tool in (await peer.client.list_tools()).tools}
                    assert "writer" in tools
                    assert SECRET not in tools["writer"].model_dump_json()
        assert connections == []


def hostile() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Arguments of a call, and what the component's page says."""
    large = {"type": "object", "properties": {f"p{n}": {"type": "string", "enum": ["x"] * 9} for n in range(1_200)}}
    deep: dict[str, Any] = {"type": "object", "properties": {}}
    for _ in range(90):
        deep = {"type": "object", "properties": {"a": deep}}
    same = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
    return {
        "pattern": ({"message": json.dumps(SLOW_VALUE)}, {"input_schema": SLOW_PATTERN}),
        "factory-pattern": (
            {"factory_input": SLOW_VALUE},
            {"is_factory": True, "factory_input_schema": SLOW_PATTERN},
        ),
        "compiled": (
            {"output_schema": {"type": "object", "properties": {"a": {"pattern": "(a?){1000}" * 2_000}}}},
            {},
        ),
        "combinations": ({"message": '{"a": 1}'}, {"input_schema": doubling(40)}),
        "answer-combinations": ({"output_schema": doubling(40)}, {}),
        "circle": ({"output_schema": {**STORY, "allOf": [{"$ref": "#"}]}}, {}),
        "large": ({"output_schema": large}, {}),
        "deep": ({"output_schema": deep}, {}),
        "comparisons": (
            {"message": json.dumps({"a": [{"x": n} for n in range(20_000)]})},
            {"input_schema": same},
        ),
    }


HOSTILE = hostile()


@pytest.fixture(scope="module")
async def attacked() -> AsyncIterator[str]:
    """The address of our server, in front of an AgentOS with an agent for each attack."""
    described = {name: page for name, (_, page) in HOSTILE.items()}
    async with scripted_agentos(agents(described)) as agentos, http_server(agentos.url) as address:
        yield address


@pytest.mark.parametrize("attack", HOSTILE)
async def test_hostile_schema_keeps_no_other_caller_waiting(attack: str, attacked: str) -> None:
    arguments, _ = HOSTILE[attack]
    async with over_http("legacy", attacked) as other, over_http("auto", attacked) as attacker:
        await ping_of(other)()
        async with ping_meter(ping_of(other)) as meter:
            result = await attacker.call("run_agent", agent_id=attack, **{"message": "{}"} | arguments)
    assert meter.longest < LONGEST_WAIT
    assert len(words(result)) < 4_000


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({**STORY, "x": ["y"] * 40_000}, "is larger than 100,000 characters"),
        ({**STORY, "not": {"$ref": "https://example.com/x"}}, "refers to 'https://example.com/x'"),
        ({**STORY, "pattern": "("}, "is not a valid JSON schema"),
    ],
)
async def test_output_schema_that_cannot_be_checked_is_refused(
    connect: Connect, era: str, schema: dict[str, Any], text: str
) -> None:
    async with scripted_agentos(agents({"writer": {}})) as agentos, connect(agentos.url) as peer:
        refusal = await peer.error("run_agent", agent_id="writer", message="x", output_schema=schema)
        assert text in refusal
        assert len(refusal) < 500
        assert not [request for request in agentos.requests if request.startswith("POST")]
