"""What a run asks, asked at a real terminal and answered there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import httpx
import pytest

from agentos_mcp.agentos.runs.run import new_id
from tests._support.processes import PROMPT
from tests._support.terminal_calls import call, done

if sys.platform == "win32":
    pytest.skip("pseudo-terminals as POSIX has them", allow_module_level=True)

from tests._support.pseudo_terminal import CTRL_C, CTRL_D, Terminal, at


@pytest.fixture
def tag() -> str:
    return f"tag-{new_id()}"


def asked(url: str, kind: str, name: str, tag: str, *, piped: bool = False) -> Terminal:
    return at(url, "run", kind, name, "-m", f"do it, {tag}", piped=piped)


def times(ledger: Path, what: str, tag: str) -> int:
    return ledger.read_text(encoding="utf-8").split("\n").count(f"{what} {tag}")


def status(url: str, terminal: Terminal) -> str:
    """The status of the run that a terminal told, as AgentOS itself has it."""
    kind, component, session, run = terminal.reference.split("/")
    page = httpx.get(f"{url}/{kind}s/{component}/runs/{run}", params={"session_id": session}, timeout=30)
    return str(page.json()["status"])


def test_yes_lets_it_go_on_and_the_answer_follows(pausing: str, tag: str, ledger: Path) -> None:
    with asked(pausing, "agent", "deployer", tag, piped=True) as terminal:
        terminal.see("deployer wants to call deploy.")
        terminal.see(f'tag: "{tag}"')
        assert times(ledger, "deploy", tag) == 0
        terminal.answer("Approve? [y]es, [n]o: ", "y")
        assert terminal.exit_code() == 0
    assert terminal.piped == f"the tools said: deployed {tag}\n"
    assert times(ledger, "deploy", tag) == 1
    assert status(pausing, terminal) == "COMPLETED"


def test_no_is_told_with_its_reason(pausing: str, tag: str, ledger: Path) -> None:
    with asked(pausing, "agent", "deployer", tag) as terminal:
        terminal.answer("Approve? ", "N")
        terminal.answer("Why? (optional): ", "not on a Friday")
        terminal.see("not on a Friday")
        assert terminal.exit_code() == 0
    assert times(ledger, "deploy", tag) == 0


def test_enter_alone_approves_nothing(pausing: str, tag: str, ledger: Path) -> None:
    with asked(pausing, "agent", "deployer", tag) as terminal:
        terminal.answer("Approve? ", "")
        terminal.see("Enter y or n.")
        terminal.answer("Approve? ", "sure")
        terminal.see("Enter y or n.")
        terminal.answer("Approve? ", "yes")
        assert terminal.exit_code() == 0
    assert times(ledger, "deploy", tag) == 1


def test_keys_pressed_before_the_question_are_no_answer(pausing: str, tag: str, ledger: Path) -> None:
    with asked(pausing, "agent", "deployer", tag) as terminal:
        terminal.type("y\ny\ny\n")
        terminal.see("Approve? [y]es, [n]o: ")
        terminal.type(CTRL_D)
        assert terminal.exit_code() == 3
    assert times(ledger, "deploy", tag) == 0


@pytest.mark.parametrize(("key", "code"), [(CTRL_D, 3), (CTRL_C, 130)])
def test_a_question_can_be_left_and_asked_again(pausing: str, tag: str, ledger: Path, key: str, code: int) -> None:
    with asked(pausing, "agent", "deployer", tag) as terminal:
        terminal.see("Approve? ")
        terminal.type(key)
        assert terminal.exit_code(PROMPT) == code
    run = terminal.reference
    assert f"Next: agentos-mcp continue {run}" in terminal.screen
    assert "Traceback" not in terminal.raw
    assert status(pausing, terminal) == "PAUSED"
    with at(pausing, "continue", run) as again:
        again.answer("Approve? ", "y")
        again.see(f"deployed {tag}")
        assert again.exit_code() == 0
    assert times(ledger, "deploy", tag) == 1


def test_inputs_are_taken_as_their_types(pausing: str, tag: str) -> None:
    with asked(pausing, "agent", "sender", tag) as terminal:
        terminal.answer("Subject (What it is about.): ", "")
        terminal.see("It is needed.")
        terminal.answer("Subject (What it is about.): ", "tea")
        terminal.answer("Copies (How many copies.): ", "many")
        terminal.see("Enter a whole number.")
        terminal.answer("Copies (How many copies.): ", "3")
        terminal.answer("Urgent (Whether it is urgent.; y or n): ", "n")
        terminal.see("sent 'tea', 3 copies, urgent False")
        assert terminal.exit_code() == 0


def test_choices_are_made_by_number_or_name(pausing: str, tag: str) -> None:
    with asked(pausing, "agent", "chooser", tag) as terminal:
        terminal.answer("Color (Which color?; 1 = blue, 2 = red): ", "3")
        terminal.see("Choose from: blue, red.")
        terminal.answer("Color (", "2")
        terminal.answer("several with commas): ", "LARGE, 1")
        terminal.see('"selected": ["red"]')
        terminal.see('"selected": ["large", "small"]')
        assert terminal.exit_code() == 0


def test_no_is_an_answer_like_any_other_and_decline_declines(pausing: str, tag: str) -> None:
    with asked(pausing, "agent", "outsider", tag) as terminal:
        terminal.answer("Result (What came out of it.): ", "no")
        terminal.see("the tools said: no")
        assert terminal.exit_code() == 0
    with asked(pausing, "agent", "outsider", tag) as terminal:
        terminal.see("(or /decline, and why)")
        terminal.answer("Result (", "/decline too far away")
        terminal.see("declined by a person: too far away")
        assert terminal.exit_code() == 0


def test_a_workflow_asks_step_by_step(pausing: str, tag: str, ledger: Path) -> None:
    with asked(pausing, "workflow", "gate-then-tool", tag, piped=True) as terminal:
        terminal.answer("Approve? ", "y")
        terminal.see("✔ 1/4 gate")
        terminal.see("Deployer wants to call deploy in step 'ship'.")
        terminal.answer("Approve? ", "y")
        terminal.see("The output of step 'draft' waits for review.")
        terminal.answer("Approve? [y]es, [n]o, [e]dit: ", "y")
        terminal.see("✔ 4/4 last")
        assert terminal.exit_code() == 0
    assert terminal.piped.startswith("last done")
    assert [times(ledger, what, tag) for what in ("gate", "deploy", "draft", "last")] == [1, 1, 1, 1]


def test_an_output_can_be_edited(pausing: str, tag: str) -> None:
    with asked(pausing, "workflow", "review-retry", tag, piped=True) as terminal:
        terminal.answer("[e]dit: ", "e")
        terminal.see("a line with only . ends it:")
        terminal.type("first line\n\nthird line\n.\n")
        assert terminal.exit_code() == 0
    assert terminal.piped.rstrip().endswith(r"after 'first line\n\nthird line'")


def test_a_no_to_a_gate_that_cancels_ends_the_run(pausing: str, tag: str, ledger: Path) -> None:
    with asked(pausing, "workflow", "gate-cancel", tag) as terminal:
        terminal.see("Really go on?")
        terminal.see("If declined: the run is cancelled.")
        terminal.answer("Approve? ", "n")
        terminal.answer("Why? ", "")
        assert terminal.exit_code() == 1
    assert status(pausing, terminal) == "CANCELLED"
    assert times(ledger, "last", tag) == 0


def test_what_only_an_admin_can_approve_is_not_asked(pausing: str, tag: str) -> None:
    with asked(pausing, "agent", "payer", tag) as terminal:
        assert terminal.exit_code() == 3
    assert "Only an admin can approve it" in terminal.screen
    assert "Approve?" not in terminal.screen


def test_somebody_else_may_answer_first(pausing: str, tag: str, ledger: Path) -> None:
    with asked(pausing, "agent", "deployer", tag, piped=True) as terminal:
        terminal.see("Approve? ")
        paused = done(pausing, "runs", "--status", "paused", "--limit", "1", "--json").json["items"][0]["run"]
        key = done(pausing, "runs", paused, "--json").json["questions"][0]["key"]
        assert done(pausing, "continue", paused, "--answers", f'{{"{key}": true}}').out == (
            f"the tools said: deployed {tag}\n"
        )
        terminal.type("y\n")
        terminal.see("Somebody else has answered it.")
        assert terminal.exit_code() == 0
    assert terminal.piped == f"the tools said: deployed {tag}\n"
    assert times(ledger, "deploy", tag) == 1


# Without anybody to ask


def test_scripts_answer_with_what_json_told_them(pausing: str, tag: str, ledger: Path) -> None:
    paused = call(pausing, "run", "workflow", "form", "-m", tag, "--json")
    assert paused.code == 3
    question = paused.json["questions"][0]
    assert {field["name"]: field["type"] for field in question["fields"]}["topics"] == "list"
    run = paused.json["run"]
    wrong = call(pausing, "continue", run, "--answers", '{"fill": true}', "--json")
    assert wrong.code == 2
    assert "Nothing was sent" in wrong.json["error"]
    answers = f'{{"{question["key"]}": {{"tone": "dry", "length": 3}}}}'
    ended = done(pausing, "continue", run, "--answers", answers, "--json")
    assert ended.json["status"] == "completed"
    assert times(ledger, "fill", tag) == 1
    again = done(pausing, "continue", run, "--answers", answers)
    assert again.out.strip() == ended.json["answer"]
    assert times(ledger, "fill", tag) == 1


def test_json_never_asks(pausing: str, tag: str) -> None:
    with at(pausing, "run", "agent", "deployer", "-m", tag, "--json", piped=True) as terminal:
        assert terminal.exit_code() == 3
    assert terminal.json["status"] == "paused"
    assert not re.search(r"Approve\?", terminal.screen)
