"""`agentos-mcp inbox`: what waits is listed, answered at a terminal, and watched with notifications."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agentos_mcp.agentos.runs.run import new_id
from tests._support.agentos_pool import AgentOSPool
from tests._support.processes import MODULE, PATIENCE, environment
from tests._support.terminal_calls import invoke, invoke_ok

if sys.platform == "win32":
    pytest.skip("pseudo-terminals as POSIX has them", allow_module_level=True)

from tests._support.pseudo_terminal import CTRL_C, CTRL_D, open_terminal


@pytest.fixture
def user() -> str:
    """A user that no other test uses."""
    return f"user-{new_id()}"


@pytest.fixture(scope="module")
def approving(agentoses: AgentOSPool) -> str:
    return agentoses.url("approvals")


def paused(url: str, component: str, user: str) -> str:
    """The reference of a run that waits."""
    result = invoke(url, "run", component, f"do it, tag-{new_id()}", "--user-id", user)
    assert result.exit_code == 3, result
    return result.reference


def test_inbox_in_a_pipe_lists_what_waits(pausing: str, user: str) -> None:
    run = paused(pausing, "deployer", user)
    listed = invoke_ok(pausing, "inbox", "--user-id", user)
    assert run in listed.stdout
    assert "deployer wants to call deploy: tag=" in listed.stdout
    (item,) = invoke_ok(pausing, "inbox", "--user-id", user, "--json").json["items"]
    assert item["run"] == run
    assert item["answered by"] == "the user"
    assert item["asks"][0].startswith("deployer wants to call deploy")
    assert invoke_ok(pausing, "inbox", "--user-id", f"not-{user}").stdout.startswith("Nothing waits")


def test_inbox_is_answered_one_after_another(pausing: str, user: str) -> None:
    first, second, third = (paused(pausing, "deployer", user) for _ in range(3))
    with open_terminal(pausing, "inbox", "--user-id", user) as terminal:
        terminal.answer("[a]nswer, [s]kip, [q]uit: ", "what")
        terminal.answer("[a]nswer, [s]kip, [q]uit: ", "a")
        terminal.answer("Approve? [y]es, [n]o: ", "y")
        terminal.wait_for("2 of 3")
        terminal.answer("[q]uit: ", "s")
        terminal.wait_for("3 of 3")
        terminal.answer("[q]uit: ", "q")
        assert terminal.exit_code() == 0
    left = {item["run"] for item in invoke_ok(pausing, "inbox", "--user-id", user, "--json").json["items"]}
    assert len(left & {first, second, third}) == 2


@pytest.mark.parametrize(("key", "code"), [(CTRL_C, 130), (CTRL_D, 0)])
def test_inbox_ends_with_ctrl_c_and_ctrl_d(pausing: str, user: str, key: str, code: int) -> None:
    paused(pausing, "deployer", user)
    with open_terminal(pausing, "inbox", "--user-id", user) as terminal:
        terminal.wait_for("[q]uit: ")
        terminal.type(key)
        assert terminal.exit_code() == code
    assert "Traceback" not in terminal.raw


def test_inbox_lets_an_admin_approve_and_reject(approving: str, user: str) -> None:
    runs = [paused(approving, "payer", user) for _ in range(2)]
    with open_terminal(approving, "inbox", "--user-id", user) as terminal:
        terminal.answer("As an admin: [y]es, [n]o, [s]kip, [q]uit: ", "y")
        terminal.wait_for("paid 7 to Ada")
        terminal.answer("As an admin: [y]es, [n]o, [s]kip, [q]uit: ", "no")
        assert terminal.exit_code() == 0
    assert "paid" not in terminal.plain.rpartition("2 of 2")[2]
    text = invoke_ok(approving, "inbox", "--user-id", user).stdout
    assert not [run for run in runs if run in text]


@contextmanager
def _watching(url: str, bin_folder: Path, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    """`inbox --watch` with a notify-send that writes its words into a file, once it watches."""
    program = bin_folder / "notify-send"
    program.write_text(f'#!/bin/sh\nprintf "%s\\0" "$@" "end" >> "{bin_folder}/notifications"\n')
    program.chmod(0o755)
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    with subprocess.Popen(
        [*MODULE, "inbox", "--watch", *flags],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env=environment({"AGENTOS_URL": url, "PATH": path}),
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def _notifications(bin_folder: Path) -> list[list[str]]:
    """The words of each."""
    words = (bin_folder / "notifications").read_text().split("\0")[:-1]
    ends = [index for index, word in enumerate(words) if word == "end"]
    return [words[start:end] for start, end in zip([0, *(end + 1 for end in ends)], ends, strict=False)]


@pytest.mark.skipif(sys.platform != "linux", reason="notify-send is Linux's")
def test_watch_tells_of_a_run_that_pauses_and_one_that_ends(pausing: str, user: str, tmp_path: Path) -> None:
    before = paused(pausing, "deployer", user)
    with _watching(pausing, tmp_path, "--user-id", user) as watching:
        assert watching.stdout is not None
        assert watching.stderr is not None
        while b"Watching runs" not in (line := watching.stderr.readline()):
            assert line
        run = paused(pausing, "deployer", user)
        line = watching.stdout.readline()
        assert f"paused  {run}  deployer wants to call deploy: tag=".encode() in line
        invoke(pausing, "continue", run, "--answers", _approval(pausing, run))
        line = watching.stdout.readline()
        assert f"completed  {run}".encode() in line
        watching.send_signal(signal.SIGINT)
        assert watching.wait(PATIENCE) == 130
        assert before.encode() not in watching.stdout.read(), "it waited already"
    first, second = _notifications(tmp_path)
    assert first[:3] == ["--app-name=agentos-mcp", "--", "AgentOS: Deployer paused"]
    assert first[3].startswith("It asks: deployer wants to call deploy: tag=")
    assert second[2] == "AgentOS: Deployer completed"


def _approval(url: str, run: str) -> str:
    (question,) = invoke(url, "runs", run, "--json").json["questions"]
    return json.dumps({question["key"]: True})
