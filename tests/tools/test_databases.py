from __future__ import annotations

import httpx
import pytest

from agentos_mcp.settings import Token
from tests._support.agentos_pool import AgentOSPool
from tests._support.mcp_client import Connect
from tests.conftest import KEY

pytestmark = pytest.mark.anyio
ONE_ERA = True


@pytest.fixture(scope="module")
def studio(agentoses: AgentOSPool) -> str:
    return agentoses.url("stored_components")


async def test_agentos_is_described_in_short(connect: Connect, sample_agentos: str, rest: httpx.AsyncClient) -> None:
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        text = await peer.text("get_config")
    config, info = (await rest.get("/config")), (await rest.get("/info")).json()
    lines = text.splitlines()
    assert lines[:3] == ["# Sample", "id: sample", "description: Everything a test needs."]
    assert f"agno: {info['agno_version']}" in lines
    assert "authorization: none (everyone may do everything)" in lines
    assert f"components: {info['agent_count']} agents, {info['team_count']} teams" in text
    assert f"{info['workflow_count']} workflows (1 built anew for every run)" in text
    assert "models: scripted (agentos-mcp)" in lines
    assert "databases: sample-db (session memory knowledge learning traces metrics evals)" in lines
    base = config.json()["knowledge"]["knowledge_instances"][0]["id"]
    assert f"knowledge bases: Sample Facts ({base})" in lines
    assert "background runs: yes" in lines
    assert "durable queue: no" in lines
    assert len(text) * 5 < len(config.text)


async def test_get_config_shows_interfaces_files_and_the_version(connect: Connect, studio: str) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        lines = (await peer.text("get_config")).splitlines()
    assert "interfaces: doorbell /doorbell" in lines
    assert "files of agents: diaries, drafts, team/notes" in lines
    assert "its own version: 7.2" in lines
    assert "traces in: studio-db" in lines


async def test_get_config_shows_the_authorization(connect: Connect, locked_agentos: str) -> None:
    async with connect(locked_agentos, toolsets=("all",), token=Token(KEY)) as peer:
        assert "authorization: a security key for all\n" in await peer.text("get_config")


async def test_get_config_without_the_key_says_how_to_get_in(connect: Connect, locked_agentos: str) -> None:
    async with connect(locked_agentos, toolsets=("all",)) as peer:
        for tool in ("get_config", "list_databases"):
            assert "--token-file PATH" in await peer.error(tool)


async def test_list_databases_shows_parts_and_tables(connect: Connect, studio: str) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        text = await peer.text("list_databases")
    rows = text.splitlines()[2:]
    assert rows[0] == "| studio-db | session | agno_sessions |"
    assert "| studio-db | files of agents | agno_fs |" in rows
    assert "| studio-db | traces | not named by AgentOS |" in rows
    assert "| attic-db | learning | agno_learnings |" in rows
    assert "| attic-db | traces" not in text
    assert "|  |" not in text
    assert rows[-1] == "AgentOS's own: studio-db"


async def test_database_that_is_listed_is_one_that_tools_take(connect: Connect, studio: str) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        listed = await peer.text("list_databases")
        databases = {line.split(" | ")[0].removeprefix("| ") for line in listed.splitlines() if "| learning |" in line}
        assert databases == {"studio-db", "attic-db"}
        for db_id in databases:
            await peer.text("list_learnings", db_id=db_id)


async def test_agentos_that_keeps_nothing_says_so(connect: Connect, bare_agentos: str) -> None:
    async with connect(bare_agentos, toolsets=("all",)) as peer:
        text = await peer.text("get_config")
        assert "databases: none: nothing is kept\n" in text
        assert "background runs: no: that needs a database\n" in text
        assert (await peer.text("list_databases")).startswith("This AgentOS has no database")


@pytest.mark.parametrize("tool", ["get_config", "list_databases"])
async def test_database_tools_refuse_unknown_arguments(connect: Connect, sample_agentos: str, tool: str) -> None:
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        assert "'part'" in await peer.error(tool, part="memory")
