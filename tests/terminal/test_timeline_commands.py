"""`runs --timeline`, `traces TRACE`, `metrics` and `compare` as they are typed."""

from __future__ import annotations

import sys

import pytest

from agentos_mcp.agentos.runs.run import new_id
from tests._support.agentos_pool import AgentOSPool
from tests._support.terminal_calls import invoke, invoke_ok

if sys.platform == "win32":
    pytest.skip("pseudo-terminals as POSIX has them", allow_module_level=True)

from tests._support.pseudo_terminal import open_terminal


@pytest.fixture(scope="module")
def traced(agentoses: AgentOSPool) -> str:
    return agentoses.url("traces", "build_named")


@pytest.fixture(scope="module")
def regressing(agentoses: AgentOSPool) -> str:
    return agentoses.url("regressing")


def test_timeline_of_a_run_has_a_bar_for_each_step_and_call(regressing: str) -> None:
    run = invoke(regressing, "run", "sales report", "sales of north").reference
    lines = invoke_ok(regressing, "runs", run, "--timeline").stdout.splitlines()
    assert lines[0].startswith("Sales Report · completed · ")
    parts = [line.split("  █")[0].split("█")[0].strip() for line in lines[1:]]
    assert [part for part in parts if part.startswith(("✔", "✘"))] == [
        "✔ Sales Report",
        "✔   step fetch (Analyst)",
        "✘     tool fetch_sales",
        "✘   step check",
        "✔   step write (Writer)",
    ]
    assert "    the table of north is locked" in lines
    assert all("\x1b" not in line and len(line) <= 80 for line in lines)


def test_timeline_without_a_run_is_the_latest_runs(regressing: str) -> None:
    invoke_ok(regressing, "run", "writer", "hello")
    # Runs begin in whole seconds: of the same one, another kind's may be first.
    assert invoke_ok(regressing, "runs", "--timeline", "--kind", "agent").stdout.startswith("Writer · completed")
    assert invoke(regressing, "runs", "--timeline", "--explain").exit_code == 2


def test_trace_at_a_terminal_is_drawn_and_in_a_pipe_is_a_tree(traced: str) -> None:
    run = invoke_ok(traced, "run", "agent", "echo", f"hello {new_id()}").reference
    tree = invoke_ok(traced, "traces", run).stdout
    assert "tree:" in tree
    assert "█" not in tree
    assert "█" in invoke_ok(traced, "traces", run, "--timeline").stdout
    with open_terminal(traced, "traces", run, columns=90) as terminal:
        terminal.wait_for("trace: ")
        terminal.wait_for("█")
        assert terminal.exit_code() == 0
    assert "in: hello" not in terminal.plain
    with open_terminal(traced, "traces", run, "--tree", columns=90) as terminal:
        terminal.wait_for("tree:")
        assert terminal.exit_code() == 0


def test_metrics_command_has_a_sparkline_for_each_figure_and_the_table(demo: str) -> None:
    shown = invoke_ok(demo, "metrics").stdout
    assert " to " in shown.splitlines()[0]
    assert any(line.startswith("tokens in") and "in all, most" in line for line in shown.splitlines())
    assert "DAY (UTC)" in shown
    assert invoke_ok(demo, "metrics", "--since", "2000-01-01", "--until", "2000-01-02").stdout.startswith("No figures")
    assert invoke(demo, "metrics", "--since", "no day").exit_code == 2


def test_compare_command_takes_short_ids_last_and_names(regressing: str) -> None:
    good = invoke_ok(regressing, "run", "sales report", "sales of south").reference
    bad = invoke(regressing, "run", "sales report", "sales of north").reference
    for words in ([good, bad], [good.rpartition("/")[2], bad.rpartition("/")[2][:8]]):
        text = invoke_ok(regressing, "compare", *words).stdout
        assert f"\nA: {good} · " in text
        assert f"\nB: {bad} · " in text
        assert f"`agentos-mcp runs {bad} --explain" in text
    assert "Why B failed: " in invoke_ok(regressing, "compare").stdout
    assert "Why B failed: " in invoke_ok(regressing, "compare", "sales report").stdout
    assert invoke_ok(regressing, "compare", good, bad, "--json").json["b"]["run"] == bad
    assert invoke(regressing, "compare", "nobody").exit_code == 1
