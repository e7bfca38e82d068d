"""Clients' files: written whole or not at all, and never taken for what they are not."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from agentos_mcp.install import files
from agentos_mcp.install.errors import Refused
from tests._support.client_files import SAMPLES, SECRET
from tests._support.machines import BY_KEY, Machine

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
BROKEN: dict[str, tuple[str | bytes, str]] = {
    "claude-desktop": ('{\n  "mcpServers": {\n    "x": 1,\n  }\n}', "line 3: a comma too many"),
    "claude-code": ('{\n  // mine\n  "a": 1\n}', "line 2: a comment, which this client's JSON cannot have"),
    "cursor": (f'{{\n"a": "{SECRET}"\n"b": 1}}', "line 3: a comma is missing"),
    "vscode": ("[]", "line 1: it holds a list where settings by name should be"),
    "codex": (f'a = 1\nb = {SECRET}"\n', "line 2: invalid value"),
    "goose": ("a: 1\n  b: 2\n", "line 2: mapping values are not allowed"),
    "zed": ('{"context_servers": []}', "its 'context_servers' holds a list where servers by name should be"),
    "opencode": ('{"mcp": {"agentos": true}}', "its server 'agentos' is a boolean where settings by name should be"),
    "gemini": (b'{\n"a": "\xff"}', "line 2: it is not UTF-8"),
    "windsurf": ("{}".encode("utf-16"), "line 1: it is not UTF-8"),
}


@pytest.mark.parametrize("key", BROKEN)
@pytest.mark.parametrize("uninstall", [False, True], ids=["install", "uninstall"])
def test_a_broken_file_is_refused_untouched(machine: Machine, key: str, uninstall: bool) -> None:
    text, words = BROKEN[key]
    place = machine.has(key, text)
    before = machine.everything()
    outcome = machine.uninstall(key) if uninstall else machine.install(key)
    assert not outcome.ok
    assert f"{place}" in str(outcome)
    assert words in str(outcome)
    assert "Nothing was changed." in str(outcome)
    assert "run this again" in str(outcome)
    assert SECRET not in str(outcome)
    assert machine.everything() == before


def test_a_file_that_cannot_be_edited_is_left_alone_with_what_to_write(machine: Machine) -> None:
    machine.has("codex", "mcp_servers = {}\n")
    before = machine.everything()
    told = str(machine.install("codex"))
    assert "is written in a way that cannot be edited here without harm. Nothing was changed." in told
    assert "Write it in there yourself:\n    [mcp_servers.agentos]\n    command = " in told
    assert machine.everything() == before


def test_a_folder_in_its_place_is_refused(machine: Machine) -> None:
    machine.place("cursor").mkdir(parents=True)
    assert "mcp.json is a folder, not a file. Nothing was changed." in str(machine.install("cursor"))


@POSIX
def test_a_pipe_in_its_place_is_refused(machine: Machine) -> None:
    machine.place("cursor").parent.mkdir()
    os.mkfifo(machine.place("cursor"))
    assert "is no ordinary file" in str(machine.install("cursor"))


@POSIX
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do everything")
def test_a_read_only_file_is_refused(machine: Machine) -> None:
    machine.has("cursor", "{}").chmod(0o400)
    assert "is read-only" in str(machine.install("cursor"))


@POSIX
def test_permissions_stay(machine: Machine) -> None:
    place = machine.has("claude-code", SAMPLES["claude-code"])
    place.chmod(0o640)
    machine.install("claude-code")
    assert {stat.S_IMODE(path.stat().st_mode) for path in place.parent.glob(".claude.json*")} == {0o640}
    machine.uninstall("claude-code")
    assert stat.S_IMODE(place.stat().st_mode) == 0o640


@POSIX
def test_a_new_file_is_its_owners_alone(machine: Machine) -> None:
    machine.install("zed")
    assert stat.S_IMODE(machine.place("zed").stat().st_mode) == 0o600


@POSIX
def test_a_link_stays_a_link_and_its_target_is_written(machine: Machine) -> None:
    target = machine.root / "dotfiles" / "mcp.json"
    target.parent.mkdir()
    target.write_text(SAMPLES["cursor"])
    machine.place("cursor").parent.mkdir()
    machine.place("cursor").symlink_to(target)
    before = machine.everything()
    machine.install("cursor")
    assert machine.place("cursor").is_symlink()
    assert BY_KEY["cursor"].section.entry(target.read_text(), "agentos")
    machine.uninstall("cursor")
    assert machine.place("cursor").is_symlink()
    assert machine.everything() == before


def test_backups_lie_beside_the_file_and_stay_few(machine: Machine) -> None:
    place = machine.has("cursor", SAMPLES["cursor"])
    for number in range(8):
        told = str(machine.install("cursor", url=f"http://localhost:{7000 + number}"))
    backups = sorted(place.parent.glob("mcp.json.agentos-mcp-*.bak"), key=lambda path: path.stat().st_mtime_ns)
    assert len(backups) == files.KEPT + 1
    assert backups[0].read_text() == SAMPLES["cursor"], "how it was before us is kept"
    assert f"(before: {backups[-1].name}, beside it)" in told


def test_a_file_that_another_program_writes_meanwhile_is_left_to_it(tmp_path: Path) -> None:
    place = tmp_path / "settings.json"
    place.write_text("{}")
    found = files.read(place)
    place.write_text('{"new": 1}')
    with pytest.raises(Refused, match="was changed by another program just now"):
        files.write(found, b"ours")
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]
    assert place.read_text() == '{"new": 1}'


def test_a_file_that_was_removed_by_hand_is_made_and_taken_away_again(machine: Machine) -> None:
    place = machine.has("cursor", SAMPLES["cursor"])
    machine.install("cursor")
    place.unlink()
    machine.install("cursor")
    machine.uninstall("cursor")
    assert not place.exists()


def test_an_entry_that_was_there_before_us_is_taken_out_not_put_back(machine: Machine) -> None:
    by_hand = json.dumps({"mcpServers": {"agentos": {"command": "/old/agentos-mcp", "args": ["serve"]}}}, indent=2)
    place = machine.has("cursor", by_hand)
    assert "updated in" in str(machine.install("cursor"))
    machine.uninstall("cursor")
    assert json.loads(place.read_text()) == {"mcpServers": {}}


def test_what_we_remember_may_be_broken(machine: Machine) -> None:
    place = machine.has("cursor", SAMPLES["cursor"])
    machine.install("cursor")
    for broken in (b"\xff", b"[]", b"{}", json.dumps({str(place): {"other": 1}}).encode()):
        (machine.system.state / "installed.json").write_bytes(broken)
        assert machine.uninstall("cursor").ok
        assert place.read_text() == SAMPLES["cursor"]
        assert machine.install("cursor").ok


def test_without_its_backup_a_file_still_loses_the_entry_and_nothing_else(machine: Machine) -> None:
    place = machine.has("cursor", SAMPLES["cursor"])
    machine.install("cursor")
    for backup in place.parent.glob("*.bak"):
        backup.unlink()
    assert "'agentos' is gone from" in str(machine.uninstall("cursor"))
    assert place.read_text() == SAMPLES["cursor"]


def test_nothing_is_left_of_what_we_remember(machine: Machine) -> None:
    machine.install("zed")
    assert machine.system.state.exists()
    machine.uninstall("zed")
    assert not machine.system.state.exists()
    assert "no 'agentos' to remove" in str(machine.uninstall("zed"))
