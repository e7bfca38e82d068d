"""Every client on every platform: an entry is installed once, and uninstalling restores the file."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from agentos_mcp.install.client_entry import is_own_entry, resolve_command
from agentos_mcp.install.client_table import CLIENTS
from agentos_mcp.settings import SettingsError
from tests._support.client_config_samples import SAMPLES, SECRET
from tests._support.machines import CLIENTS_BY_KEY, URL, Machine

KEYS = tuple(SAMPLES)
OTHER_URL = "https://os.example.com"


def line_end_variants(text: str) -> dict[str, bytes]:
    """The same file as different editors save it."""
    return {
        "as it is": text.encode(),
        "CRLF": text.replace("\n", "\r\n").encode(),
        "with a byte order mark": b"\xef\xbb\xbf" + text.encode(),
        "without a final newline": text.rstrip("\n").encode(),
    }


def test_samples_cover_every_client() -> None:
    assert set(CLIENTS_BY_KEY) == set(SAMPLES)


@pytest.mark.parametrize("key", KEYS)
class TestEachClient:
    def test_entry_starts_the_server_and_keeps_everything_else(self, any_machine: Machine, key: str) -> None:
        client, text = CLIENTS_BY_KEY[key], SAMPLES[key]
        path = any_machine.write_config(key, text)
        assert any_machine.install(key).ok
        entry = any_machine.read_entry(key)
        assert entry is not None
        command = resolve_command(client, entry, {})
        assert Path(command.program).is_absolute()
        assert command.arguments[-3:] == ("serve", "--url", URL)
        others = client.section.entries(path.read_text(encoding="utf-8"))
        assert others is not None
        del others["agentos"]
        assert others == (client.section.entries(text) or {})
        if "\n" in text:
            written = path.read_text(encoding="utf-8").replace(",", "").splitlines()
            assert not [line for line in text.replace(",", "").splitlines() if line not in written]

    @pytest.mark.parametrize("variant", line_end_variants(""))
    def test_uninstall_restores_the_file_byte_for_byte(self, machine: Machine, key: str, variant: str) -> None:
        machine.write_config(key, line_end_variants(SAMPLES[key])[variant])
        before = machine.read_all_files()
        assert machine.install(key).ok
        assert machine.read_all_files() != before
        assert machine.install(key, url=OTHER_URL).ok
        assert machine.uninstall(key).ok
        assert machine.read_all_files() == before

    def test_uninstall_restores_the_text_without_a_record(self, machine: Machine, key: str) -> None:
        path = machine.write_config(key, SAMPLES[key])
        machine.install(key)
        (machine.system.state_folder / "installed.json").unlink()
        machine.uninstall(key)
        left = CLIENTS_BY_KEY[key].section
        assert left.entry(path.read_text(encoding="utf-8"), "agentos") is None
        if left.entries(SAMPLES[key]) is not None:
            assert path.read_text(encoding="utf-8") == SAMPLES[key]

    def test_second_install_changes_nothing(self, machine: Machine, key: str) -> None:
        path = machine.write_config(key, SAMPLES[key])
        machine.install(key)
        before, stat_before = machine.read_all_files(), path.stat()
        assert "; nothing was changed" in str(machine.install(key))
        assert machine.read_all_files() == before
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (stat_before.st_ino, stat_before.st_mtime_ns)

    def test_install_with_another_url_changes_only_the_url(self, machine: Machine, key: str) -> None:
        path = machine.write_config(key, SAMPLES[key])
        machine.install(key)
        before = path.read_text(encoding="utf-8")
        assert "updated in" in str(machine.install(key, url=OTHER_URL))
        assert path.read_text(encoding="utf-8") == before.replace(URL, OTHER_URL)

    def test_uninstall_removes_a_file_that_install_created(self, any_machine: Machine, key: str) -> None:
        before = any_machine.read_all_files()
        assert any_machine.install(key).ok
        assert any_machine.read_entry(key) is not None
        assert any_machine.uninstall(key).ok
        assert any_machine.read_all_files() == before

    @pytest.mark.parametrize("text", ["", "\n"])
    def test_uninstall_restores_an_empty_file(self, machine: Machine, key: str, text: str) -> None:
        machine.write_config(key, text)
        before = machine.read_all_files()
        assert machine.install(key).ok
        assert machine.read_entry(key) is not None
        machine.uninstall(key)
        assert machine.read_all_files() == before

    def test_uninstall_keeps_what_was_added_since(self, machine: Machine, key: str) -> None:
        client, path = CLIENTS_BY_KEY[key], machine.write_config(key, SAMPLES[key])
        machine.install(key)
        entry = machine.read_entry(key)
        assert entry is not None
        later = client.section.put(path.read_text(encoding="utf-8"), "later", entry)
        path.write_text(later, encoding="utf-8")
        assert machine.uninstall(key, name="agentos").ok
        text = path.read_text(encoding="utf-8")
        assert client.section.entry(text, "agentos") is None
        assert client.section.entry(text, "later") == entry

    def test_uninstall_of_two_names_restores_the_file(self, machine: Machine, key: str) -> None:
        machine.write_config(key, SAMPLES[key])
        before = machine.read_all_files()
        machine.install(key)
        machine.install(key, name="second", url=OTHER_URL)
        assert machine.read_entry(key) != machine.read_entry(key, "second")
        machine.uninstall(key, name="agentos")
        assert machine.read_entry(key) is None
        assert machine.read_entry(key, "second") is not None
        machine.uninstall(key, name="second")
        assert machine.read_all_files() == before

    def test_dry_run_prints_a_diff_and_writes_nothing(self, machine: Machine, key: str) -> None:
        machine.write_config(key, SAMPLES[key])
        before = machine.read_all_files()
        output = str(machine.install(key, dry_run=True))
        assert machine.read_all_files() == before
        assert not (machine.system.state_folder / "installed.json").exists()
        assert f"+++ {machine.config_path(key)}" in output
        assert URL in output
        machine.install(key)
        before = machine.read_all_files()
        assert f"--- {machine.config_path(key)}" in str(machine.uninstall(key, dry_run=True))
        assert machine.read_all_files() == before

    def test_report_contains_no_secret(self, machine: Machine, key: str) -> None:
        machine.write_config(key, SAMPLES[key])
        reports = [
            machine.install(key, dry_run=True),
            machine.install(key),
            machine.install(key, url=OTHER_URL, dry_run=True),
            machine.uninstall(key, dry_run=True),
            machine.uninstall(key),
        ]
        assert not [text for text in map(str, reports) if SECRET in text or "4711" in text]

    def test_install_refuses_to_replace_a_foreign_entry(self, machine: Machine, key: str) -> None:
        client = CLIENTS_BY_KEY[key]
        entry = {client.command_key: ["npx", "x"] if not client.arguments_key else "npx"}
        machine.write_config(key, client.section.put(SAMPLES[key], "agentos", entry))
        before = machine.read_all_files()
        for report in (machine.install(key), machine.uninstall(key, name="agentos")):
            assert not report.ok
            assert "another server named 'agentos' (it starts npx)" in str(report)
            assert "--name" in str(report)
        assert machine.read_all_files() == before


CODEX_TEXTS = {
    "none": "",
    "tables alone": '[mcp_servers.other]\ncommand = "other"\n',
    "settings": '# mine\nmodel = "o"\n\n# of a server\n[mcp_servers.other]\ncommand = "other"\n',
    "settings alone": 'model = "o"\nnotify = [\n  "a",\n]\n',
    "no line end": 'model = "o"',
    "CRLF": 'model = "o"\r\n\r\n[mcp_servers.other]\r\ncommand = "other"\r\n',
}


class TestCodexStartupGrace:
    @pytest.mark.parametrize("text", CODEX_TEXTS.values(), ids=CODEX_TEXTS)
    def test_grace_is_written_and_removed_though_the_file_was_written_since(self, machine: Machine, text: str) -> None:
        path = machine.write_config("codex", text)
        report = machine.install("codex")
        assert "mcp_optional_startup_grace_ms" in str(report)
        assert tomllib.loads(path.read_text())["mcp_optional_startup_grace_ms"] == 10_000
        assert "nothing was changed" in str(machine.install("codex"))
        path.write_bytes(path.read_bytes() + b"# later\n")
        machine.uninstall("codex")
        line_end = b"\n" if text == CODEX_TEXTS["no line end"] else b""
        assert path.read_bytes() == text.encode() + line_end + b"# later\n"

    def test_grace_stays_until_the_last_entry_is_removed(self, machine: Machine) -> None:
        path = machine.write_config("codex", CODEX_TEXTS["settings"])
        machine.install("codex")
        machine.install("codex", name="second", url=OTHER_URL)
        path.write_bytes(path.read_bytes() + b"# later\n")
        machine.uninstall("codex", name="agentos")
        assert path.read_text().count("mcp_optional_startup_grace_ms") == 1
        machine.uninstall("codex", name="second")
        assert path.read_text() == f"{CODEX_TEXTS['settings']}# later\n"

    def test_grace_of_a_persons_own_stays(self, machine: Machine) -> None:
        text = f"mcp_optional_startup_grace_ms = 500\n{CODEX_TEXTS['tables alone']}"
        path = machine.write_config("codex", text)
        assert "mcp_optional_startup_grace_ms" not in str(machine.install("codex"))
        path.write_bytes(path.read_bytes() + b"# later\n")
        machine.uninstall("codex")
        assert path.read_text() == f"{text}# later\n"

    def test_grace_is_not_written_where_a_person_requires_the_server(self, machine: Machine) -> None:
        machine.add_entry("codex", ["agentos-mcp", "serve"], fields={"required": True})
        machine.install("codex")
        assert "mcp_optional_startup_grace_ms" not in machine.config_path("codex").read_text()
        assert (machine.read_entry("codex") or {})["required"] is True


@pytest.mark.skipif(sys.platform == "win32", reason="a program is a file with a mode here")
@pytest.mark.parametrize(("key", "program"), [(client.key, client.program) for client in CLIENTS if client.program])
def test_client_that_was_never_started_is_found_by_its_program(tmp_path: Path, key: str, program: str) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    root = tmp_path / "machine"
    root.mkdir()
    machine = Machine(root, variables={"PATH": str(folder)})
    assert not CLIENTS_BY_KEY[key].is_installed(machine.system)
    (folder / program).touch(mode=0o755)
    assert CLIENTS_BY_KEY[key].is_installed(machine.system)
    assert machine.install("all").ok
    assert machine.read_entry(key) is not None


def test_install_keeps_fields_that_a_person_added(machine: Machine) -> None:
    machine.install("cursor")
    path = machine.config_path("cursor")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"command"', '"disabled": true,\n      "env": {"PROXY": "x"},\n      "command"'))
    machine.install("cursor", url=OTHER_URL)
    entry = machine.read_entry("cursor")
    assert entry is not None
    assert (entry["disabled"], entry["env"]) == (True, {"PROXY": "x"})


def test_install_keeps_a_persons_timeout_unless_wait_is_longer(machine: Machine) -> None:
    path = machine.write_config("codex", "")
    machine.install("codex")
    path.write_text(path.read_text().replace("tool_timeout_sec = 600", "tool_timeout_sec = 90"))
    machine.install("codex", url=OTHER_URL)
    assert (machine.read_entry("codex") or {})["tool_timeout_sec"] == 90
    machine.install("codex", wait="900")
    assert (machine.read_entry("codex") or {})["tool_timeout_sec"] == 960


class TestInstallAll:
    def test_install_all_selects_installed_clients_and_names_the_others(self, any_machine: Machine) -> None:
        any_machine.write_config("cursor", "{}")
        any_machine.write_config("codex", "")
        report = any_machine.install("all")
        assert [result.client for result in report.results] == ["Cursor", "Codex"]
        assert "Skipped, as they were not found here: Claude Desktop (claude-desktop)" in report.notes[-1]
        assert "workspace" not in report.notes[-1]
        assert not any_machine.config_path("claude-desktop").exists()

    def test_install_all_fails_without_any_client(self, machine: Machine) -> None:
        report = machine.install("all")
        assert not report.ok
        assert "No client was found here. Name one: claude-desktop," in str(report)
        assert machine.uninstall("all").ok, "there is nothing to remove, so nothing failed"

    def test_install_all_adds_a_client_that_is_named(self, machine: Machine) -> None:
        report = machine.install("all", "zed")
        assert [result.client for result in report.results] == ["Zed"]
        assert "Zed was not found here: it will use the entry" in str(report)

    def test_install_all_continues_after_a_failed_client(self, machine: Machine) -> None:
        machine.write_config("cursor", "{")
        machine.write_config("codex", "")
        report = machine.install("all")
        assert not report.ok
        assert [str(result)[0] for result in report.results] == ["✘", "✔"]

    def test_uninstall_all_restores_every_file(self, machine: Machine) -> None:
        for key, text in SAMPLES.items():
            machine.write_config(key, text)
        before = machine.read_all_files()
        machine.install("all")
        assert machine.uninstall("all").ok
        assert machine.read_all_files() == before


class TestUninstallOfEveryName:
    def test_uninstall_all_finds_entries_of_any_name_and_command(self, machine: Machine) -> None:
        machine.install("codex", "opencode", "goose")
        machine.install("codex", "cursor", name="research")
        machine.add_entry("cursor", ["uvx", "mcp-server-agentos", "serve"], name="My AgentOS")
        machine.add_entry("gemini", ["docker", "run", "-i", "--rm", "mcp-server-agentos", "serve"], name="os")
        machine.add_entry("zed", ["/gone/bin/python", "-m", "agentos_mcp", "serve"], name="agents")
        report = machine.uninstall("all")
        assert report.ok
        for key in ("codex", "opencode", "goose", "cursor", "gemini", "zed"):
            client = CLIENTS_BY_KEY[key]
            path = machine.config_path(key)
            entries = (client.section.entries(path.read_text()) or {}) if path.exists() else {}
            assert not [name for name, entry in entries.items() if is_own_entry(client, entry)]
        assert "'My AgentOS' was removed" in str(report)
        assert "'research' was removed" in str(report)

    @pytest.mark.parametrize("key", KEYS)
    def test_uninstall_leaves_foreign_servers_whatever_their_names(self, machine: Machine, key: str) -> None:
        machine.add_entry(key, ["node", "/opt/agentos-mcp/index.js"])
        machine.add_entry(key, ["npx", "-y", "@someone/agentos-mcp-server"], name="agentos-mcp")
        before = machine.read_all_files()
        report = machine.uninstall(key)
        assert report.ok
        assert "no entry for agentos-mcp to remove" in str(report)
        assert machine.read_all_files() == before

    def test_uninstall_with_a_name_removes_that_entry_alone(self, machine: Machine) -> None:
        machine.install("codex")
        machine.install("codex", name="research")
        assert machine.uninstall("codex", name="research").ok
        assert machine.read_entry("codex") is not None
        assert machine.read_entry("codex", "research") is None

    def test_dry_run_shows_every_entry_and_removes_none(self, machine: Machine) -> None:
        machine.install("codex")
        machine.install("codex", name="research")
        before = machine.read_all_files()
        report = str(machine.uninstall("all", dry_run=True))
        assert "[mcp_servers.agentos]" in report
        assert "[mcp_servers.research]" in report
        assert machine.read_all_files() == before

    def test_entry_in_a_projects_file_stays_and_is_named(self, machine: Machine) -> None:
        machine.install("vscode-workspace", "cursor")
        report = machine.uninstall("all")
        assert machine.read_entry("vscode-workspace") is not None
        assert "agentos-mcp install vscode-workspace --uninstall" in report.notes[-1]
        assert machine.uninstall("vscode-workspace").notes == ()

    def test_entry_of_claude_codes_projects_stays_and_is_named(self, machine: Machine) -> None:
        folder = machine.root / "work"
        entry = {"type": "stdio", "command": "agentos-mcp", "args": ["serve"]}
        machine.write_config("claude-code", json.dumps({"projects": {str(folder): {"mcpServers": {"os": entry}}}}))
        report = machine.uninstall("claude-code")
        assert report.notes == (
            f"'os' stays in Claude Code for {folder}. To remove it, in that folder: claude mcp remove os -s local",
        )


@pytest.mark.parametrize(
    ("keys", "options", "problem"),
    [
        (("emacs",), {}, "there is no client 'emacs'; use claude-desktop, "),
        ((), {}, "name a client: claude-desktop, "),
        (("zed",), {"name": "My OS"}, "--name My OS cannot be used"),
        (("zed",), {"name": "x" * 21}, "at most 20"),
        (("zed",), {"url": "localhost"}, "--url='localhost' cannot be used"),
        (("zed",), {"token_variable": SECRET}, "takes the name of an environment variable"),
    ],
)
def test_install_refuses_invalid_arguments(
    machine: Machine, keys: tuple[str, ...], options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        machine.install(*keys, **options)
    assert problem in str(raised.value)
    assert SECRET not in str(raised.value)
