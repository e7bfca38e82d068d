"""Which scope AgentOS demands for an endpoint, as it says itself, and what scopes forbid for certain."""

from __future__ import annotations

import re
from fnmatch import fnmatch

import pytest
from agno.os.scopes import get_default_scope_mappings

from agentos_mcp.agentos.scopes import are_forbidding, demanded_scope
from agentos_mcp.tools import TOOLSETS

OF_KINDS = ("/agents", "/teams", "/workflows")
ENDPOINTS = {tool.endpoint for toolset in TOOLSETS for tool in toolset.tools if tool.endpoint}


def demanded_by_agentos(endpoint: str) -> str:
    method, _, path = re.sub(r"\{[^}]+\}", "x", endpoint).partition(" ")
    scopes = [
        scope
        for route, (scope,) in get_default_scope_mappings().items()
        if route.startswith(f"{method} ") and fnmatch(path, route.partition(" ")[2])
    ]
    return scopes[-1] if scopes else ""


@pytest.mark.parametrize("endpoint", sorted(one for one in ENDPOINTS if not one.split()[1].startswith(OF_KINDS)))
def test_demanded_scope_is_agentos_s_own(endpoint: str) -> None:
    assert demanded_scope(endpoint) == demanded_by_agentos(endpoint)


def test_endpoint_that_is_not_known_demands_nothing() -> None:
    assert demanded_scope("GET /inventions") == demanded_scope("") == demanded_scope("POST /agents/{id}/runs") == ""


@pytest.mark.parametrize(
    ("scopes", "forbidden"),
    [
        (None, False),
        ((), False),
        (("agents:run",), False),
        (("agents:echo:run",), False),
        (("agents:*:run",), False),
        (("teams:run",), False),
        (("agent_os:admin",), False),
        (("agents:read",), True),
        (("memories:run",), True),
        (("agents:read", "invented:anew"), False),
        (("agents:read", "openid"), False),
    ],
)
def test_scopes_forbid_only_what_is_certain(scopes: tuple[str, ...] | None, forbidden: bool) -> None:
    assert are_forbidding(scopes, ("agents:run", "teams:run")) is forbidden
    assert not are_forbidding(scopes, ())
