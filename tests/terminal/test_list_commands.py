"""What there is, listed and shown: for people in columns, for scripts as JSON."""

from __future__ import annotations

import pytest

from tests._support.processes import DOWN
from tests._support.terminal_calls import call, done
from tests.conftest import KEY


@pytest.mark.parametrize(("kinds", "one"), [("agents", "echo"), ("teams", "pair"), ("workflows", "three-steps")])
def test_components_are_listed_in_columns_and_as_json(sample_agentos: str, kinds: str, one: str) -> None:
    listed = done(sample_agentos, kinds)
    assert listed.out.splitlines()[0].split()[:2] == ["ID", "NAME"]
    assert any(line.startswith(f"{one} ") for line in listed.out.splitlines())
    assert listed.err == ""
    ids = [item["id"] for item in done(sample_agentos, kinds, "--json").json["items"]]
    assert [line.split("  ")[0] for line in listed.out.splitlines()[1:]] == ids


def test_a_component_is_shown_by_a_near_name(demo: str) -> None:
    shown = done(demo, "workflows", "my content pipeline").out
    assert shown.startswith("# Content Pipeline (workflow content-pipeline)\n")
    assert "Step 1: research (agent Researcher)" in shown
    assert done(demo, "workflows", "content-pipeline", "--config").out == shown


def test_a_component_as_json_is_what_agentos_says_of_it(demo: str) -> None:
    shown = done(demo, "workflows", "content-pipeline", "--json").json
    assert (shown["kind"], shown["id"], shown["name"]) == ("workflow", "content-pipeline", "Content Pipeline")
    assert [step["name"] for step in shown["steps"]] == ["research", "draft", "edit"]


@pytest.mark.parametrize("kinds", ["agents", "teams", "workflows"])
def test_config_shows_the_whole_agentos(demo: str, kinds: str) -> None:
    shown = done(demo, kinds, "-c").out
    assert shown.startswith("# Newsroom Demo\n")
    assert "databases: demo-db" in shown
    for component in ("assistant", "newsroom", "content-pipeline"):
        assert f"\n{component} " in shown
    assert done(demo, kinds, "--config", "--json").json["os_id"] == "demo-os"


def test_what_is_not_there_is_answered_with_what_is(demo: str) -> None:
    ended = call(demo, "agents", "liberian")
    assert (ended.code, ended.out) == (0, done(demo, "agents", "librarian").out)
    ended = call(demo, "agents", "nobody")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "agentos-mcp: No agent 'nobody'. There are: 'assistant', 'librarian', 'publisher'.\n"


def test_the_wrong_kind_is_answered_with_the_right_command(demo: str) -> None:
    assert "It is a workflow: use `agentos-mcp workflows`." in call(demo, "agents", "content-pipeline").err
    assert "use `agentos-mcp run workflow ID -m TEXT`." in call(demo, "run", "agent", "content-pipeline", "-m", "x").err


def test_nothing_to_list_says_so(bare_agentos: str) -> None:
    ended = done(bare_agentos, "teams")
    assert ended.out == "This AgentOS has no teams. See `agentos-mcp agents` and `agentos-mcp workflows`.\n"
    assert done(bare_agentos, "teams", "--json").json == {"items": [], "note": ended.out.strip()}


def test_ids_of_any_script_stay_as_they_are(sample_agentos: str) -> None:
    ids = [item["id"] for item in done(sample_agentos, "agents", "--json").json["items"]]
    assert {"日本", "a?b#c", "100%", ".."} <= set(ids)
    assert "\n日本  " in done(sample_agentos, "agents").out
    assert done(sample_agentos, "agents", "日本", "--json").json["id"] == "日本"


def test_an_ascii_pipe_gets_json_that_can_be_read(sample_agentos: str) -> None:
    ended = call(sample_agentos, "agents", "--json", given={"PYTHONIOENCODING": "ascii"})
    assert ended.out.isascii()
    assert "日本" in [item["id"] for item in ended.json["items"]]
    assert call(sample_agentos, "agents", given={"PYTHONIOENCODING": "ascii"}).code == 0


def test_no_agentos_is_an_error_with_a_next_move() -> None:
    ended = call(DOWN, "agents")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"agentos-mcp: No AgentOS answers at {DOWN}. Start it")
    as_json = call(DOWN, "agents", "--json")
    assert as_json.code == 1
    assert as_json.json["error"] == f"No AgentOS answers at {DOWN}."
    assert as_json.json["next"].startswith("Start it")


def test_a_locked_agentos_wants_its_token_which_is_never_told(locked_agentos: str) -> None:
    assert "wants a token" in call(locked_agentos, "agents").err
    assert done(locked_agentos, "agents", "--token", KEY).out
    for given in ({"AGENTOS_TOKEN": KEY}, {"OS_SECURITY_KEY": KEY}):
        assert call(locked_agentos, "teams", "--log-level", "debug", given=given).code == 0
        assert KEY not in call(locked_agentos, "teams", "--log-level", "debug", given=given).err
    refused = call(locked_agentos, "agents", "--token", "wrong-key", "--json")
    assert "refuses the token" in refused.json["error"]
    assert "wrong-key" not in refused.out + refused.err


def test_base_url_is_another_name_for_url(sample_agentos: str) -> None:
    assert done(DOWN, "teams", "--base-url", sample_agentos).out == done(DOWN, "teams", "--url", sample_agentos).out
