"""Entries that start something else, or something odd; and that nothing secret of them is shown."""

from __future__ import annotations

import pytest

from agentos_mcp import __version__
from tests._support.client_entries import write
from tests._support.doctor_checks import look_at_clients
from tests._support.foreign_programs import answering, program
from tests._support.machines import BY_KEY, Machine

pytestmark = pytest.mark.anyio


class TestAnotherProjectOfOurName:
    @pytest.mark.parametrize(
        "command",
        [
            ["uvx", "agentos-mcp", "serve"],
            ["/usr/bin/uvx", "--from", "agentos-mcp[demo]", "agentos-mcp"],
            ["pipx", "run", "agentos-mcp"],
            ["npx", "-y", "agentos-mcp"],
        ],
    )
    async def test_it_is_neither_fetched_nor_started(self, machine: Machine, command: list[str]) -> None:
        write(machine, "cursor", command)
        finding = (await look_at_clients(machine))["Cursor"]
        assert finding.level == "bad"
        assert "agentos-mcp fetched by its name, which is another project's on PyPI" in finding.means
        assert finding.fix == "agentos-mcp install cursor --url http://localhost:7777"

    @pytest.mark.parametrize("source", [".", "/home/ada/agentos-mcp", "git+https://example.com/agentos-mcp"])
    async def test_a_place_that_is_named_is_taken_at_its_word(self, machine: Machine, source: str) -> None:
        write(machine, "cursor", ["uvx-of-old", "--from", source, "agentos-mcp", "serve"])
        assert "spawn uvx-of-old ENOENT" in (await look_at_clients(machine))["Cursor"].means

    async def test_a_server_that_calls_itself_otherwise_is_told(self, machine: Machine) -> None:
        write(machine, "cursor", answering("think", name="cognitive-layer", version=__version__))
        finding = (await look_at_clients(machine))["Cursor"]
        assert finding.level == "bad"
        assert finding.means.endswith("with 1 tool, but it is another program, which calls itself 'cognitive-layer'")


class TestWhatIsWorthALook:
    async def test_a_variable_that_is_not_set_here(self, machine: Machine, sample_agentos: str) -> None:
        machine.install("cursor", url=sample_agentos, token_variable="WORK_TOKEN")
        finding = (await look_at_clients(machine))["Cursor"]
        assert finding.level == "warning"
        assert "takes WORK_TOKEN from the environment, which is not set here, so it was not tried" in finding.means
        command = f"agentos-mcp install cursor --url {sample_agentos} --token-file PATH"
        assert finding.fix == f"Set WORK_TOKEN where Cursor is started, or: {command}"

    @pytest.mark.parametrize(("key", "switch"), [("opencode", {"enabled": False}), ("cursor", {"disabled": True})])
    async def test_an_entry_that_is_switched_off(self, machine: Machine, key: str, switch: dict[str, bool]) -> None:
        place = write(machine, key, answering("one"), more=switch)
        finding = (await look_at_clients(machine))[BY_KEY[key].title]
        assert finding.level == "warning"
        assert finding.means == f"'agentos' in {place} is switched off"

    async def test_another_version(self, machine: Machine) -> None:
        write(machine, "cursor", answering("one", version="0.0.1"))
        finding = (await look_at_clients(machine))["Cursor"]
        assert finding.level == "warning"
        assert f"with 1 tool; it is agentos-mcp 0.0.1, and this is {__version__}" in finding.means
        assert finding.fix.startswith("agentos-mcp install cursor")

    async def test_no_tools(self, machine: Machine) -> None:
        write(machine, "cursor", answering(version=__version__))
        finding = (await look_at_clients(machine))["Cursor"]
        assert finding.level == "warning"
        assert finding.means.endswith("with 0 tools")

    async def test_an_agentos_that_is_slow(self, machine: Machine) -> None:
        slow = "AgentOS at http://localhost:7777 is slow to answer."
        write(machine, "cursor", answering("one", version=__version__, instructions=f"Runs.\n{slow}"))
        finding = (await look_at_clients(machine))["Cursor"]
        assert finding.level == "warning"
        assert finding.means.endswith("; its AgentOS is slow to answer")


class TestSecrets:
    async def test_none_of_an_entry_is_shown_whatever_its_server_says(self, machine: Machine) -> None:
        secret, key = "osk-2c1d-secret", "sk-another-one"
        code = "sys.exit(' '.join([os.environ['AGENTOS_TOKEN'], os.environ['API_KEY'], *sys.argv]))"
        command = [
            *program(code),
            "--token",
            "in-the-arguments",
            "--url",
            "http://ann:pass-word@localhost:1?k=query-key",
        ]
        write(machine, "cursor", command, more={"env": {"AGENTOS_TOKEN": secret, "API_KEY": key, "ON": "1"}})
        told = await look_at_clients(machine)
        assert "ends before it answers, and says: ******** ********" in told["Cursor"].means
        for hidden in (secret, key, "in-the-arguments", "pass-word", "query-key"):
            assert hidden not in told.everything

    async def test_none_is_shown_that_is_printed_to_standard_output(self, machine: Machine) -> None:
        code = "print('token is', os.environ['AGENTOS_TOKEN'], '\\x1b[31m', flush=True)"
        write(machine, "cursor", program(code), more={"env": {"AGENTOS_TOKEN": "osk-2c1d-secret"}})
        told = await look_at_clients(machine)
        assert "'token is ********" in told["Cursor"].means
        assert "osk-2c1d-secret" not in told.everything
        assert "\x1b" not in told.everything
