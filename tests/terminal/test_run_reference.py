"""Which run a command means: `last`, the beginning of an id, or no word at all."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

import pytest

from agentos_mcp.agentos.runs.history import RunSearchResult, RunSummary
from agentos_mcp.agentos.runs.run import RunRef, Status
from agentos_mcp.settings import Settings
from agentos_mcp.terminal import run_reference
from agentos_mcp.tooling.context import ToolContext, open_backend
from tests._support.running_agentos import running_agentos
from tests._support.terminal_calls import invoke, invoke_ok

PAUSE_SECONDS = 1.1
"""AgentOS keeps whole seconds: what shall be in order must be further apart."""


@pytest.fixture(scope="module")
def own_agentos() -> Iterator[str]:
    """One on which nobody else starts runs."""
    with running_agentos(build="tests._support.agentos.sample:build") as url:
        yield url


def test_run_is_meant_by_last_by_its_short_id_or_by_nothing(own_agentos: str) -> None:
    assert "No run is paused." in invoke(own_agentos, "continue").stderr
    assert "There is no run yet." in invoke(own_agentos, "runs", "last").stderr

    older = invoke_ok(own_agentos, "run", "echo", "older").reference
    time.sleep(PAUSE_SECONDS)
    latest = invoke_ok(own_agentos, "run", "three-steps", "latest").reference
    assert invoke_ok(own_agentos, "runs", "last", "--json").json["run"] == latest
    assert invoke_ok(own_agentos, "runs", "--explain", "--json").json["run"] == latest
    assert invoke_ok(own_agentos, "runs", "--follow", "--json").json["run"] == latest
    assert invoke_ok(own_agentos, "runs", "last", "--kind", "agent", "--json").json["run"] == older
    assert invoke_ok(own_agentos, "runs", older.rpartition("/")[2][:8], "--json").json["run"] == older
    assert invoke_ok(own_agentos, "runs", "last", "--id", "echo", "--json").json["run"] == older
    assert older in invoke_ok(own_agentos, "runs", "--explain", "--id", "echo").stdout
    none = invoke(own_agentos, "runs", "--timeline", "--until", "2020-01-01")
    assert "There is no such run." in none.stderr
    session = older.split("/")[2]
    assert invoke_ok(own_agentos, "runs", "last", "--session-id", session, "--json").json["run"] == older
    unknown = invoke(own_agentos, "runs", "nosuchrun")
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert "'nosuchrun' is not a run reference." in unknown.stderr

    first = invoke(own_agentos, "run", "confirmer", "first").reference
    assert invoke(own_agentos, "continue", "--json").json["run"] == first
    time.sleep(PAUSE_SECONDS)
    second = invoke(own_agentos, "run", "confirmer", "second").reference
    several = invoke(own_agentos, "continue")
    assert (several.exit_code, several.stdout) == (2, "")
    assert several.stderr == (
        f"agentos-mcp: 2 runs are paused. Use `agentos-mcp continue RUN` with one of: {second}, {first}.\n"
    )

    if sys.platform != "win32":
        from tests._support.pseudo_terminal import open_terminal

        with open_terminal(own_agentos, "continue", piped=True, columns=200) as terminal:
            terminal.wait_for("2 runs are paused:")
            terminal.answer("Which one? [1-2]", "7")
            terminal.answer("Which one? [1-2]", "2")
            terminal.answer("Approve?", "y")
            assert terminal.exit_code() == 0
        assert terminal.reference == first
    assert invoke(own_agentos, "cancel", "last", "--json").json["run"] == second


def test_cancel_needs_to_be_told_which_run(own_agentos: str) -> None:
    refused = invoke(own_agentos, "cancel")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "the following arguments are required: RUN." in refused.stderr


@pytest.mark.anyio
async def test_words_for_two_runs_are_looked_up_in_one_list(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [
        RunSummary(RunRef("agent", "echo", "s", run), Status.COMPLETED, "echo", 0.0) for run in ("newest", "older-1")
    ]
    limits: list[int] = []

    async def search_runs(_: ToolContext, *, limit: int, **__: object) -> RunSearchResult:
        limits.append(limit)
        return RunSearchResult(runs[:limit])

    monkeypatch.setattr(run_reference, "search_runs", search_runs)
    async with open_backend(Settings()) as backend:
        ctx = ToolContext.headless(backend)
        meant = await run_reference.runs_or_components(ctx, ("last", "older"), argparse.Namespace())
        assert meant == ["agent/echo/s/newest", "agent/echo/s/older-1"]
        assert len(limits) == 1
        named = ["agent/echo/s/r", "content pipeline"]
        assert await run_reference.runs_or_components(ctx, named, argparse.Namespace()) == named
        assert len(limits) == 1, "neither word can be a run's of the list"
