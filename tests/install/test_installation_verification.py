"""The entry that was written is started the way its client starts it, against a live AgentOS."""

from __future__ import annotations

import dataclasses
import re
import sys
import time
from pathlib import Path

import anyio
import pytest

from agentos_mcp.install.client_entry import ResolvedCommand
from agentos_mcp.install.host_system import HostSystem
from agentos_mcp.install.installation import describe_probe_problem, install
from agentos_mcp.install.launch_command import server_command
from agentos_mcp.install.server_probe import ServerProber
from agentos_mcp.settings import SettingsError
from tests._support.client_config_samples import SAMPLES
from tests._support.machines import CLIENTS_BY_KEY, Machine
from tests.conftest import KEY

pytestmark = pytest.mark.process

DOWN = "http://127.0.0.1:9"
COUNTS = re.compile(r": \d+ tools, 3 agents, 1 team, 2 workflows$", re.MULTILINE)


@pytest.mark.timeout(120)
def test_verification_counts_tools_for_every_client(machine: Machine, demo: str) -> None:
    for key, text in SAMPLES.items():
        machine.write_config(key, text)
    began = time.monotonic()
    report = machine.install(*SAMPLES, verify=True, url=demo)
    assert report.ok, str(report)
    assert len(COUNTS.findall(str(report))) == len(SAMPLES)
    assert all(CLIENTS_BY_KEY[key].restart_hint in str(report) for key in SAMPLES)
    assert time.monotonic() - began < 60  # under 10 s on a machine with nothing else to do


def test_verification_starts_an_entry_that_exists_already(machine: Machine, demo: str) -> None:
    machine.install("cursor", url=demo)
    output = str(machine.install("cursor", verify=True, url=demo))
    assert COUNTS.search(output)
    assert "nothing was changed" in output


def test_verification_starts_the_entry_that_is_in_the_file(machine: Machine, demo: str) -> None:
    machine.install("cursor", url=demo)
    path = machine.config_path("cursor")
    path.write_text(path.read_text().replace('"command"', '"env": {"AGENTOS_MCP_TIMEOUT": "no"},\n      "command"'))
    report = machine.install("cursor", verify=True, url=demo)
    assert not report.ok
    assert "AGENTOS_MCP_TIMEOUT='no' cannot be used" in str(report)


def test_verification_reports_an_unreachable_agentos(machine: Machine) -> None:
    report = machine.install("codex", verify=True, url=DOWN)
    assert not report.ok
    assert str(report).startswith(f"✘ Codex: No AgentOS answers at {DOWN}. Start it")
    assert "The entry was kept. Run the same command again to try it again." in str(report)
    assert machine.read_entry("codex") is not None


def test_verification_counts_components_without_their_toolsets(machine: Machine, demo: str) -> None:
    output = str(machine.install("zed", verify=True, url=demo, toolsets="memory"))
    assert re.match(r"✔ Zed: \d+ tools?, 3 agents, 1 team, 2 workflows$", output.splitlines()[0])
    assert str(machine.install("zed", verify=True, url=DOWN, toolsets="memory")).startswith("✘ Zed: No AgentOS answers")


class TestVerificationWithToken:
    @pytest.mark.parametrize("key", ["claude-desktop", "goose"])
    def test_verification_uses_the_token_file(self, machine: Machine, locked_agentos: str, key: str) -> None:
        file = machine.root / "work" / "key"
        file.write_text(KEY)
        report = machine.install(key, verify=True, url=locked_agentos, token_file=str(file))
        assert report.ok, str(report)

    @pytest.mark.parametrize("key", ["claude-code", "codex", "cursor", "gemini", "goose", "opencode", "vscode"])
    def test_verification_resolves_the_token_variable(self, tmp_path: Path, locked_agentos: str, key: str) -> None:
        machine = Machine(tmp_path, variables={"AGENTOS_TOKEN": KEY})
        report = machine.install(key, verify=True, url=locked_agentos, token_variable="AGENTOS_TOKEN")
        assert report.ok, str(report)
        assert KEY not in str(report) + machine.config_path(key).read_text()

    def test_verification_names_a_variable_that_is_not_set(self, machine: Machine, locked_agentos: str) -> None:
        output = str(machine.install("cursor", verify=True, url=locked_agentos, token_variable="WORK_TOKEN"))
        assert "WORK_TOKEN is not set here, so the entry was not tried. Set it where the client is started." in output

    def test_verification_reports_a_missing_token(self, tmp_path: Path, locked_agentos: str) -> None:
        machine = Machine(tmp_path, variables={"AGENTOS_TOKEN": KEY})
        report = machine.install("cursor", verify=True, url=locked_agentos)
        assert not report.ok, "a desktop client sees nothing of this shell"
        assert "AgentOS requires a token" in report.results[0].message
        assert report.notes[-1].endswith("if AgentOS requires a token, give --token-file PATH.")


class TestProbeProblems:
    def problem(self, *command_line: str, seconds: float = 8.0) -> str:
        command = ResolvedCommand(command_line[0], command_line[1:], {})
        probe = anyio.run(ServerProber(seconds).probe, command, HostSystem.current().minimal_path)
        problem = describe_probe_problem(command, probe)
        assert problem
        return problem

    def test_probe_problem_names_a_missing_program(self) -> None:
        assert self.problem("/no/such/program") == (
            "/no/such/program cannot be started (no such file or directory). Install again."
        )

    def test_probe_problem_quotes_a_program_that_ends(self) -> None:
        assert self.problem(sys.executable, "-c", "import sys; sys.exit('no room')").endswith(
            "Its error output: no room"
        )

    def test_probe_problem_suggests_to_run_a_silent_program_by_hand(self) -> None:
        problem = self.problem(sys.executable, "-c", "")
        assert f"Run it in a terminal to see why: {sys.executable} -c" in problem

    def test_probe_problem_reports_a_timeout(self) -> None:
        problem = self.problem(sys.executable, "-c", "import sys; sys.stdin.read()", seconds=0.5)
        assert problem.startswith("it did not answer in time.")

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has another minimal PATH")
    def test_verification_starts_with_the_minimal_path(self) -> None:
        reveal = "import os, sys; sys.exit(os.environ['PATH'] + ' in ' + os.getcwd())"
        assert self.problem(sys.executable, "-c", reveal).endswith("/usr/bin:/bin:/usr/sbin:/sbin in /")


def test_server_command_is_an_absolute_path_beside_python(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    assert server_command(HostSystem("linux", tmp_path, python=python)) == [str(python), "-m", "agentos_mcp"]
    for platform, name in (("linux", "agentos-mcp"), ("win32", "agentos-mcp.exe")):
        python.with_name(name).touch()
        assert server_command(HostSystem(platform, tmp_path, python=python)) == [str(python.with_name(name))]


def test_install_refuses_what_names_several_agentoses(tmp_path: Path) -> None:
    machine = Machine(tmp_path, variables={"AGENTOS_MCP_CONFIG": str(tmp_path / "agentos.toml")})
    with pytest.raises(SettingsError, match="AGENTOS_MCP_CONFIG is set here"):
        install(["zed"], verify=False, system=machine.system)
    assert machine.install("zed").ok, "its URL is given"


def test_report_warns_of_uvs_cache(machine: Machine) -> None:
    python = machine.root / "cache" / "uv" / "archive-v0" / "x" / "bin" / "python"
    system = dataclasses.replace(machine.system, python=python)
    output = str(install(["zed"], verify=False, system=system))
    assert "runs from uv's cache, which uv may clear. To install it permanently: uv tool install " in output
