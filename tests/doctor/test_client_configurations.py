"""The findings on each client's configuration: whether it can be read, and its entries for agentos-mcp."""

from __future__ import annotations

import json
import os
import re
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from agentos_mcp import __version__
from agentos_mcp.install.config_file import MAX_BYTES
from tests._support.client_config_samples import SAMPLES, SECRET
from tests._support.doctor_checks import SHELL_PATH, UNUSED_URL, fix_text, run_client_checks
from tests._support.foreign_programs import mcp_server
from tests._support.foreign_servers import port_of, web_server
from tests._support.machines import CLIENTS_BY_KEY, Machine
from tests._support.processes import FORK, HttpServer
from tests.conftest import KEY

pytestmark = pytest.mark.anyio

BROKEN = {
    "codex": '[mcp_servers.docs]\ncommand = "npx"\n[mcp_servers.agentos\n',
    "goose": "extensions:\n  one:\n    cmd: a\n   two: b\n",
}
BROKEN_JSON = '{\n  "mcpServers": {},\n  "other": [1, 2\n}\n'


class TestConfigurationFiles:
    async def test_clients_finding_without_any_client(self, machine: Machine) -> None:
        findings = await run_client_checks(machine)
        assert findings["Clients"].level == "warning"
        assert findings["Clients"].message == "no MCP client was found here"
        assert fix_text(findings["Clients"]) == "Name the one that you use: agentos-mcp install CLIENT"

    async def test_clients_without_an_entry_say_how_to_add_one(self, machine: Machine) -> None:
        for key in ("cursor", "goose"):
            machine.write_config(key, SAMPLES[key])
        findings = await run_client_checks(machine)
        assert findings.subjects == ["Clients"]
        assert findings["Clients"].message == "none has an entry for agentos-mcp yet (found here: Cursor, Goose)"
        assert fix_text(findings["Clients"]) == "Add it where you want it: agentos-mcp install cursor goose"
        assert SECRET not in findings.text

    @pytest.mark.parametrize("key", SAMPLES)
    async def test_invalid_file_is_reported_with_its_line(self, machine: Machine, key: str) -> None:
        path = machine.write_config(key, BROKEN.get(key, BROKEN_JSON))
        finding = (await run_client_checks(machine))[CLIENTS_BY_KEY[key].title]
        assert finding.level == "bad"
        assert re.match(rf"{re.escape(str(path))}, line [34]: .+; .+ cannot read it either$", finding.message)
        assert fix_text(finding) == f"Fix it in an editor, or move it away. Then: agentos-mcp install {key}"

    @pytest.mark.parametrize("key", ["cursor", "codex", "goose"])
    async def test_file_with_a_section_of_another_type_is_bad(self, machine: Machine, key: str) -> None:
        section = CLIENTS_BY_KEY[key].section.name
        machine.write_config(
            key, {"codex": f"{section} = 1\n", "goose": f"{section}: 1\n"}.get(key, f'{{"{section}": 1}}')
        )
        finding = (await run_client_checks(machine))[CLIENTS_BY_KEY[key].title]
        assert finding.level == "bad"
        assert "holds a number where servers by name are expected" in finding.message

    async def test_file_that_is_not_utf8_is_bad(self, machine: Machine) -> None:
        machine.write_config("cursor", b'{"mcpServers": {"\xff": {}}}')
        finding = (await run_client_checks(machine))["Cursor"]
        assert finding.level == "bad"
        assert "line 1: it is not valid UTF-8; Cursor cannot read it either" in finding.message

    async def test_folder_at_the_config_path_is_bad(self, machine: Machine) -> None:
        machine.config_path("cursor").mkdir(parents=True)
        finding = (await run_client_checks(machine))["Cursor"]
        assert finding.level == "bad"
        assert "cannot be read: " in finding.message

    async def test_read_only_file_is_good(self, machine: Machine, sample_agentos: str) -> None:
        machine.install("zed", url=sample_agentos)
        machine.config_path("zed").chmod(0o444)
        assert (await run_client_checks(machine))["Zed"].level == "good"

    async def test_invalid_file_does_not_hide_other_clients(self, machine: Machine, sample_agentos: str) -> None:
        machine.write_config("cursor", BROKEN_JSON)
        machine.install("zed", url=sample_agentos)
        machine.write_config("goose", SAMPLES["goose"])
        findings = await run_client_checks(machine)
        assert [(finding.subject, finding.level) for finding in findings.findings] == [
            ("Cursor", "bad"),
            ("Zed", "good"),
            ("Other clients", "good"),
        ]
        assert fix_text(findings["Other clients"]) == "To add it: agentos-mcp install goose"


class TestHostileFiles:
    @pytest.mark.parametrize("key", ["cursor", "codex", "goose", "claude-code"])
    async def test_file_that_is_huge_is_not_read_whole(self, machine: Machine, key: str) -> None:
        path = machine.write_config(key, "")
        with path.open("r+b") as file:
            file.truncate(3 * MAX_BYTES)
        finding = (await run_client_checks(machine))[CLIENTS_BY_KEY[key].title]
        assert finding.level == "bad"
        assert finding.message == f"{path} has more than {MAX_BYTES // 1024**2} MiB"

    @pytest.mark.parametrize(
        ("key", "text", "problem"),
        [
            ("cursor", '{"a":' * 50_000, "it is nested too deeply"),
            ("cursor", f'{{"mcpServers": {{"agentos": {"[" * 400}{"]" * 400}}}}}', ""),
            ("cursor", f"[{'1,' * 1_100_000}1]", "it has too many values"),
            ("codex", f"a = {'[' * 5_000}", "it is nested too deeply"),
            ("codex", "a = 1 # " + "x" * 2_000_000, "it has more than 2,000,000 characters"),
            ("goose", "[" * 5_000, "recursion"),
            ("goose", "# " + "x" * 500_000, "it has more than 500,000 characters"),
        ],
        ids=["deep", "deep entry", "wide", "deep TOML", "long TOML", "deep YAML", "long YAML"],
    )
    async def test_file_that_is_deep_or_long_is_bounded(
        self, machine: Machine, key: str, text: str, problem: str
    ) -> None:
        machine.write_config(key, text)
        findings = await run_client_checks(machine)
        if problem:
            assert problem in findings[CLIENTS_BY_KEY[key].title].message
        else:
            assert findings.subjects == ["Clients"], "an entry is a table, so this is none"

    async def test_file_with_aliases_of_aliases_is_read(self, machine: Machine) -> None:
        lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40))]
        machine.write_config("goose", "\n".join([*lines, "extensions: {}"]))
        assert (await run_client_checks(machine)).subjects == ["Clients"]

    @pytest.mark.skipif(sys.platform == "win32", reason="links and pipes as POSIX has them")
    @pytest.mark.parametrize("kind", ["loop", "pipe", "device", "dangling"])
    async def test_file_that_is_no_file_is_not_waited_for(self, machine: Machine, kind: str) -> None:
        path = machine.config_path("cursor")
        path.parent.mkdir(parents=True)
        if kind == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to({"loop": path, "device": Path("/dev/zero"), "dangling": path.with_name("gone")}[kind])
        findings = await run_client_checks(machine)
        if kind == "dangling":
            assert findings.subjects == ["Clients"], "there is no file yet"
        else:
            assert findings["Cursor"].level == "bad"
            reason = "too many levels" if kind == "loop" else "is not a regular file"
            assert reason in findings["Cursor"].message


class TestWorkingEntries:
    async def test_installed_entry_starts_for_every_client(self, machine: Machine, sample_agentos: str) -> None:
        for key, text in SAMPLES.items():
            machine.write_config(key, text)
        machine.install(*SAMPLES, url=sample_agentos)
        findings = await run_client_checks(machine)
        assert findings.subjects == [CLIENTS_BY_KEY[key].title for key in SAMPLES]
        for finding in findings.findings:
            assert finding.level == "good"
            label = rf"'agentos' for Sample \(sample\) at {sample_agentos}"
            assert re.fullmatch(rf"{label} starts in \d+\.\d s, with \d\d tools; no token is required", finding.message)
            assert (finding.about.url, finding.about.agentos) == (sample_agentos, "Sample (sample)")
        assert SECRET not in findings.text

    async def test_own_entries_are_started_and_no_others(self, machine: Machine, sample_agentos: str) -> None:
        machine.write_config("cursor", SAMPLES["cursor"])
        machine.install("cursor", url=sample_agentos)
        machine.install("cursor", name="work", url=sample_agentos, toolsets="runs")
        findings = await run_client_checks(machine)
        messages = [finding.message for finding in findings.findings if finding.subject == "Cursor"]
        assert [message.partition(" ")[0] for message in messages] == ["'agentos'", "'work'"]
        assert messages[0] != messages[1]

    async def test_entries_with_token_file_and_variable_are_good(self, tmp_path: Path, locked_agentos: str) -> None:
        machine = Machine(tmp_path, sys.platform, {"PATH": SHELL_PATH, "AGENTOS_TOKEN": KEY})
        file = tmp_path / "key"
        file.write_text(KEY)
        file.chmod(0o600)
        machine.install("claude-desktop", url=locked_agentos, token_file=str(file))
        machine.install("cursor", "codex", url=locked_agentos, token_variable="AGENTOS_TOKEN")
        findings = await run_client_checks(machine)
        assert findings.levels == {"good"}
        assert findings["Claude Desktop"].message.endswith(f"; its token, from {file}, is accepted")
        assert findings["Cursor"].message.endswith("; its token, from its variable AGENTOS_TOKEN, is accepted")
        assert KEY not in findings.text


class TestOtherEntries:
    async def test_claude_code_project_entry_is_checked(self, machine: Machine) -> None:
        folder = machine.root / "work"
        command, *arguments = [*mcp_server("one", version=__version__), "--read-only", "--url", UNUSED_URL]
        servers = {"agentos": {"type": "stdio", "command": command, "args": arguments, "env": {}}}
        other = {"mcpServers": {"agentos": {"command": "/gone/agentos-mcp"}}}
        projects = {str(folder): {"mcpServers": servers}, str(machine.root / "gone"): other, "odd": []}
        machine.write_config("claude-code", json.dumps({"projects": projects}))
        finding = (await run_client_checks(machine))["Claude Code"]
        assert finding.level == "good"
        assert finding.message.startswith(f"'agentos' of {folder} for {UNUSED_URL} starts in ")

    async def test_claude_code_project_entry_is_to_be_removed_first(self, machine: Machine) -> None:
        folder = machine.root / "work"
        servers = {"agentos": {"command": "/gone/agentos-mcp", "args": ["serve", "--url", "http://localhost:7800"]}}
        machine.write_config("claude-code", json.dumps({"projects": {str(folder): {"mcpServers": servers}}}))
        finding = (await run_client_checks(machine))["Claude Code"]
        assert finding.level == "bad"
        command = "agentos-mcp install claude-code --url http://localhost:7800"
        assert fix_text(finding) == f"In {folder}: claude mcp remove agentos -s local\nThen: {command}"

    async def test_url_entry_names_the_agentos_behind_the_server(self, machine: Machine, sample_agentos: str) -> None:
        client = CLIENTS_BY_KEY["cursor"]
        with HttpServer("--url", sample_agentos, command=FORK) as server:
            machine.write_config("cursor", client.section.put("", "agentos", {"url": server.url}))
            finding = (await run_client_checks(machine))["Cursor"]
        named = f"'agentos' for sample at {sample_agentos} connects to {server.url}, and a server answers there"
        assert (finding.level, finding.message) == ("good", named)
        assert (finding.about.agentos, finding.about.url) == ("sample", sample_agentos)

    async def test_url_entry_of_a_server_without_its_agentos_says_why(self, machine: Machine) -> None:
        client = CLIENTS_BY_KEY["cursor"]
        with HttpServer("--url", UNUSED_URL, command=FORK) as server:
            machine.write_config("cursor", client.section.put("", "agentos", {"url": server.url}))
            finding = (await run_client_checks(machine))["Cursor"]
        assert finding.level == "bad"
        assert f"its AgentOS cannot be used: No AgentOS answers at {UNUSED_URL}." in finding.message

    @pytest.mark.parametrize(
        ("key", "named"), [("cursor", "url"), ("gemini", "httpUrl"), ("windsurf", "serverUrl"), ("goose", "uri")]
    )
    async def test_url_entry_is_tried(self, machine: Machine, key: str, named: str) -> None:
        client = CLIENTS_BY_KEY[key]
        with web_server() as url:
            machine.write_config(key, client.section.put("", "AgentOS", {named: f"{url}/mcp?key={SECRET}"}))
            findings = await run_client_checks(machine)
        assert findings[client.title].level == "good"
        assert findings[client.title].message == f"'AgentOS' connects to {url}/mcp, and a server answers there"
        assert SECRET not in findings.text
        findings = await run_client_checks(machine)
        assert findings[client.title].level == "bad"
        assert findings[client.title].message == f"'AgentOS' connects to {url}/mcp, and nothing answers there"
        assert fix_text(findings[client.title]) == f"Start it: agentos-mcp serve --http --port {port_of(url)}"

    @pytest.mark.parametrize(
        ("fields", "problem"),
        [
            ({}, "asks for a token, and it sends none"),
            ({"headers": {"authorization": "Bearer wrong-token"}}, "refuses its token"),
            ({"headers": {"Authorization": f"Bearer {KEY}"}}, ""),
            ({"headers": {"Authorization": "Bearer ${env:MCP_TOKEN}"}}, ""),
            ({"headers": ["Authorization"]}, "asks for a token, and it sends none"),
        ],
    )
    async def test_url_entry_is_tried_with_its_token(
        self, tmp_path: Path, fields: dict[str, object], problem: str
    ) -> None:
        class Guarded(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_error(404)

            def do_POST(self) -> None:
                self.send_error(400 if self.headers.get("Authorization") == f"Bearer {KEY}" else 401)

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        machine = Machine(tmp_path, sys.platform, {"PATH": SHELL_PATH, "MCP_TOKEN": KEY})
        client = CLIENTS_BY_KEY["cursor"]
        with web_server(Guarded) as url:
            machine.write_config("cursor", client.section.put("", "AgentOS", {"url": f"{url}/{{mcp}}", **fields}))
            findings = await run_client_checks(machine)
        assert findings["Cursor"].level == ("bad" if problem else "good")
        assert problem in findings["Cursor"].message
        assert KEY not in findings.text
        assert "wrong-token" not in findings.text


@pytest.mark.parametrize("platform", ["darwin", "win32", "linux"])
async def test_config_paths_are_found_on_each_platform(tmp_path: Path, platform: str) -> None:
    machine = Machine(tmp_path, platform, {"PATH": SHELL_PATH})
    for key, text in SAMPLES.items():
        machine.write_config(key, text)
    findings = await run_client_checks(machine)
    assert all(
        client.title in findings["Clients"].message for client in CLIENTS_BY_KEY.values() if not client.is_shared
    )
