"""Why a program that an entry starts does not answer: said at once, whatever the program is and does."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentos_mcp.doctor.startup_failures import describe_exit
from scripts.project import project
from tests._support.doctor_checks import UNUSED_URL, fix_text, run_client_checks
from tests._support.foreign_programs import executable, program
from tests._support.machines import Machine

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="scripts as POSIX has them"),
]

INSTALL = f"agentos-mcp install cursor --url {UNUSED_URL}"


async def check(machine: Machine, *command: str, seconds: float = 20.0) -> tuple[str, str, tuple[str, ...]]:
    """The message on Cursor's entry with this command, the fix, and the lines that are quoted."""
    machine.add_entry("cursor", [*command, "--url", UNUSED_URL])
    finding = (await run_client_checks(machine, seconds))["Cursor"]
    assert finding.level == "bad"
    return finding.message, fix_text(finding), finding.details


async def test_python_without_our_package_is_named(machine: Machine) -> None:
    python = executable(machine.root / "python3", "/bin/sh", f'exec "{sys.executable}" -I -S "$@"')
    message, fix, details = await check(machine, str(python), "-m", "agentos_mcp", "serve")
    assert f"(exit code 1): its Python ({python}) does not have agentos-mcp" in message
    assert (fix, details) == (INSTALL, ())


async def test_module_that_is_missing_is_named(machine: Machine) -> None:
    message, fix, details = await check(machine, *program("import yaml_of_old.reader"))
    assert "does not have the module yaml_of_old" in message
    assert fix == INSTALL
    assert details[0].startswith("Traceback")
    assert details[-1] == "ModuleNotFoundError: No module named 'yaml_of_old'"


async def test_python_that_is_too_old_is_named(machine: Machine) -> None:
    code = 'if [ "$1" = --version ]; then echo Python 3.8.10; exit; fi\necho "SyntaxError: invalid syntax" >&2; exit 1'
    python = executable(machine.root / "python3.8", "/bin/sh", code)
    message, fix, _ = await check(machine, str(python), "-m", "agentos_mcp", "serve")
    oldest = project().python.removeprefix(">=")
    assert message.endswith(f"it is started by Python 3.8.10 ({python}), and needs {oldest} or later")
    assert fix == INSTALL


async def test_python_that_never_says_its_version_is_not_waited_for(machine: Machine) -> None:
    code = 'if [ "$1" = --version ]; then exec sleep 60; fi\necho "out of luck" >&2; exit 4'
    python = executable(machine.root / "python3", "/bin/sh", code)
    began = time.monotonic()
    message, _, _ = await check(machine, str(python), "-m", "agentos_mcp", "serve")
    assert message.endswith("ends before it answers (exit code 4): out of luck")
    assert time.monotonic() - began < 20


async def test_script_that_is_missing_is_named(machine: Machine) -> None:
    script = machine.root / "gone" / "agentos-mcp"
    message, fix, _ = await check(machine, sys.executable, str(script), "serve")
    assert message.endswith(f"the file that it is to run, {script}, does not exist")
    assert fix == INSTALL


async def test_interpreter_that_is_missing_is_named(machine: Machine) -> None:
    interpreter = machine.root / "old" / "python"
    script = executable(machine.root / "agentos-mcp", interpreter=str(interpreter))
    message, fix, _ = await check(machine, str(script), "serve")
    assert f"starts {script}, whose interpreter does not exist ({interpreter}: no such file" in message
    assert fix == INSTALL


async def test_program_that_ends_without_a_word_is_installed_again(machine: Machine) -> None:
    message, fix, _ = await check(machine, *program("os._exit(7)"))
    assert message.endswith("ends before it answers (exit code 7), without a message")
    assert fix == INSTALL


async def test_setting_that_cannot_be_used_is_left_to_the_person(machine: Machine) -> None:
    command = [sys.executable, "-m", "agentos_mcp", "serve", "--toolsets", "everything"]
    machine.add_entry("cursor", [*command, "--url", UNUSED_URL])
    finding = (await run_client_checks(machine))["Cursor"]
    assert "(exit code 2): --toolsets='everything' cannot be used" in finding.message
    assert finding.automatic is None


@pytest.mark.parametrize(
    ("exit_code", "text"),
    [
        (None, ""),
        (0, " (exit code 0)"),
        (3, " (exit code 3)"),
        (-9, " (ended by SIGKILL)"),
        (-99, " (ended by signal 99)"),
    ],
)
def test_exit_codes_are_described(exit_code: int | None, text: str) -> None:
    assert describe_exit(exit_code) == text


class TestHostilePrograms:
    async def test_endless_error_output_is_bounded(self, machine: Machine) -> None:
        code = "line = b'no end ' * 9000 + b'\\n'\nwhile True: os.write(2, line)"
        message, _, details = await check(machine, *program(code), seconds=2.0)
        assert "starts, but does not answer within 2 s" in message
        assert 0 < sum(map(len, details)) < 5000

    async def test_endless_output_is_bounded(self, machine: Machine) -> None:
        message, _, _ = await check(machine, *program("while True: os.write(1, b'y\\n' * 9000)"), seconds=2.0)
        assert "prints to its standard output what is not MCP: 'y'" in message
        assert len(message) < 500

    async def test_deeply_nested_answer_is_no_message(self, machine: Machine) -> None:
        code = "print('[' * 200_000, flush=True); sys.stdin.read()"
        message, _, _ = await check(machine, *program(code), seconds=2.0)
        assert "what is not MCP: '[[[[" in message
        assert len(message) < 500

    async def test_program_that_hangs_is_ended_with_its_children(self, machine: Machine, tmp_path: Path) -> None:
        pid_file = tmp_path / "pid"
        code = (
            "import signal, subprocess; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            f"child = subprocess.Popen(['sleep', '600']); open({str(pid_file)!r}, 'w').write(str(child.pid))\n"
            "while True: time.sleep(1)"
        )
        await check(machine, *program(code), seconds=3.0)
        assert not _is_running(int(pid_file.read_text()))

    async def test_escape_sequences_are_not_printed(self, machine: Machine) -> None:
        code = "sys.exit('\\x1b]0;owned\\x07\\x1b[2Jgone\\n\\u202eevil')"
        message, _, details = await check(machine, *program(code))
        assert not any(character in message + "".join(details) for character in "\x1b\x07\u202e")

    async def test_command_with_a_null_byte_is_reported(self, machine: Machine) -> None:
        message, _, _ = await check(machine, sys.executable, "-m", "agentos_mcp", "a\0b")
        assert "its command line is invalid" in message


def _is_running(pid: int) -> bool:
    """Whether a process does anything; one that ended and was not waited for does not."""
    states = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.split()
    return bool(states) and not states[0].startswith("Z")
