"""Tokens stay out of clients' files, and other servers' secrets out of what is printed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from agentos_mcp.install.client_entry import resolve_command
from agentos_mcp.install.masked_diff import masked_diff
from agentos_mcp.settings import SettingsError
from tests._support.client_config_samples import SAMPLES
from tests._support.machines import CLIENTS_BY_KEY, Machine

TOKEN = "osk-7b1f0c"
OTHER_URL = "https://other.example.com"
REFERENCES = {
    "claude-code": "${AGENTOS_TOKEN}",
    "cursor": "${env:AGENTOS_TOKEN}",
    "vscode": "${env:AGENTOS_TOKEN}",
    "vscode-workspace": "${env:AGENTOS_TOKEN}",
    "gemini": "${AGENTOS_TOKEN}",
    "windsurf": "${env:AGENTOS_TOKEN}",
    "opencode": "{env:AGENTOS_TOKEN}",
}
FORWARDED = {"codex": "env_vars", "goose": "env_keys"}
NEITHER = ("claude-desktop", "zed")


def write_token_file(machine: Machine) -> Path:
    file = machine.root / "work" / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    return file


@pytest.mark.parametrize("key", SAMPLES)
def test_install_refuses_to_write_a_token(machine: Machine, key: str) -> None:
    with pytest.raises(SettingsError, match="give --token-file PATH") as raised:
        machine.install(key, token=TOKEN)
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize("key", SAMPLES)
def test_entry_has_the_absolute_path_of_the_token_file(machine: Machine, key: str) -> None:
    file = write_token_file(machine)
    assert machine.install(key, token_file="token").ok
    command = resolve_command(CLIENTS_BY_KEY[key], machine.read_entry(key) or {}, {})
    assert command.arguments[-2:] == ("--token-file", str(file))
    assert TOKEN not in machine.config_path(key).read_text()


@pytest.mark.parametrize("key", SAMPLES)
def test_entry_refers_to_the_token_variable(machine: Machine, key: str) -> None:
    report = machine.install(key, token_variable="AGENTOS_TOKEN")
    if key in NEITHER:
        assert "cannot take a token from an environment variable. Nothing was changed." in str(report)
        assert "--token-file PATH" in str(report)
        return
    client, entry = CLIENTS_BY_KEY[key], machine.read_entry(key) or {}
    if key in FORWARDED:
        assert entry[FORWARDED[key]] == ["AGENTOS_TOKEN"]
    else:
        assert entry[client.variables_key] == {"AGENTOS_TOKEN": REFERENCES[key]}
    assert resolve_command(client, entry, {"AGENTOS_TOKEN": TOKEN}).environment == {"AGENTOS_TOKEN": TOKEN}
    assert resolve_command(client, entry, {}).missing == ("AGENTOS_TOKEN",)


@pytest.mark.parametrize("key", FORWARDED)
def test_install_refuses_to_forward_an_unknown_variable(machine: Machine, key: str) -> None:
    report = machine.install(key, token_variable="WORK_TOKEN")
    assert "passes a variable on only under its own name" in str(report)
    assert "Keep the token in a file that only you can read and give --token-file PATH." in str(report)


def test_entry_maps_a_variable_of_any_name_to_ours(machine: Machine) -> None:
    machine.install("cursor", token_variable="WORK_TOKEN")
    assert (machine.read_entry("cursor") or {})["env"] == {"AGENTOS_TOKEN": "${env:WORK_TOKEN}"}


@pytest.mark.parametrize("key", ["claude-desktop", "codex", "opencode"])
def test_entry_keeps_credentials_only_for_the_same_agentos(machine: Machine, key: str) -> None:
    client = CLIENTS_BY_KEY[key]
    machine.install(key)
    by_hand = {**(machine.read_entry(key) or {}), client.variables_key: {"AGENTOS_TOKEN": TOKEN, "PROXY": "x"}}
    path = machine.write_config(key, client.section.put("", "agentos", by_hand))
    machine.install(key, read_only=True)
    assert TOKEN in path.read_text()
    output = str(machine.install(key, url=OTHER_URL))
    assert "The old entry's token was removed: if this AgentOS requires one, give --token-file PATH." in output
    assert TOKEN not in path.read_text()
    assert (machine.read_entry(key) or {})[client.variables_key] == {"PROXY": "x"}


def test_entry_keeps_a_token_file_only_for_the_same_agentos(machine: Machine) -> None:
    file = write_token_file(machine)
    machine.install("cursor", token_file=str(file), toolsets="runs")
    assert "already" in str(machine.install("cursor", toolsets="runs"))
    machine.install("cursor", url=OTHER_URL)
    assert str(file) not in machine.config_path("cursor").read_text()


def test_entry_replaces_an_old_credential(machine: Machine) -> None:
    machine.install("cursor", token_variable="AGENTOS_TOKEN")
    machine.install("cursor", token_file=str(write_token_file(machine)))
    assert not (machine.read_entry("cursor") or {})["env"]


def test_entry_has_the_settings_of_the_environment_but_not_the_token(tmp_path: Path) -> None:
    variables = {"AGENTOS_URL": OTHER_URL, "AGENTOS_MCP_READ_ONLY": "yes", "AGENTOS_TOKEN": TOKEN}
    machine = Machine(tmp_path, variables=variables)
    report = machine.install("zed", url=None)
    command = resolve_command(CLIENTS_BY_KEY["zed"], machine.read_entry("zed") or {}, {})
    assert command.arguments[-4:] == ("serve", "--url", OTHER_URL, "--read-only")
    assert "AGENTOS_TOKEN is set here, but clients that are not started from this shell don't see it" in str(report)
    assert TOKEN not in str(report) + machine.config_path("zed").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_report_warns_of_a_token_file_that_others_can_read(machine: Machine) -> None:
    file = write_token_file(machine)
    file.chmod(0o644)
    assert f"Others on this machine can read {file}" in str(machine.install("zed", token_file=str(file)))


def test_install_refuses_a_missing_token_file(machine: Machine) -> None:
    with pytest.raises(SettingsError, match="there is no such file"):
        machine.install("zed", token_file="nowhere")


def test_entry_has_the_servers_flags_with_absolute_folders(machine: Machine) -> None:
    machine.install("zed", toolsets="runs,catalog", read_only=True, allow_files=f".{os.pathsep}{machine.root}")
    command = resolve_command(CLIENTS_BY_KEY["zed"], machine.read_entry("zed") or {}, {})
    folders = f"{machine.root / 'work'}{os.pathsep}{machine.root}"
    assert command.arguments[-5:] == ("--toolsets", "runs,catalog", "--read-only", "--allow-files", folders)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"a": "SECRET"}', '{"a": "SECRET", "b": 1}'),
        ('{"a": ["SECRET", {"b": "SECRET"}]}', ""),
        ('"SECRET",\n// SECRET\n/* SECRET\n SECRET */\n', ""),
        (
            "token: SECRET\nlist:\n- SECRET\n- x: SECRET\n'key': 'SECRET'\ntext: |\n  SECRET==\n  SECRET=\n  SECRET\n",
            "",
        ),
        ("token: SECRET:8080\n# SECRET\nurl: https://SECRET@host/SECRET\n", ""),
        ('a = "SECRET"\nb = """\nSECRET\n"""\nc = { d = "SECRET" }\n["SECRET"]\n[[x.y]]\n', ""),
        ("-- SECRET\n++ SECRET\n@@ SECRET\n", ""),
    ],
)
def test_masked_diff_masks_values_of_others(before: str, after: str) -> None:
    secret = "c2VjcmV0LXNlY3JldA"
    output = masked_diff(Path("/x"), before.replace("SECRET", secret), after.replace("SECRET", secret), {"ours"})
    assert secret not in output
    assert "********" in output


def test_masked_diff_prints_keys_and_printable_values() -> None:
    output = masked_diff(
        Path("/x"), '{"a": {"key": "s"}}', '{"a": {"key": "s"}, "b": "ours", "n": 600}', {"ours", "600"}
    )
    assert output.splitlines()[-1] == '+{"a": {"key": "********"}, "b": "ours", "n": 600}'
