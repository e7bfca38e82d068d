"""Agents, teams and workflows, listed and shown: in columns for people, as JSON for scripts."""

from __future__ import annotations

import pytest

from tests._support.processes import DOWN
from tests._support.terminal_calls import invoke, invoke_ok
from tests.conftest import KEY


@pytest.mark.parametrize(
    ("kinds", "component_id"), [("agents", "echo"), ("teams", "pair"), ("workflows", "three-steps")]
)
def test_component_list_is_columns_or_json(sample_agentos: str, kinds: str, component_id: str) -> None:
    table = invoke_ok(sample_agentos, kinds)
    assert table.stdout.splitlines()[0].split()[:2] == ["ID", "NAME"]
    assert any(line.startswith(f"{component_id} ") for line in table.stdout.splitlines())
    assert table.stderr == ""
    ids = [item["id"] for item in invoke_ok(sample_agentos, kinds, "--json").json["items"]]
    assert [line.split("  ")[0] for line in table.stdout.splitlines()[1:]] == ids


def test_component_is_found_by_a_similar_name(demo: str) -> None:
    detail = invoke_ok(demo, "workflows", "my content pipeline").stdout
    assert detail.startswith("# Content Pipeline (workflow content-pipeline)\n")
    assert "Step 1: research (agent Researcher)" in detail
    assert invoke_ok(demo, "workflows", "content-pipeline", "--config").stdout == detail


def test_component_as_json_is_what_agentos_has(demo: str) -> None:
    detail = invoke_ok(demo, "workflows", "content-pipeline", "--json").json
    assert (detail["kind"], detail["id"], detail["name"]) == ("workflow", "content-pipeline", "Content Pipeline")
    assert [step["name"] for step in detail["steps"]] == ["research", "draft", "edit"]


@pytest.mark.parametrize("kinds", ["agents", "teams", "workflows"])
def test_config_flag_shows_the_whole_agentos(demo: str, kinds: str) -> None:
    detail = invoke_ok(demo, kinds, "-c").stdout
    assert detail.startswith("# Newsroom Demo\n")
    assert "databases: demo-db" in detail
    for component in ("assistant", "newsroom", "content-pipeline"):
        assert f"\n{component} " in detail
    assert invoke_ok(demo, kinds, "--config", "--json").json["os_id"] == "demo-os"


def test_unknown_component_is_answered_with_similar_ones(demo: str) -> None:
    result = invoke(demo, "agents", "liberian")
    assert (result.exit_code, result.stdout) == (0, invoke_ok(demo, "agents", "librarian").stdout)
    result = invoke(demo, "agents", "nobody")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "agentos-mcp: No agent 'nobody'. There are: 'assistant', 'librarian', 'publisher'.\n"


def test_component_of_another_kind_is_shown_and_its_run_is_answered_with_the_right_command(demo: str) -> None:
    assert "(workflow content-pipeline)" in invoke_ok(demo, "agents", "content-pipeline").stdout
    assert (
        "use `agentos-mcp run workflow content-pipeline -m TEXT`."
        in invoke(demo, "run", "agent", "content-pipeline", "-m", "x").stderr
    )


def test_empty_list_says_what_there_is_instead(bare_agentos: str) -> None:
    result = invoke_ok(bare_agentos, "teams")
    assert result.stdout == "This AgentOS has no teams. See `agentos-mcp agents` and `agentos-mcp workflows`.\n"
    document = invoke_ok(bare_agentos, "teams", "--json").json
    assert (document["items"], document["note"]) == ([], result.stdout.strip())


def test_component_ids_of_any_script_are_unchanged(sample_agentos: str) -> None:
    ids = [item["id"] for item in invoke_ok(sample_agentos, "agents", "--json").json["items"]]
    assert {"日本", "a?b#c", "100%", ".."} <= set(ids)
    assert "\n日本  " in invoke_ok(sample_agentos, "agents").stdout
    assert invoke_ok(sample_agentos, "agents", "日本", "--json").json["id"] == "日本"


def test_json_in_an_ascii_pipe_is_readable(sample_agentos: str) -> None:
    result = invoke(sample_agentos, "agents", "--json", env={"PYTHONIOENCODING": "ascii"})
    assert result.stdout.isascii()
    assert "日本" in [item["id"] for item in result.json["items"]]
    assert invoke(sample_agentos, "agents", env={"PYTHONIOENCODING": "ascii"}).exit_code == 0


def test_missing_agentos_is_an_error_with_a_hint() -> None:
    result = invoke(DOWN, "agents")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"agentos-mcp: No AgentOS answers at {DOWN}. Start it")
    as_json = invoke(DOWN, "agents", "--json")
    assert as_json.exit_code == 1
    assert as_json.json["error"] == f"No AgentOS answers at {DOWN}."
    assert as_json.json["next"].startswith("Start it")


def test_locked_agentos_needs_a_token_that_is_never_printed(locked_agentos: str) -> None:
    assert "requires a token" in invoke(locked_agentos, "agents").stderr
    assert invoke_ok(locked_agentos, "agents", "--token", KEY).stdout
    for env in ({"AGENTOS_TOKEN": KEY}, {"OS_SECURITY_KEY": KEY}):
        assert invoke(locked_agentos, "teams", "--log-level", "debug", env=env).exit_code == 0
        assert KEY not in invoke(locked_agentos, "teams", "--log-level", "debug", env=env).stderr
    refused = invoke(locked_agentos, "agents", "--token", "wrong-key", "--json")
    assert "refuses the token" in refused.json["error"]
    assert "wrong-key" not in refused.stdout + refused.stderr


def test_base_url_flag_is_another_name_for_url(sample_agentos: str) -> None:
    assert (
        invoke_ok(DOWN, "teams", "--base-url", sample_agentos).stdout
        == invoke_ok(DOWN, "teams", "--url", sample_agentos).stdout
    )
