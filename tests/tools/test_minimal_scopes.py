"""Each tool with a token that has nothing but the scopes of the tool's own endpoint."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from fnmatch import fnmatch
from typing import Any

import httpx
import jwt
import pytest
from agno.os.scopes import get_default_scope_mappings
from mcp_types import CallToolResult

from agentos_mcp.server.http.settings import HttpSettings
from agentos_mcp.settings import Settings, Token
from agentos_mcp.tooling.tool_spec import ToolSpec
from agentos_mcp.tools import TOOLSETS
from tests._support.agentos.contract import ISOLATED_VARIABLE, JWT_KEY_VARIABLE
from tests._support.agentos.users import JWT_KEY
from tests._support.agno_environments import PORT_VARIABLE
from tests._support.contract_calls import CALLS, arguments_of
from tests._support.factories import USER, Rest, unique
from tests._support.http_application import client_with_headers, http_application
from tests._support.mcp_client import connector, reference, words
from tests._support.running_agentos import running_agentos
from tests._support.web_pages import serve_pages

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

DEMANDED: Mapping[str, tuple[str, ...]] = {
    "list_agents": ("agents:read",),
    "list_teams": ("teams:read",),
    "list_workflows": ("workflows:read",),
    "get_component": ("agents:read",),
    "run_agent": ("agents:run",),
    "run_team": ("teams:run",),
    "run_workflow": ("workflows:run",),
    "get_run": ("agents:read", "agents:run"),
    "compare_runs": ("agents:read", "agents:run"),
    "explain_run": ("workflows:read", "workflows:run"),
    "continue_run": ("agents:run", "agents:read"),
    "list_runs": ("sessions:read",),
    # What runs ask, and approvals, are left out where they may not be read.
    "list_pending": ("sessions:read",),
    "cancel_run": ("agents:run",),
    # What AgentOS demands besides, of whoever has a component run.
    "run_eval": ("evals:write", "agents:run"),
    "create_schedule": ("schedules:write", "agents:run"),
    "enable_schedule": ("schedules:write", "agents:run"),
    "trigger_schedule": ("schedules:write", "agents:run"),
    # Files of an agent are asked for by the agent.
    "list_agent_files": ("filesystem:read", "agents:read"),
    "read_agent_file": ("filesystem:read", "agents:read"),
    "search_agent_files": ("filesystem:read", "agents:read"),
    # Their path has the session's agent or team in it, which only the session tells.
    "fork_session": ("sessions:read", "agents:run"),
    "compact_session": ("sessions:read", "agents:run"),
    # AgentOS replaces the whole, so what is to stay has to be read.
    "update_learning": ("learnings:write", "learnings:read"),
}
"""Where it is not simply what AgentOS demands for the endpoint in the tool's declaration."""
ARGUMENTS: Mapping[str, Mapping[str, str]] = {
    "update_session": {"name": "Updated"},
    "update_schedule": {"cron": "0 10 * * *"},
}
"""What is changed, of the tools that have to read what they change only for some changes."""
SHARED = ("refresh_knowledge", "update_knowledge", "delete_knowledge", "resolve_approval", "read_agent_file")
"""What AgentOS leaves to its admins where it isolates users, whatever their scopes: it is nobody's own."""
TOOLS = [tool for toolset in TOOLSETS for tool in toolset.tools if toolset.name != "queue"]


def scopes_of(tool: ToolSpec) -> tuple[str, ...]:
    """What AgentOS demands for the tool's endpoint; nothing where it demands none."""
    if tool.name in DEMANDED:
        return DEMANDED[tool.name]
    method, _, path = re.sub(r"\{[^}]+\}", "x", tool.endpoint).partition(" ")
    demanded = [
        scopes
        for route, scopes in get_default_scope_mappings().items()
        if route.startswith(f"{method} ") and fnmatch(path, route.partition(" ")[2])
    ]
    return tuple(demanded[-1]) if demanded else ()


def token(*scopes: str) -> str:
    return jwt.encode({"sub": USER, "scopes": list(scopes), "aud": "contract"}, JWT_KEY, "HS256")


@contextmanager
def contract_agentos(*, isolated: bool) -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    environment = {PORT_VARIABLE: str(port), JWT_KEY_VARIABLE: JWT_KEY}
    environment |= {ISOLATED_VARIABLE: "yes"} if isolated else {}
    with running_agentos(build="tests._support.agentos.contract:build", port=port, environment=environment) as url:
        yield url


@asynccontextmanager
async def rest_of(url: str) -> AsyncIterator[Rest]:
    headers = {"authorization": f"Bearer {token('agent_os:admin')}"}
    with serve_pages({"/tides.txt": "The tide turns twice a day."}) as pages:
        async with httpx.AsyncClient(base_url=url, timeout=30, headers=headers) as http:
            yield Rest(http, pages.url)


async def arguments_for(tool: ToolSpec, rest: Rest) -> dict[str, Any]:
    arguments = await arguments_of(CALLS[tool.name][0], rest)
    if "learning_id" in arguments:
        entity = {"entity_type": "company", "entity_id": unique("acme"), "user_id": USER}
        body = {"learning_type": "entity_memory", "content": {"name": "Acme"}, **entity}
        arguments["learning_id"] = (await rest.post("/learnings", body))["learning_id"]
    if tool.name in ARGUMENTS:
        kept = {"session_id", "schedule", "db_id"}
        arguments = {name: value for name, value in arguments.items() if name in kept} | dict(ARGUMENTS[tool.name])
    return {name: value for name, value in arguments.items() if name != "user_id"}


@pytest.fixture(scope="module")
def isolated_agentos() -> Iterator[str]:
    with contract_agentos(isolated=True) as url:
        yield url


@pytest.fixture(scope="module")
def open_agentos() -> Iterator[str]:
    """Behind JWTs, without isolation of users."""
    with contract_agentos(isolated=False) as url:
        yield url


@pytest.fixture(scope="module")
async def rest(isolated_agentos: str) -> AsyncIterator[Rest]:
    async with rest_of(isolated_agentos) as rest:
        yield rest


@pytest.fixture(scope="module")
async def server(isolated_agentos: str) -> AsyncIterator[str]:
    settings = Settings(url=isolated_agentos, toolsets=("all",), wait=1.5, ask=False)
    async with http_application(settings, HttpSettings(identity="header")) as (url, _):
        yield url


def assert_done(tool: ToolSpec, result: CallToolResult) -> None:
    refusal = CALLS[tool.name][0].refused
    assert result.is_error == bool(refusal), words(result)
    assert refusal in words(result)


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool.name not in SHARED], ids=lambda tool: tool.name)
async def test_tool_needs_no_more_scopes_than_its_endpoint(server: str, rest: Rest, tool: ToolSpec) -> None:
    arguments = await arguments_for(tool, rest)
    async with client_with_headers("auto", server, {"X-AgentOS-Token": token(*scopes_of(tool))}) as peer:
        assert_done(tool, await peer.call(tool.name, **arguments))


async def test_tool_needs_no_more_scopes_where_users_are_not_isolated(open_agentos: str) -> None:
    connect = connector("auto")
    async with rest_of(open_agentos) as rest:
        for tool in (tool for tool in TOOLS if tool.name in SHARED):
            arguments = await arguments_for(tool, rest)
            credential = Token(token(*scopes_of(tool)))
            async with connect(open_agentos, toolsets=("all",), wait=1.5, ask=False, token=credential) as peer:
                assert_done(tool, await peer.call(tool.name, **arguments))


async def test_token_that_may_only_run_runs_a_workflow_by_its_id_and_reads_the_run(server: str) -> None:
    headers = {"X-AgentOS-Token": token("workflows:run", "workflows:read")}
    async with client_with_headers("auto", server, headers) as peer:
        text = await peer.text("run_workflow", workflow_id="Two-Steps", message="hello")
        assert text.startswith("Two words")
        assert (await peer.text("get_run", run=reference(text))).startswith("Two words")
        assert "agents:read" in await peer.error("list_agents")


async def test_memory_without_a_user_is_the_token_s_own(open_agentos: str) -> None:
    connect = connector("auto")
    async with connect(open_agentos, token=Token(token("memories:write", "memories:read"))) as peer:
        assert f"Remembered for user '{USER}'" in await peer.text("create_memory", memory="Likes figs")
        assert "Likes figs" in await peer.text("list_memories", user_id=USER)
