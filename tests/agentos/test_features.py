from __future__ import annotations

import json

import pytest

from agentos_mcp.agentos.client import AgentOS, Limits
from agentos_mcp.agentos.errors import ServerFailure, Unreachable, Unsupported
from agentos_mcp.agentos.features import Discovery, Features
from agentos_mcp.agentos.runs.run import KINDS
from tests._support.fault_proxy import proxy_to
from tests._support.http_answers import http_answer

pytestmark = pytest.mark.anyio


async def test_features_of_a_current_agentos_are_complete(agent_os: AgentOS) -> None:
    features = await Discovery(agent_os).features()
    assert features.version.startswith("3.")
    assert all(features.background(kind) and features.resume(kind) for kind in KINDS)
    features.require("POST", "/knowledge/search", "search knowledge")


async def test_discovery_asks_once(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        discovery = Discovery(client)
        for _ in range(3):
            await discovery.features()
        assert len(proxy.requests) == 2


async def test_discovery_does_not_keep_a_failure(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url, limits=Limits(read_attempts=1)) as client:
        discovery = Discovery(client)
        proxy.cut_after = [5]
        with pytest.raises(Unreachable):
            await discovery.features()
        assert (await discovery.features()).version.startswith("3.")


async def test_features_of_an_agentos_without_openapi_are_assumed(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        missing = http_answer(404, '{"detail": "Not Found"}')
        proxy.answers = [missing, missing]
        features = await Discovery(client).features()
    assert features.background("workflow")
    assert features.resume("agent")


async def test_features_of_an_older_agentos_are_what_it_declares(sample_agentos: str) -> None:
    older = {
        "openapi": "3.1.0",
        "paths": {
            "/config": {"get": {}},
            "/agents/{agent_id}/runs": {
                "post": {
                    "requestBody": {
                        "content": {"multipart/form-data": {"schema": {"$ref": "#/components/schemas/Body"}}}
                    }
                }
            },
        },
        "components": {"schemas": {"Body": {"properties": {"message": {}, "stream": {}}}}},
    }
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        proxy.answers = [http_answer(404, '{"detail": "Not Found"}'), http_answer(200, json.dumps(older))]
        features = await Discovery(client).features()
    assert not features.background("agent")
    assert not features.background("workflow")
    assert not features.resume("agent")
    with pytest.raises(Unsupported, match=r"an old agno\) cannot list approvals.*Upgrade"):
        features.require("GET", "/approvals", "list approvals")


async def test_discovery_refuses_a_server_that_is_not_an_agentos(sample_agentos: str) -> None:
    async with proxy_to(sample_agentos) as proxy, AgentOS(proxy.url) as client:
        other = json.dumps({"openapi": "3.1.0", "paths": {"/pets": {"get": {}}}})
        proxy.answers = [http_answer(404, '{"detail": "Not Found"}'), http_answer(200, other)]
        with pytest.raises(ServerFailure, match="not an AgentOS"):
            await Discovery(client).features()


async def test_features_unknown_require_nothing() -> None:
    assert Features().has("GET", "/anything")
