"""Entries with another program or with warnings, and that no secret of an entry is printed."""

from __future__ import annotations

import pytest

from agentos_mcp import __version__
from agentos_mcp.install.launch_command import server_command
from agentos_mcp.terminal.program_name import PROGRAM
from tests._support.doctor_checks import UNUSED_URL, fix_text, run_client_checks
from tests._support.foreign_programs import mcp_server, program
from tests._support.machines import CLIENTS_BY_KEY, Machine

pytestmark = pytest.mark.anyio


class TestPackageRunners:
    @pytest.mark.parametrize(
        "command",
        [
            ["uvx", PROGRAM, "serve"],
            ["/usr/bin/uvx", "--from", f"{PROGRAM}[demo]", PROGRAM],
            ["pipx", "run", PROGRAM],
            ["npx", "-y", PROGRAM],
        ],
    )
    async def test_package_runner_entry_is_not_started(self, machine: Machine, command: list[str]) -> None:
        machine.add_entry("cursor", command)
        finding = (await run_client_checks(machine))["Cursor"]
        assert finding.level == "bad"
        assert "downloads a package that is not this project's, which is named mcp-server-agentos" in finding.message
        assert fix_text(finding) == "agentos-mcp install cursor --url http://localhost:7777"

    @pytest.mark.parametrize(
        "command",
        [
            ["uvx.cmd", "mcp-server-agentos", "serve"],
            ["uvx.cmd", "--from", "mcp-server-agentos[demo]==0.1.0", PROGRAM],
            ["uvx.cmd", "mcp-server-agentos@latest"],
        ],
    )
    async def test_package_runner_with_our_distribution_is_tried(self, machine: Machine, command: list[str]) -> None:
        machine.add_entry("cursor", command)
        assert "spawn uvx.cmd ENOENT" in (await run_client_checks(machine))["Cursor"].message

    @pytest.mark.parametrize("source", [".", "/home/ada/agentos-mcp", "git+https://example.com/agentos-mcp"])
    async def test_package_runner_with_a_source_is_tried(self, machine: Machine, source: str) -> None:
        machine.add_entry("cursor", ["uvx.cmd", "--from", source, "agentos-mcp", "serve"])
        assert "spawn uvx.cmd ENOENT" in (await run_client_checks(machine))["Cursor"].message

    async def test_server_with_another_name_is_bad(self, machine: Machine) -> None:
        machine.add_entry("cursor", mcp_server("think", name="cognitive-layer", version=__version__))
        finding = (await run_client_checks(machine))["Cursor"]
        assert finding.level == "bad"
        assert finding.message.endswith("with 1 tool, but it is another program, which calls itself 'cognitive-layer'")


class TestWarnings:
    async def test_entry_with_an_unset_variable_is_a_warning(self, machine: Machine, sample_agentos: str) -> None:
        machine.install("cursor", url=sample_agentos, token_variable="WORK_TOKEN")
        finding = (await run_client_checks(machine))["Cursor"]
        assert finding.level == "warning"
        assert "takes WORK_TOKEN from the environment; not set here, so it was not tried" in finding.message
        command = f"agentos-mcp install cursor --url {sample_agentos} --token-file PATH"
        assert fix_text(finding) == f"Set WORK_TOKEN where Cursor is started, or: {command}"

    @pytest.mark.parametrize(("key", "fields"), [("opencode", {"enabled": False}), ("cursor", {"disabled": True})])
    async def test_entry_that_is_disabled_is_a_warning(
        self, machine: Machine, key: str, fields: dict[str, bool]
    ) -> None:
        path = machine.add_entry(key, mcp_server("one"), fields=fields)
        finding = (await run_client_checks(machine))[CLIENTS_BY_KEY[key].title]
        assert finding.level == "warning"
        assert finding.message == f"'agentos' for http://localhost:7777, in {path}, is disabled"

    async def test_entry_of_another_version_is_a_warning(self, machine: Machine) -> None:
        machine.add_entry("cursor", mcp_server("one", version="0.0.1"))
        finding = (await run_client_checks(machine))["Cursor"]
        assert finding.level == "warning"
        assert f"with 1 tool; it is agentos-mcp 0.0.1, and this is {__version__}" in finding.message
        assert fix_text(finding).startswith("agentos-mcp install cursor")

    async def test_entry_without_tools_is_a_warning(self, machine: Machine) -> None:
        machine.add_entry("cursor", mcp_server(version=__version__))
        finding = (await run_client_checks(machine))["Cursor"]
        assert finding.level == "warning"
        assert finding.message.endswith("with 0 tools")

    async def test_entry_with_a_slow_agentos_is_a_warning(self, machine: Machine) -> None:
        machine.add_entry("cursor", mcp_server("one", version=__version__, agentos={"status": "slow"}))
        finding = (await run_client_checks(machine))["Cursor"]
        assert finding.level == "warning"
        assert finding.message.endswith("; its AgentOS is slow to answer")


class TestSeveralAgentOSes:
    @pytest.mark.parametrize("by_file", [True, False])
    async def test_entry_for_several_is_good(self, machine: Machine, sample_agentos: str, by_file: bool) -> None:
        file = machine.root / "agentos.toml"
        file.write_text(f'[agentos.prod]\nurl = "{sample_agentos}"\n\n[agentos.dev]\nurl = "{sample_agentos}/"\n')
        urls = {"AGENTOS_URL": f"prod={sample_agentos} dev={sample_agentos}/", "AGENTOS_TOKEN": "dev=of-dev-alone"}
        command = [*server_command(machine.system), "serve", *(["--config", str(file)] if by_file else [])]
        machine.add_entry("cursor", command, fields={} if by_file else {"env": urls})
        findings = await run_client_checks(machine)
        assert findings["Cursor"].level == "good", findings.text
        assert findings["Cursor"].message.startswith("'agentos' for prod, dev starts in ")

    async def test_entry_for_several_names_the_one_that_cannot_be_used(self, machine: Machine) -> None:
        error = {"type": "Unreachable", "message": "No AgentOS answers there."}
        states = {"prod": {"status": "ok"}, "dev": {"status": "unusable", "error": error}}
        state = {"status": "ok", "instances": states}
        urls = {"AGENTOS_URL": f"prod={UNUSED_URL} dev={UNUSED_URL}/dev"}
        server = mcp_server("one", version=__version__, agentos=state)
        path = machine.add_entry("cursor", server, fields={"env": urls})
        finding = (await run_client_checks(machine))["Cursor"]
        assert finding.level == "bad"
        assert finding.message.endswith("starts, but its AgentOS dev cannot be used: No AgentOS answers there.")
        assert f"Edit it in {path}" in fix_text(finding)

    async def test_entry_for_several_that_is_broken_is_left_to_the_person(self, machine: Machine) -> None:
        path = machine.add_entry("cursor", ["/old/agentos-mcp", "serve", "--config", "/no/such/file"])
        finding = (await run_client_checks(machine))["Cursor"]
        assert (finding.level, finding.automatic) == ("bad", None)
        assert fix_text(finding) == f"Edit it in {path}: an entry that names its AgentOSes is written by hand"


class TestSecrets:
    async def test_secrets_of_an_entry_are_masked_in_its_error_output(self, machine: Machine) -> None:
        secret, key = "osk-2c1d-secret", "sk-another-one"
        code = "sys.exit(' '.join([os.environ['AGENTOS_TOKEN'], os.environ['API_KEY'], *sys.argv]))"
        command = [*program(code), "--token", "in-the-arguments", "--url", UNUSED_URL]
        machine.add_entry("cursor", command, fields={"env": {"AGENTOS_TOKEN": secret, "API_KEY": key, "ON": "1"}})
        findings = await run_client_checks(machine)
        assert "ends before it answers (exit code 1): ******** ********" in findings["Cursor"].message
        for hidden in (secret, key, "in-the-arguments"):
            assert hidden not in findings.text

    async def test_secrets_in_the_url_of_an_entry_are_masked(self, machine: Machine) -> None:
        url = "http://ann:pass-word@localhost:1?k=query-key"
        machine.add_entry("cursor", [*program(""), "--url", url])
        findings = await run_client_checks(machine)
        assert "cannot start: --url=" in findings["Cursor"].message
        assert findings["Cursor"].automatic is None
        for hidden in ("pass-word", "query-key"):
            assert hidden not in findings.text

    async def test_secret_that_the_cut_of_a_line_would_split_is_masked(self, machine: Machine) -> None:
        secret = "osk-" + "s3cret" * 20
        code = f"print('x' * 120, {secret!r}, 'y' * 50_000, {secret!r}, file=sys.stderr); sys.exit(1)"
        machine.add_entry("cursor", [*program(code), "--url", UNUSED_URL], fields={"env": {"AGENTOS_TOKEN": secret}})
        findings = await run_client_checks(machine)
        assert findings["Cursor"].level == "bad"
        assert "s3cret" not in findings.text

    async def test_secrets_are_masked_in_stray_lines(self, machine: Machine) -> None:
        code = "print('token is', os.environ['AGENTOS_TOKEN'], '\\x1b[31m', flush=True)"
        machine.add_entry("cursor", program(code), fields={"env": {"AGENTOS_TOKEN": "osk-2c1d-secret"}})
        findings = await run_client_checks(machine)
        assert "'token is ********" in findings["Cursor"].message
        assert "osk-2c1d-secret" not in findings.text
        assert "\x1b" not in findings.text
