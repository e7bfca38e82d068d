"""The findings on an AgentOS: its version, what the token permits, its components and databases."""

from __future__ import annotations

import base64
import json
import shlex
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest

from agentos_mcp.agentos.token_claims import read_claims
from agentos_mcp.doctor.fixes import OtherCommand
from tests._support.doctor_checks import SYSTEM, fix_text, run_agentos_checks
from tests._support.foreign_servers import AGNO_2_3, AGNO_2_5, hung_port, json_server
from tests.conftest import KEY
from tests.doctor.conftest import JWT_KEY

pytestmark = pytest.mark.anyio

RUNNERS = ("agents:read", "agents:run")
READERS = tuple(
    f"{part}:read"
    for part in (
        "sessions",
        "memories",
        "knowledge",
        "traces",
        "metrics",
        "evals",
        "approvals",
        "schedules",
        "learnings",
    )
)


def make_jwt(*scopes: str, **claims: Any) -> str:
    return jwt.encode({"sub": "ann", "scopes": list(scopes), "aud": "studio", **claims}, JWT_KEY, "HS256")


def admin_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(headers={"Authorization": f"Bearer {make_jwt('agent_os:admin')}"}, timeout=30)


async def create_service_account(authorized_agentos: str, name: str, *scopes: str) -> str:
    """The token of a new service account."""
    body = {"name": name, "scopes": [{"scope": scope} for scope in scopes]}
    async with admin_client() as client:
        made: str = (await client.post(f"{authorized_agentos}/service-accounts", json=body)).json()["token"]
    return made


async def count_sessions(authorized_agentos: str) -> int:
    """The number of sessions in the AgentOS."""
    async with admin_client() as client:
        page = (await client.get(f"{authorized_agentos}/sessions", params={"db_id": "studio-db"})).json()
    count: int = page["meta"]["total_count"]
    return count


async def test_agentos_without_problems_has_only_good_findings(sample_agentos: str) -> None:
    findings = await run_agentos_checks(sample_agentos)
    assert findings.levels == {"good"}
    assert findings.subjects == ["Version", "Token", "Components", "Database"]
    assert findings["Version"].message.startswith("agno 3.")
    assert findings["Token"].message == "AgentOS requires none"
    assert findings["Database"].message == "sample-db: runs continue in the background when the connection is lost"


async def test_components_finding_has_counts(bare_agentos: str) -> None:
    assert (await run_agentos_checks(bare_agentos))["Components"].message == "3 agents, 0 teams, 2 workflows"


class TestVersions:
    async def test_version_before_2_5_is_too_old(self) -> None:
        with json_server(AGNO_2_3) as url:
            findings = await run_agentos_checks(url)
        finding = findings["Version"]
        assert finding.level == "bad"
        assert finding.message == "older than agno 2.5, the oldest supported version"
        assert fix_text(finding) == "Upgrade it: pip install -U agno"
        assert findings["Components"].message == "1 agent, 0 teams, 1 workflow"

    async def test_version_before_2_6_has_no_background_runs(self) -> None:
        with json_server(AGNO_2_5) as url:
            findings = await run_agentos_checks(url)
        finding = findings["Version"]
        assert finding.level == "warning"
        assert "older than 2.6" in finding.message
        assert "it ends with its connection" in finding.message
        assert fix_text(finding) == "Upgrade it: pip install -U agno"
        assert findings["Database"].message == "old-db, but this version cannot run in the background"
        assert findings["Token"].message == "AgentOS requires none"

    async def test_version_before_3_0_is_tried_without_the_token(self) -> None:
        with json_server(AGNO_2_5) as url:
            findings = await run_agentos_checks(url, token="anything")
        assert findings["Token"].message == "AgentOS requires none; the one that is set is ignored"

    async def test_agentos_finding_rejects_another_service(self) -> None:
        pages = {"/health": {"status": "ok"}, "/openapi.json": {"paths": {"/users": {"get": {}}}}}
        with json_server(pages) as url:
            finding = (await run_agentos_checks(url))["AgentOS"]
        assert (finding.level, finding.message) == ("bad", f"{url} answers, but it is not an AgentOS.")

    @pytest.mark.waits
    async def test_agentos_finding_reports_a_timeout(self) -> None:
        began = time.monotonic()
        with hung_port() as port:
            finding = (await run_agentos_checks(f"http://127.0.0.1:{port}"))["AgentOS"]
        assert finding.level == "bad"
        assert "in time" in finding.message
        assert time.monotonic() - began < 20


class TestSecurityKeys:
    async def test_security_key_that_is_missing_says_how_to_set_it(self, locked_agentos: str) -> None:
        findings = await run_agentos_checks(locked_agentos)
        finding = findings["Token"]
        assert finding.level == "bad"
        assert finding.message == "AgentOS requires a security key, and none is set"
        assert fix_text(finding).endswith(f"then `agentos-mcp use {locked_agentos} --token-file PATH`.")
        assert findings.subjects[-1] == "Token", "nothing more can be output"

    async def test_security_key_that_is_wrong_is_refused_and_masked(self, locked_agentos: str) -> None:
        findings = await run_agentos_checks(locked_agentos, token="not-the-key")
        finding = findings["Token"]
        assert finding.level == "bad"
        assert finding.message.startswith("AgentOS refuses the token: Invalid authentication token")
        assert fix_text(finding).endswith(f"then `agentos-mcp use {locked_agentos} --token-file PATH`.")
        assert "not-the-key" not in findings.text

    async def test_variable_that_a_client_could_not_resolve_is_named(self, locked_agentos: str) -> None:
        finding = (await run_agentos_checks(locked_agentos, token="${MY_KEY}"))["Token"]
        assert finding.level == "bad"
        message = "AgentOS requires a security key, and the variable MY_KEY is not set where this was started"
        assert finding.message == message
        assert fix_text(finding).endswith(f"then `agentos-mcp use {locked_agentos} --token-file PATH`.")

    async def test_security_key_that_is_right_is_accepted(self, locked_agentos: str) -> None:
        findings = await run_agentos_checks(locked_agentos, token=KEY)
        assert findings["Token"].message == "AgentOS requires a security key, and accepts this one"
        assert findings.levels == {"good"}
        assert "Scopes" not in findings.subjects, "a key has none"
        assert KEY not in findings.text

    async def test_security_key_that_is_not_required_is_ignored(self, sample_agentos: str) -> None:
        findings = await run_agentos_checks(sample_agentos, token="whatever")
        assert findings["Token"].message == "AgentOS requires none; the one that is set is ignored"
        assert findings.levels == {"good"}


class TestScopes:
    async def test_jwt_that_is_missing_is_reported(self, authorized_agentos: str) -> None:
        finding = (await run_agentos_checks(authorized_agentos))["Token"]
        assert finding.message == "AgentOS requires a JWT or a service account token, and none is set"

    async def test_scopes_that_are_missing_are_named_with_their_use(self, authorized_agentos: str) -> None:
        scopes = ("config:read", *RUNNERS, "sessions:read")
        findings = await run_agentos_checks(authorized_agentos, token=make_jwt(*scopes))
        assert findings["Token"].level == "good"
        assert f"(scopes: {', '.join(scopes)})" in findings["Token"].message
        finding = findings["Scopes"]
        assert finding.level == "warning"
        may, _, may_not = finding.message.partition("; it may not ")
        assert may == "the token may read sessions, list agents, run agents"
        assert "read memories (memories:read)" in may_not
        assert "read traces (traces:read)" in may_not
        assert "teams" not in finding.message, "there are none"
        assert fix_text(finding).startswith("If it should, have these scopes added to it: memories:read ")
        assert fix_text(finding).endswith("--token-file PATH`")

    async def test_scopes_without_run_start_no_run(self, authorized_agentos: str) -> None:
        scopes = ("config:read", "agents:read", *READERS)
        finding = (await run_agentos_checks(authorized_agentos, token=make_jwt(*scopes)))["Scopes"]
        assert finding.message.endswith("; it may not run agents (agents:run)")
        assert await count_sessions(authorized_agentos) == 0

    async def test_scopes_of_a_single_agent_are_enough(self, authorized_agentos: str) -> None:
        scopes = ("agents:keeper:read", "agents:keeper:run")
        findings = await run_agentos_checks(authorized_agentos, token=make_jwt("config:read", *scopes, *READERS))
        assert findings["Components"].message == "1 agent, 0 teams, 0 workflows"
        assert "run agents" in findings["Scopes"].message.partition("may not")[0]

    async def test_scopes_without_components_are_named(self, authorized_agentos: str) -> None:
        findings = await run_agentos_checks(authorized_agentos, token=make_jwt("config:read", *READERS))
        finding = findings["Components"]
        assert finding.level == "warning"
        assert finding.message == "the token sees no agents, teams or workflows"
        assert fix_text(finding) == "Use a token with the scopes agents:read agents:run."

    async def test_scopes_without_config_are_a_warning(self, authorized_agentos: str) -> None:
        findings = await run_agentos_checks(authorized_agentos, token=make_jwt(*RUNNERS))
        finding = findings["Configuration"]
        assert finding.level == "warning"
        assert "may not read it (config:read)" in finding.message
        assert "have these scopes added to it: config:read\nThen write its security key" in fix_text(finding)
        assert "Database" not in findings.subjects

    async def test_scopes_of_an_admin_are_good(self, authorized_agentos: str) -> None:
        findings = await run_agentos_checks(authorized_agentos, token=make_jwt("agent_os:admin"))
        assert findings["Scopes"].level == "good"
        assert "run agents" in findings["Scopes"].message

    async def test_scopes_of_a_read_only_server_try_no_start(self, authorized_agentos: str) -> None:
        findings = await run_agentos_checks(
            authorized_agentos, token=make_jwt("config:read", *RUNNERS, *READERS), read_only=True
        )
        assert findings["Scopes"].level == "good"
        assert "run agents" not in findings["Scopes"].message

    async def test_jwt_that_expired_says_when(self, authorized_agentos: str) -> None:
        ended = datetime.now(UTC) - timedelta(hours=3)
        finding = (await run_agentos_checks(authorized_agentos, token=make_jwt("config:read", exp=ended)))["Token"]
        assert finding.level == "bad"
        assert finding.message.startswith("AgentOS refuses the token: Token has expired; it expired on ")
        assert f"{ended.astimezone():%Y-%m-%d %H:%M}" in finding.message
        assert fix_text(finding).endswith(f"then `agentos-mcp use {authorized_agentos} --token-file PATH`.")

    async def test_jwt_that_expires_soon_is_a_warning(self, authorized_agentos: str) -> None:
        ends = datetime.now(UTC) + timedelta(hours=3)
        finding = (await run_agentos_checks(authorized_agentos, token=make_jwt("agent_os:admin", exp=ends)))["Token"]
        assert finding.level == "warning"
        assert f"until {ends.astimezone():%Y-%m-%d %H:%M}" in finding.message
        assert fix_text(finding).endswith(f"agentos-mcp install CLIENT --url {authorized_agentos} --token-file PATH")

    async def test_jwt_that_is_forged_is_refused_and_masked(self, authorized_agentos: str) -> None:
        forged = jwt.encode({"sub": "ann", "scopes": ["agent_os:admin"], "aud": "studio"}, "x" * 32, "HS256")
        findings = await run_agentos_checks(authorized_agentos, token=forged)
        assert findings["Token"].level == "bad"
        assert forged not in findings.text

    async def test_service_account_permissions_are_tried(self, authorized_agentos: str) -> None:
        made = await create_service_account(authorized_agentos, "doctor", "config:read", "agents:run", "sessions:read")
        findings = await run_agentos_checks(authorized_agentos, token=made)
        assert findings["Token"].message == "AgentOS requires a JWT or a service account token, and accepts this one"
        finding = findings["Scopes"]
        assert finding.level == "warning"
        assert "the token may read sessions, run agents; it may not" in finding.message
        assert "list agents (agents:read)" in finding.message
        assert made not in findings.text

    async def test_service_account_command_creates_a_token_with_more_scopes(self, authorized_agentos: str) -> None:
        made = await create_service_account(authorized_agentos, "narrow", "config:read", "agents:run")
        finding = (await run_agentos_checks(authorized_agentos, token=made))["Scopes"]
        create, set_token = finding.fix
        assert isinstance(create.action, OtherCommand)
        assert set_token.instruction.endswith(f"then `agentos-mcp use {authorized_agentos} --token-file PATH`")
        command = create.action.arguments
        assert command[:3] == ("curl", "-X", "POST")
        assert create.render(SYSTEM).endswith(shlex.join(command))
        body = json.loads(command[command.index("-d") + 1])
        async with admin_client() as client:
            answer = await client.post(command[3], json=body)
        assert answer.status_code == 201, answer.text
        wider = await run_agentos_checks(authorized_agentos, token=answer.json()["token"])
        assert "list agents" in wider["Scopes"].message.partition("may not")[0]


class TestClaims:
    @pytest.mark.parametrize("claims", [{"scope": "a:read b:run"}, {"scopes": ["a:read", "b:run"]}])
    def test_read_scopes_as_list_and_string(self, claims: dict[str, Any]) -> None:
        decoded = read_claims(jwt.encode(claims, JWT_KEY, "HS256"))
        assert decoded is not None
        assert decoded.scopes == ("a:read", "b:run")

    def test_claims_shorten_many_scopes(self) -> None:
        decoded = read_claims(jwt.encode({"scopes": [f"s{number}:read" for number in range(20)]}, JWT_KEY, "HS256"))
        assert decoded is not None
        assert decoded.listed_scopes.endswith("s11:read and 8 more")

    @pytest.mark.parametrize("other", ["", "a-key", "a.b.c", "a.W10.c", "a.bnVsbA.c", "agno_pat_x"])
    def test_read_claims_other_tokens_are_none(self, other: str) -> None:
        assert read_claims(other) is None

    @pytest.mark.parametrize("exp", [10**30, "soon", None, float("inf")])
    def test_claims_ignore_an_invalid_expiry(self, exp: object) -> None:
        body = base64.urlsafe_b64encode(json.dumps({"exp": exp}).encode()).decode()
        decoded = read_claims(f"a.{body}.c")
        assert decoded is not None
        assert decoded.expires is None


class TestDatabases:
    async def test_databases_that_are_missing_are_a_warning(self, bare_agentos: str) -> None:
        findings = await run_agentos_checks(bare_agentos)
        finding = findings["Database"]
        assert finding.level == "warning"
        assert finding.message.startswith("there is none: runs end with their connection")
        assert fix_text(finding) == 'Give your AgentOS one: AgentOS(db=SqliteDb(db_file="agentos.db"), ...)'

    async def test_databases_that_are_several_say_how_to_choose_one(self, agentos_with_two_databases: str) -> None:
        findings = await run_agentos_checks(agentos_with_two_databases)
        assert findings["Database"].level == "good"
        finding = findings["Databases"]
        assert finding.level == "warning"
        assert finding.message.startswith("there are 2, so tools for sessions, memories and the like ask which one")
        assert f"agentos-mcp install CLIENT --url {agentos_with_two_databases} --db-id " in fix_text(finding)

    async def test_databases_that_are_several_are_fine_with_a_db_id(self, agentos_with_two_databases: str) -> None:
        assert "Databases" not in (await run_agentos_checks(agentos_with_two_databases, db_id="first-db")).subjects

    async def test_databases_that_cannot_be_read_are_bad(self) -> None:
        with json_server(AGNO_2_5 | {"/sessions": (500, {"detail": "no such host: db"})}) as url:
            finding = (await run_agentos_checks(url))["Database"]
        assert finding.level == "bad"
        assert finding.message.startswith(
            "old-db cannot be read: AgentOS failed on GET /sessions (500: no such host: db)"
        )
        assert fix_text(finding) == "Check old-db; its own log says why."


async def test_components_that_are_missing_are_a_warning(agentos_without_components: str) -> None:
    finding = (await run_agentos_checks(agentos_without_components))["Components"]
    assert finding.level == "warning"
    assert finding.message == "there are no agents, teams or workflows"
    assert fix_text(finding) == "Add some: AgentOS(agents=[...])"
