"""Runs, sessions, memories, knowledge and traces, looked at from the command line."""

from __future__ import annotations

from pathlib import Path

import anyio
import httpx
import pytest

from agentos_mcp.agentos.runs.run import new_id
from tests._support.agentos_pool import AgentOSPool
from tests._support.process_clients import ends_as
from tests._support.processes import PATIENCE
from tests._support.terminal_calls import invoke, invoke_ok, start_command


@pytest.fixture(scope="module")
def traced(agentoses: AgentOSPool) -> str:
    """An AgentOS that keeps traces."""
    return agentoses.url("traces")


def test_runs_command_lists_and_shows_runs(sample_agentos: str, session: str) -> None:
    run = invoke_ok(sample_agentos, "run", "agent", "echo", "-m", "hello", "--session-id", session).reference
    table = invoke_ok(sample_agentos, "runs", "--session-id", session)
    assert table.stdout.splitlines()[0].split() == ["RUN", "STATUS", "STARTED", "INPUT", "ANSWER"]
    assert table.stdout.splitlines()[1].startswith(f"{run}  completed  ")
    (item,) = invoke_ok(sample_agentos, "runs", "--session-id", session, "--json").json["items"]
    assert (item["run"], item["status"], item["input"], item["answer"]) == (run, "completed", "hello", "echo: hello")
    detail = invoke_ok(sample_agentos, "runs", run)
    assert detail.stdout == "echo: hello\n"
    assert detail.stderr.startswith("completed")
    assert invoke_ok(sample_agentos, "runs", run, "--json").json["answer"] == "echo: hello"
    assert invoke_ok(sample_agentos, "runs", run, "--follow").stdout == "echo: hello\n"
    assert invoke_ok(sample_agentos, "runs", run, "--follow", "--json").json["answer"] == "echo: hello"


def test_runs_command_filters_by_component_and_status(sample_agentos: str, session: str) -> None:
    failed = invoke(sample_agentos, "run", "agent", "broken", "-m", "x", "--session-id", session).reference
    items = invoke_ok(sample_agentos, "runs", "--kind", "agents", "--id", "broken", "--status", "error", "--json").json[
        "items"
    ]
    assert failed in [item["run"] for item in items]
    assert {item["status"] for item in items} == {"failed"}
    refused = invoke(sample_agentos, "runs", "--id", "nobody")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("agentos-mcp: No component 'nobody'. ")


def test_runs_sessions_and_traces_commands_take_times(sample_agentos: str, traced: str, session: str) -> None:
    run = invoke_ok(sample_agentos, "run", "agent", "echo", "-m", "x", "--session-id", session).reference
    for flags, is_listed in (
        (["--since", "today"], True),
        (["--since", "5 min", "--until", "now"], True),
        (["--until", "yesterday"], False),
    ):
        assert (run in invoke_ok(sample_agentos, "runs", "--session-id", session, *flags).stdout) is is_listed
        assert (f"\n{session} " in invoke_ok(sample_agentos, "sessions", *flags).stdout) is is_listed
    refused = invoke(sample_agentos, "runs", "--since", "soon")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith("agentos-mcp: since: 'soon' is not a valid time. Write it as YYYY-MM-DD")
    invoke_ok(traced, "run", "agent", "echo", "-m", "x")
    slowest = invoke_ok(traced, "traces", "--order", "slowest", "--since", "today", "--limit", "1")
    assert "The slowest of " in slowest.stdout


def test_explain_flag_explains_a_failed_run_with_commands(sample_agentos: str) -> None:
    run = invoke(sample_agentos, "run", "workflow", "stops-on-failure", "-m", "x").reference
    explanation = invoke_ok(sample_agentos, "runs", run, "--explain").stdout
    assert "What failed: step bad" in explanation
    assert f"run: {run}" in explanation
    successful = invoke_ok(sample_agentos, "run", "agent", "echo", "-m", "x").reference
    assert (
        f"Next: Nothing failed; `agentos-mcp runs {successful}` has the whole answer."
        in invoke_ok(sample_agentos, "runs", successful, "--explain").stdout
    )
    assert "What failed" in invoke_ok(sample_agentos, "runs", run, "--explain", "--json").json["text"]


def test_running_run_is_followed_and_cancelled(sample_agentos: str, session: str) -> None:
    with start_command(sample_agentos, "run", "agent", "slow", "-m", "200 20", "--session-id", session) as theirs:
        assert theirs.stdout is not None
        assert theirs.stdout.read(1) == b"w"
        run = invoke_ok(sample_agentos, "runs", "--session-id", session, "--json").json["items"][0]["run"]
        with start_command(sample_agentos, "runs", run, "--follow") as follower:
            assert follower.stdout is not None
            assert follower.stdout.read(1) == b"w"
            assert invoke_ok(sample_agentos, "cancel", run).stdout.startswith("The run has ended:\ncancelled")
            _, stderr = follower.communicate(timeout=PATIENCE)
        theirs.communicate(timeout=PATIENCE)
    assert (theirs.returncode, follower.returncode) == (1, 1)
    assert b"cancelled" in stderr
    assert anyio.run(ends_as, sample_agentos, "agents/slow", session) == "CANCELLED"
    again = invoke(sample_agentos, "cancel", run)
    assert (again.exit_code, again.stdout.splitlines()[0]) == (1, "Nothing to cancel, the run has ended:")
    assert invoke(sample_agentos, "cancel", run, "--json").json["status"] == "cancelled"


def test_unknown_run_is_an_error_with_a_hint(sample_agentos: str) -> None:
    for command in (["runs"], ["continue"], ["cancel"]):
        result = invoke(sample_agentos, *command, "agent/echo/nowhere/never")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == "agentos-mcp: Run not found. `agentos-mcp runs` lists the latest runs.\n"
    result = invoke(sample_agentos, "runs", "nonsense", "--json")
    assert result.exit_code == 2
    assert result.json["error"] == "'nonsense' is not a run reference."


def test_sessions_command_lists_and_shows_sessions_with_their_runs(sample_agentos: str, session: str) -> None:
    run = invoke_ok(
        sample_agentos, "run", "agent", "echo", "-m", "hello", "--session-id", session, "--user-id", "ada"
    ).reference
    items = invoke_ok(sample_agentos, "sessions", "--kind", "agent", "--user-id", "ada", "--json").json["items"]
    assert session in [item["session"] if "session" in item else item["id"] for item in items]
    assert session in invoke_ok(sample_agentos, "sessions").stdout
    detail = invoke_ok(sample_agentos, "sessions", session)
    assert f"session: {session}" in detail.stdout
    assert "component: agent echo" in detail.stdout
    assert f"\n{run}  completed  " in detail.stdout
    assert detail.stdout.endswith(f"`agentos-mcp run agent echo --session-id {session} --user-id ada -m TEXT`.\n")
    assert [item["run"] for item in invoke_ok(sample_agentos, "sessions", session, "--json").json["runs"]] == [run]
    missing = invoke(sample_agentos, "sessions", "nowhere")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "`agentos-mcp sessions` shows what there is." in missing.stderr


def test_memories_command_lists_searches_and_shows_memories(sample_agentos: str) -> None:
    user, fact = f"user-{new_id()}", f"Likes tea number {new_id()}."
    created = httpx.post(
        f"{sample_agentos}/memories", json={"memory": fact, "user_id": user, "topics": ["tea"]}, timeout=PATIENCE
    )
    memory = created.json()["memory_id"]
    assert (
        invoke_ok(sample_agentos, "memories", "--user-id", user).stdout.splitlines()[1].startswith(f"{memory}  {fact}")
    )
    assert [item["id"] for item in invoke_ok(sample_agentos, "memories", "--search", fact, "--json").json["items"]] == [
        memory
    ]
    assert fact in invoke_ok(sample_agentos, "memories", memory).stdout
    assert invoke_ok(sample_agentos, "memories", memory, "--json").json["facts"]["user"] == user
    nobody = invoke(sample_agentos, "memories", env={"AGENTOS_MCP_USER_ID": "nobody"})
    assert nobody.stdout == "No memories of user 'nobody'.\n"


def test_knowledge_list_is_paged(sample_agentos: str) -> None:
    table = invoke_ok(sample_agentos, "knowledge", "list", "--limit", "1")
    assert len(table.stdout.splitlines()) == 3
    assert table.stdout.splitlines()[-1].endswith("--page 2 has more")
    first = invoke_ok(sample_agentos, "knowledge", "list", "--limit", "1", "--json").json
    second = invoke_ok(sample_agentos, "knowledge", "list", "--limit", "1", "--page", "2", "--json").json
    assert first["items"] != second["items"]
    assert invoke(sample_agentos, "knowledge", "list", "--limit", "1000").exit_code == 2


def test_knowledge_command_searches_and_adds(demo: str, tmp_path: Path) -> None:
    word = new_id()
    file = tmp_path / "kettles.txt"
    file.write_text(f"Kettles of type {word} whistle.", encoding="utf-8")
    assert invoke_ok(demo, "knowledge", "add", "--file", str(file)).stdout.startswith("Added 'kettles.txt'")
    added = invoke_ok(
        demo, "knowledge", "add", "--text", "-", "--name", word, stdin=f"Pots of type {word} do not."
    ).stdout
    assert added.endswith("`agentos-mcp knowledge search QUERY` finds it.\n")
    assert "whistle" in invoke_ok(demo, "knowledge", "search", f"kettles of type {word}").stdout
    passages = invoke_ok(demo, "knowledge", "search", f"kettles of type {word}", "--max-results", "1", "--json").json[
        "items"
    ]
    assert [passage["content"] for passage in passages] == [f"Kettles of type {word} whistle."]
    assert word in invoke_ok(demo, "knowledge", "list").stdout
    again = invoke(demo, "knowledge", "add", "--text", "other", "--name", word)
    assert again.exit_code != 0
    assert again.stderr.endswith(
        "If it has changed, delete it and add it again; if it is something else, give another --name.\n"
    )


def test_knowledge_search_filters_by_metadata(sample_agentos: str) -> None:
    filters = ("--filters", '{"kind": "bird"}')
    assert "penguin" in invoke_ok(sample_agentos, "knowledge", "search", "penguin or giraffe", *filters).stdout
    passages = invoke_ok(sample_agentos, "knowledge", "search", "penguin or giraffe", *filters, "--json").json["items"]
    assert {passage["name"] for passage in passages} == {"penguin"}


def test_traces_command_lists_and_shows_traces(traced: str) -> None:
    agent = invoke_ok(traced, "agents", "--json").json["items"][0]["id"]
    run = invoke(traced, "run", "agent", agent, "-m", "x").reference
    items = invoke_ok(traced, "traces", "--json").json["items"]
    assert items
    detail = invoke_ok(traced, "traces", run).stdout
    assert agent in detail.lower()
    assert invoke_ok(traced, "traces", run, "--json").json["facts"]
    assert invoke_ok(traced, "traces", "--until", "2000-01-01").stdout == "No such traces.\n"
    assert invoke(traced, "traces", "nothing").stderr.endswith("`agentos-mcp traces` has the ids.\n")
    assert invoke(traced, "traces", "--span-id", "x").exit_code == 2
