"""What `doctor --fix` changes, what it leaves to the person, and what it never touches."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # jsonschema ships no types

from agentos_mcp.doctor.automatic_fixes import apply_fix, preview_fix
from agentos_mcp.doctor.document_schema import DOCUMENT_SCHEMA
from agentos_mcp.doctor.findings import Finding, good
from agentos_mcp.doctor.fixes import InstallEntry, RestrictPermissions
from agentos_mcp.install.launch_command import server_command
from agentos_mcp.settings import Settings
from tests._support.client_config_samples import SECRET
from tests._support.doctor_checks import SHELL_PATH, UNUSED_URL, run_doctor
from tests._support.machines import Machine
from tests._support.processes import run
from tests.conftest import KEY

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="permissions as POSIX has them")


def command_of(machine: Machine, key: str) -> tuple[str, list[str]]:
    entry: dict[str, Any] = machine.read_entry(key) or {}
    return entry["command"], entry["args"]


@POSIX
def test_fix_repairs_all_that_it_announces_and_leaves_the_rest(
    capsys: pytest.CaptureFixture[str], machine: Machine, locked_agentos: str
) -> None:
    key = machine.root / "key"
    key.write_text(KEY)
    key.chmod(0o644)
    serve = ["serve", "--url", locked_agentos]
    machine.add_entry("cursor", ["/old/agentos-mcp", *serve, "--token-file", str(key), "--read-only"])
    machine.add_entry("zed", ["uvx", "agentos-mcp", *serve], fields={"env": {"AGENTOS_TOKEN": KEY}})
    bare_address = locked_agentos.removeprefix("http://")
    command = [*server_command(machine.system), "serve", "--url", bare_address, "--token-file", str(key)]
    machine.add_entry("windsurf", command)
    broken = machine.write_config("goose", "extensions: [")
    output = run_doctor(capsys, machine, locked_agentos, token=KEY, fix=True, yes=True, json=True)
    document = output.document
    Draft202012Validator(DOCUMENT_SCHEMA).validate(document)
    assert [fixed["done"] for fixed in document["fixed"]] == [True] * 4, document["fixed"]
    left = [finding["client"] for finding in document["findings"] if finding["status"] == "bad"]
    assert (left, output.exit_code) == (["goose"], 1), document["findings"]
    program = server_command(machine.system)[0]
    assert command_of(machine, "cursor") == (program, [*serve, "--token-file", str(key), "--read-only"])
    assert command_of(machine, "zed") == (program, serve)
    assert command_of(machine, "windsurf") == (program, [*serve, "--token-file", str(key)])
    assert key.stat().st_mode & 0o777 == 0o600
    assert broken.read_text() == "extensions: ["
    assert KEY not in output.text
    broken.unlink()
    again = run_doctor(capsys, machine, locked_agentos, token=KEY, fix=True, yes=True)
    assert again.exit_code == 0, again.text
    assert again.text.splitlines()[-1] == "Nothing was changed. No problem is left."


@pytest.mark.parametrize(("answer", "is_changed"), [("y", True), ("", False), ("n", False), (EOFError, False)])
def test_fix_shows_the_change_and_asks(
    capsys: pytest.CaptureFixture[str],
    machine: Machine,
    bare_agentos: str,
    monkeypatch: pytest.MonkeyPatch,
    answer: str | type[EOFError],
    is_changed: bool,
) -> None:
    path = machine.add_entry("cursor", ["/old/agentos-mcp", "serve", "--url", bare_agentos])
    before = path.read_bytes()
    seen: list[str] = []

    def reply(question: str) -> str:
        seen.append(capsys.readouterr().out + question)
        if isinstance(answer, str):
            return answer
        raise answer

    trials: list[str] = []

    async def trial_run(settings: Settings, *_: object, **__: object) -> Finding:
        trials.append(settings.url)
        return good("Test run", "it answered")

    monkeypatch.setattr("agentos_mcp.doctor.diagnosis.trial_run", trial_run)
    monkeypatch.setattr("builtins.input", reply)
    output = run_doctor(capsys, machine, bare_agentos, fix=True, run="")
    assert trials == [bare_agentos], "what went well is not run again after the fixes"
    (shown,) = seen
    assert f'"command": "{server_command(machine.system)[0]}"' in shown
    assert SECRET not in shown + output.text
    assert shown.endswith("Change that? [y/N] ")
    assert (path.read_bytes() != before) is is_changed
    assert output.exit_code == (0 if is_changed else 1)
    last_line = "Fixed: 1 of 1. No problem is left." if is_changed else "Nothing was changed. Left for you: Cursor."
    assert output.text.splitlines()[-1] == last_line
    backups = list(path.parent.glob("*.bak"))
    assert [backup.read_bytes() for backup in backups] == ([before] if is_changed else [])


@pytest.mark.parametrize("name", ["agentos", "My AgentOS"])
def test_fix_leaves_what_would_lose_a_token_or_a_name(
    capsys: pytest.CaptureFixture[str], machine: Machine, bare_agentos: str, name: str
) -> None:
    arguments = ["serve", "--url", bare_agentos, *(["--token", "in-clear-text"] if name == "agentos" else [])]
    path = machine.add_entry("cursor", ["/old/agentos-mcp", *arguments], name=name)
    before = path.read_bytes()
    output = run_doctor(capsys, machine, bare_agentos, fix=True, yes=True)
    assert path.read_bytes() == before
    assert output.text.splitlines()[-1] == "Nothing was changed. Left for you: Cursor."
    assert "in-clear-text" not in output.text


def test_fix_gives_no_entry_the_token_of_this_shell(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("of-this-shell")
    variables = {"PATH": SHELL_PATH, "AGENTOS_TOKEN_FILE": str(token), "AGENTOS_MCP_READ_ONLY": "1"}
    machine = Machine(tmp_path, sys.platform, variables)
    machine.add_entry("cursor", ["/old/agentos-mcp", "serve", "--url", UNUSED_URL])
    fix = InstallEntry("cursor", "agentos", (("url", UNUSED_URL),))
    assert str(token) not in preview_fix(fix, machine.system)
    assert apply_fix(fix, machine.system).done
    assert command_of(machine, "cursor")[1] == ["serve", "--url", UNUSED_URL]


def test_fix_of_another_servers_entry_is_refused(machine: Machine) -> None:
    path = machine.add_entry("cursor", ["/usr/bin/other", "serve"])
    before = path.read_bytes()
    applied = apply_fix(InstallEntry("cursor", "agentos", (("url", UNUSED_URL),)), machine.system)
    assert not applied.done
    assert "another server named 'agentos'" in applied.output
    assert path.read_bytes() == before


def test_fix_with_a_setting_that_is_gone_changes_nothing(machine: Machine) -> None:
    path = machine.add_entry("cursor", ["/old/agentos-mcp", "serve"])
    before = path.read_bytes()
    fix = InstallEntry("cursor", "agentos", (("url", UNUSED_URL), ("token_file", "/no/such/file")))
    applied = apply_fix(fix, machine.system)
    assert (applied.done, path.read_bytes()) == (False, before)
    assert "there is no such file" in applied.output
    assert "there is no such file" in preview_fix(fix, machine.system)


@POSIX
class TestPermissions:
    def test_permissions_of_a_pipe_are_left(self, machine: Machine) -> None:
        pipe = machine.root / "pipe"
        os.mkfifo(pipe, 0o644)
        applied = apply_fix(RestrictPermissions(pipe), machine.system)
        assert not applied.done
        assert "it is not a regular file" in applied.output
        assert pipe.stat().st_mode & 0o777 == 0o644

    def test_permissions_of_a_file_that_is_gone_are_reported(self, machine: Machine) -> None:
        applied = apply_fix(RestrictPermissions(machine.root / "gone"), machine.system)
        assert (applied.done, "no such file" in applied.output) == (False, True)


class TestFixCommand:
    def test_fix_command_without_a_terminal_requires_yes(self, tmp_path: Path) -> None:
        ended = run("doctor", "--url", UNUSED_URL, "--fix", given={"HOME": str(tmp_path)})
        assert (ended.returncode, ended.stdout) == (2, "")
        assert "Add --yes to change what can be fixed." in ended.stderr

    @POSIX
    def test_fix_command_with_yes_fixes(self, tmp_path: Path, bare_agentos: str) -> None:
        path = tmp_path / ".cursor" / "mcp.json"
        path.parent.mkdir()
        entry = {"command": "/old/agentos-mcp", "args": ["serve", "--url", bare_agentos]}
        path.write_text(json.dumps({"mcpServers": {"agentos": entry}}))
        home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "", "XDG_STATE_HOME": "", "PATH": os.environ["PATH"]}
        ended = run("doctor", "--url", bare_agentos, "--fix", "--yes", given=home)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "Checked again:" in ended.stdout
        program = json.loads(path.read_text())["mcpServers"]["agentos"]["command"]
        assert shutil.which(program) is not None
