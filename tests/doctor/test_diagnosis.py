"""All checks of the doctor together: their output, as JSON, the exit code, and how long they take."""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # jsonschema ships no types

from agentos_mcp import __version__
from agentos_mcp.doctor.document_schema import DOCUMENT_SCHEMA
from agentos_mcp.install.launch_command import server_command
from tests._support.doctor_checks import UNUSED_URL, run_doctor
from tests._support.foreign_servers import free_port, hung_port, port_of, web_server
from tests._support.machines import Machine
from tests._support.processes import MODULE, PATIENCE, Process, run
from tests.conftest import KEY

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="a home is another variable there")


def test_doctor_without_problems_is_good(
    capsys: pytest.CaptureFixture[str], machine: Machine, sample_agentos: str
) -> None:
    machine.install("cursor", "goose", url=sample_agentos)
    output = run_doctor(capsys, machine, sample_agentos, run="agent:echo")
    assert output.marks == dict.fromkeys(
        ["Program", "URL", "Version", "Token", "Components", "Database", "Server", "Cursor", "Goose", "Test run"], "✔"
    )
    assert output.text.splitlines()[-1] == f"Everything works with Sample (sample) at {sample_agentos}."
    assert f"(agentos-mcp {__version__}, Python " in output.text
    assert "prints only the protocol to its standard output" in output.text
    assert output.exit_code == 0


def test_doctor_with_warnings_exits_with_0(
    capsys: pytest.CaptureFixture[str], machine: Machine, bare_agentos: str
) -> None:
    output = run_doctor(capsys, machine, bare_agentos)
    assert (output.marks["Database"], output.marks["Clients"]) == ("!", "!")
    assert output.text.splitlines()[-1].startswith("2 warnings. Checked with ")
    assert output.text.splitlines()[-1].endswith(f" at {bare_agentos}.")
    assert output.exit_code == 0


def test_doctor_with_problems_exits_with_1(capsys: pytest.CaptureFixture[str], machine: Machine) -> None:
    machine.install("cursor", url=UNUSED_URL)
    machine.write_config("zed", "{")
    output = run_doctor(capsys, machine, UNUSED_URL, ports=[free_port()], run="")
    assert output.marks == {"Program": "✔", "URL": "✘", "Server": "✔", "Cursor": "✘", "Zed": "✘", "Test run": "✘"}
    assert output.text.splitlines()[-1] == f"4 problems. No AgentOS answered at {UNUSED_URL}."
    assert output.exit_code == 1


def test_doctor_has_a_fix_for_every_problem(
    capsys: pytest.CaptureFixture[str], machine: Machine, agentos_with_two_databases: str
) -> None:
    machine.install("cursor", url=UNUSED_URL)
    machine.write_config("zed", "{")
    machine.write_config("goose", "")
    output = run_doctor(capsys, machine, agentos_with_two_databases, json=True)
    assert [finding["subject"] for finding in output.document["findings"] if finding["status"] != "good"]
    assert all(finding["fix"] for finding in output.document["findings"] if finding["status"] != "good")


def test_doctor_json_has_all_findings(
    capsys: pytest.CaptureFixture[str], machine: Machine, sample_agentos: str
) -> None:
    machine.write_config("cursor", "{")
    as_text = run_doctor(capsys, machine, sample_agentos)
    as_json = run_doctor(capsys, machine, sample_agentos, json=True)
    document = as_json.document
    assert document["healthy"] is False
    assert [finding["subject"] for finding in document["findings"]] == list(as_text.marks)
    assert {finding["status"] for finding in document["findings"]} == {"good", "bad"}
    assert (as_text.exit_code, as_json.exit_code) == (1, 1)


def test_doctor_without_a_url_judges_no_agentos_that_nobody_named(
    capsys: pytest.CaptureFixture[str], machine: Machine, sample_agentos: str
) -> None:
    with web_server() as other:
        ports = [free_port(), port_of(other), port_of(sample_agentos)]
        output = run_doctor(capsys, machine, ports=ports, run="agent:echo")
    assert f"✘ URL: no AgentOS answers at {UNUSED_URL}: nothing listens there (no other address is set)" in output.text
    assert f"    Found elsewhere, in case it is yours: Sample (sample) at {sample_agentos}\n" in output.text
    assert "Components" not in output.marks
    assert output.text.splitlines()[-1].endswith(f"No AgentOS answered at {UNUSED_URL}.")
    assert output.exit_code == 1


def test_doctor_without_a_url_examines_the_agentos_of_the_entries(
    capsys: pytest.CaptureFixture[str], machine: Machine, locked_agentos: str, sample_agentos: str
) -> None:
    file = machine.root / "key"
    file.write_text(KEY)
    file.chmod(0o600)
    machine.install("cursor", "zed", url=locked_agentos, token_file=str(file))
    output = run_doctor(capsys, machine, default_url=sample_agentos, run="agent:echo")
    assert f"other commands use {sample_agentos}; your clients' entries are for {locked_agentos}\n" in output.text
    assert f"    Remember that one: agentos-mcp use {locked_agentos} --token-file {file}\n" in output.text
    assert f"✔ URL: Sample (sample) answers at {locked_agentos} (Cursor's 'agentos' is for it)" in output.text
    assert (output.marks["Token"], output.marks["Components"], output.marks["Test run"]) == ("✔", "✔", "✔")
    assert output.text.splitlines()[-1] == f"1 warning. Checked with Sample (sample) at {locked_agentos}."
    assert KEY not in output.text


def test_doctor_without_a_url_examines_none_where_the_entries_disagree(
    capsys: pytest.CaptureFixture[str], machine: Machine, bare_agentos: str, sample_agentos: str
) -> None:
    machine.install("cursor", url=bare_agentos)
    machine.install("zed", url=sample_agentos)
    output = run_doctor(capsys, machine, default_url=UNUSED_URL)
    assert f"your clients' entries are for {bare_agentos} and {sample_agentos}" in output.text
    assert "Components" not in output.marks
    assert (output.marks["URL"], output.marks["Cursor"], output.marks["Zed"]) == ("!", "✔", "✔")
    assert f" at {bare_agentos} and Sample (sample) at {sample_agentos}." in output.text.splitlines()[-1]


def test_doctor_without_a_url_knows_each_agentos_of_an_entry(
    capsys: pytest.CaptureFixture[str], machine: Machine, bare_agentos: str, sample_agentos: str
) -> None:
    variables = {"AGENTOS_URL": f"bare={bare_agentos} sample={sample_agentos}"}
    machine.add_entry("cursor", [*server_command(machine.system), "serve"], fields={"env": variables})
    output = run_doctor(capsys, machine, default_url=UNUSED_URL)
    assert f"your clients' entries are for {bare_agentos} and {sample_agentos}" in output.text
    assert (output.marks["URL"], output.marks["Cursor"], output.exit_code) == ("!", "✔", 0)


def test_doctor_judges_the_token_of_each_entry_and_not_its_own(
    capsys: pytest.CaptureFixture[str], machine: Machine, locked_agentos: str
) -> None:
    right, wrong = machine.root / "right", machine.root / "wrong"
    for file, key in ((right, KEY), (wrong, "not-the-key")):
        file.write_text(key)
        file.chmod(0o600)
    machine.install("cursor", url=locked_agentos, token_file=str(right))
    machine.install("zed", url=locked_agentos, token_file=str(wrong))
    output = run_doctor(capsys, machine, locked_agentos)
    message = "none is set here, so the other commands are refused; Cursor's 'agentos' has one"
    assert f"! Token: {message}, from {right}, with which the checks below are made" in output.text
    assert f"    To use it here too: agentos-mcp use {locked_agentos} --token-file {right}" in output.text
    assert (output.marks["Components"], output.marks["Cursor"], output.marks["Zed"]) == ("✔", "✔", "✘")
    assert f"its token, from {right}, is accepted" in output.text
    assert f"AgentOS refuses its token, from {wrong}: Invalid authentication token" in output.text
    with_right_one_here = run_doctor(capsys, machine, locked_agentos, token=KEY)
    assert (with_right_one_here.marks["Token"], with_right_one_here.marks["Zed"]) == ("✔", "✘")
    assert KEY not in output.text + with_right_one_here.text
    assert "not-the-key" not in output.text + with_right_one_here.text


def test_doctor_json_follows_its_schema(
    capsys: pytest.CaptureFixture[str], machine: Machine, locked_agentos: str
) -> None:
    machine.install("cursor", url=locked_agentos)
    machine.add_entry("zed", ["/old/agentos-mcp", "serve", "--url", UNUSED_URL])
    machine.write_config("goose", "{")
    document = run_doctor(capsys, machine, locked_agentos, token=KEY, json=True).document
    Draft202012Validator(DOCUMENT_SCHEMA).validate(document)
    assert document["agentos"] == [
        {"url": locked_agentos, "name": "Sample (sample)"},
        {"url": UNUSED_URL, "name": None},
    ]
    by_client = {finding["client"]: finding for finding in document["findings"] if finding["client"]}
    cursor, zed, goose = by_client["cursor"], by_client["zed"], by_client["goose"]
    assert (cursor["entry"], cursor["url"], cursor["agentos"]) == ("agentos", locked_agentos, "Sample (sample)")
    assert (cursor["status"], cursor["automatic"]) == ("bad", False)
    assert cursor["fix"][0]["command"][1:] == ["install", "cursor", "--url", locked_agentos, "--token-file", "PATH"]
    assert (zed["url"], zed["agentos"], zed["automatic"]) == (UNUSED_URL, None, True)
    assert (goose["entry"], goose["url"], goose["automatic"]) == (None, None, False)


def test_doctor_times_out_on_ports_that_never_answer(capsys: pytest.CaptureFixture[str], machine: Machine) -> None:
    with hung_port() as first, hung_port() as second:
        machine.install("cursor", url=f"http://127.0.0.1:{first}")
        began = time.monotonic()
        output = run_doctor(capsys, machine, f"http://127.0.0.1:{first}", ports=[second, free_port()], run="")
        took = time.monotonic() - began
    assert (output.marks["URL"], output.marks["Cursor"], output.marks["Server"]) == ("✘", "!", "✔")
    assert took < 25  # about 7 s on a machine with nothing else to do


def test_doctor_prints_no_token(capsys: pytest.CaptureFixture[str], machine: Machine, locked_agentos: str) -> None:
    file = machine.root / "key"
    file.write_text(KEY)
    file.chmod(0o600)
    machine.install("cursor", url=locked_agentos, token_file=str(file))
    output = run_doctor(capsys, machine, locked_agentos, token=KEY, run="agent:echo")
    assert (output.marks["Token"], output.marks["Cursor"], output.marks["Test run"]) == ("✔", "✔", "✔")
    assert KEY not in output.text
    wrong = run_doctor(capsys, machine, locked_agentos, token="another-key", run="")
    assert (wrong.marks["Token"], wrong.marks["Test run"], wrong.exit_code) == ("✘", "✘", 1)
    assert "another-key" not in wrong.text


def test_doctor_finds_a_python_that_prints(
    capsys: pytest.CaptureFixture[str], machine: Machine, sample_agentos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (machine.root / "sitecustomize.py").write_text("print('Welcome to this Python!')")
    monkeypatch.setenv("PYTHONPATH", str(machine.root))
    output = run_doctor(capsys, machine, sample_agentos)
    assert output.marks["Server"] == "✘"
    assert "which is reserved for the protocol: 'Welcome to this Python!'" in output.text
    assert f"{sys.executable} -c pass" in output.text
    assert output.exit_code == 1


class TestDoctorCommand:
    """The command in a process and a home folder of its own."""

    @POSIX
    def test_doctor_command_checks_the_home_folder(self, tmp_path: Path, sample_agentos: str) -> None:
        ended = run("doctor", "--url", sample_agentos, "--run", "agent:echo", given=home_environment(tmp_path))
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "✔ Test run: agent echo answered" in ended.stdout
        assert "no MCP client was found here" in ended.stdout
        assert ended.stderr == ""

    @POSIX
    def test_doctor_command_prints_one_json_document(self, tmp_path: Path) -> None:
        ended = run("doctor", "--url", UNUSED_URL, "--json", given=home_environment(tmp_path))
        assert ended.returncode == 1
        assert json.loads(ended.stdout)["healthy"] is False

    @POSIX
    def test_doctor_command_prints_a_fix_that_works(self, tmp_path: Path, sample_agentos: str) -> None:
        path = tmp_path / ".cursor" / "mcp.json"
        path.parent.mkdir()
        arguments = ["serve", "--url", sample_agentos]
        entry = {"command": "/old/agentos-mcp", "args": arguments, "env": {"AGENTOS_TOKEN": "osk-secret"}}
        path.write_text(json.dumps({"mcpServers": {"agentos": entry}}))
        ended = run("doctor", "--url", sample_agentos, "--json", given=home_environment(tmp_path))
        assert ended.returncode == 1
        (broken,) = [finding for finding in json.loads(ended.stdout)["findings"] if finding["status"] == "bad"]
        assert broken["subject"] == "Cursor"
        (step,) = broken["fix"]
        assert shlex.split(step["text"]) == step["command"]
        assert step["command"][: len(MODULE)] == list(MODULE)
        fix = step["command"][len(MODULE) :]
        assert run(*fix, given=home_environment(tmp_path)).returncode == 0
        ended = run("doctor", "--url", sample_agentos, given=home_environment(tmp_path))
        assert ended.returncode == 0, ended.stdout
        assert f"✔ Cursor: 'agentos' for Sample (sample) at {sample_agentos} starts in" in ended.stdout
        assert "osk-secret" not in ended.stdout + ended.stderr

    @POSIX
    def test_doctor_command_prints_ascii_marks(self, tmp_path: Path, sample_agentos: str) -> None:
        ended = run(
            "doctor", "--url", sample_agentos, given={**home_environment(tmp_path), "PYTHONIOENCODING": "ascii"}
        )
        assert "+ URL: Sample (sample) answers at" in ended.stdout
        assert ended.returncode == 0

    @POSIX
    def test_doctor_command_prints_findings_as_they_come(self, tmp_path: Path, sample_agentos: str) -> None:
        with Process(
            "doctor", "--url", sample_agentos, "--run", "workflow:slow-steps", given=home_environment(tmp_path)
        ) as doctor:
            doctor.out.wait_for(lambda line: line.startswith("✔ URL: "), PATIENCE)
            assert not any("Test run" in line for line in doctor.out.said), "it is still going"
            doctor.out.wait_for(lambda line: line.startswith("✔ Test run: workflow slow-steps answered"), PATIENCE)
            assert any("! Clients: no MCP client was found here" in line for line in doctor.out.said)

    @POSIX
    def test_doctor_command_refuses_an_invalid_url(self, tmp_path: Path) -> None:
        ended = run("doctor", "--url", "localhost", given=home_environment(tmp_path))
        assert ended.returncode == 2
        assert "give a complete URL" in ended.stderr


def home_environment(home: Path) -> dict[str, str]:
    """Environment variables with this home folder and no other configuration."""
    return {"HOME": str(home), "XDG_CONFIG_HOME": "", "XDG_STATE_HOME": "", "CLAUDE_CONFIG_DIR": "", "CODEX_HOME": ""}
