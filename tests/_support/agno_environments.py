"""Python environments with other versions of agno, one folder each in `.agno/`, made when first asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".agno"
PORT_VARIABLE = "CONTRACT_PORT"
"""Tells the AgentOS in such an environment its own port, which its scheduler calls."""
INSTALL_LIMIT = 240.0
"""Seconds an installation may take."""


class EnvironmentMissing(RuntimeError):
    """An environment cannot be made; the message says why."""


def python_with(version: str) -> Path:
    """The Python of an environment that holds what `agno-VERSION.txt` names.

    Several processes may ask at once: each installs into a folder of its own, and the first to
    finish has its folder renamed to the one that all use. A change of the file makes a new one.
    """
    wanted = Path(__file__).parent / f"agno-{version}.txt"
    home = CACHE / f"{version}-py{sys.version_info[0]}.{sys.version_info[1]}"
    if _holds(home, wanted):
        return _python(home)
    CACHE.mkdir(exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="installing-", dir=CACHE))
    try:
        _install(wanted, fresh)
        shutil.copy(wanted, fresh)
        try:
            if home.exists():
                shutil.rmtree(home)
            fresh.rename(home)
        except OSError:
            if not _holds(home, wanted):
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return _python(home)


def _holds(home: Path, wanted: Path) -> bool:
    held = home / wanted.name
    return held.is_file() and held.read_bytes() == wanted.read_bytes()


def _python(home: Path) -> Path:
    return home / "Scripts" / "python.exe" if os.name == "nt" else home / "bin" / "python"


def _install(wanted: Path, folder: Path) -> None:
    if uv := shutil.which("uv"):
        _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
        _run(uv, "pip", "install", "--quiet", "--python", str(_python(folder)), "--no-deps", "-r", str(wanted))
    else:
        _run(sys.executable, "-m", "venv", str(folder))
        pip = (str(_python(folder)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        _run(*pip, "--no-deps", "-r", str(wanted))


def _run(*command: str) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=INSTALL_LIMIT,
        )
    except subprocess.TimeoutExpired:
        raise EnvironmentMissing(f"{' '.join(command)} took over {INSTALL_LIMIT:.0f} s.") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise EnvironmentMissing(f"{' '.join(command)} ended with code {done.returncode}:\n{said}")
