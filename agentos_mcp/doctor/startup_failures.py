"""Why a program that a client starts ended before it answered: a missing module, a wrong Python, or what it says."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import anyio

from agentos_mcp.install.client_entry import ResolvedCommand
from agentos_mcp.install.server_probe import ProbeResult

OLDEST_PYTHON = (3, 11)
_VERSION_SECONDS = 3.0
_MAX_FIRST_LINE = 512
_MISSING_MODULE = re.compile(r"No module named '?([\w.]{1,200})'?")
_MISSING_FILE = re.compile(r"can't open file '([^']{1,1000})': \[Errno 2\]")
_PYTHON_NAME = re.compile(r"pythonw?[\d.]*(?:\.exe)?", re.IGNORECASE)
_PYTHON_VERSION = re.compile(r"Python (\d+)\.(\d+)[\w.+]*")


@dataclass(frozen=True)
class StartupFailure:
    reason: str
    """A clause; empty where the program said nothing."""
    needs_installation: bool
    """Whether to install the entry again gets rid of it."""


async def explain_failure(command: ResolvedCommand, probe: ProbeResult, path: str) -> StartupFailure:
    """Why a server that was started with this PATH named no tools."""
    output = "\n".join(probe.error_lines)
    python = python_of(command.program, path)
    if python and (version := await _python_version(python)) and version.number < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        return StartupFailure(f"it is started by {version.text} ({python}), and needs {oldest} or later", True)
    if missing := _MISSING_MODULE.search(output):
        module = missing[1]
        name = "agentos-mcp" if module.partition(".")[0] == "agentos_mcp" else f"the module {module}"
        return StartupFailure(f"its Python ({python or command.program}) does not have {name}", True)
    if missing := _MISSING_FILE.search(output):
        return StartupFailure(f"the file that it is to run, {missing[1]}, does not exist", True)
    return StartupFailure(probe.last_error_line, not probe.last_error_line)


def describe_exit(exit_code: int | None) -> str:
    """` (exit code 1)`, ` (ended by SIGKILL)`; '' where it is not known."""
    if exit_code is None:
        return ""
    if exit_code >= 0:
        return f" (exit code {exit_code})"
    try:
        return f" (ended by {signal.Signals(-exit_code).name})"
    except ValueError:
        return f" (ended by signal {-exit_code})"


def python_of(program: str, path: str) -> str:
    """The Python that runs a program: itself, or the one in its first line; '' for other programs."""
    if _PYTHON_NAME.fullmatch(PurePath(program.replace("\\", "/")).name):
        return shutil.which(program, path=path) or ""
    interpreter = interpreter_of(program, path)
    if interpreter and PurePath(interpreter[0]).name == "env" and len(interpreter) > 1:
        return (shutil.which(interpreter[1], path=path) or "") if _PYTHON_NAME.fullmatch(interpreter[1]) else ""
    return interpreter[0] if interpreter and _PYTHON_NAME.fullmatch(PurePath(interpreter[0]).name) else ""


def interpreter_of(program: str, path: str) -> Sequence[str]:
    """The words of a script's first line, `#!` left out; empty for other programs."""
    found = shutil.which(program, path=path)
    if not found:
        return ()
    try:
        with Path(found).open("rb") as script:
            line = script.readline(_MAX_FIRST_LINE)
    except OSError:
        return ()
    return line[2:].decode("utf-8", "replace").split() if line.startswith(b"#!") else ()


@dataclass(frozen=True)
class _PythonVersion:
    text: str
    number: tuple[int, int]


async def _python_version(python: str) -> _PythonVersion | None:
    """None where it does not say its version soon."""
    try:
        process = await anyio.open_process([python, "--version"], stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    except OSError:
        return None
    output = b""
    try:
        assert process.stdout is not None  # noqa: S101 - it is a pipe; mypy can't know
        with anyio.move_on_after(_VERSION_SECONDS):
            output = await process.stdout.receive(1024)
    except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        return None
    finally:
        with anyio.CancelScope(shield=True):
            if process.returncode is None:
                with anyio.move_on_after(0.5):
                    await process.wait()
            if process.returncode is None:
                process.kill()
            await process.aclose()
    match = _PYTHON_VERSION.match(output.decode("utf-8", "replace"))
    return _PythonVersion(match[0], (int(match[1]), int(match[2]))) if match else None
