"""What is told of an AgentOS: its version, its locks, what it has."""

from __future__ import annotations

import base64
import json
import shlex
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from agentos_mcp.doctor.token_checks import claims_of
from tests._support.doctor_checks import look_at
from tests._support.foreign_servers import AGNO_2_3, AGNO_2_5, answering, hung_port
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


def token(*scopes: str, **claims: Any) -> str:
    return jwt.encode({"sub": "ann", "scopes": list(scopes), "aud": "studio", **claims}, JWT_KEY, "HS256")


def admin() -> httpx.AsyncClient:
    return httpx.AsyncClient(headers={"Authorization": f"Bearer {token('agent_os:admin')}"}, timeout=30)


async def service_account(studio: str, name: str, *scopes: str) -> str:
    """The token of a new service account."""
    body = {"name": name, "scopes": [{"scope": scope} for scope in scopes]}
    async with admin() as client:
        made: str = (await client.post(f"{studio}/service-accounts", json=body)).json()["token"]
    return made


async def sessions(studio: str) -> int:
    """How many there are."""
    async with admin() as client:
        page = (await client.get(f"{studio}/sessions", params={"db_id": "studio-db"})).json()
    count: int = page["meta"]["total_count"]
    return count


async def test_an_agentos_with_nothing_wrong_is_only_praised(sample_agentos: str, tmp_path: Path) -> None:
    told = await look_at(sample_agentos, tmp_path)
    assert told.levels == {"good"}
    assert told.names == ["Version", "Token", "Components", "Database"]
    assert told["Version"].means.startswith("agno 3.")
    assert told["Token"].means == "AgentOS asks for none"
    assert told["Database"].means == "zoo-db: runs go on in the background, whatever becomes of the connection"


async def test_counts_are_of_what_there_is(bare_agentos: str, tmp_path: Path) -> None:
    assert (await look_at(bare_agentos, tmp_path))["Components"].means == "3 agents, 0 teams, 2 workflows"


class TestVersions:
    async def test_one_before_2_5_is_too_old(self, tmp_path: Path) -> None:
        with answering(AGNO_2_3) as url:
            told = await look_at(url, tmp_path)
        finding = told["Version"]
        assert finding.level == "bad"
        assert finding.means == "older than agno 2.5, the oldest that is known to work"
        assert finding.fix == "Upgrade it: pip install -U agno"
        assert told["Components"].means == "1 agent, 0 teams, 1 workflow"

    async def test_one_before_2_6_has_no_runs_in_the_background(self, tmp_path: Path) -> None:
        with answering(AGNO_2_5) as url:
            told = await look_at(url, tmp_path)
        finding = told["Version"]
        assert finding.level == "warning"
        assert "one before 2.6" in finding.means
        assert "they end with their connection" in finding.means
        assert finding.fix == "Upgrade it: pip install -U agno"
        assert told["Database"].means == "old-db, but this version has no runs in the background"
        assert told["Token"].means == "AgentOS asks for none"

    async def test_before_3_0_a_token_is_tried_without_to_see_whether_it_is_wanted(self, tmp_path: Path) -> None:
        with answering(AGNO_2_5) as url:
            told = await look_at(url, tmp_path, token="anything")
        assert told["Token"].means == "AgentOS asks for none; the one that is set is ignored"

    async def test_another_service_that_says_that_it_is_well_is_no_agentos(self, tmp_path: Path) -> None:
        pages = {"/health": {"status": "ok"}, "/openapi.json": {"paths": {"/users": {"get": {}}}}}
        with answering(pages) as url:
            finding = (await look_at(url, tmp_path))["AgentOS"]
        assert (finding.level, finding.means) == ("bad", f"{url} answers, but it is no AgentOS.")

    async def test_one_that_hangs_is_given_up(self, tmp_path: Path) -> None:
        began = time.monotonic()
        with hung_port() as port:
            finding = (await look_at(f"http://127.0.0.1:{port}", tmp_path))["AgentOS"]
        assert finding.level == "bad"
        assert "in time" in finding.means
        assert time.monotonic() - began < 20


class TestSecurityKeys:
    async def test_none_for_a_locked_one_is_told_how_to_set_it(self, locked_agentos: str, tmp_path: Path) -> None:
        told = await look_at(locked_agentos, tmp_path)
        finding = told["Token"]
        assert finding.level == "bad"
        assert finding.means == "AgentOS wants a security key, and none is set"
        assert finding.fix.splitlines() == [
            "Set it: export AGENTOS_TOKEN=... (or --token-file PATH)",
            "For a client: agentos-mcp install CLIENT --token-file PATH",
        ]
        assert told.names[-1] == "Token", "nothing more can be seen"

    async def test_a_wrong_one_is_refused_and_never_shown(self, locked_agentos: str, tmp_path: Path) -> None:
        told = await look_at(locked_agentos, tmp_path, token="not-the-key")
        finding = told["Token"]
        assert finding.level == "bad"
        assert finding.means.startswith("AgentOS refuses the token: Invalid authentication token")
        assert finding.fix == "Set the right one: export AGENTOS_TOKEN=... (or --token-file PATH)"
        assert "not-the-key" not in told.everything

    async def test_the_right_one_opens_everything(self, locked_agentos: str, tmp_path: Path) -> None:
        told = await look_at(locked_agentos, tmp_path, token=KEY)
        assert told["Token"].means == "AgentOS asks for a security key, and takes this one"
        assert told.levels == {"good"}
        assert "Scopes" not in told.names, "a key has none"
        assert KEY not in told.everything

    async def test_one_that_is_not_wanted_is_told_to_be_ignored(self, sample_agentos: str, tmp_path: Path) -> None:
        told = await look_at(sample_agentos, tmp_path, token="whatever")
        assert told["Token"].means == "AgentOS asks for none; the one that is set is ignored"
        assert told.levels == {"good"}


class TestScopes:
    async def test_none_for_a_locked_one(self, studio: str, tmp_path: Path) -> None:
        finding = (await look_at(studio, tmp_path))["Token"]
        assert finding.means == "AgentOS wants a JWT or a service account token, and none is set"

    async def test_a_missing_one_is_named_with_what_it_is_for(self, studio: str, tmp_path: Path) -> None:
        scopes = ("config:read", *RUNNERS, "sessions:read")
        told = await look_at(studio, tmp_path, token=token(*scopes))
        assert told["Token"].level == "good"
        assert f"(scopes: {', '.join(scopes)})" in told["Token"].means
        finding = told["Scopes"]
        assert finding.level == "warning"
        may, _, may_not = finding.means.partition("; it may not ")
        assert may == "the token may read sessions, list agents, run agents"
        assert "read memories (memories:read)" in may_not
        assert "read traces (traces:read)" in may_not
        assert "teams" not in finding.means, "there are none"
        assert finding.fix.startswith("If it should, have these added to its scopes: memories:read ")
        assert finding.fix.endswith(" Then: export AGENTOS_TOKEN=NEW")

    async def test_one_that_may_not_run_is_told_and_nothing_is_run(self, studio: str, tmp_path: Path) -> None:
        scopes = ("config:read", "agents:read", *READERS)
        finding = (await look_at(studio, tmp_path, token=token(*scopes)))["Scopes"]
        assert finding.means.endswith("; it may not run agents (agents:run)")
        assert await sessions(studio) == 0

    async def test_a_single_agent_is_enough(self, studio: str, tmp_path: Path) -> None:
        one = ("agents:keeper:read", "agents:keeper:run")
        told = await look_at(studio, tmp_path, token=token("config:read", *one, *READERS))
        assert told["Components"].means == "1 agent, 0 teams, 0 workflows"
        assert "run agents" in told["Scopes"].means.partition("may not")[0]

    async def test_one_that_sees_no_agents_is_told_what_would_show_them(self, studio: str, tmp_path: Path) -> None:
        told = await look_at(studio, tmp_path, token=token("config:read", *READERS))
        finding = told["Components"]
        assert finding.level == "warning"
        assert finding.means == "the token sees no agents, teams or workflows"
        assert finding.fix == "Use a token with the scopes agents:read agents:run."

    async def test_one_that_may_not_even_look_is_broken(self, studio: str, tmp_path: Path) -> None:
        told = await look_at(studio, tmp_path, token=token(*RUNNERS))
        finding = told["Token"]
        assert finding.level == "bad"
        assert "Required scope(s): config:read" in finding.means
        assert "have these added to its scopes: config:read. Then: export AGENTOS_TOKEN=NEW" in finding.fix
        assert told.names[-1] == "Token"

    async def test_all_of_them_are_good(self, studio: str, tmp_path: Path) -> None:
        told = await look_at(studio, tmp_path, token=token("agent_os:admin"))
        assert told["Scopes"].level == "good"
        assert "run agents" in told["Scopes"].means

    async def test_a_server_that_only_reads_tries_no_start(self, studio: str, tmp_path: Path) -> None:
        told = await look_at(studio, tmp_path, token=token("config:read", *RUNNERS, *READERS), read_only=True)
        assert told["Scopes"].level == "good"
        assert "run agents" not in told["Scopes"].means

    async def test_an_old_token_is_told_since_when(self, studio: str, tmp_path: Path) -> None:
        ended = datetime.now(UTC) - timedelta(hours=3)
        finding = (await look_at(studio, tmp_path, token=token("config:read", exp=ended)))["Token"]
        assert finding.level == "bad"
        assert finding.means.startswith("AgentOS refuses the token: Token has expired; it ended on ")
        assert f"{ended.astimezone():%Y-%m-%d %H:%M}" in finding.means
        assert finding.fix == "Get a new one, and set it: export AGENTOS_TOKEN=..."

    async def test_a_token_that_ends_soon_is_told(self, studio: str, tmp_path: Path) -> None:
        ends = datetime.now(UTC) + timedelta(hours=3)
        finding = (await look_at(studio, tmp_path, token=token("agent_os:admin", exp=ends)))["Token"]
        assert finding.level == "warning"
        assert f"until {ends.astimezone():%Y-%m-%d %H:%M}" in finding.means
        assert finding.fix.endswith("agentos-mcp install CLIENT --token-file PATH")

    async def test_a_forged_one_is_refused_and_never_shown(self, studio: str, tmp_path: Path) -> None:
        forged = jwt.encode({"sub": "ann", "scopes": ["agent_os:admin"], "aud": "studio"}, "x" * 32, "HS256")
        told = await look_at(studio, tmp_path, token=forged)
        assert told["Token"].level == "bad"
        assert forged not in told.everything

    async def test_a_service_account_is_tried_out_since_nothing_can_be_read_from_it(
        self, studio: str, tmp_path: Path
    ) -> None:
        made = await service_account(studio, "doctor", "config:read", "agents:run", "sessions:read")
        told = await look_at(studio, tmp_path, token=made)
        assert told["Token"].means == "AgentOS asks for a JWT or a service account token, and takes this one"
        finding = told["Scopes"]
        assert finding.level == "warning"
        assert "the token may read sessions, run agents; it may not" in finding.means
        assert "list agents (agents:read)" in finding.means
        assert made not in told.everything

    async def test_the_command_for_another_service_account_works_as_it_is_told(
        self, studio: str, tmp_path: Path
    ) -> None:
        made = await service_account(studio, "narrow", "config:read", "agents:run")
        told = (await look_at(studio, tmp_path, token=made))["Scopes"].fix
        command = shlex.split(told.splitlines()[-1])
        assert command[:3] == ["curl", "-X", "POST"]
        body = json.loads(command[command.index("-d") + 1])
        async with admin() as client:
            answer = await client.post(command[3], json=body)
        assert answer.status_code == 201, answer.text
        wider = await look_at(studio, tmp_path, token=answer.json()["token"])
        assert "list agents" in wider["Scopes"].means.partition("may not")[0]


class TestClaims:
    @pytest.mark.parametrize("claims", [{"scope": "a:read b:run"}, {"scopes": ["a:read", "b:run"]}])
    def test_scopes_come_as_a_list_or_as_a_text(self, claims: dict[str, Any]) -> None:
        found = claims_of(jwt.encode(claims, JWT_KEY, "HS256"))
        assert found is not None
        assert found.scopes == ("a:read", "b:run")

    def test_many_are_counted(self) -> None:
        found = claims_of(jwt.encode({"scopes": [f"s{number}:read" for number in range(20)]}, JWT_KEY, "HS256"))
        assert found is not None
        assert found.shown_scopes.endswith("s11:read and 8 more")

    @pytest.mark.parametrize("other", ["", "a-key", "a.b.c", "a.W10.c", "a.bnVsbA.c", "agno_pat_x"])
    def test_other_tokens_have_none(self, other: str) -> None:
        assert claims_of(other) is None

    @pytest.mark.parametrize("exp", [10**30, "soon", None, float("inf")])
    def test_an_end_that_is_no_moment_is_none(self, exp: object) -> None:
        body = base64.urlsafe_b64encode(json.dumps({"exp": exp}).encode()).decode()
        found = claims_of(f"a.{body}.c")
        assert found is not None
        assert found.expires is None


class TestDatabases:
    async def test_none_is_told_with_what_is_lost(self, bare_agentos: str, tmp_path: Path) -> None:
        told = await look_at(bare_agentos, tmp_path)
        finding = told["Database"]
        assert finding.level == "warning"
        assert finding.means.startswith("there is none: runs end with their connection")
        assert finding.fix == 'Give your AgentOS one: AgentOS(db=SqliteDb(db_file="agentos.db"), ...)'

    async def test_several_are_told_with_how_to_fix_one(self, two_databases: str, tmp_path: Path) -> None:
        told = await look_at(two_databases, tmp_path)
        assert told["Database"].level == "good"
        finding = told["Databases"]
        assert finding.level == "warning"
        assert finding.means.startswith("there are 2, so tools for sessions, memories and the like ask which one")
        assert "agentos-mcp install CLIENT --db-id " in finding.fix

    async def test_several_are_fine_where_one_is_fixed(self, two_databases: str, tmp_path: Path) -> None:
        assert "Databases" not in (await look_at(two_databases, tmp_path, db_id="first-db")).names

    async def test_one_that_cannot_be_read_is_broken(self, tmp_path: Path) -> None:
        with answering(AGNO_2_5 | {"/sessions": (500, {"detail": "no such host: db"})}) as url:
            finding = (await look_at(url, tmp_path))["Database"]
        assert finding.level == "bad"
        assert finding.means.startswith(
            "old-db cannot be read: AgentOS failed on GET /sessions (500: no such host: db)"
        )
        assert finding.fix == "See to old-db; its own log says why."


async def test_an_agentos_with_nothing_to_run_is_told(empty: str, tmp_path: Path) -> None:
    finding = (await look_at(empty, tmp_path))["Components"]
    assert finding.level == "warning"
    assert finding.means == "there are no agents, teams or workflows"
    assert finding.fix == "Give it some: AgentOS(agents=[...])"
