"""`agentos-mcp run` without a terminal: the answer on standard output, the rest on standard error."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

from tests._support.agentos_pool import AgentOSPool
from tests._support.process_clients import ends_as
from tests._support.processes import PATIENCE
from tests._support.terminal_calls import AGENTOS_LINE, invoke, invoke_ok, start_command


def test_answer_is_alone_on_standard_output(sample_agentos: str) -> None:
    result = invoke_ok(sample_agentos, "run", "agent", "echo", "-m", "hello there")
    assert result.stdout == "echo: hello there\n"
    assert result.stderr.splitlines()[0].startswith("completed")
    assert result.reference.startswith("agent/echo/")


def test_answer_streams_while_the_run_is_going(sample_agentos: str, session: str) -> None:
    command = start_command(sample_agentos, "run", "agent", "slow", "-m", "20 4", "--session-id", session)
    with command as process:
        assert process.stdout is not None
        first_word = process.stdout.read(3)
        assert first_word == b"w0 "
        assert process.poll() is None
        rest, _ = process.communicate(timeout=PATIENCE)
    assert first_word + rest == " ".join(f"w{number}" for number in range(20)).encode() + b"\n"


@pytest.mark.parametrize("flags", [(), ("--stream",), ("-s",), ("--no-stream",)])
def test_answer_is_the_same_with_and_without_streaming(sample_agentos: str, flags: tuple[str, ...]) -> None:
    assert (
        invoke_ok(sample_agentos, "run", "agent", "tooler", "-m", "x", *flags).stdout
        == "the tool said: honey is a fine thing\n"
    )
    assert (
        invoke_ok(sample_agentos, "run", "team", "pair", "-m", "x", *flags).stdout
        == "the member said: member words here\n"
    )
    assert (
        invoke_ok(sample_agentos, "run", "agent", "polished", "-m", "x", *flags)
        .stdout.strip()
        .endswith("polished words")
    )


def test_steps_and_tool_calls_are_plain_lines(sample_agentos: str) -> None:
    result = invoke_ok(sample_agentos, "run", "workflow", "with-tools", "-m", "x")
    assert result.stdout == "done\n"
    lines = result.stderr.splitlines()
    assert lines[0] == "1/2 find · Tooler: calling lookup"
    assert lines[1].startswith("✔ 1/2 find")
    assert lines[2].startswith("✔ 2/2 end")
    assert lines[3].startswith("completed · ")
    assert lines[4].startswith("run: workflow/with-tools/")
    assert "\x1b" not in result.stderr + result.stdout
    assert "\r" not in result.stderr + result.stdout


def test_message_is_read_from_standard_input(sample_agentos: str) -> None:
    assert (
        invoke_ok(sample_agentos, "run", "agent", "echo", "-m", "-", stdin="said from afar\n").stdout
        == "echo: said from afar\n"
    )
    assert "The message is empty" in invoke(sample_agentos, "run", "agent", "echo", "-m", "-", stdin=" \n").stderr


def test_message_is_a_word_or_standard_input(sample_agentos: str) -> None:
    assert invoke_ok(sample_agentos, "run", "agent", "echo", "hello there").stdout == "echo: hello there\n"
    assert invoke_ok(sample_agentos, "run", "agent", "echo", "hi", stdin="not this").stdout == "echo: hi\n"
    assert invoke_ok(sample_agentos, "run", "agent", "echo", stdin="from a pipe\n").stdout == "echo: from a pipe\n"
    assert invoke_ok(sample_agentos, "run", "echo", "--", "-5").stdout == "echo: -5\n"
    missing = invoke(sample_agentos, "run", "agent", "echo", stdin="\n")
    assert (missing.exit_code, missing.stdout) == (2, "")
    assert missing.stderr.startswith("agentos-mcp: The message is missing.")


def test_flags_may_stand_between_the_words(sample_agentos: str, session: str) -> None:
    result = invoke_ok(
        sample_agentos, "run", "--session", session, "agent", "--no-stream", "echo", "--user-id", "u", "hi"
    )
    assert result.stdout == "echo: hi\n"
    assert result.reference.startswith(f"agent/echo/{session}/")


def test_standard_input_that_is_too_long_is_refused(sample_agentos: str) -> None:
    result = invoke(sample_agentos, "run", "echo", stdin="x" * (4 * 1024 * 1024 + 1))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "agentos-mcp: Standard input is longer than 4 MiB. Attach it with --file PATH.\n"


def test_component_is_found_without_its_kind(sample_agentos: str, demo: str) -> None:
    assert invoke_ok(sample_agentos, "run", "echo", "-m", "hi").stdout == "echo: hi\n"
    assert invoke_ok(sample_agentos, "run", "Three Steps", "tea").stdout == "third words\n"
    assert invoke_ok(demo, "run", "content pipeline", "tea").reference.startswith("workflow/content-pipeline/")
    unknown = invoke(sample_agentos, "run", "nobody at all", "hi")
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert unknown.stderr.startswith("agentos-mcp: No component 'nobody at all'.")


def test_name_of_several_kinds_is_answered_with_the_commands(agentoses: AgentOSPool) -> None:
    result = invoke(agentoses.url("many_components"), "run", "twin", "hi")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "'twin' could be the agent 'twin' or the team 'twin' or the workflow 'twin'." in result.stderr
    assert "`agentos-mcp run agent twin -m TEXT` or `agentos-mcp run team twin -m TEXT`" in result.stderr


def test_runs_can_be_chained(sample_agentos: str) -> None:
    first = invoke_ok(sample_agentos, "run", "agent", "echo", "-m", "one").stdout
    assert invoke_ok(sample_agentos, "run", "agent", "echo", "-m", "-", stdin=first).stdout == "echo: echo: one\n"


def test_only_component_of_a_kind_needs_no_name(bare_agentos: str, demo: str) -> None:
    assert invoke_ok(demo, "run", "team", "-m", "coffee").stdout.strip()
    assert invoke(bare_agentos, "run", "workflow", "-m", "hi").stderr.startswith("agentos-mcp: There are 2 workflows.")
    result = invoke(bare_agentos, "run", "agent", "-m", "hi")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "agentos-mcp: There are 3 agents. Name one of them: echo, slow, asks.\n"
    assert invoke(bare_agentos, "run", "team", "-m", "hi").stderr.startswith("agentos-mcp: This AgentOS has no teams.")


def test_run_command_takes_plural_kinds_and_similar_names(sample_agentos: str) -> None:
    assert invoke_ok(sample_agentos, "run", "workflows", "Three Steps", "-m", "x").stdout == "third words\n"


def test_session_is_continued_by_its_id(demo: str, session: str) -> None:
    ids = ("--session-id", session, "--user-id", "alice")
    invoke_ok(demo, "run", "agent", "assistant", "-m", "My name is Alice", *ids)
    result = invoke_ok(demo, "run", "agent", "assistant", "-m", "What is my name?", *ids)
    assert result.stdout == "Your name is Alice.\n"
    assert f"agent/assistant/{session}/" in result.reference


def test_dependencies_are_given_inline_or_as_a_file(sample_agentos: str, tmp_path: Path) -> None:
    file = tmp_path / "dependencies.json"
    file.write_text('{"robot_name": "Bert"}', encoding="utf-8")
    run = ("run", "agent", "story-writer-agent", "-m", "go", "--dependencies")
    assert "name the robot Anna" in invoke_ok(sample_agentos, *run, '{"robot_name": "Anna"}').stdout
    assert "name the robot Bert" in invoke_ok(sample_agentos, *run, f"@{file}").stdout


def test_factory_input_reaches_the_factory(sample_agentos: str) -> None:
    factory_input = ("--factory-input", '{"product": "tea", "audience": "all"}')
    assert (
        invoke_ok(sample_agentos, "run", "workflow", "launch", "-m", "go", *factory_input).stdout
        == "launching tea for all\n"
    )
    refused = invoke(sample_agentos, "run", "workflow", "launch", "-m", "go", "--factory-input", '{"audience": 3}')
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "product" in refused.stderr


def test_answer_with_an_output_schema_is_data(media: str, tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {"title": {"type": "string"}, "pages": {"type": "integer"}},
        "required": ["title", "pages"],
    }
    file = tmp_path / "story.json"
    file.write_text(json.dumps(schema), encoding="utf-8")
    run = ("run", "agent", "storyteller", "-m", "tell", "--output-schema", str(file))
    assert invoke_ok(media, *run).json["title"] == "Anna"
    assert invoke_ok(media, *run, "--json").json["answer"]["title"] == "Anna"


def test_files_are_attached_from_any_folder(media: str, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("nine plums", encoding="utf-8")
    answer = invoke_ok(media, "run", "agent", "watcher", "-m", "look", "--file", str(file)).stdout
    assert "notes.txt" in answer
    missing = invoke(media, "run", "agent", "watcher", "-m", "look", "--file", str(tmp_path / "no.txt"))
    assert (missing.exit_code, missing.stdout) == (2, "")
    assert missing.stderr == f"agentos-mcp: There is no file {tmp_path / 'no.txt'}. Give its path, or a URL.\n"


def test_media_in_an_answer_are_named_and_in_the_json(media: str) -> None:
    result = invoke_ok(media, "run", "agent", "painter", "-m", "paint")
    assert "The answer also has images: --json prints them." in result.stderr
    assert invoke_ok(media, "run", "agent", "painter", "-m", "paint", "--json").json["media"]["images"]


def test_run_as_json_is_whole(sample_agentos: str) -> None:
    document = invoke_ok(sample_agentos, "run", "agent", "big", "-m", "300", "--json").json
    assert document["status"] == "completed"
    assert len(document["answer"]) > 299_000
    assert document["run"].startswith("agent/big/")
    assert len(invoke_ok(sample_agentos, "run", "agent", "big", "-m", "300", "--no-stream").stdout) > 299_000
    steps = invoke_ok(sample_agentos, "run", "workflow", "three-steps", "-m", "x", "--json").json["steps"]
    assert [(step["name"], step["outcome"]) for step in steps] == [
        (name, "completed") for name in ("one", "two", "three")
    ]


def test_failed_run_says_what_failed_and_exits_1(sample_agentos: str) -> None:
    result = invoke(sample_agentos, "run", "agent", "broken", "-m", "x")
    assert result.exit_code == 1
    assert result.stdout == "a first word \n"
    assert result.stderr.startswith("failed: the provider is out of tokens\n")
    assert f"Next: agentos-mcp runs {result.reference} --explain" in result.stderr
    assert invoke(sample_agentos, "run", "agent", "broken", "-m", "x", "--no-stream").stdout == ""
    as_json = invoke(sample_agentos, "run", "agent", "broken", "-m", "x", "--json")
    assert as_json.exit_code == 1
    assert (as_json.json["status"], as_json.json["error"]) == ("error", "the provider is out of tokens")


@pytest.mark.parametrize("workflow", ["fails", "skips-failure", "stops-on-failure"])
def test_failed_step_exits_1(sample_agentos: str, workflow: str) -> None:
    result = invoke(sample_agentos, "run", "workflow", workflow, "-m", "x")
    assert result.exit_code == 1
    assert " bad" in next(line for line in result.stderr.splitlines() if line.startswith("✘ "))


def test_paused_run_says_how_to_answer_it_and_exits_3(sample_agentos: str) -> None:
    result = invoke(sample_agentos, "run", "agent", "confirmer", "-m", "x")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "confirmer wants to call deploy." in result.stderr
    assert '    env: "prod"\n' in result.stderr
    assert f"Next: agentos-mcp continue {result.reference}\n" in result.stderr
    as_json = invoke(sample_agentos, "run", "agent", "confirmer", "-m", "x", "--json")
    assert as_json.exit_code == 3
    assert (as_json.json["status"], len(as_json.json["questions"])) == ("paused", 1)
    question = as_json.json["questions"][0]
    assert question["kind"] == "confirmation"
    assert [field["name"] for field in question["fields"]] == ["approve", "note"]


def test_broken_pipe_leaves_the_run_going(sample_agentos: str, session: str) -> None:
    with start_command(sample_agentos, "run", "agent", "slow", "-m", "30 3", "--session-id", session) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(PATIENCE) == 141
        assert AGENTOS_LINE.sub("", process.stderr.read().decode()) == ""
    assert anyio.run(ends_as, sample_agentos, "agents/slow", session) == "COMPLETED"


@pytest.mark.parametrize(
    "command",
    ["agents", "traces", "doctor", "doctor --json", "--help", "install cursor --dry-run", "completion bash"],
)
def test_broken_pipe_ends_a_command_silently(sample_agentos: str, command: str) -> None:
    with start_command(sample_agentos, *command.split()) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(PATIENCE) == 141
        assert AGENTOS_LINE.sub("", process.stderr.read().decode()) == ""


def test_run_without_a_database_succeeds(bare_agentos: str) -> None:
    result = invoke_ok(bare_agentos, "run", "agent", "echo", "-m", "hi")
    assert result.stdout == "echo: hi\n"
    assert "cannot run it in the background" in result.stderr


def test_read_only_setting_runs_nothing(sample_agentos: str) -> None:
    result = invoke(sample_agentos, "run", "agent", "echo", "-m", "hi", env={"AGENTOS_MCP_READ_ONLY": "1"})
    assert (result.exit_code, result.stdout) == (1, "")
    assert "read-only" in result.stderr
