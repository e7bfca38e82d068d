"""What is told of the program that a client's entry names, and of what it starts."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from agentos_mcp.install.installation import install
from tests._support.client_entries import write
from tests._support.client_files import SAMPLES
from tests._support.doctor_checks import DOWN, look_at_clients
from tests._support.foreign_programs import SERVE, executable, program
from tests._support.machines import BY_KEY, Machine

pytestmark = pytest.mark.anyio

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="scripts as POSIX has them")


class TestExecutables:
    @pytest.mark.parametrize("key", SAMPLES)
    async def test_one_that_is_gone_is_told_as_the_client_tells_it(self, machine: Machine, key: str) -> None:
        gone = machine.root / "old" / "bin" / "agentos-mcp"
        write(machine, key, [str(gone), "serve", "--url", "http://localhost:7800"])
        finding = (await look_at_clients(machine))[BY_KEY[key].title]
        assert finding.level == "bad"
        assert f"starts {gone}, which is not there (clients say: spawn {gone} ENOENT)" in finding.means
        assert finding.fix == f"agentos-mcp install {key} --url http://localhost:7800"

    @POSIX
    async def test_one_that_may_not_be_executed_is_told(self, machine: Machine) -> None:
        place = machine.root / "agentos-mcp"
        place.write_text("words")
        write(machine, "cursor", [str(place), "serve"])
        finding = (await look_at_clients(machine))["Cursor"]
        assert f"starts {place}, which is no program that may be executed" in finding.means
        assert finding.fix == "agentos-mcp install cursor --url http://localhost:7777"

    @POSIX
    async def test_one_whose_python_is_gone_is_told(self, machine: Machine) -> None:
        script = executable(machine.root / "agentos-mcp", interpreter=str(machine.root / "old" / "python"))
        write(machine, "cursor", [str(script), "serve"])
        finding = (await look_at_clients(machine))["Cursor"]
        assert finding.level == "bad"
        assert f"starts {script}, whose interpreter is gone" in finding.means
        assert finding.fix == "agentos-mcp install cursor --url http://localhost:7777"

    async def test_a_name_that_is_nowhere_is_told(self, machine: Machine) -> None:
        write(machine, "claude-desktop", ["agentos-mcp-of-old", "serve"])
        finding = (await look_at_clients(machine))["Claude Desktop"]
        assert finding.level == "bad"
        assert "spawn agentos-mcp-of-old ENOENT" in finding.means

    async def test_a_name_that_only_a_shell_finds_is_started_and_told(
        self, machine: Machine, sample_agentos: str
    ) -> None:
        write(machine, "claude-desktop", ["agentos-mcp", "serve", "--url", sample_agentos])
        told = await look_at_clients(machine)
        first, second = told.findings
        assert first.level == "warning"
        assert "which a client that is not started from a shell does not find" in first.means
        assert first.fix == f"agentos-mcp install claude-desktop --url {sample_agentos}"
        assert second.level == "good"

    async def test_an_entry_without_a_command_is_told(self, machine: Machine) -> None:
        write(machine, "cursor", ["", "-m", "agentos_mcp"])
        assert "starts nothing: it has no command" in (await look_at_clients(machine))["Cursor"].means

    async def test_the_command_that_is_told_mends_it(self, machine: Machine, sample_agentos: str) -> None:
        gone = str(machine.root / "old" / "agentos-mcp")
        folder = machine.root / "with files"
        folder.mkdir()
        before = [
            "serve",
            "--url",
            sample_agentos,
            "--read-only",
            "--toolsets=runs,catalog",
            "--allow-files",
            str(folder),
        ]
        write(machine, "cursor", [gone, *before], name="work")
        fix = (await look_at_clients(machine))["Cursor"].fix
        assert fix == (
            f"agentos-mcp install cursor --name work --url {sample_agentos} --read-only --toolsets runs,catalog "
            f"--allow-files '{folder}'"
        )
        machine.install(
            "cursor",
            name="work",
            url=sample_agentos,
            read_only=True,
            toolsets="runs,catalog",
            allow_files=str(folder),
        )
        assert (await look_at_clients(machine))["Cursor"].level == "good"

    async def test_a_name_that_cannot_be_installed_is_to_be_taken_out(self, machine: Machine) -> None:
        place = write(machine, "cursor", [str(machine.root / "agentos-mcp")], name="My AgentOS")
        fix = (await look_at_clients(machine))["Cursor"].fix
        assert fix == (
            f"Take 'My AgentOS' out of {place}, then: agentos-mcp install cursor --url http://localhost:7777"
        )


async def test_a_venv_that_was_removed_after_installing_is_told(machine: Machine, sample_agentos: str) -> None:
    python = machine.root / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    script = python.with_name("agentos-mcp.exe" if sys.platform == "win32" else "agentos-mcp")
    script.touch()
    install(
        ["codex"],
        flags={"url": sample_agentos},
        verify=False,
        system=dataclasses.replace(machine.system, python=python),
    )
    script.unlink()
    finding = (await look_at_clients(machine))["Codex"]
    assert f"starts {script}, which is not there" in finding.means
    assert finding.fix == f"agentos-mcp install codex --url {sample_agentos}"


class TestServersThatFail:
    @pytest.mark.parametrize("key", ["claude-desktop", "opencode", "codex", "goose"])
    async def test_words_on_standard_output_are_told_as_the_client_tells_them(
        self, machine: Machine, sample_agentos: str, key: str
    ) -> None:
        write(machine, key, [*program(f"print('Loading models', flush=True)\n{SERVE}"), "--url", sample_agentos])
        finding = (await look_at_clients(machine))[BY_KEY[key].title]
        assert finding.level == "bad"
        assert "prints what is no protocol: 'Loading models'" in finding.means
        assert "Unexpected token, not valid JSON" in finding.means

    @POSIX
    async def test_a_wrapper_that_prints_is_replaced_by_the_program_itself(
        self, machine: Machine, sample_agentos: str
    ) -> None:
        code = f"import os, sys\nprint('Hello!', flush=True)\n{SERVE.replace('[2:]', '[1:]')}"
        script = executable(machine.root / "agentos-mcp-wrapper", code=code)
        write(machine, "cursor", [str(script), "--url", sample_agentos])
        finding = (await look_at_clients(machine))["Cursor"]
        assert "'Hello!'" in finding.means
        assert finding.fix == f"agentos-mcp install cursor --url {sample_agentos}"

    async def test_one_that_ends_is_quoted(self, machine: Machine) -> None:
        write(machine, "cursor", program("sys.exit('no room for the models')"))
        finding = (await look_at_clients(machine))["Cursor"]
        assert finding.level == "bad"
        assert finding.means == "'agentos' ends before it answers, and says: no room for the models"
        assert finding.fix.startswith(f"Run it to see why: {sys.executable} -c ")

    async def test_one_that_is_silent_is_given_up(self, machine: Machine) -> None:
        write(machine, "cursor", program("sys.stdin.read()"))
        finding = (await look_at_clients(machine, seconds=1.0))["Cursor"]
        assert finding.means == "'agentos' starts and does not answer"

    async def test_an_agentos_that_is_down_is_told_with_one_that_answers(
        self, machine: Machine, sample_agentos: str
    ) -> None:
        machine.install("cursor", url=DOWN)
        finding = (await look_at_clients(machine, found=sample_agentos))["Cursor"]
        assert finding.level == "bad"
        assert finding.means.startswith(f"'agentos' starts, but: No AgentOS answers at {DOWN}.")
        assert (
            finding.fix == f"An AgentOS answers at {sample_agentos}. "
            f"For that one: agentos-mcp install cursor --url {sample_agentos}"
        )

    async def test_an_agentos_that_is_down_is_to_be_started_where_there_is_no_other(self, machine: Machine) -> None:
        machine.install("cursor", url=DOWN)
        finding = (await look_at_clients(machine))["Cursor"]
        command = "agentos-mcp install cursor --url http://HOST:PORT"
        assert finding.fix == f"Start the AgentOS, or name another: {command}"

    async def test_a_locked_agentos_is_told_with_how_to_give_a_token(
        self, machine: Machine, locked_agentos: str
    ) -> None:
        machine.install("cursor", url=locked_agentos)
        finding = (await look_at_clients(machine, found=locked_agentos))["Cursor"]
        assert finding.level == "bad"
        assert "AgentOS wants a token, and none is set." in finding.means
        assert finding.fix == f"agentos-mcp install cursor --url {locked_agentos} --token-file PATH"

    async def test_a_wrong_token_is_told_and_never_shown(self, machine: Machine, locked_agentos: str) -> None:
        file = machine.root / "key"
        file.write_text("not-the-key")
        machine.install("zed", url=locked_agentos, token_file=str(file))
        told = await look_at_clients(machine, found=locked_agentos)
        assert "AgentOS refuses the token" in told["Zed"].means
        assert told["Zed"].fix == f"agentos-mcp install zed --url {locked_agentos} --token-file {file}"
        assert "not-the-key" not in told.everything
