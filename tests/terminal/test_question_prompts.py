"""The questions of a paused run, asked and answered at a real terminal."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import httpx
import pytest

from agentos_mcp.agentos.runs.run import new_id
from tests._support.processes import PROMPT
from tests._support.terminal_calls import invoke, invoke_ok

if sys.platform == "win32":
    pytest.skip("pseudo-terminals as POSIX has them", allow_module_level=True)

from tests._support.pseudo_terminal import CTRL_C, CTRL_D, Terminal, open_terminal


@pytest.fixture
def tag() -> str:
    return f"tag-{new_id()}"


def run_at_terminal(url: str, kind: str, name: str, tag: str, *, piped: bool = False) -> Terminal:
    return open_terminal(url, "run", kind, name, "-m", f"do it, {tag}", piped=piped)


def execution_count(ledger: Path, what: str, tag: str) -> int:
    return ledger.read_text(encoding="utf-8").split("\n").count(f"{what} {tag}")


def status_on_agentos(url: str, terminal: Terminal) -> str:
    """The status on AgentOS of the run on a terminal's screen."""
    kind, component, session, run = terminal.reference.split("/")
    page = httpx.get(f"{url}/{kind}s/{component}/runs/{run}", params={"session_id": session}, timeout=30)
    return str(page.json()["status"])


def test_confirmation_yes_continues_the_run(pausing: str, tag: str, ledger: Path) -> None:
    with run_at_terminal(pausing, "agent", "deployer", tag, piped=True) as terminal:
        terminal.wait_for("deployer wants to call deploy.")
        terminal.wait_for(f'tag: "{tag}"')
        assert execution_count(ledger, "deploy", tag) == 0
        terminal.answer("Approve? [y]es, [n]o: ", "y")
        assert terminal.exit_code() == 0
    assert terminal.piped == f"the tools said: deployed {tag}\n"
    assert execution_count(ledger, "deploy", tag) == 1
    assert status_on_agentos(pausing, terminal) == "COMPLETED"


def test_confirmation_no_sends_its_reason(pausing: str, tag: str, ledger: Path) -> None:
    with run_at_terminal(pausing, "agent", "deployer", tag) as terminal:
        terminal.answer("Approve? ", "N")
        terminal.answer("Why? (optional): ", "not on a Friday")
        terminal.wait_for("not on a Friday")
        assert terminal.exit_code() == 0
    assert execution_count(ledger, "deploy", tag) == 0


def test_confirmation_enter_alone_approves_nothing(pausing: str, tag: str, ledger: Path) -> None:
    with run_at_terminal(pausing, "agent", "deployer", tag) as terminal:
        terminal.answer("Approve? ", "")
        terminal.wait_for("Enter y or n.")
        terminal.answer("Approve? ", "sure")
        terminal.wait_for("Enter y or n.")
        terminal.answer("Approve? ", "yes")
        assert terminal.exit_code() == 0
    assert execution_count(ledger, "deploy", tag) == 1


def test_keys_pressed_before_the_question_are_no_answer(pausing: str, tag: str, ledger: Path) -> None:
    with run_at_terminal(pausing, "agent", "deployer", tag) as terminal:
        terminal.type("y\ny\ny\n")
        terminal.wait_for("Approve? [y]es, [n]o: ")
        terminal.type(CTRL_D)
        assert terminal.exit_code() == 3
    assert execution_count(ledger, "deploy", tag) == 0


@pytest.mark.parametrize(("key", "code"), [(CTRL_D, 3), (CTRL_C, 130)])
def test_question_can_be_left_and_asked_again(pausing: str, tag: str, ledger: Path, key: str, code: int) -> None:
    with run_at_terminal(pausing, "agent", "deployer", tag) as terminal:
        terminal.wait_for("Approve? ")
        terminal.type(key)
        assert terminal.exit_code(PROMPT) == code
    run = terminal.reference
    assert f" continue {run}" in terminal.screen.rpartition("Next: ")[2]
    assert "Traceback" not in terminal.raw
    assert status_on_agentos(pausing, terminal) == "PAUSED"
    with open_terminal(pausing, "continue", run) as again:
        again.answer("Approve? ", "y")
        again.wait_for(f"deployed {tag}")
        assert again.exit_code() == 0
    assert execution_count(ledger, "deploy", tag) == 1


def test_inputs_are_parsed_as_their_types(pausing: str, tag: str) -> None:
    with run_at_terminal(pausing, "agent", "sender", tag) as terminal:
        terminal.answer("Subject (What it is about.): ", "")
        terminal.wait_for("A value is required.")
        terminal.answer("Subject (What it is about.): ", "tea")
        terminal.answer("Copies (How many copies.): ", "many")
        terminal.wait_for("Enter a whole number.")
        terminal.answer("Copies (How many copies.): ", "3")
        terminal.answer("Urgent (Whether it is urgent.; y or n): ", "n")
        terminal.wait_for("sent 'tea', 3 copies, urgent False")
        assert terminal.exit_code() == 0


def test_choices_are_made_by_number_or_name(pausing: str, tag: str) -> None:
    with run_at_terminal(pausing, "agent", "chooser", tag) as terminal:
        terminal.answer("Color (Which color?; 1 = blue, 2 = red): ", "3")
        terminal.wait_for("Choose from: blue, red.")
        terminal.answer("Color (", "2")
        terminal.answer("several with commas): ", "LARGE, 1")
        terminal.wait_for('"selected": ["red"]')
        terminal.wait_for('"selected": ["large", "small"]')
        assert terminal.exit_code() == 0


def test_decline_command_declines_where_no_is_an_answer(pausing: str, tag: str) -> None:
    with run_at_terminal(pausing, "agent", "outsider", tag) as terminal:
        terminal.answer("Result (Its result.): ", "no")
        terminal.wait_for("the tools said: no")
        assert terminal.exit_code() == 0
    with run_at_terminal(pausing, "agent", "outsider", tag) as terminal:
        terminal.wait_for("(or /decline and the reason)")
        terminal.answer("Result (", "/decline too far away")
        terminal.wait_for("declined by a person: too far away")
        assert terminal.exit_code() == 0


def test_workflow_questions_are_asked_step_by_step(pausing: str, tag: str, ledger: Path) -> None:
    with run_at_terminal(pausing, "workflow", "gate-then-tool", tag, piped=True) as terminal:
        terminal.answer("Approve? ", "y")
        terminal.wait_for("✔ 1/4 gate")
        terminal.wait_for("Deployer wants to call deploy in step 'ship'.")
        terminal.answer("Approve? ", "y")
        terminal.wait_for("The output of step 'draft' waits for review.")
        terminal.answer("Approve? [y]es, [n]o, [e]dit: ", "y")
        terminal.wait_for("✔ 4/4 last")
        assert terminal.exit_code() == 0
    assert terminal.piped.startswith("last done")
    assert [execution_count(ledger, what, tag) for what in ("gate", "deploy", "draft", "last")] == [1, 1, 1, 1]


def test_output_review_can_edit_the_output(pausing: str, tag: str) -> None:
    with run_at_terminal(pausing, "workflow", "review-retry", tag, piped=True) as terminal:
        terminal.answer("[e]dit: ", "e")
        terminal.wait_for("a line with only . ends it:")
        terminal.type("first line\n\nthird line\n.\n")
        assert terminal.exit_code() == 0
    assert terminal.piped.rstrip().endswith(r"after 'first line\n\nthird line'")


def test_confirmation_no_at_a_cancelling_gate_ends_the_run(pausing: str, tag: str, ledger: Path) -> None:
    with run_at_terminal(pausing, "workflow", "gate-cancel", tag) as terminal:
        terminal.wait_for("Really go on?")
        terminal.wait_for("If declined: the run is cancelled.")
        terminal.answer("Approve? ", "n")
        terminal.answer("Why? ", "")
        assert terminal.exit_code() == 1
    assert status_on_agentos(pausing, terminal) == "CANCELLED"
    assert execution_count(ledger, "last", tag) == 0


def test_admin_approval_is_not_asked(pausing: str, tag: str) -> None:
    with run_at_terminal(pausing, "agent", "payer", tag) as terminal:
        assert terminal.exit_code() == 3
    assert "An admin resolves it in AgentOS" in terminal.screen
    assert "Approve?" not in terminal.screen


def test_question_answered_elsewhere_first_is_not_answered_twice(pausing: str, tag: str, ledger: Path) -> None:
    with run_at_terminal(pausing, "agent", "deployer", tag, piped=True) as terminal:
        terminal.wait_for("Approve? ")
        listed = invoke_ok(pausing, "runs", "--status", "paused", "--json").json["items"]
        paused = next(item["run"] for item in listed if tag in item["input"])
        key = invoke_ok(pausing, "runs", paused, "--json").json["questions"][0]["key"]
        assert invoke_ok(pausing, "continue", paused, "--answers", f'{{"{key}": true}}').stdout == (
            f"the tools said: deployed {tag}\n"
        )
        terminal.type("y\n")
        terminal.wait_for("Somebody else has answered it.")
        assert terminal.exit_code() == 0
    assert terminal.piped == f"the tools said: deployed {tag}\n"
    assert execution_count(ledger, "deploy", tag) == 1


# Without a terminal


def test_json_questions_are_answered_with_the_answers_flag(pausing: str, tag: str, ledger: Path) -> None:
    paused = invoke(pausing, "run", "workflow", "form", "-m", tag, "--json")
    assert paused.exit_code == 3
    question = paused.json["questions"][0]
    assert {field["name"]: field["type"] for field in question["fields"]}["topics"] == "list"
    run = paused.json["run"]
    refused = invoke(pausing, "continue", run, "--answers", '{"fill": true}', "--json")
    assert refused.exit_code == 2
    assert "Nothing was sent" in refused.json["error"]
    answers = f'{{"{question["key"]}": {{"tone": "dry", "length": 3}}}}'
    result = invoke_ok(pausing, "continue", run, "--answers", answers, "--json")
    assert result.json["status"] == "completed"
    assert execution_count(ledger, "fill", tag) == 1
    again = invoke_ok(pausing, "continue", run, "--answers", answers)
    assert again.stdout.strip() == result.json["answer"]
    assert execution_count(ledger, "fill", tag) == 1


def test_json_flag_never_asks(pausing: str, tag: str) -> None:
    with open_terminal(pausing, "run", "agent", "deployer", "-m", tag, "--json", piped=True) as terminal:
        assert terminal.exit_code() == 3
    assert terminal.json["status"] == "paused"
    assert not re.search(r"Approve\?", terminal.screen)
