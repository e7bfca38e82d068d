"""A server whose callers have identities of their own: everything of another caller's is tried, in every way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jwt
import pytest

from agentos_mcp.server.http.settings import HttpSettings
from agentos_mcp.settings import Settings
from tests._support.agentos.pausing import LEDGER_VARIABLE
from tests._support.agentos.users import AUTHORIZED_VARIABLE, ISOLATED_VARIABLE, JWT_KEY
from tests._support.another_user import (
    BOB,
    FOR_ONE_USER,
    NOT_FOUND,
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
    refused,
    searched,
)
from tests._support.http_application import client_with_headers, http_application
from tests._support.mcp_client import Peer
from tests._support.oauth_issuer import RESOURCE, OAuthIssuer, oauth_issuer
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


@pytest.fixture(scope="module")
async def issuer() -> AsyncIterator[OAuthIssuer]:
    """Who signs callers in; what it exchanges their tokens for is what AgentOS trusts."""
    async with oauth_issuer() as running:

        def exchange(form: Mapping[str, str], _: str) -> tuple[int, Any]:
            user = jwt.decode(form["subject_token"], options={"verify_signature": False})["sub"]
            return 200, {"access_token": bearer(user, *USER_SCOPES), "token_type": "Bearer", "expires_in": 300}

        running.exchange = exchange
        yield running


@dataclass(frozen=True)
class Mode:
    """A way to be told apart: the settings of the server, and what a caller sends."""

    http: HttpSettings
    headers_of: Callable[[str], dict[str, str]]

    @asynccontextmanager
    async def served(self, theirs: Theirs) -> AsyncIterator[str]:
        settings = Settings(url=theirs.url, toolsets=("all",), ask=False)
        async with http_application(settings, self.http) as (url, _):
            yield url

    def client(self, url: str, user: str, era: str = "auto") -> AbstractAsyncContextManager[Peer]:
        return client_with_headers(era, url, self.headers_of(user))


@pytest.fixture(params=["header", "mint", "exchange"])
def mode(request: pytest.FixtureRequest, issuer: OAuthIssuer, tmp_path: Path) -> Mode:
    if request.param == "header":
        return Mode(HttpSettings(identity="header"), lambda user: {"X-AgentOS-Token": bearer(user, *USER_SCOPES)})
    key = tmp_path / "key"
    key.write_text(JWT_KEY)
    http = HttpSettings(
        identity=request.param,
        public_url=RESOURCE,
        oauth_issuer=issuer.url,
        mint_key_file=key,
        exchange_client_id="agentos-mcp",
    )
    scopes = " ".join(USER_SCOPES)
    return Mode(http, lambda user: {"authorization": f"Bearer {issuer.token(user, scope=scopes)}"})


@pytest.fixture
async def peer(mode: Mode, theirs: Theirs) -> AsyncIterator[Peer]:
    """A client of bob's."""
    async with mode.served(theirs) as url, mode.client(url, BOB) as connected:
        yield connected


async def test_tool_refuses_what_belongs_to_another_caller(peer: Peer, theirs: Theirs) -> None:
    await assert_tools_refuse(peer, theirs, refused(theirs), NOT_FOUND if theirs.isolated else FOR_ONE_USER)


async def test_search_finds_nothing_of_another_caller(peer: Peer, theirs: Theirs) -> None:
    await assert_searches_find_nothing(peer, theirs, searched(theirs))


async def test_resource_refuses_what_belongs_to_another_caller(peer: Peer, theirs: Theirs) -> None:
    await assert_resources_refuse(peer, theirs)


async def test_prompt_refuses_what_belongs_to_another_caller(peer: Peer, theirs: Theirs) -> None:
    await assert_prompts_refuse(peer, theirs)


async def test_completion_finds_nothing_of_another_caller(peer: Peer, theirs: Theirs) -> None:
    await assert_completions_find_nothing(peer, theirs)


async def test_subscription_to_a_run_of_another_caller_is_refused(peer: Peer, theirs: Theirs) -> None:
    await assert_subscriptions_are_refused(peer, theirs)


# Several AgentOSes


@pytest.mark.parametrize("theirs", ["authorized"], indirect=True, scope="module")
async def test_nothing_of_another_caller_is_reached_on_one_of_several(
    theirs: Theirs, issuer: OAuthIssuer, tmp_path: Path
) -> None:
    """On one a caller is known by their own credential, on the other by their sign-in; a sample of every way to ask."""
    (tmp_path / "key").write_text(JWT_KEY)
    tables = {"dev": {"identity": "header"}, "prod": {"identity": "mint", "mint_key_file": str(tmp_path / "key")}}
    each = tuple(
        Settings(instance=name, url=theirs.url, toolsets=("all",), ask=False, identity=tuple(table.items()))
        for name, table in tables.items()
    )
    settings = replace(each[0], instance="", identity=(), instances=each)
    http = HttpSettings(public_url=RESOURCE, oauth_issuer=issuer.url)
    headers = {
        "authorization": f"Bearer {issuer.token(BOB, scope=' '.join(USER_SCOPES))}",
        "X-AgentOS-Token-dev": bearer(BOB, *USER_SCOPES),
    }
    sample = ("get_run", "continue_run", "cancel_run", "get_session", "delete_session", "delete_memory", "get_trace")
    searches = ("list_runs", "list_pending", "list_sessions", "list_memories", "list_traces", "list_approvals")
    async with http_application(settings, http) as (url, _), client_with_headers("auto", url, headers) as peer:
        await assert_searches_find_nothing(
            peer, theirs, {tool: calls[:1] for tool, calls in searched(theirs).items() if tool in searches}
        )
        for name in tables:
            on_instance = {
                tool: [{**call, "instance": name} for call in calls[:2]]
                for tool, calls in refused(theirs).items()
                if tool in sample
            }
            await assert_tools_refuse(peer, theirs, on_instance)
            await assert_resources_refuse(peer, theirs.on(name))
            await assert_subscriptions_are_refused(peer, theirs.on(name))
        await assert_prompts_refuse(peer, theirs.on("prod"))
        await assert_completions_find_nothing(peer, theirs.on("prod"), typed_values=("",))
