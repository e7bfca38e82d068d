"""What is told of callers who each have an identity: their user and nothing that they showed, in no label."""

from __future__ import annotations

import hashlib
import logging
import re
import socket
from dataclasses import replace
from pathlib import Path

import httpx
import jwt
import pytest
from prometheus_client.parser import text_string_to_metric_families

from agentos_mcp.server.http.settings import HttpSettings
from agentos_mcp.settings import Settings
from tests._support.agentos.pausing import LEDGER_VARIABLE
from tests._support.agentos.users import ISOLATED_VARIABLE, JWT_KEY
from tests._support.agentos_pool import AgentOSPool
from tests._support.another_user import USER_SCOPES, bearer
from tests._support.http_application import client_with_headers, http_application
from tests._support.log_capture import audit_lines, json_log
from tests._support.mcp_client import reference
from tests._support.oauth_issuer import RESOURCE, OAuthIssuer

pytestmark = pytest.mark.anyio
ONE_ERA = True

USERS = ("ann", "bob")


@pytest.fixture(scope="module")
def users(agentoses: AgentOSPool, ledger: Path) -> str:
    """Behind JWTs, with isolated users."""
    return agentoses.url("users", environment={ISOLATED_VARIABLE: "yes", LEDGER_VARIABLE: str(ledger)})


@pytest.mark.parametrize("mode", ["header", "mint", "exchange"])
async def test_audit_log_names_the_user_and_no_log_has_what_a_caller_showed(
    mode: str, users: str, issuer: OAuthIssuer, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text(JWT_KEY)
    http = HttpSettings(identity=mode)
    if mode != "header":
        http = replace(http, public_url=RESOURCE, oauth_issuer=issuer.url)
        http = replace(http, mint_key_file=key, exchange_client_id="agentos-mcp")
    issuer.exchange = lambda form, authorization: (
        200,
        {"access_token": bearer(subject_of(form["subject_token"]), *USER_SCOPES), "token_type": "Bearer"},
    )
    audit, shown, runs = tmp_path / "audit.log", [], []
    with json_log(logging.DEBUG) as log:
        async with http_application(Settings(url=users, audit_log=str(audit)), http) as (url, _):
            for user in USERS:
                own, access = bearer(user, *USER_SCOPES), issuer.token(user, scope=" ".join(USER_SCOPES))
                shown += [own, access]
                headers = {"X-AgentOS-Token": own} if mode == "header" else {"authorization": f"Bearer {access}"}
                async with client_with_headers("auto", url, headers) as peer:
                    runs.append(reference(await peer.text("run_agent", agent_id="echo", message="hello")))
                    await peer.text("list_runs")
                    await peer.error("get_run", run=runs[0].replace("echo", "nobody"))
    lines = audit_lines(audit)
    assert [(line["caller"], line["reference"]) for line in lines] == list(zip(USERS, runs, strict=True))
    told = audit.read_text() + log.text
    assert log.lines
    assert not any(token in told for token in shown)
    # No other JWT either: not what was minted, nor what came in exchange.
    assert re.findall(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}", told) == []


def subject_of(token: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})["sub"])


async def test_audit_log_tells_callers_apart_who_show_no_name(users: str, tmp_path: Path) -> None:
    audit, credentials = tmp_path / "audit.log", [f"opaque-credential-{number}" for number in range(2)]
    async with http_application(Settings(url=users, audit_log=str(audit)), HttpSettings(identity="header")) as (url, _):
        for credential in credentials:
            async with client_with_headers("auto", url, {"X-AgentOS-Token": credential}) as peer:
                await peer.error("run_agent", agent_id="echo", message="hello")
    callers = [line["caller"] for line in audit_lines(audit)]
    assert callers == [f"credential {hashlib.sha256(text.encode()).hexdigest()[:12]}" for text in credentials]
    assert not any(credential in audit.read_text() for credential in credentials)


async def test_metrics_have_no_more_series_with_more_callers(users: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()

    async def series() -> dict[tuple[str, ...], float]:
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"http://{host}:{port}/metrics")).text
        return {
            (sample.name, *sorted(f"{name}={value}" for name, value in sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name.startswith("agentos_mcp_")
        }

    settings = Settings(url=users, metrics_address=(host, port))
    async with http_application(settings, HttpSettings(identity="header")) as (url, server):

        async def call(user: str) -> None:
            headers = {"X-AgentOS-Token": bearer(user, *USER_SCOPES)}
            async with client_with_headers("auto", url, headers) as peer:
                await peer.text("run_agent", agent_id="echo", message="hello")

        await call("user-0")
        first = await series()
        for number in range(1, 6):
            await call(f"user-{number}")
        last = await series()
        assert server.callers is not None
        assert len(list(server.callers.states)) == 6
    assert last.keys() == first.keys()
    assert last["agentos_mcp_tool_calls_total", "outcome=ok", "tool=run_agent"] == 6
    assert not any("user-" in label or "eyJ" in label for labels in last for label in labels)
