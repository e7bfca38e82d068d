"""Callers over HTTP: who is admitted, what AgentOS is shown for them, and that they reach nothing of each other's."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx
import jwt
import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitResult, InputRequiredResult

from agentos_mcp.server.http.settings import HttpSettings
from agentos_mcp.server.mcp_server import AgentOSServer
from agentos_mcp.server.resources import RUN_URI_PREFIX
from agentos_mcp.settings import Settings, SettingsError, Token
from tests._support.agentos.pausing import LEDGER_VARIABLE
from tests._support.agentos.users import ISOLATED_VARIABLE, JWT_KEY
from tests._support.agentos_pool import AgentOSPool
from tests._support.another_user import USER_SCOPES, bearer
from tests._support.fault_proxy import Proxy, proxy_to
from tests._support.http_application import client_with_headers, http_application
from tests._support.http_clients import ACCEPTED
from tests._support.mcp_client import Peer, reference, words
from tests._support.notification_recorder import NotificationRecorder, subscribed
from tests._support.oauth_issuer import RESOURCE, OAuthIssuer
from tests._support.processes import PATIENCE

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

ADMISSION = "a-token-that-admits-everybody"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "any", "version": "1"}},
}


@pytest.fixture(scope="module")
def agentos(agentoses: AgentOSPool, ledger: Path) -> str:
    """Behind JWTs, with isolated users."""
    return agentoses.url("users", environment={ISOLATED_VARIABLE: "yes", LEDGER_VARIABLE: str(ledger)})


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(JWT_KEY)
    return path


@pytest.fixture
def mint(issuer: OAuthIssuer, key_file: Path) -> HttpSettings:
    return HttpSettings(identity="mint", public_url=RESOURCE, oauth_issuer=issuer.url, mint_key_file=key_file)


def own(user: str, *scopes: str) -> dict[str, str]:
    """What a caller sends whose credential is AgentOS's."""
    return {"X-AgentOS-Token": bearer(user, *(scopes or USER_SCOPES))}


def signed_in(issuer: OAuthIssuer, user: str, *scopes: str, **claims: Any) -> dict[str, str]:
    token = issuer.token(user, scope=" ".join(scopes or USER_SCOPES), **claims)
    return {"authorization": f"Bearer {token}"}


async def post(url: str, headers: dict[str, str], body: Any = INITIALIZE) -> httpx.Response:
    async with httpx.AsyncClient(timeout=30) as client:
        return await client.post(url, json=body, headers={**ACCEPTED, **headers})


HEADER = HttpSettings(identity="header")


# The caller's own credential


@pytest.mark.parametrize("value", [None, "", "two words", "ä", "x" * 17_000])
async def test_request_without_a_credential_of_agentos_is_refused(agentos: str, value: str | None) -> None:
    accepted = [(name.encode(), sent.encode()) for name, sent in ACCEPTED.items()]
    headers = [(b"x-agentos-token", value.encode("latin-1"))] if value is not None else []
    async with http_application(Settings(url=agentos), HEADER) as (url, _), httpx.AsyncClient() as client:
        response = await client.post(url, json=INITIALIZE, headers=[*accepted, *headers])
        assert response.status_code == 400
        assert "X-AgentOS-Token" in response.text or len(value or "") > 16_000
        twice = [*ACCEPTED.items(), *own("ann").items(), *own("bob").items()]
        assert (await client.post(url, json=INITIALIZE, headers=twice)).status_code == 400


async def test_caller_sees_what_their_credential_permits(era: str, agentos: str) -> None:
    async with http_application(Settings(url=agentos), HEADER) as (url, _):
        async with client_with_headers(era, url, own("ann", "config:read", "agents:echo:read")) as ann:
            assert "echo" in await ann.text("list_agents")
            assert "deployer" not in await ann.text("list_agents")
        async with client_with_headers(era, url, own("bob")) as bob:
            assert "deployer" in await bob.text("list_agents")


async def test_callers_run_as_themselves_and_find_only_their_own(era: str, agentos: str) -> None:
    async with (
        http_application(Settings(url=agentos), HEADER) as (url, _),
        client_with_headers(era, url, own("ann")) as ann,
        client_with_headers(era, url, own("bob")) as bob,
    ):
        run = reference(await ann.text("run_agent", agent_id="echo", message="of ann alone"))
        assert "of ann alone" in await ann.text("get_run", run=run)
        assert "of ann alone" not in await bob.error("get_run", run=run)
        assert run not in await bob.text("list_runs")
        tools = (await bob.client.list_tools()).tools
        assert not any("user_id" in tool.input_schema["properties"] for tool in tools)
        assert "has no argument 'user_id'" in await bob.error("run_agent", agent_id="echo", message="x", user_id="ann")


async def test_credential_that_is_refused_is_told(agentos: str) -> None:
    ended = jwt.encode({"sub": "ann", "scopes": [], "aud": "users", "exp": int(time.time()) - 60}, JWT_KEY, "HS256")
    async with (
        http_application(Settings(url=agentos), HEADER) as (url, _),
        client_with_headers("auto", url, {"X-AgentOS-Token": ended}) as peer,
    ):
        text = await peer.error("list_agents")
        assert "expired" in text
        assert ended not in text


async def test_agentos_that_asks_for_no_credential_is_refused(sample_agentos: str) -> None:
    async with http_application(Settings(url=sample_agentos), HEADER) as (url, _):
        response = await post(url, own("ann"))
        assert "asks nobody for a credential" in response.text


async def test_session_serves_only_the_credential_that_opened_it(agentos: str) -> None:
    async with http_application(Settings(url=agentos), HEADER) as (url, _):
        session = (await post(url, own("ann"))).headers["mcp-session-id"]
        ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
        assert (await post(url, {**own("ann"), "mcp-session-id": session}, ping)).status_code == 200
        assert (await post(url, {**own("bob"), "mcp-session-id": session}, ping)).status_code == 404


async def test_notifications_of_a_run_reach_its_caller_alone(era: str, agentos: str) -> None:
    async with (
        http_application(Settings(url=agentos), HEADER) as (url, _),
        client_with_headers(era, url, own("ann")) as ann,
        client_with_headers(era, url, own("bob")) as bob,
    ):
        run = reference(await ann.text("run_agent", agent_id="echo", message="of ann alone"))
        uri = RUN_URI_PREFIX + run
        with pytest.raises(MCPError):
            async with subscribed(bob, NotificationRecorder(), uri):
                pass


async def nobody(context: object, params: object) -> ElicitResult:
    """Makes the client say that it can ask; the test's rounds are made by hand."""
    raise AssertionError("nobody is asked here")


async def test_question_is_answered_by_its_user_alone(agentos: str) -> None:
    arguments = {"agent_id": "deployer", "message": "do it, tag-replayed"}
    async with (
        http_application(Settings(url=agentos), HEADER) as (url, _),
        client_with_headers("2026-07-28", url, own("ann"), person=nobody) as ann,
        client_with_headers("2026-07-28", url, own("bob"), person=nobody) as bob,
        client_with_headers("2026-07-28", url, own("ann", *USER_SCOPES, "config:write"), person=nobody) as ann_later,
    ):
        query = await ann.client.session.call_tool("run_agent", arguments, allow_input_required=True)
        assert isinstance(query, InputRequiredResult)
        answers: Any = {
            key: ElicitResult(action="accept", content={"approve": True}) for key in query.input_requests or {}
        }

        async def answer(peer: Peer) -> Any:
            return await peer.client.session.call_tool(
                "run_agent",
                arguments,
                input_responses=answers,
                request_state=query.request_state,
                allow_input_required=True,
            )

        with pytest.raises(MCPError, match="the answer belongs to no question that is open"):
            await answer(bob)
        finished = await answer(ann_later)
        assert not finished.is_error
        assert "completed" in words(finished)


async def test_stream_of_a_modern_client_ends_with_its_token(
    agentos: str, issuer: OAuthIssuer, mint: HttpSettings
) -> None:
    headers = signed_in(issuer, "ann", exp=int(time.time()) + 3)
    async with (
        http_application(Settings(url=agentos), mint) as (url, server),
        client_with_headers("2026-07-28", url, headers) as peer,
    ):
        with anyio.fail_after(PATIENCE):
            async with peer.client.listen(tools_list_changed=True) as subscription:
                assert [event async for event in subscription] == []
        assert server.callers is not None
        (state,) = server.callers.states
        assert not state.subscriptions.has_clients


async def test_stream_of_a_legacy_client_ends_with_its_token(
    agentos: str, issuer: OAuthIssuer, mint: HttpSettings
) -> None:
    headers = signed_in(issuer, "ann", exp=int(time.time()) + 3)
    async with http_application(Settings(url=agentos), mint) as (url, _), httpx.AsyncClient(timeout=30) as client:
        headers["mcp-session-id"] = (await post(url, headers)).headers["mcp-session-id"]
        async with client.stream("GET", url, headers={"accept": "text/event-stream", **headers}) as stream:
            assert stream.status_code == 200
            assert "".join([text async for text in stream.aiter_text()]).strip() == ""


@pytest.mark.parametrize(
    ("mode", "advice"),
    [
        ("header", "sends one that AgentOS accepts, in the header X-AgentOS-Token"),
        ("mint", "whoever runs this MCP server has AgentOS trust the key"),
        ("exchange", "the user signs in again"),
    ],
)
async def test_credential_that_agentos_refuses_is_told_with_what_to_do(
    agentos: str, issuer: OAuthIssuer, mint: HttpSettings, key_file: Path, mode: str, advice: str
) -> None:
    wrong_key = "a key that AgentOS does not trust, though it is long"
    await anyio.Path(key_file).write_text(wrong_key)
    wrong = jwt.encode({"sub": "ann", "scopes": list(USER_SCOPES), "aud": "users"}, wrong_key, "HS256")
    issuer.exchange = lambda form, authorization: (200, {"access_token": wrong, "token_type": "Bearer"})
    http = HEADER if mode == "header" else replace(mint, identity=mode, exchange_client_id="mcp-server")
    headers = {"X-AgentOS-Token": wrong} if mode == "header" else signed_in(issuer, "ann")
    async with (
        http_application(Settings(url=agentos), http) as (url, _),
        client_with_headers("auto", url, headers) as peer,
    ):
        text = await peer.error("list_agents")
    assert "AgentOS refuses the token" in text
    assert advice in text
    assert "AGENTOS_TOKEN" not in text
    assert wrong not in text


# What AgentOS is shown


@asynccontextmanager
async def before(agentos: str, http: HttpSettings, **settings: Any) -> AsyncIterator[tuple[str, Proxy, AgentOSServer]]:
    """Our server before an AgentOS, and all that this is asked."""
    async with (
        proxy_to(agentos) as proxy,
        http_application(Settings(url=proxy.url, **settings), http) as (url, server),
    ):
        yield url, proxy, server


async def test_token_that_admits_is_never_passed_on(agentos: str) -> None:
    http = replace(HEADER, token=Token(ADMISSION))
    headers = {"authorization": f"Bearer {ADMISSION}"}
    async with before(agentos, http) as (url, proxy, _):
        assert (await post(url, own("ann"))).status_code == 401
        async with client_with_headers("auto", url, headers | own("ann")) as peer:
            await peer.text("run_agent", agent_id="echo", message="hello")
        seen = b"\n".join(proxy.bodies)
        assert bearer("ann", *USER_SCOPES).encode() in seen
        assert ADMISSION.encode() not in seen


async def test_access_token_is_never_passed_on(agentos: str, issuer: OAuthIssuer, mint: HttpSettings) -> None:
    headers = signed_in(issuer, "ann")
    async with before(agentos, mint) as (url, proxy, _):
        async with client_with_headers("auto", url, headers) as peer:
            run = reference(await peer.text("run_agent", agent_id="echo", message="hello"))
            assert "hello" in await peer.text("get_run", run=run)
        seen = b"\n".join(proxy.bodies)
        assert headers["authorization"].removeprefix("Bearer ").encode() not in seen
        (minted,) = {token.decode() for token in re.findall(rb"[Aa]uthorization: Bearer (\S+)", seen)}
    claims = jwt.decode(minted, JWT_KEY, ["HS256"], audience="users", issuer=RESOURCE)
    assert claims["sub"] == "ann"
    assert claims["scopes"] == sorted(USER_SCOPES)
    assert 0 < claims["exp"] - time.time() <= 60


async def test_minted_token_is_made_anew_before_it_ends(
    agentos: str, issuer: OAuthIssuer, mint: HttpSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos_mcp.server.http.signed_in_identity.RENEWAL_SECONDS", 60.0)
    async with before(agentos, mint) as (url, proxy, _):
        async with client_with_headers("auto", url, signed_in(issuer, "ann")) as peer:
            await peer.text("list_agents")
            await anyio.sleep(1.1)  # whole seconds make another token
            await peer.text("list_sessions")
        tokens = set(re.findall(rb"[Aa]uthorization: Bearer (\S+)", b"\n".join(proxy.bodies)))
        assert len(tokens) > 1


async def test_scopes_come_from_the_claims_that_the_map_names(
    agentos: str, issuer: OAuthIssuer, mint: HttpSettings, tmp_path: Path
) -> None:
    path = tmp_path / "scopes.json"
    rules = {"groups": {"runners": ["workflows:run", "workflows:read"]}, "realm.roles": {"*": ["config:read"]}}
    path.write_text(json.dumps(rules))
    http = replace(mint, scope_map=path)
    async with http_application(Settings(url=agentos), http) as (url, _):
        refusal = await post(url, signed_in(issuer, "ann", "agent_os:admin"))
        assert refusal.status_code == 403
        assert 'error="insufficient_scope"' in refusal.headers["www-authenticate"]
        headers = signed_in(issuer, "ann", groups=["runners"], realm={"roles": ["any"]})
        async with client_with_headers("auto", url, headers) as peer:
            assert "ship" in await peer.text("list_workflows")
            assert "No agent 'echo'" in await peer.error("run_agent", agent_id="echo", message="hello")


@pytest.mark.parametrize("user", ["__scheduler__", "sa:robot", "__oauth__:x", "", "a\nb", "x" * 300])
async def test_user_that_is_agentos_s_own_is_refused(
    agentos: str, issuer: OAuthIssuer, mint: HttpSettings, user: str
) -> None:
    async with http_application(Settings(url=agentos), mint) as (url, _):
        assert (await post(url, signed_in(issuer, user))).status_code == 401


# What is listed


async def listed_names(peer: Peer) -> set[str]:
    return {tool.name for tool in (await peer.client.list_tools()).tools}


async def test_tools_that_known_scopes_forbid_are_not_listed(
    era: str, agentos: str, issuer: OAuthIssuer, mint: HttpSettings
) -> None:
    settings = Settings(url=agentos, toolsets=("all",), expose=(("agents", ""), ("workflows", "")))
    async with http_application(settings, mint) as (url, _):
        runner = signed_in(issuer, "ann", "agents:echo:run", "agents:read", "workflows:read")
        async with client_with_headers(era, url, runner) as peer:
            names = await listed_names(peer)
            assert {"run_agent", "get_run", "cancel_run", "list_agents", "echo"} <= names
            assert names.isdisjoint({"run_workflow", "ship", "list_memories", "delete_session", "search_knowledge"})
            # AgentOS says what is missing, and nothing names a tool that is not there.
            text = await peer.error("list_memories")
            assert "memories:read" in text
        for scopes in (USER_SCOPES, ("agent_os:admin",), ("agents:read", "invented:anew")):
            async with client_with_headers(era, url, signed_in(issuer, "bob", *scopes)) as peer:
                assert {"run_workflow", "list_memories", "delete_session"} <= await listed_names(peer)


async def test_credential_of_agentos_hides_no_tools(agentos: str) -> None:
    async with (
        http_application(Settings(url=agentos), HEADER) as (url, _),
        client_with_headers("auto", url, own("ann", "agents:read")) as peer,
    ):
        assert {"run_workflow", "list_sessions"} <= await listed_names(peer)


async def test_nothing_that_is_listed_is_kept_for_others(agentos: str) -> None:
    async with (
        http_application(Settings(url=agentos), HEADER) as (url, _),
        client_with_headers("2026-07-28", url, own("ann")) as peer,
    ):
        client = peer.client
        for result in (
            await client.list_tools(),
            await client.list_prompts(),
            await client.list_resources(),
            await client.list_resource_templates(),
            await client.read_resource("agentos://agents"),
        ):
            assert result.model_dump(exclude_unset=True)["cache_scope"] == "private"


# OAuth


async def test_refused_client_is_told_where_to_sign_in(agentos: str, issuer: OAuthIssuer, mint: HttpSettings) -> None:
    async with (
        http_application(Settings(url=agentos), replace(mint, oauth_scopes=("agents:run",))) as (url, _),
        httpx.AsyncClient() as client,
    ):
        nothing = await post(url, {})
        assert nothing.status_code == 401
        metadata = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"
        assert nothing.headers["www-authenticate"] == f'Bearer scope="agents:run", resource_metadata="{metadata}"'
        bad = await post(url, {"authorization": "Bearer a.b.c"})
        assert bad.status_code == 401
        assert bad.headers["www-authenticate"].startswith('Bearer error="invalid_token", error_description="')
        assert "a.b.c" not in bad.text
        little = await post(url, signed_in(issuer, "ann", "agents:read"))
        assert little.status_code == 403
        assert 'error="insufficient_scope"' in little.headers["www-authenticate"]
        assert (await post(url, signed_in(issuer, "ann"))).status_code == 200
        document = (await client.get(httpx.URL(url).join("/.well-known/oauth-protected-resource/mcp"))).json()
        assert document["resource"] == RESOURCE
        assert document["authorization_servers"] == [issuer.url]
        assert (await client.get(httpx.URL(url).join("/.well-known/openid-configuration"))).status_code == 404


async def test_issuer_that_is_down_is_told_as_such(agentos: str, issuer: OAuthIssuer, mint: HttpSettings) -> None:
    headers = signed_in(issuer, "ann")
    issuer.is_down = True
    try:
        async with http_application(Settings(url=agentos), mint) as (url, _):
            response = await post(url, headers)
            assert response.status_code == 503
            assert "www-authenticate" not in response.headers
            assert issuer.url not in response.text
    finally:
        issuer.is_down = False


async def test_other_scopes_make_another_caller(agentos: str, issuer: OAuthIssuer, mint: HttpSettings) -> None:
    async with http_application(Settings(url=agentos), mint) as (url, server):
        for headers in (
            signed_in(issuer, "ann"),
            signed_in(issuer, "ann"),
            signed_in(issuer, "ann", "agents:read"),
            signed_in(issuer, "bob"),
        ):
            assert (await post(url, headers)).status_code == 200
        assert server.callers is not None
        assert len(list(server.callers.states)) == 3


# Exchange


async def test_token_is_exchanged_once_and_what_came_is_shown_to_agentos(
    agentos: str, issuer: OAuthIssuer, mint: HttpSettings
) -> None:
    forms: list[dict[str, str]] = []

    def exchange(form: Any, authorization: str) -> tuple[int, Any]:
        forms.append({**form, "authorization": authorization})
        answer = {"access_token": bearer("ann", *USER_SCOPES), "token_type": "Bearer", "expires_in": 300}
        return 200, answer

    issuer.exchange = exchange
    http = replace(
        mint,
        identity="exchange",
        exchange_client_id="agentos-mcp",
        exchange_client_secret=Token("its-secret"),
        exchange_audience="users",
    )
    headers = signed_in(issuer, "ann")
    async with before(agentos, http) as (url, proxy, _):
        async with client_with_headers("auto", url, headers) as peer:
            await peer.text("run_agent", agent_id="echo", message="hello")
        seen = b"\n".join(proxy.bodies)
        assert headers["authorization"].removeprefix("Bearer ").encode() not in seen
    (form,) = forms
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange"
    assert form["subject_token"] == headers["authorization"].removeprefix("Bearer ")
    assert form["audience"] == "users"
    assert form["authorization"] == httpx.BasicAuth("agentos-mcp", "its-secret")._auth_header
    forms.clear()
    async with http_application(Settings(url=agentos), replace(http, exchange_grant="jwt-bearer")) as (url, _):
        assert (await post(url, signed_in(issuer, "ann", jti="another"))).status_code == 200
    (form,) = forms
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert form["requested_token_use"] == "on_behalf_of"
    assert form["client_secret"] == "its-secret"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ((400, {"error": "invalid_grant", "error_description": "no"}), 401),
        ((200, {"access_token": "two words", "token_type": "Bearer"}), 503),
        ((200, {"access_token": "x", "token_type": "DPoP"}), 503),
        ((200, {"access_token": "x" * 400_000, "token_type": "Bearer"}), 503),
        ((500, {}), 503),
    ],
)
async def test_exchange_that_fails_admits_nobody(
    agentos: str, issuer: OAuthIssuer, mint: HttpSettings, answer: tuple[int, Any], status: int
) -> None:
    issuer.exchange = lambda form, authorization: answer
    http = replace(mint, identity="exchange", exchange_client_id="agentos-mcp")
    async with http_application(Settings(url=agentos), http) as (url, _):
        assert (await post(url, signed_in(issuer, "ann"))).status_code == status


# Settings


async def test_server_with_a_credential_of_its_own_has_no_callers(agentos: str) -> None:
    with pytest.raises(SettingsError, match="unset AGENTOS_TOKEN"):
        async with http_application(Settings(url=agentos, token=Token("a-token")), HEADER):
            pass
    with pytest.raises(SettingsError, match="each caller is a user"):
        async with http_application(Settings(url=agentos, user_id="ann"), HEADER):
            pass
