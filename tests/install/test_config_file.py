"""Clients' configuration files: written whole or not at all, and refused where they are invalid."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from agentos_mcp.install import config_file
from agentos_mcp.install.errors import InstallError
from tests._support.client_config_samples import SAMPLES, SECRET
from tests._support.machines import CLIENTS_BY_KEY, Machine

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
BROKEN: dict[str, tuple[str | bytes, str]] = {
    "claude-desktop": ('{\n  "mcpServers": {\n    "x": 1,\n  }\n}', "line 3: a trailing comma"),
    "claude-code": ('{\n  // mine\n  "a": 1\n}', "line 2: a comment, which this client does not support"),
    "cursor": (f'{{\n"a": "{SECRET}"\n"b": 1}}', "line 3: a comma is missing"),
    "vscode": ("[]", "line 1: it holds a list where settings by name are expected"),
    "codex": (f'a = 1\nb = {SECRET}"\n', "line 2: invalid value"),
    "goose": ("a: 1\n  b: 2\n", "line 2: mapping values are not allowed"),
    "zed": ('{"context_servers": []}', "its 'context_servers' holds a list where servers by name are expected"),
    "opencode": ('{"mcp": {"agentos": true}}', "its server 'agentos' is a boolean where settings by name are expected"),
    "gemini": (b'{\n"a": "\xff"}', "line 2: it is not valid UTF-8"),
    "windsurf": ("{}".encode("utf-16"), "line 1: it is not valid UTF-8"),
}


@pytest.mark.parametrize("key", BROKEN)
@pytest.mark.parametrize("uninstall", [False, True], ids=["install", "uninstall"])
def test_install_refuses_an_invalid_file_and_keeps_it(machine: Machine, key: str, uninstall: bool) -> None:
    text, problem = BROKEN[key]
    path = machine.write_config(key, text)
    before = machine.read_all_files()
    report = machine.uninstall(key, name="agentos") if uninstall else machine.install(key)
    assert not report.ok
    assert f"{path}" in str(report)
    assert problem in str(report)
    assert "Nothing was changed." in str(report)
    assert "run this again" in str(report)
    assert SECRET not in str(report)
    assert machine.read_all_files() == before


def test_uninstall_refuses_a_file_without_settings_where_projects_would_be(machine: Machine) -> None:
    machine.write_config("claude-code", "[]")
    assert "line 1: it holds a list where settings by name are expected" in str(machine.uninstall("claude-code"))


def test_install_keeps_an_uneditable_file_and_says_what_to_add(machine: Machine) -> None:
    machine.write_config("codex", "mcp_servers = {}\n")
    before = machine.read_all_files()
    report = str(machine.install("codex"))
    assert "this TOML cannot be edited without changing more than the entry. Nothing was changed." in report
    assert "Add this to it yourself:\n    [mcp_servers.agentos]\n    command = " in report
    assert machine.read_all_files() == before


def test_install_refuses_a_folder_at_the_config_path(machine: Machine) -> None:
    machine.config_path("cursor").mkdir(parents=True)
    assert "mcp.json is a folder, not a file. Nothing was changed." in str(machine.install("cursor"))


@POSIX
def test_install_refuses_a_pipe_at_the_config_path(machine: Machine) -> None:
    machine.config_path("cursor").parent.mkdir()
    os.mkfifo(machine.config_path("cursor"))
    assert "is not a regular file" in str(machine.install("cursor"))


@POSIX
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do everything")
def test_install_refuses_a_read_only_file(machine: Machine) -> None:
    machine.write_config("cursor", "{}").chmod(0o400)
    assert "is read-only" in str(machine.install("cursor"))


@POSIX
def test_install_keeps_the_permissions_of_the_file(machine: Machine) -> None:
    path = machine.write_config("claude-code", SAMPLES["claude-code"])
    path.chmod(0o640)
    machine.install("claude-code")
    assert {stat.S_IMODE(path.stat().st_mode) for path in path.parent.glob(".claude.json*")} == {0o640}
    machine.uninstall("claude-code")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@POSIX
def test_install_creates_a_file_that_only_its_owner_can_read(machine: Machine) -> None:
    machine.install("zed")
    assert stat.S_IMODE(machine.config_path("zed").stat().st_mode) == 0o600


@POSIX
def test_install_writes_the_target_of_a_link(machine: Machine) -> None:
    target = machine.root / "dotfiles" / "mcp.json"
    target.parent.mkdir()
    target.write_text(SAMPLES["cursor"])
    machine.config_path("cursor").parent.mkdir()
    machine.config_path("cursor").symlink_to(target)
    before = machine.read_all_files()
    machine.install("cursor")
    assert machine.config_path("cursor").is_symlink()
    assert CLIENTS_BY_KEY["cursor"].section.entry(target.read_text(), "agentos")
    machine.uninstall("cursor")
    assert machine.config_path("cursor").is_symlink()
    assert machine.read_all_files() == before


def test_backups_are_beside_the_file_and_limited(machine: Machine) -> None:
    path = machine.write_config("cursor", SAMPLES["cursor"])
    for number in range(8):
        report = str(machine.install("cursor", url=f"http://localhost:{7000 + number}"))
    backups = sorted(path.parent.glob("mcp.json.agentos-mcp-*.bak"), key=lambda path: path.stat().st_mtime_ns)
    assert len(backups) == config_file.MAX_BACKUPS + 1
    assert backups[0].read_text() == SAMPLES["cursor"], "how it was before us is kept"
    assert f"(backup: {backups[-1].name}, in the same folder)" in report


def test_write_refuses_a_file_that_changed_since_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text("{}")
    file = config_file.read(path)
    path.write_text('{"new": 1}')
    with pytest.raises(InstallError, match="was changed by another program just now"):
        config_file.write(file, b"ours")
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]
    assert path.read_text() == '{"new": 1}'


def test_uninstall_removes_a_file_that_was_deleted_and_created_again(machine: Machine) -> None:
    path = machine.write_config("cursor", SAMPLES["cursor"])
    machine.install("cursor")
    path.unlink()
    machine.install("cursor")
    machine.uninstall("cursor")
    assert not path.exists()


def test_uninstall_removes_an_entry_that_existed_before_installing(machine: Machine) -> None:
    by_hand = json.dumps({"mcpServers": {"agentos": {"command": "/old/agentos-mcp", "args": ["serve"]}}}, indent=2)
    path = machine.write_config("cursor", by_hand)
    assert "updated in" in str(machine.install("cursor"))
    machine.uninstall("cursor")
    assert json.loads(path.read_text()) == {"mcpServers": {}}


def test_uninstall_works_with_a_broken_records_file(machine: Machine) -> None:
    path = machine.write_config("cursor", SAMPLES["cursor"])
    machine.install("cursor")
    for broken in (b"\xff", b"[]", b"{}", json.dumps({str(path): {"other": 1}}).encode()):
        (machine.system.state_folder / "installed.json").write_bytes(broken)
        assert machine.uninstall("cursor").ok
        assert path.read_text() == SAMPLES["cursor"]
        assert machine.install("cursor").ok


def test_uninstall_removes_only_the_entry_where_the_backup_is_missing(machine: Machine) -> None:
    path = machine.write_config("cursor", SAMPLES["cursor"])
    machine.install("cursor")
    for backup in path.parent.glob("*.bak"):
        backup.unlink()
    assert "'agentos' was removed from" in str(machine.uninstall("cursor"))
    assert path.read_text() == SAMPLES["cursor"]


def test_uninstall_deletes_the_records(machine: Machine) -> None:
    machine.install("zed")
    assert machine.system.state_folder.exists()
    machine.uninstall("zed")
    assert not machine.system.state_folder.exists()
    assert "no entry for agentos-mcp to remove" in str(machine.uninstall("zed"))
