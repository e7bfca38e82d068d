"""Each client's configuration: whether it can be read, and what of ours is in it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from agentos_mcp import __version__
from tests._support.client_files import SAMPLES, SECRET
from tests._support.doctor_checks import SHELL_PATH, look_at_clients
from tests._support.foreign_programs import answering
from tests._support.foreign_servers import port_of, web_server
from tests._support.machines import BY_KEY, Machine
from tests.conftest import KEY

pytestmark = pytest.mark.anyio

BROKEN = {
    "codex": '[mcp_servers.docs]\ncommand = "npx"\n[mcp_servers.agentos\n',
    "goose": "extensions:\n  one:\n    cmd: a\n   two: b\n",
}
BROKEN_JSON = '{\n  "mcpServers": {},\n  "other": [1, 2\n}\n'


class TestConfigurations:
    async def test_no_client_at_all(self, machine: Machine) -> None:
        told = await look_at_clients(machine)
        assert told["Clients"].level == "warning"
        assert told["Clients"].means == "no MCP client was found here"
        assert told["Clients"].fix == "Name the one that you use: agentos-mcp install CLIENT"

    async def test_clients_without_an_entry_are_told_how_to_get_one(self, machine: Machine) -> None:
        for key in ("cursor", "goose"):
            machine.has(key, SAMPLES[key])
        told = await look_at_clients(machine)
        assert told.names == ["Clients"]
        assert told["Clients"].means == "none has it yet (found here: Cursor, Goose)"
        assert told["Clients"].fix == "Add it where you want it: agentos-mcp install cursor goose"
        assert SECRET not in told.everything

    @pytest.mark.parametrize("key", SAMPLES)
    async def test_a_file_that_cannot_be_read_is_told_with_its_line(self, machine: Machine, key: str) -> None:
        place = machine.has(key, BROKEN.get(key, BROKEN_JSON))
        finding = (await look_at_clients(machine))[BY_KEY[key].title]
        assert finding.level == "bad"
        assert re.match(rf"{re.escape(str(place))}, line [34]: .+; .+ reads it no better$", finding.means)
        assert finding.fix == f"Mend it in an editor, or move it away. Then: agentos-mcp install {key}"

    @pytest.mark.parametrize("key", ["cursor", "codex", "goose"])
    async def test_a_file_of_another_shape_is_told(self, machine: Machine, key: str) -> None:
        section = BY_KEY[key].section.name
        machine.has(key, {"codex": f"{section} = 1\n", "goose": f"{section}: 1\n"}.get(key, f'{{"{section}": 1}}'))
        finding = (await look_at_clients(machine))[BY_KEY[key].title]
        assert finding.level == "bad"
        assert "holds a number where servers by name should be" in finding.means

    async def test_a_file_that_is_no_text_is_told(self, machine: Machine) -> None:
        machine.has("cursor", b'{"mcpServers": {"\xff": {}}}')
        finding = (await look_at_clients(machine))["Cursor"]
        assert finding.level == "bad"
        assert "line 1: it is not UTF-8; Cursor reads it no better" in finding.means

    async def test_a_folder_in_its_place_is_told(self, machine: Machine) -> None:
        machine.place("cursor").mkdir(parents=True)
        finding = (await look_at_clients(machine))["Cursor"]
        assert finding.level == "bad"
        assert "cannot be read: " in finding.means

    async def test_a_read_only_file_is_fine(self, machine: Machine, sample_agentos: str) -> None:
        machine.install("zed", url=sample_agentos)
        machine.place("zed").chmod(0o444)
        assert (await look_at_clients(machine))["Zed"].level == "good"

    async def test_a_broken_one_does_not_hide_the_others(self, machine: Machine, sample_agentos: str) -> None:
        machine.has("cursor", BROKEN_JSON)
        machine.install("zed", url=sample_agentos)
        machine.has("goose", SAMPLES["goose"])
        told = await look_at_clients(machine)
        assert [(finding.what, finding.level) for finding in told.findings] == [
            ("Cursor", "bad"),
            ("Zed", "good"),
            ("Other clients", "good"),
        ]
        assert told["Other clients"].fix == "To add it: agentos-mcp install goose"


class TestEntriesThatWork:
    async def test_every_client_starts_what_was_installed(self, machine: Machine, sample_agentos: str) -> None:
        for key, text in SAMPLES.items():
            machine.has(key, text)
        machine.install(*SAMPLES, url=sample_agentos)
        told = await look_at_clients(machine)
        assert told.names == [BY_KEY[key].title for key in SAMPLES]
        for finding in told.findings:
            assert finding.level == "good"
            assert re.fullmatch(r"'agentos' starts in \d+\.\d s, with \d\d tools", finding.means)
        assert SECRET not in told.everything

    async def test_every_entry_of_ours_is_started_and_no_other(self, machine: Machine, sample_agentos: str) -> None:
        machine.has("cursor", SAMPLES["cursor"])
        machine.install("cursor", url=sample_agentos)
        machine.install("cursor", name="work", url=sample_agentos, toolsets="runs")
        told = await look_at_clients(machine)
        words = [finding.means for finding in told.findings if finding.what == "Cursor"]
        assert [one.partition(" ")[0] for one in words] == ["'agentos'", "'work'"]
        assert words[0] != words[1]

    async def test_a_token_file_and_a_variable_open_it(self, tmp_path: Path, locked_agentos: str) -> None:
        machine = Machine(tmp_path, sys.platform, {"PATH": SHELL_PATH, "AGENTOS_TOKEN": KEY})
        file = tmp_path / "key"
        file.write_text(KEY)
        machine.install("claude-desktop", url=locked_agentos, token_file=str(file))
        machine.install("cursor", "codex", url=locked_agentos, token_variable="AGENTOS_TOKEN")
        told = await look_at_clients(machine)
        assert told.levels == {"good"}
        assert KEY not in told.everything


class TestOtherWaysToAddIt:
    async def test_claude_code_holds_entries_for_one_folder_too(self, machine: Machine, sample_agentos: str) -> None:
        folder = machine.root / "work"
        command, *arguments = [*answering("one", version=__version__), "--read-only"]
        servers = {"agentos": {"type": "stdio", "command": command, "args": arguments, "env": {}}}
        other = {"mcpServers": {"agentos": {"command": "/gone/agentos-mcp"}}}
        projects = {str(folder): {"mcpServers": servers}, str(machine.root / "gone"): other, "odd": []}
        machine.has("claude-code", json.dumps({"projects": projects}))
        finding = (await look_at_clients(machine))["Claude Code"]
        assert finding.level == "good"
        assert finding.means.startswith(f"'agentos' (for {folder}) starts in ")

    async def test_one_for_a_folder_has_to_go_before_another_is_seen(self, machine: Machine) -> None:
        folder = machine.root / "work"
        servers = {"agentos": {"command": "/gone/agentos-mcp", "args": ["serve", "--url", "http://localhost:7800"]}}
        machine.has("claude-code", json.dumps({"projects": {str(folder): {"mcpServers": servers}}}))
        finding = (await look_at_clients(machine))["Claude Code"]
        assert finding.level == "bad"
        command = "agentos-mcp install claude-code --url http://localhost:7800"
        assert finding.fix == f"In {folder}: claude mcp remove agentos -s local; then: {command}"

    @pytest.mark.parametrize(
        ("key", "named"), [("cursor", "url"), ("gemini", "httpUrl"), ("windsurf", "serverUrl"), ("goose", "uri")]
    )
    async def test_an_entry_that_connects_is_tried_there(self, machine: Machine, key: str, named: str) -> None:
        client = BY_KEY[key]
        with web_server() as url:
            machine.has(key, client.section.put("", "AgentOS", {named: f"{url}/mcp?key={SECRET}"}))
            told = await look_at_clients(machine)
        assert told[client.title].level == "good"
        assert told[client.title].means == f"'AgentOS' connects to {url}/mcp, and something answers there"
        assert SECRET not in told.everything
        told = await look_at_clients(machine)
        assert told[client.title].level == "bad"
        assert told[client.title].means == f"'AgentOS' connects to {url}/mcp, and nothing answers there"
        assert told[client.title].fix == f"Start it: agentos-mcp serve --http --port {port_of(url)}"


@pytest.mark.parametrize("platform", ["darwin", "win32", "linux"])
async def test_files_are_found_where_each_system_has_them(tmp_path: Path, platform: str) -> None:
    machine = Machine(tmp_path, platform, {"PATH": SHELL_PATH})
    for key, text in SAMPLES.items():
        machine.has(key, text)
    told = await look_at_clients(machine)
    assert all(client.title in told["Clients"].means for client in BY_KEY.values() if not client.shared)
