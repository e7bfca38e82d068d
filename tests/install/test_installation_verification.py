"""What was written is started the way its client starts it, against a live AgentOS."""

from __future__ import annotations

import dataclasses
import re
import sys
import time
from pathlib import Path

import pytest

from agentos_mcp.install import verification
from agentos_mcp.install.client_entry import Start
from agentos_mcp.install.host_system import System
from agentos_mcp.install.installation import install
from agentos_mcp.install.server_command import server_command
from tests._support.client_files import SAMPLES
from tests._support.machines import BY_KEY, Machine
from tests.conftest import KEY

DOWN = "http://127.0.0.1:9"
COUNTS = re.compile(r": \d+ tools, 3 agents, 1 team, 2 workflows$", re.MULTILINE)


@pytest.mark.timeout(120)
def test_every_client_gets_the_tools_and_is_told_how_to_see_them(machine: Machine, demo: str) -> None:
    for key, text in SAMPLES.items():
        machine.has(key, text)
    began = time.monotonic()
    outcome = machine.install(*SAMPLES, verify=True, url=demo)
    assert outcome.ok, str(outcome)
    assert len(COUNTS.findall(str(outcome))) == len(SAMPLES)
    assert all(BY_KEY[key].restart in str(outcome) for key in SAMPLES)
    assert time.monotonic() - began < 60  # under 10 s on a machine with nothing else to do


def test_an_entry_that_is_there_already_is_tried_out_all_the_same(machine: Machine, demo: str) -> None:
    machine.install("cursor", url=demo)
    told = str(machine.install("cursor", verify=True, url=demo))
    assert COUNTS.search(told)
    assert "already; nothing was changed" in told


def test_what_stands_in_the_file_is_tried_out_and_not_what_was_asked_for(machine: Machine, demo: str) -> None:
    machine.install("cursor", url=demo)
    place = machine.place("cursor")
    place.write_text(place.read_text().replace('"command"', '"env": {"AGENTOS_MCP_TIMEOUT": "no"},\n      "command"'))
    outcome = machine.install("cursor", verify=True, url=demo)
    assert not outcome.ok
    assert "AGENTOS_MCP_TIMEOUT='no' cannot be used" in str(outcome)


def test_an_agentos_that_is_down_is_told_with_the_next_move(machine: Machine) -> None:
    outcome = machine.install("codex", verify=True, url=DOWN)
    assert not outcome.ok
    assert str(outcome).startswith(f"✘ Codex: No AgentOS answers at {DOWN}. Start it")
    assert "The entry stands. Run the same command again to try it once more." in str(outcome)
    assert machine.entry("codex") is not None


def test_fewer_toolsets_are_counted_as_far_as_they_go(machine: Machine, demo: str) -> None:
    told = str(machine.install("zed", verify=True, url=demo, toolsets="memory"))
    assert re.match(r"✔ Zed: \d+ tools?$", told.splitlines()[0])
    assert str(machine.install("zed", verify=True, url=DOWN, toolsets="memory")).startswith("✘ Zed: No AgentOS answers")


class TestBehindAKey:
    @pytest.mark.parametrize("key", ["claude-desktop", "goose"])
    def test_a_token_file_opens_it(self, machine: Machine, locked_agentos: str, key: str) -> None:
        file = machine.root / "work" / "key"
        file.write_text(KEY)
        outcome = machine.install(key, verify=True, url=locked_agentos, token_file=str(file))
        assert outcome.ok, str(outcome)

    @pytest.mark.parametrize("key", ["claude-code", "codex", "cursor", "gemini", "goose", "opencode", "vscode"])
    def test_a_variable_opens_it_as_the_client_resolves_it(self, tmp_path: Path, locked_agentos: str, key: str) -> None:
        machine = Machine(tmp_path, variables={"AGENTOS_TOKEN": KEY})
        outcome = machine.install(key, verify=True, url=locked_agentos, token_variable="AGENTOS_TOKEN")
        assert outcome.ok, str(outcome)
        assert KEY not in str(outcome) + machine.place(key).read_text()

    def test_a_variable_that_is_not_set_is_named(self, machine: Machine, locked_agentos: str) -> None:
        told = str(machine.install("cursor", verify=True, url=locked_agentos, token_variable="WORK_TOKEN"))
        assert "WORK_TOKEN is not set here, so it could not be tried. Set it where the client is started." in told

    def test_no_token_is_told_in_agentos_own_words(self, tmp_path: Path, locked_agentos: str) -> None:
        machine = Machine(tmp_path, variables={"AGENTOS_TOKEN": KEY})
        outcome = machine.install("cursor", verify=True, url=locked_agentos)
        assert not outcome.ok, "a desktop client sees nothing of this shell"
        assert "token" in outcome.results[0].words
        assert "--token-env AGENTOS_TOKEN" in str(outcome)


class TestProgramsThatAreNone:
    def verdict(self, *command: str, seconds: float = verification.SECONDS) -> str:
        start = Start(command[0], command[1:], {})
        (verdict,) = verification.try_out([start], System.here(), seconds).values()
        assert not verdict.works
        return verdict.words

    def test_a_program_that_is_not_there_is_named(self) -> None:
        assert self.verdict("/no/such/program") == (
            "/no/such/program cannot be started: there is no such program. Install again."
        )

    def test_a_program_that_ends_is_quoted(self) -> None:
        assert self.verdict(sys.executable, "-c", "import sys; sys.exit('no room')").endswith("It says: no room")

    def test_a_program_that_ends_without_a_word_is_to_be_run_by_hand(self) -> None:
        words = self.verdict(sys.executable, "-c", "")
        assert f"Run it in a terminal to see why: {sys.executable} -c" in words

    def test_a_program_that_says_nothing_is_given_up(self) -> None:
        words = self.verdict(sys.executable, "-c", "import sys; sys.stdin.read()", seconds=0.5)
        assert words.startswith("it did not answer within 0.5 s.")

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has another minimal PATH")
    def test_a_desktop_client_has_no_path_of_a_shell(self) -> None:
        reveal = "import os, sys; sys.exit(os.environ['PATH'] + ' in ' + os.getcwd())"
        assert self.verdict(sys.executable, "-c", reveal).endswith("/usr/bin:/bin:/usr/sbin:/sbin in /")


def test_the_command_is_an_absolute_path_beside_python(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    assert server_command(System("linux", tmp_path, python=python)) == [str(python), "-m", "agentos_mcp"]
    for platform, name in (("linux", "agentos-mcp"), ("win32", "agentos-mcp.exe")):
        python.with_name(name).touch()
        assert server_command(System(platform, tmp_path, python=python)) == [str(python.with_name(name))]


def test_uvx_is_told_of(machine: Machine) -> None:
    python = machine.root / "cache" / "uv" / "archive-v0" / "x" / "bin" / "python"
    system = dataclasses.replace(machine.system, python=python)
    told = str(install(["zed"], verify=False, system=system))
    assert "runs from uv's cache, which uv may clear: `uv tool install .`" in told
