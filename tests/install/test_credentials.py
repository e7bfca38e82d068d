"""Tokens stay out of clients' files, and other people's secrets out of what is printed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from agentos_mcp.install.client_entry import start_of
from agentos_mcp.install.diff import difference
from agentos_mcp.settings import SettingsError
from tests._support.client_files import SAMPLES
from tests._support.machines import BY_KEY, Machine

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


def with_token(machine: Machine) -> Path:
    file = machine.root / "work" / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    return file


@pytest.mark.parametrize("key", SAMPLES)
def test_a_token_is_never_written(machine: Machine, key: str) -> None:
    with pytest.raises(SettingsError, match="give --token-file PATH") as raised:
        machine.install(key, token=TOKEN)
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize("key", SAMPLES)
def test_every_client_takes_a_token_file_by_its_absolute_path(machine: Machine, key: str) -> None:
    file = with_token(machine)
    assert machine.install(key, token_file="token").ok
    start = start_of(BY_KEY[key], machine.entry(key) or {}, {})
    assert start.arguments[-2:] == ("--token-file", str(file))
    assert TOKEN not in machine.place(key).read_text()


@pytest.mark.parametrize("key", SAMPLES)
def test_a_variable_is_named_in_the_clients_own_way(machine: Machine, key: str) -> None:
    outcome = machine.install(key, token_variable="AGENTOS_TOKEN")
    if key in NEITHER:
        assert "cannot take a token from an environment variable. Nothing was changed." in str(outcome)
        assert "--token-file PATH" in str(outcome)
        return
    client, entry = BY_KEY[key], machine.entry(key) or {}
    if key in FORWARDED:
        assert entry[FORWARDED[key]] == ["AGENTOS_TOKEN"]
    else:
        assert entry[client.variables] == {"AGENTOS_TOKEN": REFERENCES[key]}
    assert start_of(client, entry, {"AGENTOS_TOKEN": TOKEN}).environment == {"AGENTOS_TOKEN": TOKEN}
    assert start_of(client, entry, {}).missing == ("AGENTOS_TOKEN",)


@pytest.mark.parametrize("key", FORWARDED)
def test_a_variable_that_is_only_handed_on_has_to_be_one_we_read(machine: Machine, key: str) -> None:
    outcome = machine.install(key, token_variable="WORK_TOKEN")
    assert "hands a variable on only under its own name" in str(outcome)
    assert "Give --token-env AGENTOS_TOKEN" in str(outcome)


def test_a_variable_of_any_name_becomes_ours_where_it_can_be_referred_to(machine: Machine) -> None:
    machine.install("cursor", token_variable="WORK_TOKEN")
    assert (machine.entry("cursor") or {})["env"] == {"AGENTOS_TOKEN": "${env:WORK_TOKEN}"}


@pytest.mark.parametrize("key", ["claude-desktop", "codex", "opencode"])
def test_credentials_stay_for_the_same_agentos_and_never_go_to_another(machine: Machine, key: str) -> None:
    client = BY_KEY[key]
    machine.install(key)
    by_hand = {**(machine.entry(key) or {}), client.variables: {"AGENTOS_TOKEN": TOKEN, "PROXY": "x"}}
    place = machine.has(key, client.section.put("", "agentos", by_hand))
    machine.install(key, read_only=True)
    assert TOKEN in place.read_text()
    told = str(machine.install(key, url=OTHER_URL))
    assert "The old entry's token is gone: if this AgentOS wants one, give --token-file PATH." in told
    assert TOKEN not in place.read_text()
    assert (machine.entry(key) or {})[client.variables] == {"PROXY": "x"}


def test_a_token_file_stays_for_the_same_agentos_and_never_goes_to_another(machine: Machine) -> None:
    file = with_token(machine)
    machine.install("cursor", token_file=str(file), toolsets="runs")
    assert "already" in str(machine.install("cursor", toolsets="runs"))
    machine.install("cursor", url=OTHER_URL)
    assert str(file) not in machine.place("cursor").read_text()


def test_a_new_credential_replaces_the_old_one(machine: Machine) -> None:
    machine.install("cursor", token_variable="AGENTOS_TOKEN")
    machine.install("cursor", token_file=str(with_token(machine)))
    assert not (machine.entry("cursor") or {})["env"]


def test_what_is_set_here_is_taken_along_but_not_the_token(tmp_path: Path) -> None:
    variables = {"AGENTOS_URL": OTHER_URL, "AGENTOS_MCP_READ_ONLY": "yes", "AGENTOS_TOKEN": TOKEN}
    machine = Machine(tmp_path, variables=variables)
    outcome = machine.install("zed", url=None)
    start = start_of(BY_KEY["zed"], machine.entry("zed") or {}, {})
    assert start.arguments[-4:] == ("serve", "--url", OTHER_URL, "--read-only")
    assert "AGENTOS_TOKEN is set here, but clients that are not started from this shell don't see it" in str(outcome)
    assert TOKEN not in str(outcome) + machine.place("zed").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_a_token_file_that_others_can_read_is_told_of(machine: Machine) -> None:
    file = with_token(machine)
    file.chmod(0o644)
    assert f"Others on this machine can read {file}" in str(machine.install("zed", token_file=str(file)))


def test_a_token_file_that_is_not_there_is_refused_at_once(machine: Machine) -> None:
    with pytest.raises(SettingsError, match="there is no such file"):
        machine.install("zed", token_file="nowhere")


def test_flags_of_the_server_are_passed_on_with_absolute_folders(machine: Machine) -> None:
    machine.install("zed", toolsets="runs,catalog", read_only=True, allow_files=f".{os.pathsep}{machine.root}")
    start = start_of(BY_KEY["zed"], machine.entry("zed") or {}, {})
    folders = f"{machine.root / 'work'}{os.pathsep}{machine.root}"
    assert start.arguments[-5:] == ("--toolsets", "runs,catalog", "--read-only", "--allow-files", folders)


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
def test_a_difference_shows_no_value_that_is_not_ours(before: str, after: str) -> None:
    secret = "c2VjcmV0LXNlY3JldA"
    told = difference(Path("/x"), before.replace("SECRET", secret), after.replace("SECRET", secret), {"ours"})
    assert secret not in told
    assert "********" in told


def test_a_difference_shows_names_and_what_is_ours() -> None:
    told = difference(Path("/x"), '{"a": {"key": "s"}}', '{"a": {"key": "s"}, "b": "ours", "n": 600}', {"ours", "600"})
    assert told.splitlines()[-1] == '+{"a": {"key": "********"}, "b": "ours", "n": 600}'
