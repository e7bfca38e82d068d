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
from tests._support.terminal_calls import call, done, started


@pytest.fixture(scope="module")
def traced(agentoses: AgentOSPool) -> str:
    """An AgentOS that keeps traces."""
    return agentoses.url("traces")


def test_runs_are_listed_and_shown_again(sample_agentos: str, session: str) -> None:
    run = done(sample_agentos, "run", "agent", "echo", "-m", "hello", "--session-id", session).reference
    listed = done(sample_agentos, "runs", "--session-id", session)
    assert listed.out.splitlines()[0].split() == ["RUN", "STATUS", "STARTED", "INPUT", "ANSWER"]
    assert listed.out.splitlines()[1].startswith(f"{run}  completed  ")
    (item,) = done(sample_agentos, "runs", "--session-id", session, "--json").json["items"]
    assert (item["run"], item["status"], item["input"], item["answer"]) == (run, "completed", "hello", "echo: hello")
    shown = done(sample_agentos, "runs", run)
    assert shown.out == "echo: hello\n"
    assert shown.err.startswith("completed")
    assert done(sample_agentos, "runs", run, "--json").json["answer"] == "echo: hello"
    assert done(sample_agentos, "runs", run, "--follow").out == "echo: hello\n"
    assert done(sample_agentos, "runs", run, "--follow", "--json").json["answer"] == "echo: hello"


def test_runs_are_chosen_by_component_and_status(sample_agentos: str, session: str) -> None:
    failed = call(sample_agentos, "run", "agent", "broken", "-m", "x", "--session-id", session).reference
    chosen = done(sample_agentos, "runs", "--kind", "agents", "--id", "broken", "--status", "error", "--json").json[
        "items"
    ]
    assert failed in [item["run"] for item in chosen]
    assert {item["status"] for item in chosen} == {"error"}
    refused = call(sample_agentos, "runs", "--id", "nobody")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == "agentos-mcp: An id needs its kind. Give --kind: agent, team or workflow.\n"


def test_a_failed_run_is_explained_with_commands(sample_agentos: str) -> None:
    run = call(sample_agentos, "run", "workflow", "stops-on-failure", "-m", "x").reference
    told = done(sample_agentos, "runs", run, "--explain").out
    assert "What failed: step bad" in told
    assert f"run: {run}" in told
    calm = done(sample_agentos, "run", "agent", "echo", "-m", "x").reference
    assert (
        f"Next: Nothing failed; `agentos-mcp runs {calm}` has the whole answer."
        in done(sample_agentos, "runs", calm, "--explain").out
    )
    assert "What failed" in done(sample_agentos, "runs", run, "--explain", "--json").json["text"]


def test_a_run_that_is_going_is_followed_and_cancelled(sample_agentos: str, session: str) -> None:
    with started(sample_agentos, "run", "agent", "slow", "-m", "200 20", "--session-id", session) as theirs:
        assert theirs.stdout is not None
        assert theirs.stdout.read(1) == b"w"
        run = done(sample_agentos, "runs", "--session-id", session, "--json").json["items"][0]["run"]
        with started(sample_agentos, "runs", run, "--follow") as follower:
            assert follower.stdout is not None
            assert follower.stdout.read(1) == b"w"
            assert done(sample_agentos, "cancel", run).out.startswith("It has ended:\ncancelled")
            _, said = follower.communicate(timeout=PATIENCE)
        theirs.communicate(timeout=PATIENCE)
    assert (theirs.returncode, follower.returncode) == (1, 1)
    assert b"cancelled" in said
    assert anyio.run(ends_as, sample_agentos, "agents/slow", session) == "CANCELLED"
    again = call(sample_agentos, "cancel", run)
    assert (again.code, again.out.splitlines()[0]) == (1, "Nothing to cancel:")
    assert call(sample_agentos, "cancel", run, "--json").json["status"] == "cancelled"


def test_a_run_that_nobody_knows(sample_agentos: str) -> None:
    for command in (["runs"], ["continue"], ["cancel"]):
        ended = call(sample_agentos, *command, "agent/echo/nowhere/never")
        assert (ended.code, ended.out) == (1, "")
        assert ended.err == "agentos-mcp: Run not found. `agentos-mcp runs` lists the latest ones.\n"
    ended = call(sample_agentos, "runs", "nonsense", "--json")
    assert ended.code == 2
    assert ended.json["error"] == "'nonsense' is no run reference."


def test_sessions_are_listed_and_shown_with_their_runs(sample_agentos: str, session: str) -> None:
    run = done(
        sample_agentos, "run", "agent", "echo", "-m", "hello", "--session-id", session, "--user-id", "ada"
    ).reference
    listed = done(sample_agentos, "sessions", "--kind", "agent", "--user-id", "ada", "--json").json["items"]
    assert session in [item["session"] if "session" in item else item["id"] for item in listed]
    assert session in done(sample_agentos, "sessions").out
    shown = done(sample_agentos, "sessions", session)
    assert f"session: {session}" in shown.out
    assert "component: agent echo" in shown.out
    assert f"\n{run}  completed  " in shown.out
    assert shown.out.endswith(f"`agentos-mcp run agent echo --session-id {session} --user-id ada -m TEXT`.\n")
    assert [item["run"] for item in done(sample_agentos, "sessions", session, "--json").json["runs"]] == [run]
    missing = call(sample_agentos, "sessions", "nowhere")
    assert (missing.code, missing.out) == (1, "")
    assert "`agentos-mcp sessions` shows what there is." in missing.err


def test_memories_are_listed_searched_and_shown(sample_agentos: str) -> None:
    user, fact = f"user-{new_id()}", f"Likes tea number {new_id()}."
    made = httpx.post(
        f"{sample_agentos}/memories", json={"memory": fact, "user_id": user, "topics": ["tea"]}, timeout=PATIENCE
    )
    memory = made.json()["memory_id"]
    assert done(sample_agentos, "memories", "--user-id", user).out.splitlines()[1].startswith(f"{memory}  {fact}")
    assert [item["id"] for item in done(sample_agentos, "memories", "--search", fact, "--json").json["items"]] == [
        memory
    ]
    assert fact in done(sample_agentos, "memories", memory).out
    assert done(sample_agentos, "memories", memory, "--json").json["facts"]["user"] == user
    nobody = call(sample_agentos, "memories", given={"AGENTOS_MCP_USER_ID": "nobody"})
    assert nobody.out == "No memories of user 'nobody'.\n"


def test_long_lists_are_paged(sample_agentos: str) -> None:
    listed = done(sample_agentos, "knowledge", "list", "--limit", "1")
    assert len(listed.out.splitlines()) == 3
    assert listed.out.splitlines()[-1].endswith("--page 2 has more")
    first = done(sample_agentos, "knowledge", "list", "--limit", "1", "--json").json
    second = done(sample_agentos, "knowledge", "list", "--limit", "1", "--page", "2", "--json").json
    assert first["items"] != second["items"]
    assert call(sample_agentos, "knowledge", "list", "--limit", "1000").code == 2


def test_knowledge_is_searched_and_added_to(demo: str, tmp_path: Path) -> None:
    word = new_id()
    file = tmp_path / "kettles.txt"
    file.write_text(f"Kettles of type {word} whistle.", encoding="utf-8")
    assert done(demo, "knowledge", "add", "--file", str(file)).out.startswith("Added 'kettles.txt'")
    added = done(demo, "knowledge", "add", "--text", "-", "--name", word, stdin=f"Pots of type {word} do not.").out
    assert added.endswith("`agentos-mcp knowledge search QUERY` finds it.\n")
    assert "whistle" in done(demo, "knowledge", "search", f"kettles of type {word}").out
    found = done(demo, "knowledge", "search", f"kettles of type {word}", "--max-results", "1", "--json").json["items"]
    assert [passage["content"] for passage in found] == [f"Kettles of type {word} whistle."]
    assert word in done(demo, "knowledge", "list").out
    again = call(demo, "knowledge", "add", "--text", "other", "--name", word)
    assert again.code != 0
    assert again.err.endswith(
        "If it has changed, delete it and add it again; if it is something else, give another --name.\n"
    )


def test_knowledge_is_filtered_by_its_metadata(sample_agentos: str) -> None:
    filters = ("--filters", '{"kind": "bird"}')
    assert "penguin" in done(sample_agentos, "knowledge", "search", "penguin or giraffe", *filters).out
    found = done(sample_agentos, "knowledge", "search", "penguin or giraffe", *filters, "--json").json["items"]
    assert {passage["name"] for passage in found} == {"penguin"}


def test_traces_are_listed_and_shown(traced: str) -> None:
    agent = done(traced, "agents", "--json").json["items"][0]["id"]
    run = call(traced, "run", "agent", agent, "-m", "x").reference
    listed = done(traced, "traces", "--json").json["items"]
    assert listed
    shown = done(traced, "traces", run).out
    assert agent in shown.lower()
    assert done(traced, "traces", run, "--json").json["facts"]
    assert call(traced, "traces", "nothing").err.endswith("`agentos-mcp traces` has the ids.\n")
    assert call(traced, "traces", "--span-id", "x").code == 2
