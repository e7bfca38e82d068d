"""The whole examination: everything well, everything wrong, as JSON, by its exit code, and fast."""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path

import pytest

from agentos_mcp import __version__
from tests._support.doctor_checks import DOWN, diagnosed
from tests._support.foreign_servers import free_port, hung_port, port_of, web_server
from tests._support.machines import Machine
from tests._support.processes import PATIENCE, Process, run
from tests.conftest import KEY

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="a home is another variable there")


def test_everything_well(capsys: pytest.CaptureFixture[str], machine: Machine, sample_agentos: str) -> None:
    machine.install("cursor", "goose", url=sample_agentos)
    seen = diagnosed(capsys, machine, sample_agentos, run="agent:echo")
    assert seen.marks == dict.fromkeys(
        ["Program", "URL", "Version", "Token", "Components", "Database", "Server", "Cursor", "Goose", "Test run"], "✔"
    )
    assert seen.printed.splitlines()[-1] == "All is well."
    assert f"(agentos-mcp {__version__}, Python " in seen.printed
    assert "its standard output holds nothing but the protocol" in seen.printed
    assert seen.code == 0


def test_what_is_worth_a_look_is_no_failure(
    capsys: pytest.CaptureFixture[str], machine: Machine, bare_agentos: str
) -> None:
    seen = diagnosed(capsys, machine, bare_agentos)
    assert (seen.marks["Database"], seen.marks["Clients"]) == ("!", "!")
    assert seen.printed.splitlines()[-1] == "2 to look at."
    assert seen.code == 0


def test_everything_wrong(capsys: pytest.CaptureFixture[str], machine: Machine) -> None:
    machine.install("cursor", url=DOWN)
    machine.has("zed", "{")
    seen = diagnosed(capsys, machine, DOWN, ports=[free_port()], run="")
    assert seen.marks == {"Program": "✔", "URL": "✘", "Server": "✔", "Cursor": "✘", "Zed": "✘", "Test run": "✘"}
    assert seen.printed.splitlines()[-1] == "4 broken."
    assert seen.code == 1


def test_every_trouble_has_its_mending_move(
    capsys: pytest.CaptureFixture[str], machine: Machine, two_databases: str
) -> None:
    machine.install("cursor", url=DOWN)
    machine.has("zed", "{")
    machine.has("goose", "")
    seen = diagnosed(capsys, machine, two_databases, json=True)
    assert [finding["what"] for finding in seen.document["findings"] if finding["level"] != "good"]
    assert all(finding["mend"] for finding in seen.document["findings"] if finding["level"] != "good")


def test_json_has_the_same_findings(capsys: pytest.CaptureFixture[str], machine: Machine, sample_agentos: str) -> None:
    machine.has("cursor", "{")
    as_text = diagnosed(capsys, machine, sample_agentos)
    as_json = diagnosed(capsys, machine, sample_agentos, json=True)
    document = as_json.document
    assert document["healthy"] is False
    assert [finding["what"] for finding in document["findings"]] == list(as_text.marks)
    assert {finding["level"] for finding in document["findings"]} == {"good", "bad"}
    assert (as_text.code, as_json.code) == (1, 1)


def test_a_usual_port_is_found_where_no_url_is_given(
    capsys: pytest.CaptureFixture[str], machine: Machine, sample_agentos: str
) -> None:
    with web_server() as other:
        seen = diagnosed(
            capsys, machine, ports=[free_port(), port_of(other), port_of(sample_agentos)], run="agent:echo"
        )
    url = f"http://localhost:{port_of(sample_agentos)}"
    assert f"✔ URL: an AgentOS answers at {url}" in seen.printed
    assert f"    Set it: export AGENTOS_URL={url}" in seen.printed
    assert (seen.marks["Components"], seen.marks["Test run"]) == ("✔", "✔")
    assert seen.code == 0


def test_an_entry_for_the_wrong_port_is_told_the_right_one(
    capsys: pytest.CaptureFixture[str], machine: Machine, sample_agentos: str
) -> None:
    machine.install("cursor", url=DOWN)
    seen = diagnosed(capsys, machine, ports=[port_of(sample_agentos)])
    url = f"http://localhost:{port_of(sample_agentos)}"
    assert f"    An AgentOS answers at {url}. For that one: agentos-mcp install cursor --url {url}" in seen.printed


def test_hung_ports_do_not_hang_it(capsys: pytest.CaptureFixture[str], machine: Machine) -> None:
    with hung_port() as first, hung_port() as second:
        machine.install("cursor", url=f"http://127.0.0.1:{first}")
        began = time.monotonic()
        seen = diagnosed(capsys, machine, f"http://127.0.0.1:{first}", ports=[second, free_port()], run="")
        took = time.monotonic() - began
    assert (seen.marks["URL"], seen.marks["Cursor"], seen.marks["Server"]) == ("✘", "!", "✔")
    assert took < 25  # about 7 s on a machine with nothing else to do


def test_no_token_is_ever_shown(capsys: pytest.CaptureFixture[str], machine: Machine, locked_agentos: str) -> None:
    file = machine.root / "key"
    file.write_text(KEY)
    machine.install("cursor", url=locked_agentos, token_file=str(file))
    seen = diagnosed(capsys, machine, locked_agentos, token=KEY, run="agent:echo")
    assert (seen.marks["Token"], seen.marks["Cursor"], seen.marks["Test run"]) == ("✔", "✔", "✔")
    assert KEY not in seen.printed
    wrong = diagnosed(capsys, machine, locked_agentos, token="another-key", run="")
    assert (wrong.marks["Token"], wrong.marks["Test run"], wrong.code) == ("✘", "✘", 1)
    assert "another-key" not in wrong.printed


def test_a_python_that_prints_is_found(
    capsys: pytest.CaptureFixture[str], machine: Machine, sample_agentos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (machine.root / "sitecustomize.py").write_text("print('Welcome to this Python!')")
    monkeypatch.setenv("PYTHONPATH", str(machine.root))
    seen = diagnosed(capsys, machine, sample_agentos)
    assert seen.marks["Server"] == "✘"
    assert "which belongs to the protocol: 'Welcome to this Python!'" in seen.printed
    assert f"{sys.executable} -c pass" in seen.printed
    assert seen.code == 1


class TestTheCommand:
    """As people start it: a process of its own, in a home of its own."""

    @POSIX
    def test_it_looks_around_in_its_home(self, tmp_path: Path, sample_agentos: str) -> None:
        ended = run("doctor", "--url", sample_agentos, "--run", "agent:echo", given=at_home(tmp_path))
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "✔ Test run: agent echo answered" in ended.stdout
        assert "no MCP client was found here" in ended.stdout
        assert ended.stderr == ""

    @POSIX
    def test_json_is_one_document(self, tmp_path: Path) -> None:
        ended = run("doctor", "--url", DOWN, "--json", given=at_home(tmp_path))
        assert ended.returncode == 1
        assert json.loads(ended.stdout)["healthy"] is False

    @POSIX
    def test_what_it_tells_to_do_mends_it(self, tmp_path: Path, sample_agentos: str) -> None:
        place = tmp_path / ".cursor" / "mcp.json"
        place.parent.mkdir()
        arguments = ["serve", "--url", sample_agentos]
        entry = {"command": "/old/agentos-mcp", "args": arguments, "env": {"AGENTOS_TOKEN": "osk-secret"}}
        place.write_text(json.dumps({"mcpServers": {"agentos": entry}}))
        ended = run("doctor", "--url", sample_agentos, "--json", given=at_home(tmp_path))
        assert ended.returncode == 1
        (broken,) = [one for one in json.loads(ended.stdout)["findings"] if one["level"] == "bad"]
        assert broken["what"] == "Cursor"
        _, *fix = shlex.split(broken["mend"])
        assert run(*fix, given=at_home(tmp_path)).returncode == 0
        ended = run("doctor", "--url", sample_agentos, given=at_home(tmp_path))
        assert ended.returncode == 0, ended.stdout
        assert "✔ Cursor: 'agentos' starts in" in ended.stdout
        assert "osk-secret" not in ended.stdout + ended.stderr

    @POSIX
    def test_it_prints_where_the_encoding_has_no_marks(self, tmp_path: Path, sample_agentos: str) -> None:
        ended = run("doctor", "--url", sample_agentos, given={**at_home(tmp_path), "PYTHONIOENCODING": "ascii"})
        assert "+ URL: an AgentOS answers at" in ended.stdout
        assert ended.returncode == 0

    @POSIX
    def test_findings_are_printed_as_they_come(self, tmp_path: Path, sample_agentos: str) -> None:
        with Process(
            "doctor", "--url", sample_agentos, "--run", "workflow:slow-steps", given=at_home(tmp_path)
        ) as doctor:
            line = doctor.out.wait_for(lambda line: "Clients: " in line, PATIENCE)
            assert line.startswith("! Clients: no MCP client was found here")
            assert not any("Test run" in line for line in doctor.out.said), "it is still going"
            doctor.out.wait_for(lambda line: line.startswith("✔ Test run: workflow slow-steps answered"), PATIENCE)

    @POSIX
    def test_an_address_that_is_none_is_refused(self, tmp_path: Path) -> None:
        ended = run("doctor", "--url", "localhost", given=at_home(tmp_path))
        assert ended.returncode == 2
        assert "give a whole URL" in ended.stderr


def at_home(home: Path) -> dict[str, str]:
    """An environment in which only this home is a person's."""
    return {"HOME": str(home), "XDG_CONFIG_HOME": "", "XDG_STATE_HOME": "", "CLAUDE_CONFIG_DIR": "", "CODEX_HOME": ""}
