"""A server whose callers have identities of their own: everything of another caller's is tried, in every way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest

from agentos_mcp.server.http.settings import HttpSettings
from agentos_mcp.settings import Settings
from tests._support.agentos.pausing import LEDGER_VARIABLE
from tests._support.agentos.users import AUTHORIZED_VARIABLE, ISOLATED_VARIABLE
from tests._support.another_user import (
    BOB,
    FOR_ONE_USER,
    NOT_FOUND,
    SETS,
    USER_SCOPES,
    Theirs,
    assert_completions_find_nothing,
    assert_prompts_refuse,
    assert_resources_refuse,
    assert_searches_find_nothing,
    assert_subscriptions_are_refused,
    assert_tools_refuse,
    bearer,
    prepare,
)
from tests._support.http_application import client_with_headers, http_application
from tests._support.mcp_client import Peer
from tests._support.running_agentos import running_agentos

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

ISOLATIONS = {"isolated": ISOLATED_VARIABLE, "authorized": AUTHORIZED_VARIABLE}


@pytest.fixture(scope="module", params=ISOLATIONS)
def theirs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theirs]:
    """Behind JWTs: with isolation AgentOS keeps users apart, without it nobody does but this server."""
    ledger = tmp_path_factory.mktemp("users") / "ledger"
    ledger.touch()
    environment = {LEDGER_VARIABLE: str(ledger), ISOLATIONS[request.param]: "yes"}
    with running_agentos(build="tests._support.agentos.users:build", environment=environment) as url:
        yield prepare(url, ledger, isolated=request.param == "isolated", authorized=True)


@dataclass(frozen=True)
class Mode:
    """A way to be told apart: the settings of the server, and what a caller sends."""

    http: HttpSettings
    headers_of: dict[str, dict[str, str]]

    @asynccontextmanager
    async def served(self, theirs: Theirs) -> AsyncIterator[str]:
        settings = Settings(url=theirs.url, toolsets=("all",), ask=False)
        async with http_application(settings, self.http) as (url, _):
            yield url

    def client(self, url: str, user: str, era: str = "auto") -> AbstractAsyncContextManager[Peer]:
        return client_with_headers(era, url, self.headers_of[user])


@pytest.fixture(params=["header"])
def mode(request: pytest.FixtureRequest) -> Mode:
    headers = {user: {"X-AgentOS-Token": bearer(user, *USER_SCOPES)} for user in (BOB, "carol")}
    return Mode(HttpSettings(identity="header"), headers)


@pytest.fixture
async def peer(mode: Mode, theirs: Theirs) -> AsyncIterator[Peer]:
    """A client of bob's."""
    async with mode.served(theirs) as url, mode.client(url, BOB) as connected:
        yield connected


@pytest.mark.parametrize("toolset", SETS)
async def test_tool_refuses_what_belongs_to_another_caller(peer: Peer, theirs: Theirs, toolset: str) -> None:
    await assert_tools_refuse(peer, theirs, toolset, NOT_FOUND if theirs.isolated else FOR_ONE_USER)


@pytest.mark.parametrize("toolset", SETS)
async def test_search_finds_nothing_of_another_caller(peer: Peer, theirs: Theirs, toolset: str) -> None:
    await assert_searches_find_nothing(peer, theirs, toolset)


async def test_resource_refuses_what_belongs_to_another_caller(peer: Peer, theirs: Theirs) -> None:
    await assert_resources_refuse(peer, theirs)


async def test_prompt_refuses_what_belongs_to_another_caller(peer: Peer, theirs: Theirs) -> None:
    await assert_prompts_refuse(peer, theirs)


async def test_completion_finds_nothing_of_another_caller(peer: Peer, theirs: Theirs) -> None:
    await assert_completions_find_nothing(peer, theirs)


async def test_subscription_to_a_run_of_another_caller_is_refused(peer: Peer, theirs: Theirs) -> None:
    await assert_subscriptions_are_refused(peer, theirs)
