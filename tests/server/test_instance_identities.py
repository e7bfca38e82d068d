"""Callers of several AgentOSes: on each of them who they are there, with what is shown to that one alone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
import httpx
import jwt
import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitResult, InputRequiredResult

from agentos_mcp.agentos import access_policy
from agentos_mcp.server.http.settings import HttpSettings
from agentos_mcp.server.resources import RUN_URI_PREFIX
from agentos_mcp.settings import Settings, SettingsError, Token
from tests._support.agentos.pausing import LEDGER_VARIABLE
from tests._support.agentos.users import ISOLATED_VARIABLE, JWT_KEY
from tests._support.agentos_pool import AgentOSPool
from tests._support.another_user import USER_SCOPES, bearer
from tests._support.fault_proxy import Proxy, proxy_to
from tests._support.http_answers import http_json
from tests._support.http_application import client_with_headers, http_application
from tests._support.http_clients import ACCEPTED
from tests._support.log_capture import audit_lines
from tests._support.markdown_tables import column
from tests._support.mcp_client import Peer, reference, words
from tests._support.notification_recorder import NotificationRecorder, subscribed
from tests._support.oauth_issuer import RESOURCE, OAuthIssuer
from tests._support.processes import PATIENCE

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

ADMISSION = "a-token-that-admits-everybody"
HEADER = HttpSettings(identity="header")


@pytest.fixture(scope="module")
def users(agentoses: AgentOSPool, ledger: Path) -> str:
    """Behind JWTs, with isolated users."""
    return agentoses.url("users", environment={ISOLATED_VARIABLE: "yes", LEDGER_VARIABLE: str(ledger)})


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(JWT_KEY)
    return path


def of(name: str, url: str, identity: str = "", **more: Any) -> Settings:
    """One AgentOS of several; `more` are settings of its identity, or of its own."""
    table = {"identity": identity} if identity else {}
    own = {key: more.pop(key) for key in ("token", "read_only", "toolsets") if key in more}
    return Settings(instance=name, url=url, identity=tuple((table | more).items()), **own)


def several(*each: Settings, **all_of_them: Any) -> Settings:
    return Settings(url=each[0].url, instances=tuple(replace(own, **all_of_them) for own in each), **all_of_them)


def shown(**users_by_instance: str) -> dict[str, str]:
    """What a caller sends who has a credential of each AgentOS."""
    return {f"X-AgentOS-Token-{name}": bearer(user, *USER_SCOPES) for name, user in users_by_instance.items()}


def signed_in(issuer: OAuthIssuer, user: str, *scopes: str, **claims: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {issuer.token(user, scope=' '.join(scopes or USER_SCOPES), **claims)}"}


def credentials_seen(proxy: Proxy) -> set[str]:
    return {token.decode() for token in re.findall(rb"[Aa]uthorization: Bearer (\S+)", b"\n".join(proxy.bodies))}


@dataclass
class Served:
    """Our server before two AgentOSes, and what each of them is asked."""

    url: str
    dev: Proxy
    prod: Proxy

    def client(self, headers: Mapping[str, str], era: str = "auto") -> Any:
        return client_with_headers(era, self.url, headers)


@asynccontextmanager
async def serving(
    http: HttpSettings,
    agentos: str,
    dev: Mapping[str, Any],
    prod: Mapping[str, Any],
    dev_url: str = "",
    **settings: Any,
) -> AsyncIterator[Served]:
    async with proxy_to(dev_url or agentos) as first, proxy_to(agentos) as second:
        each = (of("dev", first.url, **dev), of("prod", second.url, **prod))
        async with http_application(several(*each, **settings), http) as (url, _):
            yield Served(url, first, second)


# The caller's own credentials


async def test_each_agentos_is_shown_the_caller_s_credential_for_it_alone(users: str) -> None:
    http = replace(HEADER, token=Token(ADMISSION))
    headers = {"authorization": f"Bearer {ADMISSION}"} | shown(dev="ann", prod="anna")
    async with serving(http, users, {}, {}) as served, served.client(headers) as peer:
        first = reference(await peer.text("run_agent", agent_id="echo on dev", message="hello dev"))
        second = reference(await peer.text("run_agent", agent_id="prod: echo", message="hello prod"))
        listed = await peer.text("list_runs")
        assert {first, second} <= set(column(listed, "run"))
        assert "hello prod" in await peer.text("get_run", run=second)
        assert credentials_seen(served.dev) == {bearer("ann", *USER_SCOPES)}
        assert credentials_seen(served.prod) == {bearer("anna", *USER_SCOPES)}
        for proxy in (served.dev, served.prod):
            assert ADMISSION.encode() not in b"\n".join(proxy.bodies)


async def test_agentos_for_which_nothing_is_shown_is_left_out_and_asked_nothing(users: str) -> None:
    async with serving(HEADER, users, {}, {}) as served, served.client(shown(dev="ann")) as peer:
        listed = await peer.text("list_agents")
        assert set(column(listed, "instance")) == {"dev"}
        assert "prod is left out: This server asks for your own credential of AgentOS" in listed
        assert "X-AgentOS-Token-prod" in listed
        error = await peer.error("run_agent", agent_id="echo", message="hello", instance="prod")
        assert "X-AgentOS-Token-prod" in error
        assert column(await peer.text("list_instances"), "status") == ["answers", "cannot be used"]
        prompts = [prompt.name for prompt in (await peer.client.list_prompts()).prompts]
        uris = [resource.uri for resource in (await peer.client.list_resources()).resources]
        assert "dev:echo" in prompts
        assert "agentos://agents/dev:echo" in uris
        assert not any("prod:" in name for name in (*prompts, *uris))
        assert "X-AgentOS-Token-prod" in await peer.error("get_session", session_id="prod:s")
        assert credentials_seen(served.prod) == set()
        assert {line.split()[1] for line in served.prod.requests} <= {b"/info", b"/openapi.json"}


@pytest.mark.parametrize("headers", [{}, {"X-AgentOS-Token": "x"}, {"X-AgentOS-Token-dev": "two words"}])
async def test_request_without_a_credential_for_any_agentos_is_refused(users: str, headers: dict[str, str]) -> None:
    async with serving(HEADER, users, {}, {}) as served, httpx.AsyncClient(timeout=30) as client:
        response = await client.post(served.url, json={"jsonrpc": "2.0"}, headers={**ACCEPTED, **headers})
        assert response.status_code == 400
        assert "X-AgentOS-Token-dev" in response.text


async def test_agentos_that_asks_for_no_credential_is_left_out_where_callers_bring_theirs(
    users: str, sample_agentos: str
) -> None:
    async with (
        serving(HEADER, users, {}, {}, dev_url=sample_agentos) as served,
        served.client(shown(dev="ann", prod="ann")) as peer,
    ):
        listed = await peer.text("list_agents")
        assert set(column(listed, "instance")) == {"prod"}
        assert "dev is left out" in listed
        assert "asks nobody for a credential" in listed
        assert credentials_seen(served.dev) == set()


async def test_callers_reach_nothing_of_each_other_on_any_agentos(era: str, users: str) -> None:
    async with (
        serving(HEADER, users, {}, {}) as served,
        served.client(shown(dev="ann", prod="ann"), era) as ann,
        served.client(shown(dev="bob", prod="bob"), era) as bob,
    ):
        for name in ("dev", "prod"):
            secret = f"of ann alone on {name}"
            run = reference(await ann.text("run_agent", agent_id=f"echo on {name}", message=secret))
            assert secret in await ann.text("get_run", run=run)
            session = f"{name}:{run.split('/')[2]}"
            assert secret not in await bob.error("get_run", run=run)
            assert secret not in await bob.error("get_session", session_id=session)
            assert run not in await bob.text("list_runs")
            for uri in (RUN_URI_PREFIX + run, f"agentos://sessions/{session}"):
                with pytest.raises(MCPError) as refusal:
                    await bob.client.read_resource(uri)
                assert secret not in str(refusal.value)
            with pytest.raises(MCPError):
                async with subscribed(bob, NotificationRecorder(), RUN_URI_PREFIX + run):
                    pass
        assert not any("user_id" in t.input_schema["properties"] for t in (await bob.client.list_tools()).tools)


async def nobody(context: object, params: object) -> ElicitResult:
    """Makes the client say that it can ask; the test's rounds are made by hand."""
    raise AssertionError("nobody is asked here")


async def test_question_is_answered_by_who_is_the_same_on_each_agentos(users: str) -> None:
    arguments = {"agent_id": "deployer", "message": "do it, tag-several", "instance": "prod"}
    renewed = {"X-AgentOS-Token-prod": bearer("ann", *USER_SCOPES, "config:write")}
    async with serving(HEADER, users, {}, {}) as served:

        def client(headers: Mapping[str, str]) -> AbstractAsyncContextManager[Peer]:
            return client_with_headers("2026-07-28", served.url, headers, person=nobody)

        async with (
            client(shown(dev="ann", prod="ann")) as ann,
            client(shown(dev="ann", prod="bob")) as other,
            client(shown(dev="ann") | renewed) as later,
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
                await answer(other)
            assert "completed" in words(await answer(later))


async def test_page_of_an_allowed_origin_may_send_the_header_for_each_agentos(users: str) -> None:
    origin, names = "https://app.example.com", {"x-agentos-token-dev", "x-agentos-token-prod"}
    async with (
        serving(replace(HEADER, allow_origins=(origin,)), users, {}, {}) as served,
        httpx.AsyncClient(timeout=30) as client,
    ):
        asked = {"access-control-request-method": "POST", "access-control-request-headers": ", ".join(names)}
        preflight = await client.options(served.url, headers={"origin": origin, **asked})
    assert names <= set(preflight.headers["access-control-allow-headers"].lower().split(", "))


# Whom an issuer signs in


def minted(issuer: OAuthIssuer, **more: Any) -> HttpSettings:
    return HttpSettings(public_url=RESOURCE, oauth_issuer=issuer.url, **more)


async def test_one_agentos_is_shared_and_another_is_shown_a_token_for_the_caller(
    users: str, issuer: OAuthIssuer, key_file: Path, sample_agentos: str
) -> None:
    dev, prod = {"token": Token("of-the-server-itself")}, {"identity": "mint", "mint_key_file": str(key_file)}
    headers = signed_in(issuer, "ann")
    async with (
        serving(minted(issuer), users, dev, prod, dev_url=sample_agentos) as served,
        served.client(headers) as peer,
    ):
        run = reference(await peer.text("run_agent", agent_id="echo on prod", message="hello"))
        await peer.text("create_memory", memory="likes tea", instance="dev", user_id="of-everybody")
        made = await peer.text("create_memory", memory="likes tea", instance="prod")
        assert "ann" in made
        refused = await peer.error("create_memory", memory="x", instance="prod", user_id="bob")
        assert refused == "user_id cannot be given for prod: there each caller is a user of their own."
        listed = await peer.text("list_memories", user_id="of-everybody")
        assert set(column(listed, "instance")) == {"dev"}
        assert "prod is left out: user_id cannot be given for prod" in listed
        assert "hello" in await peer.text("get_run", run=run)
        assert credentials_seen(served.dev) == {"of-the-server-itself"}
        (token,) = credentials_seen(served.prod)
        inbound = headers["authorization"].removeprefix("Bearer ").encode()
        assert not any(inbound in body for proxy in (served.dev, served.prod) for body in proxy.bodies)
    claims = jwt.decode(token, JWT_KEY, ["HS256"], audience="users", issuer=RESOURCE)
    assert claims["sub"] == "ann"


async def test_each_agentos_has_the_mode_of_its_own(users: str, issuer: OAuthIssuer) -> None:
    forms: list[Mapping[str, str]] = []

    def exchange(form: Mapping[str, str], _: str) -> tuple[int, Any]:
        forms.append(form)
        return 200, {"access_token": bearer("ann", *USER_SCOPES), "token_type": "Bearer", "expires_in": 300}

    issuer.exchange = exchange
    dev = {"identity": "exchange", "exchange_client_id": "agentos-mcp", "exchange_audience": "dev"}
    headers = signed_in(issuer, "ann") | shown(prod="anna")
    async with (
        serving(minted(issuer), users, dev, {"identity": "header"}) as served,
        served.client(headers) as peer,
    ):
        assert set(column(await peer.text("list_agents"), "instance")) == {"dev", "prod"}
        assert credentials_seen(served.dev) == {bearer("ann", *USER_SCOPES)}
        assert credentials_seen(served.prod) == {bearer("anna", *USER_SCOPES)}
    assert [form["audience"] for form in forms] == ["dev"]


@pytest.mark.parametrize("refuses", ["issuer", "scopes"])
async def test_agentos_that_the_sign_in_is_not_for_is_left_out(
    users: str, issuer: OAuthIssuer, key_file: Path, tmp_path: Path, refuses: str
) -> None:
    issuer.exchange = lambda form, authorization: (400, {"error": "invalid_target"})
    nobody = tmp_path / "scopes.json"
    nobody.write_text('{"groups": {"admins": ["agent_os:admin"]}}')
    dev = {"identity": "mint", "mint_key_file": str(key_file)}
    prod = (
        {"identity": "exchange", "exchange_client_id": "agentos-mcp"}
        if refuses == "issuer"
        else {"identity": "mint", "mint_key_file": str(tmp_path / "other"), "scope_map": str(nobody)}
    )
    (tmp_path / "other").write_text(JWT_KEY)
    async with (
        serving(minted(issuer), users, dev, prod) as served,
        served.client(signed_in(issuer, "ann")) as peer,
    ):
        listed = await peer.text("list_agents")
        assert set(column(listed, "instance")) == {"dev"}
        assert "prod is left out: " in listed
        assert credentials_seen(served.prod) == set()


async def test_sign_in_that_is_for_no_agentos_is_refused_with_a_challenge(
    users: str, issuer: OAuthIssuer, key_file: Path, tmp_path: Path
) -> None:
    nobody = tmp_path / "scopes.json"
    nobody.write_text('{"groups": {"admins": ["agent_os:admin"]}}')
    http = minted(issuer, identity="mint", scope_map=nobody, mint_key_file=key_file)
    tables = [{"mint_audience": "users"}, {"mint_audience": "others"}]
    async with serving(http, users, tables[0], tables[1]) as served, httpx.AsyncClient(timeout=30) as client:
        headers = {**ACCEPTED, **signed_in(issuer, "ann")}
        response = await client.post(served.url, json={"jsonrpc": "2.0"}, headers=headers)
        assert response.status_code == 403
        assert 'error="insufficient_scope"' in response.headers["www-authenticate"]


async def test_tool_is_listed_where_one_agentos_offers_it_and_permits_it(
    users: str, issuer: OAuthIssuer, key_file: Path, tmp_path: Path
) -> None:
    def table(name: str, **more: Any) -> dict[str, Any]:
        key, scopes = tmp_path / f"{name}-key", tmp_path / f"{name}.json"
        key.write_text(JWT_KEY)
        scopes.write_text(f'{{"groups": {{"{name}": ["agents:run", "agents:read"], "all": ["sessions:read"]}}}}')
        return {"identity": "mint", "mint_key_file": str(key), "scope_map": str(scopes), **more}

    async def listed(peer: Peer) -> set[str]:
        return {tool.name for tool in (await peer.client.list_tools()).tools}

    async with serving(minted(issuer), users, table("dev"), table("prod", read_only=True)) as served:
        async with served.client(signed_in(issuer, "ann", groups=["dev", "all"])) as peer:
            assert {"run_agent", "list_sessions", "list_instances"} <= await listed(peer)
        # Who may run only where nothing is run has no tool for it.
        async with served.client(signed_in(issuer, "bob", groups=["prod", "all"])) as peer:
            names = await listed(peer)
            assert {"list_sessions", "list_agents"} <= names
            assert "run_agent" not in names
        # Who is nobody on one of them has the tools of the other.
        async with served.client(signed_in(issuer, "carol", groups=["prod"])) as peer:
            names = await listed(peer)
            assert "list_agents" in names
            assert names.isdisjoint({"run_agent", "list_sessions"})


# What is kept, and what is told


async def test_agentos_that_never_answers_holds_up_no_caller_of_another(
    users: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_policy, "REFRESH_SECONDS", 0.1)
    monkeypatch.setattr(access_policy, "_RETRY_SECONDS", 0.1)
    monkeypatch.setattr(access_policy, "_TIMEOUT_SECONDS", 2 * PATIENCE)
    async with serving(HEADER, users, {}, {}) as served, served.client(shown(dev="ann", prod="ann")) as peer:
        await peer.text("list_agents")
        served.prod.slowness = 4 * PATIENCE
        with anyio.fail_after(PATIENCE):
            for _ in range(5):
                await peer.text("list_agents", instance="dev")


async def test_agentos_that_one_caller_asks_in_vain_is_kept_from_no_other_caller(users: str) -> None:
    failing = {bearer("ann", *USER_SCOPES).encode()}

    async with (
        serving(HEADER, users, {}, {}) as served,
        served.client(shown(dev="ann", prod="ann")) as ann,
        served.client(shown(dev="bob", prod="bob")) as bob,
    ):
        assert set(column(await bob.text("list_agents"), "instance")) == {"dev", "prod"}
        served.prod.answer = lambda _: (
            http_json({"detail": "of ann alone"}, 500)
            if any(token in served.prod.bodies[-1] for token in failing)
            else None
        )
        assert "prod is left out: " in await ann.text("list_agents")
        others = await bob.text("list_agents")
        assert set(column(others, "instance")) == {"dev", "prod"}
        assert "left out" not in others


async def test_audit_log_names_the_caller_as_the_agentos_that_was_written_to_does(users: str, tmp_path: Path) -> None:
    audit = tmp_path / "audit.log"
    async with serving(HEADER, users, {}, {}, audit_log=str(audit)) as served:
        for headers in (shown(dev="ann", prod="anna"), shown(dev="bob", prod="bob")):
            async with served.client(headers) as peer:
                for name in ("dev", "prod"):
                    await peer.text("run_agent", agent_id="echo", message="hello", instance=name)
    lines = audit_lines(audit)
    assert [(line["caller"], line["reference"].partition(":")[0]) for line in lines] == [
        ("ann", "dev"),
        ("anna", "prod"),
        ("bob", "dev"),
        ("bob", "prod"),
    ]
    assert not any(token in audit.read_text() for user in ("ann", "anna", "bob") for token in shown(x=user).values())


# Settings


@pytest.mark.parametrize(
    ("http", "tables", "problem"),
    [
        (HEADER, [{"identity_header": "X-Mine"}, {"identity_header": "x-mine"}], "an identity_header"),
        (HttpSettings(identity="mint", oauth_issuer="https://x"), [{}, {}], "a mint_audience"),
        (
            HttpSettings(identity="mint", oauth_issuer="https://x"),
            [{"mint_audience": "one"}, {"mint_audience": "one"}],
            "a mint_audience",
        ),
        (
            HttpSettings(identity="exchange", oauth_issuer="https://x", exchange_client_id="me"),
            [{"exchange_audience": "one"}, {"exchange_audience": "one"}],
            "an exchange_audience",
        ),
    ],
    ids=["header", "mint", "mint-same-audience", "exchange"],
)
async def test_agentoses_that_would_be_shown_the_same_credential_are_refused(
    key_file: Path, http: HttpSettings, tables: list[dict[str, Any]], problem: str
) -> None:
    each = [of(name, "http://127.0.0.1:9", **table) for name, table in zip(("dev", "prod"), tables, strict=True)]
    with pytest.raises(SettingsError, match=f"dev and prod would be shown credentials .* give each {problem}"):
        async with http_application(several(*each), replace(http, mint_key_file=key_file)):
            pass


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"identity": "mint"}, "--identity mint for prod needs --oauth-issuer URL"),
        ({"identity": "nobody"}, "agentos.prod: identity='nobody' cannot be used: use one of shared"),
        ({"identity": "header", "identity_header": "Cookie"}, "agentos.prod: identity_header='Cookie' cannot be used"),
        ({"identity": "header", "token": Token("a-token")}, "--identity header for prod shows AgentOS a credential"),
    ],
)
async def test_identity_that_cannot_be_used_is_refused_with_the_name_of_its_agentos(
    table: dict[str, Any], problem: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        async with http_application(
            several(of("dev", "http://127.0.0.1:9"), of("prod", "http://127.0.0.1:9", **table)), HttpSettings()
        ):
            pass
    assert problem in str(refused.value)
    assert "a-token" not in str(refused.value)
