"""The findings on the program of a client's entry, and on the server that it starts."""

from __future__ import annotations

import dataclasses
import os
import sys

import pytest

from agentos_mcp.install.installation import install
from agentos_mcp.settings import Settings
from scripts.install_links import build_links, parse_link
from tests._support.client_config_samples import SAMPLES
from tests._support.doctor_checks import UNUSED_URL, fix_text, run_client_checks
from tests._support.foreign_programs import SERVE, executable, program
from tests._support.machines import CLIENTS_BY_KEY, Machine

pytestmark = pytest.mark.anyio

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="scripts as POSIX has them")


class TestExecutables:
    @pytest.mark.parametrize("key", SAMPLES)
    async def test_executable_that_is_gone_has_the_clients_error(self, machine: Machine, key: str) -> None:
        program_path = machine.root / "old" / "bin" / "agentos-mcp"
        machine.add_entry(key, [str(program_path), "serve", "--url", "http://localhost:7800"])
        finding = (await run_client_checks(machine))[CLIENTS_BY_KEY[key].title]
        assert finding.level == "bad"
        assert (
            f"starts {program_path}, which does not exist (clients say: spawn {program_path} ENOENT)" in finding.message
        )
        assert fix_text(finding) == f"agentos-mcp install {key} --url http://localhost:7800"

    @POSIX
    async def test_executable_without_permission_is_bad(self, machine: Machine) -> None:
        path = machine.root / "agentos-mcp"
        path.write_text("words")
        machine.add_entry("cursor", [str(path), "serve"])
        finding = (await run_client_checks(machine))["Cursor"]
        assert f"starts {path}, which is not executable" in finding.message
        assert fix_text(finding) == "agentos-mcp install cursor --url http://localhost:7777"

    @POSIX
    async def test_executable_without_its_interpreter_is_bad(self, machine: Machine) -> None:
        script = executable(machine.root / "agentos-mcp", interpreter=str(machine.root / "old" / "python"))
        machine.add_entry("cursor", [str(script), "serve"])
        finding = (await run_client_checks(machine))["Cursor"]
        assert finding.level == "bad"
        assert f"starts {script}, whose interpreter does not exist" in finding.message
        assert fix_text(finding) == "agentos-mcp install cursor --url http://localhost:7777"

    async def test_executable_name_that_is_not_in_the_path_is_bad(self, machine: Machine) -> None:
        machine.add_entry("claude-desktop", ["agentos-mcp.cmd", "serve"])
        finding = (await run_client_checks(machine))["Claude Desktop"]
        assert finding.level == "bad"
        assert "spawn agentos-mcp.cmd ENOENT" in finding.message

    async def test_executable_name_that_only_a_shell_finds_is_a_warning(
        self, machine: Machine, sample_agentos: str
    ) -> None:
        machine.add_entry("claude-desktop", ["agentos-mcp", "serve", "--url", sample_agentos])
        findings = await run_client_checks(machine)
        first, second = findings.findings
        assert first.level == "warning"
        assert "which only a client that is started from a shell finds" in first.message
        assert fix_text(first) == f"agentos-mcp install claude-desktop --url {sample_agentos}"
        assert second.level == "good"

    async def test_executable_name_is_good_for_a_client_that_reads_the_shells_path(
        self, machine: Machine, sample_agentos: str
    ) -> None:
        machine.add_entry("cursor", ["agentos-mcp", "serve", "--url", sample_agentos])
        [finding] = (await run_client_checks(machine)).findings
        assert finding.level == "good"

    @POSIX
    async def test_entry_of_a_button_is_good(self, machine: Machine, sample_agentos: str) -> None:
        # In place of uvx, which would download the package.
        runner = executable(machine.root / "uvx", "/bin/sh", f'shift; exec "{sys.executable}" -m agentos_mcp "$@"')
        machine.variables = {**machine.variables, "PATH": f"{runner.parent}{os.pathsep}{machine.system.minimal_path}"}
        for name, client in (
            ("cursor", "cursor"),
            ("vscode", "vscode"),
            ("vscode, without the web", "vscode-workspace"),
        ):
            entry_name, entry, _ = parse_link(build_links()[name])
            arguments = [sample_agentos if word == Settings().url else word for word in entry["args"]]
            fields = {"env": entry["env"]} if "env" in entry else {}
            machine.add_entry(client, [entry["command"], *arguments], name=entry_name, fields=fields)
        findings = (await run_client_checks(machine)).findings
        assert [finding.level for finding in findings if "entry" not in finding.message] == ["good"] * 3
        assert f"at {sample_agentos} starts in" in findings[0].message
        assert "takes agentos-url and agentos-token from VS Code, which asks for them" in findings[1].message

    async def test_executable_that_is_empty_is_bad(self, machine: Machine) -> None:
        machine.add_entry("cursor", ["", "-m", "agentos_mcp"])
        assert "starts nothing: it has no command" in (await run_client_checks(machine))["Cursor"].message

    async def test_executable_fix_installs_the_entry_again(self, machine: Machine, sample_agentos: str) -> None:
        program_path = str(machine.root / "old" / "agentos-mcp")
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
        machine.add_entry("cursor", [program_path, *before], name="work")
        fix = fix_text((await run_client_checks(machine))["Cursor"])
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
        assert (await run_client_checks(machine))["Cursor"].level == "good"

    async def test_executable_fix_removes_an_entry_with_an_invalid_name(self, machine: Machine) -> None:
        path = machine.add_entry("cursor", [str(machine.root / "agentos-mcp")], name="My AgentOS")
        fix = fix_text((await run_client_checks(machine))["Cursor"])
        assert fix == (f"Remove 'My AgentOS' from {path}, then: agentos-mcp install cursor --url http://localhost:7777")


async def test_executable_of_a_removed_venv_is_bad(machine: Machine, sample_agentos: str) -> None:
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
    finding = (await run_client_checks(machine))["Codex"]
    assert f"starts {script}, which does not exist" in finding.message
    assert fix_text(finding) == f"agentos-mcp install codex --url {sample_agentos}"


class TestFailingServers:
    @pytest.mark.parametrize("key", ["claude-desktop", "opencode", "codex", "goose"])
    async def test_server_that_prints_stray_lines_has_the_clients_error(
        self, machine: Machine, sample_agentos: str, key: str
    ) -> None:
        machine.add_entry(key, [*program(f"print('Loading models', flush=True)\n{SERVE}"), "--url", sample_agentos])
        finding = (await run_client_checks(machine))[CLIENTS_BY_KEY[key].title]
        assert finding.level == "bad"
        assert "prints to its standard output what is not MCP: 'Loading models'" in finding.message
        assert "Unexpected token, not valid JSON" in finding.message

    @POSIX
    async def test_server_wrapper_that_prints_is_replaced(self, machine: Machine, sample_agentos: str) -> None:
        code = f"import os, sys\nprint('Hello!', flush=True)\n{SERVE.replace('[2:]', '[1:]')}"
        script = executable(machine.root / "agentos-mcp", code=code)
        machine.add_entry("cursor", [str(script), "--url", sample_agentos])
        finding = (await run_client_checks(machine))["Cursor"]
        assert "'Hello!'" in finding.message
        assert fix_text(finding) == f"agentos-mcp install cursor --url {sample_agentos}"

    async def test_server_that_ends_is_quoted(self, machine: Machine) -> None:
        machine.add_entry("cursor", [*program("sys.exit('no room for the models')"), "--url", UNUSED_URL])
        finding = (await run_client_checks(machine))["Cursor"]
        assert finding.level == "bad"
        ends = f"'agentos' for {UNUSED_URL} ends before it answers (exit code 1)"
        assert finding.message == f"{ends}: no room for the models"
        assert (finding.details, finding.automatic) == ((), None)

    async def test_server_that_is_silent_times_out(self, machine: Machine) -> None:
        code = "sys.stderr.write('loading the models'); sys.stderr.flush(); sys.stdin.read()"
        machine.add_entry("cursor", [*program(code), "--url", UNUSED_URL])
        finding = (await run_client_checks(machine, seconds=1.0))["Cursor"]
        assert finding.message == f"'agentos' for {UNUSED_URL} starts, but does not answer within 1 s"
        assert finding.details == ("loading the models",)

    async def test_server_without_agentos_recommends_no_other_address(self, machine: Machine) -> None:
        machine.install("cursor", url=UNUSED_URL)
        finding = (await run_client_checks(machine))["Cursor"]
        assert finding.level == "bad"
        assert finding.message == (
            f"'agentos' for {UNUSED_URL} starts, but no AgentOS answers at {UNUSED_URL}: nothing listens there"
        )
        command = "agentos-mcp install cursor --url http://HOST:PORT"
        assert fix_text(finding) == f"Start its AgentOS, or give the address of yours: {command}"
        assert (finding.about.client, finding.about.entry, finding.about.url) == ("cursor", "agentos", UNUSED_URL)

    async def test_server_without_token_says_how_to_give_one(self, machine: Machine, locked_agentos: str) -> None:
        machine.install("cursor", url=locked_agentos)
        finding = (await run_client_checks(machine))["Cursor"]
        assert finding.level == "bad"
        assert finding.message == (
            f"'agentos' for Sample (sample) at {locked_agentos} starts, but has no token, and AgentOS requires a "
            "security key"
        )
        assert fix_text(finding) == f"agentos-mcp install cursor --url {locked_agentos} --token-file PATH"

    async def test_server_with_a_wrong_token_masks_it(self, machine: Machine, locked_agentos: str) -> None:
        file = machine.root / "key"
        file.write_text("not-the-key")
        file.chmod(0o600)
        machine.install("zed", url=locked_agentos, token_file=str(file))
        findings = await run_client_checks(machine)
        assert f"starts, but AgentOS refuses its token, from {file}: " in findings["Zed"].message
        assert "Invalid authentication token" in findings["Zed"].message
        command = f"agentos-mcp install zed --url {locked_agentos} --token-file {file}"
        assert fix_text(findings["Zed"]) == f"Give it the right one: {command}"
        assert "not-the-key" not in findings.text


class TestCodex:
    async def test_codex_that_does_not_wait_for_its_servers_is_a_warning(
        self, machine: Machine, sample_agentos: str
    ) -> None:
        path = machine.add_entry("codex", [sys.executable, "-m", "agentos_mcp", "serve", "--url", sample_agentos])
        finding = (await run_client_checks(machine))["Codex"]
        assert finding.level == "warning"
        assert "without mcp_optional_startup_grace_ms Codex begins without its tools" in finding.message
        assert fix_text(finding) == f"agentos-mcp install codex --url {sample_agentos}"
        path.write_text(f"mcp_optional_startup_grace_ms = 10000\n{path.read_text()}")
        assert (await run_client_checks(machine))["Codex"].level == "good"
