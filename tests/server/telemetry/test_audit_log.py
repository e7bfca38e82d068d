"""The audit log: one line for every call that can change something, however it ends; none for what only reads."""

from __future__ import annotations

import logging
import os
import stat
from functools import partial
from pathlib import Path

import anyio
import httpx
import pytest
from mcp_types import ElicitResult

from agentos_mcp.settings import Settings, SettingsError, Token, load
from agentos_mcp.tooling import elicitation
from agentos_mcp.tools import TOOLSETS
from tests._support.agentos_pool import AgentOSPool
from tests._support.agno_environments import PORT_VARIABLE
from tests._support.apps_client import apps_client, view_content
from tests._support.contract_calls import CALLS
from tests._support.factories import Rest
from tests._support.http_answers import http_json
from tests._support.log_capture import audit_lines, json_log
from tests._support.mcp_client import Connect, connector, reference
from tests._support.person import Person
from tests._support.process_clients import Clock
from tests._support.processes import PATIENCE
from tests._support.scripted_agentos import scripted_agentos

pytestmark = pytest.mark.anyio
ONE_ERA = True

MARK = "Xylophone-7f3a9"
"""In everything that is said by these tests; nothing that is logged may have it."""
TOKEN = "OSK_51d0c7e2aa9346"
FREE_TEXTS = frozenset(
    {"message", "memory", "query", "text", "description", "note", "summary", "input", "criteria", "expected_output"}
)
READING = {tool.name for toolset in TOOLSETS for tool in toolset.tools if tool.read_only}
FIELDS = {"time", "caller", "client", "tool", "component", "reference", "outcome"}


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


@pytest.mark.timeout(240)
async def test_every_tool_is_audited_once_or_not_at_all_and_no_log_has_what_was_said(
    agentoses: AgentOSPool, audit: Path
) -> None:
    url = agentoses.url("contract", environment={PORT_VARIABLE: "9"})
    settings = {"toolsets": ("all",), "audit_log": str(audit), "token": Token(TOKEN), "wait": 1.0}
    answers: list[str] = []
    async with httpx.AsyncClient(base_url=url, timeout=30) as http, connector("auto")(url, **settings) as peer:
        rest, audited = Rest(http, "http://127.0.0.1:9"), 0
        with json_log(secrets=(TOKEN,)) as log:
            for tool, calls in CALLS.items():
                rest.given.clear()
                for name, value in calls[0].arguments.items():
                    rest.given[name] = await value(rest) if callable(value) else value
                arguments = {
                    name: f"{value} {MARK}" if name in FREE_TEXTS and isinstance(value, str) else value
                    for name, value in rest.given.items()
                }
                result = await peer.client.call_tool(tool, arguments)
                answers.append(repr(result))
                lines = audit_lines(audit)[audited:]
                assert [line["tool"] for line in lines] == ([] if tool in READING else [tool]), (tool, result)
                audited += len(lines)
    assert any(MARK in answer for answer in answers), "answers have it"
    assert {logger["logger"].partition(".")[0] for logger in log.lines} >= {"httpx2", "httpcore2"}, "all are heard"
    for text in (log.text, str(audit_lines(audit))):
        assert MARK not in text
        assert TOKEN not in text
        assert "echo: " not in text
    for line in audit_lines(audit):
        assert line.keys() >= FIELDS
    outcomes = {line["tool"]: line["outcome"] for line in audit_lines(audit)}
    assert {outcomes[tool] for tool in ("run_agent", "create_memory", "delete_memory")} == {"done"}


async def test_line_says_who_ran_what_and_its_reference(connect: Connect, sample_agentos: str, audit: Path) -> None:
    async with connect(sample_agentos, audit_log=str(audit), user_id="ann", client_name="claude-ai") as peer:
        run = reference(await peer.text("run_agent", agent_id="echo", message="hello"))
    (line,) = audit_lines(audit)
    line.pop("time")
    assert line == {
        "caller": "ann",
        "client": "claude-ai",
        "tool": "run_agent",
        "component": "agent/echo",
        "reference": run,
        "outcome": "done",
    }


async def test_write_to_something_else_than_a_run_says_its_path(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, audit: Path
) -> None:
    created = (await rest.post("/memories", json={"memory": "To be forgotten", "user_id": "ann"})).json()["memory_id"]
    async with connect(sample_agentos, audit_log=str(audit), tools=("delete_memory",)) as peer:
        await peer.text("delete_memory", memory_id=created)
    (line,) = audit_lines(audit)
    assert (line["reference"], line["outcome"]) == (f"/memories/{created}", "done")


async def test_line_says_which_of_several_agentoses_was_written_to(
    connect: Connect, sample_agentos: str, demo: str, audit: Path
) -> None:
    each = (Settings(instance="dev", url=demo), Settings(instance="prod", url=sample_agentos))
    async with connect(demo, instances=each, audit_log=str(audit)) as peer:
        await peer.text("create_memory", memory="likes tea", user_id="audited", instance="prod")
        run = reference(await peer.text("run_agent", agent_id="echo on prod", message="hello"))
    assert run.startswith("prod:agent/echo/")
    assert [line["reference"] for line in audit_lines(audit)] == ["prod:/memories", run]


async def test_page_that_reads_its_data_is_not_audited(sample_agentos: str, audit: Path) -> None:
    async with apps_client(sample_agentos, audit_log=str(audit)) as peer:
        await view_content(peer, view="inbox")
        await peer.text("run_agent", agent_id="echo", message="hello")
    assert [line["tool"] for line in audit_lines(audit)] == ["run_agent"]


@pytest.mark.parametrize(
    ("tool", "arguments", "outcome"),
    [
        ("run_agent", {"agent_id": "nobody at all", "message": MARK}, "refused"),
        ("run_agent", {"agent_id": "echo", "message": {"not": MARK}}, "refused"),
        ("run_agent", {"agent_id": "echo", "words": MARK}, "refused"),
        ("run_agent", {"agent_id": "broken", "message": MARK}, "failed"),
        ("cancel_run", {"run": MARK}, "refused"),
        ("delete_session", {"session_id": "x"}, "refused"),
    ],
    ids=["no-such-agent", "wrong-type", "unknown-argument", "run-fails", "no-reference", "tool-is-off"],
)
async def test_call_that_fails_or_is_refused_has_one_line(
    connect: Connect, sample_agentos: str, audit: Path, tool: str, arguments: dict[str, object], outcome: str
) -> None:
    async with connect(sample_agentos, audit_log=str(audit)) as peer:
        await peer.error(tool, **arguments)
    (line,) = audit_lines(audit)
    assert (line["tool"], line["outcome"]) == (tool, outcome)
    assert MARK not in str(line)


async def test_write_that_agentos_answers_with_an_error_has_failed(connect: Connect, audit: Path) -> None:
    answers = {"POST /memories": http_json({"detail": f"no {MARK}"}, 500)}
    async with scripted_agentos(answers) as server, connect(server.url, audit_log=str(audit)) as peer:
        await peer.error("create_memory", memory=MARK, user_id="ann")
    (line,) = audit_lines(audit)
    assert (line["reference"], line["outcome"]) == ("/memories", "failed")


async def test_cancelled_call_has_one_line_with_its_run(connect: Connect, sample_agentos: str, audit: Path) -> None:
    async with connect(sample_agentos, audit_log=str(audit)) as peer:
        progress = Clock()
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(partial(peer.listen, progress, "run_agent", agent_id="slow", message="200 20"))
                await progress.wait_for_first()
                tasks.cancel_scope.cancel()
    (line,) = audit_lines(audit)  # it is there once the server has ended
    assert (line["component"], line["outcome"]) == ("agent/slow", "cancelled")
    assert line["reference"].startswith("agent/slow/")


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_question_that_is_answered_has_one_line_for_what_was_done(
    mode: str, sample_agentos: str, rest: httpx.AsyncClient, audit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elicitation, "MIN_READING_SECONDS", 0.0)
    for answer, outcome in (
        (ElicitResult(action="accept", content={"confirm": True}), "done"),
        (ElicitResult(action="decline"), "nothing done"),
    ):
        memory = (await rest.post("/memories", json={"memory": "m", "user_id": "ann"})).json()["memory_id"]

        async def person(context: object, params: object, answer: ElicitResult = answer) -> ElicitResult:
            return answer

        connect = connector(mode)
        async with connect(sample_agentos, person=person, audit_log=str(audit), tools=("delete_memory",)) as peer:
            await peer.text("delete_memory", memory_id=memory)
        *_, line = audit_lines(audit)
        assert (line["tool"], line["outcome"]) == ("delete_memory", outcome)
    assert len(audit_lines(audit)) == 2


async def test_hostile_tool_and_client_names_make_no_line_of_their_own(
    connect: Connect, sample_agentos: str, audit: Path
) -> None:
    async with connect(sample_agentos, audit_log=str(audit), client_name='x"}\n{"tool": "forged\u2028"') as peer:
        await peer.error("delete_everything\n{}")
        await peer.text("run_agent", agent_id="echo", message="hello")
    (line,) = audit_lines(audit)
    assert line["tool"] == "run_agent"
    assert "\n" not in line["client"]


async def test_client_that_wants_no_logs_is_audited_all_the_same(
    connect: Connect, sample_agentos: str, audit: Path
) -> None:
    logger = logging.getLogger("agentos_mcp")
    before = logger.level
    try:
        logger.setLevel(logging.CRITICAL)
        async with connect(sample_agentos, audit_log=str(audit)) as peer:
            await peer.text("run_agent", agent_id="echo", message="hello")
    finally:
        logger.setLevel(before)
    assert len(audit_lines(audit)) == 1


@pytest.mark.skipif(os.name == "nt", reason="permissions as POSIX has them")
async def test_file_is_for_its_owner_and_is_made_anew_once_moved_away(
    connect: Connect, sample_agentos: str, audit: Path, tmp_path: Path
) -> None:
    async with connect(sample_agentos, audit_log=str(audit)) as peer:
        await peer.text("run_agent", agent_id="echo", message="hello")
        os.rename(audit, tmp_path / "audit.log.1")  # noqa: PTH104 - as whoever rotates logs does
        await peer.text("run_agent", agent_id="echo", message="hello")
    assert len(audit_lines(audit)) == len(audit_lines(tmp_path / "audit.log.1")) == 1
    assert stat.S_IMODE(os.stat(audit).st_mode) == 0o600  # noqa: PTH116 - nothing else waits here


@pytest.mark.parametrize("path", ["no-such-folder/audit.log", "."])
def test_file_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path, path: str) -> None:
    with pytest.raises(SettingsError, match="--audit-log"):
        load({"audit_log": str(tmp_path / path)})


async def test_without_the_setting_nothing_is_audited(connect: Connect, sample_agentos: str) -> None:
    with json_log(logging.INFO) as log:
        async with connect(sample_agentos) as peer:
            await peer.text("run_agent", agent_id="echo", message="hello")
    assert not [line for line in log.lines if line["logger"] == "agentos_mcp.audit"]


@pytest.mark.parametrize(("mode", "outcomes"), [("legacy", ["done"]), ("auto", ["waiting", "done"])])
async def test_run_that_asks_has_a_line_for_its_start_and_one_for_the_answer_where_that_is_another_call(
    mode: str, outcomes: list[str], pausing: str, audit: Path
) -> None:
    async with connector(mode)(pausing, person=Person("approve"), audit_log=str(audit)) as peer:
        await peer.text("run_agent", agent_id="deployer", message="go")
    lines = audit_lines(audit)
    assert [line["outcome"] for line in lines] == outcomes
    assert len({line["reference"] for line in lines}) == 1
