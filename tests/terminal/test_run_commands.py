"""`agentos-mcp run` without a terminal: the answer on standard output, the rest on standard error."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

from tests._support.process_clients import ends_as
from tests._support.processes import PATIENCE
from tests._support.terminal_calls import call, done, started


def test_the_answer_is_all_there_is_on_standard_output(sample_agentos: str) -> None:
    ended = done(sample_agentos, "run", "agent", "echo", "-m", "hello there")
    assert ended.out == "echo: hello there\n"
    assert ended.err.splitlines()[0].startswith("completed")
    assert ended.reference.startswith("agent/echo/")


def test_an_answer_comes_while_its_run_is_going(sample_agentos: str, session: str) -> None:
    command = started(sample_agentos, "run", "agent", "slow", "-m", "20 4", "--session-id", session)
    with command as process:
        assert process.stdout is not None
        begun = process.stdout.read(3)
        assert begun == b"w0 "
        assert process.poll() is None
        rest, _ = process.communicate(timeout=PATIENCE)
    assert begun + rest == " ".join(f"w{number}" for number in range(20)).encode() + b"\n"


@pytest.mark.parametrize("how", [(), ("--stream",), ("-s",), ("--no-stream",)])
def test_streamed_or_not_the_answer_is_the_same(sample_agentos: str, how: tuple[str, ...]) -> None:
    assert (
        done(sample_agentos, "run", "agent", "tooler", "-m", "x", *how).out == "the tool said: honey is a fine thing\n"
    )
    assert done(sample_agentos, "run", "team", "pair", "-m", "x", *how).out == "the member said: member words here\n"
    assert done(sample_agentos, "run", "agent", "polished", "-m", "x", *how).out.strip().endswith("polished words")


def test_steps_and_tool_calls_are_plain_lines(sample_agentos: str) -> None:
    ended = done(sample_agentos, "run", "workflow", "with-tools", "-m", "x")
    assert ended.out == "done\n"
    told = ended.err.splitlines()
    assert told[0] == "1/2 find · Tooler: calling lookup"
    assert told[1].startswith("✔ 1/2 find")
    assert told[2].startswith("✔ 2/2 end")
    assert told[3].startswith("completed · ")
    assert told[4].startswith("run: workflow/with-tools/")
    assert "\x1b" not in ended.err + ended.out
    assert "\r" not in ended.err + ended.out


def test_the_message_may_come_from_standard_input(sample_agentos: str) -> None:
    assert (
        done(sample_agentos, "run", "agent", "echo", "-m", "-", stdin="said from afar\n").out
        == "echo: said from afar\n"
    )
    assert "The message is empty" in call(sample_agentos, "run", "agent", "echo", "-m", "-", stdin=" \n").err


def test_runs_can_be_chained(sample_agentos: str) -> None:
    first = done(sample_agentos, "run", "agent", "echo", "-m", "one").out
    assert done(sample_agentos, "run", "agent", "echo", "-m", "-", stdin=first).out == "echo: echo: one\n"


def test_the_only_component_needs_no_name(bare_agentos: str, demo: str) -> None:
    assert done(demo, "run", "team", "-m", "coffee").out.strip()
    assert call(bare_agentos, "run", "workflow", "-m", "hi").err.startswith("agentos-mcp: There are 2 workflows.")
    ended = call(bare_agentos, "run", "agent", "-m", "hi")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "agentos-mcp: There are 3 agents. Name one of them: echo, slow, asks.\n"
    assert call(bare_agentos, "run", "team", "-m", "hi").err.startswith("agentos-mcp: This AgentOS has no teams.")


def test_kinds_may_be_plural_and_names_near(sample_agentos: str) -> None:
    assert done(sample_agentos, "run", "workflows", "Three Steps", "-m", "x").out == "third words\n"


def test_a_session_remembers(demo: str, session: str) -> None:
    ids = ("--session-id", session, "--user-id", "alice")
    done(demo, "run", "agent", "assistant", "-m", "My name is Alice", *ids)
    ended = done(demo, "run", "agent", "assistant", "-m", "What is my name?", *ids)
    assert ended.out == "Your name is Alice.\n"
    assert f"agent/assistant/{session}/" in ended.reference


def test_dependencies_reach_the_instructions_from_words_and_files(sample_agentos: str, tmp_path: Path) -> None:
    file = tmp_path / "dependencies.json"
    file.write_text('{"robot_name": "Bert"}', encoding="utf-8")
    run = ("run", "agent", "story-writer-agent", "-m", "go", "--dependencies")
    assert "name the robot Anna" in done(sample_agentos, *run, '{"robot_name": "Anna"}').out
    assert "name the robot Bert" in done(sample_agentos, *run, f"@{file}").out


def test_a_factory_gets_its_input(sample_agentos: str) -> None:
    given = ("--factory-input", '{"product": "tea", "audience": "all"}')
    assert done(sample_agentos, "run", "workflow", "launch", "-m", "go", *given).out == "launching tea for all\n"
    refused = call(sample_agentos, "run", "workflow", "launch", "-m", "go", "--factory-input", '{"audience": 3}')
    assert (refused.code, refused.out) == (2, "")
    assert "product" in refused.err


def test_an_answer_with_a_schema_is_data(media: str, tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {"title": {"type": "string"}, "pages": {"type": "integer"}},
        "required": ["title", "pages"],
    }
    file = tmp_path / "story.json"
    file.write_text(json.dumps(schema), encoding="utf-8")
    run = ("run", "agent", "storyteller", "-m", "tell", "--output-schema", str(file))
    assert done(media, *run).json["title"] == "Anna"
    assert done(media, *run, "--json").json["answer"]["title"] == "Anna"


def test_files_are_attached_wherever_they_lie(media: str, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("nine plums", encoding="utf-8")
    seen = done(media, "run", "agent", "watcher", "-m", "look", "--file", str(file)).out
    assert "notes.txt" in seen
    missing = call(media, "run", "agent", "watcher", "-m", "look", "--file", str(tmp_path / "no.txt"))
    assert (missing.code, missing.out) == (2, "")
    assert missing.err == f"agentos-mcp: There is no file {tmp_path / 'no.txt'}. Give its path, or a URL.\n"


def test_media_in_an_answer_are_named_and_in_the_json(media: str) -> None:
    ended = done(media, "run", "agent", "painter", "-m", "paint")
    assert "It also answers with images: --json has them." in ended.err
    assert done(media, "run", "agent", "painter", "-m", "paint", "--json").json["media"]["images"]


def test_a_run_as_json_is_whole(sample_agentos: str) -> None:
    told = done(sample_agentos, "run", "agent", "big", "-m", "300", "--json").json
    assert told["status"] == "completed"
    assert len(told["answer"]) > 299_000
    assert told["run"].startswith("agent/big/")
    assert len(done(sample_agentos, "run", "agent", "big", "-m", "300", "--no-stream").out) > 299_000
    steps = done(sample_agentos, "run", "workflow", "three-steps", "-m", "x", "--json").json["steps"]
    assert steps == [{"name": name, "outcome": "completed"} for name in ("one", "two", "three")]


def test_a_failed_run_says_what_failed_and_exits_1(sample_agentos: str) -> None:
    ended = call(sample_agentos, "run", "agent", "broken", "-m", "x")
    assert ended.code == 1
    assert ended.out == "a first word \n"
    assert ended.err.startswith("failed: the provider is out of tokens\n")
    assert f"Next: agentos-mcp runs {ended.reference} --explain" in ended.err
    assert call(sample_agentos, "run", "agent", "broken", "-m", "x", "--no-stream").out == ""
    as_json = call(sample_agentos, "run", "agent", "broken", "-m", "x", "--json")
    assert as_json.code == 1
    assert (as_json.json["status"], as_json.json["error"]) == ("error", "the provider is out of tokens")


@pytest.mark.parametrize("workflow", ["fails", "skips-failure", "stops-on-failure"])
def test_a_failed_step_is_a_failure(sample_agentos: str, workflow: str) -> None:
    ended = call(sample_agentos, "run", "workflow", workflow, "-m", "x")
    assert ended.code == 1
    assert " bad" in next(line for line in ended.err.splitlines() if line.startswith("✘ "))


def test_a_paused_run_says_how_to_answer_it_and_exits_3(sample_agentos: str) -> None:
    ended = call(sample_agentos, "run", "agent", "confirmer", "-m", "x")
    assert (ended.code, ended.out) == (3, "")
    assert "confirmer wants to call deploy." in ended.err
    assert '    env: "prod"\n' in ended.err
    assert f"Next: agentos-mcp continue {ended.reference}\n" in ended.err
    as_json = call(sample_agentos, "run", "agent", "confirmer", "-m", "x", "--json")
    assert as_json.code == 3
    assert (as_json.json["status"], len(as_json.json["questions"])) == ("paused", 1)
    question = as_json.json["questions"][0]
    assert question["kind"] == "confirmation"
    assert [field["name"] for field in question["fields"]] == ["approve", "note"]


def test_nobody_reads_the_answer_and_the_run_goes_on(sample_agentos: str, session: str) -> None:
    with started(sample_agentos, "run", "agent", "slow", "-m", "30 3", "--session-id", session) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(PATIENCE) == 141
        assert process.stderr.read() == b""
    assert anyio.run(ends_as, sample_agentos, "agents/slow", session) == "COMPLETED"


def test_nobody_reads_a_list(sample_agentos: str) -> None:
    with started(sample_agentos, "agents") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(PATIENCE) == 141
        assert process.stderr.read() == b""


def test_without_a_database_a_run_ends_well_too(bare_agentos: str) -> None:
    ended = done(bare_agentos, "run", "agent", "echo", "-m", "hi")
    assert ended.out == "echo: hi\n"
    assert "cannot run it in the background" in ended.err


def test_read_only_runs_nothing(sample_agentos: str) -> None:
    ended = call(sample_agentos, "run", "agent", "echo", "-m", "hi", given={"AGENTOS_MCP_READ_ONLY": "1"})
    assert (ended.code, ended.out) == (1, "")
    assert "read-only" in ended.err
