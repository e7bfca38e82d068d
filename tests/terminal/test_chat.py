"""`agentos-mcp chat`: a conversation in one session, from a pipe and at a terminal."""

from __future__ import annotations

import json
import re
import sys

import anyio
import pytest

from tests._support.process_clients import ends_as
from tests._support.processes import PROMPT
from tests._support.terminal_calls import invoke

if sys.platform == "win32":
    pytest.skip("pseudo-terminals as POSIX has them", allow_module_level=True)

from tests._support.pseudo_terminal import CTRL_C, CTRL_D, open_terminal


def test_chat_answers_every_line_of_a_pipe_in_one_session(demo: str) -> None:
    result = invoke(demo, "chat", "assistant", stdin="My name is Ada\n\nWhat is my name?")
    assert result.exit_code == 0
    answers = result.stdout.splitlines()
    assert answers == ["Nice to meet you, Ada. I will remember it in this session.", "Your name is Ada."]
    assert re.fullmatch(r"Go on with: agentos-mcp chat agent assistant --session-id \w+\n", result.stderr)


def test_chat_goes_on_with_its_session(demo: str, session: str) -> None:
    user = ("--user-id", "ada")
    invoke(demo, "chat", "agent", "assistant", "--session", session, *user, stdin="My name is Ada\n/exit\nnever said")
    again = invoke(demo, "chat", "assistant", "--session-id", session, *user, stdin="What is my name?\n")
    assert again.stdout == "Your name is Ada.\n"
    assert again.stderr.endswith(f"chat agent assistant --session-id {session} --user-id ada\n")
    listed = invoke(demo, "runs", "--session-id", session, "--json").json["items"]
    assert [item["input"] for item in listed] == ["What is my name?", "My name is Ada"]


def test_chat_prints_a_document_a_line_as_json(sample_agentos: str) -> None:
    result = invoke(sample_agentos, "chat", "echo", "--json", stdin="one\ntwo\n")
    documents = [json.loads(line) for line in result.stdout.splitlines()]
    assert [document["answer"] for document in documents] == ["echo: one", "echo: two"]
    assert documents[0]["session"] == documents[1]["session"]


@pytest.mark.parametrize(("agent", "exit_code"), [("broken", 1), ("confirmer", 3)])
def test_chat_in_a_pipe_stops_at_what_did_not_work(
    sample_agentos: str, agent: str, exit_code: int, session: str
) -> None:
    result = invoke(sample_agentos, "chat", agent, "--session-id", session, stdin="one\ntwo\n")
    assert result.exit_code == exit_code
    assert f"run: agent/{agent}/{session}/" in result.stderr
    assert len(invoke(sample_agentos, "runs", "--session-id", session, "--json").json["items"]) == 1


def test_chat_without_a_component_or_with_several_words_is_refused(sample_agentos: str) -> None:
    assert "Name one of them" in invoke(sample_agentos, "chat", stdin="x").stderr
    assert "No component 'nobody at all'" in invoke(sample_agentos, "chat", "nobody at all", stdin="x").stderr
    refused = invoke(sample_agentos, "chat", "story", "writer")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "Use `agentos-mcp chat 'story writer'`." in refused.stderr


def test_chat_line_that_is_too_long_is_refused(sample_agentos: str) -> None:
    result = invoke(sample_agentos, "chat", "echo", stdin="x" * (4 * 1024 * 1024 + 5000))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("agentos-mcp: A line may have 4,194,304 bytes at most.")


def test_chat_at_a_terminal_prompts_answers_and_says_how_to_go_on(sample_agentos: str, session: str) -> None:
    with open_terminal(sample_agentos, "chat", "echo", "--session-id", session, piped=True) as terminal:
        terminal.wait_for("Chat with the agent Echo")
        terminal.answer("> ", "hello")
        terminal.answer("> ", "again")
        terminal.wait_for("> ")
        terminal.type(CTRL_D)
        assert terminal.exit_code() == 0
    assert terminal.piped == "echo: hello\necho: again\n"
    assert f" chat agent echo --session-id {session}" in terminal.screen.rpartition("Go on with: ")[2]


def test_first_ctrl_c_cancels_the_answer_and_the_second_leaves(sample_agentos: str, session: str) -> None:
    with open_terminal(sample_agentos, "chat", "slow", "--session-id", session) as terminal:
        terminal.answer("> ", "200 20")
        terminal.wait_for("w0 w1")
        terminal.type(CTRL_C)
        terminal.wait_for("cancelled")
        terminal.answer("> ", "1 0")
        terminal.wait_for("w0")
        terminal.wait_for("> ")
        terminal.type(CTRL_C)
        assert terminal.exit_code() == 130
    assert "Traceback" not in terminal.raw
    assert " chat agent slow " in terminal.screen.rpartition("Go on with: ")[2]
    statuses = [
        item["status"] for item in invoke(sample_agentos, "runs", "--session-id", session, "--json").json["items"]
    ]
    assert statuses == ["completed", "cancelled"]


def test_two_ctrl_c_during_an_answer_leave_the_chat(sample_agentos: str, session: str) -> None:
    with open_terminal(sample_agentos, "chat", "thinker", "--session-id", session) as terminal:
        terminal.answer("> ", "8")
        terminal.wait_for("working")
        terminal.type(CTRL_C)
        terminal.wait_for("Cancelling")
        terminal.type(CTRL_C)
        assert terminal.exit_code(PROMPT) == 130
    assert anyio.run(ends_as, sample_agentos, "agents/thinker", session) == "CANCELLED"


def test_question_of_a_pause_is_asked_in_the_chat(sample_agentos: str, session: str) -> None:
    with open_terminal(sample_agentos, "chat", "confirmer", "--session-id", session, piped=True) as terminal:
        terminal.answer("> ", "deploy it")
        terminal.answer("Approve?", "y")
        terminal.wait_for("> ")
        terminal.type("/exit\n")
        assert terminal.exit_code() == 0
    assert terminal.piped.strip()
    assert "Next:" not in terminal.screen


def test_line_typed_after_a_question_was_left_is_the_next_message(sample_agentos: str, session: str) -> None:
    with open_terminal(sample_agentos, "chat", "confirmer", "--session-id", session) as terminal:
        terminal.answer("> ", "deploy it")
        terminal.wait_for("Approve?")
        terminal.type(CTRL_C)
        terminal.wait_for("Next: ")
        terminal.answer("> ", "/exit")
        assert terminal.exit_code() == 0
