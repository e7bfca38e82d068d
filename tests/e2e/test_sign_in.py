"""The whole way in: the official TypeScript client signs in at a certified provider, and AgentOS knows its user."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests._support.agentos.pausing import LEDGER_VARIABLE
from tests._support.agentos.users import ISOLATED_VARIABLE, JWT_KEY
from tests._support.agentos_pool import AgentOSPool
from tests._support.another_user import USER_SCOPES
from tests._support.mcp_client import reference
from tests._support.oidc_provider import (
    AGENTOS_ID,
    EXCHANGE_CLIENT,
    EXCHANGE_SECRET,
    oidc_provider,
    signed_in_session,
)
from tests._support.processes import FORK, HttpServer

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def agentos(agentoses: AgentOSPool, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Behind JWTs, with isolated users."""
    ledger = tmp_path_factory.mktemp("sign-in") / "ledger"
    return agentoses.url("users", environment={ISOLATED_VARIABLE: "yes", LEDGER_VARIABLE: str(ledger)})


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with oidc_provider() as url:
        yield url


@pytest.mark.parametrize("mode", ["mint", "exchange"])
def test_client_that_signs_in_is_a_user_of_agentos(agentos: str, issuer: str, mode: str, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(JWT_KEY)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = {
        "--port": str(port),
        "--identity": mode,
        "--oauth-issuer": issuer,
        "--oauth-scopes": ",".join(USER_SCOPES),
        "--mint-key-file": str(key),
        "--exchange-client-id": EXCHANGE_CLIENT,
        "--exchange-audience": AGENTOS_ID,
    }
    arguments = [word for option in options.items() for word in option]
    given = {"AGENTOS_MCP_EXCHANGE_CLIENT_SECRET": EXCHANGE_SECRET}
    with HttpServer("--url", agentos, *arguments, command=FORK, given=given) as server:
        ann = signed_in_session(server.url, "ann", [("run_agent", {"agent_id": "echo", "message": "of ann alone"})])
        run = reference(ann.texts[0])
        again = signed_in_session(server.url, "ann", [("get_run", {"run": run})])
        bob = signed_in_session(server.url, "bob", [("get_run", {"run": run}), ("list_runs", {})])
    assert ann.authorization["code_challenge_method"] == "S256"
    assert ann.authorization["resource"] == server.url
    assert set(USER_SCOPES) <= set(ann.authorization["scope"].split())
    assert "run_agent" in ann.tools
    assert "of ann alone" in ann.texts[0]
    assert "of ann alone" in again.texts[0]
    assert [result["isError"] for result in bob.results] == [True, False]
    assert not any("of ann alone" in text for text in bob.texts)
    assert run not in bob.texts[1]
